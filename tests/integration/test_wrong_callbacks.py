"""A voice callback on a route, and a message at the fallback URL, are alerts that name the setting."""

import base64
import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from harness import ACCOUNT, FORM, PUBLIC_URL, SAMPLE_TARGET, TOKEN, new_sid, phone, reply_params, request_bytes

FIRST = f"{PUBLIC_URL}/sms/twilio"
VOICE_TEXT = ("a voice callback arrived on /sms/twilio: in Twilio, the voice StatusCallback or voice URL of the "
              "number or TwiML app points to it; give it another URL, or remove it")


def voice_params(sid, status="completed", **more):
    return {"CallSid": sid, "CallStatus": status, "AccountSid": ACCOUNT, "From": phone(1),
            "To": "+15017122661", "Direction": "inbound", "ApiVersion": "2010-04-01", **more}


def call(daemon, *words, target=SAMPLE_TARGET, **more):
    daemon.keep(target, voice_params(*words, **more))


def fall_back(daemon, sid, url=FIRST, code="11200", body="hi", number=1):
    daemon.keep("/sms/twilio", {**reply_params(sid, body, number), "ErrorCode": code, "ErrorUrl": url}, 200)


def alerts(daemon, query=""):
    return daemon.get("/v1/alerts" + query)["alerts"]


def lines(daemon, text):
    return [line for line in daemon.log().splitlines() if text in line]


def test_a_voice_callback_is_an_alert_and_is_kept(make_daemon):
    daemon = make_daemon()
    sid = new_sid("CA")
    call(daemon, sid)
    [alert] = alerts(daemon, "?ours=yes")
    assert alert["text"] == VOICE_TEXT
    assert (alert["level"], alert["ours"], alert["resource"]) == ("warning", True, sid)
    assert alert["request_url"] is None and alert["account"] == ACCOUNT
    [event] = daemon.events()
    assert event["type"] == "Unrecognised" and event["seq"] == alert["seq"]
    [[body]] = daemon.sql("SELECT raw_body FROM event")
    assert f"CallSid={sid}".encode() in body
    assert VOICE_TEXT in daemon.cli("alerts", "--wide").stdout
    assert json.loads(daemon.cli("alerts", "--json").stdout)["alerts"] == [alert]
    daemon.audit()


def test_each_callback_of_a_call_is_one_alert(make_daemon):
    daemon = make_daemon()
    sid = new_sid("CA")
    for status in ("ringing", "completed", "completed", "ringing"):
        call(daemon, sid, status)
    assert len(alerts(daemon)) == len(daemon.events()) == 2
    daemon.audit()


def test_a_message_at_the_fallback_url_is_a_reply_and_an_alert(make_daemon):
    daemon = make_daemon()
    sid = new_sid()
    fall_back(daemon, sid, url=FIRST + "?x=1", body="STOP")
    [alert] = alerts(daemon)
    assert alert["text"] == (
        f"Twilio called the fallback URL /sms/twilio, since its request to {FIRST} failed with error 11200: see why "
        "dlrd did not answer (`dlrd alerts`, log, proxy); the fallback works")
    assert (alert["level"], alert["ours"], alert["resource"]) == ("warning", True, sid)
    assert alert["request_url"] == FIRST + "?x=1"
    [reply] = daemon.get("/v1/replies")["replies"]
    assert (reply["message"], reply["keyword"]) == (sid, "stop")
    assert [row["number"] for row in daemon.get("/v1/optouts")["optouts"]] == [phone(1)]
    daemon.audit()


@pytest.mark.parametrize("late", [False, True])
def test_a_reply_that_arrives_twice_has_one_alert(make_daemon, late):
    """Twilio calls the fallback URL also if the first request was stored, but its answer was late."""
    daemon = make_daemon()
    sid = new_sid()
    posts = [lambda: fall_back(daemon, sid), lambda: daemon.keep("/sms/twilio", reply_params(sid, "hi"), 200)]
    for post in (reversed(posts) if late else posts):
        post()
        daemon.settle()
    fall_back(daemon, sid)
    fall_back(daemon, sid, code="11205")
    [alert] = alerts(daemon)
    assert "11200" in alert["text"] and alert["resource"] == sid
    [event] = daemon.events()
    assert event["type"] == "Replied" and event["seq"] == alert["seq"]
    daemon.audit()


def test_each_kind_is_logged_once_for_each_route(make_daemon):
    daemon = make_daemon({"callback /sms/twilio": {"kind": "auto"}, "callback /other": {"kind": "auto"}})
    for number in range(3):
        call(daemon, new_sid("CA"), number=str(number))
        fall_back(daemon, new_sid(), url=f"{FIRST}/15551234567", number=number)
    assert len(alerts(daemon)) == 6
    [voice] = lines(daemon, "a voice callback arrived on")
    assert VOICE_TEXT + "; see /v1/alerts (logged once for each path)" in voice
    [fallback] = lines(daemon, "called the fallback URL")
    assert "/sms/twilio, since its request to another URL failed with error 11200" in fallback
    assert not lines(daemon, "Twilio reports a problem")
    assert daemon.metric("dlrd_alerts_total") == 6
    for _ in range(2):
        call(daemon, new_sid("CA"), target="/other")
    assert [row["text"] for row in alerts(daemon)[:2]] == [VOICE_TEXT.replace("/sms/twilio", "/other")] * 2
    assert len(lines(daemon, "a voice callback arrived on /other:")) == 1
    assert len(lines(daemon, "a voice callback arrived on")) == 2


@pytest.mark.parametrize("url", [
    "\x1b]0;x\x07", "https://h/\x1b[2J\r\nx", "https://\u202e/\u2028", "https://h/%s%n", "https://" + "h" * 5000 + "/x",
    "https://user:secret@h/x?y", "'; DROP TABLE alert; --", "\0https://h/", "https://h/" + "\x80" * 300, "https://",
    "//", "https://h:99999999/", f"https://h/{phone(1)[1:]}"])
def test_a_hostile_url_harms_nothing(make_daemon, url):
    daemon = make_daemon()
    fall_back(daemon, new_sid(), url=url)
    call(daemon, new_sid("CA"), ErrorUrl=url, ErrorCode="x" * 1000)
    rows = alerts(daemon)
    assert len(rows) == 2 and all(len(row["text"]) < 1200 for row in rows)
    assert all("secret" not in row["text"] and row["text"].isprintable() for row in rows)
    for words in (["--wide"], [], ["--json"]):
        assert not set(daemon.cli("alerts", *words).stdout) & set("\x1b\x07\x00")
    daemon.cli("alerts", "--csv")
    assert len(daemon.events()) == 2
    daemon.check_log()
    daemon.audit()


def test_bytes_that_are_not_utf_8_harm_nothing(make_daemon):
    daemon = make_daemon()
    params = {name: value.encode() for name, value in reply_params(new_sid(), "hi").items()}
    params.update(ErrorCode=b"11200", ErrorUrl=b"https://h/\xff\xc0x")
    signed = FIRST.encode() + b"".join(name.encode() + params[name] for name in sorted(params))
    signature = base64.b64encode(hmac.new(TOKEN.encode(), signed, hashlib.sha1).digest()).decode()
    response = daemon.ask(request_bytes("POST", "/sms/twilio", [
        ("Content-Type", FORM), ("X-Twilio-Signature", signature)], urlencode(params).encode()))
    assert response.status == 200, response
    [alert] = alerts(daemon)
    assert "https://h/\\xff\\xc0x failed with error 11200" in alert["text"]
    daemon.cli("alerts", "--wide")
    daemon.audit()


def test_alerts_outlive_a_rebuild_and_a_recovery(make_daemon):
    daemon = make_daemon()
    call(daemon, new_sid("CA"))
    fall_back(daemon, new_sid())
    before = alerts(daemon)
    daemon.cli("rebuild")
    assert alerts(daemon) == before and len(before) == 2
    daemon.audit()
    daemon.terminate()
    daemon.cli("recover", "--force")
    daemon.start()
    assert alerts(daemon) == before
    daemon.audit()


def test_undo_removes_the_alert_of_a_simulated_reply(make_daemon, tmp_path):
    """The run's receipts are those with its parameter."""
    daemon = make_daemon()
    kept = new_sid()
    fall_back(daemon, kept)
    daemon.settle()
    ledger = tmp_path / "ledger"
    daemon.cli("simulate", "--count", "5", "--yes", "--ledger", ledger)
    mark = {"DlrdSimulated": ledger.read_text().split()[3]}
    daemon.keep("/sms/twilio", {**reply_params(new_sid(), "hi"), "ErrorCode": "11200", "ErrorUrl": FIRST, **mark}, 200)
    daemon.keep("/sms/twilio", voice_params(new_sid("CA"), **mark))
    assert len(alerts(daemon)) == 3
    daemon.cli("simulate", "--undo", ledger)
    assert [row["resource"] for row in alerts(daemon)] == [kept]
    assert daemon.sql("SELECT count(*) FROM alert") == [(1,)]
    daemon.audit()
