"""The base of all integration tests: the real daemon in a separate directory, raw HTTP, and requests
signed by Twilio's SDK.

It neither reads the daemon's source nor shares code with it. Waiting is polling with a deadline. SLOW
extends all deadlines if the program is built with a sanitizer, or several tests run at a time.
"""

import collections
import csv
import ctypes
import hashlib
import io
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from urllib.parse import quote, urlencode

import pytest
from twilio.request_validator import RequestValidator

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DLRD = str(pathlib.Path(os.environ.get("DLRD", ROOT / "build" / "dlrd")).resolve())
NODE_MODULES = HERE / "node_modules"
SMALL = os.environ.get("DLRD_TEST_SCALE") == "small"
ERROR_CODES = ROOT / "conf" / "error-codes.csv"


def _sanitizer():
    try:
        program = pathlib.Path(DLRD).read_bytes()
    except OSError:
        return None
    for mark, name in ((b"__tsan_init", "thread"), (b"__asan_init", "address"),
                       (b"__ubsan_handle", "undefined")):
        if mark in program:
            return name
    return None


def _libmicrohttpd():
    library = ctypes.CDLL("libmicrohttpd.so.12")
    library.MHD_get_version.restype = ctypes.c_char_p
    return tuple(map(int, library.MHD_get_version().decode().split(".")[:3]))


def _memory():
    """A folder in memory with room for the largest stores, or None."""
    folder = os.environ.get("DLRD_TEST_MEMORY", "/dev/shm")
    try:
        room = os.statvfs(folder)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) and room.f_bavail * room.f_frsize > 2 << 30 else None


MHD = _libmicrohttpd()  # (0, 9, 75) on Debian 12, (1, 0, 1) on Debian 13
SANITIZER = _sanitizer()
SLOW = 6 if SANITIZER else 2 if SMALL or "PYTEST_XDIST_WORKER" in os.environ else 1
MEMORY = _memory()
# Where daemons have their files; None: in TMPDIR. Syncs cost nothing in memory, and most tests wait for syncs
# most of their time. A file of tests that are about the disk, or about the time that syncs take, has ON_DISK.
home_folder = MEMORY

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "12345678901234567890123456789012"
PUBLIC_URL = "https://callbacks.example.com"
FORM = "application/x-www-form-urlencoded"
META = "000000000.1200000000.1691686363.20230810.0.wzrk_default.-4930006"
SAMPLE_TARGET = f"/sms/twilio?account=YOUR_ACCOUNT_ID&meta={META}"
CAMPAIGN = "1691686363_20230810"

CAMPAIGN_KEYS = ["workspace", "campaign", "messages", "sent", "delivered", "failed", "read",
                 "replied", "clicked", "opted_out", "pending", "delivery_rate", "first", "last",
                 "canceled", "conflicts", "duplicates", "clicked_messages", "click_rate",
                 "delivery_rate_low", "delivery_rate_high", "median_seconds", "p95_seconds", "last_24_hours", "pending_ages"]
PENDING_AGES = ["under_1h", "under_6h", "under_24h", "under_72h", "older"]
INBOUND_KEYS = ["media_count", "media_types", "media_links", "from_city", "from_state", "from_zip",
                "from_country"]
EVENT_KEYS = ["seq", "time", "type", "workspace", "campaign", "variant", "account", "message",
              "status", "error_code", "from", "to", "service", "body", "keyword", *INBOUND_KEYS]
ERROR_KEYS = ["code", "name", "kind", "permanence", "action", "count", "share", "first", "last",
              "recent", "previous", "trend", "samples"]


def flat(row):
    """A row of JSON as its CSV line has it."""
    row = dict(row)
    for age, count in row.pop("pending_ages", {}).items():
        row[f"pending_{age}"] = count
    if "samples" in row:
        row["samples"] = " ".join(row["samples"])
    return row


def scaled(full, small):
    """full, or small in a small run."""
    return small if SMALL else full


def until(check, seconds=10, what="the condition"):
    """Polls check until it gives something true, and returns that."""
    end = time.monotonic() + seconds * SLOW
    pause = 0.002
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds * SLOW} s for {what}"
        threading.Event().wait(pause)
        pause = min(pause * 1.5, 0.05)


# Below the ports that the kernel gives to connections.
PORTS = range(10_000, 30_000)
_reserved = collections.deque()


def free_port(family=socket.AF_INET):
    """A port that no other test of this machine gets meanwhile, in whichever root directory it runs: a socket with
    the port's name exists while this process lives, for the latest 200 of them."""
    loopback = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    for _ in range(1000):
        port = random.SystemRandom().choice(PORTS)
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0dlrd-test-port-{port}")
            with socket.socket(family) as probe:
                probe.bind((loopback, port))
        except OSError:
            name.close()
            continue
        _reserved.append(name)
        if len(_reserved) > 200:
            _reserved.popleft().close()
        return port
    raise AssertionError("no free port")


# --- HTTP ---


class Response:
    def __init__(self, status, reason, headers, body, head):
        self.status, self.reason, self.headers, self.body, self.head = (
            status, reason, headers, body, head)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def csv(self):
        return list(csv.reader(io.StringIO(self.body.decode("utf-8"), newline="")))

    def __repr__(self):
        return f"<{self.head!r} {self.body[:200]!r}>"


class Closed(Exception):
    """The other side closed, or was cut, before a whole response was there."""


class Connection:
    """One raw connection; nothing is added to what is sent."""

    def __init__(self, address, timeout=15):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket(
                socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout * SLOW)
        self.socket.connect(address)
        self.pending = b""

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError as error:
            raise Closed(self.pending) from error
        if not data:
            raise Closed(self.pending)
        self.pending += data

    def read(self, method="POST"):
        """The next response. An interim 100 is a response, too."""
        while b"\r\n\r\n" not in self.pending:
            self._more()
        head, _, self.pending = self.pending.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
        assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon, f"no header: {line!r}"
            headers.append((name, value.strip()))
        response = Response(int(status), reason, headers, b"", head)
        length = response.header("Content-Length")
        if method != "HEAD" and length is not None:
            body, self.pending = bytearray(self.pending), b""
            while len(body) < int(length):
                self._more()
                body += self.pending
                self.pending = b""
            response.body, self.pending = bytes(body[:int(length)]), bytes(body[int(length):])
        elif (method != "HEAD" and response.header("Transfer-Encoding") == "chunked"
              and response.header("Content-Type") != "text/event-stream"):
            response.body = b"".join(self.chunks())
        return response

    def exactly(self, length):
        """The next bytes, so many of them."""
        while len(self.pending) < length:
            self._more()
        data, self.pending = self.pending[:length], self.pending[length:]
        return data

    def chunks(self):
        """The chunks of a body, to the last; Closed without that."""
        while True:
            while b"\r\n" not in self.pending:
                self._more()
            size, _, self.pending = self.pending.partition(b"\r\n")
            data = self.exactly(int(size, 16))
            assert self.exactly(2) == b"\r\n"
            if not data:
                return
            yield data

    def ask(self, data, method="POST"):
        self.send(data)
        return self.read(method)

    def at_end(self):
        """Whether the other side closes now (or resets), with nothing more to say."""
        try:
            return not self.pending and self.socket.recv(65536) == b""
        except ConnectionError:
            return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def is_read(connection):
    """Whether the other side has read all that was sent on an IPv4 connection, according to the
    kernel's table of connections."""
    ours, theirs = connection.socket.getsockname()[1], connection.socket.getpeername()[1]
    found = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        ports = tuple(int(words[i].split(":")[1], 16) for i in (1, 2))
        waiting = [int(word, 16) for word in words[4].split(":")]
        if ports == (ours, theirs):
            found += waiting[0] == 0
        elif ports == (theirs, ours):
            found += waiting[1] == 0
    return found == 2


def request_bytes(method, target, headers=(), body=b"", host="callbacks.example.com",
                  length=True, version="HTTP/1.1"):
    if isinstance(target, str):
        target = target.encode("latin-1")
    lines = [method.encode() + b" " + target + b" " + version.encode()]
    if host is not None:
        lines.append(b"Host: " + host.encode())
    for name, value in headers:
        lines.append(name.encode() + b": " + value.encode("latin-1"))
    if length and (body or method == "POST"):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


# --- signed callbacks ---

_validators = {}


def sign(url, params=None, token=TOKEN):
    """The signature that Twilio's Python SDK computes."""
    if token not in _validators:
        _validators[token] = RequestValidator(token)
    return _validators[token].compute_signature(url, params or {})


class Pairs:
    """Parameters with repeated names, in the forms that the SDK reads: version 7 iterates items(),
    version 9 iterates the names and calls getlist(). Both sign each pair once, in the same order."""

    def __init__(self, pairs):
        self.pairs = set(pairs)

    def items(self):
        return self.pairs

    def __iter__(self):
        return iter({name for name, _ in self.pairs})

    def getlist(self, name):
        return [value for other, value in self.pairs if other == name]

    def __bool__(self):
        return bool(self.pairs)


def signed_post(target, pairs, token=TOKEN, public_url=PUBLIC_URL, headers=(), **more):
    """The bytes of a signed form POST."""
    pairs = list(pairs.items()) if isinstance(pairs, dict) else list(pairs)
    body = urlencode(pairs).encode()
    signature = sign(public_url + target, Pairs(pairs), token)
    return request_bytes("POST", target, [
        ("Content-Type", FORM), ("X-Twilio-Signature", signature), *headers], body, **more)


def signed_get(target, token=TOKEN, public_url=PUBLIC_URL, headers=()):
    return request_bytes(
        "GET", target, [("X-Twilio-Signature", sign(public_url + target, {}, token)), *headers])


def body_target(target, body):
    mark = "&" if "?" in target else "?"
    return f"{target}{mark}bodySHA256={hashlib.sha256(body).hexdigest()}"


def signed_json(target, body, token=TOKEN, public_url=PUBLIC_URL, media_type="application/json"):
    """The bytes of a JSON POST that bodySHA256 binds."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    target = body_target(target, body)
    return request_bytes("POST", target, [
        ("Content-Type", media_type),
        ("X-Twilio-Signature", sign(public_url + target, {}, token))], body)


_counter = itertools.count(1)


def new_sid(prefix="SM"):
    """A SID that no other call gives."""
    unique = f"{os.getpid()}/{next(_counter)}/{time.time_ns()}"
    return prefix + hashlib.md5(unique.encode()).hexdigest()


def phone(number):
    return f"+1555{number % 10_000_000:07d}"


def status_params(sid, status, code=None, number=1, **more):
    params = {"SmsSid": sid, "SmsStatus": status, "MessageStatus": status, "To": phone(number),
              "MessageSid": sid, "AccountSid": ACCOUNT, "From": "+15017122661",
              "ApiVersion": "2010-04-01"}
    if code is not None:
        params["ErrorCode"] = str(code)
    params.update(more)
    return {name: value for name, value in params.items() if value is not None}


def reply_params(sid, body, number=1, **more):
    params = {"ToCountry": "US", "ToState": "", "SmsMessageSid": sid, "NumMedia": "0",
              "ToCity": "", "FromZip": "", "SmsSid": sid, "FromState": "", "SmsStatus": "received",
              "FromCity": "", "Body": body, "FromCountry": "US", "To": "+15017122661",
              "ToZip": "", "NumSegments": "1", "MessageSid": sid, "AccountSid": ACCOUNT,
              "From": phone(number), "ApiVersion": "2010-04-01"}
    params.update(more)
    return {name: value for name, value in params.items() if value is not None}


def target_for(campaign="1700000000_20240101", workspace="W", variant="v1"):
    first, _, second = campaign.partition("_")
    return f"/sms/twilio?account={quote(workspace, safe='')}&meta=0.1.{first}.{second}.0.{variant}.1"


# --- the daemon ---

BAD_LINES = ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer",
             "ERROR: LeakSanitizer")
NUMBER_IN_LOG = re.compile(r"(?<![0-9A-Za-z.:])\+?[0-9]{10,15}(?![0-9A-Za-z])")


def environment(**more):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("DLRD", "JOURNAL_STREAM", "NOTIFY_SOCKET", "LISTEN_",
                                   "WATCHDOG_", "CREDENTIALS_"))}
    env.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    env.update(more)
    return env


def write_config(sections, path):
    """sections: a list of (name, dict or list of pairs)."""
    lines = []
    for name, keys in sections:
        lines.append(f"[{name}]")
        for key, value in keys.items() if isinstance(keys, dict) else keys:
            lines.append(f"{key} = {value}")
        lines.append("")
    path.write_text("\n".join(lines))
    path.chmod(0o600)


class Daemon:
    """A daemon with a directory, ports and a log of its own.

    settings: {"section": {key: value or None to leave it out}} laid over the defaults below.
    """

    def __init__(self, settings=None, store=None, env=None, wrapper=(), tokens=(TOKEN,)):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="dlrd-", dir=home_folder))
        self.store = pathlib.Path(store) if store else self.home / "store"
        if store is None:
            self.store.mkdir()
        self.config = self.home / "dlrd.ini"
        self.log_path = self.home / "log"
        self.env, self.wrapper = env or {}, list(wrapper)
        self.secrets = set(tokens)
        self.process = None
        self.ended_by_test = False
        self.sections = {
            "server": {"listen": None, "public_url": PUBLIC_URL, "keepalive_timeout": "120s"},
            "api": {"listen": None},
            "store": {"directory": str(self.store), "error_codes": str(ERROR_CODES)},
            f"account {ACCOUNT}": {"auth_token": TOKEN},
        }
        for section, keys in (settings or {}).items():
            if keys is None:
                self.sections.pop(section, None)
            else:
                self.sections.setdefault(section, {}).update(keys)
        self.fixed_listen = self.sections["server"]["listen"]
        self.port = self.api_port = 0
        self.fixed_api_port = 0  # a page that is open finds the daemon again

    # life

    def write(self):
        self.port, self.api_port = free_port(), self.fixed_api_port or free_port()
        self.sections["server"]["listen"] = self.fixed_listen or f"127.0.0.1:{self.port}"
        self.sections["api"]["listen"] = f"127.0.0.1:{self.api_port}"
        write_config([(name, {key: value for key, value in keys.items() if value is not None})
                      for name, keys in self.sections.items()], self.config)

    def spawn(self, **env):
        """Starts the process and does not wait for it."""
        self.write()
        self.ended_by_test = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, DLRD, "serve", "-c", str(self.config)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=environment(**self.env, **env), cwd="/",
                start_new_session=True)
        return self

    def start(self, seconds=20):
        for attempt in range(3):
            before = self.log_path.stat().st_size if self.log_path.exists() else 0
            self.spawn()
            try:
                self.wait_ready(seconds)
                return self
            except AssertionError:
                # Another program took the free port before the daemon bound it.
                new = self.log_path.read_bytes()[before:]
                if attempt == 2 or b"already in use" not in new:
                    self.remove()
                    raise
        return self

    def wait_ready(self, seconds=20):
        def ready():
            assert self.process.poll() is None, (
                f"dlrd ended with {self.process.returncode}: {self.log()[-2000:]}")
            try:
                return self.api("/readyz").status == 200
            except OSError:
                return False
        until(ready, seconds, "/readyz")

    @property
    def pid(self):
        """The daemon itself, also behind a wrapper."""
        if not self.wrapper:
            return self.process.pid
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split()
        return int(found[0]) if found else self.process.pid  # some wrappers become the program

    def kill(self):
        """Ends the process as a power cut does: SIGKILL."""
        self.ended_by_test = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def terminate(self, seconds=30):
        """SIGTERM; gives the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(seconds * SLOW)

    def restart(self):
        assert self.terminate() == 0, self.log()[-2000:]
        return self.start()

    def finish(self):
        """The end of every test: exit 0 on SIGTERM, and a log without secrets."""
        try:
            if self.process is not None and self.process.poll() is None:
                code = self.terminate()
                assert code == 0, f"SIGTERM ended in exit code {code}: {self.log()[-3000:]}"
            elif self.process is not None and not self.ended_by_test:
                assert self.process.returncode in (0, 1), (
                    f"dlrd ended by itself with {self.process.returncode}: {self.log()[-3000:]}")
            self.check_log()
        finally:
            self.remove()

    def remove(self):
        """Ends the daemon in any state and removes its files. The daemon leads a session, so that this also
        works if a wrapper started it."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(30)
        shutil.rmtree(self.home, ignore_errors=True)

    def check_log(self):
        raw = self.log_path.read_bytes() if self.log_path.exists() else b""
        text = raw.decode("utf-8", "replace")
        for mark in BAD_LINES:
            assert mark not in text, text[text.index(mark):][:6000]
        for line in raw.split(b"\n"):
            assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]|\xc2[\x80-\x9f]", line), (
                f"a raw control byte in the log: {line!r}")
        for secret in self.secrets:
            assert secret not in text, f"the log holds a token: {text[-2000:]}"
        found = NUMBER_IN_LOG.search(text)
        assert not found, f"the log has a text like a phone number: {found.group(0)}"

    def log(self):
        """The log so far. A separate thread of the daemon writes it, so the latest lines may be late: this waits
        until no more arrive."""
        if not self.log_path.exists():
            return ""
        size = -1
        while size != (size := self.log_path.stat().st_size):
            time.sleep(0.02 * SLOW)
        return self.log_path.read_text(errors="replace")

    # talking to it

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def connect(self, timeout=15):
        return Connection(self.address, timeout)

    def ask(self, data, method="POST"):
        with self.connect() as connection:
            return connection.ask(data, method)

    def post(self, target, pairs, **more):
        return self.ask(signed_post(target, pairs, **more))

    def keep(self, target, pairs, status=204, **more):
        """Posts, and takes nothing but status for an answer."""
        response = self.post(target, pairs, **more)
        assert response.status == status, response
        return response

    def keep_all(self, requests, status=204):
        """Sends many on one connection, one after the other."""
        with self.connect() as connection:
            for data in requests:
                response = connection.ask(data)
                assert response.status == status, response

    def api(self, path, headers=(), method="GET", timeout=10):
        data = request_bytes(method, path, headers, host="127.0.0.1")
        with Connection(("127.0.0.1", self.api_port), timeout) as connection:
            return connection.ask(data, method)

    def get(self, path, settle=True):
        """JSON of an api path, once everything acknowledged has been projected."""
        if settle:
            self.settle()
        response = self.api(path)
        assert response.status == 200, response
        return response.json()

    def metric(self, name, labels=""):
        for line in self.api("/metrics").body.decode().splitlines():
            key, _, value = line.rpartition(" ")
            if key == name + labels:
                return float(value)
        raise AssertionError(f"no metric {name}{labels}")

    def campaign(self, campaign=CAMPAIGN):
        return self.get(f"/v1/campaigns/{quote(campaign, safe='')}")

    def events(self, query=""):
        """All events, page after page to the end."""
        self.settle()
        found, after = [], 0
        while True:
            page = self.get(f"/v1/events?after={after}&limit=1000{query}", settle=False)
            if not page["events"]:
                return found
            found += page["events"]
            assert page["next"] > after
            after = page["next"]

    # looking at it

    def database(self, name="dlrd.db"):
        connection = sqlite3.connect(f"file:{self.store / name}?mode=ro", uri=True, timeout=10)
        connection.text_factory = bytes
        return connection

    def sql(self, query, *values, name="dlrd.db"):
        connection = self.database(name)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def settle(self, seconds=40):
        """Waits until all that the journal holds has been projected. Fails if the projector makes no step in
        so many seconds; on a busy machine its low priority makes steps slow, but they go on."""
        def opened():
            try:
                return self.sql("SELECT cursor FROM state")
            except sqlite3.OperationalError:  # it may still be created after readiness
                return None
        last = self.sql("SELECT coalesce(max(seq), 0) FROM entry", name="journal.db")[0][0]
        cursor = until(opened, 10, "the store")[0][0]
        while cursor < last:
            cursor = until(lambda before=cursor: self.sql(
                "SELECT cursor FROM state WHERE cursor > ?", before), seconds, "the projector")[0][0]

    def rss(self):
        """Bytes in memory."""
        return self.memory("VmRSS")

    def peak_rss(self):
        """The most bytes that it had in memory since it was started."""
        return self.memory("VmHWM")

    def memory(self, field):
        """A field of /proc/PID/status, in bytes."""
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+)", text).group(1)) * 1024

    def processor_seconds(self):
        """Of all its threads since it was started."""
        text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def cli(self, command, *words, check=True, text=True, **more):
        result = dlrd(command, *words, "-c", str(self.config), text=text, **more)
        if check:
            assert result.returncode == 0, (result.returncode, result.stdout, result.stderr)
        return result

    def audit(self):
        self.settle()
        result = self.cli("audit", "--json", check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        found = json.loads(result.stdout)
        assert found["differences"] == 0, found
        return found


def fill(path):
    """Takes all space that is left, to the last byte."""
    with open(path, "wb", buffering=0) as ballast:
        for size in (65536, 4096, 1):
            try:
                while True:
                    ballast.write(b"x" * size)
            except OSError:
                continue


def dlrd(*words, text=True, **more):
    """Runs the program, and nothing else."""
    more.setdefault("timeout", 60 * SLOW)
    more.setdefault("env", environment())
    result = subprocess.run([DLRD, *map(str, words)], capture_output=True, text=text, **more)
    stderr = result.stderr if text else result.stderr.decode("utf-8", "replace")
    for mark in BAD_LINES:
        assert mark not in stderr, stderr[:6000]
    return result


# --- load with a ledger ---


class Load:
    """Threads that post unique callbacks over keep-alive connections until stop, or until their
    daemon is gone. Each acknowledgement is written to the ledger before it is counted."""

    def __init__(self, daemon, ledger, threads=8, status="sent", target=None, limit=None):
        self.daemon, self.ledger_path = daemon, ledger
        self.target = target or target_for()
        self.status, self.limit = status, limit
        self.stopping = threading.Event()
        self.acknowledged = self.sent = self.refused = 0
        self.lock = threading.Lock()
        self.ledger = open(ledger, "ab", buffering=0)
        self.sent_ledger = open(str(ledger) + ".sent", "ab", buffering=0)
        self.address = daemon.address
        self.failures = []
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        try:
            self._post_all()
        except AssertionError as error:
            self.failures.append(error)

    def _post_all(self):
        try:
            connection = Connection(self.address, 20)
        except OSError:
            return
        with connection:
            while not self.stopping.is_set():
                sid = new_sid()
                data = signed_post(self.target, status_params(sid, self.status))
                with self.lock:
                    if self.limit is not None and self.sent >= self.limit:
                        return
                    self.sent += 1
                self.sent_ledger.write(sid.encode() + b"\n")
                try:
                    status = connection.ask(data).status
                except (OSError, Closed):
                    return
                assert status in (204, 503), f"answered {status}"
                if status == 204:
                    self.ledger.write(sid.encode() + b"\n")
                with self.lock:
                    self.acknowledged += status == 204
                    self.refused += status == 503

    def wait_acknowledged(self, count, seconds=30):
        until(lambda: self.acknowledged >= count or not self.alive(), seconds,
              f"{count} acknowledgements")

    def alive(self):
        return any(thread.is_alive() for thread in self.threads)

    def join(self, seconds=60):
        for thread in self.threads:
            thread.join(seconds * SLOW)
            assert not thread.is_alive(), "a client still waits for its answer"
        self.ledger.close()
        self.sent_ledger.close()
        if self.failures:
            raise self.failures[0]

    def stop(self):
        self.stopping.set()
        self.join()


def ledger_of(path):
    with open(path, "rb") as ledger:
        return ledger.read().decode().split()


def check_ledger(daemon, ledger):
    """acknowledged within stored within sent, nothing twice, and figures that add up."""
    daemon.settle()
    rows = daemon.sql("SELECT message, status, count(*) FROM events GROUP BY message, status")
    stored = {sid.decode() for sid, _, _ in rows if sid is not None}
    twice = [(sid, status, count) for sid, status, count in rows if count > 1]
    acknowledged, sent = set(ledger_of(ledger)), set(ledger_of(str(ledger) + ".sent"))
    assert not acknowledged - stored, f"lost {len(acknowledged - stored)} acknowledged"
    assert not stored - sent, f"{len(stored - sent)} were never sent"
    assert not twice, f"stored twice: {twice[:5]}"
    daemon.audit()
    return len(acknowledged), len(stored)


# --- npm packages ---


def need_npm_package(name):
    """Installs package.json's packages if the one called name is missing; skips the test if that fails."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    if not (NODE_MODULES / name).is_dir():
        got = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                             cwd=HERE, capture_output=True, text=True)
        if got.returncode != 0:
            pytest.skip(f"npm ci does not get the npm package {name}: {got.stderr[-300:]}")
