"""One service for each test, as installed; or, with DLRD_BREAK set, broken in the way that the test names
with the marker broken_by, and then the test must fail."""

import os

import pytest

import unit as units

BREAK = bool(os.environ.get("DLRD_BREAK"))


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "broken_by(old, new): a change of dlrd.service upon which this test must fail")


def pytest_collection_modifyitems(config, items):
    if not BREAK:
        return
    broken = [item for item in items if item.get_closest_marker("broken_by")]
    for item in broken:
        item.add_marker(pytest.mark.xfail(strict=True, reason="the unit is broken"))
    config.hook.pytest_deselected(items=[item for item in items if item not in broken])
    items[:] = broken


@pytest.fixture(scope="session", autouse=True)
def installed():
    units.install()


def unit_text(request):
    """The unit to run instead of the installed one; None in an ordinary run."""
    if not BREAK:
        return None
    text = units.SERVICE.read_text()
    for marker in request.node.iter_markers("broken_by"):
        old, new = marker.args
        assert text.count(f"\n{old}\n") == 1, f"the unit has no line {old}"
        text = text.replace(f"\n{old}\n", f"\n{new}\n")
    return text


@pytest.fixture
def unit(request):
    service = units.Unit()
    text = unit_text(request)
    service.reset(text)
    service.text = text or units.SERVICE.read_text()
    service.start()
    yield service
    units.systemctl("stop", "dlrd.socket", "dlrd.service", check=False)
    units.systemctl("reset-failed", check=False)


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger"
