"""Files of replies, and where their numbers are registered: columns of the store and of all answers."""

import csv
import io

import pytest

import harness
from harness import SAMPLE_TARGET, new_sid, reply_params, signed_post

LINK = "https://api.twilio.com/2010-04-01/Accounts/AC0/Messages/MM0/Media/ME"
COLUMNS = ["media_count", "media_types", "media_links", "from_city", "from_state", "from_zip",
           "from_country"]
PICTURES = {"NumMedia": "2", "MediaUrl0": LINK + "0", "MediaContentType0": "image/jpeg",
            "MediaUrl1": LINK + "1", "MediaContentType1": "video/mp4", "FromCity": "SAN FRANCISCO",
            "FromState": "CA", "FromZip": "94107", "FromCountry": "US"}
EXPECTED = [2, ["image/jpeg", "video/mp4"], [LINK + "0", LINK + "1"], "SAN FRANCISCO", "CA", "94107", "US"]


def send(daemon, sid, body, **params):
    assert daemon.ask(signed_post(SAMPLE_TARGET, {**reply_params(sid, body), **params})).status == 200


def inbound_of(row):
    return [row[name] for name in COLUMNS]


def reply_of(daemon, sid):
    return next(row for row in daemon.get("/v1/replies?limit=1000")["replies"] if row["message"] == sid)


def test_files_and_places_are_columns_of_each_answer(make_daemon):
    daemon = make_daemon()
    sid = new_sid()
    send(daemon, sid, "look", **PICTURES)
    assert inbound_of(reply_of(daemon, sid)) == EXPECTED
    event = daemon.get("/v1/events?type=Replied")["events"][0]
    assert inbound_of(event) == EXPECTED
    assert inbound_of(daemon.get(f"/v1/events/{event['seq']}")) == EXPECTED
    assert inbound_of(daemon.get(f"/v1/messages/{sid}")["receipts"][0]) == EXPECTED
    row = next(csv.DictReader(io.StringIO(daemon.cli("replies", "--csv").stdout)))
    assert [row[name] for name in COLUMNS] == [
        "2", "image/jpeg video/mp4", f"{LINK}0 {LINK}1", "SAN FRANCISCO", "CA", "94107", "US"]
    shown = daemon.cli("replies").stdout
    assert "image/jpeg video/mp4" in shown and f"{LINK}0 {LINK}1" in shown
    [[count, links]] = daemon.sql("SELECT media_count, media_links FROM inbound_messages")
    assert (count, links.decode()) == (2, f"{LINK}0 {LINK}1")


def test_a_receipt_has_no_files(make_daemon):
    daemon = make_daemon()
    assert daemon.ask(signed_post(SAMPLE_TARGET, harness.status_params(
        new_sid(), "sent", NumMedia="1", MediaUrl0=LINK, FromCountry="US"))).status == 204
    assert inbound_of(daemon.get("/v1/events")["events"][0]) == [None, [], [], None, None, None, None]


@pytest.mark.parametrize("params,expected", [
    ({"NumMedia": "-5"}, [0, []]), ({"NumMedia": "many"}, [0, []]), ({"NumMedia": ""}, [0, []]),
    ({"NumMedia": "9" * 40}, [2**63 - 1, []]),
    ({"MediaUrl0": "a b", "MediaUrl10": "c", "MediaUrl9": "b"}, [0, ["a%20b", "b", "c"]]),
    ({"MediaUrl0": "https://e.example/\x1b[2J\r\n=1+1"}, [0, ["https://e.example/\x1b[2J\r\n=1+1"]]),
    ({"FromCity": "\x1b[31m", "MediaUrl0": "x" * 5000}, [0, ["x" * 5000]]),
], ids=range(7))
def test_hostile_values_are_stored_and_shown_harmless(make_daemon, params, expected):
    daemon = make_daemon()
    sid = new_sid()
    send(daemon, sid, "x", **params)
    row = reply_of(daemon, sid)
    assert [row["media_count"], row["media_links"]] == expected
    for words in (["replies"], ["replies", "--csv"], ["replies", "--json"], ["message", sid]):
        assert not set(daemon.cli(*words).stdout) & set(map(chr, range(0x1b, 0x20)))


def test_the_order_of_a_callback_and_event_streams_does_not_matter(make_daemon):
    sid = new_sid()
    callback = signed_post(SAMPLE_TARGET, {**reply_params(sid, "look"), **PICTURES})
    stream = harness.signed_json(SAMPLE_TARGET, {
        "specversion": "1.0", "type": "com.twilio.messaging.inbound-message.received",
        "source": "/", "id": new_sid("EZ"), "time": "2026-11-20T14:05:22Z",
        "data": {"messageSid": sid, "accountSid": harness.ACCOUNT, "from": reply_params(sid, "")["From"],
                 "to": reply_params(sid, "")["To"], "body": "look", "numMedia": 3}})
    found = []
    for order in ([callback], [callback, stream], [stream, callback], [stream]):
        daemon = make_daemon()
        for request in order:
            assert daemon.ask(request).status in (200, 204)
        found.append(inbound_of(reply_of(daemon, sid)))
    assert found == [EXPECTED] * 3 + [[3, [], [], None, None, None, None]]


def test_a_sound_store_recovers_its_files(make_daemon):
    daemon = make_daemon()
    sids = [new_sid() for _ in range(20)]
    for sid in sids:
        send(daemon, sid, "look", **PICTURES)
    assert len(daemon.get("/v1/replies?limit=100")["replies"]) == 20
    before = daemon.sql("SELECT * FROM inbound ORDER BY 1")
    daemon.terminate()
    daemon.cli("recover", "--force")
    assert daemon.sql("SELECT * FROM inbound ORDER BY 1") == before and len(before) == 20
    daemon.start()
    assert inbound_of(reply_of(daemon, sids[3])) == EXPECTED


def test_senders_that_cannot_receive_are_marked(make_daemon):
    daemon = make_daemon()
    mark = "cannot be answered, cannot opt out by text"
    for sender in ("EXAMPLE", "+15017122661"):
        daemon.keep(SAMPLE_TARGET, harness.status_params(
            new_sid(), "failed", From=sender, ErrorCode="21610", MessagingServiceSid=None))
    marks = {row["sender"]: row["note"] for row in daemon.get("/v1/providers")["providers"]}
    assert marks == {"EXAMPLE": mark, "+15017122661": None}
    assert {row["note"] for row in daemon.get("/v1/providers?by=account")["providers"]} == {None}
    assert {row["scope"]: row["note"] for row in daemon.get("/v1/optouts")["optouts"]} == marks
    for words in (["providers"], ["optouts"], ["optouts", "--csv"]):
        assert daemon.cli(*words).stdout.count(mark) == 1
