"""Each of the four proxies, with its shipped configuration, in front of a real daemon: dlrd must verify
exactly the URL and body that Twilio signed.

Tables list the peculiarities of each proxy, so that the tests detect a change.
"""

import asyncio
import re
import ssl

import pytest

import harness
from harness import (FORM, SAMPLE_TARGET, SLOW, Closed, body_target, new_sid, reply_params,
                     request_bytes, scaled, sign, signed_get, signed_json, signed_post,
                     status_params, until)
from proxies import NAME, PROXIES, Recorder, raise_limits
from test_signatures import node  # noqa: F401 (a fixture)

ROUTES = ("/sms/twilio", "/sms/dlr/twilio", "/v1/campaigns/outbound/sms/callbacks/mo/twilio")
HOOKS = "/hooks/sms/twilio"
# Twilio would sign and send these as they are written.
PATHS = (HOOKS, "/p/a%2Fb", "/p/a//b", "/p/t/", "/p/~%7E%7e", "/p/a+b%2B", "/p/it's",
         "/p/%c3%a9%C3%A9", "/p/a%20b", "/p/a;b=c,d", "/p/(x)@:!$&*=", "/p/%25", "/p/a%3Fb%23")
UNKNOWN = "/not/for/dlrd"  # the proxy lets it in, dlrd does not

QUERIES = ["a=%20", "a=+", "a=%2B", "a=%2b", "a=%c3%a9", "a=%C3%A9", "a=%7E", "a=~", "a=%27",
           "a='", "a=/b//c", "a=?b?c", "a=%2F", "a=%00", "a=%", "a=%zz", "a=b=c", "a", "", "&",
           "a=1&a=2", "z=1&a=2", "a=;b", "a=[1]", "a={x}", "a=|", "a=%25", "a=:@!$()*,",
           "a=..%2F..%2F", 'a="', "a=\\", "a=`^<>", "a=%0d%0a", "a=-._~", "a=é"]


def is_refused(proxy, target):
    """HAProxy answers 400 if a target has a byte that is not valid in a URL."""
    return proxy.name == "haproxy" and max(target) > 0x7f


@pytest.fixture(scope="module", params=list(PROXIES))
def kind(request):
    kind = PROXIES[request.param]
    if kind.missing():
        pytest.skip(f"not installed: {', '.join(kind.missing())}")
    return kind


@pytest.fixture(scope="module")
def daemon(kind):
    routes = {f"callback {path}": {"kind": "auto"} for path in (*ROUTES, *PATHS)}
    routes[f"callback {ROUTES[1]}"] = {"kind": "status"}
    routes[f"callback {ROUTES[2]}"] = {"kind": "inbound"}
    # A body that breaks off keeps a connection, and the end of the daemon, waiting so long.
    server = {"keepalive_timeout": None, "request_timeout": f"{2 * SLOW}s"}
    daemon = harness.Daemon({"server": server, **routes}).start()
    yield daemon
    daemon.finish()


@pytest.fixture(scope="module")
def proxy(kind, daemon):
    proxy = kind(f"127.0.0.1:{daemon.port}", (*PATHS, UNKNOWN))
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def before_recorder(kind):
    recorder = Recorder()
    proxy = kind(f"127.0.0.1:{recorder.port}", PATHS)
    proxy.recorder = recorder
    yield proxy
    proxy.stop()
    recorder.close()


@pytest.fixture
def recording(before_recorder):
    """A proxy with a recorder behind it, which has recorded nothing yet."""
    recorder = before_recorder.recorder
    recorder.answer = lambda number: b"HTTP/1.1 204 No Content\r\n\r\n"
    recorder.heads, recorder.requests, recorder.accepts = [], [], 0
    return before_recorder


@pytest.fixture
def start_proxy(kind):
    """Starts more of them."""
    started = []

    def start(upstream, **more):
        started.append(kind(upstream, **more))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


def signed_status(target=SAMPLE_TARGET, sid=None, **more):
    return signed_post(target, status_params(sid or new_sid(), "sent"), **more)


def chunked(body, size=None):
    size = size or max(1, len(body))
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def form_parts(params, target=SAMPLE_TARGET):
    """The head of a signed POST up to its framing, and the body."""
    data = signed_post(target, params)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
    return b"\r\n".join(lines) + b"\r\n", body


def entries(daemon, sids):
    """The number of entries in the journal for each of these messages."""
    rows = daemon.sql("SELECT coalesce(query, '') || coalesce(body, '') FROM entry",
                      name="journal.db")
    found = dict.fromkeys(sids, 0)
    for (text,) in rows:
        for sid in set(re.findall(rb"MessageSid=(\w+)", text)):
            if sid.decode() in found:
                found[sid.decode()] += 1
    return list(found.values())


def headers_of(head, name):
    return [line.partition(b":")[2].strip().decode("latin-1") for line in head.split(b"\r\n")[1:]
            if line.partition(b":")[0].lower() == name.lower().encode()]


def target_of(head):
    return head.split(b"\r\n", 1)[0].split(b" ", 1)[1].rsplit(b" ", 1)[0]


def test_the_proxy_finds_nothing_wrong_with_the_file(proxy):
    assert proxy.check() == ""


# --- what comes through ---


def test_a_signed_callback_comes_through_and_is_counted(proxy, daemon):
    before = len(daemon.events())
    response = proxy.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "delivered")))
    assert (response.status, response.body) == (204, b"")
    assert len(daemon.events()) == before + 1


def test_a_signed_reply_gets_its_twiml(proxy):
    for target in (SAMPLE_TARGET, ROUTES[2]):
        response = proxy.ask(signed_post(target, reply_params(new_sid(), "hello")))
        assert response.status == 200
        assert response.header("Content-Type") == "text/xml"
        assert response.body == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


def test_the_node_sdk_signs_what_comes_through(proxy, node):  # noqa: F811
    for target in (SAMPLE_TARGET, "/sms/twilio?a=%2f+~%C3%A9&b='x'", "/p/a%2Fb?", HOOKS):
        params = status_params(new_sid(), "sent", Body="it's é & 100% +1")
        _, body = form_parts(params, target)
        signature = node.sign(harness.PUBLIC_URL + target, params.items())
        data = request_bytes("POST", target, [
            ("Content-Type", FORM), ("X-Twilio-Signature", signature)], body)
        assert proxy.ask(data).status == 204, target


def test_the_query_comes_through_byte_for_byte(proxy):
    wrong = {}
    for query in QUERIES:
        target = f"/sms/twilio?{query}"
        params = status_params(new_sid(), "sent")
        post = request_bytes("POST", target.encode(), [
            ("Content-Type", FORM),
            ("X-Twilio-Signature", sign(harness.PUBLIC_URL + target, params))], form_parts(params)[1])
        target += f"&MessageSid={new_sid()}&MessageStatus=sent"
        get = request_bytes("GET", target.encode(), [
            ("X-Twilio-Signature", sign(harness.PUBLIC_URL + target))])
        statuses = proxy.ask(post).status, proxy.ask(get, "GET").status
        expected = 400 if is_refused(proxy, target.encode()) else 204
        if statuses != (expected, expected):
            wrong[query] = statuses
    assert not wrong


def test_the_path_comes_through_byte_for_byte(proxy):
    wrong = {path: status for path in PATHS
             if (status := proxy.ask(signed_status(f"{path}?a=b")).status) != 204}
    assert not wrong


def test_every_target_reaches_dlrd_as_it_was_written(recording):
    """The target is in X-Original-URI, too."""
    recorder, wrong = recording.recorder, {}
    targets = [f"/sms/twilio?{query}".encode() for query in QUERIES] + [b"/sms/twilio?\x80\xff"]
    targets += [path.encode() + b"?" for path in PATHS]
    for target in targets:
        del recorder.requests[:]
        status = recording.ask(request_bytes("POST", target, [], b"a=b")).status
        got = [(target_of(head), headers_of(head, "X-Original-URI"))
               for head, _ in recorder.requests]
        if (status, got) != ((400, []) if is_refused(recording, target)
                             else (204, [(target, [target.decode("latin-1")])])):
            wrong[target] = status, got
    assert not wrong


# The target that dlrd receives for a path with bytes that are not valid in a URL, added as the file describes.
ODD_PATH = "/p/é|^"
ODD_PATH_REACHES = {"nginx": "/p/Ã©|^", "haproxy": None, "caddy": "/p/%C3%A9%7C%5E",
                    "apache": "/p/Ã©|^"}


def test_a_path_that_is_no_url_is_passed_on_in_the_proxys_own_way(kind, start_proxy):
    recorder = Recorder()
    proxy = start_proxy(f"127.0.0.1:{recorder.port}", paths=[ODD_PATH])
    raw = ODD_PATH.encode()
    response = proxy.ask(request_bytes("POST", raw, [], b"a=b"))
    recorder.close()
    expected = ODD_PATH_REACHES[kind.name]
    if expected is None:
        assert response.status == 400 and not recorder.requests
        return
    head, _ = recorder.requests[0]
    assert target_of(head).decode("latin-1") == expected
    assert headers_of(head, "X-Original-URI") == [raw.decode("latin-1")]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_what_the_proxy_says_of_a_request_is_the_proxys_own_word(recording, method):
    spoofed = [(name, "evil.example") for name in (
        "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Original-URI",
        "x-forwarded-host")]
    for host in (NAME, f"{NAME}:8443"):
        del recording.recorder.requests[:]
        data = request_bytes(method, SAMPLE_TARGET, spoofed, b"", host=host)
        assert recording.ask(data, method).status == 204
        (head, _), = recording.recorder.requests
        assert head.startswith(f"{method} {SAMPLE_TARGET} HTTP/1.1\r\n".encode())
        assert headers_of(head, "Host") == [host]
        assert headers_of(head, "X-Forwarded-Host") == [host]
        assert headers_of(head, "X-Forwarded-Proto") == ["https"]
        assert headers_of(head, "X-Forwarded-Port") in ([str(recording.port)], ["443"])
        assert headers_of(head, "X-Original-URI") == [SAMPLE_TARGET]
        assert b"evil" not in head


def test_headers_of_the_outside_do_not_change_what_is_verified(proxy):
    for header in ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Forwarded",
                   "X-Original-URI"):
        assert proxy.ask(signed_status(headers=[(header, "evil.example")])).status == 204


def test_without_a_public_url_the_url_is_the_one_that_the_proxy_reports(start_proxy, make_daemon):
    daemon = make_daemon({"server": {"public_url": None, "trusted_proxies": "127.0.0.1"}})
    proxy = start_proxy(f"127.0.0.1:{daemon.port}")
    for host in (NAME, f"{NAME}:8443"):
        assert proxy.ask(signed_status(public_url=f"https://{host}", host=host)).status == 204
    assert proxy.ask(signed_status(public_url=f"http://{NAME}")).status == 403
    for header, url in (("X-Forwarded-Host", "https://evil.example"),
                        ("X-Forwarded-Proto", f"http://{NAME}")):
        value = url.partition("://")[0 if header.endswith("Proto") else 2]
        spoofed = signed_status(public_url=url, headers=[(header, value)])
        assert proxy.ask(spoofed).status == 403


@pytest.mark.parametrize("public_url, base", [
    (f"https://{NAME}:8443", f"https://{NAME}:8443"), (f"https://{NAME}", f"https://{NAME}:443")])
def test_a_port_in_the_public_url(start_proxy, make_daemon, public_url, base):
    daemon = make_daemon({"server": {"public_url": public_url}})
    proxy = start_proxy(f"127.0.0.1:{daemon.port}")
    host = base.partition("://")[2]
    assert proxy.ask(signed_status(public_url=base, host=host)).status == 204
    assert proxy.ask(signed_status(public_url=f"https://{NAME}:9443", host=host)).status == 403


def test_a_path_prefix_goes_on_unchanged(proxy, daemon):
    sid = new_sid()
    assert proxy.ask(signed_status(f"{HOOKS}?a=b", sid)).status == 204
    assert entries(daemon, [sid]) == [1]
    assert proxy.ask(signed_status(f"{HOOKS}?a=b").replace(b"/hooks", b"", 1)).status == 403


def test_a_unix_socket_may_stand_behind_it(start_proxy, make_daemon):
    daemon = make_daemon(start=False)
    daemon.home.chmod(0o755)  # for Apache's own user
    path = daemon.home / "intake.sock"
    daemon.fixed_listen = f"unix:{path}"
    daemon.start()
    path.chmod(0o666)
    proxy = start_proxy(str(path))
    for _ in range(5):
        assert proxy.ask(signed_status()).status == 204


# --- sizes, framing and connections ---


def test_a_url_of_four_thousand_characters_comes_through(proxy):
    base = f"https://{NAME}{SAMPLE_TARGET}&x="
    target = SAMPLE_TARGET + "&x=" + "%41b/" * ((4000 - len(base)) // 5)
    assert 3990 < len(f"https://{NAME}{target}") <= 4000
    assert proxy.ask(signed_status(target)).status == 204
    # And bodySHA256 behind it.
    assert proxy.ask(signed_json(target, b'{"a":1}')).status == 204
    get = f"{target}&MessageSid={new_sid()}&MessageStatus=sent"
    assert proxy.ask(signed_get(body_target(get, b"")), "GET").status == 204


def test_a_url_longer_than_any_limit_is_refused_without_a_page(proxy):
    response = proxy.ask(signed_status(SAMPLE_TARGET + "&x=" + "y" * 9000))
    assert response.status in (414, 400) and response.body == b""


@pytest.mark.parametrize("size", [200 * 1024, 65537, 262144])
def test_a_large_body_comes_through(proxy, daemon, size):
    params = status_params(new_sid(), "sent", ChannelMetadata="")
    bare = len(form_parts(params)[1])
    params["ChannelMetadata"] = "x" * (size - bare)
    assert proxy.ask(signed_post(SAMPLE_TARGET, params)).status == 204
    stored = daemon.get(f"/v1/messages/{params['MessageSid']}")["receipts"][0]
    assert stored["parameters"]["ChannelMetadata"] == params["ChannelMetadata"]


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_over_the_limit_is_refused_without_a_page(proxy, daemon, in_chunks):
    sid = new_sid()
    head, body = form_parts(status_params(sid, "sent", ChannelMetadata="x" * 300 * 1024))
    framing = b"Transfer-Encoding: chunked" if in_chunks else b"Content-Length: %d" % len(body)
    with proxy.connect() as connection:
        try:
            connection.send(head + framing + b"\r\n\r\n" + (chunked(body) if in_chunks else body))
        except OSError:
            pass
        try:
            response = connection.read()
            expected = (413, 502) if in_chunks and proxy.name == "caddy" else (413,)
            assert response.status in expected and response.body == b""
        except (OSError, Closed):
            pass  # the refusal was lost with the reset, since the body was not read
    assert entries(daemon, [sid]) == [0]


@pytest.mark.parametrize("size", [1, 100, 20_000, None])
def test_a_chunked_body_comes_through(proxy, daemon, size):
    params = status_params(new_sid(), "sent",
                           ChannelMetadata="x" * (200 if size == 1 else 100_000))
    head, body = form_parts(params)
    data = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, size)
    with proxy.connect() as connection:
        assert connection.ask(data).status == 204
        assert connection.ask(signed_status()).status == 204
    assert entries(daemon, [params["MessageSid"]]) == [1]


def test_expect_100_continue_is_answered_before_the_body(proxy):
    head, body = form_parts(status_params(new_sid(), "sent"))
    framing = b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
    with proxy.connect() as connection:
        assert connection.ask(head + framing).status == 100
        assert connection.ask(body).status == 204
        assert connection.ask(signed_status()).status == 204


def test_connections_are_kept_on_both_sides(proxy, daemon):
    sids = [new_sid() for _ in range(scaled(300, 60))]
    with proxy.connect() as connection:
        for sid in sids:
            assert connection.ask(signed_status(sid=sid)).status == 204
    assert daemon.metric("dlrd_connections") <= 16
    assert entries(daemon, sids) == [1] * len(sids)


def test_connections_to_dlrd_are_used_again(recording):
    for _ in range(4):
        with recording.connect() as connection:
            for _ in range(25):
                assert connection.ask(request_bytes("POST", SAMPLE_TARGET, [], b"a=b")).status == 204
    assert len(recording.recorder.requests) == 100
    assert recording.recorder.accepts <= 8


def test_a_body_that_trickles_in_is_waited_for_by_the_proxy(recording):
    with recording.connect() as slow:
        data = request_bytes("POST", "/sms/twilio?slow", [], b"a=" + b"b" * 20_000)
        slow.send(data[:-10])
        for _ in range(5):
            assert recording.ask(request_bytes("POST", SAMPLE_TARGET, [], b"a=b")).status == 204
        assert not any(b"slow" in head for head, _ in recording.recorder.requests)
        slow.send(data[-10:])
        assert slow.read().status == 204
    assert len(recording.recorder.requests) == 6


def test_a_thousand_connections_at_once(proxy, daemon):
    count = scaled(1000, 200)
    sids = [new_sid() for _ in range(count)]
    statuses = []

    async def one(sid, gate, everybody):
        async with gate:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", proxy.port, ssl=context, server_hostname=NAME)
        try:
            writer.write(signed_status(sid=sid))
            head = await reader.readuntil(b"\r\n\r\n")
            statuses.append(head[9:12])
            if len(statuses) == count:
                everybody.set()
            await everybody.wait()
        except (OSError, asyncio.IncompleteReadError) as error:
            statuses.append(repr(error))
            everybody.set()
        finally:
            writer.transport.abort()

    async def all_of_them():
        gate, everybody = asyncio.Semaphore(100), asyncio.Event()
        await asyncio.wait_for(
            asyncio.gather(*(one(sid, gate, everybody) for sid in sids)), 60 * SLOW)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    raise_limits()
    asyncio.run(all_of_them())
    assert statuses == [b"204"] * count
    assert entries(daemon, sids) == [1] * count


# --- dlrd away, and its answers ---


@pytest.mark.parametrize("status", [204, 200, 400, 403, 404, 405, 413, 414, 431, 500, 503])
def test_dlrds_answers_come_through_as_they_are(recording, status):
    body = b"<Response/>" if status == 200 else b""
    more = {405: b"Allow: GET, POST\r\n", 503: b"Retry-After: 1\r\n",
            200: b"Content-Type: text/xml\r\n"}.get(status, b"")
    length = b"" if status == 204 else b"Content-Length: %d\r\n" % len(body)
    recording.recorder.answer = lambda _: (
        b"HTTP/1.1 %d Reason\r\n%s%s\r\n%s" % (status, more, length, body))
    for _ in range(3):
        response = recording.ask(request_bytes("POST", SAMPLE_TARGET, [], b"a=b"))
        assert (response.status, response.body) == (status, body)
        for line in more.decode().split("\r\n")[:-1]:
            name, _, value = line.partition(": ")
            assert response.header(name) == value
    assert len(recording.recorder.requests) == 3, "an answer is no reason to try again"


def test_refusals_of_dlrds_own_come_through_without_a_page(proxy):
    many = [("AccountSid", harness.ACCOUNT)] + [(f"f{i}", "") for i in range(600)]
    unsigned = request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"a=b")
    for data, status in ((unsigned, 403),
                         (request_bytes("GET", SAMPLE_TARGET), 403),
                         (signed_status(UNKNOWN), 404),
                         (request_bytes("PUT", SAMPLE_TARGET, [], b"x"), 405),
                         (signed_post(SAMPLE_TARGET, many), 413)):
        response = proxy.ask(data)
        assert (response.status, response.body) == (status, b"")
        if status == 405:
            assert response.header("Allow") == "GET, POST"


@pytest.mark.parametrize("target", [
    "//sms/twilio", "/sms//twilio", "/sms/twilio/", "/sms/./twilio", "/x/../sms/twilio",
    "/sms/%74wilio", "/SMS/twilio", "/sms%2Ftwilio", "/sms/twilio%00", "/sms/twilio%3F",
    "/sms\\twilio", "/sms/twilio;x"])
def test_a_path_that_is_only_like_a_route_is_no_route(proxy, daemon, target):
    """Twilio signed the path as written, and dlrd compares it byte for byte. A proxy that normalizes it
    would accept requests that it must refuse, or break valid ones."""
    sid = new_sid()
    response = proxy.ask(signed_status(target, sid))
    assert response.status in (400, 403, 404) and response.body == b""
    assert entries(daemon, [sid]) == [0]


def test_nothing_but_the_callbacks_is_let_in(recording):
    for path in ("/", "/v1/campaigns", "/v1/events", "/healthz", "/readyz", "/metrics",
                 "/sms", "/sms/twilio/x", "/nothing"):
        response = recording.ask(request_bytes("GET", path), "GET")
        assert (response.status, response.body) == (404, b""), path
    assert not recording.recorder.requests


def test_refused_requests_do_not_spoil_the_kept_connections(proxy):
    """Good ones follow bad ones on the same connection to the daemon."""
    bad = [request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"a=b"),
           request_bytes("PUT", SAMPLE_TARGET, [], b"x"),
           request_bytes("POST", SAMPLE_TARGET, [("Content-Type", "text/plain")], b"x" * 50_000),
           request_bytes("POST", SAMPLE_TARGET, [("X", "y" * 7000), ("Y", "z" * 7000)], b"x")]
    for i in range(scaled(60, 20)):
        with proxy.connect() as connection:
            assert connection.ask(bad[i % len(bad)]).status in (403, 405, 400, 413, 431)
        assert proxy.ask(signed_status()).status == 204


def test_a_restart_of_the_daemon_loses_and_doubles_nothing(proxy, daemon):
    """While the daemon is away the answer is 502 or 503 without a page; then 204 again, although the
    connections that the proxy kept have been closed."""
    sent, clients = [], [proxy.connect() for _ in range(8)]

    def round_of_callbacks():
        for client in clients:
            sent.append(new_sid())
            client.send(signed_status(sid=sent[-1]))
        return [client.read().status for client in clients]

    assert round_of_callbacks() == [204] * len(clients)
    port = daemon.port
    assert daemon.terminate() == 0
    response = proxy.ask(signed_status())
    assert response.status in (502, 503, 504) and response.body == b""
    for _ in range(scaled(3, 2)):
        daemon.fixed_listen = f"127.0.0.1:{port}"
        daemon.start()
        daemon.port = port
        assert round_of_callbacks() == [204] * len(clients)
        assert daemon.terminate() == 0
    daemon.start()
    daemon.port = port
    for client in clients:
        client.close()
    assert entries(daemon, sent) == [1] * len(sent)


# The answer if dlrd closes an idle connection while the proxy writes to it, on a client's first and
# second request. None: the client's connection is closed, too.
CLOSED_ON = {"nginx": (204, 204), "haproxy": (204, 204), "caddy": (502, 502), "apache": (204, None)}


def test_a_kept_connection_that_dlrd_closes_under_a_request(start_proxy):
    """Every connection to dlrd carries one request; the second is read and gets no answer."""
    recorder = Recorder()
    recorder.answer = lambda number: b"HTTP/1.1 204 No Content\r\n\r\n" if number == 1 else None
    proxy = start_proxy(f"127.0.0.1:{recorder.port}")

    def ask(connection):
        try:
            return connection.ask(request_bytes("POST", SAMPLE_TARGET, [], b"a=b")).status
        except (OSError, Closed):
            return None

    with proxy.connect() as connection:
        assert ask(connection) == 204
    with proxy.connect() as connection:
        on_first = ask(connection)
    with proxy.connect() as connection:
        assert ask(connection) == 204
        on_second = ask(connection)
    recorder.close()
    assert (on_first, on_second) == CLOSED_ON[proxy.name]
    assert all(body == b"a=b" for _, body in recorder.requests)


# --- what must not reach a lenient parser ---

# LEN is the length of the body; BODY is it, CHUNKS the same in chunks.
AMBIGUOUS = {
    "two-lengths": b"Content-Length: 4\r\nContent-Length: LEN\r\n\r\nBODY",
    "same-length-twice": b"Content-Length: LEN\r\nContent-Length: LEN\r\n\r\nBODY",
    "lengths-in-a-list": b"Content-Length: LEN, LEN\r\n\r\nBODY",
    "length-and-chunks": b"Content-Length: LEN\r\nTransfer-Encoding: chunked\r\n\r\nCHUNKS",
    "chunks-and-length": b"Transfer-Encoding: chunked\r\nContent-Length: LEN\r\n\r\nCHUNKS",
    "small-length-and-chunks": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nCHUNKS",
    "xchunked": b"Transfer-Encoding: xchunked\r\n\r\nCHUNKS",
    "encoding-twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\nCHUNKS",
    "gzip-chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\nCHUNKS",
    "chunked-gzip": b"Transfer-Encoding: chunked, gzip\r\n\r\nCHUNKS",
    "identity": b"Transfer-Encoding: identity\r\nContent-Length: LEN\r\n\r\nBODY",
    "vertical-tab": b"Transfer-Encoding: \x0bchunked\r\n\r\nCHUNKS",
    "plus": b"Content-Length: +LEN\r\n\r\nBODY",
    "negative": b"Content-Length: -1\r\n\r\nBODY",
    "hexadecimal": b"Content-Length: 0xff\r\n\r\nBODY",
    "empty-length": b"Content-Length: \r\n\r\nBODY",
    "huge": b"Content-Length: 18446744073709551616\r\n\r\nBODY",
    "nul-in-length": b"Content-Length: LEN\x000\r\n\r\nBODY",
    "nul-in-encoding": b"Transfer-Encoding: chunked\x00x\r\n\r\nCHUNKS",
    "nul-in-value": b"X: a\x00b\r\nContent-Length: LEN\r\n\r\nBODY",
    "nul-in-name": b"X\x00Y: b\r\nContent-Length: LEN\r\n\r\nBODY",
    "folded-encoding": b"Content-Length: LEN\r\nTransfer-Encoding:\r\n chunked\r\n\r\nCHUNKS",
    "folded-length": b"Content-Length:\r\n LEN\r\n\r\nBODY",
    "folded-value": b"X: a\r\n b\r\nContent-Length: LEN\r\n\r\nBODY",
    "folded-name": b"X: a\r\n Content-Length: 3\r\nContent-Length: LEN\r\n\r\nBODY",
    "space-before-colon": b"Content-Length : LEN\r\n\r\nBODY",
    "encoding-space": b"Transfer-Encoding : chunked\r\nContent-Length: LEN\r\n\r\nCHUNKS",
    "bare-lf": b"X: a\nContent-Length: LEN\n\nBODY",
    "hidden-by-lf": b"X: a\nTransfer-Encoding: chunked\r\nContent-Length: LEN\r\n\r\nBODY",
    "hidden-by-cr": b"X: a\rTransfer-Encoding: chunked\r\nContent-Length: LEN\r\n\r\nBODY",
    "no-name": b": x\r\nContent-Length: LEN\r\n\r\nBODY",
    "no-colon": b"foo\r\nContent-Length: LEN\r\n\r\nBODY",
    "two-hosts": b"Host: other.example\r\nContent-Length: LEN\r\n\r\nBODY",
    "chunk-with-lf": b"Transfer-Encoding: chunked\r\n\r\nLFCHUNKS",
    "chunk-hexadecimal": b"Transfer-Encoding: chunked\r\n\r\n0xCHUNKS",
    "chunk-negative": b"Transfer-Encoding: chunked\r\n\r\n-1\r\nBODY\r\n0\r\n\r\n",
    "chunk-overflow": b"Transfer-Encoding: chunked\r\n\r\n1000000000000000CHUNKS",
}

# Each proxy may repair these, and forward them in an unambiguous form; it refuses all others.
ONE_READING = {
    "nginx": {"bare-lf", "no-colon", "chunk-with-lf"},
    "haproxy": {"same-length-twice", "lengths-in-a-list", "length-and-chunks", "chunks-and-length",
                "small-length-and-chunks", "folded-encoding", "folded-length", "folded-value",
                "folded-name", "bare-lf", "chunk-with-lf"},
    "caddy": {"same-length-twice", "length-and-chunks", "chunks-and-length",
              "small-length-and-chunks", "folded-encoding", "folded-length", "folded-value",
              "folded-name", "bare-lf", "no-name", "empty-length"},
    "apache": {"length-and-chunks", "chunks-and-length", "small-length-and-chunks",
               "folded-encoding", "folded-length", "folded-value", "folded-name"},
}


def ambiguous(name, sid):
    """The bytes of a signed request with that framing."""
    head, body = form_parts(status_params(sid, "sent"))
    data = AMBIGUOUS[name]
    for mark, text in ((b"LFCHUNKS", chunked(body).replace(b"\r\n", b"\n")),
                       (b"CHUNKS", chunked(body)), (b"BODY", body), (b"LEN", b"%d" % len(body))):
        data = data.replace(mark, text)
    return head + data


def answers(proxy, data):
    """The statuses of all answers, until the proxy closes; data ends with a request that closes."""
    found = []
    with proxy.connect() as connection:
        try:
            connection.send(data)
            while True:
                response = connection.read()
                found.append(response.status)
                if response.status >= 400 and response.header("Content-Length") is None:
                    break
        except (OSError, Closed):
            pass
    return found


def clean(head):
    """Whether dlrd's library can read a head in one way only."""
    lines = head[:-4].split(b"\r\n")
    lengths, encodings = headers_of(head, "Content-Length"), headers_of(head, "Transfer-Encoding")
    return (not re.search(rb"[\x00\r\n]", b"".join(lines))
            and all(re.match(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:", line) for line in lines[1:])
            and len(lengths) + len(encodings) <= 1 and len(headers_of(head, "Host")) == 1
            and all(length.isdigit() for length in lengths)
            and all(encoding == "chunked" for encoding in encodings))


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_framing_is_refused_or_reaches_dlrd_in_one_reading(
        proxy, daemon, recording, name):
    """A second request follows each request. dlrd must store exactly the acknowledged ones: if the second
    were read as part of the first, or the first's body as a request, the numbers would differ."""
    sids = [new_sid() for _ in range(2)]
    second = signed_get(f"{SAMPLE_TARGET}&MessageSid={sids[1]}&MessageStatus=sent",
                        headers=[("Connection", "close")])
    data = ambiguous(name, sids[0])
    found = answers(proxy, data + second)
    assert found, "no answer at all"
    assert sum(entries(daemon, sids)) == found.count(204) and max(entries(daemon, sids)) <= 1
    assert all(status == 204 or status >= 400 for status in found)
    if name not in ONE_READING[proxy.name]:
        assert found[0] in (400, 413, 500, 501, 422, 502) and entries(daemon, sids[:1]) == [0]
    assert proxy.ask(signed_status()).status == 204

    answers(recording, data + second)
    assert all(clean(head) for head in recording.recorder.heads), recording.recorder.heads
    if name not in ONE_READING[recording.name]:
        assert not any(head.startswith(b"POST") for head, _ in recording.recorder.requests)


# --- logs ---


def test_no_log_of_the_proxy_holds_a_query_or_a_number(proxy):
    number = 4443332
    target = f"{SAMPLE_TARGET}&To=%2B1555{number}"
    proxy.ask(signed_post(target, status_params(new_sid(), "sent", number=number)))
    proxy.ask(signed_get(f"{target}&MessageSid={new_sid()}&MessageStatus=sent"), "GET")
    proxy.ask(request_bytes("POST", target, [("Content-Type", FORM)], b"a=b"))
    answers(proxy, ambiguous("plus", new_sid()))
    until(lambda: proxy.access_log().count("/sms/twilio") >= 3, 10, "the log")
    for text in (str(number), "meta=", "YOUR_ACCOUNT", "Signature: "):
        assert text not in proxy.all_logs(), proxy.name


def test_no_log_holds_a_query_when_dlrd_is_away(start_proxy):
    proxy = start_proxy(f"127.0.0.1:{harness.free_port()}")
    assert proxy.ask(signed_status()).status in (502, 503, 504)
    until(lambda: "/sms/twilio" in proxy.access_log(), 10, "the log")
    assert "meta=" not in proxy.all_logs()
