"""The pages about the daemon itself, in a browser: live events, health, set-up, alerts, error codes, and the page of any
question. What they show equals what the api answers."""

import json
import re
from urllib.parse import urlencode

import pytest

import browser as browsers
import harness
from harness import ACCOUNT, PUBLIC_URL, new_sid, phone, reply_params, signed_post, status_params
from test_dashboard import target

pytestmark = [pytest.mark.skipif(harness.SANITIZER is not None, reason="a browser, not the daemon, is tested here"),
              pytest.mark.skipif(harness.SMALL, reason="the same on every machine"),
              pytest.mark.skipif(browsers.webdriver is None, reason="python3-selenium is not installed")]

HOSTILE = ["<script>document.title='run'</script>", '"><img src=x onerror=document.title="run">',
           "javascript:document.title='run'", "a\u202Egnp.exe", "{{1+1}} ${1+1}", "x" * 10000]


def alert(level, code=None, status=502, sid=None):
    payload = {"resource_sid": sid, "webhook": {"request": {"url": PUBLIC_URL + "/sms/twilio", "method": "POST"},
                                                "response": {"status_code": status}}}
    if code is not None:
        payload["error_code"] = str(code)
    return {"AccountSid": ACCOUNT, "Sid": new_sid("NO"), "Level": level, "Timestamp": "2026-11-20T10:00:00Z",
            "PayloadType": "application/json", "Payload": json.dumps(payload)}


def fill(daemon):
    """Something for each question."""
    sid = new_sid()
    daemon.keep_all([signed_post(target("spring"), status_params(new_sid(), "delivered", number=number)) for number in range(60)]
                    + [signed_post(target("spring"), status_params(sid, "undelivered", 30007, 70)),
                       signed_post(target("spring"), status_params(new_sid(), "failed", 39999, 71))])
    for number, body in enumerate(["STOP", "please stop it", "hello"]):
        daemon.keep("/sms/twilio", reply_params(new_sid(), body, number), 200)
    for number in range(55):
        daemon.keep("/sms/twilio", alert("ERROR" if number % 2 else "WARNING", 11200, sid=sid))
    assert daemon.post(target("spring"), status_params(new_sid(), "sent"), token="wrong" * 6).status == 403
    daemon.settle()
    harness.until(lambda: daemon.get("/v1/quarantine", settle=False)["quarantine"], what="the refused request")
    return {"campaign": "spring", "sid": sid, "code": "30007", "number": phone(0), "seq": "1",
            "id": str(daemon.get("/v1/quarantine", settle=False)["quarantine"][0]["id"])}


@pytest.fixture(scope="module")
def filled():
    daemon = harness.Daemon().start()
    daemon.names = fill(daemon)
    yield daemon
    daemon.finish()


def view(name, **more):
    return "?" + urlencode({"view": name, **more})


def number(text):
    return int(text.replace(",", ""))


# --- live ---


def open_live(browser, daemon, **more):
    browser.open(daemon, view("events", **more))
    browser.until(lambda: browser.text("#feed .state").split(" ")[0] in ("Live", "Paused"), "the stream")


def campaigns_of(browser):
    return [re.sub("acme.*", "", row["Campaign"]) for row in browser.rows("Events")]


def test_an_event_shows_within_a_second(browser, daemon):
    open_live(browser, daemon)
    assert "No event like that" in browser.text("#feed")
    sid = new_sid()
    daemon.keep(target("first"), status_params(sid, "sent"))
    browser.until(lambda: campaigns_of(browser) == ["first"], "the event", browsers.SOON)
    daemon.keep(target("second"), status_params(new_sid(), "delivered"))
    browser.until(lambda: campaigns_of(browser) == ["second", "first"], "the second event", browsers.SOON)
    assert browser.all("#feed tbody a.row")[1].get_attribute("href").endswith(f"view=message&sid={sid}")
    browser.open(daemon, view("events"))
    assert campaigns_of(browser) == ["second", "first"], "those of the last time are there at once"


def test_a_paused_page_counts_and_then_shows_what_arrived(browser, daemon):
    open_live(browser, daemon)
    browser.click("button[name=paused]")
    browser.until(lambda: browser.text("#feed .state").startswith("Paused"), "the pause")
    assert "paused=1" in browser.driver.current_url
    for campaign in ("first", "second", "third"):
        daemon.keep(target(campaign), status_params(new_sid(), "sent"))
    browser.until(lambda: browser.text("#feed .state") == "Paused · 3 arrived meanwhile", "the count")
    assert campaigns_of(browser) == []
    browser.click("button[name=paused]")
    browser.until(lambda: campaigns_of(browser) == ["third", "second", "first"], "the events")
    assert "paused" not in browser.driver.current_url


def test_events_are_filtered(browser, daemon):
    open_live(browser, daemon, campaign="wanted", type="Delivered")
    for campaign, status in (("wanted", "sent"), ("other", "delivered"), ("wanted", "delivered")):
        daemon.keep(target(campaign), status_params(new_sid(), status))
    browser.until(lambda: [row["Type"] for row in browser.rows("Events")] == ["Delivered"], "the event")
    assert campaigns_of(browser) == ["wanted"]
    browser.one("input[name=campaign]").clear()
    browser.type("input[name=campaign]", "other")
    browser.until(lambda: campaigns_of(browser) == ["other"], "the other filter")
    browser.one("input[name=campaign]").clear()
    browser.type("input[name=campaign]", browser.keys.ENTER)
    browser.until(lambda: campaigns_of(browser) == ["wanted", "other"], "no campaign")
    assert all("404" in line for line in browser.errors()), "campaigns without an event yet"


def test_a_flood_of_events_is_cut_on_the_page(browser, daemon):
    open_live(browser, daemon)
    count = 700
    daemon.keep_all([signed_post(target("flood"), status_params(new_sid(), "sent", number=i)) for i in range(count)])
    browser.until(lambda: f"{count - 200} older ones were dropped" in browser.text("#feed .state"), "the events", 20)
    assert len(browser.rows("Events")) == 200
    assert browser.script("return document.querySelector('#feed tr[data-key]').dataset.key") == str(count)


def test_hostile_texts_are_shown_as_texts(browser, daemon):
    open_live(browser, daemon)
    for body in HOSTILE:
        daemon.keep("/sms/twilio", reply_params(new_sid(), body), 200)
    daemon.keep(target(HOSTILE[0], HOSTILE[1], HOSTILE[3]), status_params(new_sid(), "sent"))
    browser.until(lambda: len(browser.rows("Events")) == len(HOSTILE) + 1, "the events")
    rows = browser.rows("Events")
    assert rows[0]["Campaign"] == f"{HOSTILE[0]}{HOSTILE[1]} · {HOSTILE[3]}"
    for row, body in zip(rows[1:], reversed(HOSTILE)):
        assert row["Body"] == (body if len(body) <= 200 else body[:200] + "…")
    assert browser.script("return document.title") == "Live · dlrd"
    assert browser.all("#feed script, #feed img") == []
    links = {link.get_attribute("href") for link in browser.all("main a")}
    assert all(link.startswith((browser.origin + "?view=", browser.origin + "v1/")) for link in links)
    isolated = browser.script("return getComputedStyle([...document.querySelectorAll('td.body')].at(-4)).unicodeBidi")
    assert isolated == "isolate"
    browser.check_widths(daemon, view("events"))


def test_the_stream_ends_with_the_view(browser, daemon):
    open_live(browser, daemon)
    browser.follow("Health")
    sources = browser.script("return performance.getEntriesByType('resource').filter((one) => one.name.includes('events/stream')).length")
    assert sources == 1, "an entry is made when its request has ended"


# --- health ---


def tiles(browser):
    return dict(browser.script("""return [...document.querySelectorAll(".tile")].map((tile) =>
        [tile.querySelector("dt").textContent, tile.querySelector("dd").textContent]);"""))


def test_health_is_that_of_the_api(browser, filled):
    browser.open(filled, view("health"))
    assert browser.text("#ready") == "Ready " + filled.get("/readyz")["why"]
    shown = tiles(browser)
    assert number(shown["Callbacks stored"]) == filled.metric(
        "dlrd_callbacks_total", '{route="/sms/twilio",outcome="kept"}')
    assert shown["Callbacks refused"] == "1" and shown["In the quarantine"] == "1" and shown["Not counted yet"] == "0"
    token = browser.rows("Tokens")[0]
    assert token["Account"] == ACCOUNT and token["Token"] == "current" and number(token["Requests"]) > 100
    assert "ago" in token["Last used"]


def test_the_rate_and_the_latency_are_those_since_the_last_load(browser, daemon):
    browser.open(daemon, view("health"))
    assert tiles(browser)["Callbacks a second"] == "–"
    daemon.keep_all([signed_post(target("a"), status_params(new_sid(), "sent")) for _ in range(100)])
    browser.until(lambda: tiles(browser)["Callbacks a second"] not in ("–", "0"), "the next load", 12)
    assert 10 <= float(tiles(browser)["Callbacks a second"]) <= 25, "100 in about 5 s"
    assert re.fullmatch(r"[\d.,]+ m?s", tiles(browser)["Commit, median"])
    browser.until(lambda: tiles(browser)["Commit, median"] == "–", "a quiet time", 12)


def test_refusals_name_their_cause_and_the_setting(browser, make_daemon):
    daemon = make_daemon()
    browser.open(daemon, view("health"))
    assert "No request was refused" in browser.text() and "The quarantine is empty" in browser.text()
    assert daemon.post(target("a"), status_params(new_sid(), "sent"), public_url="http://callbacks.example.com").status == 403
    browser.until(lambda: len(browser.rows("Refusals")) == 1 and len(browser.rows("Quarantine")) == 1, "the next load", 12)
    answer = daemon.get("/v1/signature-failures")["failures"][0]
    row = browser.rows("Refusals")[0]
    assert row["Cause"].startswith("scheme") and row["Requests"] == "1"
    assert row["What to change"].startswith(answer["advice"]) and "public_url" in answer["advice"]
    assert browser.rows("Quarantine")[0]["Cause"] == "scheme"


def test_the_quarantine_is_checked_again(chromium, make_daemon):
    browser = chromium
    daemon = make_daemon()
    assert daemon.post(target("a"), status_params(new_sid(), "sent"), public_url="http://callbacks.example.com").status == 403
    harness.until(lambda: daemon.get("/v1/quarantine", settle=False)["quarantine"], what="the refused request")
    browser.open(daemon, view("health"))
    browser.click("#check")
    try:
        browser.until(lambda: "Checked: " in browser.text("#checked"), "the result")
        assert browser.text("#checked") == "Checked: 1 request. Verified and counted: 0. Still refused: 1."
    finally:
        browser.errors()


def test_a_daemon_that_is_not_ready_is_shown(browser, daemon):
    browser.open(daemon, view("health"))
    browser.script("""const real = fetch; window.fetch = (path, options) => path !== "readyz" ? real(path, options)
        : Promise.resolve(new Response(JSON.stringify({ready: false, why: "the journal cannot be written: disk full",
            gap: {gaps: 1, entries: 3, first: 5, last: 7}, not_counted_since: "2026-11-20T10:00:00.000Z",
            not_counted_why: "no space", migration: null}),
            {status: 503, headers: {"Content-Type": "application/json"}}));""")
    browser.until(lambda: browser.text("#ready").startswith("Not ready the journal cannot be written: disk full"), "the next load", 12)
    assert "3 journal entries are missing, from number 5 to 7" in browser.text()
    assert "are stored and not counted yet. no space" in browser.text()


# --- set-up ---


def test_the_first_callback_shows_by_itself(browser, daemon):
    browser.open(daemon, view("setup"))
    assert "No callback has arrived yet" in browser.text("#arrived")
    browser.until(lambda: browser.text("#live") == "Live", "the stream")
    daemon.keep(target("first"), status_params(new_sid(), "sent"))
    browser.until(lambda: browser.text("#arrived").startswith("Callbacks arrive"), "the callback", 2)
    assert daemon.post(target("a"), status_params(new_sid(), "sent"), token="wrong" * 6).status == 403
    browser.until(lambda: "signature: 1 request." in browser.text("#arrived"), "the refusal", 12)


def test_urls_are_those_of_the_command(browser, filled):
    tags = {"campaign": "spring sale/é&", "workspace": "ACME", "variant": "b"}
    browser.open(filled, view("setup", **{f"tag_{name}": value for name, value in tags.items()}))
    words = [word for name, value in tags.items() for word in (f"--{name}", value)]
    urls = {row["purpose"]: row["url"] for row in json.loads(filled.cli("url", "--json", *words).stdout)["urls"]
        if row["route"] == "/sms/twilio"}
    for purpose in ("status", "inbound"):
        assert browser.text(f"section[data-key={purpose}] code") == urls[purpose], purpose
    for purpose in ("click", "events", "debugger"):
        assert browser.text(f"section[data-key={purpose}] code") == urls["inbound"], "a route of kind auto takes them, too"


def test_the_setup_is_that_of_the_configuration(browser, make_daemon):
    daemon = make_daemon({"server": {"public_url": "https://a.example, https://b.example/x"},
                          "callback /s": {"kind": "status", "campaign": "{meta.3}_{meta.4}"}})
    answer = daemon.get("/v1/setup", settle=False)
    assert answer["public_urls"] == ["https://a.example", "https://b.example/x"] and answer["trusts_proxies"] is False
    assert [(route["path"], route["kind"], route["campaign"]) for route in answer["routes"]] == [
        ("/s", "status", "{meta.3}_{meta.4}")]
    browser.open(daemon, view("setup", base="https://b.example/x"))
    assert "Several public URLs" in browser.text()
    assert browser.text("section[data-key=status] code") == "dlrd url --route /s --campaign spring-sale"
    assert "No route takes them" in browser.text("section[data-key=inbound]")


def test_without_a_public_url_the_setup_says_so(browser, make_daemon):
    daemon = make_daemon({"server": {"public_url": "", "trusted_proxies": "127.0.0.1"}})
    assert daemon.get("/v1/setup", settle=False)["trusts_proxies"] is True
    browser.open(daemon, view("setup"))
    assert "X-Forwarded-Host of the trusted proxies" in browser.text(".error")
    assert browser.text("section[data-key=inbound] code").startswith("https://HOST/sms/twilio#")


# --- codes and alerts ---


def test_a_code_has_its_steps_and_its_messages(browser, filled):
    browser.open(filled, view("error", code="30007"))
    known = next(row for row in filled.get("/v1/errors")["errors"] if row["code"] == 30007)
    text = browser.text()
    for part in (known["name"], known["action"], known["cause"], known["kind"], known["permanence"]):
        assert part in text
    assert [step.text for step in browser.all("ol.steps li")] == known["steps"]
    assert browser.rows("Messages")[0]["Message"] == filled.names["sid"] and "1 message failed" in text
    assert browser.one(f'a[href="{known["url"]}"]')


@pytest.mark.parametrize("code, text", [("39999", "does not have this code"), ("12", "does not have this code"),
                                        ("", "Type an error code"), ("<b>", "is a number of up to 9 digits")])
def test_a_code_that_is_unknown_is_said_to_be(browser, filled, code, text):
    browser.open(filled, view("error", code=code))
    assert text in browser.text()
    links = [link.get_attribute("href") for link in browser.all("main a")]
    assert (f"https://www.twilio.com/docs/api/errors/{code}" in links) == code.isdigit()
    assert code == "12" or browser.errors() == []
    browser.errors()


def test_alerts_are_those_of_the_api(browser, filled):
    browser.open(filled, view("alerts"))
    answers = filled.get("/v1/alerts")["alerts"]
    rows = browser.rows("Alerts")
    assert len(answers) == 55 and len(rows) == 50
    assert rows[0]["Alert"].startswith("11200") and answers[0]["action"] in rows[0]["What to do"]
    assert rows[0]["Time"].endswith(answers[0]["level"]) and "answered 502" in rows[0]["Request"]
    browser.follow("Next page")
    assert len(browser.rows("Alerts")) == 5
    browser.open(filled, view("alerts", to="2020-01-01"))
    assert "No alert is like that" in browser.text()


# --- any question ---


def test_each_question_has_a_page(browser, filled):
    browser.open(filled)
    browser.follow("All questions")
    questions = filled.get("/v1/questions")["questions"]
    assert [row["Path"] for row in browser.rows("Questions")] == [one["path"] for one in questions]
    for one in questions:
        names = {name: filled.names[name] for name in re.findall(r"{(\w+)}", one["path"])}
        browser.open(filled, view("question", path=one["path"]))
        asks = [box.text for box in browser.all(".empty") if box.text.startswith("Type ")]
        assert len(asks) == bool(names), one["path"]
        browser.open(filled, view("question", path=one["path"], **names))
        assert browser.all("[role=alert]") == [] and one["title"] in browser.text(), one["path"]
        assert browser.errors() == [], one["path"]
        path = re.sub(r"{(\w+)}", lambda match: harness.quote(names[match[1]]), one["path"])
        answer = filled.get(path + ("?limit=50" if any(p["name"] == "limit" for p in one["parameters"]) else ""))
        if one["list"] is not None:
            assert len(browser.rows(one["title"])) == len(answer[one["list"]]), one["path"]
        links = [link.get_attribute("href") for link in browser.all("main footer a[download]")]
        assert len(links) == one["csv"], one["path"]
        assert all(filled.api(link.removeprefix(browser.origin.rstrip("/"))).status == 200 for link in links), links


def test_a_question_has_pages_and_filters(browser, filled):
    browser.open(filled, view("question", path="/v1/messages"))
    first = [row["Sid"] for row in browser.rows()]
    browser.follow("Next page")
    second = [row["Sid"] for row in browser.rows()]
    answers = [row["sid"] for row in filled.get("/v1/messages")["messages"]]
    assert len(first) == 50 and first + second == answers
    browser.open(filled, view("question", path="/v1/events"))
    browser.follow("Next page")
    assert [row["Seq"] for row in browser.rows()][0] == "51"
    browser.open(filled, view("question", path="/v1/messages", error_code="30007"))
    assert [row["Sid"] for row in browser.rows()] == [filled.names["sid"]]
    browser.open(filled, view("question", path="/v1/nothing"))
    assert "no question has the path" in browser.text("[role=alert]")
    assert all("404" in line for line in browser.errors())


PAGES = [view("events"), view("health"), view("setup"), view("alerts"), view("error", code="30007"),
                                  view("questions"), view("question", path="/v1/messages")]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible(browser, filled, page, theme):
    browser.theme(theme)
    browser.open(filled, page)
    assert browser.accessibility() == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_fit_each_width(browser, filled, page):
    browser.check_widths(filled, page)
