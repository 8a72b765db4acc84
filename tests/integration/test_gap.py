"""Loss is never silent: entries that neither the journal nor the store has are found at the start, and stay in the
log, in readyz, in a metric and in the audit until a person accepts them."""

import json
import os
import shutil

import pytest

import harness
from harness import SAMPLE_TARGET, new_sid, signed_post, status_params, until

PAGE = 8192  # of journal.db


@pytest.fixture
def busy(make_daemon):
    """Trims at once, so that the journal lacks entries that a restored older store needs."""
    return make_daemon({"store": {"journal_keep": "1s"}})


def post(daemon, count):
    daemon.keep_all(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")) for _ in range(count))
    daemon.settle()


def trimmed(daemon, beyond):
    """Until the journal has no entry up to that number any more. It keeps its last one."""
    def is_trimmed():
        return daemon.sql("SELECT min(seq) FROM entry", name="journal.db")[0][0] > beyond
    until(lambda: post(daemon, 1) or is_trimmed(), 20, "a trim")


def set_aside(daemon, *names):
    """Copies of files, taken while the daemon is stopped."""
    folder = daemon.home / "aside"
    folder.mkdir()
    for name in names:
        shutil.copy(daemon.store / name, folder)
    return folder


def gaps(daemon):
    return json.loads(daemon.cli("gap", "--json").stdout)["gaps"]


def check_gap(daemon, first, last, words):
    """The gap is reported everywhere, and callbacks are still accepted and counted."""
    ready = daemon.api("/readyz")
    entries = 0 if last is None else last - first + 1
    assert ready.status == 200
    assert ready.json()["gap"] == {"gaps": 1, "entries": entries, "first": first, "last": last}
    assert daemon.metric("dlrd_gap_entries") == entries
    until(lambda: "missing" in daemon.log(), what="the line of the log")
    line, = [line for line in daemon.log().splitlines() if "missing" in line]
    assert " error: " in line and words in line, line
    for number in (first, last, entries):
        assert not number or str(number) in line
    found, = gaps(daemon)
    assert (found["first"], found["last"], found["accepted"]) == (first, last, False)
    audit = daemon.cli("audit", "--json", check=False)
    assert audit.returncode == 1 and json.loads(audit.stdout)["differences"] == 1
    assert "missing" in audit.stdout
    before = daemon.campaign()["sent"]
    post(daemon, 3)
    assert daemon.campaign()["sent"] == before + 3


def accept(daemon):
    assert "accepted" in daemon.cli("gap", "--accept").stdout
    until(lambda: daemon.api("/readyz").json()["gap"] is None, what="readyz to follow")
    assert daemon.metric("dlrd_gap_entries") == 0
    daemon.audit()


def test_without_a_gap_nothing_is_said(daemon):
    post(daemon, 5)
    daemon.kill()
    daemon.start()
    assert daemon.api("/readyz").json()["gap"] is None
    assert gaps(daemon) == [] and "missing" not in daemon.log()
    assert "no journal entries are missing" in daemon.cli("gap").stdout
    daemon.audit()


@pytest.mark.parametrize("how", ["older", "deleted"])
def test_a_store_that_is_older_than_the_journal_is_a_gap(busy, how):
    post(busy, 20)
    assert busy.terminate() == 0
    folder = set_aside(busy, "dlrd.db")
    busy.start()
    post(busy, 200)
    trimmed(busy, 150)
    assert busy.terminate() == 0
    first = busy.sql("SELECT min(seq) FROM entry", name="journal.db")[0][0]
    if how == "older":
        shutil.copy(folder / "dlrd.db", busy.store)
    else:
        (busy.store / "dlrd.db").unlink()
    cursor = busy.sql("SELECT cursor FROM state")[0][0] if how == "older" else 0
    busy.start()
    check_gap(busy, cursor + 1, first - 1, "older dlrd.db")
    busy.restart()
    assert len(gaps(busy)) == 1, "it is noted once, and stays"
    assert busy.api("/readyz").json()["gap"] is not None
    accept(busy)
    busy.restart()
    assert busy.api("/readyz").json()["gap"] is None


def test_a_journal_that_ends_before_the_store_is_a_gap(daemon):
    post(daemon, 10)
    assert daemon.terminate() == 0
    folder = set_aside(daemon, "journal.db")
    daemon.start()
    post(daemon, 30)
    assert daemon.terminate() == 0
    shutil.copy(folder / "journal.db", daemon.store)
    daemon.start()
    check_gap(daemon, 11, 40, "journal.db ends before")
    assert daemon.campaign()["sent"] == 43, "the store has counted them"
    accept(daemon)


def damage(path, offset, length=64):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


@pytest.mark.parametrize("logs", [["journal.db-wal"], ["journal.db-wal", "dlrd.db-wal"]],
                         ids=["journal", "both"])
@pytest.mark.parametrize("offset", [0, 32 + 24 + 100, 32 + 5 * (24 + PAGE) + 2000],
                         ids=["header", "first-frame", "later-frame"])
def test_a_damaged_log_is_a_gap(make_daemon, logs, offset):
    """Killed before anything was copied from the log into the file, and damaged while it was stopped."""
    daemon = make_daemon()
    sids = [new_sid() for _ in range(40)]
    daemon.keep_all(signed_post(SAMPLE_TARGET, status_params(sid, "sent")) for sid in sids)
    daemon.kill()
    before = (daemon.store / "journal.db-wal").read_bytes()
    for name in logs:
        damage(daemon.store / name, offset)
    daemon.start()
    assert daemon.api("/readyz").json()["gap"] is not None
    for words in ("missing", "journal.db-wal is damaged"):
        until(lambda words=words: words in daemon.log(), what=words)
    assert daemon.cli("audit", check=False).returncode == 1
    kept = (daemon.store / "journal.db-wal.damaged").read_bytes()
    assert len(kept) == len(before), "the damaged log is kept for inspection"
    post(daemon, 3)
    assert daemon.campaign()["sent"] >= 3
    accept(daemon)


def test_a_log_whose_first_block_is_zeroed_is_damaged(make_daemon):
    """As a disk leaves it. SQLite takes it for an empty log."""
    daemon = make_daemon()
    post(daemon, 40)
    for i in range(2):
        daemon.kill()
        for name in ("journal.db-wal", "dlrd.db-wal"):
            with open(daemon.store / name, "r+b") as file:
                file.write(bytes(4096))
        daemon.start()
        assert [gap for gap in gaps(daemon) if "damaged" in gap["reason"] and not gap["accepted"]]
        accept(daemon)
        post(daemon, 30)
    assert (daemon.store / "journal.db-wal.damaged.2").exists(), "each has a copy of its own"


@pytest.mark.skipif(os.geteuid() != 0, reason="for root")
def test_accepting_follows_no_link(daemon):
    """The directory belongs to the daemon's user, and root accepts."""
    victim = daemon.home / "victim"
    victim.write_text("precious")
    (daemon.store / "dlrd.gaps").write_text("1 2 0 0 reason\n")
    for name in ("dlrd.gaps.new", "dlrd.gaps.1"):
        (daemon.store / name).symlink_to(victim)
    daemon.cli("gap", "--accept")
    assert victim.read_text() == "precious"
    assert gaps(daemon)[0]["accepted"]


@pytest.mark.parametrize("cut", [1, PAGE, PAGE + 12])
def test_the_torn_end_of_a_log_is_not_damage(make_daemon, cut):
    """Models the rest of a write that a crash interrupted before it was acknowledged. The store has
    counted it."""
    daemon = make_daemon()
    post(daemon, 20)
    daemon.kill()
    log = daemon.store / "journal.db-wal"
    log.write_bytes(log.read_bytes()[:-cut])
    daemon.start()
    assert "is damaged" not in daemon.log()
    assert [gap["first"] for gap in gaps(daemon)] in ([], [20])


def test_a_last_transaction_that_is_partly_written_is_not_damage(make_daemon):
    """A disk may write the blocks of one in any order."""
    daemon = make_daemon()
    post(daemon, 20)
    daemon.kill()
    log = daemon.store / "journal.db-wal"
    damage(log, log.stat().st_size - 200, 100)
    daemon.start()
    assert "is damaged" not in daemon.log()
    assert [gap["first"] for gap in gaps(daemon)] in ([], [20])


def test_a_broken_file_of_gaps_keeps_no_callback_out(make_daemon):
    daemon = make_daemon(start=False)
    (daemon.store / "dlrd.gaps").write_text("nonsense\n")
    daemon.start()
    post(daemon, 1)
    until(lambda: "dlrd.gaps:1: is not a gap" in daemon.log(), what="the line of the log")
    found = daemon.cli("gap", check=False)
    assert found.returncode == 1 and "dlrd.gaps:1" in found.stderr
    assert daemon.cli("audit", check=False).returncode == 1


@pytest.mark.parametrize("words", [["--nonsense"], ["1"]], ids=" ".join)
def test_a_wrong_command_line_is_refused(words):
    assert harness.dlrd("gap", *words).returncode == 2
