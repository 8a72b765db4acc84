"""SQLite's message about a damaged schema quotes it. Control characters in it must not reach a log or a
terminal."""

import re
import sqlite3

import pytest

import harness
from harness import SAMPLE_TARGET, SLOW, new_sid, status_params

NAME = "evil\x1b[31m\nforged line\u202egnp\u2028\x07\x85\x9b31m"
UNESCAPED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
                       r"|^forged", re.MULTILINE)
COMMANDS = [["stats"], ["audit"], ["audit", "--json"], ["rebuild"], ["optouts"], ["events"],
            ["message", "SM1"], ["gap"], ["quarantine", "list"], ["quarantine", "list", "--json"]]


def damage(path):
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("INSERT INTO sqlite_master(type, name, tbl_name, rootpage, sql)"
                       " VALUES('table', ?, ?, 0, ?)", (NAME, NAME, f'CREATE TABLE "{NAME}" (a'))
    connection.commit()
    connection.close()


def assert_escaped(text):
    found = UNESCAPED.search(text)
    assert not found, f"{found.group(0)!r} in {text!r}"


@pytest.mark.parametrize("name", ["dlrd.db", "journal.db", "quarantine.db"])
def test_a_damaged_schema_reaches_log_and_terminal_escaped(make_daemon, name):
    daemon = make_daemon()
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.settle()
    assert daemon.terminate() == 0
    damage(daemon.store / name)
    said = ""
    for words in COMMANDS:
        result = daemon.cli(*words, check=False)
        assert_escaped(result.stdout)
        assert_escaped(result.stderr)
        said += result.stdout + result.stderr
    daemon.spawn()
    try:
        daemon.process.wait(3 * SLOW)
    except harness.subprocess.TimeoutExpired:
        for path in ("/readyz", "/v1/campaigns", "/v1/quarantine"):
            daemon.api(path)
        daemon.terminate()
    assert_escaped(daemon.log())
    assert "evil\\x1b[31m\\x0aforged" in said + daemon.log()


def test_recover_quotes_a_damaged_schema_escaped(daemon):
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.settle()
    assert daemon.terminate() == 0
    damage(daemon.store / "dlrd.db")
    result = daemon.cli("recover")
    assert "evil\\x1b[31m\\x0aforged" in result.stdout
    assert_escaped(result.stdout)
    assert_escaped(result.stderr)
