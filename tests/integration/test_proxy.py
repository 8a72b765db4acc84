"""A real nginx with the shipped conf/nginx.conf in front of a real daemon: what Twilio signed must
be what dlrd verifies, whatever the URL and the body look like.

Of the file only addresses, certificates and logs are replaced.
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

import harness
from harness import (FORM, ROOT, SAMPLE_TARGET, SLOW, Closed, Connection, new_sid, reply_params,
                     request_bytes, scaled, sign, signed_get, signed_json, signed_post,
                     status_params, until)

NGINX_CONF = ROOT / "conf" / "nginx.conf"
NAME = "callbacks.example.com"

MAIN = """\
daemon off;
master_process off;
worker_processes 1;
pid {home}/pid;
error_log {home}/error.log notice;
events {{ worker_connections 512; }}
http {{
	client_body_temp_path {home}/body;
	proxy_temp_path {home}/proxy;
	fastcgi_temp_path {home}/fastcgi;
	uwsgi_temp_path {home}/uwsgi;
	scgi_temp_path {home}/scgi;
	include {home}/dlrd.conf;
}}
"""


class TlsConnection(Connection):
    """A raw connection inside TLS."""

    def __init__(self, port, timeout=15):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(("127.0.0.1", port), timeout)
        self.socket = context.wrap_socket(self.socket, server_hostname=NAME)


class Nginx:
    def __init__(self, upstream):
        self.home = Path(tempfile.mkdtemp(prefix="dlrd-nginx-"))
        self.port = harness.free_port()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             f"/CN={NAME}", "-keyout", self.home / "key.pem", "-out", self.home / "cert.pem"],
            check=True, capture_output=True)
        self.configure(upstream)
        with open(self.home / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                ["nginx", "-p", str(self.home), "-c", str(self.home / "main.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.listens, 10, "nginx to listen")

    def configure(self, upstream):
        text = NGINX_CONF.read_text()
        for pattern, replacement in (
                (r"(?m)^(\s*)listen 443 ssl;", rf"\1listen 127.0.0.1:{self.port} ssl;"),
                (r"(?m)^(\s*)server 127\.0\.0\.1:8080;", rf"\1server {upstream};"),
                (r"(?m)^(\s*)ssl_certificate .*;", rf"\1ssl_certificate {self.home}/cert.pem;"),
                (r"(?m)^(\s*)ssl_certificate_key .*;",
                 rf"\1ssl_certificate_key {self.home}/key.pem;"),
                (r"(?m)^(\s*)access_log \S+", rf"\1access_log {self.home}/access.log"),
                (r"(?m)^(\s*)error_log \S+", rf"\1error_log {self.home}/dlrd-error.log")):
            text, count = re.subn(pattern, replacement, text)
            assert count == 1, f"conf/nginx.conf: {count} lines match {pattern}"
        (self.home / "dlrd.conf").write_text(text)
        main = MAIN.format(home=self.home)
        if os.geteuid() == 0:
            main = "user root;\n" + main
        (self.home / "main.conf").write_text(main)

    def listens(self):
        assert self.process.poll() is None, (self.home / "stderr").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def connect(self):
        return TlsConnection(self.port)

    def ask(self, data, method="POST"):
        with self.connect() as connection:
            return connection.ask(data, method)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(scope="module")
def daemon():
    daemon = harness.Daemon({"server": {"keepalive_timeout": None}}).start()
    yield daemon
    daemon.finish()


@pytest.fixture(scope="module")
def nginx(daemon):
    for program in ("nginx", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if not NGINX_CONF.exists():
        pytest.skip("there is no conf/nginx.conf")
    nginx = Nginx(f"127.0.0.1:{daemon.port}")
    yield nginx
    nginx.stop()


def test_nginx_finds_nothing_wrong_with_the_file(nginx):
    result = subprocess.run(["nginx", "-t", "-p", nginx.home, "-c", nginx.home / "main.conf"],
                            capture_output=True, text=True)
    assert result.returncode == 0 and "[warn]" not in result.stderr, result.stderr


def test_a_signed_callback_comes_through_and_is_counted(nginx, daemon):
    before = len(daemon.events())
    response = nginx.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "delivered")))
    assert (response.status, response.body) == (204, b"")
    assert len(daemon.events()) == before + 1


def test_a_signed_reply_gets_its_twiml(nginx):
    for target in (SAMPLE_TARGET, "/v1/campaigns/outbound/sms/callbacks/mo/twilio"):
        response = nginx.ask(signed_post(target, reply_params(new_sid(), "hello")))
        assert response.status == 200
        assert response.header("Content-Type") == "text/xml"
        assert response.body == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


def test_an_unsigned_request_is_refused_without_a_page(nginx):
    for data in (request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"a=b"),
                 request_bytes("GET", SAMPLE_TARGET)):
        response = nginx.ask(data)
        assert (response.status, response.body) == (403, b"")


QUERIES = ["a=%20", "a=+", "a=%2B", "a=%2b", "a=%c3%a9", "a=%C3%A9", "a=%7E", "a=~", "a=%27",
           "a='", "a=/b//c", "a=?b?c", "a=%2F", "a=%00", "a=%", "a=%zz", "a=b=c", "a", "", "&",
           "a=1&a=2", "z=1&a=2", "a=;b", "a=[1]", "a={x}", "a=|", "a=%25", "a=:@!$()*,",
           "a=..%2F..%2F", 'a="', "a=\\"]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_the_query_comes_through_byte_for_byte(nginx, query):
    target = f"/sms/twilio?{query}"
    assert nginx.ask(signed_post(target, status_params(new_sid(), "sent"))).status == 204
    get = f"{target}&MessageSid={new_sid()}&MessageStatus=sent"
    assert nginx.ask(signed_get(get), "GET").status == 204


@pytest.mark.parametrize("target", ["//sms/twilio", "/sms//twilio", "/sms/twilio/", "/sms/./twilio",
                                    "/x/../sms/twilio", "/sms/%74wilio", "/SMS/twilio"])
def test_a_path_that_is_only_like_a_route_is_no_route(nginx, daemon, target):
    """Twilio signed the path as it is written, and dlrd compares it so; a proxy that mends it would
    let in what it must not, or break what it should let in."""
    before = len(daemon.events())
    response = nginx.ask(signed_post(target, status_params(new_sid(), "sent")))
    assert response.status in (400, 403, 404) and response.body == b""
    assert len(daemon.events()) == before


def test_nothing_but_the_callbacks_is_let_in(nginx):
    for path in ("/", "/v1/campaigns", "/v1/events", "/healthz", "/readyz", "/metrics",
                 "/sms", "/sms/twilio/x", "/nothing"):
        response = nginx.ask(request_bytes("GET", path), "GET")
        assert (response.status, response.body) == (404, b""), path


def test_a_url_of_four_thousand_characters_comes_through(nginx):
    base = f"https://{NAME}{SAMPLE_TARGET}&x="
    target = SAMPLE_TARGET + "&x=" + "%41b/" * ((4000 - len(base)) // 5)
    assert 3990 < len(f"https://{NAME}{target}") <= 4000
    assert nginx.ask(signed_post(target, status_params(new_sid(), "sent"))).status == 204
    # And bodySHA256 behind it.
    assert nginx.ask(signed_json(target, b'{"a":1}')).status == 204


def test_a_url_longer_than_any_limit_is_refused_without_a_page(nginx):
    response = nginx.ask(signed_post(SAMPLE_TARGET + "&x=" + "y" * 9000,
                                     status_params(new_sid(), "sent")))
    assert response.status in (414, 400) and response.body == b""


def test_a_body_of_two_hundred_kib_comes_through(nginx, daemon):
    params = status_params(new_sid(), "sent", ChannelMetadata="x" * 200 * 1024)
    assert nginx.ask(signed_post(SAMPLE_TARGET, params)).status == 204
    stored = daemon.get(f"/v1/messages/{params['MessageSid']}")["receipts"][0]
    assert stored["parameters"]["ChannelMetadata"] == params["ChannelMetadata"]


def test_a_body_over_the_limit_is_refused_without_a_page(nginx):
    params = status_params(new_sid(), "sent", ChannelMetadata="x" * 300 * 1024)
    with nginx.connect() as connection:
        try:
            connection.send(signed_post(SAMPLE_TARGET, params))
        except OSError:
            pass
        try:
            response = connection.read()
        except Closed:
            return  # the refusal was lost to the reset of a body that nobody reads
        assert (response.status, response.body) == (413, b"")


def test_a_chunked_body_comes_through(nginx):
    params = status_params(new_sid(), "sent")
    body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in params.items())
    data = request_bytes("POST", SAMPLE_TARGET, [
        ("Content-Type", FORM), ("Transfer-Encoding", "chunked"),
        ("X-Twilio-Signature", sign(harness.PUBLIC_URL + SAMPLE_TARGET, params))], length=False)
    data += b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body.encode())
    assert nginx.ask(data).status == 204


def test_connections_are_kept_on_both_sides(nginx, daemon):
    count = scaled(200, 40)
    with nginx.connect() as connection:
        for _ in range(count):
            data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
            assert connection.ask(data).status == 204
    assert daemon.metric("dlrd_connections") <= 8


def test_refused_requests_do_not_spoil_the_kept_connections(nginx):
    """Good ones follow bad ones on the same connection to the daemon."""
    bad = [request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)], b"a=b"),
           request_bytes("PUT", SAMPLE_TARGET, [], b"x"),
           request_bytes("POST", SAMPLE_TARGET, [("Content-Type", "text/plain")], b"x" * 50_000),
           request_bytes("POST", SAMPLE_TARGET, [("X", "y" * 7000), ("Y", "z" * 7000)], b"x")]
    for i in range(scaled(100, 20)):
        with nginx.connect() as connection:
            assert connection.ask(bad[i % len(bad)]).status in (403, 405, 400, 413, 431)
        data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
        assert nginx.ask(data).status == 204


def test_a_restart_of_the_daemon_loses_no_callback_that_was_answered(nginx, daemon):
    """While the daemon is away the answer is 502 or 503 without a page; then 204 again, on the
    connections that nginx kept."""
    with nginx.connect() as connection:
        data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
        assert connection.ask(data).status == 204
        port = daemon.port
        assert daemon.terminate() == 0
        response = connection.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")))
        assert response.status in (502, 503, 504) and response.body == b""
        daemon.fixed_listen = f"127.0.0.1:{port}"
        daemon.start()
        daemon.port = port

        def kept():
            sid = new_sid()
            return connection.ask(
                signed_post(SAMPLE_TARGET, status_params(sid, "sent"))).status == 204
        until(kept, 15, "nginx to come back")


def test_ambiguous_framing_does_not_get_past_both(nginx, daemon):
    params = status_params(new_sid(), "sent")
    body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in params.items()).encode()
    head = (f"POST {SAMPLE_TARGET} HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: {FORM}\r\n"
            f"X-Twilio-Signature: {sign(harness.PUBLIC_URL + SAMPLE_TARGET, params)}\r\n").encode()
    hidden = request_bytes("GET", "/hidden")
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    before = len(daemon.events())
    for framing, content in (
            (b"Content-Length: 4\r\nContent-Length: %d\r\n" % len(body), body),
            (b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(body), chunks),
            (b"Transfer-Encoding: xchunked\r\n", chunks),
            (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks),
            (b"Content-Length: +%d\r\n" % len(body), body),
            (b"Content-Length: %d\r\nTransfer-Encoding:\r\n chunked\r\n" % len(body), chunks),
            (b"Content-Length : %d\r\n" % len(body), body),
            (b"Content-Length: %d\x000\r\n" % len(body), body)):
        with nginx.connect() as connection:
            try:
                connection.send(head + framing + b"\r\n" + content + hidden)
                assert connection.read().status >= 400, framing
            except (OSError, Closed):
                continue
    assert len(daemon.events()) == before
    assert nginx.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))).status == 204


def test_headers_of_the_outside_do_not_change_what_is_verified(nginx):
    for header in ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-For", "Forwarded"):
        data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"),
                           headers=[(header, "evil.example")])
        assert nginx.ask(data).status == 204


def test_without_a_public_url_the_proxy_tells_the_url(make_daemon):
    for program in ("nginx", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if not NGINX_CONF.exists():
        pytest.skip("there is no conf/nginx.conf")
    daemon = make_daemon({"server": {"public_url": None, "trusted_proxies": "127.0.0.1"}})
    nginx = Nginx(f"127.0.0.1:{daemon.port}")
    try:
        for host, url in ((NAME, f"https://{NAME}"), (f"{NAME}:8443", f"https://{NAME}:8443")):
            data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), public_url=url,
                               host=host)
            assert nginx.ask(data).status == 204
        data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"),
                           public_url=f"http://{NAME}")
        assert nginx.ask(data).status == 403
        spoofed = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"),
                              public_url="https://evil.example",
                              headers=[("X-Forwarded-Host", "evil.example")])
        assert nginx.ask(spoofed).status == 403
    finally:
        nginx.stop()


def test_a_unix_socket_may_stand_behind_it(make_daemon):
    for program in ("nginx", "openssl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if not NGINX_CONF.exists():
        pytest.skip("there is no conf/nginx.conf")
    daemon = make_daemon(start=False)
    daemon.fixed_listen = f"unix:{daemon.home}/intake.sock"
    daemon.start()
    nginx = Nginx(f"unix:{daemon.home}/intake.sock")
    try:
        for _ in range(5):
            data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))
            assert nginx.ask(data).status == 204
    finally:
        nginx.stop()


def test_no_log_of_the_proxy_holds_a_query_or_a_number(nginx):
    number = 4443332
    target = f"{SAMPLE_TARGET}&To=%2B1555{number}"
    nginx.ask(signed_post(target, status_params(new_sid(), "sent", number=number)))
    nginx.ask(request_bytes("POST", target, [("Content-Type", FORM)], b"a=b"))
    for path in nginx.home.glob("*.log"):
        if path.name != "error.log":  # that one is the test's own
            text = path.read_text()
            assert str(number) not in text and "meta=" not in text, path.name
    assert "/sms/twilio" in until(lambda: (nginx.home / "access.log").read_text(), 5 * SLOW, "a log")
