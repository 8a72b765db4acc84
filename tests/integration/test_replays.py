"""A captured request that is sent again. Twilio signs the URL and the sorted names and values without
separators, so the same signature verifies for many other divisions of the same text. However a
request is divided, re-encoded or re-typed, its signature counts once, and the first request by
arrival decides what it says."""

import json
import random
import sqlite3
from urllib.parse import quote, quote_plus

import pytest

from harness import (ACCOUNT, FORM, PUBLIC_URL, body_target, new_sid, phone, reply_params,
                     request_bytes, sign, signed_json, signed_post, status_params,
                     target_for)

A = "1700000001_20240101"
SERVICE = "MG0123456789abcdef0123456789abcdef"


def encode(pairs, escape=quote_plus):
    return "&".join(f"{escape(name)}={escape(value)}" for name, value in pairs).encode()


def post(target, pairs, signature, escape=quote_plus, media_type=FORM):
    return request_bytes("POST", target, [("Content-Type", media_type),
                                          ("X-Twilio-Signature", signature)],
                         encode(pairs, escape))


def get(target, signature):
    return request_bytes("GET", target, [("X-Twilio-Signature", signature)])


def joined(pairs):
    return "".join(name + value for name, value in pairs)


def in_names_order(cut):
    """Whether these pairs, signed as they are, give their text: their order is the sorted one."""
    return cut == sorted(cut) and len(set(cut)) == len(cut) and all(name for name, _ in cut)


def divisions(target, params, rng):
    """Requests whose signed text is that of the form, with its signature."""
    pairs = sorted(params.items())
    text, signature = joined(pairs), sign(PUBLIC_URL + target, params)
    yield post(target, pairs, signature)  # a retry
    yield post(target, pairs[::-1], signature)
    yield post(target, pairs + pairs[:3], signature)
    yield post(target, pairs, signature,
               escape=lambda part: "".join(f"%{byte:02x}" for byte in part.encode()))
    yield post(target, [(text, "")], signature)
    yield get(target + quote(text, safe="+:?=&."), signature)
    for first in range(len(pairs) - 1):  # two parameters as one, a beginning in the URL
        (name, value), (next_name, next_value) = pairs[first:first + 2]
        yield post(target, pairs[:first] + [(name, value + next_name + next_value)] +
                   pairs[first + 2:], signature)
        yield post(target + quote(joined(pairs[:first + 1]), safe="+:?=&."),
                   pairs[first + 1:], signature)
    for _ in range(40):  # cut anywhere
        places = sorted(rng.sample(range(1, len(text)), 5))
        cut = [(text[:places[0]], text[places[0]:places[1]]),
               (text[places[1]:places[2]], text[places[2]:places[3]]),
               (text[places[3]:places[4]], text[places[4]:])]
        if in_names_order(cut):
            yield post(target, cut, signature)


FIGURES = ["messages", "sent", "delivered", "failed", "read", "replied", "clicked", "opted_out",
           "pending", "canceled", "conflicts", "first", "last"]


def picture(daemon):
    """Everything that a replay must not change."""
    daemon.settle()
    return {
        "campaigns": [(row["workspace"], row["campaign"], *(row[name] for name in FIGURES))
                      for row in daemon.get("/v1/campaigns?limit=1000")["campaigns"]],
        "events": daemon.events(),
        "messages": daemon.sql("SELECT sid, status, seen, error_code, peer, tagset_id, provider_id,"
                               " first_us, last_us, opted_out FROM message ORDER BY sid"),
        "optouts": daemon.sql("SELECT * FROM optout_history"),
        "replies": daemon.sql("SELECT * FROM replies"),
        "names": [daemon.sql(f"SELECT * FROM {table}")
                  for table in ("campaign_stats", "provider_stats", "alerts")],
    }


def forms():
    status = status_params(new_sid(), "delivered", MessagingServiceSid=SERVICE)
    failed = status_params(new_sid(), "failed", 30005, 2)
    stop = reply_params(new_sid(), "STOP", 3, MessagingServiceSid=SERVICE)
    bare = status_params(new_sid(), "sent", number=4, From=None)
    alert = {"AccountSid": ACCOUNT, "Sid": new_sid("NO"), "Level": "ERROR",
             "Payload": json.dumps({"error_code": "11200"}), "Timestamp": "2026-11-20T10:00:00Z"}
    unknown = {"AccountSid": ACCOUNT, "Something": "new"}
    return [(target_for(A), status), (target_for(A), failed), ("/sms/twilio?c=", stop),
            ("/sms/twilio?account=W&meta=", bare), ("/sms/twilio?c=", alert), (target_for(A), unknown)]


@pytest.mark.parametrize("number", range(6))
def test_a_replayed_form_adds_nothing_however_it_is_divided(daemon, number):
    target, params = forms()[number]
    assert daemon.ask(signed_post(target, params)).status in (200, 204)
    before = picture(daemon)
    kept = 0
    for data in divisions(target, params, random.Random(number)):
        status = daemon.ask(data).status
        assert status in (200, 204, 403), data  # 403: it names another account
        kept += status != 403
    assert kept > 10
    assert picture(daemon) == before
    daemon.audit()
    daemon.cli("rebuild")
    assert picture(daemon) == before


def test_a_replay_changes_nothing_that_its_original_said(daemon):
    """Tags, sender and consent that a division makes up are not added to the original."""
    sid = new_sid()
    params = {"AccountSid": ACCOUNT, "MessageSid": sid, "MessageStatus": "sent"}
    target = "/sms/twilio?account=W&meta=0.1.2"
    assert daemon.ask(signed_post(target, params)).status == 204
    before = picture(daemon)
    signature = sign(PUBLIC_URL + target, params)
    # The same MessageSid and status, and a route's template that is filled now.
    tail = joined(sorted(params.items()))
    whole = PUBLIC_URL + target + tail
    for data in (post("/sms/twilio?account=W", [("&meta=0.1.2", tail)], signature),
                 post("/sms/twilio?account=W&meta=0.1.2AccountSid" + ACCOUNT,
                      [("MessageSid", sid), ("MessageStatus", "sent")], signature)):
        assert sign(whole) == signature
        assert daemon.ask(data).status in (204, 403)
    assert picture(daemon) == before
    daemon.audit()


def test_five_hundred_replays_as_get_are_no_events(daemon):
    target, params = target_for(A), status_params(new_sid(), "delivered")
    assert daemon.ask(signed_post(target, params)).status == 204
    before = picture(daemon)
    data = get(target + joined(sorted(params.items())), sign(PUBLIC_URL + target, params))
    for _ in range(500):
        assert daemon.ask(data).status in (204, 403)
    assert picture(daemon) == before


def test_a_form_that_is_bound_by_a_hash_adds_nothing_as_a_get(daemon):
    """The URL alone is signed, so the signature fits the URL without the body."""
    pairs = sorted(status_params(new_sid(), "delivered").items())
    target = body_target(target_for(A), encode(pairs))
    signature = sign(PUBLIC_URL + target)
    assert daemon.ask(post(target, pairs, signature)).status == 204
    before = picture(daemon)
    for data in (get(target, signature), post(target, pairs, signature)):
        assert daemon.ask(data).status in (204, 403)
    assert picture(daemon) == before


def test_a_replayed_json_body_adds_nothing_as_a_form(daemon):
    """The hash binds the body's bytes, and not its type."""
    sid, other = new_sid(), new_sid()
    body = json.dumps({
        "event_type": "click", "sms_sid": sid, "to": phone(1), "from": "+15017122661",
        "account_sid": ACCOUNT, "click_time": "2026-11-20T10:00:00Z",
        "link": f"https://example.com/?&MessageSid={other}&MessageStatus=delivered&x="}).encode()
    target = body_target(target_for(A), body)
    assert daemon.ask(signed_json(target_for(A), body)).status == 204
    before = picture(daemon)
    for media_type in (FORM, "text/plain", "application/json; charset=utf-8"):
        data = request_bytes("POST", target, [
            ("Content-Type", media_type), ("X-Twilio-Signature", sign(PUBLIC_URL + target))], body)
        assert daemon.ask(data).status in (204, 403)
    assert picture(daemon) == before
    assert daemon.api(f"/v1/messages/{other}").status == 404


def test_all_events_of_one_request_count_and_once(daemon):
    def event(sid):
        return {"specversion": "1.0", "type": "com.twilio.messaging.message.delivered",
                "source": "x", "id": new_sid("EZ"), "data": {
                    "accountSid": ACCOUNT, "messageSid": sid, "messageStatus": "DELIVERED",
                    "from": "+15017122661", "to": phone(1)}}
    sids = [new_sid() for _ in range(3)]
    body = json.dumps([event(sid) for sid in sids]).encode()
    for _ in range(3):
        assert daemon.ask(signed_json("/sms/twilio", body)).status == 204
    daemon.settle()
    assert sorted(event["message"] for event in daemon.events()) == sorted(sids)


def test_a_genuine_retry_is_a_duplicate(daemon):
    target, params = target_for(A), status_params(new_sid(), "delivered")
    for _ in range(3):
        assert daemon.ask(signed_post(target, params)).status == 204
    daemon.settle()
    campaign, = daemon.get("/v1/campaigns")["campaigns"]
    assert (campaign["messages"], campaign["duplicates"]) == (1, 2)


def test_of_a_replay_that_comes_first_the_original_is_the_duplicate(daemon):
    """An attacker who can delay a request can also drop it: the first arrival counts."""
    target, params = target_for(A), status_params(new_sid(), "delivered")
    pairs, signature = sorted(params.items()), sign(PUBLIC_URL + target, params)
    cut = pairs[:-2] + [(pairs[-2][0], pairs[-2][1] + joined(pairs[-1:]))]
    assert daemon.ask(post(target, cut, signature)).status == 204
    before = picture(daemon)
    assert daemon.ask(signed_post(target, params)).status == 204
    assert picture(daemon) == before
    daemon.audit()


def test_a_store_made_again_from_the_journal_has_each_signature_once(daemon):
    target, params = target_for(A), status_params(new_sid(), "delivered")
    signature = sign(PUBLIC_URL + target, params)
    daemon.ask(signed_post(target, params))
    daemon.ask(post(target, [(joined(sorted(params.items())), "")], signature))
    daemon.ask(signed_post("/sms/twilio", reply_params(new_sid(), "STOP", 3)))
    before = picture(daemon)
    assert daemon.terminate() == 0
    for path in daemon.store.glob("dlrd.db*"):
        path.unlink()
    daemon.start()
    after = picture(daemon)
    assert after["campaigns"] == before["campaigns"] and len(after["events"]) == 2
    daemon.audit()


def test_a_signature_is_noted_when_a_refused_request_is_taken_in(make_daemon):
    daemon = make_daemon({"server": {"public_url": "https://wrong.example.com"}})
    target, params = target_for(A), status_params(new_sid(), "delivered")
    assert daemon.ask(signed_post(target, params)).status == 403
    text = daemon.config.read_text()
    daemon.config.write_text(text.replace("https://wrong.example.com", PUBLIC_URL))
    assert daemon.cli("reload").returncode == 0
    daemon.cli("quarantine", "reverify")
    before = picture(daemon)
    assert [event["message"] for event in before["events"]] == [params["MessageSid"]]
    for data in divisions(target, params, random.Random(1)):
        daemon.ask(data)
    assert picture(daemon) == before


@pytest.mark.parametrize("sid", [
    "SM1", "x" * 34, "SM" + "0" * 31, "SM" + "0" * 33, "SM" + "0" * 31 + "g", "S0" + "0" * 32,
    "SM" + "0" * 32 + "MessageStatusdelivered", "", " " + "SM" + "0" * 32])
@pytest.mark.parametrize("name", ["MessageSid", "SmsSid"])
def test_what_is_no_sid_is_kept_and_unrecognised(daemon, name, sid):
    params = status_params(new_sid(), "delivered")
    del params["SmsSid"], params["MessageSid"]
    assert daemon.ask(signed_post(target_for(A), {**params, name: sid})).status == 204
    daemon.settle()
    event, = daemon.events()
    assert (event["type"], event["message"]) == ("Unrecognised", None)
    assert daemon.get("/v1/campaigns")["campaigns"][0]["messages"] == 0


def test_a_journal_of_an_older_dlrd_is_read_and_its_entries_count(daemon):
    """Its entries have no signatures; later ones have."""
    old, new = (status_params(new_sid(), "delivered", number=number) for number in (1, 2))
    daemon.ask(signed_post(target_for(A), old))
    daemon.settle()
    assert daemon.terminate() == 0
    with sqlite3.connect(daemon.store / "journal.db") as journal:
        journal.execute("ALTER TABLE entry DROP COLUMN signature")
        journal.execute("PRAGMA user_version = 1")
    journal.close()
    for path in daemon.store.glob("dlrd.db*"):
        path.unlink()
    daemon.start()
    daemon.ask(signed_post(target_for(A), new))
    data = post(target_for(A), [(joined(sorted(new.items())), "")],
                sign(PUBLIC_URL + target_for(A), new))
    daemon.ask(data)
    daemon.settle()
    assert [event["message"] for event in daemon.events()] == [
        old["MessageSid"], new["MessageSid"]]
    daemon.audit()
