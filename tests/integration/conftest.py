"""Fixtures: daemons that are started, and checked again when they stop."""

import os
import pathlib
import signal
import subprocess

import pytest

import browser as browsers
import harness


def pytest_configure(config):
    program = pathlib.Path(harness.DLRD)
    if not (program.is_file() and os.access(program, os.X_OK)):
        pytest.exit(f"no program at {program}: build it, or name it in DLRD", returncode=4)


@pytest.fixture(autouse=True)
def time_limit():
    """Ends tests that hang, for example because the daemon does."""
    def too_long(*_):
        raise AssertionError("the test took too long")
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(90 * harness.SLOW)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module", autouse=True)
def home_folder(request):
    """See harness.home_folder."""
    harness.home_folder = None if getattr(request.module, "ON_DISK", False) else harness.MEMORY


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 4 MiB, mounted for the test."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    got = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "dlrd-test", place],
                         capture_output=True, text=True)
    if got.returncode != 0:
        pytest.skip(f"no tmpfs may be mounted here: {got.stderr}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def make_daemon():
    """Makes daemons, started or not; each is stopped and its log read at the end."""
    made = []

    def make(settings=None, start=True, kind=harness.Daemon, **more):
        daemon = kind(settings, **more)
        made.append(daemon)
        return daemon.start() if start else daemon

    yield make
    problems = []
    for daemon in made:
        try:
            daemon.finish()
        except Exception as error:  # the others are still finished
            problems.append(f"{type(error).__name__}: {error}")
    assert not problems, "\n".join(problems)


@pytest.fixture
def daemon(make_daemon):
    """One daemon with the default routes, for a test that changes what it stores."""
    return make_daemon()


@pytest.fixture(scope="module")
def shared_daemon():
    """One daemon for a whole file, for tests that do not mind what else is stored."""
    daemon = harness.Daemon().start()
    yield daemon
    daemon.finish()


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger"


@pytest.fixture(scope="module")
def chromium():
    made = browsers.Browser()
    yield made
    made.close()


@pytest.fixture
def browser(chromium):
    """A browser in whose console nothing was wrong."""
    chromium.resize("laptop")
    yield chromium
    assert chromium.errors() == []
