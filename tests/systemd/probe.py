"""Tries what the sandbox of dlrd.service must forbid, from within it, and prints what came of it as JSON:
{"name": "allowed" or the name of the error}. Run as the program of a unit that differs from dlrd.service in
its program alone."""

import ctypes
import errno
import json
import mmap
import os
import pathlib
import resource
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000


def call(function, *arguments):
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "")


def write(path):
    pathlib.Path(path).write_text("x")
    os.unlink(path)


def read(path):
    pathlib.Path(path).read_bytes()


def set_user_id_bit():
    path = pathlib.Path(os.environ["STATE_DIRECTORY"]) / "probe"
    path.write_text("x")
    try:
        os.chmod(path, 0o4755)
    finally:
        path.unlink()


def exist(path):
    if not os.path.exists(path):
        raise FileNotFoundError(errno.ENOENT, path)


def foreign_processes():
    found = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) not in (os.getpid(),)]
    if not any(os.stat(f"/proc/{pid}").st_uid == 0 for pid in found):
        raise PermissionError(errno.EPERM, "no process of another user is seen")


TRIES = {
    "write /etc": lambda: write("/etc/probe"),
    "write /usr": lambda: write("/usr/probe"),
    "write /run": lambda: write("/run/probe"),
    "write /var/cache": lambda: write("/var/cache/probe"),
    "write the state directory": lambda: write(os.environ["STATE_DIRECTORY"] + "/probe"),
    "read /home": lambda: os.listdir("/home/somebody"),
    "read the token's file": lambda: read("/etc/dlrd/auth_token"),
    "see files of /tmp": lambda: exist("/tmp/dlrd-probe"),
    "see processes of others": foreign_processes,
    "see /proc/cpuinfo": lambda: exist("/proc/cpuinfo"),
    "see devices": lambda: exist("/dev/net/tun"),
    "make a user namespace": lambda: call(libc.unshare, CLONE_NEWUSER),
    "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "map writable code": lambda: mmap.mmap(
        -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close(),
    "run in real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "set a user ID bit": set_user_id_bit,
    "change its personality": lambda: call(libc.personality, 0x0040000),
    "lower its priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, 5),
    "mount": lambda: call(libc.mount, b"none", b"/mnt", b"tmpfs", 0, None),
    "trace": lambda: call(libc.ptrace, 0, 0, 0, 0),
    "call another machine": lambda: socket.create_connection(("192.0.2.1", 9), 5).close(),
    "open a unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "open an internet socket": lambda: socket.socket(socket.AF_INET).close(),
}


def result_of(attempt):
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    return "allowed"


def status(name):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return None


FACTS = {
    "bounding capabilities": lambda: status("CapBnd"),
    "umask": lambda: status("Umask"),
    "files": lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    "core": lambda: resource.getrlimit(resource.RLIMIT_CORE)[1],
    "locked memory": lambda: resource.getrlimit(resource.RLIMIT_MEMLOCK)[1],
    "root": lambda: os.getuid() == 0,
}

found = {name: result_of(attempt) for name, attempt in TRIES.items()}
found.update({name: fact() for name, fact in FACTS.items()})
json.dump(found, sys.stdout)
