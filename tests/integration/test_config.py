"""The configuration: errors are reported with file, line, section and key, and secrets are never
shown."""

import pathlib
import re

import pytest

import harness
from harness import ACCOUNT, SAMPLE_TARGET, SLOW, TOKEN, dlrd, new_sid, status_params

ACCOUNT_ONLY = f"[account {ACCOUNT}]\nauth_token = {TOKEN}\n"

GOOD = f"""[server]
public_url = https://callbacks.example.com

[account {ACCOUNT}]
auth_token = {TOKEN}
"""


@pytest.fixture
def check(tmp_path):
    """Runs check-config on a text; gives the result and the file's path."""
    path = tmp_path / "dlrd.ini"

    def run(text, *words):
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o600)
        result = dlrd("check-config", "-c", path, *words)
        # Other programs of this machine may have the default ports.
        result.stderr = "".join(line for line in result.stderr.splitlines(keepends=True)
                                if "warning: cannot listen on 127.0.0.1:808" not in line)
        return result
    run.path = path
    return run


SECTION_KEYS = ("key", "auth_token", "kind")


def test_a_good_configuration_is_0_and_ok(check):
    result = check(GOOD)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "OK: 1 account, 3 routes, https://callbacks.example.com\n"


def test_only_the_token_has_no_default(check):
    assert check(ACCOUNT_ONLY).returncode == 0
    result = check("")
    assert result.returncode == 1
    assert result.stderr.startswith(f"{check.path}:") and "auth_token" in result.stderr


@pytest.mark.parametrize("line,section,key,words", [
    ("[store]\ndirectory =;/var/lib/dlrd", "store", "directory", ["comment"]),
    ("[server]\nlisten_on = 1", "server", "listen_on", ["unknown key", "listen"]),
    ("[server]\nlisten = nowhere", "server", "listen", ["nowhere", "127.0.0.1:8080"]),
    ("[server]\nlisten = 127.0.0.1", "server", "listen", ["127.0.0.1"]),
    ("[server]\nlisten = 127.0.0.1:99999", "server", "listen", ["99999"]),
    ("[server]\nlisten = example.com:80", "server", "listen", ["example.com"]),
    ("[server]\nlisten = unix:relative", "server", "listen", ["relative"]),
    ("[server]\nlisten =", "server", "listen", ["127.0.0.1:8080"]),
    ("[server]\npublic_url = callbacks.example.com", "server", "public_url", ["https://"]),
    ("[server]\npublic_url = ftp://a", "server", "public_url", ["https://"]),
    ("[server]\npublic_url = https://a?b=c", "server", "public_url", ["query"]),
    ("[server]\npublic_url = https://a:0", "server", "public_url", ["https://a:0"]),
    ("[server]\ntrusted_proxies = localhost", "server", "trusted_proxies", ["localhost"]),
    ("[server]\nbody_limit = 1T", "server", "body_limit", ["1T"]),
    ("[server]\nbody_limit = 1", "server", "body_limit", ["4k", "16M"]),
    ("[server]\nbody_limit = -1", "server", "body_limit", ["-1"]),
    ("[server]\nbody_limit = 99999999999999999999", "server", "body_limit", ["9999"]),
    ("[server]\nrequest_timeout = 10", "server", "request_timeout", ["10", "10s"]),
    ("[server]\nrequest_timeout = 1ms", "server", "request_timeout", ["100ms", "1h"]),
    ("[server]\nconnection_limit = 1k", "server", "connection_limit", ["1k", "whole number"]),
    ("[api]\nthreads = 0", "api", "threads", ["1 to 16"]),
    ("[store]\ndirectory = var/lib", "store", "directory", ["absolute"]),
    ("[store]\nconflicts = delivered", "store", "conflicts", ["delivered-wins", "first-final"]),
    ("[log]\nlevel = loud", "log", "level", ["error, warning, info or debug"]),
    ("[nonsense]\nkey = 1", "nonsense", "key", ["unknown section", "[server]"]),
    ("[account AC1]\nauth_token = x", "account AC1", "auth_token", ["32 hexadecimal"]),
    (f"[account {ACCOUNT[:-1]}g]\nauth_token = x", f"account {ACCOUNT[:-1]}g", "auth_token",
     ["32 hexadecimal"]),
    (f"[account {ACCOUNT}]\ntoken = x", f"account {ACCOUNT}", "token", ["auth_token"]),
    (f"[account {ACCOUNT}]\nauth_token =", f"account {ACCOUNT}", "auth_token", ["empty"]),
    (f"[account {ACCOUNT}]\nauth_token_file = /nonexistent", f"account {ACCOUNT}",
     "auth_token_file", ["/nonexistent"]),
    ("[callback sms]\nkind = auto", "callback sms", "kind", ["/sms/twilio"]),
    ("[callback /a?b]\nkind = auto", "callback /a?b", "kind", ["query"]),
    ("[callback /a]\nkind = sms", "callback /a", "kind", ["auto, status, inbound"]),
    ("[callback /a]\nurl = x", "callback /a", "url", ["unknown key", "campaign"]),
    ("[callback /a]\ncampaign = {meta", "callback /a", "campaign", ["}"]),
    ("[callback /a]\ncampaign = meta}", "callback /a", "campaign", ["{"]),
    ("[callback /a]\ncampaign = {meta.0}", "callback /a", "campaign", ["1"]),
    ("[callback /a]\ncampaign = {meta.x}", "callback /a", "campaign", ["number"]),
    ("[callback /a]\ncampaign = {}", "callback /a", "campaign", ["{name}"]),
    ("[callback /a]\naccount = AC1", "callback /a", "account", ["32 hexadecimal"]),
    ("[server]\nbody_limit = 64k\nbody_limit = 128k", "server", "body_limit", ["duplicate"]),
], ids=range(41))
def test_each_mistake_is_reported_with_file_line_section_and_key(check, line, section, key, words):
    text = "" if section == f"account {ACCOUNT}" else ACCOUNT_ONLY
    whole = f"{text}\n{line}\n"
    number = len(whole.splitlines())
    result = check(whole)
    assert result.returncode == 1 and result.stdout == ""
    starts = [f"{check.path}:{number}: [{section}] {key}: "]
    if section.split()[0] not in ("server", "api", "store", "log") and key in SECTION_KEYS:
        # The section's own name is wrong: its line may be named, for all of its keys.
        starts.append(f"{check.path}:{number - 1}: [{section}] ")
    first = [shown for shown in result.stderr.splitlines()
             if shown.startswith(tuple(starts))]
    assert len(first) == 1, result.stderr
    for word in words:
        assert word in first[0], result.stderr


def test_all_mistakes_are_reported_together(check):
    result = check("[server]\nbody_limit = x\nnonsense = 1\n[log]\nlevel = y\n")
    lines = [int(line[len(str(check.path)) + 1:].split(":")[0])
             for line in result.stderr.splitlines() if re.match(r"\d", line[len(str(check.path)) + 1:])]
    assert result.returncode == 1 and {2, 3, 5} <= set(lines)


def test_a_key_before_any_section_is_a_mistake(check):
    result = check("body_limit = 64k\n" + GOOD)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{check.path}:1: "), result.stderr


def test_a_repeated_key_is_a_mistake_also_where_its_section_stands_twice(check):
    text = GOOD + "[log]\nlevel = info\n[server]\npublic_url = https://other.example\n"
    result = check(text)
    assert result.returncode == 1
    assert f"{check.path}:{len(text.splitlines())}: [server] public_url:" in result.stderr


@pytest.mark.parametrize("text", ["[server", "nonsense", "=", "[server]\nkey", b"\xff\xfe[\x00",
                                  b"[server]\nlisten = \x00", "[server]\nlisten = " + "x" * 4000],
                         ids=range(7))
def test_a_line_that_cannot_be_read_is_reported_with_its_number(check, text):
    result = check(text)
    assert result.returncode == 1
    assert re.match(re.escape(str(check.path)) + r":\d+:", result.stderr), result.stderr


def test_a_file_that_is_not_there_is_named():
    result = dlrd("check-config", "-c", "/nonexistent/dlrd.ini")
    assert result.returncode == 1 and "/nonexistent/dlrd.ini" in result.stderr
    result = dlrd("serve", "-c", "/nonexistent/dlrd.ini")
    assert result.returncode == 1 and "/nonexistent/dlrd.ini" in result.stderr


def test_serve_refuses_what_check_config_refuses(check):
    check("[server]\nlisten_on = 1\n")
    result = dlrd("serve", "-c", check.path)
    assert result.returncode == 1
    assert f"{check.path}:2: [server] listen_on:" in result.stderr


def test_an_account_needs_its_current_token(check):
    result = check(f"[account {ACCOUNT}]\nnext_auth_token = {TOKEN}\n")
    assert result.returncode == 1 and ACCOUNT in result.stderr and "auth_token" in result.stderr


def test_a_token_file_of_the_api_must_be_there(check):
    result = check(GOOD + "[api]\ntoken_file = /nonexistent\n")
    assert result.returncode == 1
    assert "[api] token_file:" in result.stderr and "/nonexistent" in result.stderr


@pytest.mark.parametrize("content", ["", "\n", "x" * 5000], ids=["empty", "blank", "huge"])
def test_a_token_file_without_a_token_is_refused(check, tmp_path, content):
    (tmp_path / "token").write_text(content)
    result = check(f"[account {ACCOUNT}]\nauth_token_file = {tmp_path}/token\n")
    assert result.returncode == 1 and f"{tmp_path}/token" in result.stderr


def test_comments_blanks_and_a_byte_order_mark_are_read_over(check):
    text = "\ufeff; a comment\n\n  [server]  \n\tbody_limit=64k   ; the rest\n# another\n"
    found = read_ini(check(text + ACCOUNT_ONLY, "--print").stdout)
    assert found["server", "body_limit"] == "64k"


# --- print ---


def read_ini(text):
    found, section = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line:
            key, _, value = line.partition(" =")
            found[section, key] = value.strip()
    return found


def test_print_shows_every_setting_in_force(check):
    found = read_ini(check(GOOD + "[log]\nlevel = debug\n", "--print").stdout)
    assert found["log", "level"] == "debug"
    assert found["server", "public_url"] == "https://callbacks.example.com"
    assert found["server", "listen"] == "127.0.0.1:8080"
    assert found["api", "listen"] == "127.0.0.1:8081"
    assert found["store", "directory"] == "/var/lib/dlrd"
    assert found["store", "conflicts"] == "delivered-wins"
    assert found["callback /sms/twilio", "kind"] == "auto"
    assert found["callback /sms/twilio", "campaign"] == "{campaign} | {meta.3}_{meta.4}"
    assert found["callback /sms/dlr/twilio", "kind"] == "status"
    assert found["callback /v1/campaigns/outbound/sms/callbacks/mo/twilio", "kind"] == "inbound"


def test_what_print_shows_may_be_read_again_and_means_the_same(check):
    text = GOOD + ("[callback /x]\nkind = status\nworkspace = {w}\n[log]\nlevel = error\n"
                   "[store]\nconflicts = first-final\n")
    first = check(text, "--print").stdout
    again = first.replace("(set, not shown)", TOKEN)
    second = check(again, "--print")
    assert second.returncode == 0, second.stderr
    assert second.stdout == first


def test_a_route_of_ones_own_takes_the_place_of_the_three(check):
    found = read_ini(check(GOOD + "[callback /x]\nkind = status\n", "--print").stdout)
    assert [section for section, key in found if key == "kind"] == ["callback /x"]
    assert found["callback /x", "campaign"] == "{campaign} | {meta.3}_{meta.4}"


def test_the_shipped_configuration_is_right_once_it_has_an_account(check):
    shipped = harness.ROOT / "conf" / "dlrd.ini"
    if not shipped.exists():
        pytest.skip("there is no conf/dlrd.ini")
    text = shipped.read_text()
    own = f"\n[account {ACCOUNT}]\nauth_token = {TOKEN}\n"
    text = text.replace(";public_url =", "public_url = https://callbacks.example.com")
    assert check(text + own).returncode == 0
    with_defaults = check(text + own, "--print").stdout
    assert with_defaults == check(GOOD, "--print").stdout
    # Its commented defaults are the defaults.
    assert text.count(";") > 10
    spelled = re.sub(r"^;(listen|body_limit|request_timeout|keepalive_timeout|threads|conflicts|"
                     r"journal_keep|level) =", r"\1 =", text, flags=re.M)
    assert check(spelled + own, "--print").stdout == with_defaults


# --- secrets ---

SECRETS = {"auth_token": "current-secret-" + "c" * 17, "next_auth_token": "next-secret-" + "n" * 20,
           "previous_auth_token": "previous-secret-" + "p" * 16}


def test_print_and_messages_hold_no_secret(check, tmp_path):
    token_file = tmp_path / "file"
    token_file.write_text("file-secret" + "f" * 21)
    text = (f"[account {ACCOUNT}]\n" + "".join(f"{k} = {v}\n" for k, v in SECRETS.items())
            + f"[account AC{'1' * 32}]\nauth_token_file = {token_file}\n"
            + f"[api]\ntoken_file = {token_file}\n")
    for broken in ("", "[server]\nlisten = x\n", f"[account {ACCOUNT}]\nauth_token = "
                   f"{SECRETS['auth_token']}\n"):
        result = check(text + broken, "--print")
        assert result.returncode == (1 if broken else 0)
        for secret in [*SECRETS.values(), "file-secret"]:
            assert secret not in result.stdout + result.stderr


def test_no_password_of_a_public_url_is_printed_or_logged(make_daemon):
    daemon = make_daemon({"server": {"public_url": "https://user:url-password@h.example"}},
                         tokens=(TOKEN, "url-password"))
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), public_url="https://h.example")
    assert "url-password" not in daemon.api("/metrics").body.decode()


def test_a_running_daemon_shows_no_secret_in_proc_or_log(make_daemon, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text("secret-of-the-api")
    daemon = make_daemon({f"account {ACCOUNT}": dict(SECRETS), "log": {"level": "debug"},
                          "api": {"token_file": str(token_file)}},
                         tokens=[*SECRETS.values(), "secret-of-the-api"])
    for token in SECRETS.values():
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), token=token)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), 403, token="x" * 32)
    process = pathlib.Path(f"/proc/{daemon.pid}")
    for name in ("cmdline", "environ", "comm", "status"):
        content = (process / name).read_bytes()
        for secret in daemon.secrets:
            assert secret.encode() not in content, name
    for path in ("/metrics", "/v1/events"):
        answer = daemon.api(path, [("Authorization", "Bearer secret-of-the-api")])
        assert answer.status == 200
        for secret in daemon.secrets:
            assert secret.encode() not in answer.body
    for file in daemon.store.iterdir():
        content = file.read_bytes()
        for secret in daemon.secrets:
            assert secret.encode() not in content, file.name


def test_files_of_the_store_are_not_for_everybody(make_daemon):
    daemon = make_daemon()
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.settle()
    for file in daemon.store.iterdir():
        assert file.stat().st_mode & 0o007 == 0, file.name


def test_a_configuration_that_everybody_may_read_is_warned_of(check):
    check(GOOD)
    check.path.chmod(0o644)
    result = dlrd("check-config", "-c", check.path)
    assert result.returncode == 0
    assert "warning" in result.stderr and TOKEN not in result.stderr


def test_each_log_line_is_one_line_with_a_time_and_a_level(make_daemon):
    daemon = make_daemon({"log": {"level": "debug"}})
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), 403, token="x" * 32)
    assert daemon.terminate() == 0
    lines = daemon.log().splitlines()
    assert lines
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (error|warning|info|debug): \S", line)


def test_under_systemd_a_log_line_has_its_priority(make_daemon):
    daemon = make_daemon(env={"JOURNAL_STREAM": "1:2"})
    assert daemon.terminate() == 0
    assert all(re.match(r"<[0-7]>\S", line) for line in daemon.log().splitlines())


def test_systemd_is_notified_when_it_is_ready_and_when_it_stops(make_daemon, tmp_path):
    import socket
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(20 * SLOW)
        daemon = make_daemon(env={"NOTIFY_SOCKET": str(path)})
        assert b"READY=1" in listener.recv(4096)
        assert daemon.terminate() == 0
        assert b"STOPPING=1" in listener.recv(4096)
