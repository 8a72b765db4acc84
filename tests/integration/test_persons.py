"""One person has several addresses: two forms of a number in Mexico, Argentina and Brazil, and in
WhatsApp an ID in place of the number. Replies and opt-outs are the person's."""

import json
import sqlite3
from urllib.parse import quote

import pytest

from harness import ACCOUNT, new_sid, reply_params, signed_json, status_params, target_for

A = "1700000001_20240101"
SENDER = "whatsapp:+15017122661"
FORMS = [("+525512345678", "+5215512345678"), ("+5491123456789", "+541123456789"),
         ("+5511987654321", "+551187654321"), ("+5561912345678", "+556112345678")]
PAIRS = [pair for pair in FORMS[:3]] + [pair[::-1] for pair in FORMS[:3]]
ID = "US.13491208655302741918"


def text(daemon, to, sender=SENDER, **more):
    sid = new_sid()
    daemon.keep(target_for(A), status_params(sid, "delivered", To=to, From=sender, **more))
    return sid


def answer(daemon, sender, body="STOP", to=SENDER, **more):
    sid = new_sid()
    daemon.keep("/sms/twilio", reply_params(sid, body, From=sender, To=to, **more), 200)
    return sid


def state(daemon, address):
    daemon.settle()
    response = daemon.api("/v1/optouts/" + quote(address, safe=""))
    return response.json()["state"] if response.status == 200 else response.status


def answers(daemon, reply):
    daemon.settle()
    return daemon.sql("SELECT rule, answers FROM replies WHERE message = ?", reply)


@pytest.mark.parametrize("channel,sender", [("whatsapp:", SENDER), ("", "+15017122661")])
@pytest.mark.parametrize("sent,answered", PAIRS)
def test_all_forms_of_a_number_are_one_person(daemon, channel, sender, sent, answered):
    sid = text(daemon, channel + sent, sender)
    reply = answer(daemon, channel + answered, to=sender)
    assert answers(daemon, reply) == [(b"latest", sid.encode())]
    assert [state(daemon, channel + form) for form in (sent, answered)] == ["out", "out"]
    campaign, = daemon.get("/v1/campaigns")["campaigns"]
    assert (campaign["campaign"], campaign["replied"], campaign["opted_out"]) == (A, 1, 1)
    answer(daemon, channel + sent, "START", to=sender)
    assert [state(daemon, channel + form) for form in (sent, answered)] == ["in", "in"]
    daemon.audit()


def test_a_landline_in_brazil_is_not_its_neighbour(daemon):
    answer(daemon, "whatsapp:+551132345678")
    assert state(daemon, "whatsapp:+551132345678") == "out"
    assert state(daemon, "whatsapp:+5511932345678") == 404


@pytest.mark.parametrize("order", ["number first", "ID first"])
def test_an_id_is_its_number_once_a_message_named_both(daemon, order):
    number = "whatsapp:+5215512345678"
    sid = text(daemon, number)
    steps = [lambda: answer(daemon, number, "hello", ExternalUserId=ID),
             lambda: answer(daemon, f"whatsapp:{ID}", "STOP", ExternalUserId=ID)]
    if order == "ID first":
        steps.reverse()
    replies = [step() for step in steps]
    for reply in replies:
        assert answers(daemon, reply) == [(b"latest", sid.encode())]
    for address in (number, "whatsapp:+525512345678", f"whatsapp:{ID}"):
        assert state(daemon, address) == "out", address
    later = text(daemon, f"whatsapp:{ID}")
    assert answers(daemon, answer(daemon, number, "START")) == [(b"latest", later.encode())]
    assert state(daemon, f"whatsapp:{ID}") == "in"
    daemon.audit()
    daemon.cli("rebuild")
    daemon.audit()


def send_by_stream(daemon, sid, sender, body, **more):
    """An inbound message in the form of Event Streams."""
    daemon.ask(signed_json("/sms/twilio", [{
        "specversion": "1.0", "type": "com.twilio.messaging.inbound-message.received",
        "source": "/x", "id": f"EZ{sid[2:]}", "time": "2026-11-26T10:00:00Z",
        "data": {"messageSid": sid, "accountSid": ACCOUNT, "from": sender, "to": SENDER,
                 "body": body, **more}}]))


@pytest.mark.parametrize("name", ["externalUserId", "external_user_id"])
@pytest.mark.parametrize("order", ["number first", "ID first"])
def test_an_id_that_event_streams_names_is_its_number(daemon, order, name):
    number = "whatsapp:+5215512345678"
    sid = text(daemon, number)
    named, stopped = new_sid(), new_sid()
    steps = [lambda: send_by_stream(daemon, named, number, "hello", **{name: ID}),
             lambda: send_by_stream(daemon, stopped, f"whatsapp:{ID}", "STOP", **{name: ID})]
    if order == "ID first":
        steps.reverse()
    for step in steps:
        step()
    for reply in (named, stopped):
        assert answers(daemon, reply) == [(b"latest", sid.encode())]
    assert [state(daemon, address) for address in (number, f"whatsapp:{ID}")] == ["out", "out"]
    assert [json.loads(extra)["data"][name] for extra, in daemon.sql(
        "SELECT extra FROM event WHERE type = 'Replied'")] == [ID, ID]
    daemon.audit()


def test_a_reply_that_is_sent_again_with_the_number_answers_what_the_number_got(daemon):
    number = "whatsapp:+15551230001"
    sid = text(daemon, number)
    reply = new_sid()
    send_by_stream(daemon, reply, f"whatsapp:{ID}", "STOP")
    assert answers(daemon, reply) == [(b"none", None)]
    daemon.keep("/sms/twilio", {**reply_params(reply, "STOP", From=number, To=SENDER),
                                "ExternalUserId": ID}, 200)
    assert answers(daemon, reply) == [(b"latest", sid.encode())]
    assert state(daemon, f"whatsapp:{ID}") == state(daemon, number) == "out"
    daemon.audit()
    daemon.cli("rebuild")
    assert answers(daemon, reply) == [(b"latest", sid.encode())]


def test_an_id_that_no_message_named_with_a_number_is_a_person_of_its_own(daemon):
    answer(daemon, f"whatsapp:{ID}")
    assert state(daemon, f"whatsapp:{ID}") == "out"
    assert state(daemon, "whatsapp:+15551234567") == 404
    daemon.audit()


def test_a_store_of_an_older_dlrd_has_each_person_once(daemon):
    """Its rows are those that version 2 had: each form of an address on its own."""
    sid = text(daemon, "whatsapp:+5215512345678")
    reply = answer(daemon, "whatsapp:+525512345678", ExternalUserId=ID)
    other = answer(daemon, f"whatsapp:{ID}", "hello")
    refused = new_sid()
    daemon.keep(target_for(A), status_params(refused, "failed", 21610, 9, From=None))
    daemon.settle()
    assert daemon.terminate() == 0
    with sqlite3.connect(daemon.store / "dlrd.db") as store:
        store.executescript("""
            UPDATE message SET peer = (SELECT e.peer FROM event e WHERE e.message_id = message.id);
            UPDATE reply SET peer = (SELECT e.peer FROM event e
             WHERE e.message_id = reply.message_id), rule = 'none', candidates = 0, answers = NULL;
            DELETE FROM consent WHERE scope LIKE 'AC%';
            UPDATE consent SET number = (SELECT e.peer FROM event e WHERE e.seq = event_seq);
            DELETE FROM optout WHERE scope LIKE 'AC%';
            UPDATE optout SET number = (SELECT number FROM consent WHERE seq = consent_seq);
            ALTER TABLE event DROP COLUMN source_id; DROP TABLE source; DROP INDEX event_group;
            ALTER TABLE event DROP COLUMN kind; ALTER TABLE event DROP COLUMN code;
            DROP TABLE hour_block; DROP TABLE campaign_delay; DROP TABLE keyword; DROP INDEX event_keyword;
            DROP VIEW inbound_messages; DROP TABLE inbound; DROP TABLE removed_range; DROP TABLE removed_run;
            DROP INDEX message_group; DROP INDEX message_provider; ALTER TABLE message DROP COLUMN facts;
            CREATE INDEX event_campaign ON event(campaign_id, seq);
            DROP INDEX message_failure; DROP TABLE person; DROP TABLE signature; DROP INDEX optout_ending;
            DROP VIEW optout_history; CREATE VIEW optout_history AS SELECT l.seq FROM consent l;
            DROP INDEX consent_number; DROP INDEX consent_state; DROP INDEX consent_announced;
            ALTER TABLE consent DROP COLUMN correction; ALTER TABLE event DROP COLUMN arrival_seq;
            CREATE INDEX consent_number ON consent(number, scope, seq);
            ALTER TABLE event DROP COLUMN signature; ALTER TABLE event DROP COLUMN left_us;
            ALTER TABLE message DROP COLUMN left_us; PRAGMA user_version = 2""")
    store.close()
    daemon.start()
    for message in (reply, other):
        assert answers(daemon, message) == [(b"latest", sid.encode())]
    for address in ("whatsapp:+5215512345678", "whatsapp:+525512345678", f"whatsapp:{ID}"):
        assert state(daemon, address) == "out", address
    assert [row["number"] for row in daemon.get("/v1/optouts")["optouts"]] == [
        "whatsapp:+525512345678", "+15550000009"]
    daemon.audit()
