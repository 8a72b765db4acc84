"""Another program removes, replaces or cuts the daemon's write-ahead logs while it works."""

import os
import sqlite3

import pytest

from harness import SAMPLE_TARGET, new_sid, status_params, until

JOURNAL = "journal.db-wal"
LOGS = [JOURNAL, "dlrd.db-wal", "quarantine.db-wal"]


class Posts:
    """Posts callbacks and records their SIDs by answer."""

    def __init__(self, daemon):
        self.daemon, self.acknowledged, self.refused = daemon, [], []

    def post(self, count=1):
        for _ in range(count):
            sid = new_sid()
            status = self.daemon.post(SAMPLE_TARGET, status_params(sid, "sent")).status
            assert status in (204, 503)
            (self.acknowledged if status == 204 else self.refused).append(sid)

    def go_on(self):
        """Until callbacks are taken and readiness is back."""
        until(lambda: self.post() or self.daemon.api("/readyz").status == 200, 15, "readyz to be green")
        self.post(20)
        assert self.acknowledged[-1] not in self.refused

    def stored(self):
        """The stored SIDs after a crash, which shows the contents of the disk."""
        self.daemon.kill()
        self.daemon.start()
        self.daemon.settle()
        return [row[0].decode() for row in self.daemon.sql("SELECT message FROM events")]


def remove(path):
    path.unlink()


def move(path):
    path.rename(path.with_suffix(".moved"))


def replace(path):
    new = path.with_suffix(".new")
    new.write_bytes(b"")
    os.replace(new, path)


@pytest.mark.parametrize("names", [[JOURNAL], [JOURNAL, "dlrd.db-wal"], LOGS],
                         ids=["journal", "journal-and-store", "all"])
@pytest.mark.parametrize("how", [remove, move, replace], ids=lambda how: how.__name__)
def test_a_log_that_is_removed_loses_nothing(daemon, how, names):
    posts = Posts(daemon)
    for _ in range(3):
        posts.post(60)
        for name in names:
            if (daemon.store / name).exists():
                how(daemon.store / name)
        posts.post(60)
        posts.go_on()
    stored = posts.stored()
    assert set(posts.acknowledged) <= set(stored) <= set(posts.acknowledged + posts.refused)
    assert len(stored) == len(set(stored))
    assert "journal.db-wal was removed or replaced" in daemon.log()
    assert 1 <= daemon.log().count("journal.db-wal was removed or replaced") <= 3, "one line each time"
    assert daemon.api("/readyz").json()["gap"] is None
    daemon.audit()


def test_what_is_acknowledged_after_a_log_was_removed_survives_a_kill(daemon):
    """The removal is noticed before the next commit, not only by the check every 100 ms."""
    posts = Posts(daemon)
    for _ in range(5):
        posts.post(20)
        (daemon.store / JOURNAL).unlink()
        posts.post(3)
        daemon.kill()
        daemon.start()
        assert set(posts.acknowledged) <= set(posts.stored())


def test_a_log_that_is_removed_while_nothing_arrives_is_noticed(daemon):
    posts = Posts(daemon)
    posts.post(50)
    (daemon.store / JOURNAL).unlink()
    until(lambda: "was removed or replaced" in daemon.log(), 5, "the log")
    until(lambda: daemon.api("/readyz").status == 200, 5, "readyz")
    assert set(posts.stored()) == set(posts.acknowledged)


def truncate(path):
    os.truncate(path, 0)


def halve(path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path):
    with open(path, "r+b") as file:
        file.write(b"\xa5" * path.stat().st_size)


@pytest.mark.parametrize("how", [truncate, halve, overwrite], ids=lambda how: how.__name__)
def test_a_log_that_is_cut_is_noticed_and_what_it_took_is_reported(daemon, how):
    posts = Posts(daemon)
    posts.post(100)
    how(daemon.store / JOURNAL)
    until(lambda: posts.post() or "was truncated or overwritten" in daemon.log(), 5, "the log to say so")
    posts.go_on()
    after = posts.acknowledged[-20:]
    gap = until(lambda: daemon.api("/readyz").json()["gap"], 5, "the gap in readyz")
    stored = posts.stored()
    assert set(after) <= set(stored), "nothing that was acknowledged after it was noticed is lost"
    lost = set(posts.acknowledged) - set(stored)
    assert len(lost) <= gap["entries"]
    assert "missing" in daemon.log()
    assert daemon.cli("audit", check=False).returncode == 1
    daemon.cli("gap", "--accept")
    daemon.audit()


def test_a_cut_log_is_not_read_by_the_index_of_another_connection(daemon):
    """While another program has the journal open, its index still names frames that are gone."""
    posts = Posts(daemon)
    posts.post(50)
    reader = sqlite3.connect(f"file:{daemon.store / 'journal.db'}?mode=ro", uri=True, isolation_level=None)
    reader.execute("SELECT count(*) FROM entry").fetchall()
    overwrite(daemon.store / JOURNAL)
    until(lambda: daemon.api("/readyz").status == 503, 5, "the cut to be noticed")
    posts.post(2)
    reader.close()
    posts.go_on()
    assert set(posts.acknowledged[-20:]) <= set(posts.stored())
    check = sqlite3.connect(f"file:{daemon.store / 'journal.db'}?mode=ro", uri=True)
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()
