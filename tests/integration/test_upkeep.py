"""Upkeep from the command line: any change of the figures can be repaired from the receipts, with and
without a daemon. A command that fails reports the reason and blocks no other program."""

import contextlib
import json
import re
import socket
import sqlite3
import threading

import pytest

import harness
from harness import (Load, SLOW, free_port, new_sid, reply_params, scaled, signed_post,
                     status_params, target_for)

SERVICE = "MG" + "5" * 32
FOUND_KEYS = ["state", "messages", "mended", "replies", "figures", "campaigns", "optouts", "error"]

# Changes to a store with sqlite3, and the finding that shows each of them.
DAMAGES = [
    ("UPDATE campaign_hour SET delivered = delivered + 3", "figures"),
    ("DELETE FROM provider_hour", "figures"),
    ("UPDATE campaign_error SET failed = 0", "figures"),
    ("UPDATE message SET status = 'queued', outcome = 0, delivered_us = 0"
     " WHERE status = 'delivered'", "mended"),
    ("UPDATE message SET error_code = 30008 WHERE error_code = 30005", "mended"),
    ("UPDATE message SET first_us = first_us - 1", "mended"),
    ("UPDATE reply SET rule = 'none', candidates = 0, answers = NULL", "replies"),
    ("UPDATE campaign SET first_us = 1, last_us = 2 WHERE name <> ''", "campaigns"),
    ("UPDATE optout SET state = CASE state WHEN 'in' THEN 'out' ELSE 'in' END", "optouts"),
    ("DELETE FROM optout", "optouts"),
    ("UPDATE consent SET time_us = time_us - 1", "optouts"),
    ("UPDATE consent SET changed = 0", "optouts"),
]


def requests(count=40):
    """Messages of two campaigns with every final state, answered now and then."""
    for number in range(count):
        sid = new_sid()
        target = target_for(f"170000000{number % 2}_20240101", variant=f"v{number % 3}")
        last = [("delivered", None), ("undelivered", 30005), ("failed", None), ("sent", None),
                ("read", None)][number % 5]
        for status, code in (("queued", None), ("sent", None), last):
            yield signed_post(target, status_params(
                sid, status, code, number, MessagingServiceSid=SERVICE)), 204
        if number % 4 == 0:
            for text in ("STOP", "START")[:1 + number % 8 // 4]:
                yield signed_post("/sms/twilio", reply_params(
                    new_sid(), text, number, MessagingServiceSid=SERVICE)), 200


def fill(daemon, count=40):
    with daemon.connect() as connection:
        for data, status in requests(count):
            assert connection.ask(data).status == status
    daemon.settle()


def change(daemon, statement):
    """As an operator could with sqlite3, while no daemon runs."""
    with contextlib.closing(sqlite3.connect(daemon.store / "dlrd.db")) as connection:
        with connection:
            assert connection.execute(statement).rowcount > 0, statement


def shown(daemon):
    """Everything that is derived from the receipts, as the command line shows it."""
    answers = {}
    for words in (["stats"], ["stats", "--variant", "v1"], ["errors"], ["replies"],
                  ["optouts", "--state", "any"], ["optouts", "--changes"], ["providers"]):
        answers[" ".join(words)] = json.loads(daemon.cli(*words, "--json").stdout)
    # Corrections may follow. What counts are the numbers that a follower ends with.
    state = {(row["number"], row["scope"]): row["state"]
             for row in answers["optouts --changes"]["changes"]}
    answers["optouts --changes"] = {key for key in state if state[key] == "out"}
    return answers


def rebuild(daemon):
    found = json.loads(daemon.cli("rebuild", "--json").stdout)
    assert list(found) == FOUND_KEYS
    assert (found["state"], found["error"]) == ("done", None)
    return found


def nothing_corrected(found):
    return not any(found[key] for key in FOUND_KEYS[2:-1])


def refused(daemon, *parts):
    """The messages of a rebuild that must fail."""
    result = daemon.cli("rebuild", check=False)
    assert result.returncode == 1 and not result.stdout
    for part in parts:
        assert part in result.stderr, result.stderr
    return result.stderr


# --- without a daemon ---


@pytest.fixture(scope="module")
def kept():
    """A store with everything in it, and no daemon; each test puts it right again."""
    daemon = harness.Daemon()
    try:
        daemon.start()
        fill(daemon)
        assert daemon.terminate() == 0
        yield daemon
    finally:
        daemon.finish()


def test_an_untouched_store_needs_no_correction(kept):
    before = shown(kept)
    found = rebuild(kept)
    assert nothing_corrected(found) and found["messages"] >= 40
    assert shown(kept) == before
    text = kept.cli("rebuild").stdout
    assert text.startswith(f"{found['messages']} messages recomputed; corrected: 0 ")
    assert text.count("\n") == 1


@pytest.mark.parametrize("statement,where", DAMAGES, ids=[sql[:40] for sql, _ in DAMAGES])
def test_a_change_by_hand_is_found_by_the_audit_and_corrected(kept, statement, where):
    before = shown(kept)
    change(kept, statement)
    audit = kept.cli("audit", "--json", check=False)
    assert audit.returncode == 1 and json.loads(audit.stdout)["differences"] > 0
    found = rebuild(kept)
    assert found[where] > 0, found
    kept.audit()
    assert shown(kept) == before
    assert nothing_corrected(rebuild(kept))


def test_evidence_that_was_taken_away_is_found_again_in_the_events(make_daemon):
    daemon = make_daemon()
    fill(daemon, 8)
    want = json.loads(daemon.cli("optouts", "--json").stdout)
    assert want["optouts"]
    assert daemon.terminate() == 0
    change(daemon, "DELETE FROM consent")
    assert daemon.cli("audit", check=False).returncode == 1
    rebuild(daemon)
    daemon.audit()
    found = json.loads(daemon.cli("optouts", "--json").stdout)
    assert [row["number"] for row in found["optouts"]] == [
        row["number"] for row in want["optouts"]]


def test_the_audit_counts_what_it_compared(kept):
    found = json.loads(kept.cli("audit", "--json").stdout)
    assert found["replies"] > 0 and found["optouts"] > 0
    head, row, _ = kept.cli("audit", "--csv").stdout.split("\n")
    assert [int(cell) for cell in row.split(",")] == [found[key] for key in
                                                      head.rstrip("\r").split(",")]


def test_a_rebuild_follows_the_configured_policy(make_daemon):
    daemon = make_daemon()
    sid = new_sid()
    for status in ("delivered", "undelivered"):
        daemon.keep(target_for(), status_params(sid, status))
    daemon.settle()
    assert daemon.terminate() == 0
    daemon.sections["store"]["conflicts"] = "failure-wins"
    daemon.write()
    rebuild(daemon)
    assert json.loads(daemon.cli("message", sid, "--json").stdout)["status"] == "undelivered"
    daemon.audit()


def test_nothing_is_made_where_there_is_no_store(make_daemon, tmp_path):
    daemon = make_daemon(start=False, store=tmp_path)
    daemon.write()
    refused(daemon, str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    daemon.sections["store"]["directory"] = str(tmp_path / "missing")
    daemon.write()
    refused(daemon, str(tmp_path / "missing"))
    assert not (tmp_path / "missing").exists()


def test_a_store_that_no_daemon_has_created_yet_is_named_with_advice(make_daemon):
    daemon = make_daemon(start=False)
    daemon.write()
    found = daemon.cli("stats", check=False)
    assert found.returncode == 1 and "no store here" in found.stderr
    assert "start dlrd" in found.stderr


def test_files_keep_their_modes(kept):
    rebuild(kept)
    for path in kept.store.iterdir():
        assert path.stat().st_mode & 0o137 == 0, path


def test_a_wrong_command_line_is_2(kept):
    for words in (["now"], ["--csv"], ["--nonsense"]):
        assert kept.cli("rebuild", *words, check=False).returncode == 2
    result = harness.dlrd("rebuild", "-c", kept.home / "missing.ini")
    assert result.returncode == 1 and "missing.ini" in result.stderr


# --- with a running daemon ---


@pytest.mark.parametrize("statement,where", [DAMAGES[0], DAMAGES[3], DAMAGES[6], DAMAGES[9]],
                         ids=range(4))
def test_a_daemon_corrects_a_change_by_hand(make_daemon, statement, where):
    daemon = make_daemon()
    fill(daemon)
    before = shown(daemon)
    assert daemon.terminate() == 0
    change(daemon, statement)
    daemon.start()
    assert daemon.cli("audit", check=False).returncode == 1
    assert rebuild(daemon)[where] > 0
    daemon.audit()
    assert shown(daemon) == before


def test_a_rebuild_under_traffic_gives_what_one_without_a_daemon_gives(make_daemon, ledger):
    daemon = make_daemon()
    fill(daemon)
    load = Load(daemon, ledger, threads=4, status="delivered")
    load.wait_acknowledged(20)
    folded = [rebuild(daemon) for _ in range(scaled(5, 2))]
    acknowledged = load.acknowledged
    load.wait_acknowledged(acknowledged + 20)
    load.stop()
    assert all(nothing_corrected(found) for found in folded)
    daemon.settle()
    stored = {sid.decode() for (sid,) in daemon.sql("SELECT sid FROM message")}
    assert set(harness.ledger_of(ledger)) <= stored
    daemon.audit()
    last, before = rebuild(daemon), shown(daemon)
    assert daemon.terminate() == 0
    assert rebuild(daemon) == last
    assert shown(daemon) == before
    daemon.audit()


def test_callbacks_are_kept_while_the_daemon_rebuilds(make_daemon):
    daemon = make_daemon()
    fill(daemon)
    results = []
    worker = threading.Thread(target=lambda: results.append(daemon.cli("rebuild", check=False)))
    worker.start()
    sids = [new_sid() for _ in range(100)]
    daemon.keep_all(signed_post(target_for("meanwhile_1"), status_params(sid, "sent"))
                    for sid in sids)
    worker.join(60 * SLOW)
    assert results and results[0].returncode == 0, results
    assert daemon.campaign("meanwhile_1")["sent"] == 100
    daemon.audit()


def test_the_bearer_token_is_sent_and_never_shown(make_daemon):
    daemon = make_daemon(start=False, tokens=(harness.TOKEN, "a-bearer-token"))
    secret = daemon.home / "token"
    secret.write_text("a-bearer-token\n")
    secret.chmod(0o600)
    daemon.sections["api"]["token_file"] = str(secret)
    daemon.start()
    daemon.keep(target_for(), status_params(new_sid(), "sent"))
    daemon.settle()
    assert rebuild(daemon)["messages"] == 1

    secret.write_text("another-token")
    assert "token" in refused(daemon, "[api] token_file", "restart the daemon")
    secret.unlink()
    refused(daemon, str(secret))

    # A configuration that names none.
    other = daemon.home / "other.ini"
    other.write_text(daemon.config.read_text().replace(f"token_file = {secret}\n", ""))
    result = harness.dlrd("rebuild", "-c", other)
    assert result.returncode == 1 and "requires a bearer token" in result.stderr
    for token in ("a-bearer-token", "another-token"):
        assert token not in result.stderr
    secret.write_text("a-bearer-token\n")


@contextlib.contextmanager
def another_api(daemon, answer):
    """Has the daemon's configuration name an api of our own, which reads a request and then gives
    answer (a list of what to send, None for silence until the other side closes), once for each."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = daemon.config.read_text()
    port = listener.getsockname()[1]
    daemon.config.write_text(config.replace(f"127.0.0.1:{daemon.api_port}", f"127.0.0.1:{port}"))
    asked = []

    def serve():
        for data in answer:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                request = b""
                while b"\r\n\r\n" not in request:
                    more = peer.recv(65536)
                    if not more:
                        break
                    request += more
                asked.append(request)
                if data is None:
                    peer.recv(1)
                else:
                    with contextlib.suppress(OSError):
                        peer.sendall(data)
    worker = threading.Thread(target=serve, daemon=True)
    worker.start()
    try:
        yield asked
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        worker.join(30)
        daemon.config.write_text(config)


def http(status, body):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


RUNNING = http(202, {"state": "running"})
STILL = http(200, {"state": "running"})


def test_a_missing_daemon_is_reported_with_advice(daemon):
    daemon.keep(target_for(), status_params(new_sid(), "sent"))
    config = daemon.config.read_text()
    port = free_port()
    daemon.config.write_text(config.replace(f"127.0.0.1:{daemon.api_port}", f"127.0.0.1:{port}"))
    refused(daemon, f"127.0.0.1:{port}", "Connection refused", "stop it")
    daemon.config.write_text(config.replace(f"127.0.0.1:{daemon.api_port}",
                                            "unix:/nonexistent/api.sock"))
    refused(daemon, "unix:/nonexistent/api.sock", "stop it")
    daemon.config.write_text(config)


@pytest.mark.parametrize("answer,part", [
    ([b"SSH-2.0-OpenSSH_9.2\r\n"], "is it dlrd?"),
    ([b""], "closed the connection"),
    ([b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{}"], "is it dlrd?"),
    ([b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
     "is it dlrd?"),
    ([b"HTTP/1.1 202 Accepted\r\n\r\n" + b"{" * 200000], "is it dlrd?"),
    ([http(202, b"<html>")], "is it dlrd?"),
    ([http(200, b"[]")], "answered 200"),
    ([http(404, {"error": "no such path"})], "version"),
    ([http(405, {"error": "only GET is answered here"})], "version"),
    ([http(409, {"error": "busy"})], "before"),
    ([http(503, {"error": "the \x1b[31mstore"})], "answered 503: the \\x1b[31mstore"),
    ([RUNNING, STILL, b""], "may still do it"),
    ([RUNNING, STILL, http(200, {"state": "none"})], "restarted before"),
    ([RUNNING, http(200, {"state": "failed", "error": "disk \x07 full"})], "disk \\x07 full"),
    ([RUNNING, http(200, {"state": "done", "messages": 1})], "lacks the counts"),
    ([RUNNING, http(200, {"state": "done", "messages": "1"})], "lacks the counts"),
], ids=range(16))
def test_an_answer_of_another_program_is_not_taken_for_a_rebuild(shared_daemon, answer, part):
    with another_api(shared_daemon, answer) as asked:
        refused(shared_daemon, part)
    assert asked[0].startswith(b"POST /v1/rebuild HTTP/1.1\r\n")
    assert b"\r\nContent-Length: 0\r\n" in asked[0] and b"Origin" not in asked[0]
    assert all(request.startswith(b"GET /v1/rebuild HTTP/1.1\r\n") for request in asked[1:])
    assert len(asked) == len(answer)


def test_a_rebuild_is_waited_for_until_it_is_done(shared_daemon):
    done = {"state": "done", "messages": 5, "mended": 4, "replies": 3, "figures": 2,
            "campaigns": 1, "optouts": 0, "error": None}
    with another_api(shared_daemon, [RUNNING, STILL, STILL, http(200, done)]):
        assert rebuild(shared_daemon) == done


def test_a_silent_api_hangs_no_command(shared_daemon):
    with another_api(shared_daemon, [None]):
        refused(shared_daemon, "did not answer within")


def test_while_another_rebuild_runs_the_daemon_refuses_and_says_so(make_daemon):
    """Many at once: each succeeds, or reports that another is running; there are no other errors."""
    daemon = make_daemon()
    fill(daemon, scaled(400, 100))
    results = []
    workers = [threading.Thread(target=lambda: results.append(daemon.cli("rebuild", check=False)))
               for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60 * SLOW)
    assert len(results) == 8 and any(result.returncode == 0 for result in results)
    for result in results:
        assert result.returncode == 0 or "requested before" in result.stderr, result.stderr
    daemon.audit()


def test_a_command_that_works_in_the_store_itself_keeps_others_out(kept):
    """Of two at once without a daemon, one has the lock, and the other touches nothing."""
    results = []
    workers = [threading.Thread(target=lambda: results.append(kept.cli("rebuild", check=False)))
               for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60 * SLOW)
    assert any(result.returncode == 0 for result in results)
    for result in results:
        assert result.returncode == 0 or re.search(
            r"another dlrd( \(process \d+\))? uses|another dlrd has the store in", result.stderr), result.stderr
    kept.audit()
