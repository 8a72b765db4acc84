"""The figures count as documented: ranks, duplicates, conflicts, codes, replies, tags, and any order."""

import json
import random
import sqlite3
from urllib.parse import quote

import pytest

import harness
from harness import (ACCOUNT, CAMPAIGN, META, SAMPLE_TARGET, new_sid, reply_params, scaled,
                     signed_get, signed_json, signed_post, status_params, target_for)

INBOUND = "/v1/campaigns/outbound/sms/callbacks/mo/twilio"
FIGURES = ["messages", "sent", "delivered", "failed", "read", "replied", "clicked", "opted_out",
           "pending"]


def figures(daemon, campaign=CAMPAIGN):
    found = daemon.campaign(campaign)
    return {key: found[key] for key in FIGURES if found[key]}


def send(daemon, sid, *statuses, **more):
    """One receipt for each status; ("failed", 30005) has a code."""
    for status in statuses:
        status, code = status if isinstance(status, tuple) else (status, None)
        daemon.keep(SAMPLE_TARGET, status_params(sid, status, code, **more))


def status_of(daemon, sid):
    return daemon.get(f"/v1/messages/{sid}")["status"]


def errors_of(daemon, campaign=CAMPAIGN):
    return {row["code"]: row["count"]
            for row in daemon.get(f"/v1/campaigns/{campaign}/errors")["errors"]}


# --- one message ---


@pytest.mark.parametrize("statuses,status,want", [
    (["accepted"], "accepted", {"messages": 1}),
    (["scheduled"], "scheduled", {"messages": 1}),
    (["queued"], "queued", {"messages": 1}),
    (["sending"], "sending", {"messages": 1}),
    (["sent"], "sent", {"messages": 1, "sent": 1, "pending": 1}),
    (["partially_delivered"], "sent", {"messages": 1, "sent": 1, "pending": 1}),
    (["partially_delivered", "sent"], "sent", {"messages": 1, "sent": 1, "pending": 1}),
    (["queued", "partially_delivered", "delivered"], "delivered",
     {"messages": 1, "sent": 1, "delivered": 1}),
    (["delivered"], "delivered", {"messages": 1, "sent": 1, "delivered": 1}),
    (["undelivered"], "undelivered", {"messages": 1, "sent": 1, "failed": 1}),
    (["failed"], "failed", {"messages": 1, "failed": 1}),
    (["canceled"], "canceled", {"messages": 1}),
    (["read"], "read", {"messages": 1, "sent": 1, "delivered": 1, "read": 1}),
    (["scheduled", "canceled"], "canceled", {"messages": 1}),
    (["queued", "sending", "sent", "delivered", "read"], "read",
     {"messages": 1, "sent": 1, "delivered": 1, "read": 1}),
    (["read", "delivered", "sent", "sending", "queued"], "read",
     {"messages": 1, "sent": 1, "delivered": 1, "read": 1}),
    (["delivered", "sent"], "delivered", {"messages": 1, "sent": 1, "delivered": 1}),
    (["failed", "queued"], "failed", {"messages": 1, "failed": 1}),
    (["undelivered", "sent"], "undelivered", {"messages": 1, "sent": 1, "failed": 1}),
    (["sent", "queued", "accepted"], "sent", {"messages": 1, "sent": 1, "pending": 1}),
    (["DELIVERED"], "delivered", {"messages": 1, "sent": 1, "delivered": 1}),
], ids=lambda value: "-".join(value) if isinstance(value, list) else "")
def test_a_status_counts_for_what_it_says(daemon, statuses, status, want):
    sid = new_sid()
    send(daemon, sid, *statuses)
    assert status_of(daemon, sid) == status
    assert figures(daemon) == want
    daemon.audit()


def test_partially_delivered_is_sent_and_kept_as_it_came(daemon):
    sid, other = new_sid(), new_sid()
    send(daemon, sid, "Partially_Delivered", "sent")
    body = {"type": "com.twilio.messaging.message.partially_delivered", "id": "EZ1", "data": {
        "messageSid": other, "accountSid": ACCOUNT, "messageStatus": "PARTIALLY_DELIVERED"}}
    assert daemon.ask(signed_json(SAMPLE_TARGET, body)).status == 204
    assert [(event["type"], event["status"]) for event in daemon.events()] == [
        ("Sent", "partially_delivered"), ("Sent", "sent"), ("Sent", "partially_delivered")]
    assert figures(daemon) == {"messages": 2, "sent": 2, "pending": 2}
    daemon.cli("rebuild")
    assert figures(daemon) == {"messages": 2, "sent": 2, "pending": 2}
    daemon.audit()


def test_a_late_lower_status_is_kept_as_a_receipt_and_moves_nothing(daemon):
    sid = new_sid()
    send(daemon, sid, "delivered")
    before = figures(daemon)
    send(daemon, sid, "sent", "queued")
    assert figures(daemon) == before
    message = daemon.get(f"/v1/messages/{sid}")
    assert [row["status"] for row in message["receipts"]] == ["delivered", "sent", "queued"]


@pytest.mark.parametrize("sid_names", [("MessageSid",), ("SmsSid",), ("MessageSid", "SmsSid")])
def test_a_message_is_known_by_its_message_sid_or_its_alias(daemon, sid_names):
    sid = new_sid()
    for status in ("sent", "delivered"):
        params = status_params(sid, status)
        for name in ("MessageSid", "SmsSid"):
            if name not in sid_names:
                del params[name]
        daemon.keep(SAMPLE_TARGET, params)
    assert figures(daemon) == {"messages": 1, "sent": 1, "delivered": 1}


@pytest.mark.parametrize("prefix", ["SM", "MM"])
def test_sms_and_mms_sids_are_the_same_to_it(daemon, prefix):
    sid = new_sid(prefix)
    send(daemon, sid, "delivered")
    assert status_of(daemon, sid) == "delivered"


def test_delivery_rate_is_of_those_with_a_final_word_and_null_before(daemon):
    send(daemon, new_sid(), "sent")
    assert daemon.campaign()["delivery_rate"] is None
    for _ in range(3):
        send(daemon, new_sid(), "delivered")
    send(daemon, new_sid(), ("undelivered", 30003))
    assert daemon.campaign()["delivery_rate"] == 0.75


# --- duplicates ---


def test_the_same_receipt_again_is_answered_alike_and_counted_only_as_a_duplicate(daemon):
    params = status_params(new_sid(), "undelivered", 30005, RawDlrDoneDate="2308101230")
    for _ in range(4):
        daemon.keep(SAMPLE_TARGET, params)
    assert figures(daemon) == {"messages": 1, "sent": 1, "failed": 1}
    assert len(daemon.events()) == 1
    assert errors_of(daemon) == {30005: 1}
    assert daemon.metric("dlrd_duplicates_total") == 3
    daemon.audit()


@pytest.mark.parametrize("change", [{"ErrorCode": "30006"}, {"RawDlrDoneDate": "2308101231"},
                                    {"MessageStatus": "failed", "SmsStatus": "failed"}],
                         ids=["code", "done-date", "status"])
def test_a_receipt_that_differs_in_what_counts_is_no_duplicate(daemon, change):
    params = status_params(new_sid(), "undelivered", 30005, RawDlrDoneDate="2308101230")
    daemon.keep(SAMPLE_TARGET, params)
    daemon.keep(SAMPLE_TARGET, {**params, **change})
    assert len(daemon.events()) == 2
    assert daemon.metric("dlrd_duplicates_total") == 0
    assert daemon.campaign()["failed"] == 1


def test_a_duplicate_is_known_also_by_get_in_another_order_and_after_a_restart(daemon):
    sid = new_sid()
    params = status_params(sid, "delivered")
    daemon.keep(SAMPLE_TARGET, params)
    daemon.keep(SAMPLE_TARGET, dict(reversed(params.items())))
    daemon.restart()
    daemon.keep(SAMPLE_TARGET, params)
    query = "&".join(f"{name}={quote(value)}" for name, value in params.items())
    assert daemon.ask(signed_get(f"{SAMPLE_TARGET}&{query}"), "GET").status == 204
    assert len(daemon.events()) == 1
    assert daemon.campaign()["delivered"] == 1


# --- conflicts ---

CONFLICTS = [
    ("delivered-wins", ["delivered", "undelivered"], "delivered"),
    ("delivered-wins", ["undelivered", "delivered"], "delivered"),
    ("delivered-wins", ["failed", "undelivered"], "undelivered"),
    ("failure-wins", ["delivered", "undelivered"], "undelivered"),
    ("failure-wins", ["undelivered", "delivered"], "undelivered"),
    ("failure-wins", ["delivered", "canceled"], "delivered"),
    ("first-final", ["delivered", "undelivered"], "delivered"),
    ("first-final", ["undelivered", "delivered"], "undelivered"),
    ("first-final", ["sent", "failed", "delivered", "undelivered"], "failed"),
]


@pytest.mark.parametrize("policy,statuses,winner", CONFLICTS, ids=[
    f"{policy}-{'-'.join(statuses)}" for policy, statuses, _ in CONFLICTS])
def test_two_final_words_are_settled_by_the_policy_and_counted(
        make_daemon, policy, statuses, winner):
    daemon = make_daemon({"store": {"conflicts": policy}})
    sid = new_sid()
    send(daemon, sid, *statuses)
    message = daemon.get(f"/v1/messages/{sid}")
    assert (message["status"], message["conflict"]) == (winner, True)
    campaign = daemon.campaign()
    assert campaign["delivered"] == (winner == "delivered")
    assert campaign["failed"] == (winner in ("failed", "undelivered"))
    assert daemon.metric("dlrd_conflicts_total") == 1
    daemon.audit()


def test_the_same_final_word_twice_is_no_conflict(daemon):
    sid = new_sid()
    send(daemon, sid, ("undelivered", 30003), ("undelivered", 30005), "sent")
    assert daemon.get(f"/v1/messages/{sid}")["conflict"] is False
    assert daemon.metric("dlrd_conflicts_total") == 0


def test_a_restart_with_another_policy_counts_anew(make_daemon):
    daemon = make_daemon()
    first, second = new_sid(), new_sid()
    send(daemon, first, "delivered", ("undelivered", 30003))
    send(daemon, second, ("undelivered", 30005), "delivered")
    seen = []
    for policy in ("delivered-wins", "failure-wins", "first-final", "delivered-wins"):
        daemon.sections["store"]["conflicts"] = policy
        daemon.restart()
        found = figures(daemon)
        seen.append((policy, found.get("delivered", 0), found.get("failed", 0)))
        daemon.audit()
    assert seen == [("delivered-wins", 2, 0), ("failure-wins", 0, 2), ("first-final", 1, 1),
                    ("delivered-wins", 2, 0)]
    assert errors_of(daemon) == {}


# --- error codes ---


def test_an_error_code_on_a_delivered_receipt_is_no_failure(daemon):
    send(daemon, new_sid(), ("delivered", 30008))
    assert figures(daemon) == {"messages": 1, "sent": 1, "delivered": 1}
    assert errors_of(daemon) == {}
    assert daemon.events()[0]["error_code"] == 30008


def test_a_failure_without_a_code_is_a_row_with_null(daemon):
    send(daemon, new_sid(), "undelivered")
    send(daemon, new_sid(), ("failed", 30003))
    assert errors_of(daemon) == {None: 1, 30003: 1}
    answer = daemon.get(f"/v1/campaigns/{CAMPAIGN}/errors")
    assert answer["failed"] == 2
    assert all(row["share"] == 0.5 for row in answer["errors"])
    assert next(row for row in answer["errors"] if row["code"] is None)["name"] is None


def test_a_code_that_came_once_is_not_lost_to_a_later_receipt_without(daemon):
    sid = new_sid()
    send(daemon, sid, ("undelivered", 30005), "failed")
    assert errors_of(daemon) == {30005: 1}


def test_the_last_code_seen_counts(daemon):
    sid = new_sid()
    send(daemon, sid, ("undelivered", 30005), ("undelivered", 30006))
    assert errors_of(daemon) == {30006: 1}
    daemon.audit()


def test_an_unknown_code_is_a_row_of_its_own(daemon):
    send(daemon, new_sid(), ("failed", 39999))
    send(daemon, new_sid(), ("failed", 39998))
    assert errors_of(daemon) == {39999: 1, 39998: 1}
    rows = daemon.get(f"/v1/campaigns/{CAMPAIGN}/errors")["errors"]
    assert all(row["name"] is None and row["kind"] is None for row in rows)
    assert daemon.metric("dlrd_unknown_error_codes_total") == 2


@pytest.mark.parametrize("code", ["abc", "", "0", "-30005", "99999999999999999999", "30005x", " "])
def test_a_code_that_is_none_is_kept_as_text_and_counted_without(daemon, code):
    send(daemon, new_sid(), ("undelivered", code))
    assert errors_of(daemon) == {None: 1}
    if code:
        sid = daemon.events()[0]["message"]
        receipt = daemon.get(f"/v1/messages/{sid}")["receipts"][0]
        assert receipt["parameters"]["ErrorCode"] == code


def test_errors_are_sorted_by_how_often_and_their_shares_add_up(daemon):
    for code, count in ((30003, 5), (30005, 2), (30007, 8)):
        for _ in range(count):
            send(daemon, new_sid(), ("undelivered", code))
    rows = daemon.get(f"/v1/campaigns/{CAMPAIGN}/errors")["errors"]
    assert [(row["code"], row["count"]) for row in rows] == [(30007, 8), (30003, 5), (30005, 2)]
    assert sum(row["share"] for row in rows) == pytest.approx(1)


# --- unknown values ---


def test_an_unknown_status_is_kept_as_unrecognised_and_moves_no_figure(daemon):
    sid = new_sid()
    send(daemon, sid, "delivered", "teleported")
    events = daemon.events()
    assert [event["type"] for event in events] == ["Delivered", "Unrecognised"]
    assert events[1]["status"] == "teleported"
    assert figures(daemon) == {"messages": 1, "sent": 1, "delivered": 1}
    assert status_of(daemon, sid) == "delivered"
    daemon.audit()


def test_an_unknown_status_is_logged_once_and_escaped(daemon):
    for status in ("teleported", "teleported", "Beamed\x1b[31m" + "x" * 500, "teleported", "delivered"):
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), status))
    daemon.keep(SAMPLE_TARGET, reply_params(new_sid(), "hello"), 200)
    for number in range(100):
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), f"status-{number}"))
    daemon.settle()
    lines = [line for line in daemon.log().splitlines() if "MessageStatus" in line]
    assert len(lines) == 16 and "\x1b" not in daemon.log()
    assert sum('"teleported" is not known' in line for line in lines) == 1
    assert any('"Beamed\\x1b[31m' in line and len(line) < 250 for line in lines)


def test_unknown_parameters_are_kept_with_the_receipt(daemon):
    sid = new_sid()
    params = status_params(sid, "delivered", ChannelPrefix="whatsapp", Brand_New="grün & <b>")
    daemon.keep(SAMPLE_TARGET, params)
    receipt = daemon.get(f"/v1/messages/{sid}")["receipts"][0]
    assert receipt["parameters"] == {"ChannelPrefix": "whatsapp", "Brand_New": "grün & <b>"}


def test_a_repeated_parameter_loses_no_value(daemon):
    pairs = [*status_params(new_sid(), "delivered").items(), ("Tag", "one"), ("Tag", "two")]
    daemon.keep(SAMPLE_TARGET, pairs)
    event = daemon.events()[0]
    found = daemon.get(f"/v1/events/{event['seq']}")["parameters"]["Tag"]
    assert sorted(found) == ["one", "two"]


@pytest.mark.parametrize("body", [
    b'{"event_type":"flick","sms_sid":"SM1"}', b"[]", b"{", b"no json", b"\x00\xff\xfe", b'"x"',
    "grün 中".encode()], ids=range(7))
def test_a_body_that_is_no_form_is_unrecognised_and_there_in_raw(daemon, body):
    assert daemon.ask(signed_json(SAMPLE_TARGET, body)).status == 204
    (event,) = daemon.events()
    assert event["type"] == "Unrecognised"
    raw = daemon.get(f"/v1/events/{event['seq']}")["raw_body"]
    assert isinstance(raw, str)
    try:
        assert raw == body.decode()
    except UnicodeDecodeError:
        pass
    assert daemon.sql("SELECT raw_body FROM event")[0][0] == body
    assert daemon.get("/v1/events?type=Unrecognised")["events"] == [event]


@pytest.mark.parametrize("target", ["/sms/dlr/twilio", INBOUND])
def test_what_does_not_belong_on_a_route_is_kept_as_unrecognised(daemon, target):
    if target == INBOUND:
        daemon.keep(target, status_params(new_sid(), "delivered"), 200)
    else:
        daemon.keep(target, reply_params(new_sid(), "hello"))
    (event,) = daemon.events()
    assert event["type"] == "Unrecognised"


CONVERSATION = {
    "AccountSid": ACCOUNT, "ChatServiceSid": new_sid("IS"), "ConversationSid": new_sid("CH"),
    "Source": "SMS", "Author": "+15550000001", "ParticipantSid": new_sid("MB"), "Index": "3",
    "DateCreated": "2026-11-20T10:00:00.000Z", "Attributes": "{}", "RetryCount": "0"}


@pytest.mark.parametrize("target", [SAMPLE_TARGET, "/sms/dlr/twilio", INBOUND])
@pytest.mark.parametrize("more", [
    {"EventType": "onMessageAdded", "Body": "STOP"},
    {"EventType": "onMessageUpdated", "Body": "hello", "ModifiedBy": "x"},
    {"EventType": "onMessageRemoved"},
    {"EventType": "onDeliveryUpdated", "Status": "delivered", "ChannelMessageSid": "SM" + "c" * 32},
    {"EventType": "onMessageAdded", "MessageSid": "SM" + "d" * 32, "Body": "hello", "MessageStatus": "sent"},
    {"EventType": "onMessageAdded", "SmsStatus": "received", "Body": "STOP"},
    {"MessageStatus": "delivered"}, {"Body": "STOP"}], ids=str)
def test_a_webhook_of_conversations_is_kept_and_is_no_message(daemon, target, more):
    """Its MessageSid (IM...) is that of a conversation's message, which no campaign sent."""
    sid = more.get("MessageSid", new_sid("IM"))
    daemon.keep(target, {**CONVERSATION, "MessageSid": sid, **more}, 200 if target == INBOUND else 204)
    (event,) = daemon.events()
    assert (event["type"], event["message"]) == ("Unrecognised", sid)
    assert f"MessageSid={sid}" in daemon.get(f"/v1/events/{event['seq']}")["raw_body"]
    assert daemon.sql("SELECT count(*) FROM message") == [(0,)]
    assert daemon.sql("SELECT coalesce(sum(messages + sent + replied + opted_out), 0)"
                      " FROM campaign_stats") == [(0,)]
    assert daemon.get("/v1/optouts")["optouts"] == []
    daemon.audit()


# --- replies ---


def test_a_reply_counts_once_and_is_no_message_of_the_campaign(daemon):
    params = reply_params(new_sid(), "yes please")
    for _ in range(3):
        daemon.keep(SAMPLE_TARGET, params, 200)
    assert figures(daemon) == {"replied": 1}
    (event,) = daemon.events()
    assert (event["type"], event["body"], event["keyword"]) == ("Replied", "yes please", None)
    assert (event["from"], event["to"]) == (params["From"], params["To"])


@pytest.mark.parametrize("body,keyword", [
    ("STOP", "stop"), ("stop", "stop"), ("Stop.", "stop"), (" stop ", "stop"), ("STOPALL", "stop"),
    ("UNSUBSCRIBE", "stop"), ("cancel", "stop"), ("END", "stop"), ("quit", "stop"),
    ("REVOKE", "stop"), ("OPTOUT", "stop"), ("START", "start"), ("YES", "start"),
    ("UNSTOP", "start"), ("HELP", "help"), ("INFO", "help"),
    ("STOP PLEASE", None), ("please cancel", None), ("OPT OUT", None), ("STOP ALL", None),
    ("non-stop", None), ("", None), ("\u200bstop", None)], ids=range(23))
def test_a_keyword_is_the_whole_message(daemon, body, keyword):
    daemon.keep(SAMPLE_TARGET, reply_params(new_sid(), body), 200)
    (event,) = daemon.events()
    assert (event["body"], event["keyword"]) == (body, keyword)
    assert daemon.campaign()["opted_out"] == (keyword == "stop")


def test_what_twilio_says_of_an_opt_out_goes_before_the_word(daemon):
    for body, kind in (("ARRET", "STOP"), ("oui", "START"), ("aide", "HELP"), ("STOP", "HELP")):
        daemon.keep(SAMPLE_TARGET, reply_params(new_sid(), body, OptOutType=kind), 200)
    assert [event["keyword"] for event in daemon.events()] == ["stop", "start", "help", "help"]


def test_a_fallback_reply_with_an_error_code_is_one_reply_and_no_failure(daemon):
    sid = new_sid()
    daemon.keep(SAMPLE_TARGET, reply_params(sid, "hello"), 200)
    daemon.keep(SAMPLE_TARGET, reply_params(
        sid, "hello", ErrorCode="11200", ErrorUrl="https://callbacks.example.com/sms"), 200)
    found = figures(daemon)
    assert found == {"replied": 1}
    assert errors_of(daemon) == {}
    daemon.audit()


def test_a_reply_on_the_inbound_route_is_counted(daemon):
    daemon.keep(INBOUND, reply_params(new_sid(), "STOP"), 200)
    (event,) = daemon.events()
    assert (event["type"], event["keyword"]) == ("Replied", "stop")


def test_media_and_other_parameters_of_a_reply_are_kept(daemon):
    params = reply_params(new_sid("MM"), "", NumMedia="1", MediaUrl0="https://api.twilio.com/x",
                          MediaContentType0="image/png")
    daemon.keep(SAMPLE_TARGET, params, 200)
    (event,) = daemon.events()
    assert event["type"] == "Replied" and event["body"] == ""
    found = daemon.get(f"/v1/events/{event['seq']}")["parameters"]
    assert found["MediaUrl0"] == params["MediaUrl0"] and found["FromCountry"] == "US"


# --- tags ---


@pytest.mark.parametrize("query", [
    "", "?", "?account=W", "?meta=" + META, "?account=W&meta=1.2.3", "?account=W&meta=",
    "?account=W&meta=0.1..20230810.0.v.1", "?account=W&meta=0.1.%0a.20230810.0.v.1",
    "?account=W&meta=0.1." + "x" * 3000 + ".20230810.0.v.1"],
    ids=["none", "empty", "no-meta", "no-account", "short", "empty-meta", "empty-field",
         "control-byte", "huge"])
def test_tags_that_do_not_fit_leave_the_campaign_empty_and_are_kept_and_counted(daemon, query):
    target = "/sms/twilio" + query
    daemon.keep(target, status_params(new_sid(), "delivered"))
    (event,) = daemon.events()
    assert event["type"] == "Delivered"
    assert event["campaign"] == (CAMPAIGN if query == "?meta=" + META else "")
    if event["campaign"] == "":
        assert daemon.metric("dlrd_tag_misfits_total") == 1
        if query not in ("", "?"):
            assert daemon.get(f"/v1/events/{event['seq']}")["raw_query"] == query[1:]
    daemon.audit()


BAD = "\ufffd"


def test_a_campaign_whose_name_is_not_utf8_is_found_under_the_name_that_is_listed(daemon):
    """Also under the name as the callback's URL has it, and by every filter."""
    raw = "?account=W%ff&meta=0.1.a%80b.2%c3.0.v%fe.1"
    daemon.keep("/sms/twilio" + raw, status_params(new_sid(), "failed", 30005))
    daemon.keep("/sms/twilio?account=W&meta=0.1.ab.2.0.v.1", status_params(new_sid(), "delivered"))
    names = {(row["workspace"], row["campaign"]) for row in daemon.get("/v1/campaigns")["campaigns"]}
    workspace, campaign, variant = f"W{BAD}", f"a{BAD}b_2{BAD}", f"v{BAD}"
    assert names == {("W", "ab_2"), (workspace, campaign)}
    (event,) = daemon.events("&type=Failed")
    assert (event["workspace"], event["campaign"], event["variant"]) == (workspace, campaign, variant)
    for name in (quote(campaign), "a%80b_2%C3"):
        path = f"/v1/campaigns/{name}"
        assert (figures := daemon.get(path))["failed"] == 1 and figures["campaign"] == campaign
        assert daemon.get(f"{path}/errors")["errors"][0]["code"] == 30005
        assert sum(point["failed"] for point in daemon.get(f"{path}/series")["points"]) == 1
        assert len(daemon.events(f"&campaign={name}")) == 1
        for space in (quote(workspace), "W%FF"):
            assert daemon.get(f"{path}?workspace={space}")["failed"] == 1
            assert len(daemon.events(f"&workspace={space}&campaign={name}")) == 1
        for arm in (quote(variant), "v%FE"):
            assert daemon.get(f"{path}?variant={arm}")["failed"] == 1
    daemon.audit()


def test_names_that_an_older_version_stored_as_they_came_are_repaired_at_the_start(daemon):
    daemon.keep("/sms/twilio?account=W&meta=0.1.a.2.0.v.1", status_params(new_sid(), "delivered"))
    daemon.settle()
    assert daemon.terminate() == 0
    store = sqlite3.connect(daemon.store / "dlrd.db")
    store.execute("UPDATE campaign SET workspace = CAST(x'57ff' AS TEXT), "
                  "name = CAST(x'618062' AS TEXT) WHERE name <> ''")
    store.execute("UPDATE tagset SET variant = CAST(x'fe' AS TEXT) WHERE variant <> ''")
    store.commit()
    store.close()
    daemon.start()
    found = daemon.get(f"/v1/campaigns/{quote(f'a{BAD}b')}?workspace={quote(f'W{BAD}')}")
    assert found["delivered"] == 1
    daemon.audit()


@pytest.mark.parametrize("tag", ["workspace", "campaign", "variant"])
def test_a_name_over_the_limit_is_logged_once_and_not_silently_untagged(make_daemon, tag):
    settings = {"callback /sms": {"workspace": "{workspace}", "campaign": "{campaign}",
                                  "variant": "{variant}"}}
    daemon = make_daemon(settings)
    names = {"workspace": "w", "campaign": "c", "variant": "v"}
    for name, length in (("x", 256), ("x", 257), ("y", 1000)):
        names[tag] = name * length
        target = "/sms?" + "&".join(f"{key}={value}" for key, value in names.items())
        daemon.keep(target, status_params(new_sid(), "delivered"))
    found = [event[tag] for event in daemon.events()]
    assert found == ["x" * 256, "", ""]
    lines = [line for line in daemon.log().splitlines() if "longer than 256 bytes" in line]
    assert len(lines) == 1 and f"the {tag} " in lines[0] and "on /sms," in lines[0], lines
    daemon.audit()


def test_two_workspaces_may_have_a_campaign_of_the_same_name(daemon):
    for workspace, count in (("A", 1), ("B", 2)):
        for _ in range(count):
            target = target_for(CAMPAIGN, workspace)
            daemon.keep(target, status_params(new_sid(), "delivered"))
    daemon.settle()
    assert daemon.api(f"/v1/campaigns/{CAMPAIGN}").status == 409
    for workspace, count in (("A", 1), ("B", 2)):
        found = daemon.get(f"/v1/campaigns/{CAMPAIGN}?workspace={workspace}")
        assert (found["workspace"], found["delivered"]) == (workspace, count)
        page = daemon.get(f"/v1/campaigns?workspace={workspace}")
        assert [row["workspace"] for row in page["campaigns"]] == [workspace]


def test_variants_add_up_to_their_campaign(daemon):
    for variant in ("a", "b", "a"):
        daemon.keep(target_for(CAMPAIGN, "W", variant), status_params(new_sid(), "delivered"))
    assert daemon.campaign()["delivered"] == 3
    rows = daemon.sql("SELECT variant, delivered FROM campaign_stats ORDER BY variant")
    assert rows == [(b"a", 2), (b"b", 1)]


def test_a_message_keeps_to_its_first_campaign(daemon):
    """The same SID with other tags: counted once in all, whichever campaign has it."""
    sid = new_sid()
    daemon.keep(target_for("1_1"), status_params(sid, "sent"))
    daemon.keep(target_for("2_2"), status_params(sid, "delivered"))
    campaigns = daemon.get("/v1/campaigns")["campaigns"]
    assert sum(row["messages"] for row in campaigns) == 1
    assert sum(row["delivered"] for row in campaigns) == 1
    daemon.audit()


# --- any order, any number ---


def random_history(rng, messages):
    """Receipts of many messages in several campaigns, some with conflicts, some replies."""
    history = []
    for i in range(messages):
        target = target_for(f"{rng.randrange(3)}_20240101", "W", rng.choice(["a", "b"]))
        sid = new_sid()
        if rng.random() < 0.15:
            body = rng.choice(["hello", "STOP", "YES", "stop it"])
            history.append((target, reply_params(sid, body, i)))
            continue
        path = ["queued", "sending", "sent"][rng.randrange(3):]
        end = rng.choice([[], ["delivered"], ["delivered"], ["undelivered"], ["failed"],
                          ["delivered", "read"], ["canceled"], ["delivered", "undelivered"],
                          ["unheard-of"]])
        for status in path + end:
            # One code a message: the last one seen is what order must decide.
            code = 30001 + i % 9 if status in ("undelivered", "failed") else None
            history.append((target, status_params(sid, status, code, i)))
    return history


def all_figures(daemon):
    daemon.settle()
    campaigns = {}
    for row in daemon.get("/v1/campaigns?limit=100")["campaigns"]:
        errors = daemon.get(f"/v1/campaigns/{row['campaign']}/errors")["errors"]
        campaigns[row["campaign"]] = ({key: row[key] for key in FIGURES}, row["delivery_rate"],
                                      {error["code"]: error["count"] for error in errors})
    states = daemon.sql("SELECT sid, status, conflict, error_code, opted_out FROM message "
                        "ORDER BY sid")
    variants = daemon.sql("SELECT campaign, variant, messages, sent, delivered, failed, canceled,"
                          " pending, read, replied, opted_out, conflicts FROM campaign_stats"
                          " ORDER BY campaign, variant")
    return campaigns, states, variants


@pytest.mark.parametrize("policy", ["delivered-wins", "failure-wins"])
@pytest.mark.parametrize("seed", range(scaled(3, 1)))
def test_any_order_and_any_duplication_gives_the_same_figures(make_daemon, policy, seed):
    rng = random.Random(f"{policy}/{seed}")
    history = random_history(rng, scaled(400, 100))
    daemons = []
    for turn in range(2):
        received = list(history)
        if turn == 1:
            received += rng.choices(history, k=len(history) // 2)
        rng.shuffle(received)
        daemon = make_daemon({"store": {"conflicts": policy}})
        with daemon.connect() as connection:
            for target, params in received:
                assert connection.ask(signed_post(target, params)).status in (200, 204)
        daemons.append(daemon)
    assert all_figures(daemons[0]) == all_figures(daemons[1])
    events = [sorted(json.dumps({key: event[key] for key in event if key not in ("seq", "time")},
                                sort_keys=True) for event in daemon.events())
              for daemon in daemons]
    assert events[0] == events[1]
    for daemon in daemons:
        daemon.audit()


def test_figures_equal_a_count_made_here(daemon):
    """A second opinion, made from the receipts by other code."""
    rng = random.Random("count")
    history = random_history(rng, scaled(500, 100))
    rng.shuffle(history)
    want, seen, replies = {}, {}, {}
    for target, params in history:
        daemon_answer = 200 if params.get("SmsStatus") == "received" else 204
        daemon.keep(target, params, daemon_answer)
        campaign = target.split("meta=0.1.")[1].split(".")[0] + "_20240101"
        if params.get("SmsStatus") == "received":
            replies.setdefault(campaign, []).append(params["Body"])
        else:
            seen.setdefault((campaign, params["MessageSid"]), set()).add(params["MessageStatus"])
    for (campaign, _), statuses in seen.items():
        row = want.setdefault(campaign, dict.fromkeys(FIGURES, 0))
        known = statuses - {"unheard-of"}
        if not known:
            continue
        final = ("delivered" if known & {"delivered", "read"} else
                 "failed" if known & {"failed", "undelivered"} else
                 "canceled" if "canceled" in known else None)
        left = bool(known & {"sent", "delivered", "undelivered", "read"})
        row["messages"] += 1
        row["sent"] += left
        row["delivered"] += final == "delivered"
        row["failed"] += final == "failed"
        row["read"] += "read" in known
        row["pending"] += left and final is None
    for campaign, bodies in replies.items():
        row = want.setdefault(campaign, dict.fromkeys(FIGURES, 0))
        row["replied"] = len(bodies)
        row["opted_out"] = bodies.count("STOP")
    daemon.settle()
    found = {row["campaign"]: {key: row[key] or 0 for key in FIGURES}
             for row in daemon.get("/v1/campaigns?limit=100")["campaigns"]}
    assert found == want


def test_senders_and_services_have_figures_of_their_own(daemon):
    for service, sender, status in (("MG1", "+15017122661", "delivered"),
                                    ("MG1", "+15017122662", "undelivered"),
                                    ("MG2", "12345", "delivered"), ("", "Brand", "sent")):
        params = status_params(new_sid(), status, From=sender, MessagingServiceSid=service or None)
        daemon.keep(SAMPLE_TARGET, params)
    daemon.settle()
    rows = daemon.sql("SELECT account, service, sender, delivered, failed, pending"
                      " FROM provider_stats ORDER BY service, sender")
    account = ACCOUNT.encode()
    assert rows == [(account, b"", b"Brand", 0, 0, 1),
                    (account, b"MG1", b"+15017122661", 1, 0, 0),
                    (account, b"MG1", b"+15017122662", 0, 1, 0),
                    (account, b"MG2", b"12345", 1, 0, 0)]
    assert daemon.get("/v1/events")["events"][0]["service"] == "MG1"


def test_harness_numbers_are_not_in_the_log(daemon):
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered", number=7654321))
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"), 403, token="x" * 32)
    assert daemon.terminate() == 0
    assert "7654321" not in daemon.log() and harness.TOKEN not in daemon.log()


# --- what is not measured, totals, time to delivery ---


def test_replies_and_clicks_are_not_measured_until_one_arrives(daemon):
    send(daemon, new_sid(), "delivered")
    row = daemon.campaign()
    assert (row["replied"], row["clicked"], row["clicked_messages"], row["opted_out"]) == (None, None, None, 0)
    assert daemon.get("/v1/providers")["providers"][0]["replied"] is None
    assert "–" in daemon.cli("stats").stdout
    daemon.keep("/sms/twilio?campaign=other", harness.reply_params(new_sid(), "hi", number=7), status=200)
    daemon.settle()
    assert (daemon.campaign()["replied"], daemon.campaign()["clicked"]) == (0, None)
    assert daemon.campaign("other")["replied"] == 1


def test_a_table_of_figures_ends_with_its_total(daemon):
    for campaign, count in (("one", 3), ("two", 5)):
        for i in range(count):
            daemon.keep(f"/sms/twilio?campaign={campaign}&variant=v{i}", status_params(
                new_sid(), "delivered" if i else "failed", From=f"+1501712266{i}"))
    daemon.settle()
    *_, total = daemon.cli("stats").stdout.splitlines()
    assert total.split() == ["total", "8", "6", "6", "2", "0", "–", "0", "0", "75.0%"]
    assert daemon.cli("variants", "--campaign", "two").stdout.splitlines()[-1].split()[:5] == ["total", "5", "4", "4", "1"]
    assert daemon.cli("providers").stdout.splitlines()[-1].split() == ["total", "6", "6", "2", "0", "75.0%"]
    assert "total" not in daemon.cli("stats", "--campaign", "one").stdout  # one row
    assert "total" not in daemon.cli("stats", "--csv").stdout


def nearest(values, share):
    """The value that so great a share of the values does not exceed."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def test_times_to_delivery_are_near_those_of_the_receipts(daemon):
    for i in range(60):
        send(daemon, new_sid(), "sent", "delivered", number=i)
    send(daemon, new_sid(), "delivered")  # when it left is not known
    send(daemon, new_sid(), "sent", ("failed", 30003))
    daemon.settle()
    daemon.terminate()
    with harness.sqlite3.connect(daemon.store / "dlrd.db") as file:  # of a second to some hours
        file.execute("UPDATE event SET time_us = time_us + message_id * message_id * 7000000 WHERE type = 'Delivered'")
    daemon.cli("rebuild")
    daemon.start()
    taken = [row[0] / 1e6 for row in daemon.sql(
        "SELECT delivered_us - sent_us FROM message WHERE delivered_us > sent_us AND sent_us > 0")]
    assert len(taken) == 60 and max(taken) > 7 * 3600
    for row in (daemon.campaign(), daemon.get(f"/v1/campaigns/{CAMPAIGN}/variants")["variants"][0]):
        assert row["median_seconds"] == pytest.approx(nearest(taken, 50), rel=0.02)
        assert row["p95_seconds"] == pytest.approx(nearest(taken, 95), rel=0.02)
    part = daemon.get(f"/v1/campaigns/{CAMPAIGN}?from=2020-01-01")
    assert (part["median_seconds"], part["p95_seconds"]) == (None, None)
    daemon.audit()
