"""dlrd top: a live view that fits its window and always gives the terminal back."""

import fcntl
import http.server
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

import harness
from harness import SAMPLE_TARGET, new_sid, signed_post, status_params, until

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
STYLE = re.compile(rb"\x1b\[[0-9;]*m")


@pytest.fixture
def sent(daemon):
    daemon.keep_all([signed_post("/sms/twilio?campaign=spring", status_params(new_sid(), status, code=code, number=n))
                     for n, (status, code) in enumerate([("delivered", None), ("failed", 30003), ("sent", None)])])
    assert daemon.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), token="0" * 32)).status == 403
    until(lambda: daemon.get("/v1/signature-failures")["failures"], 10, "it is diagnosed")
    return daemon


class Window:
    """dlrd top in a terminal of its own."""

    def __init__(self, daemon, rows=24, columns=80, interval=1, **env):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.out = b""

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            [harness.DLRD, "top", "-i", str(interval), "-c", str(daemon.config)], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            preexec_fn=take_terminal,
            env={**harness.environment(), "TERM": "xterm", "LC_ALL": "C.UTF-8", "TZ": "UTC", **env})

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds=0.0):
        while select.select([self.master], [], [], seconds)[0]:
            self.out += os.read(self.master, 65536)
        return self.out

    def frames(self):
        """The lines of each frame that was drawn whole."""
        parts = self.out.split(b"\x1b[H")[1:]
        return [STYLE.sub(b"", part.partition(b"\x1b[J")[0]).decode().replace("\r", "").split("\n") for part in parts if b"\x1b[J" in part]

    def wait_for(self, text, seconds=15):
        """A new frame that has the text."""
        self.read()
        self.out = b""
        found = []

        def look():
            self.read(0.05)
            found[:] = [frame for frame in self.frames() if text in "\n".join(frame)]
            return found
        until(look, seconds, f"{text} in {self.out[-3000:]}")
        return found[-1]

    def end(self, status=0):
        """It has ended, and the terminal is as it was."""
        until(lambda: (self.read(0.05), self.process.poll())[1] is not None, 15, "its end")
        assert self.process.returncode == status
        self.check_given_back()

    def check_given_back(self):
        self.read(0.1)
        assert self.out.rstrip().endswith(LEAVE) and b"\x1b[?25h" in self.out[self.out.rindex(b"\x1b[?25"):]
        assert termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def window():
    made = []

    def make(daemon, **more):
        made.append(Window(daemon, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


def test_what_is_not_a_terminal_gets_one_snapshot(sent):
    result = sent.cli("top")
    assert result.stderr == "" and "\x1b" not in result.stdout
    for part in ("ready", "accepted 0.0/s", "projected 0.0/s", "lag 0 entries", "refused 0.0/s", "30003", "spring",
                 "/sms/twilio", "Delivered", "Failed"):
        assert part in result.stdout, part


def test_a_daemon_that_is_not_there_is_a_failure(make_daemon):
    daemon = make_daemon(start=False)
    daemon.write()
    result = daemon.cli("top", check=False)
    assert result.returncode == 1 and result.stdout == "" and "cannot connect to 127.0.0.1" in result.stderr
    for words in (["--interval", "0"], ["--interval", "x"], ["--interval", "3601"], ["more"]):
        assert daemon.cli("top", *words, check=False).returncode == 2


@pytest.mark.parametrize("rows, columns", [(24, 80), (50, 200), (10, 40), (5, 20), (1, 1)])
def test_it_fits_the_window(sent, window, rows, columns):
    shown = window(sent, rows=rows, columns=columns)
    shown.wait_for("dlrd top"[:columns - 1])
    for frame in shown.frames():
        assert len(frame) <= rows and all(len(line) <= columns for line in frame), frame
    if rows >= 24:
        text = "\n".join(shown.wait_for("EVENTS"))
        assert all(part in text for part in ("FAILURES", "30003", "CAMPAIGNS", "spring", "REFUSED", "Delivered"))
    os.write(shown.master, b"q")
    shown.end()


def test_it_follows_the_size_of_the_window(sent, window):
    shown = window(sent)
    assert len(shown.wait_for("ready")) == 24
    shown.resize(12, 50)
    until(lambda: len(shown.wait_for("dlrd top")) == 12, 10, "it is smaller")
    shown.resize(40, 120)
    until(lambda: len(shown.wait_for("dlrd top")) > 24, 10, "it is larger")
    os.write(shown.master, b"q")
    shown.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_it_in_order(sent, window, number):
    shown = window(sent)
    shown.wait_for("ready")
    assert termios.tcgetattr(shown.slave) != shown.before
    shown.process.send_signal(number)
    shown.end()


def test_it_says_since_when_the_data_stands_still_and_goes_on(sent, window):
    shown = window(sent)
    shown.wait_for("ready")
    sent.terminate()
    frame = shown.wait_for("NO NEW DATA since ")
    assert re.search(r"since \d\d:\d\d:\d\d \(\d+ s\)", frame[0]) and frame[3].startswith("cannot connect to 127.0.0.1")
    assert "spring" in "\n".join(frame), "what was known is still shown"
    sent.process = None
    sent.spawn_again = True
    subprocess_daemon = subprocess.Popen(
        [harness.DLRD, "serve", "-c", str(sent.config)], stderr=subprocess.DEVNULL, env=harness.environment())
    try:
        shown.wait_for("  ready", 30)
    finally:
        subprocess_daemon.terminate()
        subprocess_daemon.wait()
    os.write(shown.master, b"q")
    shown.end()


def test_a_daemon_that_does_not_answer_holds_nothing_up(sent, window):
    shown = window(sent)
    shown.wait_for("ready")
    sent.process.send_signal(signal.SIGSTOP)
    try:
        shown.wait_for("did not answer within")
        os.write(shown.master, b"q")
        shown.end()
    finally:
        sent.process.send_signal(signal.SIGCONT)


def test_events_as_they_come_are_shown(sent, window):
    shown = window(sent)
    shown.wait_for("ready")
    for number in range(3):
        sid = new_sid()
        sent.keep("/sms/twilio?campaign=later", status_params(sid, "delivered", number=number))
        shown.wait_for(sid[:6])
    sent.keep_all([signed_post("/sms/twilio?campaign=many", status_params(new_sid(), "sent", number=n))
                   for n in range(1000)])
    last = new_sid()
    sent.keep("/sms/twilio?campaign=many", status_params(last, "delivered"))
    shown.wait_for(last[:6])
    os.write(shown.master, b"q")
    shown.end()


def test_texts_from_outside_are_escaped(daemon, window):
    daemon.keep("/sms/twilio?campaign=x", status_params(new_sid(), "delivered", To="\x1b[2J\u202e+1555"))
    daemon.settle()
    shown = window(daemon)
    frame = shown.wait_for("\\x1b[2J")
    assert all(char.isprintable() for line in frame for char in line)
    assert "\x1b" not in daemon.cli("top").stdout and "\\x1b[2J" in daemon.cli("top").stdout
    os.write(shown.master, b"q")
    shown.end()


def test_a_token_is_sent_and_a_wrong_one_is_named(make_daemon, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-the-api-1234567890\n")
    token.chmod(0o600)
    daemon = make_daemon({"api": {"token_file": str(token)}}, tokens=(harness.TOKEN,))
    assert "ready" in daemon.cli("top").stdout
    other = tmp_path / "other"
    other.write_text("another-token-1234567890\n")
    other.chmod(0o600)
    daemon.config.write_text(daemon.config.read_text().replace(str(token), str(other)))
    result = daemon.cli("top", check=False)
    assert result.returncode == 1 and "does not accept the token" in result.stderr


class Answers(http.server.BaseHTTPRequestHandler):
    """What dlrd top asks for, of a daemon whose counts and delays a test chooses."""

    def do_GET(self):
        time.sleep(self.server.delay_s)
        path, _, query = self.path.partition("?")
        self.server.asked.append((time.monotonic(), path))
        body = {"/v1/failures": {"errors": self.server.hour if "from=" in query else self.server.ever},
                "/v1/campaigns": {"campaigns": []},
                "/v1/signature-failures": {"failures": []}}.get(path, {})
        if path == "/v1/events":
            after = int(re.search(r"after=(\d+)", query)[1])
            limit = int(re.search(r"limit=(\d+)", query)[1])
            seqs = list(range(after + 1, min(after + limit, self.server.events) + 1))
            body = {"events": [{"seq": seq, "type": "Sent", "message": f"SM{seq:06}"} for seq in seqs],
                    "next": seqs[-1] if seqs else after}
        text = b"dlrd_ready 1\n" if path == "/metrics" else json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def answering(make_daemon):
    top = make_daemon(start=False)
    top.write()
    with http.server.ThreadingHTTPServer(("127.0.0.1", top.api_port), Answers) as server:
        server.top, server.daemon_threads = top, True
        server.delay_s, server.events, server.ever, server.hour, server.asked = 0, 0, [], [], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_what_fails_now_comes_first(answering, window):
    answering.ever = [{"code": 30000 + n, "count": 900 - n, "recent": n % 7} for n in range(100)]
    answering.hour = [{"code": 30099, "count": 3}, {"code": 30050, "count": 2}]
    shown = window(answering.top)
    lines = shown.wait_for("30099")
    first = next(n for n, line in enumerate(lines) if "FAILURES" in line) + 1
    assert [line.split()[:3] for line in lines[first:first + 3]] == [
        ["30099", "3", "1"], ["30050", "2", "1"], ["30006", "0", "6"]]
    os.write(shown.master, b"q")
    shown.end()


def test_the_last_events_are_found_among_many(answering, window):
    answering.events = 1234567
    shown = window(answering.top, columns=120)
    shown.wait_for("SM1234567")
    answering.events += 5000
    shown.wait_for("SM1239567")
    answering.events = 7
    shown.wait_for("SM000007")
    os.write(shown.master, b"q")
    shown.end()


def test_q_ends_a_slow_refresh(answering, window):
    answering.events, answering.delay_s = 1000000, 0.5
    shown = window(answering.top)
    until(lambda: len(answering.asked) > 5, 15, "it looks for the last event")
    os.write(shown.master, b"q")
    shown.end()
    assert len(answering.asked) < 12, "it asked on"


def test_the_space_bar_refreshes_and_the_next_refresh_is_one_interval_later(answering, window):
    shown = window(answering.top, interval=2)
    shown.wait_for("ready")
    for _ in range(12):
        os.write(shown.master, b" ")
        shown.wait_for("ready", 1)
    shown.wait_for("ready", 4)  # not 12 intervals later
    os.write(shown.master, b"q")
    shown.end()
