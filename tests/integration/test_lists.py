"""Lists of events and messages with filters are read from indexes. Each filter, alone and in pairs, gives exactly what
a walk over the whole list gives, page after page, in a store of several blocks and many hours."""

import csv
import io
import itertools
import random
from urllib.parse import urlencode

import pytest

import harness
from harness import ACCOUNT, new_sid, signed_json, signed_post, status_params, target_for

DAY = 86_400_000_000
HOUR = DAY // 24


def shift_times(daemon, rng):
    """Spreads the receipts over three weeks; some arrived long before those around them."""
    with harness.sqlite3.connect(daemon.store / "dlrd.db") as file:
        last, = file.execute("SELECT max(seq) FROM event").fetchone()
        file.create_function("moved", 2, lambda time_us, seq: time_us - 21 * DAY + seq * 21 * DAY // last - (
            rng.randrange(10 * DAY) if rng.random() < 0.001 else 0), deterministic=False)
        file.execute("UPDATE event SET time_us = moved(time_us, seq)")


CONFLICTS, CLICKED = set(), set()  # SIDs of the messages below


def keep_conflicts_and_clicks(daemon):
    """Messages with two final statuses and messages whose link was clicked, some of which failed."""
    finals = [("delivered", None), ("undelivered", 30005), ("failed", 30007), ("canceled", None)]
    posts = []
    for number, (one, other) in enumerate([*itertools.permutations(finals, 2)] * 5):
        sid = new_sid()
        posts += [signed_post(target_for("spring_1"), status_params(sid, status, code, number)) for status, code in (one, other)]
        CONFLICTS.add(sid)
    for number, (status, code) in enumerate([("sent", None), *finals[:3]] * 10):
        sid = new_sid()
        click = {"account_sid": ACCOUNT, "event_type": "click", "sms_sid": sid, "link": "https://example.com/",
                 "click_time": "2026-11-20T10:00:00Z"}
        posts += [signed_post(target_for("spring_1"), status_params(sid, status, code, number)),
                  signed_json("/sms/twilio", click)]
        CLICKED.add(sid)
    daemon.keep_all(posts)


@pytest.fixture(scope="module")
def big():
    rng = random.Random(6)
    daemon = harness.Daemon().start()
    for campaign in ("spring", "autumn"):
        daemon.cli("simulate", "--yes", "--count", 12000, "--campaign", campaign, "--replies", 5, "--seed", len(campaign),
                   "--mix", "delivered=60,undelivered:30005=10,failed:30007=5,sent=20,canceled=5,read=5,failed=5")
    daemon.cli("simulate", "--yes", "--count", 50, "--campaign", "rare")
    keep_conflicts_and_clicks(daemon)
    daemon.settle()
    daemon.terminate()
    shift_times(daemon, rng)
    daemon.cli("rebuild")
    daemon.start()
    daemon.audit()
    yield daemon
    daemon.finish()


def read(daemon, path, **filters):
    text = daemon.api(f"{path}?{urlencode({**filters, 'format': 'csv'})}").body.decode()
    return list(csv.DictReader(io.StringIO(text)))


def read_events(daemon, **filters):
    words = [word for name, value in filters.items() for word in (f"--{name.replace('_', '-')}", value)]
    text = daemon.cli("events", "--csv", "--limit", 0, *words).stdout
    return list(csv.DictReader(io.StringIO(text)))


def pages(daemon, path, key, limit, **filters):
    """Of the first pages in JSON."""
    rows, place = [], None
    for _ in range(4):
        name = "after" if key == "events" else "next"
        more = {} if place is None else {name: place}
        page = daemon.api(f"{path}?{urlencode({**filters, **more, 'limit': limit})}").json()
        rows += page[key]
        place = page["next"]
        if place is None or not page[key]:
            break
    return rows


def in_time(value, first, last):
    return bool(value) and first <= value < last


EVENT_FILTERS = {
    "type": ["Sent", "Failed", "Replied", "Read", "Clicked"],
    "campaign": ["spring", "rare", ""],
    "workspace": ["SIMULATED"],
    "variant": [""],
    "error_code": ["30007", "none", "21610"],
}
TIMES = [("2000-01-01", "2000-01-02"), ("2100-01-01", "2100-01-02")]


def event_matches(row, name, value):
    if name == "error_code" and value == "none":
        return row["type"] == "Failed" and row["error_code"] == ""
    return row[name] == value


def some_pairs(singles):
    """Each filter alone, and some pairs."""
    pairs = [pair for pair in itertools.combinations(singles, 2) if pair[0][0] != pair[1][0]]
    return [(single, single) for single in singles] + random.Random(7).sample(pairs, harness.scaled(50, 25))


def spans(times):
    """Some spans of time: of an hour, of days, without anything."""
    times = sorted(time for time in times if time)
    picked = [times[len(times) * part // 100] for part in (5, 50, 51, 90)]
    return [(picked[0], picked[1]), (picked[1], picked[2]), (picked[3], "2100-01-01T00:00:00Z"), *TIMES]


def test_events_of_each_filter_are_those_of_the_whole_list(big):
    whole = read_events(big)
    assert len(whole) > 20000
    singles = [(name, value) for name, values in EVENT_FILTERS.items() for value in values]
    singles += [("time", span) for span in spans(row["time"] for row in whole)]
    for pair in some_pairs(singles):
        filters, expected = {}, whole
        for name, value in dict(pair).items():
            if name == "time":
                filters["from"], filters["to"] = value
                expected = [row for row in expected if in_time(row["time"], *value)]
            else:
                filters[name] = value
                expected = [row for row in expected if event_matches(row, name, value)]
        assert [row["seq"] for row in read_events(big, **filters)] == [row["seq"] for row in expected], filters
        found = [str(row["seq"]) for row in pages(big, "/v1/events", "events", 7, **filters)]
        assert found == [row["seq"] for row in expected][:len(found)] and len(found) == min(28, len(expected)), filters


STATES = {
    "delivered": lambda row: row["state"] in ("delivered", "read"),
    "failed": lambda row: row["state"] == "failed",
    "canceled": lambda row: row["state"] == "canceled",
    "pending": lambda row: row["state"] == "pending",
    "sent": lambda row: row["sent"] != "",
    "read": lambda row: row["state"] == "read",
    "waiting": lambda row: row["state"] == "waiting",
    "conflicts": lambda row: row["sid"] in CONFLICTS,
    "clicked_messages": lambda row: row["sid"] in CLICKED,
}
FACT_TIME = {"delivered": "final", "failed": "final", "canceled": "final", "pending": "sent", "sent": "sent"}
MESSAGE_FILTERS = {
    "state": list(STATES),
    "error_code": ["30007", "30005", "none", "30003"],
    "kind": ["handset", "carrier"],
    "permanence": ["permanent"],
    "campaign": ["spring", "rare", "spring_1"],
    "workspace": ["SIMULATED"],
    "variant": ["", "v1"],
    "provider": ["+18885550001", ACCOUNT],
}


def message_matches(row, name, value):
    if name == "state":
        return STATES[value](row)
    if name == "error_code" and value == "none":
        return row["state"] == "failed" and row["error_code"] == ""
    if name == "provider":
        return value == ACCOUNT or row["from"] == value
    return row[name] == value


def test_messages_of_each_filter_are_those_of_the_whole_list(big):
    whole = read(big, "/v1/messages")
    assert len(whole) > 8192
    singles = [(name, value) for name, values in MESSAGE_FILTERS.items() for value in values]
    singles += [("time", span) for span in spans(row["first"] for row in whole)]
    of_failures = [pair for pair in itertools.product(singles, singles)
                   if pair[0][1] in ("conflicts", "clicked_messages") and pair[1][0] in ("error_code", "kind", "permanence")]
    for pair in some_pairs(singles) + of_failures:
        chosen = dict(pair)
        if "time" in chosen and chosen.get("state", "sent") not in FACT_TIME:
            continue
        filters, expected = {}, whole
        for name, value in chosen.items():
            if name == "time":
                filters["from"], filters["to"] = value
                fact = FACT_TIME[chosen["state"]] if "state" in chosen else "first"
                expected = [row for row in expected if in_time(row[fact], *value)]
            else:
                filters[name] = value
                expected = [row for row in expected if message_matches(row, name, value)]
        assert [row["sid"] for row in read(big, "/v1/messages", **filters)] == [
            row["sid"] for row in expected], filters
        found = [row["sid"] for row in pages(big, "/v1/messages", "messages", 7, **filters)]
        assert found == [row["sid"] for row in expected][:len(found)] and len(found) == min(28, len(expected)), filters


def test_a_block_that_is_missing_is_found_by_the_audit_and_added_by_a_rebuild(big):
    big.terminate()
    with harness.sqlite3.connect(big.store / "dlrd.db") as file:
        file.execute("DELETE FROM hour_block WHERE block = 1")
    result = big.cli("audit", check=False)
    assert result.returncode == 1 and "blocks of messages and events are missing" in result.stdout
    big.cli("rebuild")
    assert "0 differences" in big.cli("audit").stdout
    big.start()
