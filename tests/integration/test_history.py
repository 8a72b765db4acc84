"""The figures follow from the receipts: one long history, sent in order and in other orders, with
repetitions and with Event Streams in addition to callbacks, ends in the same figures, states, opt-outs
and attributions, also if the daemon is killed in the middle.

The times of arrival differ between two orders, so results that follow them are excluded: each message has one
error code, each person is in one campaign, and each number sends either STOP or START unless their order is
kept. tests/unit/test_store_history.c has no such limits.
"""

import collections
import itertools
import json
import random
import threading

import pytest

import harness
from harness import (ACCOUNT, PUBLIC_URL, SANITIZER, SMALL, Closed, new_sid, phone, reply_params,
                     scaled, signed_json, signed_post, status_params, target_for)

BARE = "/sms/twilio"
SEEDS = range(1 if SMALL or SANITIZER else 3)
PEOPLE = scaled(240, 60)
SERVICE = "MG0123456789abcdef0123456789abcdef"
FIGURES = ["messages", "sent", "delivered", "failed", "read", "replied", "clicked", "opted_out",
           "pending"]
PATHS = [["queued"], ["sent"], ["sent", "delivered"], ["queued", "sent", "delivered", "read"],
         ["sent", "undelivered"], ["failed"], ["queued", "failed"], ["canceled"],
         ["scheduled", "canceled"], ["delivered", "undelivered"], ["failed", "delivered"],
         ["sent", "delivered", "teleported"], ["partially_delivered"], ["sending", "read"],
         ["sent", "delivered"], ["sent", "delivered"]]

LEFT = {"sent", "delivered", "undelivered", "read"}
# A reply needs a message that has arrived: some receipt must have a time by which it was sent.
ANSWERED_PATHS = [path for path in PATHS if LEFT & set(path)]

# One request: its bytes, and what must not overtake what (None: nothing).
Request = collections.namedtuple("Request", "data chain")


class Campaign:
    """Its tags and its sender; the service of a message may be only in Event Streams."""

    def __init__(self, number):
        self.targets = [target_for(f"{1700000000 + number}_20240101", "W", variant)
                        for variant in "ab"]
        self.sender = f"+1501771266{number}"
        self.service = [None, SERVICE, None, SERVICE][number]
        self.stream_service = [None, SERVICE, SERVICE, None][number]


class History:
    """The requests in their order, and their total results."""

    def __init__(self, seed, chains=False):
        self.rng = random.Random(seed)
        self.requests, self.stream = [], []
        self.outbound, self.replies, self.stops, self.links = set(), set(), set(), set()
        self.campaigns = [Campaign(number) for number in range(4)]
        for person in range(PEOPLE):
            self.add_person(person, chains and person % 4 == 0)
        self.flush()

    def add(self, target, params, chain=None):
        self.requests.append(Request(signed_post(target, params), chain))

    def add_event(self, kind, data):
        """A CloudEvent: alone, or one of an array."""
        self.stream.append({
            "specversion": "1.0", "type": f"com.twilio.{kind}", "source": "/", "id": new_sid("EZ"),
            "time": "2024-05-17T10:20:30Z", "datacontenttype": "application/json",
            "data": {key: value for key, value in data.items() if value is not None}})
        if self.rng.random() < 0.4:
            self.flush()

    def flush(self):
        if self.stream:
            body = self.stream[0] if len(self.stream) == 1 else self.stream
            self.requests.append(Request(signed_json(BARE, body), None))
        self.stream = []

    def add_status(self, campaign, target, sid, status, code, number, tagged):
        """One fact, in a callback, in Event Streams, or in both; a tagged one has the campaign's tags at
        least once."""
        rng = self.rng
        done = "2405171020" if status in LEFT else None
        how = rng.choice(["callback", "both", "both", "stream"])
        callback_done, stream_done = rng.choice([(done, None), (None, done), (done, done)]) if (
            how == "both") else (done, done)
        if how != "stream":
            bare = BARE if not tagged or how == "both" else target
            params = status_params(
                sid, status, code, number, From=campaign.sender,
                MessagingServiceSid=campaign.service, RawDlrDoneDate=callback_done)
            if status == "sent" and rng.random() < 0.2:  # as in the docs' example
                del params["To"]
            self.add(rng.choice([target, bare]) if target else BARE, params)
        if how != "callback":
            self.add_event(f"messaging.message.{status}", {
                "messageSid": sid, "accountSid": ACCOUNT, "from": campaign.sender,
                "to": phone(number), "messageStatus": status.upper() if status in (
                    "queued", "sent", "delivered", "read", "failed", "undelivered") else status,
                "messagingServiceSid": campaign.stream_service, "errorCode": code,
                "rawDlrDoneDate": stream_done,
                "statusCallBackUrl": PUBLIC_URL + target if target and (
                    tagged or rng.random() < 0.5) else None})

    def add_message(self, campaign, target, number, answered):
        sid = new_sid()
        self.outbound.add(sid)
        path = self.rng.choice(ANSWERED_PATHS if answered else PATHS)
        tagged = self.rng.randrange(len(path))
        for place, status in enumerate(path):
            code = None
            if status in ("undelivered", "failed"):
                opted_out = number % 10 == 3 and campaign.service == campaign.stream_service
                code = 21610 if opted_out else 30001 + number % 9
            self.add_status(campaign, target, sid, status, code, number, place == tagged)
        if self.rng.random() < 0.3:
            self.add_clicks(campaign, sid, number)
        return sid

    def add_clicks(self, campaign, sid, number):
        for click in range(self.rng.randrange(1, 5)):
            link = f"https://example.com/{self.rng.randrange(3)}"
            how = self.rng.choice(["preview", "click", "both", "stream"])
            data = {"account_sid": ACCOUNT, "to": phone(number), "from": campaign.sender,
                    "link": link, "click_time": f"2024-05-17T10:20:3{click}Z"}
            if how != "preview":
                self.links.add((sid, link))
            if how != "stream":
                kind = "preview" if how == "preview" else "click"
                self.requests.append(Request(signed_json(
                    BARE, {**data, "event_type": kind, "sms_sid": sid}), None))
            if how in ("both", "stream"):
                self.add_event("daptbt.link-shortening.link-clicked", {**data, "message_sid": sid})

    def add_reply(self, campaign, target, sid_of_message, number, body, chain=None):
        sid = new_sid()
        self.replies.add(sid)
        if body in ("STOP", "stop"):
            self.stops.add(sid)
        original = self.rng.choice([sid_of_message, new_sid(), None, None])
        tagged = target and self.rng.random() < 0.15
        self.add(target if tagged else BARE, reply_params(
            sid, body, number, To=campaign.sender, MessagingServiceSid=campaign.service,
            OriginalRepliedMessageSid=original), chain)
        if not tagged and chain is None and self.rng.random() < 0.5:
            self.add_event("messaging.inbound-message.received", {
                "messageSid": sid, "accountSid": ACCOUNT, "from": phone(number),
                "to": campaign.sender, "body": body, "numMedia": 0,
                "messagingServiceSid": campaign.service, "originalRepliedMessageSid": original})

    def add_person(self, number, changes_mind):
        rng, campaign = self.rng, self.rng.choice(self.campaigns)
        target = rng.choice([*campaign.targets] * 4 + [None])  # None: nothing has tags
        texted = number % 14 != 5
        says = ["STOP", "hello"] if number % 2 else ["START", "hello", "HELP"]
        if changes_mind:
            bodies = rng.choice([["STOP", "START"], ["START", "STOP", "START", "stop"]])
        else:
            bodies = rng.choices(says, k=rng.choice([0, 1, 1, 2] if texted else [1, 2]))
        sids = [self.add_message(campaign, target, number, bool(bodies))
                for _ in range(rng.choice([1, 1, 2]) if texted else 0)]
        for body in bodies:
            self.add_reply(campaign, target, sids[0] if sids else None, number, body,
                           number if changes_mind else None)

    def mixed(self, seed, keep_chains=False):
        """In another order and with repetitions. Requests of a chain stay in order; each may be repeated
        later."""
        rng = random.Random(f"mixed {seed}")
        mixed = list(self.requests)
        rng.shuffle(mixed)
        if keep_chains:
            in_order = {chain: iter([request for request in self.requests
                                     if request.chain == chain])
                        for chain in {request.chain for request in mixed} - {None}}
            mixed = [request if request.chain is None else next(in_order[request.chain])
                     for request in mixed]
        for request in rng.choices(self.requests, k=len(self.requests) // 2):
            first = mixed.index(request)
            mixed.insert(rng.randrange(first, len(mixed)) + 1, request)
        return mixed


def send(daemon, requests, connections=1, kill_after=None):
    """Sends all requests over several connections. Kills the daemon after so many answers, and returns the
    unanswered requests."""
    waiting = collections.deque(requests)
    unanswered, failures, answered = [], [], []
    killing = threading.Lock()

    def run():
        try:
            with daemon.connect() as connection:
                while True:
                    try:
                        request = waiting.popleft()
                    except IndexError:
                        return
                    try:
                        answer = connection.ask(request.data)
                    except (OSError, Closed):
                        unanswered.append(request)
                        return
                    answered.append(answer.status)
                    # At once, in the first thread that gets here: a check from outside may be too late.
                    if (kill_after is not None and len(answered) >= kill_after
                            and killing.acquire(blocking=False)):
                        daemon.kill()
                    if answer.status not in (200, 204):
                        failures.append(answer)
        except OSError:
            pass

    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kill_after is None or killing.locked()
    assert not failures, failures[0]
    return unanswered + list(waiting)


def rows(daemon, query):
    return sorted(tuple("" if value is None else value.decode() if isinstance(value, bytes)
                        else value for value in row) for row in daemon.sql(query))


def results(daemon):
    """All results that must not depend on how the history was sent."""
    daemon.settle()
    campaigns = daemon.get("/v1/campaigns?limit=100")["campaigns"]
    found = {"campaigns": sorted(tuple(str(value) for key, value in row.items()
                                       if key not in ("first", "last", "duplicates", "median_seconds", "p95_seconds"))
                                 for row in campaigns)}
    found["errors"] = {
        row["campaign"]: sorted((str(error["code"]), error["count"], error["share"])
                                for error in daemon.get(
                                    f"/v1/campaigns/{row['campaign']}/errors")["errors"])
        for row in campaigns}
    found["variants"] = rows(daemon, "SELECT * FROM campaign_stats")
    found["providers"] = rows(daemon, "SELECT * FROM provider_stats"
                              " WHERE messages + replied + clicked + sent > 0")
    found["messages"] = rows(daemon, """
        SELECT m.sid, m.status, m.outcome, m.conflict, m.error_code, m.opted_out, m.links, m.seen,
        m.peer, c.name, t.variant, p.service, p.sender FROM message m
        JOIN tagset t ON t.id = m.tagset_id JOIN campaign c ON c.id = t.campaign_id
        JOIN provider p ON p.id = m.provider_id""")
    found["replies"] = attributions(daemon)
    found["optouts"] = rows(daemon, "SELECT number, scope, state FROM optouts")
    found["events"] = rows(daemon, 'SELECT type, message, status, error_code, campaign, variant,'
                           ' "from", "to", keyword, link FROM events WHERE status <> \'preview\'')
    return found


def attributions(daemon):
    """Whether a message was known before its reply or after it is a matter of arrival, and so is
    which of two messages of one campaign was the latest."""
    found = rows(daemon, 'SELECT message, "from", "to", campaign, variant, rule, candidates,'
                 " answers FROM replies")
    alone = {peer for peer, count in rows(
        daemon, "SELECT peer, count(*) FROM message WHERE seen & ~2048 <> 0 GROUP BY peer")
        if count == 1}
    return [(*row[:5], "near" if row[5] in ("latest", "late") else row[5], row[6],
             row[7] if row[5] == "original" or row[1] in alone else bool(row[7])) for row in found]


def check_totals(history, found):
    """The totals of the history, computed independently of the daemon."""
    totals = collections.Counter()
    for row in found["variants"]:
        for name, value in zip(VARIANT_COLUMNS, row):
            totals[name] += value if isinstance(value, int) else 0
    assert totals["replied"] == len(history.replies)
    assert totals["opted_out"] == len(history.stops)
    assert totals["clicked"] == len(history.links)
    assert totals["messages"] == len(history.outbound)
    assert {row[0] for row in found["messages"]} == history.outbound | history.replies
    facts = collections.Counter(row[:3] for row in found["events"] if row[0] != "Clicked")
    assert max(facts.values()) == 1, "a fact that was sent twice is one event"
    rules = collections.Counter(row[5] for row in found["replies"])
    assert min(rules[rule] for rule in ("original", "tags", "near", "none")) > 0, rules
    assert min(len(found[key]) for key in found) > 0


VARIANT_COLUMNS = ["workspace", "campaign", "variant", "messages", "sent", "delivered", "failed",
                   "canceled", "pending", "read", "replied", "clicked", "clicked_messages",
                   "opted_out", "conflicts", "delivery_rate"]


def assert_same(first, second):
    for key in first:
        if isinstance(first[key], list):
            wrong = collections.Counter(first[key])
            wrong.subtract(second[key])
            wrong = {row: count for row, count in wrong.items() if count}
            assert not wrong, key
        assert first[key] == second[key], key


@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_sent_in_any_order_and_repeated_ends_in_the_same_figures(make_daemon, seed):
    history = History(seed)
    in_order, mixed = make_daemon(), make_daemon()
    assert send(in_order, history.requests) == []
    assert send(mixed, history.mixed(seed), connections=6) == []
    first = results(in_order)
    check_totals(history, first)
    assert_same(first, results(mixed))
    in_order.audit()
    mixed.audit()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_last_of_stop_and_start_counts_in_any_mix(
        make_daemon, seed):
    """One connection keeps the order of each person's words; repetitions of them come later."""
    history = History(f"chains {seed}", chains=True)
    in_order, mixed = make_daemon(), make_daemon()
    assert send(in_order, history.requests) == []
    assert send(mixed, history.mixed(seed, keep_chains=True)) == []
    first = results(in_order)
    check_totals(history, first)
    both = [number for number, words in rows(
        in_order, "SELECT number, count(DISTINCT state) FROM optout_history GROUP BY number")
        if words == 2]
    assert len(both) > PEOPLE / 10
    assert {state for number, _, state in first["optouts"] if number in both} == {"in", "out"}
    assert_same(first, results(mixed))
    in_order.audit()
    mixed.audit()


def test_a_history_with_a_kill_in_the_middle_ends_in_the_same_figures(make_daemon):
    history = History("kill")
    whole, killed = make_daemon(), make_daemon()
    assert send(whole, history.requests) == []
    requests = history.mixed("kill")
    rest = send(killed, requests, connections=6, kill_after=len(requests) // 2)
    assert rest
    killed.start()
    assert send(killed, rest, connections=6) == []
    assert_same(results(whole), results(killed))
    whole.audit()
    killed.audit()


@pytest.mark.parametrize("only_by_callback", ["nothing", "tags", "original", "service"])
def test_a_reply_and_its_stream_duplicate_mean_the_same_in_either_order(
        make_daemon, only_by_callback):
    """The callback may know more than Event Streams: its URL's tags, which message the person
    answered, the messaging service."""
    sender, tagged = "+15017712661", target_for("1700000001_20240101")
    older, newer, reply = new_sid(), new_sid(), new_sid()
    about = {"OriginalRepliedMessageSid": older if only_by_callback == "original" else None,
             "MessagingServiceSid": SERVICE if only_by_callback == "service" else None}
    callback = signed_post(tagged if only_by_callback == "tags" else BARE,
                           reply_params(reply, "STOP", To=sender, **about))
    duplicate = signed_json(BARE, {
        "specversion": "1.0", "type": "com.twilio.messaging.inbound-message.received",
        "source": "/", "id": new_sid("EZ"), "time": "2024-05-17T10:20:30Z",
        "data": {"messageSid": reply, "accountSid": ACCOUNT, "from": phone(1), "to": sender,
                 "body": "STOP", "numMedia": 0}})
    found = []
    for order in ([callback, duplicate], [duplicate, callback]):
        daemon = make_daemon()
        for campaign, sid in (("1700000001_20240101", older), ("1700000002_20240101", newer)):
            daemon.keep(target_for(campaign), status_params(sid, "sent", From=sender))
        for request in order:
            assert daemon.ask(request).status in (200, 204)
        found.append(results(daemon))
        daemon.audit()
    assert len(found[0]["replies"]) == 1
    # A scope that only one of the two sources has is separate evidence.
    assert len(found[0]["optouts"]) == (2 if only_by_callback == "service" else 1)
    assert_same(*found)


@pytest.mark.parametrize("status,code,looked_at", [
    ("failed", 21610, "SELECT number, scope, state FROM optouts"),
    ("sent", None, "SELECT message, status, service FROM events"),
    ("sent", None, "SELECT service, sender, sent, delivered, failed FROM provider_stats"
     " WHERE messages > 0"),
], ids=["optouts", "events", "providers"])
def test_the_service_that_event_streams_does_not_name_is_known_in_either_order(
        make_daemon, status, code, looked_at):
    sid, target = new_sid(), target_for("1700000001_20240101")
    duplicate = signed_json(BARE, {
        "specversion": "1.0", "type": f"com.twilio.messaging.message.{status}", "source": "/",
        "id": new_sid("EZ"), "time": "2024-05-17T10:20:30Z",
        "data": {"messageSid": sid, "accountSid": ACCOUNT, "from": "+15017712661",
                 "to": phone(1), "messageStatus": status.upper(), "errorCode": code}})
    callbacks = [signed_post(target, status_params(
        sid, word, code, From="+15017712661", MessagingServiceSid=SERVICE))
        for word in ("queued", status)]
    found = []
    for order in ([duplicate, *callbacks], [*callbacks, duplicate]):
        daemon = make_daemon()
        for request in order:
            assert daemon.ask(request).status == 204
        daemon.settle()
        found.append(rows(daemon, looked_at))
        daemon.audit()
    assert found[1] and found[0] == found[1]


SENDERS = itertools.count(5550100000)


@pytest.fixture(scope="module")
def history_daemon():
    """One daemon for tests that keep to messages and numbers of their own."""
    daemon = harness.Daemon().start()
    yield daemon
    daemon.finish()


def reply_cloud(sid, sender, body):
    return signed_json(BARE, {
        "specversion": "1.0", "type": "com.twilio.messaging.inbound-message.received",
        "source": "/x", "id": new_sid("EZ"), "time": "2024-05-17T10:20:30Z",
        "data": {"messageSid": sid, "accountSid": ACCOUNT, "from": phone(1), "to": sender,
                 "body": body, "numMedia": 0}})


@pytest.mark.parametrize("order", ["ct", "tc", "ctc", "tct", "ttcc"])
@pytest.mark.parametrize("body,said", [
    ("STOP", "START"), ("START", "STOP"), ("STOP", "HELP"), ("START", "HELP"), ("hello", "HELP"),
    ("HELP", "STOP"), ("HELP", "START"), ("ARRET", "STOP"), ("STOP", "STOP")])
def test_opt_out_type_wins_in_either_order_of_a_reply_and_its_stream_duplicate(
        history_daemon, order, body, said):
    """c is the callback with OptOutType, t its duplicate in Event Streams, which does not have it."""
    daemon, sender = history_daemon, f"+1{next(SENDERS)}"
    alone, sid = new_sid(), new_sid()
    other = f"+1{next(SENDERS)}"
    assert daemon.ask(signed_post(BARE, reply_params(
        alone, body, To=other, OptOutType=said))).status == 200
    callback = signed_post(BARE, reply_params(sid, body, To=sender, OptOutType=said))
    duplicate = reply_cloud(sid, sender, body)
    for letter in order:
        assert daemon.ask(callback if letter == "c" else duplicate).status in (200, 204)
    daemon.settle()

    def known(scope, message):
        return (rows(daemon, f"SELECT state FROM optouts WHERE scope = '{scope}'"),
                rows(daemon, f"SELECT keyword FROM events WHERE message = '{message}'"),
                rows(daemon, f"SELECT opted_out FROM message WHERE sid = '{message}'"))

    assert known(sender, sid) == known(other, alone)
    daemon.audit()


@pytest.mark.parametrize("order", ["ct", "tc", "tctc"])
def test_parameters_without_a_column_are_stored_of_callback_and_stream(history_daemon, order):
    daemon, sid, sender = history_daemon, new_sid(), f"+1{next(SENDERS)}"
    callback = signed_post(BARE, reply_params(
        sid, "look", To=sender, NumMedia="1", MediaUrl0="https://api.example.com/m/1",
        MediaContentType0="image/png", ProfileName="Ann"))
    for letter in order:
        assert daemon.ask(
            callback if letter == "c" else reply_cloud(sid, sender, "look")).status in (200, 204)
    daemon.settle()
    (receipt,) = daemon.get(f"/v1/messages/{sid}")["receipts"]
    kept = receipt["parameters"]
    assert kept["MediaUrl0"] == "https://api.example.com/m/1" and kept["ProfileName"] == "Ann"
    assert kept["source"] == "/x"


@pytest.mark.parametrize("odd", [b'{"x":1' + b"0" * 40 + b"}", b'{"x":"\xff\xfe"}', b"7", b"null"])
def test_an_odd_element_of_an_array_does_not_hide_the_others(history_daemon, odd):
    daemon, sid = history_daemon, new_sid()
    good = {"specversion": "1.0", "type": "com.twilio.messaging.message.delivered", "source": "/x",
            "id": new_sid("EZ"), "time": "2024-05-17T10:20:30Z",
            "data": {"messageSid": sid, "accountSid": ACCOUNT, "from": "+15017712661",
                     "to": phone(1), "messageStatus": "DELIVERED"}}
    body = b"[" + odd + b"," + json.dumps(good).encode() + b"]"
    assert daemon.ask(signed_json(BARE, body)).status == 204
    daemon.settle()
    assert daemon.get(f"/v1/messages/{sid}")["status"] == "delivered"
