"""The message that a reply answers, and so the campaign in which it counts: from callback to view
`replies` and the campaigns' figures.

The tests do not wait for windows to pass: they stop the daemon, move arrivals in the journal to an
earlier time, and rebuild the store from it.
"""

import sqlite3
import time

import pytest

from harness import ACCOUNT, new_sid, reply_params, signed_json, status_params, target_for

BARE = "/sms/twilio"
A, B, C = "1700000001_20240101", "1700000002_20240101", "1700000003_20240101"
SENDER, OTHER_SENDER = "+15017712661", "+15017712662"
SERVICE, OTHER_SERVICE = "MG0123456789abcdef0123456789abcdef", "MGfedcba9876543210fedcba9876543210"
NOTHING = ("none", 0, None, "")


def text(daemon, campaign, *statuses, number=1, sender=SENDER, **more):
    """A message of the campaign with callbacks for the statuses; ("failed", 30005) has a code."""
    sid = new_sid()
    report(daemon, sid, campaign, *(statuses or ["sent"]), number=number, sender=sender, **more)
    return sid


def report(daemon, sid, campaign, *statuses, number=1, sender=SENDER, **more):
    for status in statuses:
        status, code = status if isinstance(status, tuple) else (status, None)
        target = BARE if campaign is None else target_for(campaign)
        daemon.keep(target, status_params(sid, status, code, number, From=sender, **more))


def answer(daemon, body="hello", number=1, to=SENDER, target=BARE, sid=None, **more):
    sid = sid or new_sid()
    daemon.keep(target, reply_params(sid, body, number, To=to, **more), 200)
    return sid


def attribution(daemon, reply):
    """(rule, candidates, the message it answers, its campaign)"""
    daemon.settle()
    row, = daemon.sql("SELECT rule, candidates, answers, campaign FROM replies WHERE message = ?",
                      reply)
    found = tuple(value.decode() if isinstance(value, bytes) else value for value in row)
    assert daemon.get(f"/v1/messages/{reply}")["campaign"] == found[3]
    event, = [event for event in daemon.events() if event["message"] == reply]
    assert event["campaign"] == found[3]
    return found


def figure(daemon, name):
    """The figure of every campaign that has it."""
    return {row["campaign"]: row[name]
            for row in daemon.get("/v1/campaigns?limit=100")["campaigns"] if row[name]}


def move_back(daemon, words, minutes):
    """Moves the arrival of callbacks whose body has these words, such as a SID, back by so much."""
    assert daemon.terminate() == 0
    with sqlite3.connect(daemon.store / "journal.db") as journal:
        moved = journal.execute(
            "UPDATE entry SET received_us = received_us - ? WHERE instr(body, ?) > 0",
            (minutes * 60_000_000, words.encode())).rowcount
    journal.close()
    assert moved > 0
    for path in daemon.store.glob("dlrd.db*"):
        path.unlink()
    daemon.start()


@pytest.fixture
def one(daemon):
    """A daemon whose figures are recounted at the end."""
    yield daemon
    daemon.audit()


# --- a message before the reply ---


def test_a_reply_answers_the_latest_message_to_its_person(one):
    text(one, A)
    latest = text(one, A)
    reply = answer(one)
    assert attribution(one, reply) == ("latest", 1, latest, A)
    assert figure(one, "replied") == {A: 1}


def test_of_two_campaigns_the_later_is_answered_and_both_are_reported(one):
    text(one, A)
    latest = text(one, B)
    reply = answer(one)
    assert attribution(one, reply) == ("latest", 2, latest, B)
    assert figure(one, "replied") == {B: 1}


def test_a_later_receipt_does_not_make_an_older_message_the_latest(one):
    older = text(one, A)
    latest = text(one, B)
    report(one, older, A, "delivered", "read")
    assert attribution(one, answer(one)) == ("latest", 2, latest, B)


def test_a_message_after_the_reply_takes_nothing_from_the_one_before(one):
    before = text(one, A)
    reply = answer(one)
    text(one, B)
    assert attribution(one, reply) == ("latest", 1, before, A)
    later = answer(one)
    assert attribution(one, later)[3] == B
    assert figure(one, "replied") == {A: 1, B: 1}


@pytest.mark.parametrize("to_other", [{"number": 2}, {"sender": OTHER_SENDER}],
                         ids=["person", "sender"])
def test_what_was_sent_to_another_or_by_another_is_not_answered(one, to_other):
    text(one, A, **to_other)
    reply = answer(one)
    assert attribution(one, reply) == NOTHING
    assert figure(one, "replied") == {"": 1}


def test_a_service_is_answered_at_whichever_of_its_numbers(one):
    sent = text(one, A, MessagingServiceSid=SERVICE)
    reply = answer(one, to=OTHER_SENDER, MessagingServiceSid=SERVICE)
    assert attribution(one, reply) == ("latest", 1, sent, A)


def test_a_service_that_is_another_is_not_answered_but_the_same_number_is(one):
    sent = text(one, A, MessagingServiceSid=SERVICE)
    other = answer(one, to=OTHER_SENDER, MessagingServiceSid=OTHER_SERVICE)
    same = answer(one, to=SENDER, MessagingServiceSid=OTHER_SERVICE)
    without = answer(one, to=SENDER)
    assert attribution(one, other) == NOTHING
    assert attribution(one, same) == attribution(one, without) == ("latest", 1, sent, A)


def test_a_message_of_a_service_without_a_sender_yet_is_answered_by_its_service(one):
    sid = new_sid()
    params = status_params(sid, "queued", MessagingServiceSid=SERVICE)
    del params["From"]
    one.keep(target_for(A), params)
    assert attribution(one, answer(one, MessagingServiceSid=SERVICE)) == ("latest", 1, sid, A)


def test_who_was_texted_by_rcs_and_answers_by_sms_is_the_same_person(one):
    params = status_params(new_sid(), "delivered", From="rcs:brand", MessagingServiceSid=SERVICE)
    one.keep(target_for(A), {**params, "To": f"rcs:{params['To']}"})
    reply = answer(one, MessagingServiceSid=SERVICE)
    assert attribution(one, reply) == ("latest", 1, params["MessageSid"], A)


def test_variants_keep_their_replies(one):
    for variant, number in (("a", 1), ("b", 2), ("b", 3)):
        sid = new_sid()
        one.keep(target_for(A, "W", variant), status_params(sid, "sent", number=number,
                                                            From=SENDER))
        answer(one, number=number)
    one.settle()
    assert one.sql("SELECT variant, replied FROM campaign_stats WHERE campaign = ?"
                   " ORDER BY variant", A) == [(b"a", 1), (b"b", 2)]
    assert one.sql("SELECT sender, replied FROM provider_stats WHERE replied > 0") == [
        (SENDER.encode(), 3)]


# --- the campaign from Twilio or from the URL ---


def test_the_message_that_twilio_names_is_answered_though_another_is_later(one):
    named = text(one, A)
    text(one, B)
    reply = answer(one, OriginalRepliedMessageSid=named)
    assert attribution(one, reply) == ("original", 1, named, A)
    assert figure(one, "replied") == {A: 1}


def test_the_message_that_twilio_names_is_answered_also_at_another_number(one):
    named = text(one, A, number=2, sender=OTHER_SENDER)
    reply = answer(one, OriginalRepliedMessageSid=named)
    assert attribution(one, reply) == ("original", 1, named, A)


def test_a_named_message_that_arrives_later_takes_the_reply(one):
    latest, named = text(one, B), new_sid()
    reply = answer(one, "STOP", OriginalRepliedMessageSid=named)
    assert attribution(one, reply) == ("latest", 1, latest, B)
    report(one, named, A, "delivered")
    assert attribution(one, reply) == ("original", 1, named, A)
    assert figure(one, "replied") == figure(one, "opted_out") == {A: 1}


def test_a_named_message_that_is_a_reply_itself_is_not_answered(one):
    latest = text(one, A)
    first = answer(one)
    second = answer(one, OriginalRepliedMessageSid=first)
    assert attribution(one, second) == ("latest", 1, latest, A)


def test_tags_in_the_reply_s_own_url_count_more_than_the_latest_message(one):
    text(one, A)
    reply = answer(one, target=target_for(C))
    assert attribution(one, reply) == ("tags", 1, None, C)
    assert figure(one, "replied") == {C: 1}


def test_the_message_that_twilio_names_counts_more_than_the_url_s_tags(one):
    """It counts there; the event is shown under the tags that it came with."""
    named = text(one, A)
    reply = answer(one, target=target_for(C), OriginalRepliedMessageSid=named)
    assert one.get(f"/v1/messages/{reply}")["campaign"] == A
    assert figure(one, "replied") == {A: 1}
    assert one.sql("SELECT rule, campaign, answers FROM replies") == [
        (b"original", A.encode(), named.encode())]
    assert [event["campaign"] for event in one.events() if event["message"] == reply] == [C]


# --- a message that becomes known after the reply ---


def early():
    """RawDlrDoneDate of an hour ago."""
    return time.strftime("%y%m%d%H%M", time.gmtime(time.time() - 3600))


def test_a_message_cannot_be_answered_before_it_was_sent(one):
    """The tagged answer to a keyword is no campaign that the keyword replies to."""
    replies = [answer(one, "JOIN", number=1), answer(one, "STOP", number=2)]
    for number in (1, 2):
        text(one, A, "queued", "sent", "delivered", number=number)
    assert [attribution(one, reply) for reply in replies] == [NOTHING, NOTHING]
    assert figure(one, "replied") == {"": 2} and figure(one, "opted_out") == {"": 1}
    # Nor if the carrier's time is in the minute of the reply, or later.
    for minutes in (0, 5):
        text(one, A, "delivered", number=1, RawDlrDoneDate=time.strftime(
            "%y%m%d%H%M", time.gmtime(time.time() + 60 * minutes)))
    assert attribution(one, replies[0]) == NOTHING


@pytest.mark.parametrize("status,seconds,claims", [
    ("sent", -60, True), ("delivered", -1, True), ("queued", -60, False), ("sent", 60, False)])
def test_a_time_of_event_streams_shows_whether_a_message_was_sent_before_the_reply(
        one, status, seconds, claims):
    reply, sid = answer(one), new_sid()
    when = time.time() + seconds
    one.ask(signed_json(target_for(A), [{
        "specversion": "1.0", "type": f"com.twilio.messaging.message.{status}", "source": "x",
        "id": "EZ1", "data": {
            "accountSid": ACCOUNT, "messageSid": sid, "messageStatus": status.upper(),
            "from": SENDER, "to": "+15550000001",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(when))}}]))
    assert attribution(one, reply) == (("late", 1, sid, A) if claims else NOTHING)


def test_a_reply_that_overtook_its_message_s_receipt_is_claimed_by_it(one):
    reply = answer(one, "STOP")
    assert attribution(one, reply) == NOTHING
    assert figure(one, "replied") == figure(one, "opted_out") == {"": 1}
    sent = text(one, A, "delivered", RawDlrDoneDate=early())
    assert attribution(one, reply) == ("late", 1, sent, A)
    assert figure(one, "replied") == figure(one, "opted_out") == {A: 1}


def test_the_first_message_after_a_reply_claims_it_and_keeps_it(one):
    reply = answer(one)
    first = text(one, A, RawDlrDoneDate=early())
    text(one, B, RawDlrDoneDate=early())
    assert attribution(one, reply) == ("late", 2, first, A)
    assert figure(one, "replied") == {A: 1}


def test_a_click_claims_a_reply_as_a_receipt_does(one):
    reply, sid = answer(one), new_sid()
    one.ask(signed_json(target_for(A), {
        "event_type": "click", "sms_sid": sid, "to": "+15550000001", "from": SENDER,
        "link": "https://example.com", "click_time": "2024-05-17T10:20:30Z",
        "account_sid": ACCOUNT}))
    assert attribution(one, reply) == ("late", 1, sid, A)


def test_a_message_whose_campaign_is_known_later_takes_its_replies_along(one):
    sid = text(one, None)
    reply = answer(one)
    assert attribution(one, reply) == ("latest", 1, sid, "")
    report(one, sid, A, "delivered")
    assert attribution(one, reply) == ("latest", 1, sid, A)
    assert figure(one, "replied") == {A: 1}


def test_nothing_is_claimed_where_late_claims_are_off_and_all_of_it_when_they_are_on(make_daemon):
    daemon = make_daemon({"replies": {"late": "0s", "window": "1m"}})
    reply = answer(daemon)
    sent = text(daemon, A, RawDlrDoneDate=early())
    assert attribution(daemon, reply) == NOTHING
    assert attribution(daemon, answer(daemon)) == ("latest", 1, sent, A)
    daemon.audit()
    daemon.sections["replies"]["late"] = "15m"
    daemon.restart()
    assert attribution(daemon, reply) == ("late", 1, sent, A)
    assert figure(daemon, "replied") == {A: 2}
    daemon.audit()


# --- how long ---


@pytest.mark.parametrize("window,minutes,answered", [
    ("1m", 2, False), ("1h", 59, True), ("1h", 61, False), ("7d", 7 * 1440 - 1, True),
    ("7d", 7 * 1440 + 1, False)])
def test_a_message_is_answered_within_the_window_and_not_after_it(
        make_daemon, window, minutes, answered):
    daemon = make_daemon({"replies": {"window": window}, "store": {"journal_keep": "100d"}})
    sent = text(daemon, A)
    reply = answer(daemon, "STOP")
    move_back(daemon, sent, minutes)
    assert attribution(daemon, reply) == (("latest", 1, sent, A) if answered else NOTHING)
    assert figure(daemon, "opted_out") == {A if answered else "": 1}
    daemon.audit()


@pytest.mark.parametrize("late,minutes,claimed", [
    ("15m", 14, True), ("15m", 16, False), ("2h", 119, True), ("2h", 121, False)])
def test_a_message_claims_the_replies_of_a_time_before_it_and_no_older_ones(
        make_daemon, late, minutes, claimed):
    daemon = make_daemon({"replies": {"late": late}})
    reply = answer(daemon, "STOP")
    sent = text(daemon, A, RawDlrDoneDate="2308102223")
    move_back(daemon, reply, minutes)
    assert attribution(daemon, reply) == (("late", 1, sent, A) if claimed else NOTHING)
    assert figure(daemon, "opted_out") == {A if claimed else "": 1}
    daemon.audit()


def test_only_campaigns_within_the_window_are_candidates(make_daemon):
    daemon = make_daemon({"replies": {"window": "1h"}})
    old = text(daemon, A)
    latest = text(daemon, B)
    reply = answer(daemon)
    move_back(daemon, old, 61)
    assert attribution(daemon, reply) == ("latest", 1, latest, B)
    daemon.audit()


def test_another_window_after_a_restart_settles_the_old_replies_anew(make_daemon):
    daemon = make_daemon({"replies": {"window": "1h"}})
    sent = text(daemon, A)
    reply = answer(daemon)
    move_back(daemon, sent, 90)
    seen = []
    for window in ("1h", "2h", "1h"):
        daemon.sections["replies"]["window"] = window
        daemon.restart()
        seen.append((attribution(daemon, reply)[0], figure(daemon, "replied")))
        daemon.audit()
    assert seen == [("none", {"": 1}), ("latest", {A: 1}), ("none", {"": 1})]


def test_the_message_that_twilio_names_is_answered_however_old_it_is(make_daemon):
    daemon = make_daemon({"replies": {"window": "1m"}})
    named = text(daemon, A)
    reply = answer(daemon, OriginalRepliedMessageSid=named)
    move_back(daemon, f"&MessageSid={named}", 120)  # and not the reply, which names it, too
    assert attribution(daemon, reply) == ("original", 1, named, A)
    daemon.audit()


# --- messages that failed ---


def test_a_failed_message_is_not_answered_where_another_is(one):
    reached = text(one, A, "sent", "delivered")
    text(one, B, ("failed", 30005))
    assert attribution(one, answer(one)) == ("latest", 2, reached, A)
    assert figure(one, "replied") == {A: 1}


def test_a_failed_message_is_answered_where_there_is_no_other(one):
    failed = text(one, A, ("undelivered", 30003))
    assert attribution(one, answer(one)) == ("latest", 1, failed, A)


def test_a_message_that_turns_out_to_have_failed_gives_its_reply_back(one):
    reached = text(one, A)
    failed = text(one, B)
    reply = answer(one, "STOP")
    assert attribution(one, reply) == ("latest", 2, failed, B)
    report(one, failed, B, ("undelivered", 30005))
    assert attribution(one, reply) == ("latest", 2, reached, A)
    assert figure(one, "replied") == figure(one, "opted_out") == {A: 1}
    report(one, failed, B, "delivered")
    assert attribution(one, reply) == ("latest", 2, failed, B)


def test_a_message_that_twilio_names_is_answered_though_it_failed(one):
    named = text(one, A, ("undelivered", 30005))
    text(one, B, "delivered")
    reply = answer(one, OriginalRepliedMessageSid=named)
    assert attribution(one, reply) == ("original", 1, named, A)


# --- replies that answer nothing ---


def test_a_reply_of_a_person_who_was_never_texted_is_stored_without_a_campaign(one):
    reply = answer(one)
    assert attribution(one, reply) == NOTHING
    assert figure(one, "replied") == {"": 1}
    assert one.get("/v1/events?type=Replied")["events"][0]["message"] == reply


def test_an_answer_to_an_answer_is_none(one):
    """A person's own messages are not among what was sent to them."""
    first = answer(one)
    second = answer(one)
    assert attribution(one, first) == attribution(one, second) == NOTHING


def test_a_reply_again_changes_nothing(one):
    text(one, A)
    reply = answer(one, "STOP")
    before = attribution(one, reply)
    text(one, B)
    answer(one, "STOP", sid=reply)
    assert attribution(one, reply) == before
    assert figure(one, "replied") == figure(one, "opted_out") == {A: 1}


# --- what follows ---


def test_a_stop_counts_in_the_campaign_that_it_answers_once_for_each_reply(one):
    text(one, A, number=1)
    text(one, B, number=2)
    for number, body in ((1, "STOP"), (1, "Stop."), (2, "hello"), (2, "START"), (3, "STOP")):
        answer(one, body, number=number)
    assert figure(one, "replied") == {A: 2, B: 2, "": 1}
    assert figure(one, "opted_out") == {A: 2, "": 1}
    rows = one.sql("SELECT number, scope, state FROM optouts ORDER BY number")
    assert rows == [(b"+15550000001", SENDER.encode(), b"out"),
                    (b"+15550000002", SENDER.encode(), b"in"),
                    (b"+15550000003", SENDER.encode(), b"out")]


def test_attributions_outlive_a_restart(one):
    text(one, A)
    replies = [answer(one), answer(one, OriginalRepliedMessageSid=text(one, B)),
               answer(one, number=2), answer(one, number=3)]
    text(one, C, number=3, RawDlrDoneDate=early())
    before = [attribution(one, reply) for reply in replies]
    assert [row[0] for row in before] == ["latest", "original", "none", "late"]
    one.restart()
    assert [attribution(one, reply) for reply in replies] == before
