"""Power cuts: acknowledged callbacks survive, and the test detects a build that breaks the promise.

power.c maintains an image of the disk after a power cut: only the data that a successful sync covered. Each
round posts, kills the daemon at a random moment, replaces its files by the image and starts it. A random part
of the blocks that were written and not synced survives, since a disk may write them in any order.

DLRD_POWER_ROUNDS=2000 scripts/test integration -k power
"""

import os
import random
import re
import sqlite3
import subprocess
import time

import pytest

import harness
from harness import SAMPLE_TARGET, SANITIZER, Load, ledger_of, new_sid, scaled, status_params, until
from test_durability import Fault

ON_DISK = True
BLOCK = 4096
ROUNDS = int(os.environ.get("DLRD_POWER_ROUNDS", scaled(200, 20)))

pytestmark = pytest.mark.skipif(
    SANITIZER is not None, reason="a sanitizer must be the first library that is loaded")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """power.c sees a sync before fault.c decides that it fails."""
    folder, found = tmp_path_factory.mktemp("power"), []
    for name in ("power", "fault"):
        library = folder / f"{name}.so"
        subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-o", library, harness.HERE / f"{name}.c",
                        "-ldl", "-lpthread"], check=True)
        found.append(str(library))
    return ":".join(found)


class Disk:
    """A daemon whose files lie on a disk that can lose its power."""

    def __init__(self, make_daemon, libraries, folder, plant=None, failing="/journal.db-wal"):
        self.image = folder / "image"
        self.image.mkdir()
        control = folder / "control"
        self.fault = Fault(control)
        self.daemon = make_daemon(
            {"store": {"journal_size": "1M", "journal_keep": "1s"}}, start=False,
            env={"LD_PRELOAD": libraries, "POWER_DISK": str(self.image), "FAULT_CONTROL": str(control),
                 "FAULT_NAME": failing})
        self.daemon.env["POWER_STORE"] = str(self.daemon.store)
        if plant:
            self.daemon.env["POWER_PLANT"] = plant
        self.acknowledged, self.sent = set(), set()

    def cut(self, rng, survival=0.0):
        """The power goes. survival: the part of the blocks that were not synced and are there all the same."""
        if self.daemon.process.poll() is None:
            self.daemon.kill()
        for pending in self.image.glob("*.pending"):
            pending.unlink()
        for live in self.daemon.store.iterdir():
            if live.suffix == ".db" or live.name.endswith("-wal"):
                self.lose(live, self.image / live.name, rng, survival)
            elif live.name.endswith("-shm"):
                live.unlink()

    @staticmethod
    def lose(live, image, rng, survival):
        if not image.exists():
            live.unlink()
            return
        written, kept = live.read_bytes(), bytearray(image.read_bytes())
        for at in range(0, len(written), BLOCK):
            block = written[at:at + BLOCK]
            if block != kept[at:at + BLOCK] and rng.random() < survival:
                kept.extend(bytes(max(0, at - len(kept))))
                kept[at:at + len(block)] = block
        live.write_bytes(kept)
        image.write_bytes(kept)

    def post(self, count):
        """Posts one after the other; notes what was acknowledged, before the next."""
        for _ in range(count):
            sid = new_sid()
            self.sent.add(sid)
            if self.daemon.post(SAMPLE_TARGET, status_params(sid, "sent")).status == 204:
                self.acknowledged.add(sid)

    def load(self, ledger, rng):
        """Posts from several clients until a random moment, at which the daemon is killed."""
        load = Load(self.daemon, ledger, threads=4)
        time.sleep(rng.uniform(0.02, 0.3))
        self.daemon.kill()
        load.stop()
        self.acknowledged |= set(ledger_of(ledger))
        self.sent |= set(ledger_of(str(ledger) + ".sent"))

    def gone(self):
        """Acknowledged callbacks that are in neither file, with the daemon running. Reads the journal first, since
        its entries are removed after they are counted."""
        there = {re.search(rb"MessageSid=(\w+)", body).group(1).decode()
                 for body, in self.daemon.sql("SELECT body FROM entry", name="journal.db")}
        there.update(row[0].decode() for row in self.daemon.sql("SELECT message FROM events"))
        return self.acknowledged - there

    def losses(self):
        """Acknowledged callbacks that are not counted. Only sent callbacks may be counted, and only once."""
        if lost := self.gone():
            return lost
        self.daemon.settle()
        rows = [row[0].decode() for row in self.daemon.sql("SELECT message FROM events")]
        assert len(rows) == len(set(rows)), "stored twice"
        assert not set(rows) - self.sent, "stored and never sent"
        return self.acknowledged - set(rows)

    def round(self, ledger, rng):
        """One cut, and sometimes a second one while the first is recovered from."""
        if rng.random() < 0.25:
            self.fault.fail(1, spare=rng.randrange(20))
        self.load(ledger, rng)
        self.cut(rng, rng.choice([0.0, 0.5, rng.random()]))
        self.fault.stop()
        if rng.random() < 0.25:
            self.daemon.spawn()
            time.sleep(rng.uniform(0, 0.1))
            self.cut(rng, rng.random())
        self.daemon.start()


@pytest.fixture
def make_disk(make_daemon, libraries, tmp_path):
    def make(**more):
        return Disk(make_daemon, libraries, tmp_path, **more)
    return make


@pytest.mark.parametrize("part", range(10))
def test_no_power_cut_loses_what_was_acknowledged(make_disk, tmp_path, part):
    rng = random.Random(f"power {part}")
    disk = make_disk()
    disk.daemon.start()
    for number in range(max(1, ROUNDS // 10)):
        disk.round(tmp_path / f"ledger{number}", rng)
        assert not disk.losses(), f"round {number}"
    assert len(disk.acknowledged) > 10 * number
    disk.daemon.audit()


@pytest.mark.parametrize("plant", ["skip", "early"])
def test_a_build_that_breaks_the_promise_is_caught(make_disk, tmp_path, plant):
    """By a loss, or by files that contradict each other."""
    rng = random.Random(plant)
    disk = make_disk(plant=plant)
    disk.daemon.start()
    for number in range(20):
        try:
            disk.round(tmp_path / f"ledger{number}", rng)
            if disk.gone():
                return
        except (sqlite3.DatabaseError, AssertionError):
            return
    pytest.fail("twenty power cuts have shown nothing")


def test_what_a_recovery_found_is_durable_before_anything_is_acknowledged(make_disk):
    """After a failed sync, frames of the log are in memory only, and the next start uses them."""
    disk = make_disk()
    disk.daemon.start()
    disk.post(5)
    disk.fault.fail(1)
    disk.post(1)
    disk.daemon.kill()
    disk.daemon.start()
    disk.post(40)
    disk.cut(random.Random(0))
    disk.daemon.start()
    assert not disk.losses()
    assert len(disk.acknowledged) == 45


@pytest.mark.parametrize("begins", ["before", "after"])
def test_a_reader_in_the_way_keeps_nothing_from_being_durable(make_disk, begins):
    """Another program reads the journal, so that its log cannot be reset at the start. If it begins after the
    kill, it recovers the log, with the entry whose sync failed."""
    disk = make_disk()
    disk.daemon.start()
    disk.post(5)
    reader = sqlite3.connect(f"file:{disk.daemon.store / 'journal.db'}?mode=ro", uri=True,
                             isolation_level=None)

    def read():
        reader.execute("BEGIN")
        return reader.execute("SELECT count(*) FROM entry").fetchone()[0]

    assert begins == "after" or read() == 5
    disk.post(5)
    disk.fault.fail(1)
    disk.post(1)
    disk.daemon.kill()
    assert begins == "before" or read() == 11
    disk.daemon.start()
    disk.post(40)
    disk.daemon.kill()
    reader.close()
    disk.cut(random.Random(0))
    disk.daemon.start()
    assert not disk.losses()
    assert len(disk.acknowledged) == 50


def test_a_power_cut_in_the_middle_of_a_trim_or_checkpoint_loses_nothing(make_disk, tmp_path):
    """Enough traffic that the journal is trimmed and copied back again and again."""
    rng = random.Random("trim")
    disk = make_disk()
    disk.daemon.start()
    for number in range(scaled(6, 2)):
        load = Load(disk.daemon, tmp_path / f"ledger{number}", threads=8)
        load.wait_acknowledged(1500)
        disk.daemon.kill()
        load.stop()
        disk.acknowledged |= set(ledger_of(tmp_path / f"ledger{number}"))
        disk.sent |= set(ledger_of(str(tmp_path / f"ledger{number}.sent")))
        disk.cut(rng, rng.random())
        disk.daemon.start()
        assert not disk.losses()
    until(lambda: disk.daemon.sql("SELECT min(seq) FROM entry", name="journal.db")[0][0] != 1,
          what="a trim")
    disk.daemon.audit()
