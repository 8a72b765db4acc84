"""The promises, one test for each, and every row of the answers on the intake listener."""

import re
import shutil
import subprocess
from urllib.parse import urlencode

import pytest

import harness
from harness import (ACCOUNT, FORM, PUBLIC_URL, SAMPLE_TARGET, Connection, check_ledger, new_sid,
                     reply_params, request_bytes, scaled, sign, signed_get, signed_json, signed_post,
                     status_params, target_for, until)

ON_DISK = True

# --- promise 1 ---


def can_trace():
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"],
                          capture_output=True).returncode == 0


def calls_of(trace):
    """(name, arguments) of each call, in the order in which they returned."""
    waiting, calls = {}, []
    for line in trace.splitlines():
        match = re.match(r"(\d+) +(.*)", line)
        if not match:
            continue
        thread, text = match.groups()
        if text.endswith("<unfinished ...>"):
            waiting[thread] = text[:-len("<unfinished ...>")]
            continue
        resumed = re.match(r"<\.\.\. (\w+) resumed>(.*)", text)
        if resumed:
            text = waiting.pop(thread, "") + resumed.group(2)
        call = re.match(r"(\w+)\((.*)\) += (-?\d+)", text)
        if call:
            calls.append((call.group(1), call.group(2), int(call.group(3))))
    return calls


@pytest.mark.parametrize("kind,mark", [("status", '"HTTP/1.1 204 '), ("inbound", "text/xml")],
                         ids=["status", "inbound"])
def test_a_2xx_means_durable_the_fsync_returns_before_the_answer_leaves(make_daemon, kind, mark):
    if not can_trace():
        pytest.skip("strace may not trace here")
    daemon = make_daemon(start=False)
    trace_path = daemon.home / "trace"
    daemon.wrapper = ["strace", "-f", "-y", "-s", "300", "-o", str(trace_path), "-e",
                      "trace=fsync,fdatasync,sendto,sendmsg,write,writev,pwrite64,pwritev"]
    if harness.SANITIZER:
        daemon.env["ASAN_OPTIONS"] = "detect_leaks=0"
    daemon.start(60)
    if kind == "status":
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
    else:
        daemon.keep(SAMPLE_TARGET, reply_params(new_sid(), "hello"), 200)
    assert daemon.terminate() == 0
    calls = calls_of(trace_path.read_text(errors="replace"))
    answers = [at for at, (_, arguments, _) in enumerate(calls) if mark in arguments]
    assert len(answers) == 1, f"{len(answers)} answers in the trace"
    log_writes = [at for at, (name, arguments, done) in enumerate(calls)
                  if name.startswith("pwrite") and "/journal.db-wal>" in arguments and done > 0
                  and at < answers[0]]
    syncs = [at for at, (name, arguments, done) in enumerate(calls)
             if name in ("fsync", "fdatasync") and "/journal.db-wal>" in arguments and done == 0]
    assert log_writes, "nothing was written to the journal before the answer"
    assert any(log_writes[-1] < at < answers[0] for at in syncs), (
        "no sync of the journal's log between its last write and the answer")


def test_a_2xx_means_durable_what_was_acknowledged_is_there_after_kill_9(daemon, ledger):
    load = harness.Load(daemon, ledger)
    load.wait_acknowledged(scaled(300, 50))
    daemon.kill()
    load.join()
    daemon.start()
    acknowledged, _ = check_ledger(daemon, ledger)
    assert acknowledged >= scaled(300, 50)


# --- promise 2 ---


@pytest.mark.parametrize("change", [
    {"MessageStatus": "teleported", "SmsStatus": "teleported"},
    {"MessageStatus": "", "SmsStatus": ""},
    {"MessageStatus": None, "SmsStatus": None},
    {"MessageSid": None, "SmsSid": None},
    {"MessageSid": "not a sid!", "SmsSid": "not a sid!"},
    {"ErrorCode": "abc"},
    {"ErrorCode": "99999999999999999999"},
    {"ErrorCode": "-1"},
    {"SomethingNew": "an unknown parameter", "": "a value without a name"},
    {"Body": "\x00\x01\x7f"},
    {"To": "x" * 5000},
    {"RawDlrDoneDate": "99999999999999"},
], ids=["unknown-status", "empty-status", "no-status", "no-sid", "bad-sid", "text-code", "huge-code",
        "negative-code", "new-names", "control-bytes", "long-number", "odd-date"])
def test_nothing_genuine_is_lost_whatever_its_fields_hold(daemon, change):
    params = status_params(new_sid(), "undelivered", 30003, Marker=new_sid("XX"))
    params.update(change)
    params = {name: value for name, value in params.items() if value is not None}
    daemon.keep(SAMPLE_TARGET, params)
    events = daemon.events()
    assert len(events) == 1
    raw = daemon.sql("SELECT body FROM entry", name="journal.db")[0][0]
    assert params["Marker"].encode() in raw
    daemon.audit()


def test_nothing_genuine_is_lost_what_cannot_be_interpreted_is_filed_raw(daemon):
    body = b'{"specversion":"1.0","type":"com.example.unheard-of","data":[1,2,3]}'
    response = daemon.ask(signed_json(SAMPLE_TARGET, body))
    assert response.status == 204
    event = daemon.events()[0]
    assert event["type"] == "Unrecognised"
    assert daemon.get(f"/v1/events/{event['seq']}")["raw_body"] == body.decode()


# --- promise 3: what of it can be seen from the answers ---


def test_a_request_that_fails_verification_is_refused_and_never_counted(daemon):
    params = status_params(new_sid(), "delivered")
    daemon.keep(SAMPLE_TARGET, params, 403, token="another token, 32 characters long")
    assert daemon.events() == []
    assert daemon.get("/v1/campaigns")["campaigns"] == []
    daemon.keep(SAMPLE_TARGET, params)
    assert daemon.campaign()["delivered"] == 1


# --- promise 4 ---


def test_the_numbers_are_a_fold_over_the_receipts_in_any_order_and_number(make_daemon):
    history = []
    for i in range(40):
        sid = new_sid()
        last = ("delivered", None) if i % 3 else ("undelivered", 30003 + i % 5)
        history += [status_params(sid, "queued", number=i), status_params(sid, "sent", number=i),
                    status_params(sid, *last, number=i)]
    forth, back = make_daemon(), make_daemon()
    forth.keep_all(signed_post(SAMPLE_TARGET, params) for params in history)
    back.keep_all(signed_post(SAMPLE_TARGET, params)
                  for params in list(reversed(history)) + history[::7] + history[:20])
    figures = [{**daemon.campaign(), "first": 0, "last": 0, "duplicates": 0,
                "median_seconds": 0, "p95_seconds": 0}  # the receipts arrived at other times
               for daemon in (forth, back)]
    assert figures[0] == figures[1]
    assert (figures[0]["messages"], figures[0]["delivered"], figures[0]["failed"]) == (40, 26, 14)
    forth.audit()
    back.audit()


# --- promise 5 ---


def test_answers_do_not_wait_for_meaning(daemon):
    """While another program has the store's write lock, nothing can be projected. Callbacks are still
    acknowledged, and counted after the lock is released."""
    import sqlite3
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
    daemon.settle()
    blocker = sqlite3.connect(daemon.store / "dlrd.db", isolation_level=None)
    blocker.execute("PRAGMA wal_autocheckpoint = 0")
    blocker.execute("BEGIN IMMEDIATE")
    count = scaled(500, 100)
    daemon.keep_all(signed_post(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
                    for _ in range(count))
    assert daemon.sql("SELECT count(*) FROM events")[0][0] == 1
    blocker.execute("ROLLBACK")
    blocker.close()
    assert daemon.campaign()["delivered"] == count + 1
    daemon.audit()


# --- the answers, row by row, to the byte ---


def assert_bare(response, status):
    """An answer without a body, and without anything that a sender could misread."""
    assert response.status == status, response
    assert response.body == b""
    for name in ("Set-Cookie", "Location", "ETag", "Last-Modified", "Content-Type",
                 "Transfer-Encoding"):
        assert response.all(name) == [], response


def assert_refusal(response, status):
    assert_bare(response, status)
    assert response.all("Content-Length") == ["0"], response


def test_204_is_empty_and_has_no_content_length(shared_daemon):
    response = shared_daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    assert response.head.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert_bare(response, 204)
    assert response.all("Content-Length") == []


def test_204_to_a_get(shared_daemon):
    target = f"{SAMPLE_TARGET}&MessageSid={new_sid()}&MessageStatus=sent&AccountSid={ACCOUNT}"
    assert_bare(shared_daemon.ask(signed_get(target), "GET"), 204)


@pytest.mark.parametrize("target", [
    SAMPLE_TARGET, "/v1/campaigns/outbound/sms/callbacks/mo/twilio"])
def test_200_is_twiml_without_words(shared_daemon, target):
    response = shared_daemon.keep(target, reply_params(new_sid(), "hello"), 200)
    assert response.header("Content-Type") == "text/xml"
    assert response.body == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
    assert response.header("Content-Length") == str(len(response.body))
    assert response.all("Set-Cookie") == []


def test_400_unreadable(shared_daemon):
    for data in (request_bytes("POST", SAMPLE_TARGET, host=None),
                 request_bytes("POST", "http://callbacks.example.com" + SAMPLE_TARGET),
                 request_bytes("POST", SAMPLE_TARGET, [("Content-Length", "0")])):
        assert_refusal(shared_daemon.ask(data), 400)


@pytest.mark.parametrize("signature", [
    None, "", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "=" * 28,
    "\xe9" * 28, "A" * 4000], ids=range(8))
def test_403_unverified(shared_daemon, signature):
    headers = [("Content-Type", FORM)]
    if signature is not None:
        headers.append(("X-Twilio-Signature", signature))
    response = shared_daemon.ask(request_bytes("POST", SAMPLE_TARGET, headers, b"MessageSid=SM1"))
    assert_refusal(response, 403)
    assert response.all("WWW-Authenticate") == []


def test_403_with_two_signatures_even_if_one_is_right(shared_daemon):
    right = sign(harness.PUBLIC_URL + SAMPLE_TARGET)
    for pair in ((right, right), (right, "A" * 27 + "="), ("A" * 27 + "=", right)):
        headers = [("X-Twilio-Signature", value) for value in pair]
        assert_refusal(shared_daemon.ask(request_bytes("POST", SAMPLE_TARGET, headers)), 403)


@pytest.mark.parametrize("path", ["/", "/sms", "/sms/twilio/", "/sms//twilio", "/SMS/twilio",
                                  "/sms/twilio%2f", "/sms/twilio%00", "/sms/%74wilio",
                                  "//sms/twilio", "/sms/twilio;x", "/../sms/twilio",
                                  "/healthz", "/metrics", "/v1/campaigns"])
def test_404_no_such_path_signed_or_not(shared_daemon, path):
    assert_refusal(shared_daemon.post(path, status_params(new_sid(), "sent")), 404)
    assert_refusal(shared_daemon.ask(request_bytes("GET", path), "GET"), 404)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND",
                                    "get", "GETS"])
def test_405_names_the_methods_that_are_allowed(shared_daemon, method):
    response = shared_daemon.ask(request_bytes(method, SAMPLE_TARGET))
    assert_refusal(response, 405)
    assert response.header("Allow") == "GET, POST"


def test_405_to_head_names_the_methods_that_are_allowed(shared_daemon):
    response = shared_daemon.ask(request_bytes("HEAD", SAMPLE_TARGET), "HEAD")
    assert response.status == 405
    assert response.header("Allow") == "GET, POST"


def test_413_body_over_the_limit_by_content_length(make_daemon):
    daemon = make_daemon({"server": {"body_limit": "8k"}})
    fits = status_params(new_sid(), "sent", Body="x" * 7000)
    daemon.keep(SAMPLE_TARGET, fits)
    data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent", Body="x" * 8192))
    assert_refusal(daemon.ask(data), 413)
    # The announced length is enough: the daemon does not wait for a gigabyte.
    head = request_bytes("POST", SAMPLE_TARGET, [("Content-Length", str(1 << 30))], length=False)
    assert_refusal(daemon.ask(head), 413)
    assert len(daemon.events()) == 1


def test_a_body_of_exactly_the_limit_is_kept(make_daemon):
    daemon = make_daemon({"server": {"body_limit": "8k"}})
    for chunked in (False, True):
        params = status_params(new_sid(), "sent", Padding="")
        params["Padding"] = "x" * (8192 - len(urlencode(params)))
        body = urlencode(params).encode()
        assert len(body) == 8192
        headers = [("Content-Type", FORM), ("X-Twilio-Signature", sign(PUBLIC_URL + SAMPLE_TARGET, params))]
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
            chunks = (body[at:at + 1024] for at in range(0, 8192, 1024))
            body = b"".join(b"400\r\n" + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
        data = request_bytes("POST", SAMPLE_TARGET, headers, body, length=not chunked)
        assert daemon.ask(data).status == 204


def test_413_body_over_the_limit_in_chunks(make_daemon):
    daemon = make_daemon({"server": {"body_limit": "8k"}})
    head = request_bytes("POST", SAMPLE_TARGET, [("Transfer-Encoding", "chunked")], length=False)
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    with daemon.connect() as connection:
        response = connection.ask(head + 9 * chunk + b"0\r\n\r\n")
        assert_refusal(response, 413)
        assert response.header("Connection") == "close"
        assert connection.at_end()
    assert daemon.events() == []


def test_413_more_fields_than_the_limit(make_daemon):
    daemon = make_daemon({"server": {"field_limit": "64"}})
    params = status_params(new_sid(), "sent")
    room = 64 - len(params)
    daemon.keep(SAMPLE_TARGET, {**params, **{f"X{i}": "1" for i in range(room)}})
    response = daemon.post(SAMPLE_TARGET, {**params, **{f"X{i}": "1" for i in range(room + 1)}})
    assert_refusal(response, 413)


def test_414_target_over_the_limit(shared_daemon):
    """Twilio's own limit is 4,000 characters; the default leaves room for bodySHA256."""
    long = SAMPLE_TARGET + "&x=" + "y" * (4100 - len(SAMPLE_TARGET))
    shared_daemon.keep(long, status_params(new_sid(), "sent"))
    assert_refusal(shared_daemon.ask(
        request_bytes("POST", SAMPLE_TARGET + "&x=" + "y" * 8500)), 414)


def test_431_headers_over_the_limit(shared_daemon):
    many = [(f"X-Filler-{i}", "y" * 200) for i in range(42)]
    assert_refusal(shared_daemon.ask(request_bytes("POST", SAMPLE_TARGET, many)), 431)
    shared_daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), headers=many[:20])


def test_503_asks_to_come_again_when_it_cannot_be_kept_right_now(make_daemon):
    """The memory for bodies is used up by a request that is still arriving."""
    daemon = make_daemon({"server": {"memory_limit": "1M", "body_limit": "600k",
                                     "request_timeout": "60s"}})
    big = signed_post(target_for(), status_params(new_sid(), "sent", Body="x" * 550_000))
    head = request_bytes("POST", SAMPLE_TARGET, [("Content-Length", "600000")], length=False)
    with daemon.connect() as holder:
        holder.send(head + b"x" * 590_000)
        until(lambda: harness.is_read(holder), 10, "the daemon to have read the first body")
        response = daemon.ask(big)
        assert_refusal(response, 503)
        assert re.fullmatch(r"[0-9]+", response.header("Retry-After"))
    until(lambda: daemon.ask(big).status == 204, 10, "room again")


def test_no_answer_is_ever_429_or_a_redirect(shared_daemon):
    """A burst on one connection, good and bad mixed: nothing but the answers of the table."""
    seen = set()
    with shared_daemon.connect() as connection:
        for i in range(scaled(600, 100)):
            data = (signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")) if i % 3
                    else request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"a=b"))
            response = connection.ask(data)
            seen.add(response.status)
            assert response.all("Set-Cookie") == []
    assert seen == {204, 403}


def test_a_refusal_keeps_the_connection_or_says_that_it_does_not(shared_daemon):
    """A proxy that keeps the connection must know whether it may send the next request on it."""
    good = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    for data, status in (
            (request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"a=b"), 403),
            (request_bytes("POST", "/nothing", [], b"a=b"), 404),
            (request_bytes("GET", "/nothing"), 404),
            (request_bytes("PUT", SAMPLE_TARGET), 405)):
        with shared_daemon.connect() as connection:
            response = connection.ask(data)
            assert response.status == status
            if response.header("Connection") == "close":
                assert connection.at_end()
            else:
                assert connection.ask(good).status == 204


def test_an_unverified_request_does_not_cost_its_proxy_the_connection(shared_daemon):
    bad = request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"a=b")
    with shared_daemon.connect() as connection:
        for _ in range(3):
            assert connection.ask(bad).status == 403
            good = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
            assert connection.ask(good).status == 204


@pytest.mark.parametrize("data", [
    b"POST /sms/twilio HTTP/1.1\r\nHost callbacks.example.com\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"POST /sms/twilio HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"POST /sms/twilio HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
], ids=["no-colon", "no-request", "bad-length", "bad-chunk", "long-line", "long-header",
        "many-headers"])
def test_what_the_http_library_refuses_by_itself_has_no_words_either(shared_daemon, data):
    """A page of HTML here would be texted to a person."""
    with Connection(shared_daemon.address) as connection:
        received = b""
        try:
            connection.send(data)
        except ConnectionError:
            pass
        connection.socket.settimeout(20 * harness.SLOW)
        try:
            while True:
                piece = connection.socket.recv(65536)
                if not piece:
                    break
                received += piece
        except ConnectionError:
            pass
    if received:
        assert received.count(b"HTTP/1.1 ") == 1, received
        head, _, body = received.partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/1\.[01] (400|404|413|414|431|501|505) ", head), received
        assert body == b"", received
        assert b"Content-Length: 0" in head, received
