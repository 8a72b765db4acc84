"""dlrd as the unit runs it: installed as docs/getting-started.md says, started and stopped by systemctl."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import harness  # noqa: E402 (its folder is named above)
from harness import ACCOUNT, PUBLIC_URL, TOKEN, until  # noqa: E402

UNITS = ROOT / "systemd"
SERVICE = UNITS / "dlrd.service"
OVERRIDE = pathlib.Path("/etc/systemd/system/dlrd.service")
CONFIG = pathlib.Path("/etc/dlrd/dlrd.ini")
TOKEN_FILE = pathlib.Path("/etc/dlrd/auth_token")
STORE = pathlib.Path("/var/lib/dlrd")
OTHER_ADDRESS = "192.0.2.1"  # probe.py connects to it

SECTIONS = {"server": {"public_url": PUBLIC_URL}, f"account {ACCOUNT}": {"auth_token_file": "auth_token"}}


def run(*words, check=True, **more):
    result = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=180, **more)
    assert not check or result.returncode == 0, (words, result.stdout, result.stderr)
    return result


def systemctl(*words, check=True):
    result = run("systemctl", *words, check=False)
    if check and result.returncode != 0:
        print(run("journalctl", "-q", "-n", "40", "--no-pager", check=False).stdout)
        raise AssertionError((words, result.stdout, result.stderr))
    return result


GUIDE = ROOT / "docs" / "getting-started.md"


def documented_command():
    """The line of the guide that installs dlrd."""
    found = re.findall(r"^(meson setup .*)$", GUIDE.read_text(), re.M)
    assert len(found) == 1, found
    return found[0]


def install():
    run("sh", "-ec", documented_command(), cwd=ROOT)
    CONFIG.chmod(0o644)


def value(key, unit="dlrd.service"):
    return systemctl("show", "--value", "-p", key, unit).stdout.strip()


class Unit(harness.Daemon):
    """The service, with the files in the unit's paths and the process started by systemd."""

    def __init__(self):
        self.store, self.config = STORE, CONFIG
        self.port, self.api_port = 8080, 8081
        self.process = None

    # life

    def write(self, **sections):
        """The configuration, in one step, with sections laid over the defaults here."""
        laid_over = {name: {**SECTIONS.get(name, {}), **sections.get(name, {})}
                     for name in {**SECTIONS, **sections}}
        new = CONFIG.with_name("dlrd.ini.new")
        harness.write_config(list(laid_over.items()), new)
        new.chmod(0o644)
        os.replace(new, CONFIG)

    def reset(self, text=None):
        """Stops both units, empties the store, and starts them; with text in place of the installed
        dlrd.service, if that is given."""
        systemctl("stop", "dlrd.socket", "dlrd.service", check=False)
        systemctl("unmask", "--runtime", "dlrd.socket")
        shutil.rmtree("/var/lib/private/dlrd", ignore_errors=True)
        STORE.unlink() if STORE.is_symlink() else shutil.rmtree(STORE, ignore_errors=True)
        self.write()
        TOKEN_FILE.write_text(TOKEN + "\n")
        TOKEN_FILE.chmod(0o600)
        OVERRIDE.unlink(missing_ok=True)
        if text is not None:
            OVERRIDE.write_text(text)
        systemctl("daemon-reload")
        systemctl("reset-failed", check=False)

    def start(self, seconds=20):
        systemctl("start", "dlrd.socket", "dlrd.service")
        return self

    @property
    def pid(self):
        return int(value("MainPID"))

    def restarted(self, old_pid, seconds=20):
        """Waits until systemd has started another process that is ready."""
        until(lambda: self.pid not in (0, old_pid) and value("ActiveState") == "active", seconds,
              "systemd to start it again")

    # what it says

    def log(self, since="@0"):
        """Entries of the journal, oldest first: (priority, text)."""
        run("journalctl", "--sync")
        text = run("journalctl", "-u", "dlrd.service", "-o", "json", "--since", since).stdout
        entries = [json.loads(line) for line in text.splitlines()]
        return [(int(entry["PRIORITY"]), str(entry["MESSAGE"])) for entry in entries
                if entry.get("_SYSTEMD_UNIT") == "dlrd.service"]


def add_address():
    """An address that is not of the loopback network, on the loopback interface."""
    name = struct.pack("16s", b"lo:1")
    address = struct.pack("H2s4s8x", socket.AF_INET, b"", socket.inet_aton(OTHER_ADDRESS))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8916, name + address)  # SIOCSIFADDR


def now():
    """For log(): entries from here on."""
    return f"@{time.time():.6f}"
