"""Tokens of a running daemon are only in memory that is neither swapped nor dumped, and dlrd warns of
tokens that others can read."""

import fcntl
import hashlib
import hmac
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import termios

import pytest

import harness
from harness import (ACCOUNT, SAMPLE_TARGET, SLOW, TOKEN, dlrd, environment, new_sid, signed_get,
                     signed_json, signed_post, status_params, until)

FROM_FILE, FROM_CREDENTIAL = "AC" + "2" * 32, "AC" + "3" * 32
IS_ROOT = os.geteuid() == 0
NOBODY = 65534


def secret(first):
    """32 hexadecimal digits that occur nowhere else."""
    return first + os.urandom(16).hex()[1:]


# --- what a token looks like in memory ---

SHA1_START = (0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)


def compress(block, state=SHA1_START):
    """SHA-1's state after one block more (FIPS 180-4, section 6.1.2)."""
    words = list(struct.unpack(">16I", block))
    for i in range(16, 80):
        word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16]
        words.append((word << 1 | word >> 31) & 0xffffffff)
    a, b, c, d, e = state
    for i, word in enumerate(words):
        if i < 20:
            mixed, constant = (b & c) | (~b & d), 0x5a827999
        elif i < 40:
            mixed, constant = b ^ c ^ d, 0x6ed9eba1
        elif i < 60:
            mixed, constant = (b & c) | (b & d) | (c & d), 0x8f1bbcdc
        else:
            mixed, constant = b ^ c ^ d, 0xca62c1d6
        a, b, c, d, e = (((a << 5 | a >> 27) + mixed + e + constant + word) & 0xffffffff,
                         a, (b << 30 | b >> 2) & 0xffffffff, c, d)
    return tuple((x + y) & 0xffffffff for x, y in zip(state, (a, b, c, d, e)))


def pad(token, mask):
    return bytes(byte ^ mask for byte in token.encode().ljust(64, b"\0"))


def forms(token):
    """Bytes that give a token away: itself, in part too, and what HMAC-SHA1 makes of it as its key,
    which signs as well as the token does."""
    found = {"the token": token.encode()[:16], "its second half": token.encode()[16:]}
    for name, mask in (("inner", 0x36), ("outer", 0x5c)):
        block = pad(token, mask)
        found[f"its {name} pad"] = block[:16]
        found[f"its {name} pad's second half"] = block[16:32]
        found[f"its {name} pad as words"] = struct.pack("=4I", *struct.unpack(">4I", block[:16]))
        state = compress(block)
        found[f"its {name} state"] = struct.pack("=2I", *state[:2])
        found[f"its {name} state's middle"] = struct.pack("=2I", *state[2:4])
    return found


def mappings(pid):
    """All that can be read in a process: name, flags and content of each mapping."""
    with open(f"/proc/{pid}/smaps") as smaps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in smaps:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line)
            if head:
                start, end = int(head[1], 16), int(head[2], 16)
                access, name = head[3], head[4]
            elif line.startswith("VmFlags:") and "r" in access and not name.startswith("[v"):
                yield f"{name or 'no name'} {access}", line.split()[1:], read(memory, start, end)


PAGE = 4096
EMPTY_PAGE = bytes(PAGE)


def written(content):
    """Without the pages that are zero, which are most. No form of a token is, so it is in the others."""
    pages = (content[at:at + PAGE] for at in range(0, len(content), PAGE))
    return b"".join(page for page in pages if page != EMPTY_PAGE)


def read(memory, start, end):
    content = bytearray()
    memory.seek(start)
    while len(content) < end - start:
        piece = memory.read(end - start - len(content))
        assert piece, "the mapping has gone"
        content += piece
    return content


def look_for(pid, tokens):
    """The names of the tokens in memory that is locked and not dumped (VmFlags lo and dd of proc(5)), and
    a line for each other place of a token."""
    locked, bare = set(), []
    needles = [(name, form, needle) for name, token in tokens.items()
               for form, needle in forms(token).items()]
    for mapping, flags, content in mappings(pid):
        pages = written(content)
        for name, form, needle in needles:
            if needle not in pages:
                continue
            if "lo" in flags and "dd" in flags:
                locked.add(name)
            else:
                bare.append(f"{name}: {form} in {mapping} at +{content.index(needle):#x}")
    return locked, bare


def test_what_is_looked_for_is_what_signs():
    """The states are those of HMAC-SHA1, and the search finds what is there."""
    token = secret("7")

    def digest(message, mask):
        length = 8 * (64 + len(message))
        block = message + b"\x80" + b"\0" * (55 - len(message)) + struct.pack(">Q", length)
        return struct.pack(">5I", *compress(block, compress(pad(token, mask))))

    assert digest(digest(b"text", 0x36), 0x5c) == hmac.digest(token.encode(), b"text", hashlib.sha1)
    state = struct.pack("=5I", *compress(pad(token, 0x5c)))
    holder = ["/usr/bin/python3", "-c", "import sys; kept = sys.stdin.buffer.read(20); print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(state)
        process.stdin.flush()
        process.stdout.readline()
        _, bare = look_for(process.pid, {"its": token})
        process.stdin.close()
    assert any("its outer state" in line for line in bare)


# --- the daemon's memory ---


@pytest.fixture
def ringed(make_daemon, tmp_path):
    """A daemon with a token from each place that one may come from, each unlike the others."""
    tokens = {"current": secret("c"), "next": secret("e"), "previous": secret("b"),
              "file": secret("f"), "credential": secret("d"), "api": secret("a")}
    for name in ("file", "credential", "api"):
        (tmp_path / name).write_text(tokens[name] + "\n")
    daemon = make_daemon(
        {f"account {ACCOUNT}": {"auth_token": tokens["current"], "next_auth_token": tokens["next"],
                                "previous_auth_token": tokens["previous"]},
         f"account {FROM_FILE}": {"auth_token_file": str(tmp_path / "file")},
         f"account {FROM_CREDENTIAL}": {"auth_token_file": "credential"},
         "api": {"token_file": str(tmp_path / "api")}, "log": {"level": "debug"}},
        env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, tokens=tokens.values())
    daemon.tokens = tokens
    return daemon


def ask_api(daemon, path, token=None):
    bearer = [("Authorization", f"Bearer {token or daemon.tokens['api']}")]
    return daemon.api(path, headers=bearer)


def traffic(daemon):
    """Requests that are right with each token, and wrong in ways that are explained."""
    signers = [("current", ACCOUNT), ("next", ACCOUNT), ("previous", ACCOUNT), ("file", FROM_FILE),
               ("credential", FROM_CREDENTIAL)]
    for name, account in signers:
        params = status_params(new_sid(), "sent", AccountSid=account)
        token = daemon.tokens[name]
        daemon.keep(SAMPLE_TARGET, params, token=token)
        daemon.keep(SAMPLE_TARGET, params, 403, token=TOKEN)
        daemon.keep(SAMPLE_TARGET, params, 403, token=token, public_url="http://elsewhere.example")
        other = FROM_FILE if account != FROM_FILE else FROM_CREDENTIAL
        daemon.keep(SAMPLE_TARGET, {**params, "AccountSid": other}, 403, token=token)
        assert daemon.ask(signed_json(SAMPLE_TARGET, {"a": 1}, token=token)).status == 204
        assert daemon.ask(signed_get("/sms/twilio?AccountSid=" + account, token=TOKEN)).status == 403
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent", AccountSid="AC" + "9" * 32), 403)


def api_paths(daemon):
    rows = until(lambda: ask_api(daemon, "/v1/quarantine?limit=1000").json()["quarantine"],
                 what="the quarantine")
    return ["/metrics", "/v1/signature-failures", "/v1/quarantine", "/v1/events", "/v1/campaigns",
            "/v1/providers", "/v1/events/1", "/v1/openapi.json", "/nothing",
            *(f"/v1/quarantine/{row['id']}" for row in rows)]


def test_tokens_are_shown_nowhere(ringed):
    traffic(ringed)
    ringed.api("/v1/events", headers=[("Authorization", f"Bearer {TOKEN}")])
    ringed.settle()
    seen = {name: open(f"/proc/{ringed.pid}/{name}", "rb").read()
            for name in (["cmdline", "comm", "status"] + ["environ"] * IS_ROOT)}
    for path in api_paths(ringed):
        answer = ask_api(ringed, path)
        assert answer.status == (404 if path == "/nothing" else 200), path
        seen[path] = answer.head + answer.body
    seen["log"] = ringed.log_path.read_bytes()
    for file in ringed.store.rglob("*"):
        seen[file.name] = file.read_bytes()
    seen["check-config"] = ringed.cli(
        "check-config", "--print", env=environment(**ringed.env)).stdout.encode()
    assert b"refused a request" in seen["log"] and len(seen) > 15
    for name, token in ringed.tokens.items():
        for place, content in seen.items():
            for form, needle in forms(token).items():
                assert needle not in content, f"{place} holds {name}: {form}"


needs_memory = [
    pytest.mark.skipif(harness.SANITIZER is not None,
                       reason="a sanitizer keeps copies of its own of what is freed"),
    pytest.mark.skipif(not IS_ROOT, reason="the memory of a process that is not dumpable is root's")]


def memory_test(function):
    for mark in needs_memory:
        function = mark(function)
    return function


def write(daemon, changes):
    """The daemon's configuration, with changes, for a SIGHUP."""
    sections = {name: {**keys, **changes.get(name, {})} for name, keys in daemon.sections.items()
                if changes.get(name, {}) is not None}
    harness.write_config([(name, {key: value for key, value in keys.items() if value is not None})
                          for name, keys in sections.items()], daemon.config)


def reload(daemon, said):
    before = len(daemon.log())
    os.kill(daemon.pid, signal.SIGHUP)
    until(lambda: said in daemon.log()[before:], what=said)


@memory_test
def test_tokens_are_in_locked_memory_alone(ringed):
    assert look_for(ringed.pid, ringed.tokens) == (set(ringed.tokens), [])
    traffic(ringed)
    for path in api_paths(ringed):
        ask_api(ringed, path)
    ringed.api("/healthz", headers=[("Authorization", f"Bearer {ringed.tokens['api']}")])
    assert look_for(ringed.pid, ringed.tokens) == (set(ringed.tokens), [])


@memory_test
def test_a_token_that_is_taken_away_is_nowhere(ringed):
    """At a reload, also while connections of before are open."""
    traffic(ringed)
    with ringed.connect() as idle:
        params = status_params(new_sid(), "sent")
        assert idle.ask(signed_post(SAMPLE_TARGET, params, token=ringed.tokens["next"])
                        ).status == 204
        new = {"new": secret("1")}
        old = {**ringed.tokens, **new}
        write(ringed, {f"account {ACCOUNT}": {"auth_token": new["new"], "next_auth_token": None,
                                              "previous_auth_token": None},
                       f"account {FROM_FILE}": None, f"account {FROM_CREDENTIAL}": None,
                       "api": {"token_file": None}})
        reload(ringed, "configuration re-read")
        until(lambda: look_for(ringed.pid, old)[0] == {"new"}, what="the the end of the old snapshot")
        assert look_for(ringed.pid, old) == ({"new"}, [])
        ringed.secrets.update(new.values())


@memory_test
def test_a_token_of_a_configuration_that_is_not_taken_is_nowhere(ringed):
    new = {"new": secret("1"), "other": secret("2")}
    write(ringed, {f"account {ACCOUNT}": {"auth_token": new["new"]},
                   f"account {FROM_FILE}": {"auth_token_file": None, "auth_token": new["other"]},
                   "server": {"nonsense": "1"}})
    reload(ringed, "configuration unchanged")
    assert look_for(ringed.pid, new) == (set(), [])
    assert look_for(ringed.pid, ringed.tokens) == (set(ringed.tokens), [])
    ringed.secrets.update(new.values())


@memory_test
@pytest.mark.parametrize("lines_after", [0, 1, 40])
def test_a_token_is_wiped_wherever_it_stood_in_the_file(make_daemon, lines_after):
    """The last line of a file is the one that reading leaves in its buffers."""
    token = secret("6")
    daemon = make_daemon({"store": {"error_codes": None}, f"account {ACCOUNT}": None,
                          f"account {FROM_FILE}": {"auth_token": token}}, start=False)
    daemon.sections = {**daemon.sections, **{f"keyword after{i}": {"words": f"after{i}"}
                                             for i in range(lines_after)}}
    daemon.secrets = {token}
    daemon.start()
    assert look_for(daemon.pid, {"token": token}) == ({"token"}, [])


# --- dumps, and other people's eyes ---


def test_a_crash_leaves_no_core_dump(make_daemon, tmp_path):
    """The kernel's flag decides, for any core_pattern: a file, or a program."""
    daemon = make_daemon(start=False)
    daemon.write()

    def crash(words, ready):
        pid = os.fork()
        if pid == 0:
            try:
                os.chdir(tmp_path)
                hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
                resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
                quiet = os.open(daemon.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(quiet, 1)
                os.dup2(quiet, 2)
                os.execve(words[0], words, environment())
            finally:
                os._exit(127)
        try:
            until(lambda: ready(pid), 20, "a start")
        finally:
            os.kill(pid, signal.SIGABRT)
            status = os.waitpid(pid, 0)[1]
        assert os.WIFSIGNALED(status) or harness.SANITIZER, status
        return os.WCOREDUMP(status)

    def is_ready(_):
        try:
            return daemon.api("/readyz").status == 200
        except OSError:
            return False

    def sleeps(pid):
        return b"sleep" in open(f"/proc/{pid}/comm", "rb").read()

    control = crash([shutil.which("sleep"), "60"], sleeps)
    for core in tmp_path.iterdir():
        assert control
        core.unlink()
    assert not crash([harness.DLRD, "serve", "-c", str(daemon.config)], is_ready)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def unprivileged(make_daemon):
    """Makes a daemon with a limit of locked memory; if the test runs as root, an unprivileged one."""
    def make(locked="unlimited", **more):
        become = "setpriv --reuid=65534 --regid=65534 --clear-groups" if IS_ROOT else ""
        # Not exec: harness.Daemon takes the wrapper's child for the daemon.
        script = f'program=$1; shift 2; {become} prlimit --memlock={locked} "$program" "$@"; exit $?'
        daemon = make_daemon(start=False, **more)
        program = daemon.home / "dlrd"
        shutil.copy(harness.DLRD, program)
        daemon.wrapper = ["/bin/sh", "-c", script, "sh", str(program)]
        daemon.sections["store"]["error_codes"] = None
        daemon.write()
        if IS_ROOT:
            for path in (daemon.home, *daemon.home.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        return daemon.start()
    return make


def test_what_proc_holds_of_it_is_root_s(unprivileged):
    """As for a program that is not dumpable: its own user reads neither memory nor environment."""
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    daemon = unprivileged("unlimited" if limit == resource.RLIM_INFINITY else limit)
    assert os.stat(f"/proc/{daemon.pid}").st_uid == (NOBODY if IS_ROOT else os.geteuid())
    for name in ("mem", "environ", "maps", "fd"):
        assert os.stat(f"/proc/{daemon.pid}/{name}").st_uid == 0, name
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))


LOCK_WARNING = "tokens could not be locked in memory"


@pytest.mark.skipif(harness.SANITIZER is not None, reason="a sanitizer says that it did lock")
def test_a_token_that_cannot_be_locked_is_warned_of(unprivileged):
    """Callbacks are kept all the same: a daemon that does not start loses them."""
    daemon = unprivileged(0)
    warning = next(line for line in daemon.log().splitlines() if LOCK_WARNING in line)
    assert "warning" in warning and "0 bytes" in warning and "LimitMEMLOCK=" in warning
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    reload(daemon, "configuration re-read")
    assert daemon.log().count(LOCK_WARNING) == 2


def test_a_token_that_is_locked_causes_no_warning(ringed):
    assert LOCK_WARNING not in ringed.log() and "the environment contains" not in ringed.log()


# --- the command line ---


@pytest.mark.parametrize("command,more", [("sign", []), ("verify", ["--signature", "s"])])
@pytest.mark.parametrize("joined", [False, True], ids=["two-words", "one-word"])
def test_a_token_on_the_command_line_is_overwritten_there(command, more, joined):
    token = secret("8")
    words = [f"--token={token}"] if joined else ["--token", token]
    process = subprocess.Popen(
        [harness.DLRD, command, "--url", "https://a.example/", *words, *more, "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment())

    def cmdline():
        return open(f"/proc/{process.pid}/cmdline", "rb").read()

    until(lambda: b"https://a.example/" in cmdline() and token.encode() not in cmdline(),
          what="other words")
    assert b"x" * len(token) in cmdline(), "the rest stays to be read"
    out = process.communicate(b"a=b", timeout=20 * SLOW)[0].decode()
    if command == "sign":
        assert out.strip() == harness.sign("https://a.example/", {"a": "b"}, token)
    assert token not in out


def test_a_token_file_may_be_a_pipe_or_standard_input():
    url = "https://a.example/"
    wanted = harness.sign(url) + "\n"
    result = dlrd("sign", "--url", url, "--token-file", "-", input=TOKEN + "\n")
    assert (result.returncode, result.stdout) == (0, wanted)
    out, into = os.pipe()
    process = subprocess.Popen([harness.DLRD, "sign", "--url", url, "--token-file", f"/dev/fd/{out}"],
                               stdout=subprocess.PIPE, pass_fds=[out], env=environment())
    os.close(out)
    for piece in (TOKEN[:10], TOKEN[10:]):
        os.write(into, piece.encode())
        until(lambda: fcntl.ioctl(into, termios.FIONREAD, bytes(4)) == bytes(4), what="its reader")
    os.close(into)
    assert process.communicate(timeout=20 * SLOW)[0].decode() == wanted


@pytest.mark.parametrize("text", ["", "\n", TOKEN + "\n" + TOKEN, "x" * 5000],
                         ids=["empty", "blank", "two", "huge"])
def test_a_token_file_without_one_token_is_refused(tmp_path, text):
    (tmp_path / "token").write_text(text)
    result = dlrd("sign", "--url", "https://a.example/", "--token-file", tmp_path / "token")
    assert result.returncode == 2 and "must contain only the token" in result.stderr
    assert TOKEN not in result.stderr


# --- the environment ---


@pytest.fixture
def check(tmp_path):
    def run(section):
        path = tmp_path / "dlrd.ini"
        listen = "".join(f"[{name}]\nlisten = 127.0.0.1:{harness.free_port()}\n" for name in ("server", "api"))
        path.write_text(f"[account {ACCOUNT}]\n{section}\n{listen}")
        path.chmod(0o600)
        return dlrd("check-config", "-c", path, env=environment(TWILIO_AUTH_TOKEN=TOKEN))
    run.path = tmp_path / "dlrd.ini"
    return run


REFERENCES = ["$TWILIO_AUTH_TOKEN", "${TWILIO_AUTH_TOKEN}", "env:TWILIO_AUTH_TOKEN",
              "ENV:TWILIO_AUTH_TOKEN", "%(TWILIO_AUTH_TOKEN)s", "%TWILIO_AUTH_TOKEN%",
              "{{ TWILIO_AUTH_TOKEN }}", "$(cat /run/secrets/token)", "env(TWILIO_AUTH_TOKEN)",
              "!env TWILIO_AUTH_TOKEN", "${TWILIO_AUTH_TOKEN:-none}", "@env:TWILIO_AUTH_TOKEN"]


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("key", ["auth_token", "next_auth_token", "previous_auth_token"])
def test_a_token_from_the_environment_is_refused(check, reference, key):
    first = "" if key == "auth_token" else f"auth_token = {TOKEN}\n"
    result = check(f"{first}{key} = {reference}\n")
    assert result.returncode == 1
    assert result.stderr.startswith(
        f"{check.path}:{3 if first else 2}: [account {ACCOUNT}] {key}: refers to the environment")
    assert "auth_token_file" in result.stderr and "LoadCredential=" in result.stderr
    assert TOKEN not in result.stderr and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_file_that_holds_a_reference_is_refused(check, tmp_path, reference):
    (tmp_path / "token").write_text(reference + "\n")
    result = check(f"auth_token_file = {tmp_path}/token\n")
    assert result.returncode == 1
    assert result.stderr.startswith(f"{check.path}:2: [account {ACCOUNT}] auth_token_file: ")
    assert f"{tmp_path}/token" in result.stderr and "environment" in result.stderr


@pytest.mark.parametrize("name", ["$CREDENTIALS_DIRECTORY/auth_token", "%d/auth_token",
                                  "${CREDENTIALS_DIRECTORY}/auth_token"])
def test_a_file_s_name_from_the_environment_is_answered_with_advice(check, name):
    result = check(f"auth_token_file = {name}\n")
    assert result.returncode == 1
    assert f"[account {ACCOUNT}] auth_token_file: \"{name}\"" in result.stderr
    assert "bare name of a credential" in result.stderr


@pytest.mark.parametrize("value,words", [
    (f'"{TOKEN}"', "in quotes"), (f"'{TOKEN}'", "in quotes"),
    (f"{TOKEN} {TOKEN}", "has more than a token"), (f"\ufeff{TOKEN}", "has more than a token"),
    (f"TWILIO_AUTH_TOKEN={TOKEN}", "has more than a token"),
], ids=range(5))
def test_what_is_no_token_is_refused_and_not_repeated(check, tmp_path, value, words):
    (tmp_path / "token").write_text(value)
    for section in (f"auth_token = {value}\n", f"auth_token_file = {tmp_path}/token\n"):
        result = check(section)
        assert result.returncode == 1 and words in result.stderr, result.stderr
        assert TOKEN not in result.stderr


def test_a_token_in_the_place_of_its_file_is_not_repeated(check):
    result = check(f"auth_token_file = {TOKEN}\n")
    assert result.returncode == 1 and TOKEN not in result.stderr
    assert f"{check.path}:2: [account {ACCOUNT}] auth_token_file: " in result.stderr


@pytest.mark.parametrize("token", ["c2VjcmV0LXNoYXJlZC1rZXktMzItYmU=", "c2VjcmV0LXNoYXJlZC1rZXktMzItYg==",
                                   "A-b_c.d~" * 4])
def test_a_token_has_32_characters_and_which_is_twilio_s_to_say(check, token):
    assert check(f"auth_token = {token}\n").returncode == 0


@pytest.mark.parametrize("key", ["auth_token", "next_auth_token", "previous_auth_token"])
@pytest.mark.parametrize("token", [TOKEN[:-1], TOKEN + "0", "x", 2 * TOKEN], ids=["31", "33", "1", "64"])
def test_a_token_of_another_length_is_refused_and_not_repeated(check, tmp_path, key, token):
    (tmp_path / "short").write_text(token + "\n")
    for line in (f"{key} = {token}", f"{key}_file = {tmp_path}/short"):
        result = check(line + "\n")
        assert result.returncode == 1
        where = f"{check.path}:2: [account {ACCOUNT}] {line.partition(' ')[0]}: "
        assert f"{where}the token has {len(token)} characters; an Auth Token has 32" in result.stderr
        assert len(token) < 8 or token not in result.stderr


def test_a_token_in_the_environment_is_not_read(tmp_path):
    path = tmp_path / "dlrd.ini"
    path.write_text(f"[account {ACCOUNT}]\n")
    for command in ("check-config", "serve"):
        result = dlrd(command, "-c", path, env=environment(
            TWILIO_AUTH_TOKEN=TOKEN, AUTH_TOKEN=TOKEN, DLRD_AUTH_TOKEN=TOKEN))
        assert result.returncode == 1 and "auth_token: is missing" in result.stderr


def test_a_token_in_the_daemon_s_environment_is_reported_and_overwritten(make_daemon):
    """In a variable that Twilio's programs read: any token; in other variables: a configured one."""
    tokens = {"usual": secret("3"), "ours": secret("4"), "not ours": secret("5")}
    daemon = make_daemon({f"account {ACCOUNT}": {"auth_token": tokens["ours"]}},
                         env={"TWILIO_AUTH_TOKEN": tokens["usual"], "SMS_KEY": tokens["ours"],
                              "OTHER": tokens["not ours"]}, tokens=tokens.values())
    warnings = [line for line in daemon.log().splitlines() if "the environment contains" in line]
    assert len(warnings) == 2 and all(" warning: " in line for line in warnings)
    assert "in TWILIO_AUTH_TOKEN:" in daemon.log() and "in SMS_KEY:" in daemon.log()
    if IS_ROOT:
        content = open(f"/proc/{daemon.pid}/environ", "rb").read()
        assert tokens["usual"].encode() not in content and tokens["ours"].encode() not in content
        assert tokens["not ours"].encode() in content, "a value that is not a token is not changed"
    if IS_ROOT and not harness.SANITIZER:
        del tokens["not ours"]
        assert look_for(daemon.pid, tokens) == ({"ours"}, [])
    reload(daemon, "configuration re-read")
    assert daemon.log().count("the environment contains") == 2
