"""Server-sent events: no event is lost or sent twice, and streams do not delay other requests."""

import json
import socket
import threading
import time
from urllib.parse import quote

import pytest

import harness
from harness import (Connection, new_sid, reply_params, request_bytes, scaled, signed_post,
                     status_params, target_for, until)

STREAMS_MAX = 56


class Stream:
    """A client of /v1/events/stream that understands chunks and events, and nothing else."""

    def __init__(self, daemon, query="", headers=(), timeout=20, receive_buffer=None):
        address = ("127.0.0.1", daemon.api_port)
        self.connection = Connection(address, timeout)
        if receive_buffer:
            self.connection.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.connection.send(request_bytes("GET", f"/v1/events/stream{query}",
                                           headers, host="127.0.0.1"))
        self.response = self.connection.read("GET")
        self.text, self.ended = b"", False
        self.comments, self.retry = 0, None

    def _bytes(self, length):
        while len(self.connection.pending) < length:
            self.connection._more()
        data = self.connection.pending[:length]
        self.connection.pending = self.connection.pending[length:]
        return data

    def _chunk(self):
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._bytes(1)
        length = int(line, 16)
        data = self._bytes(length)
        assert self._bytes(2) == b"\r\n"
        self.ended = length == 0
        self.text += data

    def block(self):
        """The next block of lines; None at the end of the stream."""
        while b"\n\n" not in self.text:
            if self.ended:
                assert not self.text
                return None
            self._chunk()
        block, _, self.text = self.text.partition(b"\n\n")
        return block.decode().split("\n")

    def event(self):
        """The next event, which is checked for its form; None at the end."""
        while True:
            lines = self.block()
            if lines is None:
                return None
            if lines[0].startswith(":"):
                self.comments += 1
                continue
            if lines[0].startswith("retry: "):
                self.retry = int(lines[0][7:])
                continue
            fields = dict(line.split(": ", 1) for line in lines)
            assert list(fields) == ["id", "event", "data"]
            event = json.loads(fields["data"])
            assert list(event) == harness.EVENT_KEYS
            assert (int(fields["id"]), fields["event"]) == (event["seq"], event["type"])
            return event

    def events(self, count):
        return [self.event() for _ in range(count)]

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def post(daemon, count, status="sent", campaign="1_2", **more):
    sids = [new_sid() for _ in range(count)]
    daemon.keep_all(signed_post(target_for(campaign, **more), status_params(sid, status, number=i))
                    for i, sid in enumerate(sids))
    return sids


def open_streams(daemon):
    """How many more streams are let in, found out by trying."""
    opened = []
    try:
        while True:
            stream = Stream(daemon)
            opened.append(stream)
            if stream.response.status != 200:
                return len(opened) - 1
    finally:
        for stream in opened:
            stream.close()


# --- contents ---


@pytest.fixture(scope="module", autouse=True)
def quiet():
    """A stream that is open from the first test of this file to the last, without an event; its daemon, and
    the time of its start."""
    daemon = harness.Daemon().start()
    with Stream(daemon, timeout=40) as stream:
        yield daemon, stream, time.monotonic()
    daemon.finish()


def test_a_stream_says_what_it_is(daemon):
    with Stream(daemon) as stream:
        response = stream.response
        assert response.status == 200
        assert response.header("Content-Type") == "text/event-stream"
        assert response.header("Cache-Control") == "no-store"
        assert response.header("X-Accel-Buffering") == "no"
        assert stream.block() == ["retry: 2000"]


def test_events_are_streamed_as_they_happen_and_as_the_feed_lists_them(daemon):
    post(daemon, 3)
    daemon.settle()
    with Stream(daemon) as stream:
        start = time.monotonic()
        for i in range(20):
            (sid,) = post(daemon, 1, "delivered")
            assert stream.event()["message"] == sid
        assert time.monotonic() - start < 5 * harness.SLOW
    with Stream(daemon, "?after=0") as stream:
        assert stream.events(23) == daemon.events()


def test_a_stream_begins_with_what_is_new(daemon):
    post(daemon, 5)
    daemon.settle()
    with Stream(daemon) as stream:
        (sid,) = post(daemon, 1)
        assert stream.event()["message"] == sid


def test_a_stream_goes_on_behind_the_last_event_seen(daemon):
    post(daemon, 5)
    daemon.settle()
    with Stream(daemon, headers=[("Last-Event-ID", "3")]) as stream:
        assert [event["seq"] for event in stream.events(2)] == [4, 5]
    # The header is the client's last event; the URL has the event at which it began long ago.
    with Stream(daemon, "?after=1", [("Last-Event-ID", "4")]) as stream:
        assert stream.event()["seq"] == 5
    with Stream(daemon, "?after=1") as stream:
        assert stream.event()["seq"] == 2


@pytest.mark.parametrize("value", ["x", "", "-1", "1.5", "1 2", "99999999999999999999", "'"])
def test_a_last_event_id_that_is_none_is_400(daemon, value):
    with Stream(daemon, headers=[("Last-Event-ID", value)]) as stream:
        assert stream.response.status == 400
        assert "Last-Event-ID" in json.loads(stream.response.body)["error"]
    for query in ("after=x", "type=send", "after="):
        with Stream(daemon, "?" + query) as stream:
            assert stream.response.status == 400


@pytest.mark.parametrize("query,check", [
    ("type=Delivered", lambda event: event["type"] == "Delivered"),
    ("campaign=b_1", lambda event: event["campaign"] == "b_1"),
    ("workspace=W2", lambda event: event["workspace"] == "W2"),
    ("variant=v2", lambda event: event["variant"] == "v2"),
    ("campaign=a_1&type=Sent&workspace=W2&variant=v2",
     lambda event: (event["campaign"], event["type"], event["workspace"], event["variant"])
     == ("a_1", "Sent", "W2", "v2")),
], ids=["type", "campaign", "workspace", "variant", "all"])
def test_a_stream_is_filtered(daemon, query, check):
    with Stream(daemon, "?" + query) as live:
        for campaign in ("a_1", "b_1"):
            for workspace in ("W", "W2"):
                for variant in ("v1", "v2"):
                    for status in ("sent", "delivered"):
                        post(daemon, 1, status, campaign, workspace=workspace, variant=variant)
        want = [event for event in daemon.events() if check(event)]
        assert want and live.events(len(want)) == want
    with Stream(daemon, f"?after=0&{query}") as late:
        assert late.events(len(want)) == want


def test_texts_with_line_breaks_stay_one_event(daemon):
    bodies = ["a\nb", "a\r\n\r\nb", "data: x\n\nid: 99", "\u2028", "nul\x00"]
    with Stream(daemon) as stream:
        for body in bodies:
            daemon.keep(target_for(), reply_params(new_sid(), body), 200)
        assert [event["body"] for event in stream.events(len(bodies))] == bodies


def test_a_filter_that_passes_little_finds_it_behind_many_others(daemon):
    """More than one read takes."""
    import sqlite3
    post(daemon, 1)
    assert daemon.terminate() == 0
    with sqlite3.connect(daemon.store / "dlrd.db") as store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(event)")]
        names = ", ".join(columns)
        values = ", ".join("n" if name == "seq" else name for name in columns)
        store.execute(f"WITH RECURSIVE count(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM count"
                      f" WHERE n < 350000) INSERT INTO event({names})"
                      f" SELECT {values} FROM event, count WHERE seq = 1")
    store.close()
    daemon.start()
    with Stream(daemon, "?after=0&type=Delivered") as stream:
        (sid,) = post(daemon, 1, "delivered")
        assert stream.event()["message"] == sid


# --- nothing is lost ---


def test_under_load_a_client_that_comes_back_gets_each_event_once(daemon, ledger):
    load = harness.Load(daemon, ledger, threads=4, limit=scaled(4000, 800))
    seen, after = [], 0
    until(lambda: load.acknowledged > 20, what="load")
    while load.alive() or len(seen) < load.acknowledged:
        headers = [("Last-Event-ID", str(after))]
        with Stream(daemon, headers=headers) as stream:
            assert stream.response.status == 200
            for _ in range(min(97, load.limit - len(seen))):
                seen.append(stream.event())
                after = seen[-1]["seq"]
        if len(seen) == load.limit:
            break
    load.join()
    assert seen == daemon.events()
    assert len({event["message"] for event in seen}) == load.acknowledged


def test_many_streams_get_everything_while_questions_are_answered(daemon, ledger):
    streams = [Stream(daemon) for _ in range(STREAMS_MAX)]
    count, got = scaled(1500, 300), [[] for _ in streams]

    def follow(index):
        got[index] = streams[index].events(count)
    threads = [threading.Thread(target=follow, args=(index,)) for index in range(len(streams))]
    for thread in threads:
        thread.start()
    load = harness.Load(daemon, ledger, threads=4, limit=count)
    answered, slowest = 0, 0
    while any(thread.is_alive() for thread in threads):
        start = time.monotonic()
        assert daemon.api("/v1/campaigns").status == 200
        assert daemon.api("/readyz").status == 200
        slowest = max(slowest, time.monotonic() - start)
        answered += 1
    load.join()
    want = daemon.events()
    assert len(want) == count and all(events == want for events in got)
    assert answered > 3 and slowest < 3 * harness.SLOW
    for stream in streams:
        stream.close()


def test_a_burst_between_two_looks_is_not_slept_over(daemon):
    """A wake-up that comes while the stream looks into the store must not be lost."""
    with Stream(daemon) as stream:
        for _ in range(scaled(300, 60)):
            (sid,) = post(daemon, 1)
            start = time.monotonic()
            assert stream.event()["message"] == sid
            assert time.monotonic() - start < 4 * harness.SLOW, "it came with the keep-alive only"


# --- bounds ---


def test_there_are_so_many_streams_and_no_more(daemon):
    streams = [Stream(daemon) for _ in range(STREAMS_MAX)]
    assert [stream.response.status for stream in streams] == [200] * STREAMS_MAX
    with Stream(daemon) as refused:
        assert refused.response.status == 503
        assert "stream" in json.loads(refused.response.body)["error"]
    assert daemon.api("/v1/campaigns").status == 200
    for stream in streams:
        stream.close()
    # A client that has gone is noticed before the next keep-alive.
    until(lambda: open_streams(daemon) == STREAMS_MAX, 6, "the places of those that have gone")


def test_head_takes_no_place(daemon):
    for _ in range(STREAMS_MAX * 2):
        response = daemon.api("/v1/events/stream", method="HEAD")
        assert response.status == 200 and response.header("Content-Type") == "text/event-stream"
    assert open_streams(daemon) == STREAMS_MAX


def test_a_client_that_does_not_read_delays_no_other(daemon):
    campaign = "x" * 600 + "_1"  # an event of some size
    lazy = [Stream(daemon, receive_buffer=4096) for _ in range(4)]
    with Stream(daemon) as stream:
        post(daemon, 50, campaign=campaign)
        stream.events(50)
        before = daemon.rss()
        count = scaled(12000, 2000)
        done = threading.Thread(target=post, args=(daemon, count), kwargs={"campaign": campaign})
        done.start()
        assert all(stream.events(count))
        done.join()
        assert daemon.api("/v1/campaigns").status == 200
        grown = daemon.rss() - before
    if harness.SANITIZER is None:
        assert grown < 24 << 20, f"{grown >> 20} MiB more"
    for stream in lazy:
        stream.close()


# --- who may, and the end ---


def test_a_stream_wants_the_token(make_daemon, tmp_path):
    token = "api-token-0123456789abcdef"
    (tmp_path / "token").write_text(token)
    daemon = make_daemon({"api": {"token_file": str(tmp_path / "token")}},
                         tokens=(harness.TOKEN, token))
    with Stream(daemon) as stream:
        assert stream.response.status == 401
    with Stream(daemon, headers=[("Authorization", f"Bearer {token}")]) as stream:
        assert stream.response.status == 200
        (sid,) = post(daemon, 1)
        assert stream.event()["message"] == sid


def test_a_stream_stays_a_path_of_get(daemon):
    for method in ("POST", "PUT", "DELETE"):
        assert daemon.api("/v1/events/stream", method=method).status == 405


@pytest.mark.parametrize("threads", [1, 4])
def test_stopping_ends_all_streams_cleanly_and_quickly(make_daemon, threads):
    daemon = make_daemon({"api": {"threads": threads}})
    streams = [Stream(daemon) for _ in range(STREAMS_MAX - 1)]
    lazy = Stream(daemon, receive_buffer=4096)
    sids = post(daemon, 300)
    for stream in streams:
        assert [event["message"] for event in stream.events(300)] == sids
    start = time.monotonic()
    assert daemon.terminate() == 0
    assert time.monotonic() - start < 5 * harness.SLOW
    for stream in streams:
        assert stream.event() is None
        stream.close()
    lazy.close()


def test_stopping_under_load_ends_streams_too(make_daemon, ledger):
    daemon = make_daemon()
    streams = [Stream(daemon) for _ in range(8)]
    load = harness.Load(daemon, ledger, threads=4)
    load.wait_acknowledged(100)
    assert daemon.terminate() == 0
    load.join()
    for stream in streams:
        stream.close()


def test_streams_that_come_and_go_leave_nothing(daemon, ledger):
    load = harness.Load(daemon, ledger, threads=2)
    stop, wrong = threading.Event(), []

    def come_and_go():
        while not stop.is_set():
            with Stream(daemon, "?after=0&campaign=" + quote("none")) as stream:
                if stream.response.status not in (200, 503):
                    wrong.append(stream.response)
            with Stream(daemon) as stream:
                if stream.response.status == 200:
                    stream.event()
    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(scaled(5, 2))
    stop.set()
    for thread in threads:
        thread.join()
    load.stop()
    assert not wrong
    until(lambda: open_streams(daemon) == STREAMS_MAX, 6, "all places free")


def test_a_quiet_stream_is_kept_alive_and_still_there(quiet):
    """For longer than the listener's own timeout. The last test, so that it need not wait for that."""
    daemon, stream, start = quiet
    assert stream.block() == ["retry: 2000"]
    lines = 0
    while lines < scaled(4, 1) or time.monotonic() - start > 15 * harness.SLOW * lines:
        assert stream.block()[0].startswith(":")
        lines += 1
    assert time.monotonic() - start < 15 * harness.SLOW * lines
    (sid,) = post(daemon, 1)
    assert stream.event()["message"] == sid
