"""The four proxies with their shipped configurations, in front of any server.

Only addresses, certificates and logs in the files are replaced. `paths` adds callback paths, as an operator
does.
"""

import functools
import json
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from urllib.parse import unquote

import harness
from harness import ROOT, Connection, until

NAME = "callbacks.example.com"
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
OPEN_FILES = 8192


class TlsConnection(Connection):
    """A raw connection inside TLS."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    def __init__(self, port, timeout=15):
        super().__init__(("127.0.0.1", port), timeout)
        try:
            self.socket = self.context.wrap_socket(self.socket, server_hostname=NAME)
        except OSError:
            self.socket.close()
            raise


@functools.lru_cache(None)
def certificate():
    """The texts of a certificate and of its key."""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = pathlib.Path(folder, "key.pem"), pathlib.Path(folder, "cert.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
             "-keyout", key, "-out", cert], check=True, capture_output=True)
        return cert.read_text(), key.read_text()


def raise_limits():
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(OPEN_FILES, most)), most))


class Proxy:
    """One proxy, started. upstream is "host:port", or the path of a unix socket."""

    name = file = program = None
    stop_signal = signal.SIGTERM

    def __init__(self, upstream, paths=()):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix=f"dlrd-{self.name}-"))
        self.home.chmod(0o755)
        self.upstream = upstream
        self.process = None
        cert, key = certificate()
        (self.home / "cert.pem").write_text(cert)
        (self.home / "key.pem").write_text(key)
        (self.home / "both.pem").write_text(cert + key)
        for attempt in range(3):
            self.port = harness.free_port()
            self.conf = self.home / self.file
            self.conf.write_text(self.configure(paths))
            self.start()
            if self.wait(last=attempt == 2):
                return

    @classmethod
    def missing(cls):
        return [program for program in (cls.program, "openssl")
                if shutil.which(program, path=PATH) is None]

    def configure(self, paths):
        text = (ROOT / "conf" / self.file).read_text()
        for pattern, replacement in self.own():
            text, count = re.subn("(?m)" + pattern, replacement, text)
            assert count == 1, f"conf/{self.file}: {count} lines match {pattern}"
        for path in paths:
            old, new = self.path_added(path)
            assert text.count(old) == 1, f"conf/{self.file}: where is {old}"
            text = text.replace(old, new)
        return text

    def own(self):
        """Pairs of a pattern, of which there is one in the file, and what goes in its place."""
        raise NotImplementedError

    def path_added(self, path):
        """A text of the file, and the same with one more callback path."""
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {"PATH": PATH, "HOME": str(self.home), "LANG": "C.UTF-8"}

    def start(self):
        with open(self.home / "stderr", "wb") as log:
            self.process = subprocess.Popen(
                list(map(str, self.command())), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment(), cwd=self.home, preexec_fn=raise_limits)

    def wait(self, last):
        """Whether it listens; False if another program took the port first."""
        def listens():
            if self.process.poll() is not None:
                return True
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        until(listens, 20, f"{self.name} to listen")
        if self.process.poll() is None:
            return True
        text = self.output()
        assert not last and "in use" in text.lower(), text
        return False

    def output(self):
        return (self.home / "stderr").read_text(errors="replace")

    def check(self):
        """The proxy's messages about the file; empty if the file is valid."""
        raise NotImplementedError

    def run(self, *command):
        return subprocess.run(list(map(str, command)), env=self.environment(), cwd=self.home,
                              capture_output=True, text=True, preexec_fn=raise_limits)

    def access_log(self):
        """The log of requests."""
        path = self.home / "access.log"
        return path.read_text() if path.exists() else ""

    def all_logs(self):
        return self.access_log()

    def connect(self, timeout=15):
        return TlsConnection(self.port, timeout)

    def ask(self, data, method="POST"):
        with self.connect() as connection:
            return connection.ask(data, method)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)
        shutil.rmtree(self.home, ignore_errors=True)


class Nginx(Proxy):
    name, file, program = "nginx", "nginx.conf", "nginx"

    MAIN = """\
daemon off;
master_process off;
worker_processes 1;
{user}
pid {home}/pid;
error_log {home}/error.log notice;
events {{ worker_connections 4096; }}
http {{
	client_body_temp_path {home}/body;
	proxy_temp_path {home}/proxy;
	fastcgi_temp_path {home}/fastcgi;
	uwsgi_temp_path {home}/uwsgi;
	scgi_temp_path {home}/scgi;
	include {home}/nginx.conf;
}}
"""

    def own(self):
        upstream = f"unix:{self.upstream}" if self.upstream.startswith("/") else self.upstream
        yield r"^(\s*)listen 443 ssl;", rf"\1listen 127.0.0.1:{self.port} ssl;"
        yield r"^(\s*)server 127\.0\.0\.1:8080;", rf"\1server {upstream};"
        yield r"^(\s*)ssl_certificate .*;", rf"\1ssl_certificate {self.home}/cert.pem;"
        yield r"^(\s*)ssl_certificate_key .*;", rf"\1ssl_certificate_key {self.home}/key.pem;"
        yield r"^(\s*)access_log \S+", rf"\1access_log {self.home}/access.log"
        yield r"^(\s*)error_log \S+", rf"\1error_log {self.home}/dlrd-error.log"

    def path_added(self, path):
        old = "\tlocation / {"
        return old, f'\tlocation = "{unquote(path)}" {{\n\t\tproxy_pass http://dlrd;\n\t}}\n{old}'

    def command(self):
        (self.home / "main").write_text(self.MAIN.format(
            home=self.home, user="user root;" if os.geteuid() == 0 else ""))
        return self.program, "-p", self.home, "-c", self.home / "main"

    def check(self):
        result = self.run(self.program, "-t", "-p", self.home, "-c", self.home / "main")
        return result.stderr if result.returncode or "[warn]" in result.stderr else ""

    def all_logs(self):
        return self.access_log() + (self.home / "dlrd-error.log").read_text()


class Haproxy(Proxy):
    name, file, program = "haproxy", "haproxy.cfg", "haproxy"
    stop_signal = signal.SIGTERM

    def own(self):
        yield r"^(\s*)log /dev/log ", r"\1log stdout format raw "
        yield r"^\s*user haproxy\n", ""
        yield r"^\s*group haproxy\n", ""
        yield (r"^(\s*)bind :443 ssl crt \S+",
               rf"\1bind 127.0.0.1:{self.port} ssl crt {self.home}/both.pem")
        yield r"^(\s*)server dlrd 127\.0\.0\.1:8080", rf"\1server dlrd {self.upstream}"

    def path_added(self, path):
        old = "\tacl callback path -m str /sms/twilio\n"
        quoted = path.replace("'", "'\\''")
        return old, f"{old}\tacl callback path -m str '{quoted}'\n"

    def command(self):
        return self.program, "-db", "-f", self.conf

    def check(self):
        result = self.run(self.program, "-c", "-f", self.conf)
        return result.stderr if result.returncode or "WARNING" in result.stderr else ""

    def access_log(self):
        return self.output()


class Caddy(Proxy):
    name, file, program = "caddy", "Caddyfile", "caddy"

    def own(self):
        upstream = f"unix/{self.upstream}" if self.upstream.startswith("/") else self.upstream
        yield r"^(\s*)admin localhost:2019$", r"\1admin off"
        yield r"^:443 \{", f":{self.port} {{\n\tbind 127.0.0.1"
        yield r"^(\s*)tls \S+ \S+$", rf"\1tls {self.home}/cert.pem {self.home}/key.pem"
        yield r"^(\s*)output file \S+", rf"\1output file {self.home}/access.log"
        yield r"^(\s*)reverse_proxy 127\.0\.0\.1:8080", rf"\1reverse_proxy {upstream}"

    def path_added(self, path):
        old = "\t\tpath /sms/twilio "
        return old, f"{old}{path} "

    def command(self):
        return self.program, "run", "--adapter", "caddyfile", "--config", self.conf

    def environment(self):
        return {**super().environment(), "XDG_DATA_HOME": str(self.home / "data"),
                "XDG_CONFIG_HOME": str(self.home / "config")}

    def check(self):
        result = self.run(self.program, "validate", "--adapter", "caddyfile", "--config", self.conf)
        quiet = ("stapling OCSP", "automatic HTTP->HTTPS redirects are disabled")
        found = [line for line in map(json.loads, result.stderr.splitlines())
                 if line["level"] != "info" and line["msg"] not in quiet]
        return result.stderr if result.returncode or found else ""

    def all_logs(self):
        return self.access_log() + self.output()


class Apache(Proxy):
    name, file, program = "apache", "apache.conf", "apache2"

    # The settings of Debian's apache2.conf and its enabled modules.
    MAIN = """\
ServerRoot {home}
PidFile {home}/pid
DefaultRuntimeDir {home}
Mutex sem
ServerName localhost
{modules}
{user}
ErrorLog {home}/error.log
LogLevel warn
Listen 127.0.0.1:{port}
<IfModule mpm_event_module>
	StartServers 2
	MinSpareThreads 25
	MaxSpareThreads 75
	ThreadLimit 64
	ThreadsPerChild 25
	MaxRequestWorkers 150
	MaxConnectionsPerChild 0
</IfModule>
Include {home}/apache.conf
"""
    MODULES = ("mpm_event", "authz_core", "reqtimeout", "setenvif", "env")

    def modules(self):
        text = (ROOT / "conf" / self.file).read_text()
        line = re.search(r"a2enmod ([a-z_ ]+)", text).group(1)
        folder = "/usr/lib/apache2/modules"
        return "\n".join(f"LoadModule {name}_module {folder}/mod_{name}.so"
                         for name in dict.fromkeys((*self.MODULES, "socache_shmcb", "proxy",
                                                    *line.split())))

    def own(self):
        upstream = (f"unix:{self.upstream}|http://dlrd/" if self.upstream.startswith("/")
                    else f"http://{self.upstream}/")
        yield r"^<VirtualHost \*:443>", f"<VirtualHost 127.0.0.1:{self.port}>"
        yield r"^(\s*)SSLCertificateFile \S+", rf"\1SSLCertificateFile {self.home}/cert.pem"
        yield r"^(\s*)SSLCertificateKeyFile \S+", rf"\1SSLCertificateKeyFile {self.home}/key.pem"
        yield r"^(\s*)CustomLog \S+", rf"\1CustomLog {self.home}/access.log"
        yield r"^(\s*)ErrorLog \S+", rf"\1ErrorLog {self.home}/dlrd-error.log"
        yield r"^(\s*)ProxyPass / http://127\.0\.0\.1:8080/", rf"\1ProxyPass / {upstream}"

    def path_added(self, path):
        old = "(/sms/twilio|"
        return old, f"{old}{re.escape(path)}|"

    def command(self):
        user = ""
        if os.geteuid() == 0:
            pwd.getpwnam("www-data")
            user = "User www-data\nGroup www-data"
        (self.home / "main").write_text(self.MAIN.format(
            home=self.home, port=self.port, modules=self.modules(), user=user))
        return self.program, "-f", self.home / "main", "-DFOREGROUND"

    def check(self):
        result = self.run(self.program, "-f", self.home / "main", "-t")
        return result.stderr if result.returncode or ":warn]" in result.stderr else ""

    def all_logs(self):
        return self.access_log() + (self.home / "dlrd-error.log").read_text()


class Recorder:
    """A substitute for dlrd that records each request and sends a given answer."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1024)
        self.port = self.listener.getsockname()[1]
        self.accepts = 0
        self.heads = []
        self.requests = []  # (head, body), once they are whole
        self.answer = lambda number: b"HTTP/1.1 204 No Content\r\n\r\n"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepts += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        """answer is called with the number of the request on its connection; None closes it."""
        number = 0
        with connection, connection.makefile("rb") as stream:
            try:
                while True:
                    request = self.read(connection, stream)
                    if request is None:
                        return
                    number += 1
                    self.requests.append(request)
                    answer = self.answer(number)
                    if answer is None:
                        return
                    connection.sendall(answer)
            except (OSError, ValueError, OverflowError):
                return  # it ended too early, or is longer than anything

    def read(self, connection, stream):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return None
            head += line
        self.heads.append(head)
        if re.search(rb"(?im)^expect: *100-continue", head):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = re.search(rb"(?im)^content-length: *([0-9]+)\r", head)
        if re.search(rb"(?im)^transfer-encoding: *chunked\r", head):
            body = b""
            while (size := int(stream.readline().split(b";")[0], 16)) > 0:
                body += stream.read(size)
                stream.readline()
            while stream.readline() not in (b"\r\n", b""):
                pass
            return head, body
        size = int(length.group(1)) if length else 0
        body = stream.read(size)
        if len(body) < size:
            return None
        return head, body

    def close(self):
        self.listener.close()


PROXIES = {proxy.name: proxy for proxy in (Nginx, Haproxy, Caddy, Apache)}
