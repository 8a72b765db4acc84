"""The units under a real systemd, as docs/getting-started.md installs them: start, stop, reload, restart
under load, the sandbox, credentials, the watchdog, and what reaches the journal."""

import json
import os
import pathlib
import random
import re
import signal
import textwrap
import time

import pytest

import unit as units
from harness import SAMPLE_TARGET, TOKEN, check_ledger, new_sid, signed_post, status_params, until
from proxies import PROXIES
from rush import Rush
from unit import CONFIG, TOKEN_FILE, now, run, systemctl, value

NEW_TOKEN = "fedcba98765432100123456789abcdef"
ACCOUNT_SECTION = f"account {units.ACCOUNT}"


def broken_by(old, new=""):
    return pytest.mark.broken_by(old, new)


def signed_status(**more):
    return signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), **more)


def posted(unit, **more):
    return unit.ask(signed_status(**more)).status


# --- start and stop ---


def test_the_installed_units_are_valid_and_little_exposed():
    found = run("systemd-analyze", "verify", "--man=no", "dlrd.service", "dlrd.socket")
    assert found.stdout + found.stderr == ""
    found = run("systemd-analyze", "security", "--offline=true", "--threshold=20",
                units.value("FragmentPath"))
    level = re.search(r"Overall exposure level for dlrd.service: ([0-9.]+)", found.stdout)
    assert float(level.group(1)) <= 2.0


def test_enable_starts_both_units_at_boot(unit):
    systemctl("enable", "dlrd")
    assert run("systemctl", "is-enabled", "dlrd.service", "dlrd.socket").stdout.split() == ["enabled"] * 2
    systemctl("disable", "dlrd")


def test_the_installation_as_the_guide_describes_it(unit):
    """Its steps, with its own lines, upon the configuration that was installed."""
    systemctl("stop", "dlrd.socket", "dlrd.service")
    guide = units.GUIDE.read_text()
    block = textwrap.dedent(re.search(r"add a section for your account:\n\n +```ini\n(.*?)\n +```", guide, re.S)[1])
    public_url = re.search(r"public_url = (\S+)", block).group(1)
    account = re.search(r"\[account .*", block, re.S).group(0) + "\n"
    text = pathlib.Path("/usr/share/doc/dlrd/examples/dlrd.ini").read_text()
    assert text.count("\n;public_url =\n") == 1
    CONFIG.write_text(text.replace("\n;public_url =\n", f"\npublic_url = {public_url}\n") + "\n" + account)
    TOKEN_FILE.write_text(TOKEN + "\n")
    commands = re.findall(r"^ +(chmod .*|dlrd check-config|systemctl enable .*)$", guide, re.M)
    assert [command.split()[0] for command in commands] == ["chmod", "dlrd", "systemctl"]
    for command in commands:
        found = run("sh", "-ec", command)
        if "check-config" in command:
            assert found.stdout.startswith(f"OK: 1 account, 3 routes, {public_url}") and found.stderr == ""
    assert TOKEN_FILE.stat().st_mode & 0o777 == 0o600
    assert value("ActiveState") == "active"
    assert posted(unit, public_url=public_url) == 204
    assert unit.campaign()["sent"] == 1
    systemctl("disable", "dlrd")


def test_check_config_knows_what_the_unit_may_write_and_holds(unit):
    assert posted(unit) == 204
    assert run("dlrd", "check-config").stderr == ""
    systemctl("stop", "dlrd.service")  # systemd still holds the socket, for it
    assert run("dlrd", "check-config").stderr == ""
    systemctl("stop", "dlrd.socket")
    unit.write(store={"directory": "/srv/dlrd"})
    found = run("dlrd", "check-config").stderr
    assert re.fullmatch(r"/etc/dlrd/dlrd.ini:\d+: \[store\] directory: warning: dlrd.service may write only "
                        r"/var/lib/dlrd; .*ReadWritePaths=/srv/dlrd.*\n", found), found
    for directory in ("/var/lib/dlrd", "/var/lib/dlrd/store"):
        unit.write(store={"directory": directory})
        assert run("dlrd", "check-config").stderr == ""


@broken_by("Type=notify", "Type=simple")
def test_a_start_returns_when_callbacks_are_taken(unit):
    for _ in range(5):
        systemctl("restart", "dlrd")
        assert unit.api("/readyz").status == 200
        assert value("StatusText") == "storing callbacks"


def test_a_callback_is_stored_and_counted(unit):
    assert posted(unit) == 204
    assert unit.campaign()["sent"] == 1
    unit.audit()


@broken_by("Restart=always", "Restart=always\nKillSignal=SIGKILL")
def test_a_stop_is_orderly(unit):
    assert posted(unit) == 204
    since = now()
    systemctl("stop", "dlrd.socket", "dlrd.service")
    assert (value("Result"), value("ExecMainStatus")) == ("success", "0")
    assert (6, "stopped") in unit.log(since)


# --- the user, its files, the token ---


@broken_by("DynamicUser=yes", "DynamicUser=no")
def test_it_runs_as_a_user_that_owns_nothing_but_its_store(unit):
    owner = os.stat(f"/proc/{unit.pid}").st_uid
    assert owner > 0
    store = pathlib.Path("/var/lib/private/dlrd")
    # systemd 257 maps the owner: on the disk it is the user `nobody`.
    on_disk = store.stat().st_uid
    assert on_disk in (owner, 65534) and store.stat().st_mode & 0o777 == 0o700
    for file in store.iterdir():
        assert file.stat().st_uid == on_disk and file.stat().st_mode & 0o007 == 0, file


@broken_by("LoadCredential=auth_token:/etc/dlrd/auth_token")
def test_the_token_is_handed_over_as_a_credential(unit):
    assert posted(unit) == 204
    environment = pathlib.Path(f"/proc/{unit.pid}/environ").read_bytes()
    assert b"CREDENTIALS_DIRECTORY=" in environment and TOKEN.encode() not in environment
    assert TOKEN.encode() not in pathlib.Path(f"/proc/{unit.pid}/cmdline").read_bytes()
    assert TOKEN_FILE.stat().st_mode & 0o777 == 0o600


def test_a_new_credential_is_taken_with_a_restart(unit):
    TOKEN_FILE.write_text(NEW_TOKEN + "\n")
    systemctl("reload", "dlrd")
    assert (posted(unit), posted(unit, token=NEW_TOKEN)) == (204, 403), "handed over at a start alone"
    systemctl("restart", "dlrd")
    assert (posted(unit), posted(unit, token=NEW_TOKEN)) == (403, 204)


def test_tokens_fit_into_locked_memory(unit):
    assert not [text for _, text in unit.log() if "locked memory" in text]


# --- the sandbox ---


@pytest.fixture
def probe(unit):
    """The abilities of a program that runs instead of dlrd."""
    out = pathlib.Path("/run/dlrd-probe.json")
    home = pathlib.Path("/home/somebody")
    home.mkdir(mode=0o777, exist_ok=True)
    pathlib.Path("/tmp/dlrd-probe").write_text("x")
    program = pathlib.Path("/usr/local/lib/dlrd-probe.py")
    program.write_text((units.ROOT / "tests" / "systemd" / "probe.py").read_text())
    text = re.sub(r"(?m)^ExecStart=.*$", f"ExecStart=/usr/bin/python3 {program}", unit.text)
    text = re.sub(r"(?m)^Type=.*$", f"Type=oneshot\nStandardOutput=truncate:{out}", text)
    text = re.sub(r"(?m)^(Restart|RestartSec|WatchdogSec|ExecReload|Wants)=.*$", "", text)
    pathlib.Path("/run/systemd/system/dlrd-probe.service").write_text(
        text.replace("StateDirectory=dlrd", "StateDirectory=dlrd-probe"))
    systemctl("daemon-reload")
    systemctl("start", "dlrd-probe")
    return json.loads(out.read_text())


# Each row: an attempt, its required result, and the unit's line without which the result differs.
@pytest.mark.parametrize("what, wanted", [
    pytest.param(what, wanted, marks=[broken_by(*change) for change in changes], id=what)
    for what, wanted, *changes in [
        ("write /etc", {"EROFS", "EACCES"}, ("ProtectSystem=strict",), ("DynamicUser=yes", "DynamicUser=no")),
        ("write /usr", {"EROFS", "EACCES"}, ("ProtectSystem=strict",), ("DynamicUser=yes", "DynamicUser=no")),
        ("write /run", {"EROFS", "EACCES"}, ("ProtectSystem=strict",), ("DynamicUser=yes", "DynamicUser=no")),
        ("write /var/cache", {"EROFS", "EACCES"}, ("ProtectSystem=strict",),
         ("DynamicUser=yes", "DynamicUser=no")),
        ("write the state directory", {"allowed"}, ("StateDirectory=dlrd",)),
        ("read /home", {"EACCES", "ENOENT"}, ("ProtectHome=yes",), ("DynamicUser=yes", "DynamicUser=no")),
        ("read the token's file", {"EACCES"}, ("DynamicUser=yes", "DynamicUser=no"),
         ("PrivateUsers=yes",), ("CapabilityBoundingSet=", "#")),
        ("see files of /tmp", {"ENOENT"}, ("PrivateTmp=yes",), ("DynamicUser=yes", "DynamicUser=no")),
        ("see processes of others", {"EPERM"}, ("ProtectProc=invisible",)),
        ("see /proc/cpuinfo", {"ENOENT"}, ("ProcSubset=pid",)),
        ("make a user namespace", {"EPERM"}, ("RestrictNamespaces=yes",)),
        ("open a packet socket", {"EAFNOSUPPORT"},
         ("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",)),
        ("open a netlink socket", {"EAFNOSUPPORT"},
         ("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",)),
        ("open a unix socket", {"allowed"},
         ("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictAddressFamilies=AF_INET")),
        ("open an internet socket", {"allowed"},
         ("RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "RestrictAddressFamilies=AF_UNIX")),
        ("map writable code", {"EPERM", "EACCES"}, ("MemoryDenyWriteExecute=yes",)),
        ("set a user ID bit", {"EPERM"}, ("RestrictSUIDSGID=yes",), ("DynamicUser=yes", "DynamicUser=no")),
        ("change its personality", {"EPERM"}, ("LockPersonality=yes",)),
        ("lower its priority", {"allowed"}, ("SystemCallFilter=setpriority setrlimit",)),
        ("bounding capabilities", {"0000000000000000"}, ("CapabilityBoundingSet=", "#")),
        ("umask", {"0077"}, ("UMask=0077", "UMask=0022")),
        ("files", {16384}, ("LimitNOFILE=16384", "LimitNOFILE=4096")),
        ("core", {0}, ("LimitCORE=0", "LimitCORE=infinity")),
        ("locked memory", {8 * 1024 * 1024}, ("LimitMEMLOCK=8M", "LimitMEMLOCK=4M")),
        ("root", {False}, ("DynamicUser=yes", "DynamicUser=no")),
    ]])
def test_the_sandbox(probe, what, wanted):
    assert probe[what] in wanted, probe


def test_another_machine_cannot_be_called(unit, request):
    """IPAddressDeny= needs a kernel that lets this systemd load its filters."""
    found = run("systemd-analyze", "security", "--offline=true", value("FragmentPath")).stdout
    assert "allow list with only localhost entries" in re.search(r".* IPAddressDeny=.*", found).group(0)
    units.add_address()
    result = request.getfixturevalue("probe")["call another machine"]
    if result == "ECONNREFUSED":
        pytest.skip("not shown: IPAddressDeny= is set, and this kernel does not enforce it")
    assert result == "EPERM"


# --- restarts ---


def restart(_unit):
    systemctl("restart", "dlrd")


def restarts_under_load(unit, rush, times=6):
    rng = random.Random("restart")
    for _ in range(times):
        rush.wait_acknowledged(rng.randrange(400))
        restart(unit)
    rush.wait_acknowledged(200)
    rush.stop()


def all_kept(unit, rush, ledger):
    assert not rush.failures
    assert check_ledger(unit, ledger) == (rush.sent, rush.sent)


@broken_by("Wants=dlrd.socket", "Conflicts=dlrd.socket")
def test_restarts_under_load_refuse_no_connection(unit, ledger):
    """Each callback on a connection of its own, without a proxy that would try again."""
    rush = Rush(unit.port, ledger, keep=False, rest=0.3)
    restarts_under_load(unit, rush)
    all_kept(unit, rush, ledger)
    assert rush.connected == rush.sent


def test_restarts_and_reloads_under_load_through_nginx_fail_no_request(unit, ledger):
    nginx = PROXIES["nginx"](f"127.0.0.1:{unit.port}")
    try:
        rush = Rush(nginx.port, ledger, tls=True, rest=0.4)
        for i in range(40):
            unit.write(**{"keyword join": {"words": f"JOIN{i}"}})
            systemctl("reload", "dlrd")
            if i % 10 == 9:
                restart(unit)
        rush.wait_acknowledged(200)
        rush.stop()
        all_kept(unit, rush, ledger)
    finally:
        nginx.stop()


@broken_by("Wants=dlrd.socket", "Conflicts=dlrd.socket")
def test_callbacks_that_arrive_while_it_is_stopped_wait(unit):
    unit.write(server={"nonsense": "1"})  # it cannot start for a while
    systemctl("restart", "dlrd", check=False)
    waiting = [unit.connect(60) for _ in range(100)]
    for connection in waiting:
        connection.send(signed_status())
    time.sleep(2)
    unit.write()
    for connection in waiting:
        assert connection.read().status == 204
        connection.close()


@broken_by("StartLimitIntervalSec=0", "StartLimitIntervalSec=60\nStartLimitBurst=2")
def test_it_is_started_again_for_as_long_as_it_takes(unit):
    """A mistake in the configuration that is corrected minutes later, without a word to systemd."""
    unit.write(server={"nonsense": "1"})
    systemctl("restart", "dlrd", check=False)
    until(lambda: int(value("NRestarts")) >= 4, 20, "four attempts to start")
    unit.write()
    until(lambda: value("ActiveState") == "active", 10, "the service to come back by itself")
    assert posted(unit) == 204


# Without the socket, through which the next callback would start the service regardless of Restart=.
@broken_by("Restart=always", "Restart=no")
def test_kill_9_is_followed_by_a_start_and_loses_nothing_acknowledged(unit, ledger):
    systemctl("stop", "dlrd.socket", "dlrd.service")
    systemctl("mask", "--runtime", "dlrd.socket")
    systemctl("start", "dlrd.service")
    for _ in range(3):
        rush = Rush(unit.port, ledger, keep=False)
        rush.wait_acknowledged(200)
        old = unit.pid
        os.kill(old, signal.SIGKILL)
        rush.stop()
        unit.restarted(old)
        check_ledger(unit, ledger)


def test_kill_9_refuses_no_connection(unit, ledger):
    """Only callbacks that were being answered are cut; all others wait in the socket."""
    rush, kills = Rush(unit.port, ledger, keep=False), 2
    for _ in range(kills):
        rush.wait_acknowledged(200)
        old = unit.pid
        os.kill(old, signal.SIGKILL)
        unit.restarted(old)
    rush.wait_acknowledged(200)
    rush.stop()
    assert set(rush.failures) <= {"IncompleteReadError", "ConnectionResetError", "BrokenPipeError"}
    assert sum(rush.failures.values()) <= kills * 64
    check_ledger(unit, ledger)


def test_kill_9_through_nginx_fails_no_request(unit, ledger):
    """nginx sends again what dlrd did not answer, and that waits in the socket until dlrd is back."""
    nginx = PROXIES["nginx"](f"127.0.0.1:{unit.port}")
    try:
        rush = Rush(nginx.port, ledger, tls=True)
        for i in range(2):
            rush.wait_acknowledged(1 + 200 * i)
            old = unit.pid
            os.kill(old, signal.SIGKILL)
            unit.restarted(old)
        rush.wait_acknowledged(200)
        rush.stop()
        all_kept(unit, rush, ledger)
    finally:
        nginx.stop()


def is_stopped(pid):
    """Whether the signal has reached each thread; until then one could accept a connection."""
    return all(task.read_text().rpartition(") ")[2][0] == "T"
               for task in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"))


@broken_by("WatchdogSec=30s", "WatchdogSec=0")
def test_a_process_that_stands_still_is_replaced(unit, ledger):
    """SIGSTOP, as a hang of all threads."""
    rush = Rush(unit.port, ledger, keep=False)
    rush.wait_acknowledged(200)
    rush.stop()
    old = unit.pid
    since = now()
    os.kill(old, signal.SIGSTOP)
    until(lambda: is_stopped(old), what="a stop of all threads")
    with unit.connect(90) as waiting:
        waiting.send(signed_status())
        unit.restarted(old, 75)
        assert waiting.read().status == 204, "the callback waited in the socket, or in the kernel"
    assert value("NRestarts") == "1"
    assert not [text for _, text in unit.log(since) if "malformed" in text]
    unit.audit()


# --- reloads ---


def test_a_reload_is_in_force_when_systemctl_returns(unit):
    unit.write(**{ACCOUNT_SECTION: {"next_auth_token": NEW_TOKEN}})
    CONFIG.chmod(0o644)
    systemctl("reload", "dlrd")
    until(lambda: posted(unit, token=NEW_TOKEN) == 204, 5, "the new token")


@broken_by("ExecReload=/usr/bin/dlrd reload -c /etc/dlrd/dlrd.ini", "ExecReload=/bin/sh -c 'kill -HUP $MAINPID'")
@pytest.mark.parametrize("sections, words", [
    ({"store": {"nonsense": "1"}}, "[store] nonsense"),
    ({ACCOUNT_SECTION: {"next_auth_token_file": "missing"}}, "next_auth_token_file"),
], ids=["unknown-key", "missing-credential"])
def test_a_reload_of_a_broken_file_fails_and_changes_nothing(unit, sections, words):
    since, pid = now(), unit.pid
    unit.write(**sections)
    found = systemctl("reload", "dlrd", check=False)
    assert found.returncode != 0
    assert [text for _, text in unit.log(since) if f"{CONFIG}:" in text and words in text]
    assert posted(unit) == 204
    assert (unit.pid, value("ActiveState")) == (pid, "active")
    unit.write()
    systemctl("reload", "dlrd")


# --- the journal ---


@broken_by("Type=notify", "Type=notify\nSyslogLevelPrefix=no")
def test_lines_have_their_priority_in_the_journal(unit):
    since = now()
    unit.write(server={"listen": "127.0.0.1:8090"})
    systemctl("reload", "dlrd")
    unit.write(store={"nonsense": "1"})
    systemctl("reload", "dlrd", check=False)
    found = unit.log(since)
    assert {priority for priority, text in found if "needs a restart" in text} == {4}
    assert {priority for priority, text in found if "configuration re-read" in text} == {6}
    assert {priority for priority, text in found if "[store] nonsense" in text} == {3}


@broken_by("Type=notify", "Type=notify\nSyslogLevelPrefix=no")
def test_the_reason_why_it_does_not_start_is_an_error_in_the_journal(unit):
    since = now()
    unit.write(store={"nonsense": "1"})
    systemctl("restart", "dlrd", check=False)
    until(lambda: [text for priority, text in unit.log(since)
                   if priority == 3 and f"{CONFIG}:" in text and "[store] nonsense" in text],
          10, "the line that is wrong, as an error")


def test_a_missing_token_file_is_a_failure_of_its_own(unit):
    """systemd's status for it is 243/CREDENTIALS, as the guide says."""
    TOKEN_FILE.unlink()
    systemctl("restart", "dlrd", check=False)
    assert value("ExecMainStatus") == "243"
    TOKEN_FILE.write_text(TOKEN + "\n")
    until(lambda: value("ActiveState") == "active", 10, "the service to come back by itself")


def test_a_second_daemon_does_not_touch_the_store_of_the_first(unit):
    found = run("/usr/bin/dlrd", "serve", "-c", CONFIG, check=False,
                env={"CREDENTIALS_DIRECTORY": str(TOKEN_FILE.parent)})
    assert found.returncode == 1 and f"process {unit.pid}" in found.stderr, found
    assert posted(unit) == 204
