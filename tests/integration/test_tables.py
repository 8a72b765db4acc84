"""Tables fit the terminal; what is piped is whole."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

import pytest

import harness
from harness import new_sid, phone, reply_params, status_params

CAMPAIGN = "a-campaign-with-a-name-that-is-rather-long-and-goes-on-and-on"
QUESTIONS = ["stats", "errors", "events", "replies", "optouts", "providers", "providers --by account",
             f"series --campaign {CAMPAIGN}", "catalogue", "quarantine list", "alerts", "optouts NUMBER"]


@pytest.fixture(scope="module")
def daemon():
    daemon = harness.Daemon().start()
    target = f"/sms/twilio?campaign={CAMPAIGN}&workspace=a-workspace-of-some-length&variant=v"
    for number in range(3):
        daemon.keep(target, status_params(new_sid(), "undelivered", 30003 + number, number=number))
        daemon.keep(target, status_params(new_sid(), "delivered", number=number))
    for body in ("STOP", "Danke schön, bis morgen um zehn Uhr am Bahnhof", "東京で会いましょう " * 4, "👍🏽👩‍👩‍👧 é e\u0301",
                 "x" * 300):
        daemon.keep(target, reply_params(new_sid(), body, number=1), 200)
    daemon.keep(target, status_params(new_sid(), "sent"), 403, token="x" * 32)
    daemon.settle()
    yield daemon
    daemon.finish()


def spelled(words):
    return [phone(1) if word == "NUMBER" else word for word in words.split()]


def on_terminal(daemon, words, columns=None, size=None):
    """What a command writes to a terminal of that size, or with COLUMNS set."""
    leader, follower = pty.openpty()
    if size is not None:
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, size, 0, 0))
    environment = harness.environment(LANG="C.UTF-8", **({"COLUMNS": str(columns)} if columns else {}))
    environment.pop("COLUMNS", None) if columns is None else None
    process = subprocess.Popen([harness.DLRD, *spelled(words), "-c", daemon.config], stdout=follower,
                               stderr=subprocess.PIPE, env=environment)
    os.close(follower)
    out = b""
    try:
        while more := os.read(leader, 65536):
            out += more
    except OSError:  # the other end is closed
        pass
    os.close(leader)
    assert process.wait(60) == 0, process.stderr.read()
    return out.decode().replace("\r\n", "\n")


def width(line):
    """An upper bound: a cluster of several characters takes less than all of them."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line
               if not unicodedata.combining(c) and c not in "\u200d\U0001f3fd")


@pytest.mark.parametrize("columns", [80, 100, 200])
@pytest.mark.parametrize("words", QUESTIONS)
def test_a_table_fits_the_terminal(daemon, words, columns):
    for out in (on_terminal(daemon, words, columns=columns), on_terminal(daemon, words, size=columns)):
        assert out
        for line in out.splitlines():
            assert width(line.replace("👩‍👩‍👧", "👩")) <= columns, line


@pytest.mark.parametrize("words", QUESTIONS)
def test_wide_and_piped_tables_are_whole_and_equal(daemon, words):
    piped = daemon.cli(*spelled(words)).stdout
    assert on_terminal(daemon, f"{words} --wide", columns=80) == piped
    assert daemon.cli(*spelled(words), env=harness.environment(COLUMNS="40")).stdout == piped
    assert "…" not in piped and "not shown" not in piped


def test_columns_is_stronger_than_the_terminal_and_120_is_the_default(daemon):
    def longest(**more):
        return max(map(len, on_terminal(daemon, "events", **more).splitlines()))
    assert longest(columns=70, size=200) <= 70
    assert 80 < longest() <= 120
    assert longest(columns=200) > 120


def test_figures_are_whole_and_rates_are_percent(daemon):
    for columns in (40, 60, 80):
        out = on_terminal(daemon, "stats", columns=columns)
        assert "50.0%" in out or "delivery_rate" in out.splitlines()[-1]
    out = on_terminal(daemon, "stats", columns=80)
    assert re.search(r" 6 +3 +3 +0 +50\.0%\n", out), out
    assert re.search(r"\b33\.3%", on_terminal(daemon, "errors", columns=80))


def test_at_80_columns_only_the_last_column_wraps(daemon):
    for words in ("errors", "replies", "catalogue"):
        lines = on_terminal(daemon, words, columns=80).splitlines()
        last = max(line.rfind("action") if words != "replies" else line.rfind("body") for line in lines[:3])
        assert last > 0
        for line in lines:
            if line.startswith(" " * 12) and line.strip():  # goes on from the line before
                assert line[:last].strip() == "" and line[last:].strip(), line


def test_sids_are_shortened_only_where_room_is_short(daemon):
    sid = daemon.events()[0]["message"]
    assert sid in on_terminal(daemon, "events", columns=200)
    narrow = on_terminal(daemon, "events", columns=80)
    assert sid not in narrow and f"{sid[:6]}…{sid[-5:]}" in narrow


def test_a_terminal_that_knows_no_unicode_gets_none(daemon):
    leader, follower = pty.openpty()
    environment = harness.environment(LC_ALL="C", COLUMNS="80")
    process = subprocess.Popen([harness.DLRD, "replies", "-c", daemon.config], stdout=follower, env=environment)
    os.close(follower)
    out = b""
    try:
        while more := os.read(leader, 65536):
            out += more
    except OSError:
        pass
    os.close(leader)
    assert process.wait(60) == 0
    assert out.isascii() and b"~" in out and b"sch?n" in out


def test_the_three_forms_exclude_each_other(daemon):
    for words in (("--json", "--csv"), ("--wide", "--csv"), ("--json", "--wide")):
        result = daemon.cli("stats", *words, check=False)
        assert result.returncode == 2 and "--json, --csv and --wide" in result.stderr


def test_json_is_indented_on_a_terminal_alone(daemon):
    piped = daemon.cli("stats", "--json").stdout
    assert piped.count("\n") == 1
    shown = on_terminal(daemon, "stats --json", columns=80)
    assert shown.startswith('{\n  "campaigns": [\n    {\n      "workspace": ')
    assert json.loads(shown) == json.loads(piped)
