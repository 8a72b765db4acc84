"""Tests with a substitute for systemd that the real one (tests/systemd) cannot do: the daemon's datagrams
and their times, a disk that hangs or is slow, open connections during a stop, and restarts and reloads under
load with a sanitizer."""

import os
import random
import select
import signal
import sqlite3
import time

import pytest

import manager
from harness import (ACCOUNT, SAMPLE_TARGET, SLOW, Connection, check_ledger, new_sid, request_bytes, scaled,
                     signed_post, status_params, until)
from manager import Service
from proxies import PROXIES, Recorder
from rush import CLIENTS, Rush
from test_durability import Fault, shim  # noqa: F401 (a fixture)


@pytest.fixture
def service(make_daemon):
    return make_daemon(kind=Service)


@pytest.fixture
def start_nginx():
    """Starts nginx with conf/nginx.conf in front of a port."""
    kind, started = PROXIES["nginx"], []
    if kind.missing():
        pytest.skip(f"not installed: {', '.join(kind.missing())}")

    def start(port):
        started.append(kind(f"127.0.0.1:{port}"))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


def signed_status(**more):
    return signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), **more)


def changing(i):
    """A configuration that is another one with each reload; every fourth is broken."""
    return {f"account {ACCOUNT}": {"next_auth_token": f"{i:032x}"},
            f"callback /route{i}": {}, "callback /sms/twilio": {},
            "store": {"conflicts": ("failure-wins", "first-final")[i % 2],
                      **({"nonsense": "1"} if i % 4 == 3 else {})}}


def restart_and_reload(service, rush):
    """Restarts at odd moments of the rush, and ten reloads a second."""
    rng, restarts = random.Random("restart"), 0
    with service.reloads(10, changing) as reloads:
        while restarts < scaled(8, 3) or len(reloads) < scaled(20, 10):
            rush.wait_acknowledged(rng.randrange(scaled(400, 100)))
            service.restart()
            restarts += 1
        rush.wait_acknowledged(100)
    rush.stop()
    service.write()
    assert "configuration re-read" in service.log() and "configuration unchanged" in service.log()


def assert_all_kept(service, rush, ledger):
    """Every request that was sent was answered 2xx, and is stored, once."""
    assert not rush.failures
    assert check_ledger(service, ledger) == (rush.sent, rush.sent)


# --- restarts ---


def test_reloads_and_restarts_under_load_through_nginx_fail_no_request(
        service, start_nginx, ledger):
    rush = Rush(start_nginx(service.port).port, ledger, tls=True, rest=0.4)
    restart_and_reload(service, rush)
    assert_all_kept(service, rush, ledger)
    assert rush.connected < 3 * CLIENTS, "clients' connections outlive a restart"


@pytest.mark.parametrize("silent, status", [(1, 204), (2, 502)])
def test_nginx_sends_again_what_a_new_connection_did_not_answer(start_nginx, silent, status):
    recorder = Recorder()
    recorder.answer = lambda _: (
        b"HTTP/1.1 204 No Content\r\n\r\n" if len(recorder.requests) > silent else None)
    target = SAMPLE_TARGET + "&x=%2f+~%C3%A9'"
    response = start_nginx(recorder.port).ask(signed_post(target, {"a": "b"}))
    recorder.close()
    assert (response.status, response.body) == (status, b"")
    first, second = recorder.requests
    assert first == second and first[0].startswith(f"POST {target} ".encode())


def test_a_connection_that_was_just_accepted_is_served_in_a_stop(service):
    """Its first request comes later than a proxy's idle connections are closed."""
    def served():
        with service.connect() as idle, service.connect() as late:
            assert idle.ask(signed_status()).status == 204
            opened = time.monotonic()
            until(lambda: service.metric("dlrd_connections") == 2, what="the connections")
            os.kill(service.pid, signal.SIGTERM)
            assert idle.at_end()
            time.sleep(0.1)
            if time.monotonic() - opened > 0.8:
                return False  # the machine is too slow for a result
            response = late.ask(signed_status())
            assert response.status == 204 and response.header("Connection") == "close"
            return True

    def tried():
        found = served()
        assert service.process.wait(30 * SLOW) == 0
        service.start()
        return found
    until(tried, 30, "a stop in which there was time for a request")


def test_a_silent_connection_does_not_hold_a_stop(service):
    with service.connect():
        until(lambda: service.metric("dlrd_connections") == 1, what="the connection")
        start = time.monotonic()
        assert service.terminate() == 0
        assert time.monotonic() - start < 5 * SLOW


def test_the_api_is_there_after_each_restart(service):
    for _ in range(3):
        service.restart()
        assert service.api("/readyz").status == 200
    assert service.terminate() == 0
    with Connection(("127.0.0.1", service.api_port)) as question:
        question.send(request_bytes("GET", "/readyz", host="localhost"))
        service.start()
        assert question.read().status == 200


# --- readiness ---


def test_systemd_is_notified_when_there_is_nothing_left_to_recover(
        make_daemon, shim, tmp_path):  # noqa: F811
    """Entries that are only in the journal's log and not in the store, and a disk that needs two seconds for the
    first sync."""
    fault = Fault(tmp_path / "control")
    service = make_daemon(kind=Service, env={
        "LD_PRELOAD": str(shim), "FAULT_CONTROL": str(tmp_path / "control"),
        "FAULT_NAME": "/journal.db-wal"})
    service.settle()
    blocker = sqlite3.connect(service.store / "dlrd.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    sids = [new_sid() for _ in range(50)]
    service.keep_all(signed_post(SAMPLE_TARGET, status_params(sid, "sent")) for sid in sids)
    service.kill()
    blocker.execute("ROLLBACK")
    blocker.close()
    assert (service.store / "journal.db-wal").stat().st_size > 0
    fault.delay(2000)
    seen = fault.seen
    sids.append(new_sid())
    with service.connect() as callback, Connection(("127.0.0.1", service.api_port)) as question:
        callback.send(signed_post(SAMPLE_TARGET, status_params(sids[-1], "sent")))
        question.send(request_bytes("GET", "/readyz", host="localhost"))
        service.spawn()
        until(lambda: fault.seen > seen, what="the recovery to sync")
        fault.delay(0)
        time.sleep(0.5)
        early = select.select([callback.socket, question.socket], [], [], 0)[0]
        assert not service.said("READY") and not early
        service.wait_ready()
        assert question.read().status == 200
        assert callback.read().status == 204
    assert [event["message"] for event in service.events()] == sids


def test_what_it_says_from_start_to_stop(service):
    ready, = service.said("READY")
    assert ready.values["STATUS"] == "storing callbacks"
    assert not service.said("STOPPING") and not service.said("RELOADING")
    assert service.terminate() == 0
    until(lambda: service.said("STOPPING"), what="STOPPING=1")


@pytest.mark.parametrize("sections", [{}, {"store": {"nonsense": "1"}}], ids=["good", "broken"])
def test_systemd_is_notified_of_a_reload_with_its_time_and_its_end(service, sections):
    before = time.monotonic()
    service.reload(**sections)
    until(lambda: service.said("READY", since=before), what="READY=1")
    reloading, = service.said("RELOADING", since=before)
    assert reloading.values["RELOADING"] == "1"
    # On the clock of time.monotonic, as systemd 253 and later compare it.
    assert before <= int(reloading.values["MONOTONIC_USEC"]) / 1e6 <= reloading.time
    assert reloading.time <= service.said("READY", since=before)[0].time
    assert service.post(SAMPLE_TARGET, status_params(new_sid(), "sent")).status == 204


# --- the watchdog ---


def test_the_watchdog_is_fed_while_nothing_happens(service):
    until(lambda: len(service.said("WATCHDOG")) >= 8, what="WATCHDOG=1")
    times = [found.time for found in service.said("WATCHDOG")]
    longest = max(later - sooner for sooner, later in zip(times, times[1:]))
    assert longest < manager.seconds(manager.SERVICE["WatchdogSec"]) / 2


def test_the_watchdog_starves_while_the_journal_hangs(make_daemon, shim, tmp_path):  # noqa: F811
    """A sync that ends late, while the intake continues to answer."""
    fault = Fault(tmp_path / "control")
    service = make_daemon(kind=Service, env={
        "LD_PRELOAD": str(shim), "FAULT_CONTROL": str(tmp_path / "control"),
        "FAULT_NAME": "/journal.db-wal"})
    hangs = 12.5  # seconds; the daemon bears ten
    fault.delay(int(hangs * 1000))
    seen = fault.seen
    with service.connect() as hanging:
        hanging.send(signed_status())
        until(lambda: fault.seen > seen, what="the sync")
        start = time.monotonic()
        fault.delay(0)
        time.sleep(start + 11 - time.monotonic())
        hungry = time.monotonic()
        assert service.ask(request_bytes("GET", "/nothing")).status == 404
        assert hanging.read().status == 503
        assert b"hangs" in service.api("/readyz").body
        assert service.api("/healthz").status == 200
        full = start + hangs - 0.5
        time.sleep(max(0, full - time.monotonic()))
        assert not [found for found in service.said("WATCHDOG", since=hungry)
                    if found.time < full]
    assert len([found for found in service.said("WATCHDOG") if found.time > start]) > 5
    until(lambda: service.said("WATCHDOG", since=hungry), what="WATCHDOG=1")
    assert service.api("/readyz").status == 200
    assert service.post(SAMPLE_TARGET, status_params(new_sid(), "sent")).status == 204
    service.audit()
