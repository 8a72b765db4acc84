"""The limits of the API's clients: memory, threads, connections, and the delay of other clients; and
access control."""

import csv
import fcntl
import io
import os
import select
import socket
import sqlite3
import threading
import time

import pytest

import harness
import manager
from harness import SLOW, Closed, Connection, dlrd, request_bytes, until

ROWS = harness.scaled(180_000, 30_000)  # campaigns with long names: 41 MiB as CSV
HEALTH = ("/healthz", "/readyz", "/metrics")
MEMORY_MAX = 128 * 1024 * 1024
API_TOKEN = "a-secret-of-the-api-that-is-long"


def fill(store, rows=ROWS, length=140):
    """Adds campaigns to a store that no daemon holds."""
    connection = sqlite3.connect(store / "dlrd.db")
    connection.executemany(
        "INSERT INTO campaign(id, workspace, name, first_us, last_us) VALUES(?, 'W', ?, ?, ?)",
        ((i, f"{'c' * length}{i:07d}", 1_700_000_000_000_000 + i, 1_700_000_000_000_000 + i)
         for i in range(1000, 1000 + rows)))
    connection.executemany("INSERT INTO tagset(campaign_id, variant) VALUES(?, '')",
                           ((i,) for i in range(1000, 1000 + rows)))
    connection.commit()
    connection.close()


@pytest.fixture
def long_list(make_daemon):
    """Makes daemons with a list of ROWS campaigns."""
    def make(settings=None, rows=ROWS):
        daemon = make_daemon(settings)
        assert daemon.terminate() == 0
        fill(daemon.store, rows)
        return daemon.start()
    return make


def begin(daemon, path="/v1/campaigns?format=csv", version="HTTP/1.1"):
    """Asks, and reads nothing; the kernel holds some megabytes."""
    connection = Connection(("127.0.0.1", daemon.api_port))
    connection.send(request_bytes("GET", path, host="127.0.0.1", version=version))
    return connection


def begin_answer(daemon, path="/v1/campaigns?format=csv", version="HTTP/1.1"):
    """As begin; when it returns, the first bytes of the answer have arrived, and are still to be read."""
    connection = begin(daemon, path, version)
    readable, _, _ = select.select([connection.socket], [], [], 15 * SLOW)
    assert readable, "no answer"
    return connection


def assert_healthy(daemon, seconds=1.0):
    """Health checks are answered, and soon."""
    for path in HEALTH:
        before = time.monotonic()
        assert daemon.api(path, timeout=5).status == 200
        assert time.monotonic() - before < seconds * SLOW, path


# --- who may ask ---


@pytest.mark.parametrize("address", ["0.0.0.0:8081", "[::]:8081", "10.1.2.3:8081", "[fe80::1]:8081",
                                     "128.0.0.1:8081", "126.255.255.255:8081", "[::2]:8081",
                                     "[::ffff:10.0.0.1]:8081", "[::ffff:0.0.0.0]:8081",
                                     "[::127.0.0.1]:8081", "127.0.0.1:8082, 192.168.0.1:8081"])
def test_an_api_beyond_loopback_needs_a_token(tmp_path, address):
    config, token = tmp_path / "dlrd.ini", tmp_path / "token"
    token.write_text(API_TOKEN + "\n")
    text = (f"[account {harness.ACCOUNT}]\nauth_token = {harness.TOKEN}\n"
            f"[store]\ndirectory = {tmp_path}\n[api]\n")
    config.write_text(f"{text}listen = {address}\n")
    config.chmod(0o600)
    for command in ("check-config", "serve"):
        result = dlrd(command, "-c", config)
        assert result.returncode == 1
        assert f"{config}:6: [api] listen: " in result.stderr
        assert "token_file" in result.stderr and "not a loopback address" in result.stderr
    assert not (tmp_path / "journal.db").exists()
    config.write_text(f"{text}token_file = {token}\nlisten = {address}\n")
    assert dlrd("check-config", "-c", config).returncode == 0


@pytest.mark.parametrize("address", ["127.0.0.1:8081", "127.9.9.9:8081", "[::1]:8081",
                                     "unix:/run/dlrd/api.sock", "[::ffff:127.0.0.1]:8081"])
def test_an_api_on_loopback_needs_no_token(tmp_path, address):
    config = tmp_path / "dlrd.ini"
    config.write_text(f"[account {harness.ACCOUNT}]\nauth_token = {harness.TOKEN}\n"
                      f"[api]\nlisten = {address}\n")
    config.chmod(0o600)
    result = dlrd("check-config", "-c", config)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8081", "10.0.0.1", "0.0.0.0",
                                  "127.0.0.1.evil.example", "localhost.evil.example", "a.localhost",
                                  "[::2]:80", "[::ffff:10.0.0.1]", "", "127.0.0.1:80:80", "[::1",
                                  "127.0.0.1@evil.example", "127.1", "localhost:x"])
def test_without_a_token_another_host_than_loopback_is_403(shared_daemon, host):
    for path in ("/v1/campaigns", "/v1/events/stream", "/v1/nothing", *HEALTH):
        with Connection(("127.0.0.1", shared_daemon.api_port)) as connection:
            response = connection.ask(request_bytes("GET", path, host=host), "GET")
        assert response.status == 403, path
        assert "token_file" in response.json()["error"]
    with Connection(("127.0.0.1", shared_daemon.api_port)) as connection:
        response = connection.ask(request_bytes("POST", "/v1/rebuild", host=host))
        assert response.status == 403
    assert shared_daemon.api("/v1/rebuild").json()["state"] == "none"


def test_each_of_several_hosts_must_be_loopback(shared_daemon):
    with Connection(("127.0.0.1", shared_daemon.api_port)) as connection:
        response = connection.ask(request_bytes(
            "GET", "/v1/campaigns", [("Host", "evil.example")], host="127.0.0.1"), "GET")
    assert response.status in (400, 403)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8081", "127.200.1.1", "localhost",
                                  "LocalHost:1", "localhost.", "[::1]", "[::1]:8081", None])
def test_a_loopback_host_is_answered(shared_daemon, host):
    version = "HTTP/1.1" if host is not None else "HTTP/1.0"
    with Connection(("127.0.0.1", shared_daemon.api_port)) as connection:
        data = request_bytes("GET", "/v1/campaigns", host=host, version=version)
        assert connection.ask(data, "GET").status == 200


def test_with_a_token_the_host_does_not_matter(make_daemon, tmp_path):
    token = tmp_path / "token"
    token.write_text(API_TOKEN + "\n")
    daemon = make_daemon({"api": {"token_file": str(token)}}, tokens=(harness.TOKEN, API_TOKEN))
    with Connection(("127.0.0.1", daemon.api_port)) as connection:
        data = request_bytes("GET", "/v1/campaigns", [("Authorization", f"Bearer {API_TOKEN}")],
                             host="dlrd.example.com")
        assert connection.ask(data, "GET").status == 200
        assert connection.ask(request_bytes("GET", "/readyz"), "GET").status == 200


def test_a_unix_socket_s_host_does_not_matter(make_daemon, tmp_path):
    class OnUnix(harness.Daemon):
        def write(self):
            super().write()
            text = self.config.read_text()
            self.config.write_text(text.replace(
                f"127.0.0.1:{self.api_port}", f"127.0.0.1:{self.api_port}, unix:{tmp_path}/api.sock"))
    make_daemon(kind=OnUnix)
    with Connection(f"{tmp_path}/api.sock") as connection:
        assert connection.ask(request_bytes("GET", "/v1/campaigns", host="x"), "GET").status == 200


def test_a_socket_passed_by_systemd_beyond_loopback_needs_a_token(make_daemon, tmp_path):
    class Everywhere(manager.Service):
        @staticmethod
        def listen():
            with socket.socket() as first:
                first.bind(("0.0.0.0", 0))
                first.listen(16)
                return socket.socket(fileno=fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, manager.FD_MIN))
    service = make_daemon(kind=Everywhere, start=False)
    service.spawn()
    assert service.process.wait(20 * SLOW) == 1
    assert "[api] token_file" in service.log()
    token = tmp_path / "token"
    token.write_text(API_TOKEN + "\n")
    service.sections["api"]["token_file"] = str(token)
    service.secrets.add(API_TOKEN)
    service.write()
    service.start()
    assert service.api("/v1/campaigns").status == 401


def test_a_reload_cannot_take_the_token_from_an_api_beyond_loopback(make_daemon, tmp_path):
    token = tmp_path / "token"
    token.write_text(API_TOKEN + "\n")

    class Everywhere(harness.Daemon):
        def write(self):
            super().write()
            text = self.config.read_text()
            self.config.write_text(text.replace(f"127.0.0.1:{self.api_port}",
                                                f"0.0.0.0:{self.api_port}"))
    daemon = make_daemon({"api": {"token_file": str(token)}}, kind=Everywhere,
                         tokens=(harness.TOKEN, API_TOKEN))
    text = daemon.config.read_text()
    text = text.replace(f"token_file = {token}", "").replace("0.0.0.0", "127.0.0.1")
    daemon.config.write_text(text)
    result = daemon.cli("reload", check=False)
    assert result.returncode == 1 and "token_file" in result.stderr
    assert daemon.api("/v1/campaigns").status == 401


# --- time ---


@pytest.mark.parametrize("count", [80, 400])
def test_health_is_answered_while_others_send_a_byte_now_and_then(shared_daemon, count):
    """Some send no whole line, some no whole head."""
    begun = [b"GE", b"GET /v1/campaigns HTTP/1.1\r\nHost: local"]
    slow = []
    try:
        for i in range(count):
            slow.append(socket.create_connection(("127.0.0.1", shared_daemon.api_port)))
            slow[-1].sendall(begun[i % 2])
        for _ in range(4):
            for connection in slow:
                try:
                    connection.send(b"a")
                except OSError:
                    pass  # it had to make room
            assert_healthy(shared_daemon)
            time.sleep(0.3)
    finally:
        for connection in slow:
            connection.close()


def test_health_is_answered_while_others_do_not_read(long_list):
    daemon = long_list(rows=40_000)
    readers = [begin(daemon) for _ in range(100)]
    readers += [begin(daemon, "/v1/events/stream") for _ in range(20)]
    readers += [begin(daemon, path) for path in HEALTH for _ in range(30)]
    for _ in range(5):
        assert_healthy(daemon)
        time.sleep(0.2)
    for connection in readers:
        connection.close()


def test_a_request_that_trickles_in_has_a_deadline_in_all(shared_daemon):
    with socket.create_connection(("127.0.0.1", shared_daemon.api_port)) as trickle:
        trickle.settimeout(0.2)
        trickle.sendall(b"GET /v1/campaigns HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        began = time.monotonic()
        while time.monotonic() - began < 30 * SLOW:
            try:
                trickle.send(b"a")
                if not trickle.recv(100):
                    break
            except TimeoutError:
                pass
            except ConnectionError:
                break
    assert 8 < time.monotonic() - began < 15 * SLOW


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_an_answer_that_is_not_read_in_time_is_visibly_cut(long_list, version):
    daemon = long_list({"api": {"request_timeout": "1s"}}, rows=40_000)
    with begin_answer(daemon, version=version) as connection:
        time.sleep(3 * SLOW)
        seen = b""
        with pytest.raises((ConnectionError, Closed)):
            while True:
                data = connection.socket.recv(65536)
                if not data:
                    assert version == "HTTP/1.1", "an end that looks like all of it"
                    raise Closed(seen)
                seen += data
    assert not seen.endswith(b"\r\n0\r\n\r\n") and len(seen) < 40_000 * 150
    assert_healthy(daemon)


# --- memory ---


def test_answers_that_are_not_read_hold_little_memory(long_list):
    daemon = long_list()
    readers = [begin(daemon) for _ in range(40)]
    most = 0
    for _ in range(15):
        assert_healthy(daemon)
        most = max(most, daemon.rss())
        time.sleep(0.2)
    assert harness.SANITIZER or most <= MEMORY_MAX
    daemon.keep(harness.SAMPLE_TARGET, harness.status_params(harness.new_sid(), "sent"))
    for connection in readers:
        connection.close()
    until(lambda: daemon.api("/v1/campaigns?limit=1").status == 200, what="room for a question")


def test_as_many_lists_in_pages_as_there_may_be_questions_all_end(make_daemon):
    """Each waits for its second page, and what the first one held must not keep it from that."""
    daemon = make_daemon()
    assert daemon.terminate() == 0
    fill(daemon.store, 1000, length=2000)
    daemon.start()
    lists = [begin(daemon, "/v1/campaigns?limit=1000") for _ in range(40)]
    for connection in lists:
        response = connection.read("GET")
        assert response.status == 200 and len(response.json()["campaigns"]) == 1000
        connection.close()
    assert daemon.api("/v1/campaigns?limit=1").status == 200


def test_a_list_that_is_not_read_holds_nothing_of_the_store(long_list):
    """The store's log can be reset while clients are in the middle of a list."""
    daemon = long_list(rows=40_000)
    with begin_answer(daemon), begin_answer(daemon):
        time.sleep(0.5)
        connection = sqlite3.connect(daemon.store / "dlrd.db", timeout=5)
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.close()
        assert busy == 0


def test_a_long_list_comes_whole_and_each_row_once(long_list):
    daemon = long_list(rows=40_000)
    response = daemon.api("/v1/campaigns?format=csv", timeout=30)
    assert response.status == 200 and response.header("Transfer-Encoding") == "chunked"
    rows = list(csv.reader(io.StringIO(response.body.decode())))
    names = [row[1] for row in rows[1:]]
    assert rows[0][0] == "workspace" and names == sorted(set(names), reverse=True)
    assert len(names) == 40_000


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_the_head_of_a_long_list_or_a_stream_is_all_that_comes(long_list, version):
    daemon = long_list(rows=4000)
    for path in ("/v1/campaigns?format=csv", "/v1/events/stream?after=0"):
        with Connection(("127.0.0.1", daemon.api_port)) as connection:
            connection.send(request_bytes("HEAD", path, host="127.0.0.1", version=version))
            response = connection.read("HEAD")
            assert response.status == 200 and response.header("Content-Length") is None
            assert connection.at_end() and not connection.pending


def test_a_long_list_in_csv_has_a_link_to_its_rest(long_list):
    daemon = long_list(rows=3000)
    names, query, pages = [], "?format=csv&limit=1000", 0
    while query:
        response = daemon.api("/v1/campaigns" + query, timeout=30)
        rows = list(csv.reader(io.StringIO(response.body.decode())))
        names += [row[1] for row in rows[1:]]
        link = response.header("Link")
        query = link[1:link.index(">")] if link else None
        pages += 1
    assert pages == 3 and len(names) == len(set(names)) == 3000


def test_rows_that_are_added_meanwhile_disturb_no_list(long_list):
    """A row that exists all the time is shown once, while others are added."""
    daemon = long_list(rows=40_000)
    stop = threading.Event()

    def add():
        while not stop.is_set():
            daemon.keep(harness.target_for(f"{time.time_ns()}_1"),
                        harness.status_params(harness.new_sid(), "sent"))
    thread = threading.Thread(target=add)
    thread.start()
    try:
        for _ in range(3):
            response = daemon.api("/v1/campaigns?format=csv", timeout=30)
            rows = list(csv.reader(io.StringIO(response.body.decode())))
            old = [row[1] for row in rows if row[1].startswith("ccc")]
            assert len(old) == len(set(old)) == 40_000
    finally:
        stop.set()
        thread.join()


def test_a_list_whose_store_breaks_in_the_middle_is_visibly_cut(long_list):
    daemon = long_list(rows=40_000)
    with begin_answer(daemon) as connection:
        time.sleep(0.5)
        with open(daemon.store / "dlrd.db", "r+b") as store:
            size = os.fstat(store.fileno()).st_size
            for page in range(8 * 4096, size, 4096):
                store.seek(page)
                store.write(b"\xff" * 64)
        seen = b""
        with pytest.raises((ConnectionError, Closed)):
            while True:
                data = connection.socket.recv(65536)
                if not data:
                    raise Closed(seen)
                seen += data
    assert seen.startswith(b"HTTP/1.1 200 ") and not seen.endswith(b"\r\n0\r\n\r\n")
    assert_healthy(daemon)
    daemon.kill()


# --- a stop ---


def test_an_answer_in_progress_at_a_stop_ends_properly(long_list):
    daemon = long_list({"server": {"drain_timeout": f"{20 * SLOW}s"}}, rows=40_000)
    with begin_answer(daemon) as connection:
        stopping = threading.Thread(target=daemon.terminate)
        stopping.start()
        until(lambda: "finishing requests in flight" in daemon.log(), what="the stop")
        time.sleep(1)
        response = connection.read("GET")
        stopping.join(30 * SLOW)
    assert response.body.count(b"\r\n") == 40_001
    assert daemon.process.returncode == 0


def test_an_unread_answer_ends_at_the_drain_timeout(long_list):
    daemon = long_list({"server": {"drain_timeout": "2s"}}, rows=40_000)
    with begin_answer(daemon) as connection:
        began = time.monotonic()
        assert daemon.terminate() == 0
        assert 1.5 < time.monotonic() - began < 6 * SLOW
        with pytest.raises((ConnectionError, Closed)):
            connection.read("GET")


# --- file descriptors ---


def test_a_full_intake_leaves_the_api_its_descriptors(make_daemon):
    """With fewer descriptors than connection_limit, and no more to be had."""
    daemon = make_daemon(wrapper=["prlimit", "--nofile=128:128"])
    log = daemon.log()
    assert "only 128 file descriptors: connection_limit is " in log and "LimitNOFILE=" in log
    held = []
    try:
        for _ in range(300):
            held.append(socket.create_connection(daemon.address, 5))
        for _ in range(3):
            assert_healthy(daemon)
            assert daemon.api("/v1/campaigns").status == 200
            assert daemon.api("/v1/quarantine").status == 200
            time.sleep(0.3)
    finally:
        for connection in held:
            connection.close()
    until(lambda: daemon.metric("dlrd_connections") == 0, what="the connections' end")
    daemon.keep(harness.SAMPLE_TARGET, harness.status_params(harness.new_sid(), "sent"))
    daemon.settle()


def test_too_few_descriptors_are_reported_at_the_start(make_daemon):
    daemon = make_daemon(start=False, wrapper=["prlimit", "--nofile=64:64"])
    daemon.spawn()
    assert daemon.process.wait(20 * SLOW) == 1
    assert "64 file descriptors are too few" in daemon.log()


# --- the log ---


def test_while_the_store_cannot_be_opened_questions_fill_no_log(make_daemon):
    daemon = make_daemon(start=False)
    (daemon.store / "dlrd.db").write_bytes(b"no database" * 1000)
    daemon.start()
    before = daemon.log().count("\n")
    for _ in range(100):
        assert daemon.api("/healthz").status == 200
        assert daemon.api("/readyz").status == 200
        assert daemon.api("/v1/campaigns").status == 503
    added = daemon.log().splitlines()[before:]
    assert sum("the api cannot open the store" in line for line in added) == 1
    assert len(added) < 10, added
    assert daemon.terminate() == 0
