"""Keywords: the answers to inbound messages, and messages that are never answered.

Answers are read with an XML parser, as Twilio does.
"""

import json
import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import urlencode

import pytest

import harness
import test_reload
from harness import (ERROR_CODES, SAMPLE_TARGET, new_sid, reply_params, signed_get, signed_post,
                     status_params)

INBOUND = "/v1/campaigns/outbound/sms/callbacks/mo/twilio"
WELCOME = 'Tom & "Jerry" say <hi> ]]> \u00e4\u20ac \U0001f389 &amp;'
HELP = "Call +1 555 0100, or reply STOP"
SETTINGS = {
    "keyword join": {"words": "join, beitreten, Прив\u0435т", "reply": WELCOME},
    "keyword quiet": {"words": "quiet"},
    "keyword stop": {"words": "arr\u00eat"},
    "keyword start": {"words": "oui"},
    "keyword HELP": {"reply": HELP},
}


@pytest.fixture(scope="module")
def keyword_daemon():
    import harness
    daemon = harness.Daemon(SETTINGS).start()
    yield daemon
    daemon.finish()


def texts_of(response):
    """The texts that are sent to the person."""
    assert response.status == 200, response
    assert response.header("Content-Type") == "text/xml"
    assert response.header("Cache-Control") == "no-store"
    assert int(response.header("Content-Length")) == len(response.body)
    root = ElementTree.fromstring(response.body)
    assert root.tag == "Response"
    assert all(child.tag == "Message" and len(child) == 0 for child in root)
    return [child.text for child in root]


def by_post(daemon, params, target=SAMPLE_TARGET):
    return daemon.ask(signed_post(target, params))


def by_get(daemon, params, target=SAMPLE_TARGET):
    mark = "&" if "?" in target else "?"
    return daemon.ask(signed_get(f"{target}{mark}{urlencode(params)}"), "GET")


BOTH = pytest.mark.parametrize("send", [by_post, by_get], ids=["post", "get"])
TARGETS = pytest.mark.parametrize("target", [SAMPLE_TARGET, INBOUND], ids=["auto", "inbound"])


@BOTH
@TARGETS
@pytest.mark.parametrize("body,reply", [
    ("join", WELCOME), ("JOIN", WELCOME), ("  Join! \r\n", WELCOME), ("\u00a0join.\u00a0", WELCOME),
    ("Beitreten", WELCOME), ("ПРИВЕТ", WELCOME), ("help", HELP), ("Info?", HELP),
    ("join us", None), ("joint", None), ("", None), ("hello", None), ("quiet", None),
    ("start", None), ("OUI", None)], ids=range(15))
def test_a_keyword_is_answered_with_its_reply(keyword_daemon, send, target, body, reply):
    response = send(keyword_daemon, reply_params(new_sid(), body), target)
    assert texts_of(response) == ([] if reply is None else [reply])


@BOTH
@TARGETS
@pytest.mark.parametrize("body,kind", [
    ("STOP", None), ("stop.", None), ("ARR\u00caT", None), ("unsubscribe", None), ("STOP", "STOP"),
    ("join", "STOP"), ("help", "STOP"), ("whatever", "STOP"), ("join", "stop"),
    ("STOP", "HELP"), ("arr\u00eat", "HELP")], ids=range(11))
def test_an_opt_out_is_never_answered(keyword_daemon, send, target, body, kind):
    params = reply_params(new_sid(), body, OptOutType=kind)
    response = send(keyword_daemon, params, target)
    assert texts_of(response) == []
    assert response.body == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


def test_what_twilio_says_is_answered(keyword_daemon):
    for body in ("aide", "join"):
        response = by_post(keyword_daemon, reply_params(new_sid(), body, OptOutType="HELP"))
        assert texts_of(response) == [HELP]
    response = by_post(keyword_daemon, reply_params(new_sid(), "join", OptOutType="START"))
    assert texts_of(response) == []


SERVICE = "MG0123456789abcdef0123456789abcdef"
PICTURE = "https://www.example.com/summer.jpg?a=1&b=2"
SCOPED = {
    "keyword join": {"words": "join", "reply": "Welcome"},
    "keyword join summer": {"words": "join, dabei", "countries": "49, +43", "media": PICTURE,
                            "reply": "Willkommen"},
    "keyword join picture": {"words": "join", "services": SERVICE, "media": PICTURE},
    "keyword join past": {"words": "join", "senders": "+15550100", "until": "2020-01-01",
                          "reply": "never"},
    "keyword join future": {"words": "later", "from": "2999-01-01T00:00:00+01:00",
                            "reply": "never"},
    "keyword vote": {"words": "join", "senders": "12345", "reply": "Voted"},
    "keyword stop de": {"words": "ende jetzt", "senders": "12345"},
    "keyword help de": {"countries": "49", "reply": "Hilfe"},
    "keyword other": {"words": "*", "countries": "49", "reply": "Was?"},
}


def children_of(response):
    assert response.status == 200, response
    return [(child.tag, child.text) for message in ElementTree.fromstring(response.body)
            for child in message]


@pytest.fixture(scope="module")
def scoped_daemon():
    import harness
    daemon = harness.Daemon(SCOPED).start()
    yield daemon
    daemon.finish()


GERMAN, AMERICAN = "+4915155500001", "+14155550101"


@pytest.mark.parametrize("body,params,text,media,keyword", [
    ("join", {}, "Welcome", None, "join"),
    ("Join!", {"From": GERMAN}, "Willkommen", PICTURE, "join"),
    ("DABEI", {"From": "whatsapp:" + GERMAN}, "Willkommen", PICTURE, "join"),
    ("dabei", {}, None, None, None),
    ("join", {"MessagingServiceSid": SERVICE, "From": GERMAN}, None, PICTURE, "join"),
    ("join", {"To": "12345", "MessagingServiceSid": SERVICE, "From": GERMAN}, "Voted", None, "vote"),
    ("join", {"To": "+15550100"}, "Welcome", None, "join"),
    ("later", {}, None, None, None),
    ("Help", {"From": GERMAN}, "Hilfe", None, "help"),
    ("Help", {}, None, None, "help"),
    ("ende jetzt", {"To": "12345", "From": GERMAN}, None, None, "stop"),
    ("ende jetzt", {"From": GERMAN}, None, None, None),
    ("STOP", {"To": "12345", "From": GERMAN}, None, None, "stop"),
    ("wie bitte?", {"From": GERMAN}, "Was?", None, None),
    ("bitte stop", {"From": GERMAN}, None, None, None),
    ("wie bitte?", {"From": "49123"}, None, None, None),
], ids=range(16))
def test_what_is_answered_is_what_is_recorded(scoped_daemon, body, params, text, media, keyword):
    sid = new_sid()
    response = by_post(scoped_daemon, {**reply_params(sid, body), "From": AMERICAN, **params})
    expected = [("Body", text)] if text and media else []
    expected += [("Media", media)] if media else []
    assert children_of(response) == expected
    if text and not media:
        assert texts_of(response) == [text]
    assert scoped_daemon.get(f"/v1/messages/{sid}")["receipts"][0]["keyword"] == keyword

    # The command shows the same.
    sender = {"To": reply_params(sid, body)["To"], "From": AMERICAN, **params}
    words = [body, "--to", sender["To"], "--from", sender["From"], "--json"]
    if "MessagingServiceSid" in sender:
        words += ["--service", sender["MessagingServiceSid"]]
    shown = json.loads(scoped_daemon.cli("keyword", *words).stdout)
    assert (shown["keyword"], shown["reply"], shown["media"]) == (keyword, text, media)


def test_scopes_are_printed_and_read_again(make_daemon, tmp_path):
    import harness
    daemon = make_daemon(SCOPED, start=False)
    daemon.write()
    first = daemon.cli("check-config", "--print").stdout
    assert "[keyword join summer]\nwords = join, dabei\nreply = Willkommen\n" \
        f"media = {PICTURE}\nsenders = \nservices = \ncountries = 49, 43\nfrom = \n" in first
    assert "from = 2998-12-31T23:00:00.000Z\n" in first
    again = tmp_path / "again.ini"
    again.write_text(first.replace("(set, not shown)", harness.TOKEN))
    assert harness.dlrd("check-config", "--print", "-c", str(again)).stdout == first


@pytest.mark.parametrize("sections,problem", [
    ({"keyword join x": {"words": "a", "from": "soon"}},
     '[keyword join x] from: "soon" is not a time; write 2026-12-24'),
    ({"keyword join": {"words": "a", "from": "2026-02-01", "until": "2026-02-01"}},
     "[keyword join] until: until is not later than from"),
    ({"keyword join": {"words": "a", "countries": "DE"}},
     '[keyword join] countries: "DE" is not a calling code'),
    ({"keyword join": {"words": "a", "countries": ","}}, "[keyword join] countries: has no value"),
    ({"keyword join": {"words": "a", "services": "AC1"}},
     '[keyword join] services: "AC1" is not a messaging service'),
    ({"keyword join": {"words": "a", "senders": "not a number or name"}},
     '[keyword join] senders: "not a number or name" is not a sender'),
    ({"keyword join": {"words": "a", "media": "file:///x"}},
     "[keyword join] media: is not a link that Twilio can fetch"),
    ({"keyword stop x": {"words": "a", "media": "https://example.com/x"}},
     "[keyword stop x] media: Twilio itself replies"),
    ({"keyword stop x": {"words": "a", "reply": "bye"}},
     "[keyword stop x] reply: Twilio itself replies"),
    ({"keyword stop x": {"words": "*"}}, '[keyword stop x] words: "*" would make stop of every'),
    ({"keyword x": {"words": "*"}}, '[keyword x] words: "*" recognises nothing'),
    ({"keyword a": {"words": "x", "senders": "12345"}, "keyword b": {"words": "X", "senders": "12345"}},
     '[keyword b] words: "X" is already listed, for a in [keyword a], which may apply'),
    ({"keyword stop": {"words": "x"}, "keyword b": {"words": "X", "senders": "12345"}},
     '[keyword b] words: "X" is already listed, for stop in [keyword stop]; a word of stop'),
], ids=range(13))
def test_a_limit_that_is_wrong_is_reported_at_its_line(make_daemon, sections, problem):
    daemon = make_daemon(sections, start=False)
    daemon.write()
    result = daemon.cli("check-config", check=False)
    assert result.returncode == 1
    lines = [line for line in (result.stderr + result.stdout).splitlines() if problem in line]
    assert len(lines) == 1 and lines[0].startswith(f"{daemon.config}:"), result.stderr


def test_a_text_is_explained_from_the_configuration_alone(make_daemon):
    daemon = make_daemon(SCOPED, start=False)
    daemon.write()
    sender = ["--to", "12345", "--from", GERMAN]
    shown = daemon.cli("keyword", " Join!", *sender).stdout
    assert shown == (
        "recognised  vote, by the word join of [keyword vote], without the white space or punctuation "
        "around it\n"
        "recorded    keyword vote\n"
        "answered    Voted\n"
        "section     [keyword join]: less specific\n"
        "section     [keyword join summer]: less specific\n"
        "section     [keyword join picture]: not for this service\n"
        "section     [keyword join past]: not for this sender\n"
        "section     [keyword vote]: counts, and answers\n")
    assert "recorded    keyword stop; opt-out, cause configured-keyword-tolerated\n" in \
        daemon.cli("keyword", "Ende jetzt.", *sender).stdout
    assert "near miss, for a person to read: STOP" in daemon.cli("keyword", "bitte stop", *sender).stdout
    to_past = ["join", "--to", "+15550100", "--from", "+1 (415) 555-0101"]
    assert "answered    never\n" in daemon.cli("keyword", *to_past, "--at", "2019-12-31T23:59:59Z").stdout
    assert "[keyword join past]: has ended\n" in daemon.cli("keyword", *to_past).stdout
    assert "as Twilio's OptOutType says" in \
        daemon.cli("keyword", "x", *sender, "--opt-out-type", "help").stdout
    escaped = daemon.cli("keyword", "\x1b[31m stop now", *sender).stdout
    assert "\x1b" not in escaped


@pytest.mark.parametrize("words,problem", [
    (["join", "--to", "12345"], "--from is missing"), (["join", "--from", GERMAN], "--to is missing"),
    (["--to", "12345", "--from", GERMAN], "the text of the message is missing"),
    (["a", "--to", "12345", "--from", "abc*"], '"abc*" is not an address; write a number'),
    (["a", "--to", "12345", "--from", GERMAN, "--service", "AC1"], "is not a messaging service"),
    (["a", "--to", "12345", "--from", GERMAN, "--at", "soon"], '"soon" is not a time'),
    (["a", "--to", "12345", "--from", GERMAN, "--opt-out-type", "x"], '"x" is not an OptOutType'),
], ids=range(7))
def test_a_text_that_cannot_be_explained_is_a_usage_error(make_daemon, words, problem):
    daemon = make_daemon(start=False)
    daemon.write()
    result = daemon.cli("keyword", *words, check=False)
    assert result.returncode == 2 and problem in result.stderr


def test_keywords_are_listed_with_their_scope_and_their_use(make_daemon):
    daemon = make_daemon({**SCOPED, "keyword old": {"words": "old"}})
    for body, sender in [("join", "+1"), ("JOIN", "12345"), ("join", GERMAN), ("stop", "+1"),
                         ("old", "+1"), ("what", GERMAN)]:
        by_post(daemon, {**reply_params(new_sid(), body), "From": GERMAN, "To": sender})
    test_reload.write(daemon, {"keyword old": None})
    daemon.cli("reload")
    harness.until(lambda: daemon.get("/v1/keywords")["keywords"][-1]["source"] == "removed")
    rows = daemon.get("/v1/keywords")["keywords"]
    assert [(row["keyword"], row["label"], row["source"], row["replies"]) for row in rows] == [
        ("stop", None, "twilio", 1), ("start", None, "twilio", 0), ("help", None, "twilio", 0),
        ("join", None, "configuration", 2), ("join", "summer", "configuration", 2),
        ("join", "picture", "configuration", 2), ("join", "past", "configuration", 2),
        ("join", "future", "configuration", 2), ("vote", None, "configuration", 1),
        ("stop", "de", "configuration", 1), ("help", "de", "configuration", 0),
        ("other", None, "configuration", None), ("old", None, "removed", 1)]
    summer = next(row for row in rows if row["label"] == "summer")
    assert summer["words"] == "join, dabei" and summer["countries"] == "49, 43"
    assert summer["media"] == PICTURE and summer["reply"] == "Willkommen"
    assert summer["first"] < summer["last"]
    past = next(row for row in rows if row["label"] == "past")
    assert (past["senders"], past["until"]) == ("+15550100", "2020-01-01T00:00:00.000Z")
    assert rows[0]["words"].startswith("STOP, STOPALL, ") and rows[0]["first"] == rows[0]["last"]

    none = daemon.get("/v1/keywords?to=2020-01-01")["keywords"]
    assert [row["replies"] for row in none] == [0] * 11 + [None]
    lines = daemon.cli("keywords", "--csv").stdout.splitlines()
    assert len(lines) == 14 and lines[0].startswith("keyword,label,source,words,senders,")
    assert "Willkommen" in daemon.cli("keywords").stdout


def test_the_use_of_keywords_is_counted_from_an_index(make_daemon):
    daemon = make_daemon({})
    daemon.get("/v1/keywords")
    source = (harness.ROOT / "src/query/keywords.c").read_text()
    sql = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"',
                             source.split("keywords_sql[] =")[1].split(";")[0]))
    plan = [row[3].decode() for row in daemon.sql(
        "EXPLAIN QUERY PLAN " + re.sub(r"\$[0-9]", "1", sql.replace('\\"', '"')))]
    assert any("USING COVERING INDEX event_keyword" in step for step in plan), plan
    assert not any(step.startswith("SCAN event") and "COVERING" not in step for step in plan), plan


def test_a_second_delivery_is_answered_the_same_and_counted_once(make_daemon):
    daemon = make_daemon(SETTINGS)
    params = reply_params(new_sid(), "join")
    answers = [by_post(daemon, params) for _ in range(3)]
    assert [texts_of(answer) for answer in answers] == [[WELCOME]] * 3
    assert len({answer.body for answer in answers}) == 1
    assert daemon.campaign()["replied"] == 1


def test_replies_and_other_answers_share_a_connection(keyword_daemon):
    with keyword_daemon.connect() as connection:
        for _ in range(20):
            said = connection.ask(signed_post(SAMPLE_TARGET, reply_params(new_sid(), "join")))
            assert texts_of(said) == [WELCOME]
            silent = connection.ask(signed_post(SAMPLE_TARGET, reply_params(new_sid(), "hi")))
            assert texts_of(silent) == []
            status = connection.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent")))
            assert (status.status, status.body) == (204, b"")


def test_many_waiting_replies_are_answered_each(keyword_daemon):
    """All in one commit, or nearly."""
    connections = [keyword_daemon.connect() for _ in range(40)]
    for number, connection in enumerate(connections):
        body = "join" if number % 2 else "help"
        connection.send(signed_post(SAMPLE_TARGET, reply_params(new_sid(), body, number)))
    for number, connection in enumerate(connections):
        assert texts_of(connection.read()) == [WELCOME if number % 2 else HELP]
        connection.close()


def test_the_text_of_a_message_that_was_sent_is_no_keyword(keyword_daemon):
    params = status_params(new_sid(), "sent", Body="join")
    assert by_post(keyword_daemon, params).status == 204
    assert texts_of(by_post(keyword_daemon, params, INBOUND)) == []


def test_a_refused_message_is_not_answered(keyword_daemon):
    response = keyword_daemon.ask(
        signed_post(SAMPLE_TARGET, reply_params(new_sid(), "join"), token="x" * 32))
    assert (response.status, response.body) == (403, b"")


def test_a_reply_closes_with_its_connection(keyword_daemon):
    with keyword_daemon.connect() as connection:
        response = connection.ask(signed_post(
            SAMPLE_TARGET, reply_params(new_sid(), "join"), headers=[("Connection", "close")]))
        assert texts_of(response) == [WELCOME]
        assert connection.at_end()


def test_a_reply_to_an_opt_out_cannot_be_configured(make_daemon):
    daemon = make_daemon({"keyword stop": {"reply": "bye"}}, start=False)
    daemon.write()
    result = daemon.cli("check-config", check=False)
    assert result.returncode == 1
    assert "[keyword stop] reply: Twilio itself replies" in result.stderr + result.stdout


def test_what_is_printed_is_read_again(make_daemon, tmp_path):
    import harness
    daemon = make_daemon(
        {**SETTINGS, "provider Example Mobile": {"senders": "+15550100, EXAMPLE"},
         "provider Rest": {"default": "yes"}}, start=False)
    daemon.write()
    first = daemon.cli("check-config", "--print").stdout
    assert f"reply = {WELCOME}\n" in first
    again = tmp_path / "again.ini"
    again.write_text(first.replace("(set, not shown)", harness.TOKEN))
    second = harness.dlrd("check-config", "--print", "-c", str(again))
    assert second.returncode == 0, second.stdout + second.stderr
    assert second.stdout == first


def test_own_rows_lie_over_the_error_codes(make_daemon, tmp_path):
    site = tmp_path / "site.csv"
    site.write_text("code,name,kind,permanence,action\n"
                    "30005,,,,Ask the list's owner.\n"
                    "999001,Ours,own,transient,Wait.\n")
    daemon = make_daemon({"store": {"error_codes": str(ERROR_CODES),
                                    "error_codes_site": str(site)}})
    found = {row["code"]: row for row in daemon.get("/v1/errors?limit=1000")["errors"]}
    assert found[30005]["name"] == "Unknown destination handset"
    assert found[30005]["action"] == "Ask the list's owner."
    assert (found[999001]["name"], found[999001]["kind"]) == ("Ours", "own")
    assert len(found) == 762


NEAR_MISSES = ["ARRET", "Stopp", "BAJA", "PARAR", "désabonner svp", "REMOVE", "unsub", "Отписаться",
               "退订", "quiero darme de baja", "Abmelden bitte"]
REACTIONS = ["Liked “Sale! Reply STOP to opt out”", "Loved \"Sale! Reply STOP to opt out\"",
             "Reacted 👍 to “Sale! Reply STOP to opt out”", "👍 to “Reply STOP to opt out”",
             "Removed a like from “Sale! Reply STOP to opt out”",
             "Le gustó “Sale! Reply STOP to opt out”", "A aimé « Reply STOP to opt out »",
             "Gefällt „Reply STOP to opt out“", "Curtiu “Reply STOP to opt out”"]


def test_an_opt_out_in_any_language_is_for_a_person_to_read_and_a_reaction_is_not(make_daemon):
    daemon = make_daemon()
    for number, body in enumerate(NEAR_MISSES + REACTIONS):
        assert texts_of(by_post(daemon, reply_params(new_sid(), body, number))) == []
    found = [row["body"] for row in daemon.get("/v1/near-misses?limit=1000")["near_misses"]]
    assert sorted(found) == sorted(NEAR_MISSES)
    assert daemon.get("/v1/optouts")["optouts"] == []
    shown = daemon.cli("optouts", "--near-misses").stdout
    assert "ARRET" in shown and "Liked" not in shown
