"""Failures are reported once, with their cause and remedy."""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import pytest

import harness
from harness import (SAMPLE_TARGET, SANITIZER, new_sid, signed_post, status_params, until)

# The kernel counts the threads of a user, and other runs of the tests may be in progress.
OTHER_USER = random.SystemRandom().randrange(1_000_000, 1_000_000_000)

needs_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")


@pytest.fixture
def as_other_user(make_daemon, tmp_path):
    """A daemon of a user who may not do everything, not started; and its folder."""
    def make(*wrapper):
        folder = tmp_path / "store"
        folder.mkdir(exist_ok=True)
        daemon = make_daemon(start=False, store=folder, wrapper=[
            *wrapper, "setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"])
        daemon.sections["store"]["error_codes"] = None  # the built-in ones: this file may be out of reach
        temporary = pathlib.Path(tempfile.gettempdir())
        for path in (tmp_path, *(parent for parent in tmp_path.parents if temporary in parent.parents), daemon.home):
            os.chmod(path, 0o755)
        daemon.write()
        os.chown(daemon.config, OTHER_USER, OTHER_USER)
        os.chown(folder, OTHER_USER, OTHER_USER)
        if subprocess.run([*daemon.wrapper, harness.DLRD, "--help"], capture_output=True).returncode != 0:
            pytest.skip("another user cannot run the program where it is")
        return daemon, folder
    return make


def post(daemon, count=5):
    daemon.keep_all(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")) for _ in range(count))


@needs_root
def test_a_folder_that_may_not_be_searched_is_named_as_that(as_other_user):
    daemon, folder = as_other_user()
    daemon.start()
    post(daemon)
    os.chmod(folder, 0)
    until(lambda: "Permission denied" in daemon.log(), 10, "the reason")
    assert "moved or deleted" not in daemon.log()
    post(daemon)
    assert daemon.api("/readyz").status == 200
    assert daemon.log().count("Permission denied") == 1
    os.chmod(folder, 0o755)
    daemon.audit()


@needs_root
@pytest.mark.parametrize("name", ["dlrd.db", "dlrd.db-shm", "dlrd.db-wal", "journal.db"])
def test_a_file_that_may_not_be_written_is_named(as_other_user, name):
    daemon, folder = as_other_user()
    daemon.start()
    post(daemon)
    daemon.settle()
    daemon.kill()
    os.chown(folder / name, 0, 0)
    os.chmod(folder / name, 0o444)
    daemon.spawn()
    until(lambda: f"{name}: Permission denied" in daemon.log(), 10, "the reason")
    if name == "journal.db":
        assert daemon.process.wait(10) == 1
        return
    assert daemon.api("/readyz").json()["not_counted_why"].endswith(f"{name}: Permission denied")
    post(daemon)
    os.chown(folder / name, OTHER_USER, OTHER_USER)
    os.chmod(folder / name, 0o640)
    until(lambda: daemon.api("/readyz").json()["not_counted_since"] is None, 10, "counting")
    daemon.audit()


@needs_root
@pytest.mark.skipif(SANITIZER is not None, reason="a sanitizer has threads of its own")
@pytest.mark.parametrize("threads", range(2, 9))
def test_too_few_threads_are_named_as_that(as_other_user, threads):
    daemon, _ = as_other_user("prlimit", f"--nproc={threads}")
    daemon.spawn()
    assert daemon.process.wait(10) == 1
    log = daemon.log()
    assert "Bad file descriptor" not in log
    assert "thread" in log
    assert "Resource temporarily unavailable" in log or "raise TasksMax=" in log


@pytest.mark.parametrize("text, words", [
    ("".join(f"[callback /p{i}]\n" for i in range(3000)), "more than 64 callbacks"),
    ("[server]\n" + "".join(f"key{i} = 1\n" for i in range(9000)), "more such problems"),
    ("".join(f"[account AC{i:032x}]\nauth_token = {i:032x}\n" for i in range(3000)), "more than 4096 keys"),
    ("[callback /p]\n" + "".join(f"[provider x{i}]\naccounts = nonsense\n" for i in range(1500)),
     "more such problems"),
], ids=["callbacks", "unknown-keys", "keys", "providers"])
def test_a_bad_configuration_is_reported_in_few_lines(tmp_path, text, words):
    path = tmp_path / "dlrd.ini"
    path.write_text(text)
    result = harness.dlrd("check-config", "-c", str(path))
    assert result.returncode == 1
    lines = (result.stdout + result.stderr).splitlines()
    assert len(lines) <= 55 and any(words in line for line in lines), lines[-3:]
