"""dlrd simulate: signed traffic of a test, which must not get among real receipts by mistake."""

import json
import os
import pty
import subprocess

import pytest

import harness
from harness import SAMPLE_TARGET, new_sid, status_params


def simulate(daemon, *words, **more):
    return daemon.cli("simulate", "--count", 200, "--connections", 4, *words, **more)


def on_terminal(daemon, answer):
    """What it prints and its exit status, with standard input, output and error on a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([harness.DLRD, "simulate", "--count", "50", "-c", str(daemon.config)],
                               stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    os.write(leader, answer)
    shown = b""
    while True:
        try:
            data = os.read(leader, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(leader)
    return shown.decode(), process.wait(60)


def test_a_run_is_in_the_store_and_says_that_it_was_simulated(daemon, tmp_path):
    simulate(daemon, "--ledger", tmp_path / "acks", "--check", "--replies", 20, "--bad-signatures", 5)
    run = (tmp_path / "acks").read_text().split()[3]
    rows = daemon.sql("SELECT DISTINCT json_extract(extra, '$.DlrdSimulated') FROM event")
    assert rows == [(run.encode(),)]
    simulate(daemon)  # its own receipts are no reason to refuse
    daemon.audit()


def test_it_refuses_a_store_with_other_receipts(daemon):
    simulate(daemon)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.settle()
    before = daemon.sql("SELECT count(*) FROM event")
    result = simulate(daemon, check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert str(daemon.store) in result.stderr and "--yes" in result.stderr and "nothing was sent" in result.stderr
    daemon.settle()
    assert daemon.sql("SELECT count(*) FROM event") == before
    simulate(daemon, "--yes")


@pytest.mark.parametrize("answer, sent", [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_on_a_terminal_it_asks(daemon, answer, sent):
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.settle()
    shown, status = on_terminal(daemon, answer)
    assert "[y/N]" in shown and (status == 0) == sent
    daemon.settle()
    assert (daemon.sql("SELECT count(*) FROM event")[0][0] > 1) == sent


def test_the_default_configuration_needs_a_yes():
    result = harness.dlrd("simulate", "--count", "1", "-c", "/etc/dlrd/dlrd.ini")
    assert result.returncode == 1
    assert "default configuration" in result.stderr or "/etc/dlrd/dlrd.ini" in result.stderr


def test_a_campaign_is_the_name_of_one(daemon):
    simulate(daemon, "--campaign", "spring sale & more")
    daemon.settle()
    found = {row["campaign"] for row in daemon.get("/v1/campaigns")["campaigns"]}
    assert found == {"spring sale & more"}


def test_a_campaign_that_the_template_does_not_take_is_an_error(make_daemon):
    daemon = make_daemon({"callback /sms/twilio": {"campaign": "{utm}"}})
    result = simulate(daemon, "--campaign", "spring", check=False)
    assert result.returncode == 1 and "[callback /sms/twilio]" in result.stderr and "--query" in result.stderr
    result = simulate(daemon, "--campaign", "spring", "--check", "--ledger", daemon.home / "acks", check=False)
    assert result.returncode == 1 and result.stdout == "" and result.stderr.count("\n") == 1, "one reason"
    simulate(daemon, "--query", "utm=spring")
    daemon.settle()
    assert daemon.get("/v1/campaigns")["campaigns"][0]["campaign"] == "spring"
    result = simulate(daemon, "--query", "a=b", "--campaign", "c", check=False)
    assert result.returncode == 2 and "one of --query and --campaign" in result.stderr


def test_the_answer_in_json(daemon):
    found = json.loads(simulate(daemon, "--json").stdout)
    assert found["run"] and found["acknowledged"] > 0


TABLES = ["event", "message", "campaign", "tagset", "provider", "campaign_hour", "provider_hour",
          "campaign_error", "reply", "optout", "alert", "source", "inbound"]


def contents(daemon):
    return {table: sorted(daemon.sql(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


@pytest.mark.parametrize("running", [True, False], ids=["daemon", "alone"])
def test_what_a_run_added_is_removed_and_nothing_else(daemon, tmp_path, running):
    other = harness.phone(2)
    for status in ("sent", "delivered"):
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), status, number=1))
    daemon.keep("/sms/twilio", harness.reply_params(new_sid(), "STOP", number=2), status=200)
    daemon.settle()
    before = contents(daemon)
    simulate(daemon, "--yes", "--replies", 30, "--ledger", tmp_path / "first", "--duplicates", 10)
    simulate(daemon, "--yes", "--replies", 30, "--ledger", tmp_path / "second", "--campaign", "spring")
    daemon.settle()
    assert len(daemon.sql("SELECT 1 FROM optout")) > 1
    if not running:
        daemon.terminate()
    shown = daemon.cli("simulate", "--undo", tmp_path / "first").stdout
    assert shown.startswith("receipts removed: ") and shown.split()[2] != "0,"
    result = json.loads(daemon.cli("simulate", "--undo", tmp_path / "second", "--json").stdout)
    assert result["state"] == "done" and result["receipts"] > 100
    if not running:
        daemon.start()
    assert contents(daemon) == before
    daemon.audit()
    # followers of the opt-out list are told that the numbers of the run are not on it
    states = {}
    after = 0
    while page := daemon.api(f"/v1/optouts/changes?after={after}").json()["changes"]:
        for change in page:
            states[change["number"]] = change["state"]
        after = page[-1]["seq"]
    assert {number for number, state in states.items() if state == "out"} == {other}
    # and so are those of the events: no number is given twice
    last = max(row[0] for row in daemon.sql("SELECT max(seq) FROM sqlite_sequence WHERE name = 'event'"
                                            " UNION SELECT seq FROM sqlite_sequence WHERE name = 'event'")
               if row[0])
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.settle()
    assert daemon.sql("SELECT max(seq) FROM event")[0][0] > last


def test_undo_names_what_is_no_ledger(daemon, tmp_path):
    (tmp_path / "no").write_text("SM1\tsent\t-\n")
    for path, words in ((tmp_path / "no", "not a ledger"), (tmp_path / "missing", "No such file")):
        result = daemon.cli("simulate", "--undo", path, check=False)
        assert result.returncode == 1 and words in result.stderr and str(path) in result.stderr
    result = daemon.cli("simulate", "--undo", tmp_path / "no", "--check", "--ledger", "x", check=False)
    assert result.returncode == 2 and "--undo FILE" in result.stderr


def test_recovery_does_not_bring_back_what_was_undone(daemon, tmp_path):
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
    simulate(daemon, "--yes", "--replies", 30, "--ledger", tmp_path / "acks", "--campaign", "sim")
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
    daemon.settle()
    daemon.cli("simulate", "--undo", tmp_path / "acks")
    last, = daemon.sql("SELECT max(id) FROM message")[0]
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
    daemon.settle()
    assert daemon.sql("SELECT max(id) FROM message")[0][0] > last  # no number is given twice
    before = contents(daemon)
    daemon.terminate()
    shown = daemon.cli("recover", "--force").stdout
    assert "3 receipts were read, 0 could not be read" in shown
    daemon.start()
    daemon.settle()
    after = contents(daemon)
    for table in ("event", "message", "campaign", "reply", "optout"):
        assert len(after[table]) == len(before[table]), table
    daemon.audit()
    assert daemon.get("/readyz")["gap"] is None
