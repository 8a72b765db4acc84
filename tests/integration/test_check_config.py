"""dlrd check-config names what would cost callbacks later: with file, line, key, and what would be right."""

import os
import pwd
import re
import shutil
import socket
import subprocess

import pytest

import harness
from harness import ACCOUNT, TOKEN, dlrd, new_sid, signed_post, status_params

OTHER = "AC" + "f" * 32
SERVICE = "MG" + "0" * 32


@pytest.fixture
def check(tmp_path):
    """Writes sections of the configuration, and gives check-config's exit status, last line of its output, and
    messages, each without the file's path."""
    path = tmp_path / "dlrd.ini"

    def run(*sections, words=(), account=f"[account {ACCOUNT}]\nauth_token = {TOKEN}\n", mode=0o600, wrapper=()):
        if not any(section.startswith("[store]") for section in sections):
            sections = (f"[store]\ndirectory = {tmp_path}/store\n", *sections)
        path.write_text("".join(sections) + account)
        path.chmod(mode)
        result = subprocess.run([*map(str, wrapper), harness.DLRD, "check-config", "-c", path, *words],
                                capture_output=True, text=True, timeout=60)
        messages = [line.removeprefix(f"{path}:") for line in result.stderr.splitlines()]
        return result.returncode, result.stdout, messages
    run.path, run.place = path, tmp_path
    return run


def server(**keys):
    keys = {"listen": f"127.0.0.1:{harness.free_port()}", "public_url": "https://callbacks.example.com", **keys}
    return "[server]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value is not None)


def api(**keys):
    keys = {"listen": f"127.0.0.1:{harness.free_port()}", **keys}
    return "[api]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


# --- success ---


@pytest.mark.parametrize("more, summary", [
    ("", "1 account, 3 routes, https://callbacks.example.com"),
    (f"[account {OTHER}]\nauth_token = {TOKEN}\n[callback /a]\nkind = status\n",
     "2 accounts, 1 route, https://callbacks.example.com"),
])
def test_success_is_one_line(check, more, summary):
    assert check(server(), api(), more) == (0, f"OK: {summary}\n", [])


def test_the_summary_names_each_public_url_without_its_password(check):
    urls = "https://user:password-of-the-url@a.example/hooks, https://b.example:8443"
    assert check(server(public_url=urls), api()) == (
        0, "OK: 1 account, 3 routes, https://a.example/hooks, https://b.example:8443\n", [])
    status, out, _ = check(server(public_url=None), api())
    assert (status, out) == (0, "OK: 1 account, 3 routes, no public_url\n")


def test_warnings_do_not_fail_but_with_strict(check):
    sections = server(public_url="http://callbacks.example.com"), api()
    status, out, messages = check(*sections)
    assert status == 0 and len(messages) == 1 and "warning" in messages[0]
    assert out == "OK: 1 account, 3 routes, http://callbacks.example.com\n"
    status, out, again = check(*sections, words=["--strict"])
    assert (status, out, again) == (1, "", messages)
    assert check(server(), api(), words=["--strict"])[0] == 0


def test_what_print_shows_ends_with_the_summary_as_a_comment(check):
    status, out, _ = check(server(), api(), words=["--print"])
    assert status == 0
    assert out.splitlines()[-1] == "; OK: 1 account, 3 routes, https://callbacks.example.com"


# --- mistakes and warnings, each in its line ---


def one(result, status, start, *words):
    """Holds that there is this one message."""
    found_status, out, messages = result
    assert found_status == status
    assert (out == "") == (status != 0)
    assert len(messages) == 1, messages
    assert messages[0].startswith(start), messages
    for word in words:
        assert word in messages[0], messages
    assert ("warning: " in messages[0]) == (status == 0)


@pytest.mark.parametrize("api_listen", ["{}", ":{port}", "localhost:{port}", "0.0.0.0:{port}"])
def test_callbacks_and_api_on_one_address_are_a_mistake(check, api_listen):
    port = harness.free_port()
    address = api_listen.format(f"127.0.0.1:{port}", port=port)
    more = "token_file = token\n" if address.startswith("0") else ""
    (check.place / "token").write_text("x" * 32)
    (check.place / "token").chmod(0o600)
    one(check(server(listen=f"127.0.0.1:{port}"), api(listen=address) + more), 1, "7: [api] listen: ",
        f"{address} is in [server] listen, too", "127.0.0.1:8081")


def test_one_address_twice_is_a_mistake(check):
    port = harness.free_port()
    one(check(server(listen=f"127.0.0.1:{port}, localhost:{port}"), api()), 1, "4: [server] listen: ",
        "in [server] listen, too")
    path = check.place / "socket"
    one(check(server(listen=f"unix:{path}"), api(listen=f"unix:{path}")), 1, "7: [api] listen: ", str(path))


@pytest.mark.parametrize("section", ["[callback /p]\n{}\n", "[server]\n{}\n", "[keyword a]\n{}\n",
                                     "[provider A]\n{}\n", f"[account {ACCOUNT}]\n{{}}\n", "[log]\n{}\n"])
def test_a_repeated_section_is_a_mistake(check, section):
    keys = {"[callback": ("kind = status", "campaign = {c}"), "[server]": ("field_limit = 100", "threads = 1"),
            "[keyword": ("words = a", "reply = b"), "[provider": ("senders = +15550100", "default = yes"),
            "[account": (f"auth_token = {TOKEN}", f"next_auth_token = {TOKEN}"),
            "[log]": ("level = info", "")}[section.split()[0]]
    own = section.startswith(f"[account {ACCOUNT}]")
    text = section.format(keys[0]) + "\n" + section.format(keys[1])
    status, out, messages = check(api(), text, account="" if own else f"[account {ACCOUNT}]\nauth_token = {TOKEN}\n")
    assert (status, out) == (1, "")
    name = re.match(r"\[.*?\]", section)[0]
    assert any(message.startswith(f"8: {name} duplicate section") and message.endswith("line 5")
               for message in messages), messages


def test_a_service_or_sender_of_two_providers_is_a_mistake(check):
    for key, value in (("services", SERVICE), ("senders", "+15550100"), ("accounts", ACCOUNT)):
        text = f"[provider A]\n{key} = {value}\n[provider B]\n{key} = {value}\n"
        one(check(server(), api(), text), 1, f"11: [provider B] {key}: ", "is named already, for A")


def test_a_public_api_without_a_token_is_a_mistake(check):
    one(check(server(), api(listen=f"0.0.0.0:{harness.free_port()}")), 1, "7: [api] listen: ", "token_file")


@pytest.mark.parametrize("url, words", [
    ("http://callbacks.example.com", ["http", "write https://callbacks.example.com"]),
    ("https://callbacks.example.com/sms/twilio", ["[callback /sms/twilio]", "before it, https://callbacks.example.com"]),
    ("https://a.example, https://b.example/hooks/", None),
    ("https://b.example/sms/dlr/twilio/", ["[callback /sms/dlr/twilio]"]),
    ("http://127.0.0.1:8080", None), ("http://localhost:8080", None), ("http://[::1]:8080", None),
])
def test_a_public_url_that_twilio_does_not_call_is_warned_of(check, url, words):
    result = check(server(public_url=url), api())
    if words is None:
        assert result[0] == 0 and result[2] == []
    else:
        one(result, 0, "5: [server] public_url: warning: ", *words)


def test_trusted_proxies_without_a_public_url_are_warned_of(check):
    one(check(server(public_url=None, trusted_proxies="10.0.0.1"), api()), 0,
        "3: [server] public_url: warning: ", "is missing", "https://callbacks.example.com")
    assert check(server(trusted_proxies="10.0.0.1"), api())[2] == []


def test_secrets_that_everybody_may_read_are_warned_of(check):
    token = check.place / "token"
    token.write_text(TOKEN + "\n")
    account = f"[account {ACCOUNT}]\nauth_token_file = token\n"
    token.chmod(0o640)
    assert check(server(), api(), account=account)[2] == []
    token.chmod(0o644)
    one(check(server(), api(), account=account), 0, f"9: [account {ACCOUNT}] auth_token_file: warning: ",
        "all users can read this file", "chmod o-r")
    token.chmod(0o600)
    one(check(server(), api(), mode=0o644), 0, f"9: [account {ACCOUNT}] auth_token: warning: ",
        "all users can read it", "auth_token_file")
    assert check(server(), api(), account=account, mode=0o644)[2] == []
    (check.place / "api").write_text("x" * 20)
    (check.place / "api").chmod(0o604)
    one(check(server(), api(token_file="api")), 0, "8: [api] token_file: warning: ", "all users can read this file")


# --- addresses in use ---


def test_a_taken_port_is_warned_of(check):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        one(check(server(listen=f"127.0.0.1:{port}"), api()), 0, "4: [server] listen: warning: ",
            f"cannot listen on 127.0.0.1:{port}", "another process listens there")
        one(check(server(), api(listen=f"localhost:{port}")), 0, "7: [api] listen: warning: ", "another process")
    assert check(server(listen=f"127.0.0.1:{port}"), api())[2] == []


def test_an_address_of_another_machine_is_warned_of(check):
    one(check(server(listen="192.0.2.1:8080"), api()), 0, "4: [server] listen: warning: ",
        "cannot listen on 192.0.2.1:8080")


def test_a_taken_unix_socket_is_warned_of_and_stays(check):
    path = check.place / "taken"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        one(check(server(listen=f"unix:{path}"), api()), 0, "4: [server] listen: warning: ", "another process")
        assert path.exists()


@pytest.mark.parametrize("unix", [False, True], ids=["ports", "unix-sockets"])
def test_what_the_daemon_of_this_store_holds_is_not_taken(make_daemon, tmp_path, unix):
    own = {"server": {"listen": f"unix:{tmp_path}/intake"}} if unix else {}
    daemon = make_daemon({**own, "server": {"public_url": "https://callbacks.example.com", **own.get("server", {})}})
    before = daemon.log()
    result = daemon.cli("check-config")
    assert result.stderr == "" and result.stdout.startswith("OK: 1 account, 3 routes")
    # Another store's daemon holds it.
    text = daemon.config.read_text().replace(str(daemon.store), str(tmp_path / "other"))
    (tmp_path / "other.ini").write_text(text)
    (tmp_path / "other.ini").chmod(0o600)
    found = dlrd("check-config", "-c", tmp_path / "other.ini").stderr
    assert found.count("another process listens there") == 2, found
    # It did not disturb the daemon.
    if not unix:
        daemon.keep("/sms/twilio?campaign=c", status_params(new_sid(), "sent"))
    assert daemon.log() == before


# --- the store's directory ---


def test_a_missing_directory_is_reported_if_it_cannot_be_created(check):
    place = check.place / "parent"
    one(check(f"[store]\ndirectory = {place}/store\n", server(), api()), 0, "2: [store] directory: warning: ",
        f"neither {place}/store nor {place} exists")
    place.mkdir()
    assert check(f"[store]\ndirectory = {place}/store\n", server(), api())[2] == []
    (place / "store").write_text("")
    one(check(f"[store]\ndirectory = {place}/store\n", server(), api()), 0, "2: [store] directory: warning: ",
        "is not a directory")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")
def test_a_directory_that_may_not_be_written_is_reported(check):
    nobody = pwd.getpwnam("nobody")
    for parent in (check.place, *list(check.place.parents)):
        if parent.stat().st_uid == 0 and parent != parent.parent and "pytest" in str(parent):
            parent.chmod(0o755)
    wrapper = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    if subprocess.run([*wrapper, harness.DLRD, "--help"], capture_output=True).returncode != 0:
        pytest.skip("another user cannot run the program where it is")
    place = check.place / "store"
    place.mkdir(mode=0o755)
    section = f"[store]\ndirectory = {place}\n"
    account = f"[account {ACCOUNT}]\nauth_token_file = token\n"
    (check.place / "token").write_text(TOKEN)
    (check.place / "token").chmod(0o600)
    os.chown(check.place / "token", nobody.pw_uid, nobody.pw_gid)
    again = dict(account=account, wrapper=wrapper, mode=0o644)
    one(check(section, server(), api(), **again), 0, "2: [store] directory: warning: ",
        f"{place}: the user nobody cannot write to it (Permission denied)")
    os.chown(place, nobody.pw_uid, nobody.pw_gid)
    assert check(section, server(), api(), **again)[2] == []
    os.chown(place, 0, 0)
    section = f"[store]\ndirectory = {place}/new\n"
    one(check(section, server(), api(), **again), 0, "2: [store] directory: warning: ",
        f"does not exist, and cannot be created in {place}")


# --- what is read ---


def test_a_line_of_4000_bytes_is_read(check):
    words = ", ".join(f"word{i:04}" for i in range(500))
    line = f"words = {words}"[:4000].rstrip(", ")
    status, out, messages = check(server(), api(), f"[keyword long]\n{line}\n", words=["--print"])
    assert (status, messages) == (0, [])
    last = line.rpartition(", ")[2]
    assert f", {last}\n" in out or f",{last}\n" in out
    one(check(server(), api(), f"[keyword long]\nwords = {'x, ' * 1400}x\n"), 1, "9: ",
        "the line is longer than 4000 bytes")


@pytest.mark.parametrize("form", [":{}", "localhost:{}"])
def test_a_port_of_this_machine_is_an_address(make_daemon, form):
    daemon = make_daemon(start=False)
    daemon.sections["server"]["listen"] = form.format(daemon.port)
    daemon.sections["api"]["listen"] = form.format(daemon.api_port)
    daemon.start()
    daemon.ask(signed_post("/sms/twilio?campaign=c", status_params(new_sid(), "delivered")))
    assert daemon.campaign("c")["delivered"] == 1


# --- the daemon ---


def test_a_daemon_runs_with_mistakes_that_lose_nothing_and_logs_them(make_daemon):
    """One that does not start loses the callbacks of all accounts."""
    daemon = make_daemon(start=False)
    daemon.sections[f"account {OTHER}"] = {"auth_token": "short"}
    write = daemon.write

    def write_with_a_repeated_section(*words, **more):
        write(*words, **more)
        with daemon.config.open("a") as file:
            file.write("[replies]\n[replies]\n")

    daemon.write = write_with_a_repeated_section
    daemon.start()
    daemon.keep("/sms/twilio?campaign=c", status_params(new_sid(), "delivered"))
    log = daemon.log()
    assert re.search(r"warning: .*: \[account ACf+\] auth_token: warning: the token has 5 characters", log), log
    assert "[replies] warning: duplicate section" in log
    result = daemon.cli("check-config", check=False)
    assert result.returncode == 1
    assert "the token has 5 characters" in result.stderr and "[replies] duplicate section" in result.stderr
    assert "warning: the token" not in result.stderr


def test_warnings_follow_the_mistakes_and_are_bounded(check):
    accounts = "".join(f"[account AC{number:032x}]\nauth_token = {TOKEN}\n" for number in range(80))
    status, _, messages = check(server(), api(), accounts, "[log]\nlevel = loud\n", mode=0o644)
    assert status == 1
    assert "[log] level: " in messages[0] and len(messages) == 52
    assert all("warning: this file" in message for message in messages[1:51])
    assert "and 31 more such warnings" in messages[51]
