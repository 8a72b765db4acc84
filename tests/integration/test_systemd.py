"""Under systemd, or what stands in for it: sockets that outlive the daemon, so that no restart and
no reload refuses a callback; readiness, the watchdog, credentials, and the units themselves."""

import asyncio
import collections
import os
import random
import re
import select
import shutil
import signal
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest

import manager
from harness import (ACCOUNT, DLRD, ROOT, SAMPLE_TARGET, SLOW, TOKEN, Connection, check_ledger,
                     new_sid, reply_params, request_bytes, scaled, signed_post,
                     status_params, target_for, until)
from manager import Service
from proxies import NAME, PROXIES, Recorder
from test_durability import Fault, shim  # noqa: F401 (a fixture)

NEW_TOKEN = "fedcba98765432100123456789abcdef"
CLIENTS = 64


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


# --- callbacks that go on ---


class Rush:
    """Clients that post unique callbacks, each the next one when the last is answered, until stop:
    over one connection for as long as it is kept, or over a new one each. What is acknowledged is
    written to the ledger before it counts. rest: seconds, at most, that every second client waits
    before it connects and before it posts. In a thread of its own."""

    def __init__(self, port, ledger, clients=CLIENTS, tls=False, keep=True, rest=0):
        self.port, self.tls, self.keep, self.rest = port, tls, keep, rest
        self.rng = random.Random("rush")
        self.ledger = open(ledger, "ab", buffering=0)
        self.sent_ledger = open(str(ledger) + ".sent", "ab", buffering=0)
        self.sent = self.acknowledged = self.connected = 0
        self.failures = collections.Counter()
        self.stopping = False
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.run(clients)), daemon=True)
        self.thread.start()

    async def run(self, clients):
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await asyncio.gather(*(self.client(context, self.rest * (i % 2)) for i in range(clients)))

    async def client(self, context, rest):
        stream = None
        while not self.stopping:
            try:
                if stream is None:
                    await self.pause(rest)
                    stream = await asyncio.open_connection(
                        "127.0.0.1", self.port, ssl=context, server_hostname=context and NAME)
                    self.connected += 1
                await self.pause(rest)
                if not await asyncio.wait_for(self.post(*stream), 30 * SLOW) or not self.keep:
                    stream = self.hang_up(stream)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.failures[type(error).__name__] += 1
                stream = self.hang_up(stream)
        self.hang_up(stream)

    async def pause(self, most):
        if most > 0:
            await asyncio.sleep(self.rng.uniform(0, most))

    @staticmethod
    def hang_up(stream):
        if stream is not None:
            stream[1].transport.abort()

    async def post(self, reader, writer):
        """One callback; whether the connection stays."""
        self.sent += 1
        sid = new_sid()
        params = (reply_params(sid, "hello") if self.sent % 8 == 0
                  else status_params(sid, "sent"))
        data = signed_post(target_for(), params)
        self.sent_ledger.write(sid.encode() + b"\n")
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        if status in (200, 204):
            self.ledger.write(sid.encode() + b"\n")
            self.acknowledged += 1
        else:
            self.failures[status] += 1
        return b"connection: close" not in head

    def wait_acknowledged(self, more, seconds=60):
        wanted = self.acknowledged + more
        until(lambda: self.acknowledged >= wanted or not self.thread.is_alive(), seconds,
              f"{more} acknowledgements")
        assert self.thread.is_alive()

    def stop(self):
        self.stopping = True
        self.thread.join(60 * SLOW)
        assert not self.thread.is_alive(), "a client still waits for its answer"
        self.ledger.close()
        self.sent_ledger.close()


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
    assert "was read again" in service.log() and "stays as it was" in service.log()


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


def test_restarts_refuse_no_new_connection(service, ledger):
    """Each callback on a connection of its own, without a proxy that would try again."""
    rush = Rush(service.port, ledger, keep=False, rest=0.3)
    restart_and_reload(service, rush)
    assert_all_kept(service, rush, ledger)
    assert rush.connected == rush.sent


def test_kill_9_through_nginx_fails_no_request(service, start_nginx, ledger):
    """What dlrd did not answer is sent again, and waits in the socket until it is back."""
    rush = Rush(start_nginx(service.port).port, ledger, tls=True)
    for i in range(scaled(3, 2)):
        rush.wait_acknowledged(1 + 200 * (i % 2))  # also when each connection is a new one
        service.crash()
    rush.wait_acknowledged(200)
    rush.stop()
    assert_all_kept(service, rush, ledger)


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


def test_kill_9_refuses_no_connection_and_loses_nothing_acknowledged(service, ledger):
    """Without a proxy what was in flight is cut, and no more than that."""
    rush = Rush(service.port, ledger, keep=False)
    kills = 2
    for _ in range(kills):
        rush.wait_acknowledged(200)
        service.crash()
    rush.wait_acknowledged(200)
    rush.stop()
    assert set(rush.failures) <= {"IncompleteReadError", "ConnectionResetError", "BrokenPipeError"}
    assert sum(rush.failures.values()) <= kills * CLIENTS
    check_ledger(service, ledger)


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
                return False  # too slow a machine to tell
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


def test_callbacks_that_come_while_it_is_away_wait(service):
    assert service.terminate() == 0
    waiting = [service.connect() for _ in range(100)]
    sids = [new_sid() for _ in waiting]
    for connection, sid in zip(waiting, sids):
        connection.send(signed_post(SAMPLE_TARGET, status_params(sid, "sent")))
    service.start()
    for connection in waiting:
        assert connection.read().status == 204
        connection.close()
    assert sorted(event["message"] for event in service.events()) == sorted(sids)


def test_the_api_is_there_after_each_restart(service):
    for _ in range(3):
        service.restart()
        assert service.api("/readyz").status == 200
    assert service.terminate() == 0
    with Connection(("127.0.0.1", service.api_port)) as question:
        question.send(request_bytes("GET", "/readyz"))
        service.start()
        assert question.read().status == 200


def test_a_passed_socket_wins_over_the_configured_address(service):
    service.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    with pytest.raises(ConnectionRefusedError):
        Connection(("127.0.0.1", service.unused_port))


# --- readiness ---


def test_ready_is_told_when_there_is_nothing_left_to_recover(
        make_daemon, shim, tmp_path):  # noqa: F811
    """Entries in the journal's log alone, which the store knows nothing of; and a disk that takes
    two seconds for the first sync."""
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
        question.send(request_bytes("GET", "/readyz"))
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
    assert ready.values["STATUS"] == "keeping callbacks"
    assert not service.said("STOPPING") and not service.said("RELOADING")
    assert service.terminate() == 0
    until(lambda: service.said("STOPPING"), what="STOPPING=1")


@pytest.mark.parametrize("sections", [{}, {"store": {"nonsense": "1"}}], ids=["good", "broken"])
def test_a_reload_is_told_with_its_time_and_its_end(service, sections):
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
    """A sync that comes back late, while the intake goes on answering."""
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


# --- credentials ---


def test_a_new_credential_is_taken_with_a_restart(make_daemon):
    service = make_daemon(kind=Service, tokens=(TOKEN, NEW_TOKEN))
    assert TOKEN not in service.config.read_text()

    def answers():
        return service.ask(signed_status()).status, service.ask(
            signed_status(token=NEW_TOKEN)).status

    assert answers() == (204, 403)
    service.secret.write_text(NEW_TOKEN + "\n")
    before = time.monotonic()
    service.reload()
    until(lambda: service.said("READY", since=before), what="READY=1")
    assert answers() == (204, 403), "what systemd handed over does not change while it runs"
    service.restart()
    assert answers() == (403, 204)


def test_without_its_credential_it_does_not_start_and_names_the_file(make_daemon):
    service = make_daemon(kind=Service, start=False)
    service.spawn(CREDENTIALS_DIRECTORY=str(service.home / "none"))
    assert service.process.wait(20 * SLOW) == 1
    assert str(service.home / "none" / service.credential()) in service.log()
    assert not service.said("READY")


# --- the units ---


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """The units, with a program that exists."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not installed: systemd-analyze")
    folder = tmp_path_factory.mktemp("units")
    text = (ROOT / "systemd" / "dlrd.service").read_text()
    assert text.count("=/usr/bin/dlrd ") == 1
    (folder / "dlrd.service").write_text(text.replace("=/usr/bin/dlrd ", f"={DLRD} "))
    shutil.copy(ROOT / "systemd" / "dlrd.socket", folder)
    return folder


def analyze(*words):
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True,
                          timeout=30 * SLOW)


def test_systemd_finds_nothing_wrong_with_the_units(units):
    found = analyze("verify", "--man=no", units / "dlrd.service", units / "dlrd.socket")
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_the_service_is_exposed_to_little(units):
    found = analyze("security", "--offline=true", "--threshold=20", units / "dlrd.service")
    assert found.returncode == 0, found.stdout + found.stderr
    level = re.search(r"Overall exposure level for dlrd.service: ([0-9.]+)", found.stdout)
    assert float(level.group(1)) <= 2.0


def test_the_service_waits_for_what_the_daemon_says():
    assert manager.SERVICE["Type"] == "notify" and manager.SERVICE["Restart"] == "always"
    assert manager.SOCKET["FileDescriptorName"] == "intake"
