"""The store never stops the intake: while dlrd.db is damaged, missing, of another version, locked, on a full or a
read-only disk, or in a migration, callbacks are accepted if journal.db is writable, and counted afterwards."""

import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

import harness
from harness import (DLRD, SAMPLE_TARGET, SMALL, Closed, fill, new_sid, reply_params, signed_post, status_params,
                     until)

SCHEMA_V1 = pathlib.Path(__file__).parent.parent / "unit" / "schema_v1.h"


def post(daemon, count, status="delivered"):
    sids = [new_sid() for _ in range(count)]
    daemon.keep_all(signed_post(SAMPLE_TARGET, status_params(sid, status)) for sid in sids)
    return sids


def ready(daemon):
    response = daemon.api("/readyz")
    return response.status, response.json()


def not_counted(daemon):
    status, body = ready(daemon)
    assert status == 200, body
    return body["not_counted_since"]


def delivered(daemon):
    return sum(campaign["delivered"] for campaign in daemon.get("/v1/campaigns")["campaigns"])


@pytest.fixture
def stopped(make_daemon):
    """A daemon that has counted 300 messages, and is stopped."""
    daemon = make_daemon()
    post(daemon, 300)
    daemon.settle()
    assert daemon.terminate() == 0
    return daemon


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def other_version(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = {
    "garbage": lambda path: path.write_bytes(b"this is no database at all\n" * 500),
    "header": lambda path: overwrite(path, 0, bytes(100)),
    "schema": lambda path: overwrite(path, 100, b"\xa5" * 3000),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "other-program": lambda path: path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 8000),
    "newer": other_version,
    "folder": folder,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_store_that_cannot_be_opened_never_stops_the_intake(stopped, damage):
    path = stopped.store / "dlrd.db"
    whole = path.read_bytes()
    DAMAGES[damage](path)
    damaged = path.read_bytes() if path.is_file() else None
    stopped.start()
    assert re.match(r"\d{4}-\d\d-\d\dT", not_counted(stopped))
    post(stopped, 20)
    assert stopped.api("/v1/campaigns").status == 503
    log = stopped.log()
    assert log.count("the store cannot be opened") == 1 and "dlrd.db" in log
    assert damaged is None or path.read_bytes() == damaged, "left as it is"
    if path.is_dir():
        path.rmdir()
    path.write_bytes(whole)
    until(lambda: not_counted(stopped) is None, 20, "the store to be opened")
    assert delivered(stopped) == 320
    stopped.audit()


def test_a_store_that_is_damaged_in_use_never_stops_the_intake(make_daemon):
    daemon = make_daemon()
    post(daemon, 2000)
    daemon.settle()
    assert daemon.terminate() == 0
    path = daemon.store / "dlrd.db"
    whole = path.read_bytes()
    # The schema stays sound: every page behind it is damaged.
    size = int.from_bytes(whole[16:18], "big")
    first = max(int.from_bytes(page, "big") for page in [whole[28:32]]) // 4
    for page in range(first, len(whole) // size):
        overwrite(path, page * size, b"\xa5" * size)
    daemon.start()
    post(daemon, 20)
    until(lambda: not_counted(daemon) is not None, 20, "not_counted_since")
    until(lambda: "dlrd recover" in daemon.log(), 20, "the line with the remedy")
    post(daemon, 20)
    daemon.kill()
    path.write_bytes(whole)
    for name in ("dlrd.db-wal", "dlrd.db-shm"):
        (daemon.store / name).unlink(missing_ok=True)
    daemon.start()
    assert delivered(daemon) == 2040
    daemon.audit()


def test_a_store_that_another_program_locks_keeps_no_callback_waiting(stopped):
    connection = sqlite3.connect(stopped.store / "dlrd.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    stopped.spawn()
    until(lambda: accepts(stopped), 4, "the intake")
    post(stopped, 20)
    connection.execute("ROLLBACK")
    connection.close()
    until(lambda: ready(stopped)[1]["not_counted_since"] is None, 20, "the store to be opened")
    assert delivered(stopped) == 320


def accepts(daemon):
    try:
        return daemon.post(SAMPLE_TARGET, status_params(new_sid(), "queued")).status == 204
    except (OSError, Closed):
        return False


def test_numbers_go_on_when_the_journal_is_new_and_the_store_cannot_be_read(stopped):
    path = stopped.store / "dlrd.db"
    whole = path.read_bytes()
    path.write_bytes(b"garbage" * 1000)
    (stopped.store / "journal.db").unlink()
    stopped.start()
    post(stopped, 20)
    stopped.restart()
    post(stopped, 20)
    path.write_bytes(whole)
    until(lambda: not_counted(stopped) is None, 20, "the store to be opened")
    assert delivered(stopped) == 340, "no entry got a number that was counted before"
    until(lambda: ready(stopped)[1]["gap"] is not None, 10, "the gap")


# --- files that are changed under the daemon ---


def test_a_store_that_is_replaced_under_the_daemon_is_opened_again(make_daemon):
    daemon = make_daemon()
    post(daemon, 100)
    daemon.settle()
    assert daemon.terminate() == 0
    whole = (daemon.store / "dlrd.db").read_bytes()
    daemon.start()
    post(daemon, 100)
    daemon.settle()
    new = daemon.store / "new"
    new.write_bytes(whole)
    new.rename(daemon.store / "dlrd.db")
    until(lambda: "another program moved, removed or replaced dlrd.db" in daemon.log(), 10, "a log line")
    until(lambda: delivered(daemon) == 200, 20, "what the older store lacks")
    post(daemon, 100)
    assert delivered(daemon) == 300
    daemon.kill()
    daemon.start()
    assert delivered(daemon) == 300
    daemon.audit()


def test_a_store_that_is_removed_under_the_daemon_is_counted_again(make_daemon):
    daemon = make_daemon()
    post(daemon, 200)
    daemon.settle()
    (daemon.store / "dlrd.db").unlink()
    until(lambda: "another program moved, removed or replaced dlrd.db" in daemon.log(), 10, "a log line")
    until(lambda: daemon.api("/v1/campaigns").status == 200 and delivered(daemon) == 200, 20, "the figures")
    daemon.audit()


@pytest.mark.parametrize("how", ["removed", "truncated", "overwritten", "replaced"])
def test_a_changed_log_of_the_store_is_noticed_and_loses_nothing(make_daemon, how):
    daemon = make_daemon()
    post(daemon, 200)
    daemon.settle()
    log = daemon.store / "dlrd.db-wal"
    size = log.stat().st_size
    assert size > 0
    if how == "removed":
        log.unlink()
    elif how == "truncated":
        os.truncate(log, 0)
    elif how == "overwritten":
        overwrite(log, 0, b"\xa5" * size)
    else:
        (daemon.store / "other").write_bytes(b"x" * size)
        (daemon.store / "other").rename(log)
    until(lambda: "dlrd.db-wal" in daemon.log(), 10, "a log line")
    post(daemon, 50)
    until(lambda: not_counted(daemon) is None and delivered(daemon) == 250, 20, "the figures")
    daemon.kill()
    daemon.start()
    assert delivered(daemon) == 250
    daemon.audit()


@pytest.mark.parametrize("how", ["removed", "truncated", "overwritten"])
def test_a_changed_log_of_the_quarantine_is_noticed_and_it_goes_on(make_daemon, how):
    daemon = make_daemon()

    def refuse():
        assert daemon.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), token="f" * 32)).status == 403

    def kept():
        return daemon.sql("SELECT count(*) FROM request", name="quarantine.db")[0][0]
    refuse()
    until(lambda: kept() == 1, 10, "the quarantine")
    log = daemon.store / "quarantine.db-wal"
    if how == "removed":
        log.unlink()
    elif how == "truncated":
        os.truncate(log, 0)
    else:
        overwrite(log, 0, b"\xa5" * log.stat().st_size)
    until(lambda: "quarantine.db-wal was" in daemon.log(), 10, "a log line")
    before = 1 if how == "removed" else 0
    until(lambda: "quarantine is writable again" in daemon.log(), 10, "it to go on")
    refuse()
    until(lambda: kept() == before + 1, 10, "the quarantine")
    daemon.restart()
    assert kept() == before + 1


def test_a_reader_that_keeps_the_log_is_reported_and_bounded(make_daemon):
    daemon = make_daemon({"store": {"log_limit": "8M"}})
    post(daemon, 10)
    daemon.settle()
    reader = daemon.database()
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchall()
    log = daemon.store / "dlrd.db-wal"
    until(lambda: post(daemon, 500) and ready(daemon)[1]["not_counted_since"] is not None, 120, "the limit")
    assert "keeps its log" in ready(daemon)[1]["not_counted_why"]
    assert re.search(r"has kept its log from restarting for \d+ s; the log has \d+ MiB", daemon.log())
    size = log.stat().st_size
    post(daemon, 1000)
    assert log.stat().st_size < size + (4 << 20), "further callbacks wait in the journal"
    reader.close()
    until(lambda: ready(daemon)[1]["not_counted_since"] is None, 20, "counting")
    daemon.audit()


# --- full and read-only disks ---


@pytest.fixture
def on_small_disk(make_daemon, small_disk):
    """A daemon on a disk of its own, killed, with a log of the store that was not copied."""
    store = small_disk / "store"
    store.mkdir()
    daemon = make_daemon(store=store)
    post(daemon, 100)
    daemon.settle()
    daemon.kill()
    for file in store.glob("*-shm"):
        file.unlink()
    return daemon


def read_only(disk, on):
    command = ["mount", "-o", "remount,ro" if on else "remount,rw", disk]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a tmpfs may not be remounted here")


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_on_a_disk_that_cannot_be_written_dlrd_starts_unhealthy(on_small_disk, small_disk, disk):
    daemon = on_small_disk
    reason = "No space left on device" if disk == "full" else "Read-only file system"
    if disk == "full":
        fill(small_disk / "ballast")
    else:
        read_only(small_disk, True)
    daemon.spawn()
    until(lambda: answers(daemon), 10, "/readyz")
    status, body = ready(daemon)
    assert status == 503 and reason in body["why"], body
    assert daemon.post(SAMPLE_TARGET, status_params(new_sid(), "sent")).status == 503
    assert daemon.api("/healthz").status == 200
    campaigns = daemon.api("/v1/campaigns")
    assert campaigns.status == 200 and campaigns.json()["campaigns"][0]["delivered"] == 100
    if disk == "full":
        (small_disk / "ballast").unlink()
    else:
        read_only(small_disk, False)
    until(lambda: ready(daemon)[0] == 200, 10, "health")
    post(daemon, 20)
    until(lambda: not_counted(daemon) is None and delivered(daemon) == 120, 20, "the figures")
    daemon.audit()


def answers(daemon):
    assert daemon.process.poll() is None, daemon.log()
    try:
        return daemon.api("/readyz").status in (200, 503)
    except OSError:
        return False


@pytest.mark.parametrize("disk", ["full", "read-only"])
def test_questions_to_a_stopped_store_need_no_room(on_small_disk, small_disk, disk):
    daemon = on_small_disk
    if disk == "full":
        fill(small_disk / "ballast")
    else:
        read_only(small_disk, True)
    before = sorted(path.name for path in daemon.store.iterdir())
    assert '"delivered":100' in daemon.cli("stats", "--json").stdout.replace(" ", "")
    assert "0 differences" in daemon.cli("audit").stdout
    daemon.cli("optouts")
    assert sorted(path.name for path in daemon.store.iterdir()) == before, "no file was created"
    if disk == "read-only":
        read_only(small_disk, False)


# --- migrations ---


def store_of_version_1(path, messages):
    """As version 1 wrote it: so many messages, each with two events."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', SCHEMA_V1.read_text().split("schema_v1[]")[1])
    connection = sqlite3.connect(path)
    connection.executescript("".join(words).encode().decode("unicode_escape"))
    connection.executescript(f"""
        PRAGMA application_id = {0x646c7264}; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;
        BEGIN;
        INSERT INTO campaign VALUES(1, 'W', 'old', 1, 1, 0);
        INSERT INTO tagset VALUES(1, 1, '');
        INSERT INTO provider VALUES(1, 'AC0123456789abcdef0123456789abcdef', '', '+15017712661');
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {messages})
        INSERT INTO message SELECT i, printf('SM%032x', i), 1, 1, 'delivered', 1, 0, 24, 1, 0, -1,
          1000000, 2000000, 1000000, 2000000, 0, 0, 0, 0 FROM n;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {2 * messages})
        INSERT INTO event(seq, journal_seq, time_us, type, message_id, campaign_id, tagset_id, provider_id, status,
          peer) SELECT i, i, i, CASE WHEN i % 2 THEN 'Progress' ELSE 'Delivered' END, (i + 1) / 2, 1, 1, 1,
          CASE WHEN i % 2 THEN 'sent' ELSE 'delivered' END, printf('+1555%07d', i / 2) FROM n;
        UPDATE state SET cursor = {2 * messages};
        COMMIT;
    """)
    connection.close()


@pytest.mark.skipif(SMALL, reason="needs work of some seconds")
def test_a_migration_goes_on_behind_an_open_intake(make_daemon):
    daemon = make_daemon(start=False)
    store_of_version_1(daemon.store / "dlrd.db", 300_000)
    daemon.spawn()
    until(lambda: accepts(daemon), 5, "the intake")
    until(lambda: answers(daemon), 5, "/readyz")
    status, body = ready(daemon)
    assert status == 200 and body["not_counted_why"] is None
    until(lambda: ready(daemon)[1]["migration"] is not None, 20, "progress in readyz")
    migration = ready(daemon)[1]["migration"]
    assert migration["from"] == 1 and migration["to"] > 1
    assert re.search(r"dlrd\.db: migrating from version 1 to \d+ for \d+ s", daemon.log())
    post(daemon, 20)

    start = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(10) == 0
    assert time.monotonic() - start < 2, "it is rolled back within a second"
    version = daemon.sql("PRAGMA user_version")[0][0]
    assert version == 1 or daemon.sql("SELECT stale FROM state")[0][0] == 1, "it goes on at the next start"

    daemon.spawn()
    until(lambda: answers(daemon), 5, "/readyz")
    until(lambda: daemon.api("/v1/campaigns").status == 200, 120, "the migration to end")
    daemon.settle()
    assert delivered(daemon) >= 300_000


@pytest.mark.parametrize("name", ["dlrd.db", "journal.db-wal", "dlrd.gaps"])
def test_a_fifo_in_place_of_a_file_does_not_hang_the_start(make_daemon, name):
    daemon = make_daemon(start=False)
    os.mkfifo(daemon.store / name)
    daemon.spawn()
    until(lambda: answers(daemon) or daemon.process.poll() is not None, 5, "the start or its end")
    if daemon.process.poll() is None:
        assert daemon.post(SAMPLE_TARGET, status_params(new_sid(), "sent")).status in (204, 503)
        assert daemon.terminate() == 0


def test_the_reason_why_figures_could_not_be_recomputed_survives_the_rollback(stopped):
    path = stopped.store / "dlrd.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE state SET stale = 1")
    connection.close()
    damage(path, "event", lambda pages: pages[1:3])
    stopped.start()
    why = until(lambda: ready(stopped)[1]["not_counted_why"], 10, "the reason")
    assert why.endswith(("malformed", "corrupt data")), why


@pytest.mark.parametrize("cursor", [-5, 1 << 60])
def test_a_cursor_that_no_journal_reaches_is_damage(stopped, cursor):
    """Nothing that arrives would ever be counted."""
    with sqlite3.connect(stopped.store / "dlrd.db") as connection:
        connection.execute("UPDATE state SET cursor = ?", (cursor,))
    connection.close()
    stopped.start()
    post(stopped, 10)
    why = until(lambda: ready(stopped)[1]["not_counted_why"], 10, "the reason")
    assert "malformed" in why or "corrupt" in why, why
    recover(stopped, "--force")
    until(lambda: not_counted(stopped) is None, 20, "the store to be opened")
    until(lambda: delivered(stopped) == 310, 20, "all to be counted")
    stopped.audit()


def test_a_rebuild_that_cannot_begin_says_why(stopped):
    for name in ("dlrd.db", "dlrd.db-wal"):
        if (stopped.store / name).exists():
            overwrite(stopped.store / name, 0, b"garbage" * 5000)
    stopped.start()
    result = stopped.cli("rebuild", check=False)
    assert result.returncode == 1
    assert "cannot do it now" in result.stderr and "file is not a database" in result.stderr, result.stderr


# --- dlrd recover ---


def pages_of(path, table):
    """The leaf pages of a table, by SQLite's own account; None if this SQLite keeps none."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,)).fetchall()
    except sqlite3.OperationalError:
        pytest.skip("this SQLite has no dbstat")
    finally:
        connection.close()
    return [row[0] for row in rows]


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory):
    """The files of a daemon whose journal no longer has the entries that were counted first."""
    daemon = harness.Daemon({"store": {"journal_keep": "1s"}}).start()
    post(daemon, 3000, "sent")
    daemon.settle()
    time.sleep(1.5)
    until(lambda: post(daemon, 1) and daemon.sql("SELECT min(seq) FROM entry", name="journal.db")[0][0] > 2000, 30,
          "a trim")
    daemon.settle()
    assert daemon.terminate() == 0
    files = shutil.copytree(daemon.store, tmp_path_factory.mktemp("trimmed") / "store")
    daemon.finish()
    return files


@pytest.fixture
def old_store(make_daemon, trimmed):
    """A daemon with a copy of these files, not running."""
    daemon = make_daemon({"store": {"journal_keep": "1s"}}, start=False)
    shutil.copytree(trimmed, daemon.store, dirs_exist_ok=True)
    daemon.write()
    return daemon


def damage(path, table, which):
    pages = pages_of(path, table)
    for page in which(pages):
        overwrite(path, (page - 1) * 4096, b"\xa5" * 4096)


def recover(daemon, *words):
    result = daemon.cli("recover", *words)
    return result.stdout


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
@pytest.mark.parametrize("table", ["event", "message"])
def test_recover_reports_exactly_what_is_missing(old_store, table, running):
    daemon = old_store
    path = daemon.store / "dlrd.db"
    total = daemon.sql("SELECT count(*) FROM event")[0][0]
    damage(path, table, lambda pages: [pages[1], pages[3], pages[4]])
    if running:
        daemon.start()
        sids = post(daemon, 10)
    said = recover(daemon)
    read, lost = map(int, re.search(r"^(\d+) receipts were read, (\d+) could not be read", said, re.M).groups())
    assert total <= read + lost <= total + (10 if running else 0), said
    if table == "event":
        assert 0 < lost < 400, said
        missing = int(re.search(r"; (\d+) are missing", said).group(1))
        assert missing == lost, "journal.db no longer has them"
        assert "journal.db no longer has all of them" in said
        assert daemon.cli("gap", check=False).stdout.count("missing") > 0
    else:
        assert lost == 0, "their SIDs are in an index, their states in the receipts"
    assert (daemon.store / "dlrd.db.damaged").exists()
    if not running:
        daemon.start()
        sids = post(daemon, 10)
    until(lambda: not_counted(daemon) is None, 20, "the store to be opened")
    daemon.settle()
    assert daemon.sql("SELECT count(*) FROM event")[0][0] == total - lost + 10
    assert {event["message"] for event in daemon.events()} >= set(sids)
    daemon.cli("gap", "--accept", check=False)
    daemon.audit()


def test_recover_takes_from_the_journal_what_it_still_has(make_daemon):
    daemon = make_daemon()
    post(daemon, 2000)
    daemon.settle()
    assert daemon.terminate() == 0
    damage(daemon.store / "dlrd.db", "event", lambda pages: pages[2:6] + pages[-2:])
    said = recover(daemon)
    lost = int(re.search(r"(\d+) could not be read", said).group(1))
    assert lost > 0 and f"{lost} of them were counted again from journal.db; 0 are missing" in said
    daemon.start()
    assert delivered(daemon) == 2000
    assert [campaign["duplicates"] for campaign in daemon.get("/v1/campaigns")["campaigns"]] == [0]
    assert ready(daemon)[1]["gap"] is None
    daemon.audit()


def test_recover_gives_no_number_of_a_lost_receipt_again(make_daemon):
    """Followers of /v1/events ask for what comes after the last number that they have read. Evidence of a lost
    opt-out names its event: another person's opt-in under that number must not change it."""
    daemon = make_daemon()
    daemon.keep_all((signed_post("/sms/twilio", reply_params(new_sid(), "STOP", number)) for number in range(1, 301)),
                    200)
    daemon.settle()
    before = daemon.events()
    assert daemon.terminate() == 0
    for path in daemon.store.glob("journal.db*"):
        path.unlink()
    damage(daemon.store / "dlrd.db", "event", lambda pages: pages[-3:])
    recover(daemon)
    daemon.start()
    daemon.keep_all((signed_post("/sms/twilio", reply_params(new_sid(), "START", number)) for number in range(401, 501)),
                    200)
    daemon.settle()
    new = daemon.events()[-100:]
    assert {event["body"] for event in new} == {"START"}
    assert new[0]["seq"] > before[-1]["seq"]
    daemon.cli("gap", "--accept", check=False)
    daemon.audit()
    daemon.cli("rebuild")
    states = dict(daemon.sql("SELECT number, state FROM optouts"))
    for number in range(1, 301):
        assert states[harness.phone(number).encode()] == b"out"
    changes = daemon.sql("SELECT count(*) FROM consent WHERE correction = 1")[0][0]
    assert changes == 0, "nothing that followers read has changed"
    daemon.audit()


def test_recover_waits_for_a_journal_that_may_be_readable_again(stopped):
    """A failing disk, or a user that may not read it. Without its entries the new store would lack them for ever."""
    path, journal = stopped.store / "dlrd.db", stopped.store / "journal.db"
    damage(path, "event", lambda pages: pages[1:3])
    before = path.read_bytes()
    aside = journal.rename(stopped.store / "aside.db")
    journal.symlink_to(journal.name)  # opening it fails, also for root
    result = stopped.cli("recover", check=False)
    assert result.returncode == 1 and str(journal) in result.stderr and "nothing was changed" in result.stderr
    assert path.read_bytes() == before and not list(stopped.store.glob("dlrd.db.*"))
    assert not (stopped.store / "dlrd.gaps").exists()
    journal.unlink()
    aside.rename(journal)
    assert "; 0 are missing" in recover(stopped)
    stopped.start()
    assert delivered(stopped) == 300
    stopped.audit()


def test_recover_goes_on_without_a_journal_that_is_gone(stopped):
    damage(stopped.store / "dlrd.db", "event", lambda pages: pages[1:3])
    for path in stopped.store.glob("journal.db*"):
        path.unlink()
    result = stopped.cli("recover")
    assert "the journal cannot be read" in result.stderr and "; 0 are missing" not in result.stdout


def test_recover_of_a_store_that_nothing_can_be_read_of_takes_the_journal(stopped):
    (stopped.store / "dlrd.db").write_bytes(b"garbage" * 5000)
    said = recover(stopped)
    assert "nothing could be read" in said and "backup" in said
    stopped.start()
    assert delivered(stopped) == 300
    stopped.audit()


def test_recover_leaves_a_sound_store_alone(stopped):
    result = stopped.cli("recover", check=False)
    assert result.returncode == 1 and "is sound" in result.stderr
    assert not (stopped.store / "dlrd.db.damaged").exists()
    said = recover(stopped, "--force")
    assert "300 receipts were read, 0 could not be read" in said
    stopped.start()
    assert delivered(stopped) == 300
    stopped.audit()


def test_what_is_counted_and_trimmed_during_a_recovery_is_in_the_new_store(old_store):
    """The new store has what was counted when its building began; the journal keeps the rest for it."""
    daemon = old_store
    damage(daemon.store / "dlrd.db", "event", lambda pages: [pages[1], pages[3], pages[4]])
    daemon.start()
    new = daemon.store / "dlrd.db.recovering"
    recovery = subprocess.Popen([DLRD, "recover", "-c", str(daemon.config)], stdout=subprocess.PIPE, text=True)
    # All that the damaged store has is copied by then; the figures are computed next.
    def size():
        try:
            return new.stat().st_size
        except FileNotFoundError:
            return 0
    while size() <= 300_000:  # without a pause: it takes a few milliseconds
        assert recovery.poll() is None, "the recovery was too fast to be stopped"
    recovery.send_signal(signal.SIGSTOP)
    assert new.exists(), "the recovery was too fast to be stopped"
    sids = post(daemon, 10)
    daemon.settle()
    time.sleep(8)  # a checkpoint of the store comes after 5 s, and journal_keep is over
    sids += post(daemon, 10)
    daemon.settle()
    time.sleep(2)
    result = daemon.cli("recover", check=False)
    assert result.returncode == 1 and "another 'dlrd recover'" in result.stderr
    recovery.send_signal(signal.SIGCONT)
    said, _ = recovery.communicate(timeout=60)
    assert recovery.returncode == 0 and "works with the new store" in said
    assert "\n0 of them were counted again" in said, "those that are not counted yet are not lost"
    until(lambda: not_counted(daemon) is None, 20, "the store to be opened")
    daemon.settle()
    assert {event["message"] for event in daemon.events()} >= set(sids)


def test_recover_reads_a_damaged_store_of_version_1(make_daemon):
    daemon = make_daemon(start=False)
    store_of_version_1(daemon.store / "dlrd.db", 3000)
    damage(daemon.store / "dlrd.db", "event", lambda pages: pages[2:5])
    daemon.write()
    said = recover(daemon)
    read, lost = map(int, re.search(r"^(\d+) receipts were read, (\d+) could not be read", said, re.M).groups())
    assert read + lost == 6000 and 0 < lost < 1000, said
    daemon.start()
    until(lambda: not_counted(daemon) is None, 20, "the migration")
    assert daemon.sql("SELECT count(*) FROM event")[0][0] == read
    daemon.cli("gap", "--accept", check=False)
    daemon.audit()
