#!/usr/bin/python3
"""Runs a command and removes all that it leaves: contain.py COMMAND...

The command gets a separate TMPDIR, and a folder in memory, DLRD_TEST_MEMORY, if the machine has /dev/shm. When
it ends, or when this program gets a signal to end, all descendants of the command are killed, mounts below
TMPDIR are unmounted, and both folders are removed. A test runner cannot do that for itself: it may crash, be
killed, or be stopped in the middle of a test.

The exit status is the command's, 128 + N if signal N ended it. A process that outlives the command is a
fault: it is reported, and the status is 1 if it would have been 0.
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ENDING_S = 2  # processes that are about to end by themselves get this long
STOPPING_S = 10  # a command that was asked to stop gets this long for its own clean-up

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option, value):
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def stat(pid):
    """(state, parent's process id), or None if there is no such process."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def descendants():
    """Process ids of all that descend from this process and are not yet dead. Orphans are among them:
    this process is their reaper."""
    found, parents = {os.getpid()}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (known := stat(int(entry))) and known[0] not in "ZX":
            parents[int(entry)] = known[1]
    grown = True
    while grown:
        new = {pid for pid, parent in parents.items() if parent in found} - found
        found |= new
        grown = bool(new)
    return found - {os.getpid()}


def name(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"{pid}"
    return f"{pid}: " + " ".join(os.fsdecode(word) for word in words if word)[:200]


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def end_descendants():
    """Kills what is left. Returns the names of processes that did not end by themselves."""
    end = time.monotonic() + ENDING_S
    while descendants() and time.monotonic() < end:
        reap()
        time.sleep(0.02)
    left = [name(pid) for pid in sorted(descendants())]
    # A process may start another one while its siblings are killed.
    end = time.monotonic() + STOPPING_S
    while (remaining := descendants()) and time.monotonic() < end:
        for pid in remaining:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
        reap()
    return left


def unmount_below(folder):
    points = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point.startswith(f"{folder}/"):
            points.append(point)
    for point in reversed(points):
        subprocess.run(["umount", "-l", point], check=False)


def make_folder(parent=None):
    folder = tempfile.mkdtemp(prefix="dlrd-test-", dir=parent)
    os.chmod(folder, 0o711)  # programs that run as other users have files below it
    return folder


def guard(command):
    """Runs the command, cleans up behind it, and returns its exit status."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    folder = make_folder()
    folders, environment = [folder], {**os.environ, "TMPDIR": folder}
    if os.access("/dev/shm", os.W_OK):
        environment["DLRD_TEST_MEMORY"] = make_folder("/dev/shm")
        folders.append(environment["DLRD_TEST_MEMORY"])
    signals_seen = []

    def stop(number, _frame):
        signals_seen.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    left = []
    try:
        process = subprocess.Popen(command, env=environment)
        asked, deadline = 0, None
        while process.poll() is None:
            # SIGINT lets a test runner clean up; a second signal kills it.
            if len(signals_seen) > asked:
                process.send_signal(signal.SIGKILL if asked else signal.SIGINT)
                asked = len(signals_seen)
                deadline = time.monotonic() + STOPPING_S
            if deadline is not None and time.monotonic() > deadline:
                process.kill()
            time.sleep(0.05)
        status = process.returncode
    except OSError as error:
        print(f"contain: {command[0]}: {error.strerror}", file=sys.stderr)
        status = 127
    finally:
        left = end_descendants()
        unmount_below(folder)
        subprocess.run(["rm", "-rf", "--one-file-system", *folders], check=False)
    if signals_seen:
        return 128 + signals_seen[0]
    for what in left:
        print(f"contain: still running after {command[0]}, and killed: {what}", file=sys.stderr)
    return 128 - status if status < 0 else status or int(bool(left))


def main(command):
    """The guard is a process in a separate session. A signal that kills the caller's process group does not
    reach it, but the kernel signals it when its parent has ended. Signals are forwarded to it."""
    parent = os.getpid()
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = os.fork()
    if child == 0:
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        sys.exit(guard(command))
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for number in signals:
        signal.signal(number, lambda number, _frame: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
