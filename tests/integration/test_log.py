"""The log: a reader that stops holds nothing up, and signals end the daemon in order or not at all."""

import fcntl
import os
import re
import signal
import subprocess
import time

import pytest

import harness
from harness import (DLRD, FORM, SAMPLE_TARGET, SLOW, environment, new_sid, request_bytes, status_params,
                     until)


class Unread(harness.Daemon):
    """A daemon whose standard error is a full pipe without a reader."""

    def spawn(self, **env):
        self.write()
        self.ended_by_test = False
        self.reader, writer = os.pipe()
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4096)
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)
        self.process = subprocess.Popen(
            [DLRD, "serve", "-c", str(self.config)], stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
            env=environment(**self.env, **env), cwd="/", start_new_session=True)
        os.close(writer)
        return self

    def read_log(self, wanted, seconds=10):
        """Reads on, until what was read holds wanted."""
        os.set_blocking(self.reader, False)
        text = b""

        def found():
            nonlocal text
            try:
                text += os.read(self.reader, 65536)
            except BlockingIOError:
                pass
            return wanted in text
        until(found, seconds, f"{wanted} in the log")
        return text.lstrip(b"x").decode()

    def log(self):
        return "(not read)"


def forged():
    body = b"MessageSid=SM1"
    return request_bytes("POST", SAMPLE_TARGET, [
        ("Content-Type", FORM), ("X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")], body)


@pytest.fixture
def unread(make_daemon):
    daemon = make_daemon(kind=Unread, settings={"log": {"level": "debug"}})
    yield daemon
    os.close(daemon.reader)


def test_an_unread_log_delays_no_callback(unread):
    with unread.connect() as connection:
        for _ in range(1000):
            assert connection.ask(forged()).status == 403
    start = time.monotonic()
    unread.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    assert unread.api("/readyz").status == 200
    assert unread.cli("reload", check=False).returncode == 0, "nor a reload"
    assert unread.campaign()["sent"] == 1, "nor the projector"
    assert time.monotonic() - start < 5 * SLOW


def test_an_unread_log_does_not_delay_a_stop(unread):
    start = time.monotonic()
    assert unread.terminate() == 0
    assert time.monotonic() - start < 5 * SLOW


def test_a_request_without_a_signature_is_logged_with_the_reason(daemon):
    request = request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"MessageSid=SM1")
    assert daemon.ask(request).status == 403
    until(lambda: "refused a request" in daemon.log(), what="the line")
    assert "it has no X-Twilio-Signature header" in daemon.log()


def test_dropped_lines_are_counted_and_reported(unread):
    with open(unread.config, "a") as config:  # a reload logs each of these mistakes
        config.write("[server]\n" + "".join(f"wrong{number} = 1\n" for number in range(100)))

    def dropped():
        return unread.metric("dlrd_log_dropped_lines_total")

    def reload():
        os.kill(unread.pid, signal.SIGHUP)
        return dropped() > 0

    until(reload, 40, "dropped lines")
    unread.cli("reload", check=False)  # answered after the reloads before it
    count = dropped()
    text = unread.read_log(b"log lines were dropped")
    said = re.search(r"(\d+) log lines were dropped: standard error was not read", text)
    assert said, text
    assert count <= int(said[1]) <= dropped()  # a late reload drops more
    # The capacity of the ring, and a reload that is in progress while it is read.
    assert text.count("reload: configuration unchanged") <= 256 + 101


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGXFSZ,
                                    signal.SIGPIPE, signal.SIGVTALRM, signal.SIGPROF],
                         ids=lambda number: number.name)
def test_a_signal_without_a_meaning_is_ignored(daemon, number):
    os.kill(daemon.pid, number)
    time.sleep(0.1)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT], ids=lambda n: n.name)
def test_a_signal_that_ends_it_is_an_orderly_stop(daemon, number):
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    os.kill(daemon.pid, number)
    assert daemon.process.wait(20 * SLOW) == 0
    assert "finishing requests in flight" in daemon.log() and daemon.log().rstrip().endswith("stopped")


def blocks_sighup(daemon):
    for line in open(f"/proc/{daemon.pid}/status"):
        if line.startswith("SigBlk:"):
            return int(line.split()[1], 16) >> (signal.SIGHUP - 1) & 1
    return False


def test_sighup_before_it_is_ready_does_not_end_it(make_daemon):
    """From the first thing that its main function does; before that a process has the defaults."""
    for _ in range(5):
        daemon = make_daemon(start=False)
        daemon.spawn()
        until(lambda: blocks_sighup(daemon), what="the signal to be blocked")
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_ready()
        assert daemon.terminate() == 0


def test_a_file_larger_than_its_limit_is_a_503(make_daemon, tmp_path):
    daemon = make_daemon(wrapper=["prlimit", "--fsize=2097152"])
    statuses = set()
    for _ in range(400):
        statuses.add(daemon.post(SAMPLE_TARGET, status_params(new_sid(), "sent", Body="x" * 20000)).status)
        if 503 in statuses:
            break
    assert statuses == {204, 503}
    assert daemon.process.poll() is None
