"""dlrd errors --support: the messages that Twilio's support asks for about a code."""

import csv
import io
import json

import pytest

import harness
from harness import ACCOUNT, new_sid, phone, signed_post, status_params

CODE, OTHER, RARE, UNKNOWN = 30007, 30003, 30005, 64999
TARGETS = ["/sms/twilio?campaign=spring&variant=a", "/sms/twilio?campaign=spring&variant=b", "/sms/twilio"]


@pytest.fixture(scope="module")
def sent():
    daemon = harness.Daemon().start()
    daemon.failed = [new_sid() for _ in range(14)]
    for number, sid in enumerate(daemon.failed):  # one after the other: their order is that of the times
        daemon.keep(TARGETS[number % 3], status_params(sid, "undelivered", code=CODE, number=number))
    daemon.keep_all([signed_post(TARGETS[0], status_params(new_sid(), "failed", code=code))
                     for code in (OTHER, RARE, RARE, UNKNOWN)])
    daemon.keep_all([signed_post(TARGETS[0], status_params(new_sid(), status)) for status in ("sent", "delivered")])
    daemon.settle()
    yield daemon
    daemon.finish()


def shown(daemon, *words):
    return json.loads(daemon.cli("errors", "--support", *words, "--json").stdout)


def test_the_newest_failures_of_a_code_are_shown_as_the_support_asks_for_them(sent):
    lines = sent.cli("errors", "--support", CODE).stdout.splitlines()
    assert lines[0].startswith(f"14 messages failed with error {CODE} (") and lines[0].endswith("in the last 24 hours")
    assert lines[1] == "" and lines[2].split() == ["sid", "time", "from", "to", "error_code"]
    rows = [line.split() for line in lines[3:]]
    assert [row[0] for row in rows] == sent.failed[:3:-1]
    assert all(row[1].endswith("Z") and row[3].startswith("+") and row[4] == str(CODE) for row in rows)
    assert rows[0][3] == phone(13)


def test_times_are_utc_on_any_machine(sent):
    environment = {**harness.environment(), "TZ": "Asia/Kolkata"}
    assert sent.cli("errors", "--support", CODE, env=environment).stdout == sent.cli("errors", "--support", CODE).stdout


def test_programs_get_the_same_from_the_command_and_the_api(sent):
    found = shown(sent, CODE)
    assert list(found) == ["code", "name", "failed", "since", "messages"]
    assert (found["code"], found["failed"], len(found["messages"])) == (CODE, 14, 10)
    assert all(row["account"] == ACCOUNT and row["error_code"] == CODE for row in found["messages"])
    answer = sent.get(f"/v1/failures/{CODE}/support", settle=False)
    assert [row["sid"] for row in answer["messages"]] == sent.failed[::-1]
    rows = list(csv.DictReader(io.StringIO(sent.cli("errors", f"--support={CODE}", "--csv").stdout)))
    assert [row["sid"] for row in rows] == [row["sid"] for row in found["messages"]]


def test_a_limit_is_kept(sent):
    assert len(shown(sent, CODE, "--limit", 3)["messages"]) == 3
    assert len(shown(sent, CODE, "--limit", 0)["messages"]) == 14


@pytest.mark.parametrize("code, count", [(OTHER, 1), (RARE, 2), (UNKNOWN, 1)])
def test_too_few_are_counted(sent, code, count):
    text = sent.cli("errors", "--support", code).stdout
    assert text.startswith(f"{count} message{'s' * (count > 1)} failed with error {code}")
    assert "asks for at least 3" in text and text.count("SM") == count
    assert shown(sent, code)["failed"] == count


def test_a_code_without_failures_is_no_failure(sent):
    result = sent.cli("errors", "--support", 21610)
    assert result.stdout.startswith("0 messages failed with error 21610") and result.stdout.count("\n") == 1
    assert shown(sent, 21610)["messages"] == []
    assert sent.cli("errors", "--support", "none").stdout.startswith("0 messages failed with error none")


def test_a_code_that_does_not_exist_is_named(sent):
    for code in ("30070", "nonsense", "\x1b[2J"):
        result = sent.cli("errors", "--support", code, check=False)
        assert result.returncode == 1 and "no error code '" in result.stderr and "\x1b" not in result.stderr
    assert sent.api("/v1/failures/30070/support").status == 404
    result = sent.cli("errors", "--support", check=False)
    assert result.returncode == 2 and "name a code" in result.stderr
