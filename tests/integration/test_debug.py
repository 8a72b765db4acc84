"""[log] level = debug: one line a callback, that holds no secret, no body, and no number but its last digits."""

import re

import pytest

import harness
from harness import (ACCOUNT, SAMPLE_TARGET, TOKEN, new_sid, reply_params, signed_get, signed_json, signed_post,
                     status_params, until)

LINE = re.compile(
    r"debug: callback on (?P<route>\S+): (?P<method>\S+), (?P<bytes>\d+) bytes(?P<names>(?:, \w+ [^\s,:]+(?::[^\s,]+)?)*)"
    r": (?P<decision>.*), (?:answered (?P<status>\d+)|not answered); "
    r"admission (?P<admission>-|\d+ us), commit (?P<commit>-|\d+ us), total (?P<total>\d+) us")


def lines(daemon):
    return [match for match in map(LINE.search, daemon.log().splitlines()) if match]


def next_line(daemon, ask):
    before = len(lines(daemon))
    ask()
    until(lambda: len(lines(daemon)) > before, 10, "its line")
    found = lines(daemon)
    assert len(found) == before + 1
    return found[-1]


@pytest.fixture
def debug(make_daemon):
    return make_daemon({"log": {"level": "debug"}})


def test_a_stored_callback_is_shown_with_its_journal_number(debug):
    sid = new_sid()
    params = status_params(sid, "sent", number=9)
    line = next_line(debug, lambda: debug.keep(SAMPLE_TARGET, params))
    assert (line["route"], line["method"], line["status"]) == ("/sms/twilio", "POST", "204")
    assert f", account {ACCOUNT}, message {sid}" in line["names"] and ", to ..0009" in line["names"]
    assert line["decision"] == "stored, journal number 1"
    times = [int(line[name].split()[0]) for name in ("admission", "commit", "total")]
    assert times[0] + times[1] <= times[2] < 60_000_000
    line = next_line(debug, lambda: debug.keep(SAMPLE_TARGET, status_params(sid, "delivered", number=9)))
    assert line["decision"] == "stored, journal number 2"


def test_a_reply_shows_no_text_and_no_number(debug):
    line = next_line(debug, lambda: debug.keep(
        SAMPLE_TARGET, reply_params(new_sid(), "a very private text", number=12345), status=200))
    assert line["status"] == "200" and "from ..2345" in line["names"]
    log = debug.log()
    assert "private" not in log and harness.phone(12345)[2:] not in log and TOKEN not in log


def test_a_get_and_a_json_body_are_shown(debug):
    sid = new_sid()
    query = "&".join(f"{name}={value}" for name, value in {
        "AccountSid": ACCOUNT, "MessageSid": sid, "MessageStatus": "sent"}.items())
    line = next_line(debug, lambda: debug.ask(signed_get(f"/sms/twilio?{query}")))
    assert line["method"] == "GET" and f"message {sid}" in line["names"] and line["status"] == "204"
    line = next_line(debug, lambda: debug.ask(signed_json(
        "/sms/twilio", b'{"account_sid":"%s","link":"https://private.example"}' % ACCOUNT.encode())))
    assert "message" not in line["names"] and line["status"] == "204"
    assert "private.example" not in debug.log()


def test_a_refusal_has_its_cause_and_its_fate(debug):
    line = next_line(debug, lambda: debug.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), token="0" * 32)))
    assert line["decision"] == "refused (mismatch), quarantine: taken" and line["status"] == "403"
    assert line["commit"] == "-" and line["admission"] != "-"
    line = next_line(debug, lambda: debug.ask(signed_post("/nowhere", status_params(new_sid(), "sent"))))
    assert line["decision"] == "refused (no route), quarantine: taken" and line["status"] == "404"
    assert line["route"] == "-"


@pytest.mark.parametrize("value", ["\x1b[31m", "x\ndebug: callback on /forged", "+1555000\x000001", "SM" + "\n" * 32,
                                   "\u202e" * 30, "A" * 3000, "secret=" + TOKEN])
def test_nothing_of_an_untrusted_client_enters_the_log(debug, value):
    params = {"AccountSid": value, "MessageSid": value, "From": value, "To": value, "MessageStatus": value}
    line = next_line(debug, lambda: debug.ask(signed_post(SAMPLE_TARGET, params, token="0" * 32)))
    assert line["names"] == "" and line["status"] == "403"
    text = line.string
    assert "\x1b" not in text and "forged" not in text and TOKEN not in text and "AAAA" not in text


def test_the_level_is_changed_by_a_reload(make_daemon):
    daemon = make_daemon()
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    assert not lines(daemon)
    text = daemon.config.read_text()
    daemon.config.write_text(text + "\n[log]\nlevel = debug\n")
    daemon.cli("reload")
    next_line(daemon, lambda: daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent")))
    daemon.config.write_text(text)
    daemon.cli("reload")
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    daemon.settle()
    assert len(lines(daemon)) == 1
