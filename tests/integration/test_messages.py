"""/v1/messages and dlrd messages: one row a message, its final state, and the lists that are made from them. What is
expected is computed from the requests that were sent, and by SQL over the receipts."""

import collections
import contextlib
import csv
import io
import itertools
import json
import random
import select
import signal
import sqlite3
import subprocess
import time
from urllib.parse import quote

import pytest

import harness
from harness import ACCOUNT, new_sid, phone, reply_params, signed_post, status_params, target_for

SERVICE = "MG" + "5" * 32
OTHER = "+15550009999"
HANDSET, CARRIER, UNKNOWN = 30003, 30007, 64999  # kinds of the catalogue; and a code it lacks
FINALS = ["delivered", "undelivered", "failed", "canceled", "read"]
KEYS = ["sid", "to", "from", "provider", "workspace", "campaign", "variant", "state", "error_code", "kind",
        "permanence", "first", "sent", "final", "seconds"]


class Message:
    """A message as the test sends it, and as it expects it."""

    def __init__(self, rng, number):
        self.sid, self.number = new_sid(), number
        self.campaign, self.variant = rng.choice(["spring", "autumn"]), rng.choice(["a", "b"])
        self.workspace = rng.choice(["W", "X"])
        self.sender = rng.choice(["+15017122661", OTHER])
        self.service = SERVICE if rng.random() < 0.3 else None
        self.statuses = ["queued"] if rng.random() < 0.5 else []
        if rng.random() < 0.8:
            self.statuses.append("sent")
        if rng.random() < 0.7:
            self.statuses.append(rng.choice(FINALS))
        self.statuses = self.statuses or ["queued"]
        self.code = None
        if self.statuses[-1] in ("undelivered", "failed"):
            self.code = rng.choice([HANDSET, CARRIER, UNKNOWN, None])

    def requests(self):
        target = f"/sms/twilio?campaign={self.campaign}&workspace={self.workspace}&variant={self.variant}"
        for status in self.statuses:
            code = self.code if status in ("undelivered", "failed") else None
            yield signed_post(target, status_params(
                self.sid, status, code=code, number=self.number, From=self.sender, MessagingServiceSid=self.service))

    @property
    def state(self):
        last = self.statuses[-1]
        if last in ("undelivered", "failed"):
            return "failed"
        if last in ("delivered", "canceled", "read"):
            return last
        return "pending" if last == "sent" else "waiting"

    def counts_in(self, figure):
        known = set(self.statuses)
        return {"messages": True, "delivered": self.state in ("delivered", "read"), "read": self.state == "read",
                "sent": bool(known & {"sent", "delivered", "undelivered", "read"}),
                }.get(figure, self.state == figure)

    @property
    def kind(self):
        return {HANDSET: "handset", CARRIER: "content"}.get(self.code)


@pytest.fixture(scope="module")
def sent(module_daemon):
    """A daemon, and the messages that it knows."""
    rng = random.Random(14)
    messages = [Message(rng, number) for number in range(1, 161)]
    requests = [request for message in messages for request in message.requests()]
    module_daemon.keep_all(requests)
    replies = [signed_post(target_for(), reply_params(new_sid(), word, number=number))
               for number, word in ((1, "STOP"), (2, "hello"), (500, "STOP"), (3, "STOP"), (3, "START"))]
    module_daemon.keep_all(replies, status=200)
    module_daemon.settle()
    return module_daemon, messages


@pytest.fixture(scope="module")
def module_daemon():
    daemon = harness.Daemon({"provider Shop": {"senders": OTHER}}).start()
    yield daemon
    daemon.finish()


def listed(daemon, **filters):
    """The rows over HTTP, page by page, which are those of the command, too."""
    rows, place = [], None
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in filters.items())
    while True:
        page = daemon.get(f"/v1/messages?limit=23&{query}" + (f"&next={place}" if place else ""), settle=False)
        rows += page["messages"]
        place = page["next"]
        if place is None:
            break
    words = [word for name, value in filters.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    table = list(csv.DictReader(io.StringIO(daemon.cli("messages", "--csv", *words).stdout)))
    assert [row["sid"] for row in table] == [row["sid"] for row in rows]
    return rows


def sids(rows):
    return [row["sid"] for row in rows]


def test_each_message_is_one_row_with_its_final_state(sent):
    daemon, messages = sent
    rows = listed(daemon)
    assert sids(rows) == [message.sid for message in messages], "replies are not listed"
    for row, message in zip(rows, messages):
        assert list(row) == KEYS
        assert row["to"] == phone(message.number) and row["from"] == message.sender
        assert row["provider"] == ("Shop" if message.sender == OTHER else None)
        assert (row["workspace"], row["campaign"], row["variant"]) == (
            message.workspace, message.campaign, message.variant)
        assert (row["state"], row["error_code"], row["kind"]) == (message.state, message.code, message.kind)
        assert (row["final"] is None) == (message.state in ("pending", "waiting"))
        assert (row["sent"] is None) == (not message.counts_in("sent"))
        measured = message.state in ("delivered", "read") and "sent" in message.statuses
        assert (row["seconds"] is not None) == measured
        assert not measured or 0 <= row["seconds"] < 60
        assert row["first"] <= (row["sent"] or row["final"] or row["first"])


@pytest.mark.parametrize("figure", ["delivered", "failed", "pending", "sent", "read", "canceled"])
def test_a_state_lists_the_messages_that_its_figure_counts(sent, figure):
    daemon, messages = sent
    rows = listed(daemon, state=figure)
    assert sids(rows) == [message.sid for message in messages if message.counts_in(figure)]
    campaigns = daemon.get("/v1/campaigns?limit=1000", settle=False)["campaigns"]
    assert len(rows) == sum(campaign[figure] for campaign in campaigns)


FILTERS = {
    "state": ("failed", lambda message: message.state == "failed"),
    "error_code": (HANDSET, lambda message: message.code == HANDSET),
    "kind": ("Content", lambda message: message.code == CARRIER),
    "permanence": ("permanent", lambda message: message.code == CARRIER),
    "campaign": ("spring", lambda message: message.campaign == "spring"),
    "workspace": ("W", lambda message: message.workspace == "W"),
    "variant": ("b", lambda message: message.variant == "b"),
    "provider": (SERVICE, lambda message: message.service is not None),
    "number": (phone(17), lambda message: message.number == 17),
}


@pytest.mark.parametrize("names", [
    *[(name,) for name in FILTERS], *itertools.combinations(FILTERS, 2)], ids="+".join)
def test_filters_alone_and_in_pairs(sent, names):
    daemon, messages = sent
    given = {name: FILTERS[name][0] for name in names}
    wanted = [message.sid for message in messages if all(FILTERS[name][1](message) for name in names)]
    assert sids(listed(daemon, **given)) == wanted
    assert len(names) > 1 or wanted, "the test has one"


@pytest.mark.parametrize("provider, wanted", [
    ("Shop", lambda message: message.sender == OTHER), (OTHER, lambda message: message.sender == OTHER),
    (ACCOUNT, lambda message: True)])
def test_a_provider_is_a_nickname_an_account_a_service_or_a_sender(sent, provider, wanted):
    daemon, messages = sent
    assert sids(listed(daemon, provider=provider)) == [message.sid for message in messages if wanted(message)]


@pytest.mark.parametrize("typed", ["+15550000017", "15550000017", "0015550000017", "+1 (555) 000-0017", " 15550000017"])
def test_a_number_may_be_typed_in_several_ways(sent, typed):
    daemon, messages = sent
    assert sids(listed(daemon, number=typed)) == [messages[16].sid]
    assert {event["message"] for event in daemon.events(f"&number={quote(typed)}")} == {messages[16].sid}


def test_a_sid_in_both_directions_is_found_by_its_number(daemon):
    sid = new_sid()
    daemon.keep("/sms/twilio", status_params(sid, "delivered", number=20))
    daemon.keep("/sms/twilio", reply_params(sid, "hello", number=20), status=200)
    daemon.settle()
    assert sids(listed(daemon, number=phone(20))) == sids(listed(daemon)) == [sid]


def test_a_reader_that_waits_holds_nothing(daemon):
    """Rows are written while no question is asked: the log of the store can be reset meanwhile."""
    daemon.keep_all([signed_post(target_for(), status_params(new_sid(), "sent", number=n)) for n in range(4500)])
    daemon.settle()
    process = subprocess.Popen([harness.DLRD, "messages", "--csv", "-c", str(daemon.config)], stdout=subprocess.PIPE)
    time.sleep(1 * harness.SLOW)
    assert process.poll() is None, "the pipe is full"
    with contextlib.closing(sqlite3.connect(daemon.store / "dlrd.db", timeout=10)) as store:
        harness.until(lambda: store.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0, 10, "no reader")
    rows = list(csv.reader(io.TextIOWrapper(process.stdout)))
    assert process.wait(60) == 0 and len(rows) == 4501 and len({row[0] for row in rows}) == 4501


def test_failures_without_a_code_have_a_word(sent):
    daemon, messages = sent
    wanted = [message.sid for message in messages if message.state == "failed" and message.code is None]
    assert wanted and sids(listed(daemon, error_code="none")) == wanted


def test_the_list_agrees_with_sql_over_the_receipts(sent):
    daemon, _ = sent
    rows = daemon.sql("SELECT message FROM events WHERE status IN ('failed', 'undelivered') AND error_code = ?"
                      " AND campaign = 'spring' GROUP BY message ORDER BY min(seq)", CARRIER)
    found = daemon.cli("messages", "--campaign", "spring", "--error-code", CARRIER, "--csv").stdout
    assert [row["sid"] for row in csv.DictReader(io.StringIO(found))] == [row[0].decode() for row in rows]


def test_times_are_those_of_the_fact(sent):
    daemon, _ = sent
    rows = listed(daemon, state="failed")
    middle = rows[len(rows) // 2]["final"]
    before, after = listed(daemon, state="failed", to=middle), listed(daemon, **{"state": "failed", "from": middle})
    assert sids(before) == [row["sid"] for row in rows if row["final"] < middle]
    assert sids(before) + sids(after) == sids(rows) and before and after


@pytest.mark.parametrize("query, words", [
    ("state=lost", "state must be delivered, failed, pending"), ("error_code=x", "an error code like 30007, or none"),
    ("error_code=-1", "an error code like 30007, or none"), ("permanence=now", "permanence must be permanent"),
    ("colour=red", "colour"),
])
def test_a_wrong_filter_is_named(sent, query, words):
    daemon, _ = sent
    response = daemon.api(f"/v1/messages?{query}")
    assert response.status == 400 and words in response.json()["error"], response.body
    name, _, value = query.partition("=")
    result = daemon.cli("messages", f"--{name.replace('_', '-')}", value, check=False)
    assert result.returncode == 2 and result.stdout == ""


@pytest.mark.parametrize("name, value, words", [
    ("campaign", "sprnig", "no campaign 'sprnig'; near ones: spring"),
    ("campaign", "\x1b[31mspring", "no campaign '"),
    ("workspace", "nowhere", "no workspace 'nowhere'"),
    ("provider", "Shpo", "no provider 'Shpo'; near ones: Shop"),
    ("provider", "+15550009998", f"no provider '+15550009998'; near ones: {OTHER}"),
    ("provider", "", "no provider ''"),
    ("error_code", "30070", "no error code '30070'; near ones: 30007"),
    ("kind", "phone", "no kind 'phone'; there are "),
    ("campaign", "\u20ac" * 30, "no campaign '" + "\u20ac" * 21 + "'"),
])
def test_a_name_that_does_not_exist_is_an_error_with_near_ones(sent, name, value, words):
    daemon, _ = sent
    response = daemon.api(f"/v1/messages?{name}={quote(value, safe='')}")
    assert response.status == 404 and response.json()["error"].startswith(words), response.body
    for form in ((), ("--json",), ("--csv",)):
        result = daemon.cli("messages", f"--{name.replace('_', '-')}", value, *form, check=False)
        assert result.returncode == 1 and result.stdout == "" and words in result.stderr
        assert "\x1b" not in result.stderr


def test_a_name_that_does_not_exist_is_shown_with_all_its_bytes(sent):
    daemon, _ = sent
    response = daemon.api("/v1/messages?campaign=spring%00b")
    assert response.json()["error"] == "no campaign 'spring\\x00b'; near ones: spring"


@pytest.mark.parametrize("command", [
    ["stats"], ["errors"], ["events"], ["replies"], ["series"], ["variants"], ["messages", "--suppress"],
    ["optouts", "--near-misses"]], ids=" ".join)
def test_each_command_names_a_campaign_near_one_that_does_not_exist(sent, command):
    daemon, _ = sent
    result = daemon.cli(*command, "--campaign", "autum", check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.endswith("no campaign 'autum'; near ones: autumn\n")


def test_a_code_that_the_catalogue_lacks_exists_once_it_has_arrived(daemon):
    sids = [new_sid(), new_sid()]
    failed, conflict = 64998, 64997
    daemon.keep("/sms/twilio", status_params(sids[0], "failed", code=failed))
    daemon.keep("/sms/twilio", status_params(sids[1], "delivered"))
    daemon.keep("/sms/twilio", status_params(sids[1], "failed", code=conflict))
    daemon.settle()
    for code, sid in ((failed, sids[0]), (conflict, sids[1])):
        assert [event["message"] for event in daemon.events(f"&error_code={code}")] == [sid]
    response = daemon.api("/v1/events?error_code=64996")
    assert response.status == 404 and response.json()["error"].startswith("no error code '64996'")


def test_a_campaign_that_has_not_begun_can_be_followed(sent):
    daemon, _ = sent
    process = subprocess.Popen([harness.DLRD, "events", "--follow", "--campaign", "later", "-c", str(daemon.config)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5 * harness.SLOW)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "") and process.returncode == 0


def test_words_of_ours_may_be_in_any_case(sent):
    daemon, messages = sent
    failed = listed(daemon, state="Failed", permanence="PERMANENT", kind="CONTENT")
    assert failed and failed == listed(daemon, state="failed", permanence="permanent", kind="content")
    assert listed(daemon, error_code="NONE") == listed(daemon, error_code="none")
    replies = [json.loads(daemon.cli("replies", "--json", "--keyword", word).stdout)["replies"]
               for word in ("STOP", "stop")]
    assert replies[0] == replies[1] != []
    for rule in (replies[0][0]["rule"], replies[0][0]["rule"].upper()):
        assert json.loads(daemon.cli("replies", "--json", "--rule", rule).stdout)["replies"]
    assert daemon.events("&type=failed") == daemon.events("&type=Failed") != []


def test_a_table_without_rows_says_so(sent):
    daemon, _ = sent
    result = daemon.cli("messages", "--campaign", "spring", "--number", "+15559999999")
    assert result.stdout == "no messages match\n"
    assert daemon.cli("messages", "--number", "+15559999999", "--json").stdout.startswith('{"next":')


# --- variants ---


def test_figures_by_variant(sent):
    daemon, messages = sent
    found = daemon.get("/v1/campaigns/spring/variants?workspace=W", settle=False)
    assert found["campaign"] == "spring" and [row["variant"] for row in found["variants"]] == ["a", "b"]
    for row in found["variants"]:
        own = [message for message in messages
               if (message.campaign, message.workspace, message.variant) == ("spring", "W", row["variant"])]
        for figure in ("messages", "sent", "delivered", "failed", "read", "canceled", "pending"):
            assert row[figure] == sum(bool(message.counts_in(figure)) for message in own), figure
        assert row["delivery_rate"] == pytest.approx(row["delivered"] / (row["delivered"] + row["failed"]))
    words = ["--campaign", "spring", "--workspace", "W"]
    assert json.loads(daemon.cli("variants", "--json", *words).stdout) == found
    assert daemon.cli("variants", *words).stdout.startswith("variant ")
    assert daemon.cli("variants", "--campaign", "spring", check=False).returncode == 1, "of two workspaces"
    assert daemon.api("/v1/campaigns/nothing/variants").status == 404


# --- why messages failed ---

SCOPES = {
    "campaign": ("spring", lambda message: message.campaign == "spring"),
    "workspace": ("X", lambda message: message.workspace == "X"),
    "variant": ("a", lambda message: message.variant == "a"),
    "provider": ("Shop", lambda message: message.sender == OTHER),
}


@pytest.mark.parametrize("names", [
    (), *[(name,) for name in SCOPES], *itertools.combinations(SCOPES, 2)], ids="+".join)
def test_failures_by_any_filter(sent, names):
    daemon, messages = sent
    of_scope = [message for message in messages if message.state == "failed" and all(
        SCOPES[name][1](message) for name in names)]
    wanted = collections.Counter(message.code for message in of_scope)
    query = "&".join(f"{name}={SCOPES[name][0]}" for name in names)
    found = daemon.get(f"/v1/failures?{query}", settle=False)
    assert found["failed"] == len(of_scope)
    assert {row["code"]: row["count"] for row in found["errors"]} == wanted
    assert [row["count"] for row in found["errors"]] == sorted(wanted.values(), reverse=True)
    for row in found["errors"]:
        of_code = [message.sid for message in of_scope if message.code == row["code"]]
        assert row["share"] == pytest.approx(len(of_code) / len(of_scope)) and row["recent"] == row["count"]
        assert len(row["samples"]) == min(3, len(of_code)) and set(row["samples"]) <= set(of_code)
        listing = listed(daemon, error_code="none" if row["code"] is None else row["code"],
                         **{name: SCOPES[name][0] for name in names})
        times = sorted(message["final"] for message in listing)
        assert (row["first"], row["last"]) == (times[0], times[-1])


def test_a_provider_in_the_command_of_errors(sent):
    daemon, _ = sent
    words = ["--campaign", "spring", "--provider", "Shop"]
    found = json.loads(daemon.cli("errors", "--json", *words).stdout)
    assert found == daemon.get("/v1/failures?campaign=spring&provider=Shop", settle=False)
    table = daemon.cli("errors", *words).stdout
    assert str(CARRIER) in table and "campaign spring" not in table


def test_workspaces_with_one_campaign_name_are_told_apart(sent):
    daemon, messages = sent
    shown = daemon.cli("errors", "--campaign", "spring").stdout
    for workspace in "WX":
        count = sum(message.state == "failed" and (message.campaign, message.workspace) == ("spring", workspace)
                    for message in messages)
        assert f"campaign spring of workspace {workspace}: {count} failed" in shown


# --- events of one number, or with one code ---


def test_events_with_a_code(sent):
    daemon, messages = sent
    found = daemon.events(f"&error_code={CARRIER}")
    assert [event["message"] for event in found] == [
        message.sid for message in messages if message.code == CARRIER]
    found = daemon.events("&error_code=none&campaign=spring")
    assert [event["message"] for event in found] == [
        message.sid for message in messages
        if (message.state, message.code, message.campaign) == ("failed", None, "spring")]


def test_events_of_a_number(sent):
    daemon, messages = sent
    found = daemon.events(f"&number={quote(phone(2))}")
    assert [event["status"] for event in found] == [*messages[1].statuses, "received"]
    table = daemon.cli("events", "--number", phone(2), "--type", "replied", "--csv").stdout
    assert [row["body"] for row in csv.DictReader(io.StringIO(table))] == ["hello"]


# --- numbers to take off a list ---


def suppressed(daemon, *words):
    text = daemon.cli("messages", "--suppress", "--csv", *words).stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert text.startswith("number,")
    return {row["number"]: (row["reason"], row["error_code"]) for row in rows}


def test_numbers_to_suppress(make_daemon):
    daemon = make_daemon({"provider Shop": {"senders": OTHER}})
    for number, (status, code, campaign, sender) in enumerate([
            ("undelivered", 30005, "spring", OTHER), ("undelivered", 30006, "autumn", OTHER),
            ("undelivered", 30007, "spring", OTHER), ("delivered", None, "spring", OTHER),
            ("failed", 30005, "spring", "+15017122661"), ("undelivered", None, "spring", OTHER)]):
        params = status_params(new_sid(), status, code=code, number=number, From=sender)
        daemon.keep(f"/sms/twilio?campaign={campaign}", params)
    daemon.keep("/sms/twilio?campaign=spring", status_params(new_sid(), "sent", number=0, From=OTHER))
    for number, word in ((0, "STOP"), (6, "STOP"), (7, "STOP"), (7, "START")):
        daemon.keep("/sms/twilio", reply_params(new_sid(), word, number=number, To=OTHER), status=200)
    daemon.settle()

    everyone = {phone(0): ("opted_out", "30005"), phone(1): ("failed", "30006"), phone(4): ("failed", "30005"),
                phone(6): ("opted_out", "")}
    assert suppressed(daemon) == everyone
    assert suppressed(daemon, "--campaign", "autumn") == {phone(1): ("failed", "30006")}
    without_other = {number: why for number, why in everyone.items() if number != phone(4)}
    assert suppressed(daemon, "--provider", "Shop") == without_other
    assert suppressed(daemon, "--provider", "+15017122661") == {phone(4): ("failed", "30005")}

    rows = daemon.get("/v1/suppressed?limit=3")
    again = daemon.get(f"/v1/suppressed?limit=3&next={rows['next']}")
    found = rows["numbers"] + again["numbers"]
    assert [row["number"] for row in found] == [phone(0), phone(6), phone(1), phone(4)] and again["next"] is None
    assert found[0]["name"] and all(row["since"] for row in found)
    failed = daemon.sql("SELECT DISTINCT \"to\" FROM events WHERE error_code IN (30005, 30006)")
    assert {row[0].decode() for row in failed} == {
        number for number, (_, code) in everyone.items() if code}, "as SQL over the receipts says"
    daemon.audit()


def test_no_page_of_suppressed_numbers_misses_one(daemon):
    def reply(number, word):
        daemon.keep("/sms/twilio", reply_params(new_sid(), word, number=number), status=200)
    for number in (1, 2, 3, 4):
        reply(number, "STOP")
    daemon.keep("/sms/twilio", status_params(new_sid(), "undelivered", code=30005, number=5))
    page = daemon.get("/v1/suppressed?limit=2")
    reply(1, "START")  # what was listed before does not move the rest
    rest = daemon.get(f"/v1/suppressed?next={page['next']}")["numbers"]
    assert [row["number"] for row in page["numbers"] + rest] == [phone(n) for n in (1, 2, 3, 4, 5)]


def test_what_suppress_does_not_take_is_an_error(sent):
    daemon, _ = sent
    assert daemon.cli("messages", "--suppress", "--variant", "none").stdout == "no numbers match\n"
    result = daemon.cli("messages", "--suppress", "--state", "failed", check=False)
    assert result.returncode == 2 and "dlrd messages --suppress" in result.stderr


# --- events as they are counted ---


@pytest.fixture
def following(daemon):
    processes = []

    def start(*words):
        processes.append(subprocess.Popen([harness.DLRD, "events", "--follow", *words, "-c", str(daemon.config)],
                                          stdout=subprocess.PIPE, text=True))
        return processes[-1]
    yield start
    for process in processes:
        process.kill()
        process.wait(30)


def test_events_are_followed(daemon, following):
    def sent(count):
        for _ in range(count):
            daemon.keep(target_for(), status_params(new_sid(), "undelivered", code=HANDSET))
        daemon.settle()
    def is_printed(process):
        sent(1)
        return select.select([process.stdout], [], [], 0.5)[0]

    sent(2)
    after = following("--after", "1", "--json")
    assert json.loads(after.stdout.readline())["seq"] == 2
    first = following("--after", "0", "--csv")
    assert first.stdout.readline().startswith("seq,") and first.stdout.readline().startswith("1,")
    other = following("--csv", "--type", "delivered")
    plain = following("--error-code", str(HANDSET))
    harness.until(lambda: is_printed(plain), 40, "a line about an event after the start")
    last = daemon.sql("SELECT max(seq) FROM event")[0][0]
    seen = [plain.stdout.readline().split()]
    while seen[-1][0] != str(last):
        seen.append(plain.stdout.readline().split())
    start = int(seen[0][0])
    assert start > 2 and [int(words[0]) for words in seen] == list(range(start, last + 1))
    assert all(str(HANDSET) in words for words in seen)
    assert [json.loads(after.stdout.readline())["seq"] for _ in range(2)] == [3, 4]
    for process in (after, first, plain, other):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert other.stdout.read().startswith("seq,"), "the head alone"
