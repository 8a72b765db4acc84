"""Clients that do not speak HTTP to the intake: each is counted, and a proxy's mistake is logged once
with the setting to change."""

import re
import shutil
import subprocess
import time

import pytest

from harness import (MHD, SAMPLE_TARGET, Connection, free_port, new_sid, request_bytes, signed_post,
                     status_params, until)

PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
HELLO = (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(508))
NAME = "dlrd_connections_without_request_total"


def request():
    return signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))


# Bytes, reason of the counter, name in the log line.
MISTAKES = {
    "proxy-tcp4": (lambda: b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n" + request(),
                   "proxy_v1", "send-proxy"),
    "proxy-tcp6": (lambda: b"PROXY TCP6 2001:db8::1 2001:db8::2 5000 443\r\n" + request(),
                   "proxy_v1", "proxy_protocol"),
    "proxy-unknown": (lambda: b"PROXY UNKNOWN\r\n" + request(), "proxy_v1", "send-proxy"),
    "proxy-v2": (lambda: PROXY_V2 + b"\x21\x11\x00\x0c" + bytes(12) + request(),
                 "proxy_v2", "send-proxy-v2"),
    "proxy-v2-local": (lambda: PROXY_V2 + b"\x20\x00\x00\x00" + request(),
                       "proxy_v2", "send-proxy-v2"),
    "tls": (lambda: HELLO, "tls", "http:// instead of https://"),
    "tls-short": (lambda: HELLO[:11], "tls", "https://"),
    "http2": (lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), "http2", "proto h2"),
    "ssh": (lambda: b"SSH-2.0-OpenSSH_9.2p1\r\n", "ssh", "wrong port"),
    "smtp": (lambda: b"EHLO mail.example.com\r\n", "smtp", "wrong port"),
    "garbage": (lambda: b"\x00\x1b[31m\xff\r\n\r\n", "other", "not HTTP"),
}


def reasons(daemon):
    text = daemon.api("/metrics").body.decode()
    return {reason: int(count)
            for reason, count in re.findall(NAME + r'\{reason="([^"]+)"\} (\d+)', text)}


def counted(daemon, before):
    """The reasons that were counted since, each with its number."""
    now = reasons(daemon)
    return {reason: now[reason] - before[reason] for reason in now if now[reason] != before[reason]}


def lines(daemon, word):
    return [line for line in daemon.log().splitlines() if word in line]


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("kind", MISTAKES)
def test_a_connection_that_does_not_speak_http_is_logged_with_its_remedy_and_counted(
        daemon, kind, pieces):
    make, reason, remedy = MISTAKES[kind]
    before, data = reasons(daemon), make()
    with daemon.connect() as connection:
        try:
            # libmicrohttpd 1.0 ends a connection at its first empty line.
            first = 5 if reason == "proxy_v2" else 1
            ends = [*range(first, 20)] if pieces else []
            for start, end in zip([0, *ends], [*ends, len(data)]):
                connection.send(data[start:end])
                time.sleep(0.002)
            time.sleep(0.05)
        except OSError:
            pass  # it is closed already
    until(lambda: counted(daemon, before) == {reason: 1}, what=f"reason {reason}")
    found = until(lambda: lines(daemon, remedy), what="the log line")
    assert len(found) == 1 and "127.0.0.1 s" in found[0], found
    assert len(found[0]) < 400 and "warning" in found[0]
    assert daemon.events() == []
    assert daemon.post(SAMPLE_TARGET, status_params(new_sid(), "sent")).status == 204


def test_a_mistake_is_logged_while_the_client_still_waits(daemon):
    """dlrd never answers a TLS handshake, so it closes the connection at once, too."""
    with daemon.connect(5) as connection:
        connection.send(HELLO)
        assert connection.at_end()
    with daemon.connect() as connection:
        connection.send(PROXY_V2)
        until(lambda: lines(daemon, "send-proxy-v2"))


def test_a_repeated_mistake_does_not_flood_the_log(daemon):
    before, start = reasons(daemon), time.monotonic()
    for _ in range(200):
        with daemon.connect() as connection:
            connection.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n")
    until(lambda: counted(daemon, before) == {"proxy_v1": 200})
    assert len(lines(daemon, "send-proxy")) <= time.monotonic() - start + 2


def test_a_health_check_that_only_connects_is_counted_and_not_logged(daemon):
    before, log = reasons(daemon), daemon.log()
    for _ in range(5):
        daemon.connect().close()
    until(lambda: counted(daemon, before) == {"silent": 5})
    assert daemon.log() == log


@pytest.mark.parametrize("data", [
    b"G", b"POST /sms/twilio HTTP/1.1\r\nHost: a\r\n", b"\r\n"], ids=["letter", "head", "line-end"])
def test_an_http_request_that_never_became_whole_is_counted_and_not_logged(daemon, data):
    before, log = reasons(daemon), daemon.log()
    with daemon.connect() as connection:
        connection.send(data)
        time.sleep(0.05)
    until(lambda: counted(daemon, before) == {"http": 1})
    assert daemon.log() == log


def test_connections_that_brought_a_request_are_not_counted_as_without(daemon):
    before = reasons(daemon)
    with daemon.connect() as connection:
        assert connection.ask(request()).status == 204
        assert connection.ask(request()).status == 204
        connection.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n")
    assert daemon.ask(request_bytes("GET", "/nothing")).status == 404
    if MHD < (1,):
        assert daemon.ask(b"\r\n" + request()).status == 204
    until(lambda: daemon.metric("dlrd_connections") == 0)
    assert counted(daemon, before) == {}


def test_a_mistake_on_a_unix_socket_names_it(make_daemon):
    daemon = make_daemon(start=False)
    path = str(daemon.home / "intake.sock")
    daemon.fixed_listen = f"unix:{path}"
    daemon.start()
    with Connection(path) as connection:
        connection.send(b"PROXY UNKNOWN\r\n")
        until(lambda: lines(daemon, "a client on a unix socket sends a PROXY header"))


HAPROXY = """
defaults
	mode http
	timeout connect 2s
	timeout client 5s
	timeout server 5s
listen front
	bind 127.0.0.1:{port}
	server dlrd 127.0.0.1:{upstream} {setting}
"""


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed")
@pytest.mark.parametrize("setting, reason, remedy", [
    ("send-proxy", "proxy_v1", "remove send-proxy "), ("send-proxy-v2", "proxy_v2", "remove send-proxy-v2"),
    ("ssl verify none", "tls", "remove ssl"), ("proto h2", "http2", "remove proto h2")])
def test_the_setting_of_a_real_proxy_is_named(daemon, setting, reason, remedy):
    port, before = free_port(), reasons(daemon)
    config = daemon.home / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=port, upstream=daemon.port, setting=setting))
    proxy = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stderr=subprocess.DEVNULL)
    try:
        def asked():
            try:
                with Connection(("127.0.0.1", port)) as connection:
                    return connection.ask(request()).status >= 400
            except OSError:
                return False
        until(asked, what="an error from the proxy")
        until(lambda: counted(daemon, before).get(reason))
        assert set(counted(daemon, before)) == {reason}
        assert until(lambda: lines(daemon, remedy), what="the log line")
    finally:
        proxy.terminate()
        proxy.wait(10)
    assert daemon.events() == []
