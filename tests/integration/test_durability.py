"""Kill -9, full disks and failing fsyncs: acknowledged within stored within sent, nothing twice.

DLRD_TEST_KILLS sets the number of rounds of kill -9.
"""

import json
import errno
import mmap
import os
import random
import signal
import struct
import subprocess
import threading
import time

import pytest

import harness
from harness import (SAMPLE_TARGET, SANITIZER, SLOW, Load, check_ledger, fill, new_sid, request_bytes,
                     scaled, signed_post, status_params, target_for, until)

ON_DISK = True
KILLS = int(os.environ.get("DLRD_TEST_KILLS", scaled(10, 3)))


# --- kill -9 ---


def test_a_clean_restart_keeps_everything(daemon):
    sids = [new_sid() for _ in range(20)]
    daemon.keep_all(signed_post(SAMPLE_TARGET, status_params(sid, "sent")) for sid in sids)
    before = daemon.events()
    daemon.restart()
    assert daemon.events() == before
    daemon.audit()


def test_what_was_acknowledged_and_not_yet_projected_is_projected_after_kill_9(daemon):
    """Another program locks the store, so that only the journal has the callbacks when the daemon ends."""
    import sqlite3
    daemon.settle()
    blocker = sqlite3.connect(daemon.store / "dlrd.db", isolation_level=None)
    blocker.execute("PRAGMA wal_autocheckpoint = 0")
    blocker.execute("BEGIN IMMEDIATE")
    sids = [new_sid() for _ in range(50)]
    daemon.keep_all(signed_post(SAMPLE_TARGET, status_params(sid, "sent")) for sid in sids)
    daemon.kill()
    blocker.execute("ROLLBACK")
    blocker.close()
    daemon.start()
    assert [event["message"] for event in daemon.events()] == sids
    daemon.audit()


def test_kill_9_in_the_middle_of_load_loses_and_doubles_nothing(make_daemon, ledger):
    rng = random.Random("kill")
    daemon = make_daemon()
    total = 0
    for _ in range(KILLS):
        load = Load(daemon, ledger, threads=12)
        total += rng.randrange(20, scaled(1500, 150))
        load.wait_acknowledged(total - len(harness.ledger_of(ledger)))
        daemon.kill()
        load.join()
        total = len(harness.ledger_of(ledger))
        daemon.start()
        check_ledger(daemon, ledger)
    assert total >= 20 * KILLS
    assert daemon.sql("PRAGMA integrity_check")[0][0] == b"ok"
    assert daemon.sql("PRAGMA integrity_check", name="journal.db")[0][0] == b"ok"


def test_kill_9_right_at_the_start_harms_nothing(make_daemon, ledger):
    """With something to recover in both files, and at every stage of the start."""
    daemon = make_daemon()
    load = Load(daemon, ledger, threads=8)
    load.wait_acknowledged(scaled(500, 100))
    daemon.kill()
    load.join()
    rng = random.Random("start")
    for _ in range(scaled(20, 6)):
        daemon.spawn()
        threading.Event().wait(rng.uniform(0, 0.06 * SLOW))
        daemon.kill()
    daemon.start()
    check_ledger(daemon, ledger)


def test_kill_9_before_the_first_start_was_done_leaves_a_directory_to_start_in(make_daemon):
    rng = random.Random("first")
    for _ in range(scaled(12, 4)):
        daemon = make_daemon(start=False)
        daemon.spawn()
        threading.Event().wait(rng.uniform(0, 0.03 * SLOW))
        daemon.kill()
        daemon.start()
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
        assert len(daemon.events()) == 1
        assert daemon.terminate() == 0


def test_kill_9_while_it_stops_loses_nothing(make_daemon, ledger):
    daemon = make_daemon()
    for _ in range(scaled(4, 2)):
        load = Load(daemon, ledger, threads=8)
        load.wait_acknowledged(scaled(200, 40))
        os.kill(daemon.pid, 15)
        threading.Event().wait(0.02)
        daemon.kill()
        load.join()
        daemon.start()
        check_ledger(daemon, ledger)


def test_the_counters_of_many_kills_equal_those_of_none(make_daemon):
    """The same receipts, once with kills and resends between them and once without."""
    rng = random.Random("equal")
    history = []
    for i in range(scaled(150, 40)):
        sid = new_sid()
        history += [status_params(sid, "sent", number=i),
                    status_params(sid, rng.choice(["delivered", "undelivered"]), number=i,
                                  code=30003)]
    calm, killed = make_daemon(), make_daemon()
    calm.keep_all(signed_post(SAMPLE_TARGET, params) for params in history)
    step = len(history) // 4
    for at in range(0, len(history), step):
        killed.keep_all(signed_post(SAMPLE_TARGET, params)
                        for params in history[max(0, at - 10):at + step])
        killed.kill()
        killed.start()
    figures = [{**daemon.campaign(), "first": 0, "last": 0, "duplicates": 0, "median_seconds": 0, "p95_seconds": 0}
               for daemon in (calm, killed)]
    assert figures[0] == figures[1]
    killed.audit()


# --- full disks ---


def assert_503(daemon, params):
    response = daemon.post(target_for(), params)
    assert response.status == 503, response
    assert response.body == b"" and response.header("Content-Length") == "0"
    assert response.header("Retry-After").isdigit()


def test_a_full_disk_is_answered_503_until_there_is_room(make_daemon, small_disk):
    store = small_disk / "store"
    store.mkdir()
    ballast = small_disk / "ballast"
    daemon = make_daemon(store=store)
    acknowledged = [new_sid() for _ in range(30)]
    daemon.keep_all(signed_post(target_for(), status_params(sid, "sent")) for sid in acknowledged)
    pid = daemon.pid
    for _ in range(scaled(3, 2)):
        fill(ballast)

        def refused():
            sid = new_sid()
            params = status_params(sid, "sent", Body="x" * 20_000)
            status = daemon.post(target_for(), params).status
            assert status in (204, 503)
            if status == 204:
                acknowledged.append(sid)
            return status == 503
        until(refused, 20, "a 503")
        for _ in range(5):
            assert_503(daemon, status_params(new_sid(), "sent", Body="x" * 20_000))
        assert daemon.api("/readyz").status == 503
        assert daemon.api("/healthz").status == 200
        assert daemon.metric("dlrd_ready") == 0
        assert daemon.metric("dlrd_journal_failures_total", '{cause="full"}') > 0
        assert daemon.process.poll() is None and daemon.pid == pid
        ballast.unlink()

        def kept():
            sid = new_sid()
            if daemon.post(target_for(), status_params(sid, "sent")).status == 204:
                acknowledged.append(sid)
                return True
            return False
        until(kept, 20, "a 204 once there is room")
        until(lambda: daemon.api("/readyz").status == 200, 10, "readiness")
    stored = {event["message"] for event in daemon.events()}
    assert set(acknowledged) <= stored
    daemon.audit()
    daemon.kill()
    daemon.start()
    assert set(acknowledged) <= {event["message"] for event in daemon.events()}
    daemon.audit()


def test_readiness_comes_back_by_itself_without_a_callback(make_daemon, small_disk):
    """A balancer that looks at /readyz sends nothing to a daemon that is not ready."""
    store = small_disk / "store"
    store.mkdir()
    daemon = make_daemon(store=store)
    fill(small_disk / "ballast")
    params = status_params(new_sid(), "sent", Body="x" * 20_000)
    until(lambda: daemon.post(target_for(), params).status == 503, 20, "a 503")
    assert daemon.api("/readyz").status == 503
    (small_disk / "ballast").unlink()
    until(lambda: daemon.api("/readyz").status == 200, 10, "readiness")


def test_readiness_comes_back_only_when_as_much_as_failed_can_be_written(make_daemon, small_disk):
    store = small_disk / "store"
    store.mkdir()
    daemon = make_daemon(store=store)
    large = status_params(new_sid(), "sent", Body="x" * 200_000)
    ballast = small_disk / "ballast"
    fill(ballast)
    until(lambda: daemon.post(target_for(), large).status == 503, 20, "a 503")
    os.truncate(ballast, ballast.stat().st_size - 60_000)  # room for small ones
    until(lambda: daemon.post(target_for(), status_params(new_sid(), "sent")).status == 204, 10, "a 204")
    for _ in range(40):
        assert daemon.post(target_for(), status_params(new_sid(), "sent")).status in (204, 503)
        assert daemon.api("/readyz").status == 503, "the large one still finds no room"
        time.sleep(0.1)
    assert daemon.log().count("the journal cannot be written") == 1
    ballast.unlink()
    until(lambda: daemon.api("/readyz").status == 200, 10, "readiness")
    assert daemon.post(target_for(), large).status == 204


def test_a_disk_that_load_fills_loses_nothing_acknowledged(make_daemon, small_disk, ledger):
    store = small_disk / "store"
    store.mkdir()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (1 << 20))
    daemon = make_daemon(store=store)
    load = Load(daemon, ledger, threads=8)
    until(lambda: load.refused > 20 or not load.alive(), 60, "the disk to be full")
    assert load.refused > 20
    ballast.unlink()
    before = load.acknowledged
    until(lambda: load.acknowledged > before or not load.alive(), 20, "204 again")
    load.stop()
    assert load.acknowledged > before
    daemon.kill()
    until(lambda: starts(daemon), 10, "a start")
    check_ledger(daemon, ledger)


def starts(daemon):
    """The disk may be full again by now; then the test's last word is the log."""
    daemon.start()
    return True


# --- directories that cannot be worked in ---


def assert_refuses_to_start(daemon, *words):
    daemon.spawn()
    assert daemon.process.wait(20 * SLOW) == 1
    for word in words:
        assert word in daemon.log(), daemon.log()
    assert "listening" not in daemon.log()
    with pytest.raises(OSError):
        daemon.connect(1)


def test_a_missing_directory_is_named(make_daemon, tmp_path):
    missing = tmp_path / "missing"
    assert_refuses_to_start(make_daemon(start=False, store=missing), str(missing))
    assert not missing.exists()


def test_a_directory_that_is_a_file_is_named(make_daemon, tmp_path):
    place = tmp_path / "file"
    place.write_text("")
    assert_refuses_to_start(make_daemon(start=False, store=place), str(place))


def test_a_full_disk_at_a_later_start_is_named_and_loses_nothing(make_daemon, small_disk):
    store = small_disk / "store"
    store.mkdir()
    daemon = make_daemon(store=store)
    sids = [new_sid() for _ in range(20)]
    daemon.keep_all(signed_post(target_for(), status_params(sid, "sent")) for sid in sids)
    daemon.kill()
    fill(small_disk / "ballast")
    daemon.spawn()

    def decided():
        if daemon.process.poll() is not None:
            return True
        try:
            return daemon.api("/readyz").status in (200, 503)
        except OSError:
            return False
    until(decided, 20, "the daemon to start or to refuse")
    if daemon.process.poll() is not None:
        assert daemon.process.returncode == 1
        assert str(store) in daemon.log(), daemon.log()
    else:
        daemon.kill()
    (small_disk / "ballast").unlink()
    daemon.start()
    assert [event["message"] for event in daemon.events()] == sids
    daemon.audit()


def test_a_journal_of_another_program_is_left_alone(make_daemon):
    for content in (b"this is no database at all\n" * 500, b"SQLite format 3\x00" + b"\xff" * 8000):
        daemon = make_daemon(start=False)
        journal = daemon.store / "journal.db"
        journal.write_bytes(content)
        assert_refuses_to_start(daemon, str(journal))
        assert journal.read_bytes() == content


# --- fsyncs that fail ---


class Fault:
    """The control of fault.c, from this side."""

    def __init__(self, path):
        path.write_bytes(bytes(56))
        with open(path, "r+b") as control:
            self.map = mmap.mmap(control.fileno(), 56)

    def _get(self, index):
        return struct.unpack_from("l", self.map, 8 * index)[0]

    def _set(self, index, value):
        struct.pack_into("l", self.map, 8 * index, value)

    def fail(self, times, spare=0):
        """times: how many syncs fail, -1 for all; after so many spared ones."""
        self._set(1, spare)
        self._set(0, times)

    def stop(self):
        self._set(0, 0)

    def delay(self, milliseconds):
        self._set(4, milliseconds)

    def fail_writes(self, number, spare=0):
        """With this error number; 0: no more."""
        self._set(6, spare)
        self._set(5, number)

    @property
    def seen(self):
        return self._get(2)

    @property
    def failed(self):
        return self._get(3)


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    if SANITIZER:
        pytest.skip("a sanitizer wants to be the first library that is loaded")
    library = tmp_path_factory.mktemp("shim") / "fault.so"
    subprocess.run(["cc", "-O2", "-fPIC", "-shared", "-o", library, harness.HERE / "fault.c",
                    "-ldl"], check=True)
    return library


def faulty(make_daemon, shim, tmp_path, name, settings=None):
    fault = Fault(tmp_path / "control")
    daemon = make_daemon(settings, start=False, env={
        "LD_PRELOAD": str(shim), "FAULT_CONTROL": str(tmp_path / "control"), "FAULT_NAME": name})
    daemon.start()
    return daemon, fault


@pytest.fixture
def faulty_log(make_daemon, shim, tmp_path):
    return faulty(make_daemon, shim, tmp_path, "/journal.db-wal")


def test_a_removed_log_is_noticed_without_statx(make_daemon, shim):
    """A sandbox may refuse the call that reads no times."""
    daemon = make_daemon(start=False, env={"LD_PRELOAD": str(shim), "FAULT_STATX": "1"})
    daemon.start()
    for _ in range(20):
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    (daemon.store / "journal.db-wal").unlink()
    until(lambda: "was removed or replaced" in daemon.log(), 5, "the log")
    until(lambda: daemon.api("/readyz").status == 200, 5, "readyz")
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    assert daemon.audit()["messages"] == 21


def test_the_shim_sees_a_sync_for_each_acknowledgement(faulty_log):
    daemon, fault = faulty_log
    for _ in range(5):
        before = fault.seen
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
        assert fault.seen > before


def test_an_answer_does_not_wait_for_the_commit_of_a_later_request(faulty_log):
    """The first of two requests is answered when its own sync is done, not with the second's."""
    daemon, fault = faulty_log
    with daemon.connect() as oldest, daemon.connect() as first, daemon.connect() as second:
        oldest.send(request_bytes("GET", "/nothing"))  # libmicrohttpd looks at the oldest anyway
        assert oldest.read().status == 404
        fault.delay(1000)
        start = time.monotonic()
        first.send(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")))
        time.sleep(0.5)
        second.send(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")))
        assert first.read().status == 204
        took = time.monotonic() - start
        assert second.read().status == 204
    fault.delay(0)
    assert 0.9 < took < 1.9, f"answered after {took:.2f} s, the sync takes 1 s"


def test_a_hanging_sync_is_answered_503_after_commit_timeout(make_daemon, shim, tmp_path):
    """Not 2xx, although the callback is stored a little later, and not after request_timeout."""
    daemon, fault = faulty(make_daemon, shim, tmp_path, "/journal.db-wal",
                           {"server": {"commit_timeout": "500ms", "request_timeout": "10s"}})
    fault.delay(2000)
    start = time.monotonic()
    answer = daemon.post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    took = time.monotonic() - start
    fault.delay(0)
    assert answer.status == 503 and answer.header("Retry-After")
    assert 0.4 < took < 1.9, f"answered after {took:.2f} s"
    until(lambda: len(daemon.events()) == 1, 10, "the callback")
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))


def test_a_stop_waits_for_a_slow_commit(faulty_log):
    daemon, fault = faulty_log
    fault.delay(1500)
    with daemon.connect() as connection:
        connection.send(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")))
        until(lambda: harness.is_read(connection), 5, "it to be read")
        os.kill(daemon.pid, signal.SIGTERM)
        assert connection.read().status == 204
    fault.delay(0)
    assert daemon.process.wait(20 * SLOW) == 0
    daemon.start()
    assert len(daemon.events()) == 1


def post_and_note(daemon, acknowledged, refused):
    sid = new_sid()
    status = daemon.post(SAMPLE_TARGET, status_params(sid, "sent")).status
    assert status in (204, 503)
    (acknowledged if status == 204 else refused).append(sid)
    return status


def check_stored(daemon, acknowledged, refused):
    """Refused ones may be there, once; acknowledged ones are."""
    stored = [event["message"] for event in daemon.events()]
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored) <= set(acknowledged) | set(refused)
    daemon.audit()


@pytest.mark.parametrize("spare", range(scaled(6, 3)))
def test_a_sync_that_fails_once_is_answered_503_once(faulty_log, spare):
    """SQLite's own method: the first, the second, the third ... sync fails."""
    daemon, fault = faulty_log
    acknowledged, refused = [], []
    for _ in range(10):
        assert post_and_note(daemon, acknowledged, refused) == 204
    fault.fail(1, spare)
    for _ in range(20):
        failed, count = fault.failed, len(refused)
        post_and_note(daemon, acknowledged, refused)
        assert fault.failed == failed or len(refused) > count, "a 204 in spite of a failed sync"
        until(lambda: daemon.api("/readyz").status == 200, 10, "readiness")
    assert fault.failed == 1 and 1 <= len(refused) <= 2
    check_stored(daemon, acknowledged, refused)
    daemon.kill()
    daemon.start()
    check_stored(daemon, acknowledged, refused)


def test_syncs_that_fail_for_ever_are_answered_503_until_they_stop(faulty_log):
    daemon, fault = faulty_log
    acknowledged, refused = [], []
    post_and_note(daemon, acknowledged, refused)
    fault.fail(-1)
    for _ in range(20):
        assert post_and_note(daemon, acknowledged, refused) == 503
    assert daemon.api("/readyz").status == 503
    assert daemon.api("/healthz").status == 200
    assert daemon.metric("dlrd_journal_failures_total", '{cause="io"}') > 0
    fault.stop()
    until(lambda: daemon.api("/readyz").status == 200, 10, "readiness without a callback")
    for _ in range(10):
        assert post_and_note(daemon, acknowledged, refused) == 204
    check_stored(daemon, acknowledged, refused)
    daemon.kill()
    daemon.start()
    check_stored(daemon, acknowledged, refused)


def test_a_kill_9_right_after_a_failed_sync_loses_nothing_acknowledged(faulty_log):
    daemon, fault = faulty_log
    acknowledged, refused = [], []
    for _ in range(5):
        post_and_note(daemon, acknowledged, refused)
        fault.fail(-1)
        assert post_and_note(daemon, acknowledged, refused) == 503
        daemon.kill()
        fault.stop()
        daemon.start()
        check_stored(daemon, acknowledged, refused)


def test_failing_syncs_under_load_lose_nothing_acknowledged(faulty_log, ledger):
    daemon, fault = faulty_log
    load = Load(daemon, ledger, threads=12)
    rng = random.Random("faults")
    for _ in range(scaled(12, 5)):
        before = load.acknowledged
        until(lambda: load.acknowledged > before + 20 or not load.alive(), 20, "204s")
        failed = fault.failed
        fault.fail(rng.choice([1, 1, 3]), rng.randrange(4))
        until(lambda: fault.failed > failed, 10, "a sync that fails")
    fault.stop()
    before = load.acknowledged
    until(lambda: load.acknowledged > before, 20, "204s at the end")
    load.stop()
    assert load.refused > 0
    check_ledger(daemon, ledger)
    daemon.kill()
    daemon.start()
    check_ledger(daemon, ledger)


@pytest.mark.parametrize("name", ["/dlrd.db-wal", "/dlrd.db"])
def test_failing_syncs_of_the_store_do_not_touch_the_acknowledgements(
        make_daemon, shim, tmp_path, ledger, name):
    daemon, fault = faulty(make_daemon, shim, tmp_path, name)
    fault.fail(-1)
    load = Load(daemon, ledger, threads=8)
    load.wait_acknowledged(scaled(3000, 500))
    until(lambda: fault.failed > 0, 30, "a sync that fails")
    load.stop()
    assert load.refused == 0
    assert daemon.api("/readyz").status == 200
    fault.stop()
    check_ledger(daemon, ledger)
    daemon.kill()
    daemon.start()
    check_ledger(daemon, ledger)


def test_a_checkpoint_of_the_journal_that_fails_is_counted_and_loses_nothing(
        make_daemon, shim, tmp_path, ledger):
    daemon, fault = faulty(make_daemon, shim, tmp_path, "/journal.db")
    fault.fail(-1)
    failures = ('dlrd_checkpoint_failures_total', '{file="journal.db"}')
    sids = []

    def send(count):
        for _ in range(count):
            sids.append(new_sid())
            daemon.keep(target_for(), status_params(sids[-1], "sent", Large="x" * 200_000))

    def failed():
        send(10)
        return daemon.metric(*failures) > 0
    until(failed, 40, "a checkpoint that fails")
    fault.stop()
    count = daemon.metric(*failures)
    send(200)
    assert daemon.metric(*failures) == count
    daemon.kill()
    daemon.start()
    assert [event["message"] for event in daemon.events()] == sids
    daemon.audit()


def test_a_sync_that_fails_while_space_is_given_back_is_counted_and_logged(make_daemon, shim, tmp_path):
    """A quiet second ends with a checkpoint of its own; that it was the last one must not stay unknown."""
    daemon, fault = faulty(make_daemon, shim, tmp_path, "/journal.db")
    reader = daemon.database("journal.db")
    reader.execute("BEGIN")  # the log cannot be reset, and exceeds its permanent size
    reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    sids = [new_sid() for _ in range(400)]
    daemon.keep_all(signed_post(target_for(), status_params(sid, "sent", Note="x" * 60_000)) for sid in sids)
    assert (daemon.store / "journal.db-wal").stat().st_size > 17 << 20
    time.sleep(0.5)  # for the checkpoint that is due by the log's size
    fault.fail(-1)
    reader.close()
    until(lambda: daemon.metric("dlrd_checkpoint_failures_total", '{file="journal.db"}') > 0, 20, "the failure")
    until(lambda: "a checkpoint of journal.db could not be synced" in daemon.log(), 5, "its log line")
    fault.stop()
    sids.append(new_sid())
    daemon.keep(target_for(), status_params(sids[-1], "sent"))
    daemon.kill()
    daemon.start()
    daemon.settle(60)
    assert {event["message"] for event in daemon.events()} == set(sids)


# --- the harness itself ---


def test_the_ledger_check_finds_what_is_lost_or_doubled(daemon, ledger):
    load = Load(daemon, ledger, threads=2, limit=20)
    load.join()
    assert check_ledger(daemon, ledger) == (20, 20)
    with open(ledger, "a") as more:
        more.write(new_sid() + "\n")
    with pytest.raises(AssertionError, match="lost 1"):
        check_ledger(daemon, ledger)


def test_the_audit_finds_what_was_changed_by_hand(daemon):
    import sqlite3
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
    daemon.settle()
    assert daemon.terminate() == 0
    with sqlite3.connect(daemon.store / "dlrd.db") as connection:
        connection.execute("UPDATE campaign_hour SET delivered = delivered + 1")
    connection.close()
    result = daemon.cli("audit", "--json", check=False)
    assert result.returncode == 1
    assert json.loads(result.stdout)["differences"] >= 1


# --- the quarantine's way into the journal ---


def quarantined(daemon):
    """A genuine request that a wrong public_url kept out, and that is right since."""
    sid = new_sid()
    data = signed_post(target_for(), status_params(sid, "sent"), public_url="https://was.example.com")
    assert daemon.ask(data).status == 403
    until(lambda: daemon.get("/v1/quarantine")["quarantine"], what="the quarantine")
    text = daemon.config.read_text()
    daemon.config.write_text(text.replace(harness.PUBLIC_URL, "https://was.example.com"))
    os.kill(daemon.pid, signal.SIGHUP)
    until(lambda: "configuration re-read" in daemon.log(), what="the reload")
    return sid


def test_a_reverify_that_the_disk_refuses_keeps_the_quarantine(faulty_log):
    daemon, fault = faulty_log
    sid = quarantined(daemon)
    fault.fail(1)
    refused = daemon.cli("quarantine", "reverify", check=False)
    assert refused.returncode == 1
    assert len(daemon.get("/v1/quarantine")["quarantine"]) == 1
    fault.fail(0)
    until(lambda: daemon.cli("quarantine", "reverify", check=False).returncode == 0,
          what="a disk that takes it")
    daemon.settle()
    assert [event["message"] for event in daemon.events()] == [sid]
    assert daemon.get("/v1/quarantine")["quarantine"] == []
    daemon.audit()


def test_a_reverify_that_the_disk_keeps_waiting_gives_up_and_counts_nothing_twice(faulty_log):
    daemon, fault = faulty_log
    sid = quarantined(daemon)
    fault.delay(12000)
    waited = daemon.cli("quarantine", "reverify", check=False)
    assert waited.returncode == 1 and "did not answer in time" in waited.stdout + waited.stderr
    assert len(daemon.get("/v1/quarantine")["quarantine"]) == 1
    fault.delay(0)
    until(lambda: daemon.cli("quarantine", "reverify", check=False).returncode == 0, 30,
          "a disk that is quick again")
    daemon.settle()
    assert [event["message"] for event in daemon.events()] == [sid]
    assert daemon.get("/v1/quarantine")["quarantine"] == []
    daemon.audit()


# --- writes that fail, and pages that are damaged ---


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.ENOSPC, errno.EFBIG],
                         ids=lambda number: errno.errorcode[number])
def test_a_quota_is_a_full_disk(faulty_log, number):
    daemon, fault = faulty_log
    acknowledged, refused = [], []
    assert post_and_note(daemon, acknowledged, refused) == 204
    fault.fail_writes(number)
    assert post_and_note(daemon, acknowledged, refused) == 503
    assert daemon.api("/readyz").status == 503
    assert daemon.metric("dlrd_journal_failures_total", '{cause="full"}') >= 1
    assert daemon.metric("dlrd_journal_failures_total", '{cause="io"}') == 0
    assert os.strerror(number) in daemon.log(), "in the system's own words"
    fault.fail_writes(0)
    until(lambda: daemon.api("/readyz").status == 200, what="the disk to be found again")
    assert post_and_note(daemon, acknowledged, refused) == 204
    check_stored(daemon, acknowledged, refused)


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EIO], ids=lambda number: errno.errorcode[number])
def test_a_write_that_fails_in_a_checkpoint_ends_no_later_one(make_daemon, shim, tmp_path, number):
    daemon, fault = faulty(make_daemon, shim, tmp_path, "/journal.db")
    fault.fail_writes(number)
    large = "x" * 20000
    for _ in range(400):  # 503 if the machine is so slow that the writer finds time to release disk space
        assert daemon.post(SAMPLE_TARGET, status_params(new_sid(), "sent", Body=large)).status in (204, 503)
    until(lambda: daemon.metric("dlrd_checkpoint_failures_total", '{file="journal.db"}') >= 1,
          what="a checkpoint that fails")
    before = (daemon.store / "journal.db").stat().st_size
    fault.fail_writes(0)
    until(lambda: daemon.api("/readyz").status == 200, what="/readyz")
    for _ in range(400):
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent", Body=large))
    until(lambda: (daemon.store / "journal.db").stat().st_size > before + 4_000_000, what="the next one")
    assert "is tried until" not in daemon.log()


def test_a_damaged_page_among_old_entries_disturbs_nothing(make_daemon):
    """Trimming fails repeatedly. Callbacks, readiness and checkpoints are not affected."""
    daemon = make_daemon()
    for _ in range(200):
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent", Body="x" * 4000))
    daemon.settle()
    assert daemon.terminate() == 0
    journal = daemon.store / "journal.db"
    size = journal.stat().st_size
    with open(journal, "r+b") as file:
        for page in range(10, 30):
            file.seek(page * 8192)
            file.write(b"\xff" * 8192)
    daemon.sections["store"]["journal_keep"] = "1s"
    daemon.start()
    until(lambda: daemon.metric("dlrd_journal_trim_failures_total") >= 1, what="a trim that fails")
    for _ in range(300):  # more than one checkpoint's worth
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent", Body="x" * 20_000))
        assert daemon.api("/readyz").status == 200
    assert daemon.log().count("cannot be removed") == 1
    assert daemon.metric("dlrd_journal_trim_failures_total") <= 2, "it is tried again after a minute"
    assert journal.stat().st_size > size + 1_000_000, "checkpoints go on"
    assert daemon.campaign()["sent"] == 500


# --- the lock ---


@pytest.mark.parametrize("how", ["removed", "replaced", "kept"])
def test_a_second_daemon_is_refused_whatever_becomes_of_the_lock_file(daemon, make_daemon, how):
    lock = daemon.store / "dlrd.lock"
    if how != "kept":
        lock.unlink()
    if how == "replaced":
        lock.write_text("1\n")
    second = make_daemon(store=daemon.store, start=False)
    assert_refuses_to_start(second, "another dlrd")
    assert second.cli("rebuild", check=False).returncode == 1
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.audit()


def test_disk_space_that_a_flood_took_is_given_back(make_daemon):
    daemon = make_daemon({"store": {"journal_keep": "1s", "journal_size": "1M"}})
    readers = [daemon.database(name) for name in ("journal.db", "dlrd.db")]
    for reader in readers:  # logs cannot be reset meanwhile
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    daemon.keep_all((signed_post(target_for(), status_params(new_sid(), "sent", Body="x" * 40_000, Note="y" * 20_000))
                     for _ in range(1500)))
    daemon.settle(60)
    logs = [daemon.store / "journal.db-wal", daemon.store / "dlrd.db-wal"]
    assert all(log.stat().st_size > 60 << 20 for log in logs), [log.stat().st_size for log in logs]
    for reader in readers:
        reader.close()

    def given_back():
        sizes = [path.stat().st_size for path in (*logs, daemon.store / "journal.db")]
        return sizes[0] <= 16 << 20 and sizes[1] <= 48 << 20 and sizes[2] <= 33 << 20
    until(given_back, 60, "the space")
    daemon.keep_all([signed_post(target_for(), status_params(new_sid(), "sent"))])
    daemon.audit()
    assert daemon.api("/readyz").json()["gap"] is None
