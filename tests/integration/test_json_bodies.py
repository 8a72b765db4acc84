"""JSON bodies that are odd or damaged: an invalid value affects only its own field, an unreadable
element its own place, and every other element counts."""

import json
from urllib.parse import quote

import pytest

import harness
from harness import ACCOUNT, PUBLIC_URL, new_sid, signed_json, signed_post

SENDER = "+15017122661"
TARGET = "/sms/twilio?account=W&meta=0.1.1700000000.20240101.0.v1.1"
_people = iter(range(4_000_000, 5_000_000))


class Failed:
    """A status event of Event Streams that says that the person has opted out, and its JSON text."""

    def __init__(self, code="21610", data="", envelope=""):
        self.sid, self.person = new_sid(), harness.phone(next(_people))
        self.text = (
            '{"specversion":"1.0","type":"com.twilio.messaging.message.failed",%s"id":"EZ%s",'
            '"time":"2026-11-20T10:00:01Z","data":{%s"messageSid":"%s","accountSid":"%s",'
            '"from":"%s","to":"%s","messageStatus":"FAILED","errorCode":%s}}' % (
                envelope, self.sid[2:], data, self.sid, ACCOUNT, SENDER, self.person, code))

    def check(self, daemon, code=21610):
        event, = whole(daemon, "SELECT seq FROM events WHERE message = ?", self.sid)
        assert (event["type"], event["status"], event["error_code"]) == ("Failed", "failed", code)
        assert (event["from"], event["to"]) == (SENDER, self.person)
        response = daemon.api(f"/v1/optouts/{quote(self.person)}")
        assert response.status == (200 if code == 21610 else 404), response
        if code == 21610:
            state, = response.json()["scopes"]
            assert (state["scope"], state["state"], state["cause"]) == (
                SENDER, "out", "error-21610")
        return event


def whole(daemon, query, *values):
    """The events that the query gives the numbers of."""
    daemon.settle()
    return [daemon.get(f"/v1/events/{seq}", settle=False) for seq, in daemon.sql(query, *values)]


def post(daemon, text, target=TARGET):
    """Posts JSON text or bytes, and returns the events that it became."""
    daemon.settle()
    last = daemon.sql("SELECT coalesce(max(seq), 0) FROM event")[0][0]
    body = text if isinstance(text, bytes) else text.encode()
    response = daemon.ask(signed_json(target, body))
    assert response.status == 204, response
    return whole(daemon, "SELECT seq FROM event WHERE seq > ? ORDER BY seq", last)


ODD_VALUES = {
    "a byte that is not UTF-8": b'"caf\xe9 \xff"',
    "half a surrogate pair": rb'"\ud83d"',
    "the other half": rb'"\udc4d\ud83d"',
    "an escape that JSON does not know": rb'"\x41 \u12"',
    "a raw line break": b'"a\nb\x00c"',
    "an integer beyond 64 bits": b"99999999999999999999",
    "a negative one": b"-9223372036854775809",
    "a number beyond a double": b"1e999",
    "a number below a double": b"-1e-999",
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "a leading zero": b"007",
    "a word": b"undefined",
    "nothing": b"",
    "a trailing comma": b"[1,2,]",
    "a key with a NUL": rb'{"a\u0000b":1,"\ud83d":2}',
    "a deep value": b"[" * 3000 + b"1" + b"]" * 3000,
    "a deep object": b'{"a":' * 5000 + b"1" + b"}" * 5000,
}


@pytest.mark.parametrize("name", ODD_VALUES)
def test_an_invalid_value_affects_only_its_own_field(shared_daemon, name):
    odd = ODD_VALUES[name]
    first, second = Failed(data='"tags":@,"x":@,', envelope='"y":@,'), Failed()
    body = f"[{first.text},{second.text}]".encode().replace(b"@", odd)
    events = post(shared_daemon, body)
    assert [event["type"] for event in events] == ["Failed", "Failed"]
    assert set(first.check(shared_daemon)["parameters"]["data"]) == {"tags", "x"}
    second.check(shared_daemon)


@pytest.mark.parametrize("code,meant", [
    ("21610.0", 21610), ("2.161e4", 21610), ("216100e-1", 21610), ("1e2", 100), ("21610.5", None),
    ("21610.0000000000000000000000001", None), ("99999999999999999999", None), ("1e999", None),
    ('"21610"', 21610), ("2161O", None), ("[21610]", None)])
def test_a_code_is_a_whole_number_however_it_is_written(shared_daemon, code, meant):
    event = Failed(code)
    sound = Failed()
    post(shared_daemon, f"[{event.text},{sound.text}]")
    event.check(shared_daemon, meant)
    sound.check(shared_daemon)


def test_a_number_that_nothing_holds_is_kept_exactly(shared_daemon):
    event = Failed(data='"a":9007199254740993,"b":9007199254740993.0,"c":18446744073709551616,'
                        '"d":1e999,')
    post(shared_daemon, event.text)
    assert event.check(shared_daemon)["parameters"]["data"] == {
        "a": 9007199254740993, "b": 9007199254740993, "c": {"raw": "18446744073709551616"},
        "d": {"raw": "1e999"}}


UNREADABLE = ["nope", '{"type" "x"}', "{type:1}", '{"a":{"b":]}}', '{"a":"b}', '{"a":{"b":1}',
              '{"a":[{"b":1},{"c":2}] 5}', "}"]


@pytest.mark.parametrize("bad", UNREADABLE)
def test_an_unreadable_element_is_one_unrecognised_event_and_its_siblings_count(shared_daemon, bad):
    first, second = Failed(), Failed()
    events = post(shared_daemon, f"[{first.text}, {bad}, {second.text}]")
    assert [event["type"] for event in events] == ["Failed", "Unrecognised", "Failed"]
    assert (events[1]["raw_body"], events[1]["account"]) == (bad, ACCOUNT)
    first.check(shared_daemon)
    second.check(shared_daemon)


def test_of_a_body_that_is_cut_the_whole_elements_count(shared_daemon):
    rest = Failed().text
    for cut in (0, 1, 2, 60, len(rest) // 2, len(rest) - 1):
        first, second = Failed(), Failed()
        events = post(shared_daemon, f"[{first.text},{second.text},{rest[:cut]}")
        assert [event["type"] for event in events] == (
            ["Failed", "Failed"] + ["Unrecognised"] * (cut > 0))
        assert cut == 0 or events[2]["raw_body"] == rest[:cut]
        first.check(shared_daemon)
        second.check(shared_daemon)
    cut = Failed().text[:-1]
    event, = post(shared_daemon, cut)
    assert (event["type"], event["raw_body"]) == ("Unrecognised", cut)


@pytest.mark.parametrize("before,behind,more", [
    ("\ufeff", "", 0), (" \r\n", "\n\n", 0), ("", "garbage, more", 1), ("", "\0", 1), ("", "]]", 1)])
def test_what_is_around_a_body_does_not_hide_it(shared_daemon, before, behind, more):
    for shape in ("[%s,%s]", "%s%s"):
        first, second = Failed(), Failed()
        events = post(shared_daemon, before + shape % (first.text, second.text) + behind)
        assert [event["type"] for event in events] == (
            ["Failed", "Failed"] + ["Unrecognised"] * more)
        first.check(shared_daemon)
        second.check(shared_daemon)


def test_an_odd_value_in_a_single_click_affects_only_its_own_field(shared_daemon):
    sid = new_sid()
    event, = post(shared_daemon, b'{"event_type":"click","sms_sid":"%s","link":"https://x/\\ud83d",'
                  b'"account_sid":"%s","user_agent":"\xff","n":1e999}' % (
                      sid.encode(), ACCOUNT.encode()))
    assert (event["type"], event["message"], event["link"]) == ("Clicked", sid, "https://x/\ufffd")
    assert event["parameters"] == {"user_agent": "\ufffd", "n": {"raw": "1e999"}}


PAYLOAD = (rb'{"resource_sid":"@","error_code":11200.0,"x":99999999999999999999,"y":"\ud83d",'
           rb'"more_info":{"Msg":"late \udc00","k\u0000":1e999},'
           rb'"webhook":{"request":{"url":"https://other.example/x"},'
           rb'"response":{"status_code":5.02e2,"body":"\xff"}}}')


def alert_of(daemon, seq):
    alert, = [row for row in daemon.get("/v1/alerts?limit=1000")["alerts"] if row["seq"] == seq]
    return alert["error_code"], alert["resource"], alert["response_status"], alert["text"]


@pytest.mark.parametrize("nested", [False, True])
def test_an_odd_value_in_an_alerts_payload_affects_only_its_own_field(shared_daemon, nested):
    sid = new_sid()
    payload = PAYLOAD.replace(b"@", sid.encode())
    text = json.dumps(payload.decode("latin-1")).encode() if nested else payload
    event, = post(shared_daemon, b'{"type":"com.twilio.error-logs.error.logged","data":{"level":'
                  b'"ERROR","account_sid":"%s","payload":%s}}' % (ACCOUNT.encode(), text))
    assert alert_of(shared_daemon, event["seq"]) == (11200, sid, 502, "late \ufffd")


def test_an_odd_value_in_the_debuggers_payload_affects_only_its_own_field(shared_daemon):
    sid, daemon = new_sid(), shared_daemon
    daemon.keep("/sms/twilio?account=W", [
        ("Sid", new_sid("NO")), ("AccountSid", ACCOUNT), ("Level", "ERROR"),
        ("PayloadType", "application/json"),
        ("Payload", PAYLOAD.replace(b"@", sid.encode()).decode("latin-1"))])
    daemon.settle()
    seq, = daemon.sql("SELECT max(event_seq) FROM alert")[0]
    assert alert_of(daemon, seq) == (11200, sid, 502, "late \ufffd")


def test_an_alerts_payload_that_is_cut_is_read_up_to_the_cut(shared_daemon):
    sid, daemon = new_sid(), shared_daemon
    payload = json.dumps({"error_code": 11200, "resource_sid": sid, "more_info": {"Msg": "late"},
                          "webhook": {"response": {"status_code": 502, "body": "x" * 100}}})
    daemon.keep("/sms/twilio?account=W", [
        ("Sid", new_sid("NO")), ("AccountSid", ACCOUNT), ("Level", "ERROR"),
        ("PayloadType", "application/json"), ("Payload", payload[:-60])])
    daemon.settle()
    seq, = daemon.sql("SELECT max(event_seq) FROM alert")[0]
    assert alert_of(daemon, seq) == (11200, sid, 502, "late")


def test_counting_again_from_the_receipts_changes_nothing(shared_daemon):
    shared_daemon.audit()
    daemon = shared_daemon
    before = daemon.get("/v1/campaigns")
    daemon.cli("rebuild")
    daemon.audit()
    assert daemon.get("/v1/campaigns") == before
