"""The error catalogue: data that is read again on SIGHUP, and what is not in it."""

import json
import os
import re
import signal

import pytest

import harness
from harness import (CAMPAIGN, ERROR_CODES, SAMPLE_TARGET, new_sid, status_params, target_for,
                     until)

HEAD = "code,name,kind,permanence,action\n"
UNKNOWN = 77001
KEYS = ["code", "name", "kind", "permanence", "action"]


class Catalogue:
    """A daemon whose two catalogue files are the test's own."""

    def __init__(self, make_daemon, tmp_path, site=""):
        self.main, self.site = tmp_path / "codes.csv", tmp_path / "site.csv"
        self.main.write_text(HEAD + "30003,Unreachable,handset,transient,Wait.\n"
                             "30005,Unknown handset,handset,permanent,Remove it.\n")
        self.site.write_text(HEAD + site)
        self.daemon = make_daemon({"store": {"error_codes": str(self.main),
                                             "error_codes_site": str(self.site)}})

    def hang_up(self):
        """SIGHUP; returns the log lines about it."""
        before = len(self.daemon.log())
        os.kill(self.daemon.pid, signal.SIGHUP)
        until(lambda: "reload: " in self.daemon.log()[before:] and
              self.daemon.log().endswith("\n"), what="the log line of SIGHUP")
        return self.daemon.log()[before:]

    def fail(self, *codes, campaign=CAMPAIGN):
        target = SAMPLE_TARGET if campaign == CAMPAIGN else target_for(campaign)
        for code in codes:
            self.daemon.keep(target, status_params(new_sid(), "undelivered", code))

    def errors(self, campaign=CAMPAIGN):
        """The campaign's error tab: code: (name, kind, permanence, action, count)."""
        rows = self.daemon.get(f"/v1/campaigns/{campaign}/errors")["errors"]
        return {row["code"]: (*[row[key] for key in KEYS[1:]], row["count"]) for row in rows}

    def codes(self):
        return {row["code"]: tuple(row[key] for key in KEYS[1:])
                for row in self.daemon.get("/v1/errors?limit=1000")["errors"]}

    def times_logged(self, code):
        """How often the log has named it as unknown."""
        return len(re.findall(rf"error code {code} is not in the catalogue", self.daemon.log()))


@pytest.fixture
def catalogue(make_daemon, tmp_path):
    return Catalogue(make_daemon, tmp_path)


# --- reading it again ---


def test_sighup_gives_history_the_names_that_the_file_has_now(catalogue):
    catalogue.fail(30005, 30005, 30003)
    assert catalogue.errors() == {
        30005: ("Unknown handset", "handset", "permanent", "Remove it.", 2),
        30003: ("Unreachable", "handset", "transient", "Wait.", 1)}
    catalogue.main.write_text(HEAD + '30005,"No such ""phone"", sorry",list,permanent,"Ask, then\n'
                              'wait."\n30007,Filtered,carrier,unknown,\n')
    said = catalogue.hang_up()
    assert "re-read, with 2 error codes" in said
    until(lambda: catalogue.codes().keys() == {30005, 30007}, what="the new catalogue")
    assert catalogue.errors() == {
        30005: ('No such "phone", sorry', "list", "permanent", "Ask, then\nwait.", 2),
        30003: (None, None, None, None, 1)}
    catalogue.daemon.audit()


def test_sighup_reads_the_site_s_own_rows_again_and_lays_them_over(catalogue):
    catalogue.fail(30005, UNKNOWN)
    assert catalogue.errors()[UNKNOWN] == (None, None, None, None, 1)
    catalogue.site.write_text(HEAD + f"{UNKNOWN},Ours,own,transient,Wait.\n30005,,,,Call them.\n")
    assert "re-read, with 3 error codes" in catalogue.hang_up()
    until(lambda: UNKNOWN in catalogue.codes(), what="the new catalogue")
    assert catalogue.errors() == {
        UNKNOWN: ("Ours", "own", "transient", "Wait.", 1),
        30005: ("Unknown handset", "handset", "permanent", "Call them.", 1)}
    catalogue.site.write_text(HEAD)
    catalogue.hang_up()
    until(lambda: UNKNOWN not in catalogue.codes(), what="the old catalogue")
    assert catalogue.errors()[30005][3] == "Remove it."


def test_the_last_of_many_sighups_wins(catalogue):
    catalogue.fail(30005)
    for turn in range(20):
        catalogue.site.write_text(HEAD + f"30005,Turn {turn},,,\n")
        catalogue.hang_up()
    until(lambda: catalogue.codes()[30005][0] == "Turn 19", what="the last catalogue")
    assert catalogue.errors()[30005][0] == "Turn 19"


def test_callbacks_are_taken_while_the_catalogue_changes(catalogue):
    for turn in range(10):
        catalogue.site.write_text(HEAD + f"30005,Turn {turn},,,\n")
        os.kill(catalogue.daemon.pid, signal.SIGHUP)
        catalogue.fail(30005, 30003)
    assert {code: row[-1] for code, row in catalogue.errors().items()} == {30005: 10, 30003: 10}
    assert catalogue.daemon.campaign()["failed"] == 20
    catalogue.daemon.audit()


# --- a broken file ---


@pytest.mark.parametrize("which", ["main", "site"])
@pytest.mark.parametrize("text,line", [
    (HEAD + "30005,New,,,\nno code,x,,,\n", 3),
    (HEAD + "30005,New,,,\n30007,too,few\n", 3),
    (HEAD + "30005,New,,,,\n", 2),
    (HEAD + "30005,New,,,\n30007,a,b,c,d\n30005,again,,,\n", 4),
    (HEAD + '30005,New,,,\n30007,"never closed,,,\n', 3),
    ("something else\n30005,New,,,\n", 1),
    ("", 1)], ids=["no-code", "few-cells", "many-cells", "twice", "open-quote", "no-head", "empty"])
def test_a_broken_file_on_sighup_leaves_the_old_catalogue_and_its_line_is_named(
        catalogue, which, text, line):
    catalogue.fail(30005, UNKNOWN)
    tab, before = catalogue.errors(), catalogue.codes()
    broken = getattr(catalogue, which)
    good = broken.read_text()
    broken.write_text(text)
    said = catalogue.hang_up()
    assert "configuration unchanged" in said
    assert re.search(rf"{re.escape(str(broken))}:( row )?{line}: ", said), said
    catalogue.fail(30003)
    assert catalogue.codes() == before
    after = catalogue.errors()
    assert after.pop(30003) == ("Unreachable", "handset", "transient", "Wait.", 1)
    assert after == tab
    broken.write_text(good + "30009,Corrected,,,\n")
    assert "re-read, with 3 error codes" in catalogue.hang_up()
    until(lambda: 30009 in catalogue.codes(), what="the corrected catalogue")


def test_the_line_that_is_named_is_the_file_s_also_after_a_cell_of_several(catalogue):
    catalogue.main.write_text(HEAD + '30005,New,,,"one\ntwo\nthree"\nno code,x,,,\n')
    said = catalogue.hang_up()
    assert "configuration unchanged" in said
    assert re.search(r"codes\.csv:( line )?5: ", said), said


@pytest.mark.parametrize("which", ["main", "site"])
def test_a_file_that_is_gone_on_sighup_leaves_the_old_catalogue(catalogue, which):
    catalogue.fail(30005)
    before = catalogue.errors()
    getattr(catalogue, which).unlink()
    said = catalogue.hang_up()
    assert "configuration unchanged" in said
    assert f"{getattr(catalogue, which)}: No such file" in said
    catalogue.fail(30003)
    assert catalogue.errors()[30005] == before[30005]


# --- a code that is not in it ---


def test_an_unknown_code_has_its_own_row_is_counted_each_time_and_logged_once(catalogue):
    daemon = catalogue.daemon
    for _ in range(3):
        catalogue.fail(UNKNOWN, UNKNOWN + 1, 30005)
        daemon.settle()
    assert catalogue.errors() == {
        UNKNOWN: (None, None, None, None, 3), UNKNOWN + 1: (None, None, None, None, 3),
        30005: ("Unknown handset", "handset", "permanent", "Remove it.", 3)}
    assert daemon.metric("dlrd_unknown_error_codes_total") == 6
    until(lambda: catalogue.times_logged(UNKNOWN) and catalogue.times_logged(UNKNOWN + 1), what="the log")
    assert (catalogue.times_logged(UNKNOWN), catalogue.times_logged(UNKNOWN + 1), catalogue.times_logged(30005)) == (
        1, 1, 0)
    catalogue.fail(UNKNOWN, campaign="1700000009_20240101")
    assert catalogue.errors("1700000009_20240101") == {UNKNOWN: (None, None, None, None, 1)}
    assert daemon.metric("dlrd_unknown_error_codes_total") == 7
    assert catalogue.times_logged(UNKNOWN) == 1


def test_a_duplicate_and_a_success_with_an_unknown_code_are_not_counted(catalogue):
    daemon = catalogue.daemon
    params = status_params(new_sid(), "failed", UNKNOWN)
    for _ in range(3):
        daemon.keep(SAMPLE_TARGET, params)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered", UNKNOWN + 1))
    assert catalogue.errors() == {UNKNOWN: (None, None, None, None, 1)}
    assert daemon.metric("dlrd_unknown_error_codes_total") == 1
    assert catalogue.times_logged(UNKNOWN + 1) == 0


def test_a_code_that_was_named_meanwhile_is_no_longer_unknown(catalogue):
    daemon = catalogue.daemon
    catalogue.fail(UNKNOWN)
    assert catalogue.errors()[UNKNOWN][0] is None
    catalogue.site.write_text(HEAD + f"{UNKNOWN},Ours,own,transient,Wait.\n")
    catalogue.hang_up()
    until(lambda: UNKNOWN in catalogue.codes(), what="the new catalogue")
    catalogue.fail(UNKNOWN)
    assert catalogue.errors() == {UNKNOWN: ("Ours", "own", "transient", "Wait.", 2)}
    assert daemon.metric("dlrd_unknown_error_codes_total") == 1
    assert catalogue.times_logged(UNKNOWN) == 1


def test_an_unknown_code_is_logged_at_most_once_more_when_a_new_catalogue_does_not_name_it(
        catalogue):
    catalogue.fail(UNKNOWN)
    until(lambda: catalogue.times_logged(UNKNOWN), what="the log")
    catalogue.site.write_text(HEAD + "30009,Other,,,\n")
    catalogue.hang_up()
    until(lambda: 30009 in catalogue.codes(), what="the new catalogue")
    catalogue.fail(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN + 1)
    until(lambda: catalogue.times_logged(UNKNOWN + 1), what="the log")
    assert catalogue.times_logged(UNKNOWN) in (1, 2)
    assert catalogue.times_logged(UNKNOWN + 1) == 1


def test_the_catalogue_that_is_shipped_names_all_that_the_frequent_failures_have(make_daemon):
    """The codes that the protocol's description lists as frequent."""
    frequent = [30001, 30002, 30003, 30004, 30005, 30006, 30007, 30008, 30009, 30010, 30034, 30410,
                30450, 21610, 21614, 63016, 63018, 63024]
    built_in = make_daemon({"store": {"error_codes": None}})
    shipped = make_daemon({"store": {"error_codes": str(ERROR_CODES)}})
    for code in frequent:
        built_in.keep(SAMPLE_TARGET, status_params(new_sid(), "failed", code))
    rows = built_in.get(f"/v1/campaigns/{CAMPAIGN}/errors")["errors"]
    assert {row["code"] for row in rows if row["name"]} == set(frequent)
    assert built_in.metric("dlrd_unknown_error_codes_total") == 0
    assert built_in.get("/v1/errors?limit=1000") == shipped.get("/v1/errors?limit=1000")


def test_the_catalogue_says_what_twilio_does_now(make_daemon):
    daemon = make_daemon({"store": {"error_codes": None}})
    found = {row["code"]: row for row in daemon.get("/v1/errors?limit=1000")["errors"]}
    unreachable = found[30046]
    assert (unreachable["kind"], unreachable["permanence"]) == ("handset", "transient")
    assert "RCS" in unreachable["action"] and "unreachable" in unreachable["action"]
    assert "30046" in found[30036]["action"]  # what the same was before
    assert "Remove MaxPrice" in found[30010]["action"]
    assert "Raise" not in found[30010]["action"]
    assert "toll-free" in found[30915]["action"]
    new = [20007, 21100, 21422, 21450, *range(21475, 21480), 59000, 59004, 59100, 59103, 59200]
    assert set(new) <= found.keys()
    shown = daemon.cli("catalogue", "--json").stdout
    assert "Remove MaxPrice" in shown


# --- one code in prose ---

# Those that campaign platforms explain to their users.
EXPLAINED = [11200, 12300, 20003, 20404, 21211, 21408, 21610, 21614, *range(30001, 30011), 63005, 63016]


@pytest.mark.parametrize("code", EXPLAINED)
def test_a_common_code_is_explained_without_a_configuration(code):
    result = harness.dlrd("catalogue", str(code))
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{code}  ") and lines[-1] == f"https://www.twilio.com/docs/api/errors/{code}"
    assert max(map(len, lines)) <= 80
    found = json.loads(harness.dlrd("catalogue", "--json", str(code)).stdout)
    assert 1 <= len(found["steps"]) <= 4 and found["cause"].endswith(".")
    assert all(step.endswith(".") for step in found["steps"])
    words = " ".join(result.stdout.split())
    for text in (found["name"], found["cause"], *found["steps"]):
        assert text in words


def test_every_other_code_has_its_action_and_page():
    result = harness.dlrd("catalogue", "30011")
    assert result.returncode == 0
    assert "Send text only; the phone or region takes no MMS." in result.stdout
    assert result.stdout.endswith("https://www.twilio.com/docs/api/errors/30011\n")
    found = json.loads(harness.dlrd("catalogue", "30011", "--json").stdout)
    assert found["cause"] is None and found["steps"] == []


@pytest.mark.parametrize("code, near", [("30099", "30047 and 30100"), ("1", "10001"), ("99999999999", "92009")])
def test_a_code_that_does_not_exist_is_an_error_that_names_near_ones(code, near):
    result = harness.dlrd("catalogue", code)
    assert result.returncode == 1 and result.stdout == ""
    assert f"{code} is not in the catalogue; the nearest are {near}." in result.stderr


def test_text_that_is_no_code_is_a_wrong_command_line():
    for words in (["x"], ["30007", "30008"], ["30007", "--csv"], ["3000x"]):
        assert harness.dlrd("catalogue", *words).returncode == 2


def test_the_api_explains_a_code_as_the_command_does(daemon):
    found = {row["code"]: row for row in daemon.get("/v1/errors?limit=1000")["errors"]}
    explained = {code: row for code, row in found.items() if row["cause"] is not None}
    assert len(explained) >= 20
    for code, row in explained.items():
        assert row == json.loads(harness.dlrd("catalogue", code, "--json").stdout)
        assert 1 <= len(row["steps"]) <= 4
    rare = next(row for row in found.values() if row["cause"] is None)
    assert rare["steps"] == [] and rare["url"] == f"https://www.twilio.com/docs/api/errors/{rare['code']}"
