"""SIGHUP and dlrd reload: all of the configuration but listeners and the store's directory takes effect or,
if anything in it is wrong, nothing; no request fails meanwhile."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

import harness
from harness import (ACCOUNT, CAMPAIGN, SAMPLE_TARGET, Load, check_ledger, new_sid, phone,
                     reply_params, scaled, signed_post, status_params, target_for, until)

NEW_TOKEN = "fedcba98765432100123456789abcdef"
OTHER = "ACfedcba9876543210fedcba9876543210"


def write(daemon, changes):
    """Writes the configuration with the changes, as settings of harness.Daemon, without a reload."""
    sections = {name: dict(keys) for name, keys in daemon.sections.items()}
    for name, keys in changes.items():
        if keys is None:
            sections.pop(name, None)
        else:
            sections.setdefault(name, {}).update(keys)
    harness.write_config([(name, {key: value for key, value in keys.items() if value is not None})
                          for name, keys in sections.items()], daemon.config)


def hang_up(daemon, said="reload: configuration "):
    """SIGHUP; returns the log lines about it."""
    before = len(daemon.log())
    os.kill(daemon.pid, signal.SIGHUP)
    until(lambda: said in daemon.log()[before:] and daemon.log().endswith("\n"), what=said)
    return daemon.log()[before:]


def reload(daemon, changes):
    write(daemon, changes)
    said = hang_up(daemon)
    assert "configuration re-read" in said, said
    return said


def post(daemon, token=harness.TOKEN, account=ACCOUNT, target=SAMPLE_TARGET):
    params = status_params(new_sid(), "sent", AccountSid=account)
    return daemon.ask(signed_post(target, params, token=token)).status


def posts(daemon, wanted, **more):
    """Until the intake has taken the change, which it does between two requests."""
    until(lambda: post(daemon, **more) == wanted, what=f"{wanted} for {more}")


def test_a_token_is_added_and_the_old_one_taken_away(make_daemon):
    daemon = make_daemon(tokens=(harness.TOKEN, NEW_TOKEN))
    assert post(daemon) == 204 and post(daemon, token=NEW_TOKEN) == 403
    reload(daemon, {f"account {ACCOUNT}": {"next_auth_token": NEW_TOKEN}})
    posts(daemon, 204, token=NEW_TOKEN)
    assert post(daemon) == 204
    reload(daemon, {f"account {ACCOUNT}": {"auth_token": NEW_TOKEN}})
    posts(daemon, 403)
    assert post(daemon, token=NEW_TOKEN) == 204
    label = f'{{account="{ACCOUNT}",token="next"}}'
    assert daemon.metric("dlrd_token_used_total", label) >= 1, "the count outlives the reload"


def test_accounts_and_routes_come_and_go(make_daemon):
    daemon = make_daemon(tokens=(harness.TOKEN, NEW_TOKEN))
    target = "/other?account=W&c=new"
    assert post(daemon, token=NEW_TOKEN, account=OTHER) == 403
    assert post(daemon, target=target) == 404
    reload(daemon, {f"account {OTHER}": {"auth_token": NEW_TOKEN},
                    "callback /other": {"campaign": "{c}"}})
    posts(daemon, 204, token=NEW_TOKEN, account=OTHER, target=target)
    assert post(daemon, target=SAMPLE_TARGET) == 404, "the default routes exist only without configured ones"
    daemon.settle()
    assert daemon.campaign("new")["messages"] >= 1
    reload(daemon, {})
    posts(daemon, 404, target=target)
    assert post(daemon, token=NEW_TOKEN, account=OTHER) == 403


def test_the_public_url_is_taken_anew(make_daemon):
    daemon = make_daemon()
    other = "https://other.example.com:8443/hooks"
    data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), public_url=other)
    assert daemon.ask(data).status == 403
    reload(daemon, {"server": {"public_url": other}})
    until(lambda: daemon.ask(data).status == 204, what="the new public URL")


def test_keywords_and_their_replies_are_taken_anew(make_daemon):
    daemon = make_daemon()
    target = target_for()
    reload(daemon, {"keyword join": {"words": "JOIN", "reply": "Welcome"}})
    until(lambda: b"Welcome" in daemon.ask(
        signed_post(target, reply_params(new_sid(), "join"))).body, what="the reply")
    daemon.settle()
    assert daemon.events()[-1]["keyword"] == "join"


def test_a_policy_is_taken_anew_and_the_past_counted_by_it(make_daemon):
    daemon = make_daemon()
    sid = new_sid()
    for status in ("delivered", "undelivered"):
        daemon.keep(SAMPLE_TARGET, status_params(sid, status, 30005 if status[0] == "u" else None))
    daemon.settle()
    assert daemon.campaign()["delivered"] == 1
    reload(daemon, {"store": {"conflicts": "failure-wins"}})
    until(lambda: daemon.campaign()["failed"] == 1, what="the other policy")
    daemon.audit()


def test_nicknames_are_taken_anew(make_daemon):
    daemon = make_daemon()
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    reload(daemon, {"provider acme": {"senders": "+15017122661"}})
    until(lambda: [row["provider"] for row in daemon.get("/v1/providers")["providers"]] == ["acme"],
          what="the nickname")


def test_the_api_s_token_is_taken_anew(make_daemon, tmp_path):
    daemon = make_daemon()
    token = tmp_path / "token"
    token.write_text("a-new-secret\n")
    reload(daemon, {"api": {"token_file": str(token)}})
    assert daemon.api("/v1/campaigns").status == 401
    assert daemon.api("/v1/campaigns", headers=[("Authorization", "Bearer a-new-secret")]
                      ).status == 200
    reload(daemon, {})
    assert daemon.api("/v1/campaigns").status == 200


def test_limits_are_taken_anew(make_daemon):
    daemon = make_daemon()
    params = reply_params(new_sid(), "x" * 5000)
    assert daemon.ask(signed_post(target_for(), params)).status == 200
    reload(daemon, {"server": {"body_limit": "4k"}})
    until(lambda: daemon.ask(signed_post(target_for(), params)).status == 413, what="413")


@pytest.mark.parametrize("changes,where", [
    ({"store": {"nonsense": "1"}}, "[store] nonsense: unknown key"),
    ({f"account {ACCOUNT}": {"auth_token": None}}, "auth_token: is missing"),
    ({"server": {"public_url": "ftp://x"}}, "[server] public_url: "),
    ({"callback /x": {"kind": "other"}}, "[callback /x] kind: "),
], ids=["unknown", "token", "url", "kind"])
def test_a_broken_file_changes_nothing_and_is_named_with_its_line(make_daemon, changes, where):
    daemon = make_daemon()
    write(daemon, {"keyword join": {"words": "JOIN", "reply": "Welcome"}, **changes})
    said = hang_up(daemon, "configuration unchanged")
    assert where in said and f"{daemon.config}:" in said
    assert post(daemon) == 204
    answer = daemon.ask(signed_post(target_for(), reply_params(new_sid(), "join")))
    assert b"Welcome" not in answer.body, "the valid settings in the file are not used either"
    reload(daemon, {})


def test_a_file_that_is_gone_changes_nothing(make_daemon):
    daemon = make_daemon()
    daemon.config.unlink()
    assert "configuration unchanged" in hang_up(daemon)
    assert post(daemon) == 204


def test_what_needs_a_restart_is_named_and_stays(make_daemon):
    daemon = make_daemon()
    port = daemon.port
    said = reload(daemon, {"server": {"listen": f"127.0.0.1:{harness.free_port()}"},
                           "store": {"directory": "/somewhere/else"}})
    assert "[server] listen has changed, which needs a restart" in said
    assert "[store] directory has changed, which needs a restart" in said
    assert daemon.port == port and post(daemon) == 204
    daemon.settle()
    assert daemon.campaign(CAMPAIGN)["sent"] == 1


def test_reloads_ten_times_a_second_under_load_fail_no_request(make_daemon, tmp_path):
    """With a token, a route and a limit that change each time, and a quarter of the files broken."""
    daemon = make_daemon()
    load = Load(daemon, tmp_path / "ledger", threads=6)
    done = threading.Event()
    count = scaled(40, 10)
    for i in range(count):
        broken = {"store": {"nonsense": "1"}} if i % 4 == 3 else {}
        write(daemon, {f"account {ACCOUNT}": {"next_auth_token": f"{i:032x}"},
                       f"callback /route{i}": {},
                       "callback /sms/twilio": {},
                       "keyword join": {"words": f"JOIN{i}", "reply": "Welcome"},
                       "store": {"conflicts": ("failure-wins", "first-final")[i % 2]}, **broken})
        # A slow daemon joins signals that follow each other: each broken file is waited for.
        if broken:
            hang_up(daemon, "configuration unchanged")
        else:
            os.kill(daemon.pid, signal.SIGHUP)
            done.wait(0.1)
        assert load.alive(), load.failures
    write(daemon, {})
    hang_up(daemon, "configuration re-read")
    load.stop()
    assert load.refused == 0 and load.acknowledged > 0
    acknowledged, stored = check_ledger(daemon, tmp_path / "ledger")
    assert acknowledged == stored == load.sent
    assert daemon.log().count("configuration unchanged") >= count // 4
    rss = daemon.rss()
    for i in range(count):
        write(daemon, {"keyword join": {"words": f"JOIN{i}", "reply": "Welcome"}})
        hang_up(daemon)
        assert post(daemon) == 204
    assert phone(1) not in daemon.log()
    assert daemon.rss() < rss + scaled(20, 60) * 1024 * 1024, "old snapshots are freed"


# --- dlrd reload ---


def ask_reload(daemon):
    return daemon.cli("reload", check=False)


def test_dlrd_reload_returns_when_the_configuration_is_in_force(make_daemon):
    daemon = make_daemon(tokens=(harness.TOKEN, NEW_TOKEN))
    write(daemon, {f"account {ACCOUNT}": {"next_auth_token": NEW_TOKEN}})
    found = ask_reload(daemon)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
    posts(daemon, 204, token=NEW_TOKEN)


@pytest.mark.parametrize("changes, words", [
    ({"store": {"nonsense": "1"}}, "[store] nonsense: "),
    ({"server": {"public_url": "callbacks"}}, "[server] public_url: "),
    ({f"account {ACCOUNT}": {"auth_token": None, "auth_token_file": "/nowhere/token"}},
     "[account AC0123456789abcdef0123456789abcdef] auth_token_file: "),
    ({"store": {"error_codes": "/nowhere/codes.csv"}}, "/nowhere/codes.csv"),
], ids=["unknown-key", "bad-value", "missing-token-file", "missing-catalogue"])
def test_dlrd_reload_fails_and_names_what_is_wrong(make_daemon, changes, words):
    daemon = make_daemon()
    write(daemon, changes)
    found = ask_reload(daemon)
    assert found.returncode == 1 and words in found.stderr and found.stdout == "", found
    assert post(daemon) == 204


def test_dlrd_reload_names_the_line(make_daemon):
    daemon = make_daemon()
    write(daemon, {"store": {"nonsense": "1"}})
    line = daemon.config.read_text().splitlines().index("nonsense = 1") + 1
    assert f"{daemon.config}:{line}: [store] nonsense" in ask_reload(daemon).stderr


def test_dlrd_reload_says_what_needs_a_restart(make_daemon):
    daemon = make_daemon()
    write(daemon, {"server": {"listen": f"127.0.0.1:{harness.free_port()}"}})
    found = ask_reload(daemon)
    assert found.returncode == 0 and "[server] listen" in found.stdout, found
    assert "restart" in found.stdout


def test_dlrd_reload_without_a_daemon_fails(make_daemon):
    daemon = make_daemon(start=False)
    daemon.write()
    found = ask_reload(daemon)
    assert found.returncode == 1 and "no dlrd" in found.stderr and str(daemon.store) in found.stderr


def reload_socket(daemon):
    """The name of its socket, as reload_socket.h has it."""
    info = daemon.store.stat()
    return f"\0dlrd-reload-{info.st_dev:x}-{info.st_ino:x}"


def test_dlrd_reload_works_after_a_kill(make_daemon):
    daemon = make_daemon()
    daemon.kill()
    found = ask_reload(daemon)
    assert found.returncode == 1 and "no dlrd" in found.stderr
    daemon.start()
    assert ask_reload(daemon).returncode == 0


def test_callers_of_dlrd_reload_that_do_not_listen_hold_nothing_up(make_daemon):
    daemon = make_daemon()
    silent = []
    for _ in range(40):
        client = socket.socket(socket.AF_UNIX)
        client.connect(reload_socket(daemon))
        silent.append(client)
        if len(silent) % 2:
            client.close()
    assert ask_reload(daemon).returncode == 0
    assert post(daemon) == 204
    assert daemon.terminate() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_dlrd_reload_of_another_user_says_who_may():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "store").mkdir(mode=0o700)
        program = shutil.copy(harness.DLRD, folder)
        (folder / "dlrd.ini").write_text(
            f"[store]\ndirectory = {folder}/store\n[account {ACCOUNT}]\nauth_token = x\n")
        found = subprocess.run([program, "reload", "-c", str(folder / "dlrd.ini")], user=65534,
                               capture_output=True, text=True, timeout=20)
    assert found.returncode == 1 and "as the user that runs dlrd" in found.stderr, found


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_another_user_cannot_cause_a_reload(make_daemon):
    daemon = make_daemon()
    before = daemon.log()
    code = ("import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
            "s.connect(sys.argv[1].replace('@', chr(0))); print(s.recv(100))")
    found = subprocess.run([sys.executable, "-c", code, reload_socket(daemon).replace("\0", "@")],
                           capture_output=True, text=True, timeout=20)
    assert found.stdout == "b''\n", found
    assert ask_reload(daemon).returncode == 0
    until(lambda: "configuration re-read" in daemon.log().removeprefix(before), what="the one reload")
    assert daemon.log().removeprefix(before).count("configuration re-read") == 1


def test_dlrd_reload_does_not_believe_a_process_that_took_the_name(make_daemon):
    daemon = make_daemon(start=False)
    daemon.write()
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(reload_socket(daemon))
        impostor.listen()
        assert ask_reload(daemon).returncode == 1
        daemon.start()
        assert "cannot listen for dlrd reload" in daemon.log(), "it starts all the same"
        found = ask_reload(daemon)
        assert found.returncode == 1 and "no dlrd" in found.stderr
        assert "configuration re-read" in hang_up(daemon), "SIGHUP works"


def test_dlrd_reload_in_a_directory_with_a_long_name(make_daemon, tmp_path):
    """Longer than the path of a unix socket may be."""
    store = tmp_path / ("long" * 22) / "store"
    store.mkdir(parents=True)
    daemon = make_daemon(store=store)
    assert ask_reload(daemon).returncode == 0


# --- a reload in the middle of a request ---


class Half:
    """A request whose head and half of its body have arrived."""

    def __init__(self, daemon, sid, **more):
        data = signed_post(SAMPLE_TARGET, status_params(sid, "sent", Body="x" * 4000), **more)
        self.connection, self.rest = daemon.connect(), data[-2000:]
        self.connection.send(data[:-2000])
        until(lambda: harness.is_read(self.connection), what="the daemon to have read it")
        # Read by the kernel is not yet read by the daemon: the next request is behind it.
        daemon.ask(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "GET")

    def end(self):
        return self.connection.ask(self.rest)


@pytest.mark.parametrize("before,after", [("127.0.0.1", None), (None, "127.0.0.1")])
def test_trust_in_a_proxy_is_that_of_the_configuration_a_request_began_with(
        make_daemon, before, after):
    """And of the next one on the same connection that of the configuration then in force."""
    def trusting(trusted):
        return {"server": {"public_url": None, "trusted_proxies": trusted}}
    daemon = make_daemon(trusting(before))
    https = [("X-Forwarded-Proto", "https")]
    half = Half(daemon, new_sid(), headers=https)
    reload(daemon, trusting(after))
    statuses = {"127.0.0.1": 204, None: 403}
    assert half.end().status == statuses[before]
    following = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), headers=https)
    assert half.connection.ask(following).status == statuses[after]


def test_keys_and_limits_are_those_of_the_configuration_a_request_began_with(make_daemon):
    daemon = make_daemon()
    half = Half(daemon, new_sid())
    reload(daemon, {f"account {ACCOUNT}": {"auth_token": NEW_TOKEN},
                    "server": {"body_limit": "4k", "field_limit": "16"},
                    "callback /elsewhere": {"kind": "auto"}})
    assert half.end().status == 204
    following = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    assert half.connection.ask(following).status == 404


def test_a_deadline_is_that_of_the_configuration_a_request_began_with(make_daemon):
    daemon = make_daemon({"server": {"request_timeout": "60s"}})
    first = Half(daemon, new_sid())
    reload(daemon, {"server": {"request_timeout": "500ms"}})
    second = Half(daemon, new_sid())
    reload(daemon, {"server": {"request_timeout": "60s"}})
    third = Half(daemon, new_sid())
    until(lambda: daemon.metric("dlrd_deadline_closes_total") == 1, what="the second one's end")
    assert second.connection.at_end()
    assert first.end().status == 204 and third.end().status == 204
