"""The dashboard's lists and what they lead to: messages, providers, opt-outs, near misses."""

import csv
import io
from urllib.parse import quote, urlencode

import pytest

import browser as browsers
import harness
from harness import new_sid, phone, reply_params, signed_post, status_params
from test_dashboard import fill, number, target

pytestmark = [pytest.mark.skipif(harness.SANITIZER is not None, reason="a browser, not the daemon, is tested here"),
              pytest.mark.skipif(harness.SMALL, reason="the same on every machine"),
              pytest.mark.skipif(browsers.webdriver is None, reason="python3-selenium is not installed")]

SENDER = "+15017122661"
SERVICE = "MG" + "5" * 32
TIMELINE, MULTIMEDIA, LONG = "SM" + "7" * 32, "MM" + "7" * 32, "SM" + "8" * 32

BIDI = "\u202eexe.\u2066"
SCRIPT = "<script>window.attacked = 1</script>"
IMAGE = "<img src=x onerror='window.attacked = 1'>"
LINK = "javascript:window.attacked=1"
TYPE = "image/<b>"
HOSTILE = {"campaign": SCRIPT + BIDI, "workspace": LINK + BIDI, "variant": IMAGE + BIDI}
HOSTILE_SID = "SM" + "6" * 32


def inbound(sid, text, index, **more):
    return signed_post("/sms/twilio", reply_params(sid, text, number=index, **more))


def fill_lists(daemon):
    fill(daemon)
    daemon.keep_all([signed_post(target("spring-sale"), status_params(TIMELINE, word, code, 300, MessagingServiceSid=SERVICE, Unheard=SCRIPT))
                     for word, code in (("queued", None), ("sent", None), ("delivered", None), ("failed", 30008))])
    daemon.keep_all([signed_post("/sms/twilio?" + urlencode(HOSTILE), status_params(
        sid, "undelivered", 30003, From=IMAGE + BIDI, To=SCRIPT + BIDI, MessagingServiceSid=LINK + BIDI))
        for sid in (HOSTILE_SID, new_sid())])
    daemon.keep_all([inbound(new_sid(), "STOP", 400 + index) for index in range(22)], 200)
    daemon.keep_all([inbound(MULTIMEDIA, "please stop " + SCRIPT + BIDI, 500, NumMedia="1", MediaUrl0=LINK, MediaContentType0=TYPE),
                     inbound(LONG, "stop texting me" + "x" * 10000, 501),
                     inbound(new_sid(), "STOP", From=IMAGE + BIDI, index=502)], 200)
    daemon.keep_all([inbound(new_sid(), "please stop", 510 + index) for index in range(20)], 200)
    daemon.settle()


@pytest.fixture(scope="module")
def lists():
    daemon = harness.Daemon().start()
    fill_lists(daemon)
    yield daemon
    daemon.finish()


@pytest.fixture(scope="module")
def empty():
    daemon = harness.Daemon().start()
    yield daemon
    daemon.finish()


def only_refused(browser):
    """The browser's own lines about answers of 400 and 404, which are expected."""
    assert all("status of 40" in line for line in browser.errors())


def links(browser, text):
    return browser.script("""return [...document.querySelectorAll("main a")].filter((link) => link.textContent === arguments[0])
        .map((link) => link.getAttribute("href"));""", text)


def csv_rows(daemon, link):
    return list(csv.DictReader(io.StringIO(daemon.api("/" + link).body.decode())))


def facts(browser, where="main > .facts"):
    return dict(browser.script("""return [...document.querySelectorAll(arguments[0] + " > div")].map((fact) =>
        [fact.querySelector("dt").textContent, fact.querySelector("dd").textContent]);""", where))


def whole(daemon, path, member):
    return daemon.api(path + ("&" if "?" in path else "?") + "limit=1000").json()[member]


# --- messages ---


def test_messages_are_those_of_the_api(browser, lists):
    browser.open(lists, "?view=messages&campaign=spring-sale")
    answers = whole(lists, "/v1/messages?campaign=spring-sale", "messages")
    shown = []
    while True:
        shown += browser.rows("Messages")
        if not browser.all("a[rel=next]"):
            break
        browser.follow("Next page")
    assert [row["To"] for row in shown] == [row["to"] for row in answers]
    for row, answer in zip(shown, answers):
        assert row["From"] == answer["from"] and row["State"] == answer["state"]
        assert row["Campaign"] == f"spring-saleacme · {answer['variant']}"
        assert row["Error"].split()[0] == ("–" if answer["error_code"] is None else str(answer["error_code"]))
    browser.follow("First page")
    assert [row["To"] for row in browser.rows("Messages")] == [row["to"] for row in answers[:20]]
    assert len(csv_rows(lists, links(browser, "CSV")[0])) == len(answers)


@pytest.mark.parametrize("query", ["state=failed&error_code=30003", "state=conflicts", "kind=consent", "permanence=permanent",
                                   f"provider={SERVICE}", "number=%2B15550000300", "variant=b", "workspace=other", "range=1h",
                                   "from=2020-01-01&to=2020-01-02"])
def test_messages_are_filtered(browser, lists, query):
    browser.open(lists, "?view=messages&" + query)
    asked = query.replace("range=1h", "from=2020-01-01")
    answers = lists.api(f"/v1/messages?{asked}&limit=20").json()["messages"]
    assert [row["To"] for row in browser.rows("Messages")] == [row["to"] for row in answers]
    if not answers:
        assert "No message is like that" in browser.text()
        return
    assert len(csv_rows(lists, links(browser, "CSV")[0])) == len(whole(lists, f"/v1/messages?{asked}", "messages"))
    kept = "&".join(part for part in asked.split("&") if part.split("=")[0] in ("provider", "variant", "workspace", "from", "to"))
    assert csv_rows(lists, links(browser, "Numbers to take off the list (CSV)")[0]) == csv_rows(
        lists, f"v1/suppressed?format=csv&{kept}")


def test_a_filter_that_names_nothing_says_so_and_can_be_corrected(browser, lists):
    browser.open(lists, "?view=messages")
    browser.type("input[name=campaign]", "sprin")
    browser.until(lambda: "no campaign 'sprin'" in browser.text(), "the api's text")
    browser.type("input[name=campaign]", "g-sale")
    browser.until(lambda: {row["Campaign"][:11] for row in browser.rows("Messages")} == {"spring-sale"}, "the campaign")
    for _ in range(len("spring-sale")):
        browser.type("input[name=campaign]", browser.keys.BACKSPACE)
    browser.until(lambda: "campaign=" not in browser.driver.current_url, "all campaigns")
    only_refused(browser)


def test_untagged_messages_stay_chosen(browser, lists):
    browser.open(lists, "?view=messages&campaign=")
    assert "Campaign (untagged)" in browser.text() and not browser.all("input[name=campaign]")
    browser.type("input[name=number]", "+1")
    browser.until(lambda: "number=" in browser.driver.current_url, "the filter")
    assert "campaign=&" in browser.driver.current_url + "&"


# --- a message ---


def test_a_message_has_its_states_facts_and_receipts(browser, lists):
    browser.open(lists, "?view=messages&number=" + quote(phone(300)))
    browser.click("a.row")
    answer = lists.api(f"/v1/messages/{TIMELINE}").json()
    assert browser.text("h1") == f"Message {TIMELINE}"
    states = browser.script("return [...document.querySelectorAll('.states .state')].map((state) => state.textContent)")
    assert states == [row["status"] for row in answer["receipts"]] == ["queued", "sent", "delivered", "failed"]
    assert [time["datetime"] for time in browser.script("""return [...document.querySelectorAll('.states time')]
        .map((time) => ({datetime: time.dateTime}))""")] == [row["time"] for row in answer["receipts"]]
    shown = facts(browser)
    assert (shown["To"], shown["From"], shown["Campaign"], shown["Messaging service"]) == (phone(300), SENDER, "spring-sale", SERVICE)
    assert shown["Error"].startswith("30008 ") and shown["Conflict"]
    assert links(browser, "30008")[0] == "?view=error&code=30008"
    browser.click(".receipt details summary")
    assert SCRIPT in browser.text(".receipt pre")
    assert len(csv_rows(lists, links(browser, "CSV")[0])) == 4
    browser.follow("spring-sale")
    assert "view=campaign" in browser.driver.current_url


def test_a_reply_shows_its_text_and_media_as_text(browser, lists):
    browser.open(lists, f"?view=message&sid={MULTIMEDIA}")
    answer = lists.api(f"/v1/messages/{MULTIMEDIA}").json()["receipts"][0]
    assert browser.script("return document.querySelector('pre.body').textContent") == answer["body"]
    shown = facts(browser, ".receipt .facts")
    assert shown["Media links"] == LINK and shown["Media types"] == TYPE and shown["Near miss"] == answer["near_miss"]
    assert links(browser, LINK) == [] and links(browser, phone(500)) == ["?" + urlencode({"view": "number", "number": phone(500)})]
    browser.open(lists, f"?view=message&sid={LONG}")
    assert len(browser.script("return document.querySelector('pre.body').textContent")) > 10000


def test_a_message_that_is_not_there(browser, lists):
    browser.open(lists, "?view=message&sid=SMx")
    assert browser.text("[role=alert] p") == lists.api("/v1/messages/SMx").json()["error"]
    only_refused(browser)


# --- providers ---


@pytest.mark.parametrize("by, column", [("sender", "Sender"), ("service", "Messaging service"), ("account", "Account"), ("provider", "Nickname")])
def test_providers_are_those_of_the_api(browser, lists, by, column):
    browser.open(lists, f"?view=providers&by={by}")
    rows, answers = browser.rows("Providers"), whole(lists, f"/v1/providers?by={by}", "providers")
    assert [row[column] for row in rows] == [answer[by] or {"provider": "(no nickname)"}.get(by, "(not known)") for answer in answers]
    for row, answer in zip(rows, answers):
        assert number(row["Messages"]) == answer["messages"] and number(row["Failed"]) == answer["failed"]
    assert csv_rows(lists, links(browser, "CSV")[0]) == csv_rows(lists, f"v1/providers?by={by}&format=csv")


def test_a_provider_has_its_figures_and_errors(browser, lists):
    browser.open(lists, "?view=providers&workspace=acme")
    browser.follow(SENDER)
    answer = lists.api("/v1/failures?provider=" + quote(SENDER)).json()
    rows = browser.rows("Errors")
    assert [number(row["Messages"]) for row in rows] == [row["count"] for row in answer["errors"]]
    tiles = dict(browser.script("""return [...document.querySelectorAll(".tile")].map((tile) =>
        [tile.querySelector("dt").textContent, tile.querySelector("dd").textContent]);"""))
    figures = lists.api("/v1/providers?by=provider&provider=" + quote(SENDER)).json()["providers"][0]
    assert {name: number(tiles[name]) for name in ("Messages", "Delivered", "Failed", "Pending")} == {
        name: figures[name.lower()] for name in ("Messages", "Delivered", "Failed", "Pending")}
    browser.click("tr[data-key='code-30003'] a.row")
    assert len(browser.rows("Messages")) == next(row["count"] for row in answer["errors"] if row["code"] == 30003)


def test_a_provider_that_is_not_there(browser, lists):
    browser.open(lists, "?view=provider&provider=zzz")
    assert browser.text("[role=alert] p") == "no provider 'zzz'"
    browser.open(lists, "?view=providers&provider=zzz")
    assert "no provider 'zzz'" in browser.text(".empty")
    only_refused(browser)


# --- opt-outs ---


def test_optouts_are_those_of_the_api(browser, lists):
    browser.open(lists, "?view=optouts")
    answers = whole(lists, "/v1/optouts", "optouts")
    shown = browser.rows("Opt-outs")
    browser.follow("Next page")
    shown += browser.rows("Opt-outs")
    assert [row["Number"] for row in shown] == [row["number"] for row in answers]
    assert len(csv_rows(lists, links(browser, "CSV")[0])) == len(answers)
    browser.open(lists, "?view=optouts&state=in")
    assert "No number is like that" in browser.text()


@pytest.mark.parametrize("spelling", ["+15550000400", "1 (555) 000-0400", "tel:+1-555-000-0400", "0015550000400"])
def test_a_number_is_found_in_any_spelling(browser, lists, spelling):
    browser.open(lists, "?view=optouts")
    browser.script("""const field = document.querySelector("input[name=number]"); field.value = arguments[0];
        field.dispatchEvent(new Event("input", { bubbles: true }))""", spelling)
    browser.until(lambda: "Must not be texted" in browser.text(), "the number")
    browser.follow(phone(400))
    answer = lists.api("/v1/optouts/" + quote(phone(400))).json()
    assert browser.text("h1") == phone(400)
    assert [row["Text"] for row in browser.rows("History")] == [row["body"] for row in answer["history"]]
    assert [row["Scope"] for row in browser.rows("Scopes")] == [row["scope"] for row in answer["scopes"]]
    assert csv_rows(lists, links(browser, "History (CSV)")[0])[0]["body"] == "STOP"
    browser.click("table tbody td[data-label=Message] a")
    assert browser.text("h1") == "Message " + answer["scopes"][0]["message"]


def test_a_number_without_an_entry_or_a_country_code(browser, lists):
    for view in ("optouts", "number"):
        browser.open(lists, f"?view={view}&number=%2B15559999999")
        assert "no entry for this number" in browser.text(".empty")
        browser.open(lists, f"?view={view}&number=5550000400")
        answer = lists.api("/v1/optouts/5550000400")
        assert answer.status == 400 and answer.json()["error"] in browser.text(".empty")
        assert links(browser, phone(400)) == ["?" + urlencode({"view": "number", "number": phone(400)})]
    only_refused(browser)


# --- near misses ---


def test_near_misses_are_those_of_the_api(browser, lists):
    browser.open(lists, "?view=nearmisses")
    answers = whole(lists, "/v1/near-misses", "near_misses")
    shown = browser.rows("Near misses")
    browser.follow("Next page")
    shown += browser.rows("Near misses")
    assert [(row["From"], row["Text"], row["Sounds like an opt-out"]) for row in shown] == [
        (row["number"], row["body"], row["near_miss"]) for row in answers]
    assert len(csv_rows(lists, links(browser, "CSV")[0])) == len(answers)
    browser.click("a.row")
    assert browser.text("h1") == "Message " + answers[20]["message"]


# --- all of them ---


@pytest.mark.parametrize("view, says", [("messages", "No receipt has arrived yet"), ("providers", "No message was sent"),
                                        ("optouts", "Nobody has opted out yet"), ("nearmisses", "No reply sounds like an opt-out")])
def test_empty_lists_say_what_is_missing(browser, empty, view, says):
    browser.open(empty, f"?view={view}")
    assert says in browser.text(".empty")


PAGES = [*(f"?view={view}" for view in ("messages", "providers", "optouts", "nearmisses")),
         "?view=messages&state=failed&kind=handset", f"?view=message&sid={TIMELINE}", f"?view=message&sid={MULTIMEDIA}",
         f"?view=message&sid={LONG}", f"?view=message&sid={HOSTILE_SID}", "?view=number&number=%2B15550000400",
         "?view=optouts&number=%2B15550000400",
         *("?" + urlencode(page) for page in (
             {"view": "provider", "provider": SENDER}, {"view": "provider", "provider": IMAGE + BIDI},
             {"view": "provider", "provider": LINK + BIDI}, {"view": "number", "number": IMAGE + BIDI},
             {"view": "messages", **HOSTILE}, {"view": "nearmisses", **HOSTILE}))]


@pytest.mark.parametrize("view", ["messages", "providers", "optouts", "nearmisses"])
def test_a_list_is_small(browser, lists, view):
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.open(lists, f"?view={view}")
    assert browser.transferred() < 40_000


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible(browser, lists, page, theme):
    browser.theme(theme)
    browser.open(lists, page)
    assert browser.accessibility() == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_fit_each_width_and_run_nothing(browser, lists, page):
    browser.check_widths(lists, page)
    assert browser.script("return window.attacked ?? null") is None
    assert browser.script("return document.querySelector('main').querySelectorAll('script, img, iframe, [style]').length") == 0
    for link in browser.script("return [...document.querySelectorAll('main a')].map((link) => link.getAttribute('href'))"):
        assert link.startswith(("?", "v1/", "https://www.twilio.com/docs/api/errors/")), link


@pytest.mark.parametrize("name", ["search", "sid", "number", "provider", "campaign", "state", "error_code", "from", "range", "next", "by",
                                  "scope", "kind", "tz"])
def test_values_of_the_url_are_text(browser, lists, name):
    for view in ("messages", "message", "providers", "provider", "optouts", "number", "nearmisses", IMAGE):
        browser.open(lists, "?" + urlencode({"view": view, name: SCRIPT + IMAGE + BIDI}))
        assert browser.script("return window.attacked ?? null") is None
        assert browser.script("return document.querySelector('main').querySelectorAll('script, img').length") == 0
        assert "has a fault" not in browser.text(), view
    only_refused(browser)


def test_hostile_texts_are_shown_as_they_are(browser, lists):
    browser.open(lists, "?" + urlencode({"view": "messages", **HOSTILE}))
    rows = browser.rows("Messages")
    assert len(rows) == 2 and rows[0]["To"] == SCRIPT + BIDI and rows[0]["From"] == IMAGE + BIDI
    assert rows[0]["Campaign"] == "{campaign}{workspace} · {variant}".format(**HOSTILE)
    browser.click("a.row")
    shown = facts(browser)
    assert (shown["Campaign"], shown["Workspace"], shown["Variant"]) == tuple(HOSTILE.values())
    assert shown["Messaging service"] == LINK + BIDI
    browser.open(lists, "?view=providers")
    assert IMAGE + BIDI in [row["Sender"] for row in browser.rows("Providers")]
    browser.open(lists, "?view=nearmisses")
    assert browser.rows("Near misses")[0]["Text"] == "please stop " + SCRIPT + BIDI
    numbers = []
    browser.open(lists, "?view=optouts")
    while browser.all("a[rel=next]"):
        numbers += [row["Number"] for row in browser.rows("Opt-outs")]
        browser.follow("Next page")
    assert IMAGE + BIDI in numbers + [row["Number"] for row in browser.rows("Opt-outs")]


def test_the_direction_of_a_text_stays_in_its_cell(browser, lists):
    browser.open(lists, "?" + urlencode({"view": "messages", **HOSTILE}))
    assert set(browser.script("""return [...document.querySelectorAll("main td.text, main td bdi, main h1")]
        .map((cell) => getComputedStyle(cell).unicodeBidi)""")) <= {"isolate", "plaintext"}
