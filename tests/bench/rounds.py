"""One round of a measurement: a dlrd with an empty store, that runs only during the round.

Both programs of a comparison use the same configuration, ports and folder, one after the other.
scripts/bench makes the folder: it contains dlrd.ini, and the store's folder `store`."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time

PORT, API_PORT = 18480, 18481
POLL_S = 0.05  # between questions for the metrics, so that they cost nothing
STUCK_S = 120  # a store that counts nothing for so long has failed
READY_S = 60


def end_with(message):
    sys.exit(f"bench: {message}")


def metric(text, name):
    """The sum of a metric over its labels."""
    return sum(map(float, re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.M)))


class Daemon:
    """A running program, and one kept connection to its api."""

    def __init__(self, program, work):
        self.start_s = time.monotonic()
        self.log = work / "dlrd.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program, "serve", "-c", work / "dlrd.ini"], stderr=log)
        self.api = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=30)

    def ask(self, path):
        """Status and body of an answer of the api."""
        try:
            self.api.request("GET", path)
            answer = self.api.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.check_alive()
            raise

    def check_alive(self):
        if self.process.poll() is not None:
            sys.stderr.write(self.log.read_text())
            end_with(f"the daemon ended with {self.process.returncode}")

    def wait_ready(self):
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            self.check_alive()
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("/readyz")[0] == 200:
                    return
            self.api.close()
            time.sleep(0.01)
        end_with("the daemon is not ready")

    def wait_counted(self, entries):
        """Returns the monotonic time at which all entries were counted since the start.

        The lag alone is not enough: it is measured after a batch, and 0 before the first one."""
        counted, progress_s = 0, time.monotonic()
        while True:
            text = self.ask("/metrics")[1]
            now_s = time.monotonic()
            before, counted = counted, metric(text, "dlrd_events_total")
            if counted >= entries and metric(text, "dlrd_projector_lag_entries") == 0:
                return now_s
            if counted > before:
                progress_s = now_s
            self.check_alive()
            if now_s - progress_s > STUCK_S:
                end_with(f"{counted:.0f} of {entries} entries were counted, and then no more")
            time.sleep(POLL_S)

    def check_messages(self, expected):
        """Ends the measurement if the figures are wrong: speed without them is worth nothing."""
        campaigns = json.loads(self.ask("/v1/campaigns")[1])["campaigns"]
        found = sum(campaign["messages"] for campaign in campaigns)
        if found != expected:
            end_with(f"the figures have {found} messages instead of {expected}")

    def peak_mib(self):
        """The most memory that it had since it was started."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s+(\d+)", status, re.M)[1]) / 1024

    def stop(self):
        self.api.close()
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def running(program, work):
    """A daemon that is stopped however the round ends."""
    daemon = Daemon(program, work)
    try:
        daemon.wait_ready()
        yield daemon
    finally:
        daemon.stop()


def empty_store(work):
    """Also waits for the disk, which may still write the files of the former round."""
    store = work / "store"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    os.sync()
    return store


def programs_of(words):
    """The measured program, and perhaps the one from before, by name."""
    return dict(zip(("dlrd", "before"), map(pathlib.Path, words)))


def in_turn(programs, number):
    """The programs in the order of a round, which is reversed in every other one."""
    items = list(programs.items())
    return items if number % 2 == 0 else items[::-1]


def ratio(values):
    """The median of the rounds' ratios, as the rounds of a noisy machine differ."""
    return statistics.median(new / old for new, old in zip(values["dlrd"], values["before"]))
