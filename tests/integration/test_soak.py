"""A soak: callbacks through nginx while the daemon is killed, restarted and reloaded, its sockets are replaced, its
disk is full and its power is cut, at random.

DLRD_SOAK_SECONDS=1800 DLRD_SOAK_SEED=7 scripts/test integration -k soak -s -n 0
"""

import collections
import contextlib
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import time

import pytest

import harness
from harness import (SANITIZER, fill, ledger_of, new_sid, reply_params, scaled, signed_post, status_params,
                     target_for)
from manager import Service
from proxies import Nginx
from rush import Rush
from test_power import Disk, libraries  # noqa: F401 (a fixture)

ON_DISK = True
SECONDS = int(os.environ.get("DLRD_SOAK_SECONDS", scaled(40, 15)))
SEED = int(os.environ.get("DLRD_SOAK_SEED", 1))
# Each sync and power cut copies what changed, so the projector is slower than usual, and the store should not
# become too large.
CLIENTS = 32 if SECONDS < 300 else 2
NUMBERS = 500  # of persons
WORDS = ["STOP", "START", "stop", "Unsubscribe", "hello", "thanks", "YES"]
REPEATED_OF = 1000  # the latest requests, some of which Twilio sends again
PASSING = {502, 503, 504}  # answers of nginx and dlrd that Twilio would try again

pytestmark = [
    pytest.mark.skipif(SANITIZER is not None, reason="a sanitizer must be the first library that is loaded"),
    pytest.mark.skipif(bool(Nginx.missing()), reason="nginx is not installed"),
]


class Traffic(Rush):
    """New messages, their final statuses, replies, and requests that are sent again. A request's name in the ledgers
    is SID:STATUS."""

    def __init__(self, *words, **more):
        self.open, self.recent = collections.deque(), collections.deque(maxlen=REPEATED_OF)
        super().__init__(*words, **more)

    def compose(self):
        draw = self.rng.random()
        if draw < 0.1 and self.recent:
            return self.rng.choice(self.recent)
        number = self.rng.randrange(NUMBERS)
        if draw < 0.4 and self.open:
            sid, number = self.open.popleft()
            status = self.rng.choice(["delivered", "delivered", "undelivered"])
            params = status_params(sid, status, number=number,
                                   code=30003 if status == "undelivered" else None)
        elif draw < 0.55:
            sid, status = new_sid(), "received"
            params = reply_params(sid, self.rng.choice(WORDS), number=number)
        else:
            sid, status = new_sid(), "sent"
            self.open.append((sid, number))
            params = status_params(sid, status, number=number)
        request = f"{sid}:{status}", signed_post(target_for(), params)
        self.recent.append(request)
        return request


@pytest.fixture
def disk_with_a_limit(tmp_path):
    """A file system that can be filled. It has room for the whole soak."""
    place = tmp_path / "disk"
    place.mkdir()
    size = 160 + SECONDS
    got = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "dlrd-soak", place],
                         capture_output=True, text=True)
    if got.returncode != 0:
        pytest.skip(f"no tmpfs may be mounted here: {got.stderr}")
    yield place
    got = subprocess.run(["umount", place], capture_output=True, text=True)
    if got.returncode != 0:
        subprocess.run(["umount", "-l", place], check=True)
    assert got.returncode == 0, f"a file is still open: {got.stderr}"


class Soak:
    """What happens to the daemon. Each method is one kind of trouble, after which it is ready again."""

    def __init__(self, disk, rng):
        self.disk, self.service, self.rng = disk, disk.daemon, rng
        self.ballast = self.service.store.parent / "ballast"
        self.cursor, self.moved = None, time.monotonic()

    def wait(self, most):
        time.sleep(self.rng.uniform(0, most))

    def kill(self):
        self.service.crash()

    def kill_in_the_start(self):
        self.service.kill()
        self.service.spawn()
        self.wait(0.1)
        self.service.crash()

    def restart(self):
        self.service.restart()

    def replace_the_sockets(self):
        assert self.service.terminate() == 0
        self.service.renew_sockets()
        self.service.start()

    def reload(self):
        self.service.reload(server={"keepalive_timeout": f"{self.rng.randrange(60, 200)}s"})

    def reload_a_broken_file(self):
        self.service.reload(server={"body_limit": "much"})
        self.wait(0.3)
        self.service.reload()

    def rebuild(self):
        self.service.cli("rebuild", check=False, timeout=300)  # a busy daemon may refuse

    def fill_the_disk(self):
        fill(self.ballast)
        self.wait(2)
        if self.rng.random() < 0.3:
            self.service.crash()
            self.wait(1)
        self.ballast.unlink()

    def fail_syncs(self):
        self.disk.fault.fail(self.rng.randrange(1, 5), spare=self.rng.randrange(20))
        self.wait(1)
        self.disk.fault.stop()

    def cut_the_power(self):
        self.disk.cut(self.rng, self.rng.choice([0.0, 0.5, self.rng.random()]))
        self.service.start()

    def check_progress(self):
        """A store that stays closed is found when it happens, and not at the end."""
        with contextlib.suppress(sqlite3.DatabaseError):  # it is being made, replaced or busy
            cursor = self.service.sql("SELECT cursor FROM state")[0][0]
            if cursor != self.cursor:
                self.cursor, self.moved = cursor, time.monotonic()
        assert time.monotonic() - self.moved < 300, "the projector makes no step"

    def run(self, seconds):
        """Returns how often each happened. Prints each, with the time it took."""
        kinds = [self.kill, self.kill_in_the_start, self.restart, self.replace_the_sockets, self.reload,
                 self.reload_a_broken_file, self.rebuild, self.fill_the_disk, self.fail_syncs, self.cut_the_power]
        done, end = collections.Counter(), time.monotonic() + seconds
        while time.monotonic() < end:
            self.wait(2)
            kind, start = self.rng.choice(kinds), time.monotonic()
            print(f"{kind.__name__} ", end="", flush=True)
            kind()
            print(f"{time.monotonic() - start:.1f} s", flush=True)
            done[kind.__name__] += 1
            self.check_progress()
        return done


@contextlib.contextmanager
def log_on_failure(service):
    """The log is removed with the daemon's folder, and half an hour is a long time."""
    try:
        yield
    except BaseException:
        print(service.log_path.read_text(errors="replace")[-30_000:])
        raise


def figures_of(rows):
    """What the receipts amount to, computed without dlrd. rows are in the order of arrival."""
    statuses, opted_out = collections.defaultdict(set), {}
    for message, status, person, keyword in rows:
        statuses[message].add(status)
        if keyword in ("stop", "start"):
            opted_out[person] = keyword == "stop"
    outbound = {sid: known for sid, known in statuses.items() if "received" not in known}
    count = {status: sum(status in known for known in outbound.values())
             for status in ("delivered", "undelivered")}
    return {"messages": len(outbound), "replied": len(statuses) - len(outbound),
            "delivered": count["delivered"], "failed": count["undelivered"],
            "opted_out": sorted(person for person, out in opted_out.items() if out)}


def check_figures(service):
    rows = [[value and value.decode() for value in row] for row in service.sql(
        'SELECT message, status, "from", keyword FROM events ORDER BY time, journal_seq')]
    expected = figures_of(rows)
    campaigns = service.get("/v1/campaigns?limit=1000")["campaigns"]
    for figure in ("messages", "delivered", "failed", "replied"):
        assert sum(row[figure] for row in campaigns) == expected[figure], (figure, campaigns)
    optouts = service.get("/v1/optouts?limit=1000")["optouts"]
    assert sorted(row["number"] for row in optouts) == expected["opted_out"]
    service.audit()


def check_stored(service, ledger):
    """acknowledged within stored within sent, and nothing twice."""
    stored = [f"{message.decode()}:{status.decode()}"
              for message, status in service.sql("SELECT message, status FROM events")]
    acknowledged, sent = set(ledger_of(ledger)), set(ledger_of(str(ledger) + ".sent"))
    assert not acknowledged - set(stored), f"lost {sorted(acknowledged - set(stored))[:5]}"
    assert not set(stored) - sent, "stored and never sent"
    assert len(stored) == len(set(stored)), "stored twice"
    return len(acknowledged), len(stored)


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def check_nothing_is_left(service):
    """No file but those of a new store, and no more memory or descriptors than a new process has."""
    files = {path.name for path in service.store.iterdir()}
    known = {f"{name}.db{end}" for name in ("journal", "dlrd", "quarantine") for end in ("", "-wal", "-shm")}
    assert not files - known - {"dlrd.lock", "gaps"}, files
    used, memory = descriptors(service.pid), service.rss()
    service.restart()
    service.settle()
    assert used < descriptors(service.pid) + 16  # of connections and of the api's readers
    assert memory < service.rss() + 64 * 1024 * 1024  # caches


def test_nothing_is_lost_doubled_or_left_behind(disk_with_a_limit, make_daemon, libraries, ledger, tmp_path):
    signal.alarm(SECONDS + 900)  # what is not projected at the end waits for its turn
    print(f"DLRD_SOAK_SEED={SEED} DLRD_SOAK_SECONDS={SECONDS}", flush=True)

    def make_service(settings, **more):
        return make_daemon(settings, kind=Service, store=disk_with_a_limit / "store", **more)

    (disk_with_a_limit / "store").mkdir()
    disk = Disk(make_service, libraries, tmp_path)
    service = disk.daemon.start()
    nginx = Nginx(f"127.0.0.1:{service.port}")
    with contextlib.ExitStack() as stack:
        stack.callback(nginx.stop)
        stack.enter_context(log_on_failure(service))
        traffic = Traffic(nginx.port, ledger, clients=CLIENTS, tls=True, rest=0.1)
        stack.callback(traffic.stop)
        done = Soak(disk, random.Random(SEED)).run(SECONDS)
    assert set(traffic.failures) <= PASSING | {"IncompleteReadError", "ConnectionResetError"}, traffic.failures

    with log_on_failure(service):
        service.settle()
        acknowledged, stored = check_stored(service, ledger)
        check_figures(service)
        check_nothing_is_left(service)
    troubles = ", ".join(f"{kind} {count}" for kind, count in sorted(done.items()))
    print(f"{acknowledged} acknowledged, {stored} stored; {troubles}; not acknowledged: {dict(traffic.failures)}")
    assert acknowledged > 20 * SECONDS
