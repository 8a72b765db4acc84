"""Who opted out, who answered, who sent it, and what Twilio complains about, on the command line:
in a table, in JSON and in CSV, which agree."""

import csv
import io
import json
from urllib.parse import quote, urlencode

import pytest

import harness
from harness import (ACCOUNT, PUBLIC_URL, new_sid, phone, reply_params, status_params,
                     target_for)

SERVICE = "MG" + "1" * 32
OTHER_SERVICE = "MG" + "2" * 32
CAMPAIGN = "1700000000_20240101"
TARGET = target_for(CAMPAIGN)
CAROL = "whatsapp:+15550000003"

SETTINGS = {
    "callback /sms/twilio": {"kind": "auto", "workspace": "{account}",
                             "campaign": "{meta.3}_{meta.4}", "variant": "{meta.6}"},
    "callback /debugger": {"kind": "debugger"},
    "provider Example Mobile": {"services": SERVICE},
    "provider Everybody else": {"default": "yes"},
}

OPTOUT_KEYS = ["number", "scope", "state", "since", "cause", "message", "workspace", "campaign",
               "note"]
HISTORY_KEYS = ["time", "state", "cause", "scope", "message", "changed", "body", "seq"]
CHANGE_KEYS = ["seq", "time", "number", "scope", "state", "cause", "message", "workspace",
               "campaign"]
REPLY_KEYS = ["seq", "time", "workspace", "campaign", "variant", "account", "message", "from",
              "to", "service", "body", "keyword", *harness.INBOUND_KEYS, "rule", "candidates",
              "answers"]


def reply(daemon, number, text, service=SERVICE, **more):
    sid = new_sid()
    daemon.keep("/sms/twilio", reply_params(sid, text, number, MessagingServiceSid=service, **more),
                200)
    return sid


@pytest.fixture(scope="module")
def people():
    """1 opted out of both services and back in to one, 2 opted out by an error, CAROL over WhatsApp;
    4 sent a near miss; 5 only sent a greeting that answers no message."""
    daemon = harness.Daemon(SETTINGS)
    try:
        daemon.start()
        sids = {}
        for number in (1, 2, 4):
            sids[number] = new_sid()
            daemon.keep(TARGET, status_params(sids[number], "sent", None, number,
                                              MessagingServiceSid=SERVICE))
        daemon.keep(TARGET, status_params(sids[1], "delivered", None, 1,
                                          MessagingServiceSid=SERVICE))
        daemon.keep(TARGET, status_params(sids[2], "undelivered", 21610, 2,
                                          MessagingServiceSid=SERVICE))
        sids["stop"] = reply(daemon, 1, "STOP")
        reply(daemon, 1, "stop", OTHER_SERVICE)
        reply(daemon, 1, "START")
        reply(daemon, 3, "STOP", From=CAROL, To="whatsapp:+15017122661")
        reply(daemon, 4, "please stop texting me")
        reply(daemon, 5, "hello", None)
        for url, sid in ((PUBLIC_URL + TARGET, "NO" + "1" * 32),
                         ("https://elsewhere.example.com/x", "NO" + "2" * 32)):
            daemon.keep("/debugger", {
                "Sid": sid, "AccountSid": ACCOUNT, "Level": "Error", "Timestamp":
                "2026-11-20T10:00:00Z", "PayloadType": "application/json", "Payload": json.dumps({
                    "resource_sid": sids[1], "error_code": "11200", "more_info": {"Msg": "bad"},
                    "webhook": {"request": {"url": url, "method": "POST"},
                                "response": {"status_code": 502}}})})
        daemon.settle()
        daemon.sids = sids
        yield daemon
    finally:
        daemon.finish()


def ask(daemon, *words):
    return json.loads(daemon.cli(*words, "--json").stdout)


def rows_of(daemon, *words):
    return list(csv.reader(io.StringIO(daemon.cli(*words, "--csv").stdout, newline="")))


def exact_time(daemon, row):
    """The time of a row of the history in microseconds; shown times are cut to milliseconds."""
    ((us,),) = daemon.sql("SELECT time_us FROM event WHERE seq = ?", row["seq"])
    return f"{row['time'][:19]}.{us % 1_000_000:06d}Z"


def numbers(answer):
    return sorted((row["number"], row["scope"]) for row in answer["optouts"])


# --- optouts ---


def test_the_list_is_of_those_who_are_out(people):
    found = ask(people, "optouts")
    assert list(found) == ["optouts"]
    assert numbers(found) == sorted([(phone(1), OTHER_SERVICE), (phone(2), SERVICE),
                                     (CAROL, SERVICE)])
    assert all(list(row) == OPTOUT_KEYS and row["state"] == "out" for row in found["optouts"])
    (error,) = [row for row in found["optouts"] if row["number"] == phone(2)]
    assert (error["cause"], error["campaign"]) == ("error-21610", CAMPAIGN)


def test_the_list_is_chosen_from_by_scope_and_state(people):
    assert numbers(ask(people, "optouts", "--state", "in")) == [(phone(1), SERVICE)]
    assert len(numbers(ask(people, "optouts", "--state", "any"))) == 4
    assert numbers(ask(people, "optouts", "--scope", OTHER_SERVICE)) == [(phone(1), OTHER_SERVICE)]
    assert len(ask(people, "optouts", "--limit", 2)["optouts"]) == 2


def test_the_list_is_there_as_it_was(people):
    second = ask(people, "optouts", phone(1))["history"][1]
    assert numbers(ask(people, "optouts", "--at", "2020-01-01")) == []
    at = exact_time(people, second)
    assert numbers(ask(people, "optouts", "--at", at)) == sorted(
        [(phone(1), SERVICE), (phone(1), OTHER_SERVICE), (phone(2), SERVICE)])
    assert numbers(ask(people, "optouts", "--at", at, "--state", "in")) == []


@pytest.mark.parametrize("written", [
    "+15550000001", "15550000001", "\"+15550000001\"", "'+15550000001", " +15550000001 ",
    "rcs:+15550000001", "+1 555 000 0001", "+1-555-000-0001", "+1 (555) 000-0001",
    "0015550000001", "tel:+1-555-000-0001", "sms:+15550000001"])
def test_a_number_is_found_as_people_write_it(people, written):
    found = ask(people, "optouts", written)
    assert list(found) == ["number", "state", "scopes", "history"]
    assert (found["number"], found["state"]) == (phone(1), "out")
    assert {row["scope"]: row["state"] for row in found["scopes"]} == {
        SERVICE: "in", OTHER_SERVICE: "out"}
    assert [(row["state"], row["scope"]) for row in found["history"]] == [
        ("out", SERVICE), ("out", OTHER_SERVICE), ("in", SERVICE)]
    assert list(found["history"][0]) == HISTORY_KEYS
    assert found["history"][0]["message"] == people.sids["stop"]


@pytest.mark.parametrize("written", [CAROL, "whatsapp:15550000003"])
def test_a_channel_is_part_of_the_number(people, written):
    assert ask(people, "optouts", written)["number"] == CAROL
    assert people.cli("optouts", "+15550000003", check=False).returncode == 1


@pytest.mark.parametrize("written", ["", "x" * 1000, "+", "15550000001x", SERVICE], ids=range(5))
def test_what_is_no_number_is_2(people, written):
    result = people.cli("optouts", written, "--json", check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert "+15560000000" in result.stderr


@pytest.mark.parametrize("written", ["+15559999999", "12345", "ACME", "messenger:7"])
def test_a_number_without_an_entry_is_1(people, written):
    result = people.cli("optouts", written, "--json", check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert "no entry" in result.stderr


@pytest.mark.parametrize("written", ["(555) 000-0001", "5550000001", "tel:555-000-0001", "50000001"])
def test_a_number_without_a_country_code_shows_the_numbers_that_end_in_it(people, written):
    result = people.cli("optouts", written, "--json", check=False)
    assert result.returncode == 1 and "neither" not in result.stderr
    (candidate,) = json.loads(result.stdout)["candidates"]
    assert candidate["number"] == phone(1)
    assert {row["scope"]: row["state"] for row in candidate["scopes"]} == {
        SERVICE: "in", OTHER_SERVICE: "out"}
    shown = people.cli("optouts", written, check=False)
    assert shown.returncode == 1
    assert sorted(line.split()[:3] for line in shown.stdout.splitlines()[1:]) == sorted(
        [[phone(1), SERVICE, "in"], [phone(1), OTHER_SERVICE, "out"]])
    answer = people.api("/v1/optouts/" + quote(written, safe=""))
    assert answer.status == 400
    assert answer.json()["candidates"] == [candidate]
    assert people.api("/v1/optouts/" + quote(written, safe="") + "?at=2020-01-01").json()[
        "candidates"] == []


def test_the_zero_that_is_dialled_within_a_country_hides_no_candidate(people):
    """No number in the ledger ends in a national number that has it."""
    result = people.cli("optouts", "0555 000-0001", "--json", check=False)
    assert result.returncode == 1
    assert [row["number"] for row in json.loads(result.stdout)["candidates"]] == [phone(1)]
    assert [row["number"] for row in people.api("/v1/optouts/05550000001").json()[
        "candidates"]] == [phone(1)]
    result = people.cli("optouts", "0555 999 9999", check=False)
    assert result.returncode == 1 and "country code" in result.stderr


def test_candidates_are_of_the_channel_that_was_written(people):
    assert [row["number"] for row in people.api("/v1/optouts/whatsapp:5550000003").json()[
        "candidates"]] == [CAROL]
    assert people.api("/v1/optouts/whatsapp:5550000001").json()["candidates"] == []
    assert [row["number"] for row in people.api("/v1/optouts/5550000003").json()[
        "candidates"]] == [CAROL]


def test_a_number_that_is_unknown_without_its_country_code_is_never_neither(people):
    result = people.cli("optouts", "(555) 999-9999", check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert "country code" in result.stderr and "neither" not in result.stderr
    answer = people.api("/v1/optouts/5559999999")
    assert (answer.status, answer.json()["candidates"]) == (400, [])


@pytest.mark.parametrize("code,national,typed", [
    ("1", phone(1), ["(555) 000-0001", "555-000-0001", "5550000001", "1 555 000 0001"]),
    ("+44", "+442079460000", ["020 7946 0000", "2079460000", "(020) 79460000", "442079460000"]),
    ("39", "+390669820000", ["06 6982 0000", "390669820000"]),
    ("7", "+79161234567", ["8 916 123-45-67", "9161234567"]),
])
def test_a_number_is_completed_with_the_configured_country_code(code, national, typed):
    daemon = harness.Daemon({"numbers": {"country_code": code}})
    try:
        daemon.start()
        daemon.keep("/sms/twilio", reply_params(new_sid(), "STOP", From=national), 200)
        daemon.settle()
        for text in typed:
            assert ask(daemon, "optouts", text)["number"] == national, text
            answer = daemon.api("/v1/optouts/" + quote(text, safe=""))
            assert (answer.status, answer.json()["state"]) == (200, "out"), text
        result = daemon.cli("optouts", "555 111 2222", check=False)
        assert result.returncode == 1 and f"+{code.lstrip('+')}5551112222" in result.stderr
        assert daemon.api("/v1/optouts/5551112222").status == 404
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace(f"country_code = {code}", ""))
        assert daemon.cli("reload").returncode == 0
        assert daemon.api("/v1/optouts/" + quote(typed[0], safe="")).status == 400
    finally:
        daemon.finish()


def test_of_two_numbers_that_may_be_meant_both_are_shown():
    daemon = harness.Daemon({"numbers": {"country_code": "49"}})
    numbers = ["+4915112345678", "+15112345678"]
    try:
        daemon.start()
        for number in numbers:
            daemon.keep("/sms/twilio", reply_params(new_sid(), "STOP", From=number), 200)
        daemon.settle()
        answer = daemon.api("/v1/optouts/15112345678")
        assert answer.status == 400
        assert sorted(row["number"] for row in answer.json()["candidates"]) == sorted(numbers)
        assert daemon.cli("optouts", "15112345678", check=False).returncode == 1
    finally:
        daemon.finish()


@pytest.mark.parametrize("status", ["failed", "undelivered"])
def test_an_opt_out_without_a_sender_is_one_from_every_sender_of_the_account(daemon, status):
    daemon.keep(TARGET, status_params(new_sid(), "delivered", number=8))
    daemon.keep(TARGET, status_params(new_sid(), status, 21610, 7, From=None))
    daemon.settle()
    assert numbers(ask(daemon, "optouts")) == [(phone(7), ACCOUNT)]
    answer = daemon.get("/v1/optouts/" + phone(7))
    assert (answer["state"], [row["scope"] for row in answer["scopes"]]) == ("out", [ACCOUNT])
    for path in ("/v1/optouts?scope=%2B15017122661", f"/v1/optouts?scope={ACCOUNT}"):
        assert [row["number"] for row in daemon.get(path)["optouts"]] == [phone(7)]
    assert daemon.get("/v1/optouts?scope=%2B15550109999")["optouts"] == []
    daemon.audit()


def test_a_number_as_it_was(people):
    first = ask(people, "optouts", phone(1))["history"][0]
    found = ask(people, "optouts", phone(1), "--at", exact_time(people, first))
    assert [row["scope"] for row in found["scopes"]] == [SERVICE]
    assert people.cli("optouts", phone(1), "--at", "2020-01-01", check=False).returncode == 1


def test_a_number_is_shown_to_people_and_to_programs(people):
    shown = people.cli("optouts", phone(1)).stdout
    assert shown.startswith(f"{phone(1)}: out\n")
    assert OTHER_SERVICE in shown and "history" not in shown and "keyword" in shown
    rows = rows_of(people, "optouts", phone(1))
    assert rows[0] == HISTORY_KEYS and len(rows) == 4


def test_changes_are_followed(people):
    found = ask(people, "optouts", "--changes")
    assert [row["state"] for row in found["changes"]] == ["out", "out", "out", "in", "out"]
    assert list(found["changes"][0]) == CHANGE_KEYS
    assert found["next"] == found["changes"][-1]["seq"]
    after = found["changes"][1]["seq"]
    rest = ask(people, "optouts", "--changes", "--after", after)
    assert rest["changes"] == found["changes"][2:]
    assert ask(people, "optouts", "--changes", "--limit", 2)["next"] == after
    end = ask(people, "optouts", "--changes", "--after", found["next"])
    assert (end["changes"], end["next"]) == ([], found["next"])


def test_near_misses_are_shown(people):
    (row,) = ask(people, "optouts", "--near-misses")["near_misses"]
    assert (row["number"], row["body"], row["state"]) == (phone(4), "please stop texting me", None)
    assert phone(4) in people.cli("optouts", "--near-misses").stdout

    def found(*words):
        return ask(people, "optouts", "--near-misses", *words)["near_misses"]
    assert found("--campaign", CAMPAIGN, "--workspace", "W") == [row]
    assert found("--campaign", "") == []
    assert found("--to", "2020-01-01") == [] and found("--from", "2020-01-01") == [row]


def test_the_list_is_of_those_who_are_out_since_a_time(people):
    assert numbers(ask(people, "optouts", "--to", "2020-01-01")) == []
    assert numbers(ask(people, "optouts", "--from", "2020-01-01")) == numbers(ask(people, "optouts"))


@pytest.mark.parametrize("words", [
    ["--state", "gone"], ["--at", "now"], ["--changes", "--near-misses"],
    [phone(1), "--changes"], [phone(1), "--state", "in"], ["--changes", "--scope", SERVICE],
    ["--after", "1"], ["--changes", "--at", "2026-01-01"], [phone(1), phone(2)],
    ["--after", "-1", "--changes"], [phone(1), "--from", "2026-01-01"],
    ["--changes", "--to", "2026-01-01"], ["--campaign", "c"], ["--from", "x"]], ids=range(14))
def test_options_that_do_not_go_together_are_2(people, words):
    result = people.cli("optouts", *words, check=False)
    assert result.returncode == 2 and result.stderr and not result.stdout


# --- replies ---


def test_replies_say_what_they_answer(people):
    found = ask(people, "replies")
    assert list(found) == ["next", "unattributed", "replies"]
    assert len(found["replies"]) == 6
    assert all(list(row) == REPLY_KEYS for row in found["replies"])
    stop = found["replies"][0]
    assert (stop["campaign"], stop["rule"], stop["answers"], stop["keyword"]) == (
        CAMPAIGN, "latest", people.sids[1], "stop")
    hello = found["replies"][-1]
    assert (hello["campaign"], hello["rule"], hello["answers"]) == ("", "none", None)
    assert found["unattributed"] >= 1
    assert ask(people, "replies", "--to", "2020-01-01")["unattributed"] == 0
    assert ask(people, "replies", "--campaign", CAMPAIGN)["unattributed"] is None


def test_replies_are_chosen_from(people):
    def bodies(*words):
        return [row["body"] for row in ask(people, "replies", *words)["replies"]]
    assert bodies("--keyword", "start") == ["START"]
    assert "hello" not in bodies("--campaign", CAMPAIGN)
    assert "hello" in bodies("--rule", "none") and "STOP" not in bodies("--rule", "late")
    assert bodies("--campaign", CAMPAIGN, "--workspace", "") == []
    assert bodies("--to", "2020-01-01") == [] and len(bodies("--from", "2020-01-01")) == 6
    first = ask(people, "replies", "--limit", 1)
    assert len(first["replies"]) == 1
    assert len(bodies("--after", first["next"])) == 5
    assert people.cli("replies", "--rule", "guess", check=False).returncode == 2


def test_a_message_shows_what_it_answers(people):
    found = ask(people, "message", people.sids["stop"])
    (receipt,) = found["receipts"]
    assert (receipt["rule"], receipt["answers"]) == ("latest", people.sids[1])
    shown = people.cli("message", people.sids["stop"]).stdout
    assert people.sids[1] in shown and "latest" in shown and "STOP" in shown


# --- providers, stats, errors, events ---


def test_figures_are_there_by_each_grouping(people):
    for by, names in (("sender", 2), ("service", 2), ("account", 1), ("provider", 0)):
        found = ask(people, "providers", "--by", by)["providers"]
        for row in found:
            filled = [row[key] is not None for key in ("account", "service", "sender")]
            assert names < 1 or filled[0]
            assert (row["service"] is None or names > 1) and (row["sender"] is None or
                                                              by == "sender")
        assert sum(row["sent"] for row in found) == 3
    names = {row["provider"]: row["sent"] for row in
             ask(people, "providers", "--by", "provider")["providers"]}
    assert names["Example Mobile"] == 3 and "Everybody else" in names
    (row,) = ask(people, "providers", "--by", "provider", "--provider",
                 "Example Mobile")["providers"]
    assert (row["delivered"], row["failed"], row["delivery_rate"]) == (1, 1, 0.5)
    assert ask(people, "providers", "--to", "2020-01-01")["providers"] == []
    assert people.cli("providers", "--by", "carrier", check=False).returncode == 2
    assert "Example Mobile" in people.cli("providers").stdout


def test_the_table_of_providers_distinguishes_accounts(people):
    for by in ("sender", "service", "account"):
        assert ACCOUNT in people.cli("providers", "--by", by).stdout
    assert ACCOUNT not in people.cli("providers", "--by", "provider").stdout


def test_a_table_of_errors_without_failures_is_not_silent(daemon):
    assert daemon.cli("errors").stdout == "no errors match\n"


def test_errors_are_of_all_campaigns_or_of_one(people):
    shown = people.cli("errors", "--campaign", CAMPAIGN).stdout
    assert f"campaign {CAMPAIGN}: 1 failed" in shown
    one = ask(people, "errors", "--campaign", CAMPAIGN)
    assert list(one) == ["workspace", "campaign", "failed", "errors"]
    every = ask(people, "errors")
    assert every == people.get("/v1/failures") and list(every) == ["failed", "errors"]
    assert every["failed"] == sum(row["failed"] for row in ask(people, "stats")["campaigns"])
    assert rows_of(people, "errors")[0] == harness.ERROR_KEYS
    names = {"workspace": "W", "campaign": CAMPAIGN}
    assert rows_of(people, "errors", "--campaign", CAMPAIGN)[0] == [*names, *harness.ERROR_KEYS]


# --- series, catalogue ---


@pytest.mark.parametrize("query", [
    {}, {"interval": "day"}, {"interval": "day", "tz": "Asia/Kolkata"}, {"tz": "Europe/Berlin"},
    {"variant": "v1"}, {"workspace": "W"}, {"from": "2026-01-01", "to": "2026-01-02"},
    {"interval": "day", "from": "1970-01-01", "to": "1970-01-03", "tz": "-08:00"}], ids=str)
def test_a_time_series_is_shown_as_the_api_answers_it(people, query):
    words = [word for name, value in query.items() for word in (f"--{name}", value)]
    found = ask(people, "series", "--campaign", CAMPAIGN, *words)
    answer = people.get(f"/v1/campaigns/{CAMPAIGN}/series?{urlencode(query)}")
    assert found == answer and list(found) == list(answer)
    assert found["exact"] is (query.get("tz") != "Asia/Kolkata")


def test_a_course_is_shown_to_people_and_to_programs(people):
    found = ask(people, "series", "--campaign", CAMPAIGN)["points"]
    assert sum(point["sent"] for point in found) == 3
    shown = people.cli("series", "--campaign", CAMPAIGN).stdout
    assert shown.count("\n") == len(found) + 1 and "delivered" in shown
    assert all(len(line) <= 120 for line in shown.splitlines())
    rows = rows_of(people, "series", "--campaign", CAMPAIGN)
    assert rows[0] == list(found[0]) and len(rows) == len(found) + 1


@pytest.mark.parametrize("words,status", [
    ([], 2), (["--campaign", CAMPAIGN, "--interval", "week"], 2),
    (["--campaign", CAMPAIGN, "--tz", "Mars/Base"], 2),
    (["--campaign", CAMPAIGN, "--from", "soon"], 2), (["--campaign", CAMPAIGN, "more"], 2),
    (["--campaign", "none"], 1), (["--campaign", CAMPAIGN, "--workspace", "none"], 1)],
    ids=range(7))
def test_a_course_of_nothing_is_refused(people, words, status):
    result = people.cli("series", *words, check=False)
    assert result.returncode == status and result.stderr and not result.stdout


def test_the_catalogue_is_shown(people):
    found = ask(people, "catalogue")
    assert found["errors"] == people.get("/v1/errors?limit=1000")["errors"]
    rows = rows_of(people, "catalogue")
    assert rows[0] == ["code", "name", "kind", "permanence", "action", "cause", "steps", "url"]
    assert len(rows) == len(found["errors"]) + 1
    assert "30005" in people.cli("catalogue").stdout


def test_figures_of_a_variant(people):
    (row,) = ask(people, "stats", "--campaign", CAMPAIGN, "--variant", "v1")["campaigns"]
    assert (row["sent"], row["failed"]) == (3, 1)
    assert ask(people, "stats", "--variant", "v2")["campaigns"] == []
    (error,) = ask(people, "errors", "--campaign", CAMPAIGN, "--variant", "v1")["errors"]
    assert (error["code"], error["recent"], error["previous"], error["trend"]) == (
        21610, 1, 0, None)
    assert error["samples"] == [people.sids[2]]
    assert people.cli("errors", "--campaign", CAMPAIGN, "--variant", "v2",
                      check=False).returncode == 1
    assert ask(people, "errors", "--to", "2020-01-01")["errors"] == []
    assert len(ask(people, "events", "--variant", "v1", "--limit", 0)["events"]) >= 5
    assert ask(people, "events", "--variant", "v2")["events"] == []
    assert ask(people, "events", "--to", "2020-01-01")["events"] == []
    assert people.cli("errors", "--from", "soon", check=False).returncode == 2


def test_the_table_of_figures_fits_a_terminal(people):
    for line in people.cli("stats").stdout.splitlines():
        assert len(line) <= 120, line


# --- alerts ---


def test_alerts_are_shown_newest_first(people):
    found = ask(people, "alerts")["alerts"]
    assert [row["sid"][:3] for row in found] == ["NO2", "NO1"]
    (ours,) = ask(people, "alerts", "--ours")["alerts"]
    assert (ours["sid"][:3], ours["error_code"], ours["response_status"], ours["ours"]) == (
        "NO1", 11200, 502, True)
    assert ask(people, "alerts", "--before", found[0]["seq"])["alerts"] == found[1:]
    assert len(ask(people, "alerts", "--limit", 1)["alerts"]) == 1
    assert ask(people, "alerts", "--to", "2020-01-01")["alerts"] == []
    assert "11200" in people.cli("alerts").stdout


# --- all of them ---


@pytest.mark.parametrize("words,key", [
    (["optouts"], "optouts"), (["optouts", "--changes"], "changes"),
    (["optouts", "--near-misses"], "near_misses"), (["replies"], "replies"),
    (["providers"], "providers"), (["alerts"], "alerts")], ids=lambda value: str(value))
def test_json_and_csv_agree(people, words, key):
    answer = ask(people, *words)[key]
    head, *rows = rows_of(people, *words)
    assert answer and head == list(answer[0]) and len(rows) == len(answer)
    has_total = key == "providers" and len(answer) > 1
    assert people.cli(*words).stdout.count("\n") == len(answer) + 1 + has_total


@pytest.mark.parametrize("command", ["optouts", "replies", "providers", "alerts", "rebuild",
                                     "series", "catalogue", "quarantine"])
def test_each_command_has_help(command):
    for word in ("--help", "-h"):
        result = harness.dlrd(command, word)
        assert result.returncode == 0 and result.stdout.startswith(f"Usage: dlrd {command}")
        assert all(len(line) <= 100 for line in result.stdout.splitlines())
    assert command in harness.dlrd("--help").stdout


# --- an opt-out that Twilio made ---


def reassigned(number, **more):
    return {"specversion": "1.0", "type": "com.twilio.messaging.reassigned-number.detected",
            "source": "AB00000000000000000000000001", "id": new_sid("NO"),
            "dataschema": "https://events-schemas.twilio.com/"
                          "DemandGrowth.ReassignedPhoneNumberDetectedEvent/1",
            "datacontenttype": "2025-10-08T07:17:02.363Z",
            "data": {"event_id": "1c70", "timestamp": "2026-09-21T00:00:00Z",
                     "account_sid": ACCOUNT, "from_number": "+15017122661", "to_number": number,
                     "is_reassigned": True, "last_verified_date": "2026-08-01",
                     "consent_operation": "opt-out-created",
                     "consent_updated_at": "2026-09-21T00:00:00Z", **more}}


def test_an_opt_out_that_twilio_made_enters_the_ledger_with_its_cause(daemon):
    events = [reassigned(phone(71)), reassigned(phone(72), consent_operation="none"),
              reassigned(phone(73), to_number=None)]
    for body in (events, events[0]):  # sent twice
        assert daemon.ask(harness.signed_json("/sms/twilio?account=W", body)).status == 204
    answer = daemon.get(f"/v1/optouts/{phone(71)}".replace("+", "%2B"))
    (scope,) = answer["scopes"]
    assert (answer["state"], scope["scope"], scope["cause"]) == (
        "out", "+15017122661", "reassigned-number")
    (evidence,) = answer["history"]
    assert (evidence["cause"], evidence["state"], evidence["changed"]) == (
        "reassigned-number", "out", True)
    shown = ask(daemon, "optouts", phone(71))
    assert "reassigned-number" in json.dumps(shown)
    assert "reassigned-number" in daemon.cli("optouts").stdout
    assert "reassigned-number" in daemon.cli("optouts", "--csv").stdout
    assert [row["cause"] for row in daemon.get("/v1/optouts/changes")["changes"]] == [
        "reassigned-number"]
    assert [(event["type"], event["status"]) for event in daemon.events()] == [
        ("Progress", "opt-out-created"), ("Progress", "none"), ("Unrecognised", "opt-out-created")]
    assert daemon.sql("SELECT count(*) FROM message") == [(0,)]

    daemon.audit()
    daemon.cli("rebuild")
    daemon.audit()
    assert len(daemon.get("/v1/optouts")["optouts"]) == 1
    daemon.keep(target_for(), reply_params(new_sid(), "START", 71), 200)  # the new owner's word
    assert daemon.get(f"/v1/optouts/{phone(71)}".replace("+", "%2B"))["state"] == "in"


def test_a_time_may_be_said_as_people_say_it(make_daemon):
    daemon = make_daemon()
    daemon.keep(target_for(), status_params(new_sid(), "delivered"))
    daemon.settle()

    def count(*words):
        return len(json.loads(daemon.cli("events", "--json", *words).stdout)["events"])

    # The day may end during the test.
    assert count("--from", "yesterday") == count("--from", "-24h") == count("--from", "-30m") == 1
    assert count("--to", "yesterday") == count("--to", "-24h") == count("--from=-7d", "--to=-1d") == 0
    assert json.loads(daemon.cli("stats", "--json", "--from", "-1h").stdout)["campaigns"][0]["delivered"] == 1
    for text in ("tomorrow", "24h", "-24", "-1w"):
        result = daemon.cli("events", f"--from={text}", check=False)
        assert result.returncode == 2 and "today, yesterday, or -24h" in result.stderr


def test_the_case_of_our_own_words_does_not_matter(make_daemon):
    daemon = make_daemon({"keyword JOIN": {"words": "join"}})
    daemon.keep(target_for(), status_params(new_sid(), "delivered"))
    for body in ("STOP", "join"):
        daemon.keep(target_for(), reply_params(new_sid(), body), 200)
    daemon.settle()
    for words, key in ((["replies", "--keyword", "STOP"], "replies"), (["replies", "--keyword", "Join"], "replies"),
                       (["events", "--type", "delivered"], "events"), (["optouts", "--state", "OUT"], "optouts")):
        assert len(json.loads(daemon.cli(*words, "--json").stdout)[key]) == 1, words
    assert len(daemon.get("/v1/replies?keyword=StOp")["replies"]) == 1
    assert len(daemon.get("/v1/events?type=REPLIED")["events"]) == 2
    assert daemon.api("/v1/campaigns?format=CSV").body.startswith(b"workspace,")
    assert daemon.get("/v1/providers?by=Sender") == daemon.get("/v1/providers?by=sender")
    assert daemon.api("/v1/events?type=Deliver").status == 400
