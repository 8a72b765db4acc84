"""The sample callback of the design: one failed receipt, seen from every side."""

import csv
import io
import json
import sqlite3

import pytest

import harness
from harness import (ACCOUNT, CAMPAIGN, CAMPAIGN_KEYS, ERROR_KEYS, EVENT_KEYS, META, SAMPLE_TARGET,
                     new_sid, status_params)

SID = "SM5f3d7c0e9b1a4c2d8e6f0a1b2c3d4e5f"


@pytest.fixture(scope="module")
def daemon():
    daemon = harness.Daemon().start()
    daemon.keep(SAMPLE_TARGET, status_params(SID, "undelivered", 30005, RawDlrDoneDate="2308101230"))
    daemon.settle()
    yield daemon
    daemon.finish()


def table(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_tags_name_workspace_campaign_and_variant(daemon):
    event = daemon.get("/v1/events")["events"][0]
    assert event["workspace"] == "YOUR_ACCOUNT_ID"
    assert event["campaign"] == CAMPAIGN == "1691686363_20230810"
    assert event["variant"] == "wzrk_default"


def test_the_event_has_exactly_the_keys_of_the_interface(daemon):
    events = daemon.get("/v1/events")
    assert set(events) == {"events", "next"}
    assert events["next"] == 1
    event = events["events"][0]
    assert set(event) == set(EVENT_KEYS)
    assert {key: event[key] for key in EVENT_KEYS if key not in ("time",)} == {
        "seq": 1, "type": "Failed", "workspace": "YOUR_ACCOUNT_ID", "campaign": CAMPAIGN,
        "variant": "wzrk_default", "account": ACCOUNT, "message": SID, "status": "undelivered",
        "error_code": 30005, "from": "+15017122661", "to": harness.phone(1), "service": None,
        "body": None, "keyword": None, "media_count": None, "media_types": [], "media_links": [],
        "from_city": None, "from_state": None, "from_zip": None, "from_country": None}
    assert event["time"].endswith("Z") and event["time"][10] == "T"


def test_the_campaign_has_exactly_the_keys_and_figures_of_the_interface(daemon):
    campaign = daemon.campaign()
    assert set(campaign) == set(CAMPAIGN_KEYS)
    assert campaign["first"] == campaign["last"] == daemon.get("/v1/events")["events"][0]["time"]
    assert sum(campaign["last_24_hours"]) == 1 and len(campaign["last_24_hours"]) == 24
    del campaign["first"], campaign["last"], campaign["last_24_hours"]
    assert campaign == {
        "workspace": "YOUR_ACCOUNT_ID", "campaign": CAMPAIGN, "messages": 1, "sent": 1,
        "delivered": 0, "failed": 1, "read": 0, "replied": None, "clicked": None, "opted_out": 0,
        "pending": 0, "delivery_rate": 0.0, "canceled": 0, "conflicts": 0, "duplicates": 0,
        "clicked_messages": None, "click_rate": None, "delivery_rate_low": 0.0,
        "median_seconds": None, "p95_seconds": None,
        "delivery_rate_high": 0.0, "pending_ages": dict.fromkeys(harness.PENDING_AGES, 0)}


def test_the_list_of_campaigns_holds_the_same(daemon):
    page = daemon.get("/v1/campaigns")
    assert page == {"campaigns": [daemon.campaign()], "next": None}


def test_the_errors_say_what_30005_is_and_what_to_do(daemon):
    answer = daemon.get(f"/v1/campaigns/{CAMPAIGN}/errors")
    assert set(answer) == {"campaign", "failed", "errors"}
    assert (answer["campaign"], answer["failed"]) == (CAMPAIGN, 1)
    (error,) = answer["errors"]
    assert set(error) == set(ERROR_KEYS)
    assert (error["code"], error["name"]) == (30005, "Unknown destination handset")
    assert (error["count"], error["share"]) == (1, 1.0)
    with open(harness.ERROR_CODES, newline="", encoding="utf-8") as catalogue:
        (row,) = [row for row in csv.DictReader(catalogue) if row["code"] == "30005"]
    assert {key: error[key] for key in ("name", "kind", "permanence", "action")} == {
        key: row[key] for key in ("name", "kind", "permanence", "action")}


def test_the_message_shows_its_state_and_its_receipt(daemon):
    message = daemon.get(f"/v1/messages/{SID}")
    assert (message["sid"], message["status"], message["campaign"]) == (
        SID, "undelivered", CAMPAIGN)
    (receipt,) = message["receipts"]
    event = daemon.get("/v1/events")["events"][0]
    assert {key: receipt[key] for key in EVENT_KEYS} == event
    assert receipt["done_date"] == "2308101230"


def test_stats_on_the_command_line_agree_with_the_api(daemon):
    want = daemon.campaign()
    assert json.loads(daemon.cli("stats", "--json").stdout)["campaigns"] == [want]
    (row,) = table(daemon.cli("stats", "--csv").stdout)
    assert row == {key: "" if value is None else f"{value:.4f}" if isinstance(value, float)
                   else " ".join(map(str, value)) if isinstance(value, list) else str(value)
                   for key, value in harness.flat(want).items()}
    assert list(row) == list(harness.flat(want))
    shown = daemon.cli("stats").stdout
    assert CAMPAIGN in shown and "YOUR_ACCOUNT_ID" in shown


def test_errors_on_the_command_line_agree_with_the_api(daemon):
    want = daemon.get(f"/v1/campaigns/{CAMPAIGN}/errors")
    found = json.loads(daemon.cli("errors", "--campaign", CAMPAIGN, "--json").stdout)
    assert {key: found[key] for key in want} == want
    (row,) = table(daemon.cli("errors", "--campaign", CAMPAIGN, "--csv").stdout)
    assert list(row) == ["workspace", "campaign", *ERROR_KEYS]
    assert (row["code"], row["name"], row["count"]) == ("30005", "Unknown destination handset", "1")
    shown = daemon.cli("errors").stdout
    assert "30005" in shown and "Unknown destination handset" in shown


def test_events_on_the_command_line_agree_with_the_api(daemon):
    want = daemon.get("/v1/events")
    assert json.loads(daemon.cli("events", "--json").stdout) == want
    (row,) = table(daemon.cli("events", "--csv").stdout)
    assert list(row) == EVENT_KEYS
    assert row == {key: "" if value in (None, []) else str(value)
                   for key, value in want["events"][0].items()}
    assert SID in daemon.cli("events").stdout


def test_message_on_the_command_line_agrees_with_the_api(daemon):
    assert (json.loads(daemon.cli("message", SID, "--json").stdout)
            == daemon.get(f"/v1/messages/{SID}"))
    (row,) = table(daemon.cli("message", SID, "--csv").stdout)
    assert (row["message"], row["error_code"]) == (SID, "30005")
    assert "undelivered" in daemon.cli("message", SID).stdout


def test_a_message_that_was_never_sent_is_not_found(daemon):
    assert daemon.api(f"/v1/messages/{new_sid()}").status == 404
    result = daemon.cli("message", new_sid(), check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr


@pytest.mark.parametrize("path", ["/v1/campaigns", f"/v1/campaigns/{CAMPAIGN}",
                                  f"/v1/campaigns/{CAMPAIGN}/errors", "/v1/events",
                                  f"/v1/messages/{SID}", "/v1/errors?limit=5"])
def test_each_list_is_there_as_csv_with_the_same_columns(daemon, path):
    daemon.settle()
    response = daemon.api(path + ("&" if "?" in path else "?") + "format=csv")
    assert response.status == 200
    assert response.header("Content-Type").startswith("text/csv")
    rows = response.csv()
    assert len(rows) >= 2 and all(len(row) == len(rows[0]) for row in rows)


def test_the_audit_is_clean(daemon):
    assert daemon.audit() == {"events": 1, "messages": 1, "figures": daemon.audit()["figures"],
                              "replies": 0, "optouts": 0, "differences": 0, "shown": []}
    assert "0 differences" in daemon.cli("audit").stdout


@pytest.mark.parametrize("view,columns,want", [
    ("events", "type, workspace, campaign, variant, account, message, status, error_code",
     ("Failed", "YOUR_ACCOUNT_ID", CAMPAIGN, "wzrk_default", ACCOUNT, SID, "undelivered", 30005)),
    ("campaign_stats", "workspace, campaign, variant, messages, sent, delivered, failed, pending",
     ("YOUR_ACCOUNT_ID", CAMPAIGN, "wzrk_default", 1, 1, 0, 1, 0)),
    ("campaign_errors", "workspace, campaign, variant, code, name, count",
     ("YOUR_ACCOUNT_ID", CAMPAIGN, "wzrk_default", 30005, "Unknown destination handset", 1)),
    ("provider_stats", "account, service, sender, messages, failed",
     (ACCOUNT, "", "+15017122661", 1, 1)),
])
def test_the_documented_views_are_for_plain_sql_while_the_daemon_runs(
        daemon, view, columns, want):
    path = daemon.store / "dlrd.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        assert connection.execute(f"SELECT {columns} FROM {view}").fetchall() == [want]
    connection.close()


def test_the_template_is_configuration(make_daemon):
    daemon = make_daemon({"callback /hooks/sms": {
        "kind": "status", "workspace": "{ws}", "campaign": "{c}", "variant": "{meta.6}-x"}})
    target = f"/hooks/sms?ws=Team%20A&c=Summer%2BSale&meta={META}"
    daemon.keep(target, status_params(new_sid(), "delivered"))
    event = daemon.events()[0]
    assert (event["workspace"], event["campaign"], event["variant"]) == (
        "Team A", "Summer+Sale", "wzrk_default-x")
    assert daemon.campaign("Summer+Sale")["delivered"] == 1
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"), 404)
