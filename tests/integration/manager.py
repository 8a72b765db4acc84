"""A substitute for systemd: holds the sockets of dlrd.socket, starts the daemon as in dlrd.service,
receives its notifications, and restarts it.

It reads the units. Only addresses, paths and the folder of the credentials are replaced.
"""

import configparser
import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import harness
from harness import DLRD, ROOT, SLOW, environment, until

FD_MIN = 20  # of the sockets here: the child's are 3 and 4


def unit(name):
    """The keys of a unit's sections; if a key is repeated, the last one."""
    found = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",),
                                      comment_prefixes=("#",))
    found.optionxform = str
    found.read(ROOT / "systemd" / name)
    return found


SERVICE, SOCKET = unit("dlrd.service")["Service"], unit("dlrd.socket")["Socket"]


def seconds(text):
    return float(re.fullmatch(r"(\d+)s", text).group(1))


class Notification:
    """One datagram of sd_notify(3)."""

    def __init__(self, data, pid):
        self.time, self.pid = time.monotonic(), pid
        self.values = dict(line.partition("=")[::2] for line in data.decode().splitlines())

    def says(self, name):
        return name in self.values

    def __repr__(self):
        return repr(self.values)


class Service(harness.Daemon):
    """A daemon whose sockets, api's and all, outlive it. Its configuration has another address to
    listen on, which must not be used."""

    def __init__(self, settings=None, **more):
        account = f"account {harness.ACCOUNT}"
        given = {account: {"auth_token": None, "auth_token_file": self.credential()}}
        for section, keys in (settings or {}).items():
            given.setdefault(section, {}).update(keys)
        super().__init__(given, **more)
        self.sockets = {SOCKET["FileDescriptorName"]: self.listen(), "api": self.listen()}
        self.port, self.api_port = (listener.getsockname()[1]
                                    for listener in self.sockets.values())
        self.unused_port = harness.free_port()
        self.secret = self.home / "secret"
        self.secret.write_text(harness.TOKEN + "\n")
        self.lock = threading.Lock()  # held while it starts and stops
        self.notifications = []
        self.ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ears.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.ears.bind(str(self.home / "notify"))
        self.listener = threading.Thread(target=self.hear, daemon=True)
        self.listener.start()

    @staticmethod
    def listen(port=0):
        with socket.socket() as first:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.bind(("127.0.0.1", port))
            first.listen(int(SOCKET["Backlog"]))
            return socket.socket(fileno=fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, FD_MIN))

    def renew_sockets(self):
        """systemctl restart dlrd.socket, while no daemon runs."""
        for name, listener in self.sockets.items():
            port = listener.getsockname()[1]
            listener.close()
            self.sockets[name] = self.listen(port)

    @staticmethod
    def credential():
        """The name under which the daemon finds the token."""
        return SERVICE["LoadCredential"].partition(":")[0]

    # what it says

    def hear(self):
        while True:
            data, ancillary, _, _ = self.ears.recvmsg(4096, socket.CMSG_SPACE(12))
            if not data:
                return  # shut down
            (_, _, credentials), = ancillary
            self.notifications.append(Notification(data, struct.unpack("3i", credentials)[0]))

    def said(self, name, since=0):
        """The notifications with this key from the current process; others are ignored, as with
        NotifyAccess=main."""
        since = max(since, self.started)
        return [found for found in list(self.notifications)
                if found.pid == self.process.pid and found.says(name) and found.time >= since]

    # life

    def write(self, **sections):
        """The configuration, in one step: a daemon may be reading it. sections are laid over."""
        self.sections["server"]["listen"] = f"127.0.0.1:{self.unused_port}"
        self.sections["api"]["listen"] = f"127.0.0.1:{self.api_port}"
        laid_over = {name: {**self.sections.get(name, {}), **sections.get(name, {})}
                     for name in {**self.sections, **sections}}
        new = self.home / "dlrd.ini.new"
        harness.write_config([(name, {key: value for key, value in keys.items()
                                      if value is not None})
                              for name, keys in laid_over.items()], new)
        os.replace(new, self.config)

    def load_credentials(self):
        """A copy that does not change until the next start."""
        folder = self.home / "credentials"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(0o700)
        shutil.copy(self.secret, folder / self.credential())
        return str(folder)

    def spawn(self, **env):
        if not self.config.exists():
            self.write()
        self.ended_by_test, self.started = False, time.monotonic()
        passed = [listener.fileno() for listener in self.sockets.values()]
        moved = " ".join([f"{3 + i}<&{fd}" for i, fd in enumerate(passed)] +
                         [f"{fd}<&-" for fd in passed])
        env = {"NOTIFY_SOCKET": str(self.home / "notify"), "LISTEN_FDS": str(len(passed)),
               "LISTEN_FDNAMES": ":".join(self.sockets),
               "WATCHDOG_USEC": str(int(seconds(SERVICE["WatchdogSec"]) * 1e6)),
               "CREDENTIALS_DIRECTORY": self.load_credentials(), **self.env, **env}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", f'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@" {moved}', "bash",
                 DLRD, "serve", "-c", str(self.config)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=environment(**env), cwd="/", pass_fds=passed,
                start_new_session=True)
        return self

    def start(self, seconds=20):
        self.spawn()
        self.wait_ready(seconds)
        return self

    def wait_ready(self, seconds=20):
        def ready():
            assert self.process.poll() is None, (
                f"dlrd ended with {self.process.returncode}: {self.log()[-2000:]}")
            return self.said("READY")
        until(ready, seconds, "READY=1")

    def restart(self):
        """systemctl restart, with the configuration as it was made."""
        with self.lock:
            self.write()
            assert self.terminate(seconds(SERVICE["TimeoutStopSec"])) == 0, self.log()[-2000:]
            until(lambda: self.said("STOPPING"), what="STOPPING=1")
            return self.start()

    def crash(self):
        """kill -9, and what Restart=always makes of it."""
        with self.lock:
            self.kill()
            time.sleep(seconds(SERVICE["RestartSec"]))
            return self.start()

    def reload(self, **sections):
        """systemctl reload of an active service, with sections laid over its configuration."""
        assert SERVICE["ExecReload"] == "/usr/bin/dlrd reload -c /etc/dlrd/dlrd.ini"
        with self.lock:
            self.write(**sections)
            os.kill(self.process.pid, signal.SIGHUP)  # as dlrd reload, without the wait

    @contextlib.contextmanager
    def reloads(self, times_a_second, sections):
        """Reloads in a separate thread. sections is called with the number of the reload, and returns
        the new configuration. Returns a list of their times."""
        done, times, problems = threading.Event(), [], []

        def go_on():
            try:
                while not done.wait(1 / times_a_second):
                    self.reload(**sections(len(times)))
                    times.append(time.monotonic())
            except Exception as error:
                problems.append(error)

        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        try:
            yield times
        finally:
            done.set()
            thread.join(60 * SLOW)
        assert not problems and not thread.is_alive(), problems

    def finish(self):
        try:
            super().finish()
        finally:
            for listener in self.sockets.values():
                listener.close()
            self.ears.shutdown(socket.SHUT_RDWR)
            self.listener.join(10)
            self.ears.close()
