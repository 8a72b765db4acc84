"""The page for browsers, in a browser: what it shows equals what the api answers, and what it does."""

import csv
import io
import time
from urllib.parse import urlencode

import pytest

import browser as browsers
import harness
from harness import new_sid, reply_params, signed_post, status_params

pytestmark = [pytest.mark.skipif(harness.SANITIZER is not None, reason="a browser, not the daemon, is tested here"),
              pytest.mark.skipif(browsers.webdriver is None, reason="python3-selenium is not installed")]

CODES = {30007: 5, 30003: 7, 30005: 3, 21610: 2, 39999: 1}


def target(campaign, workspace="acme", variant="a"):
    return "/sms/twilio?" + urlencode({"campaign": campaign, "workspace": workspace, "variant": variant})


def fill(daemon):
    """Campaigns of several kinds, of which spring-sale has every state."""
    posts = []
    for index in range(23):
        posts.append(signed_post(target(f"old-{index:02}", "other"), status_params(new_sid(), "delivered", number=index)))
    for number in range(40):
        sid = new_sid()
        posts += [signed_post(target("spring-sale"), status_params(sid, word, number=number)) for word in ("sent", "delivered")]
    for code, count in CODES.items():
        for number in range(count):
            posts.append(signed_post(target("spring-sale"), status_params(new_sid(), "undelivered", code, 100 + number)))
    for number in range(4):
        posts.append(signed_post(target("spring-sale", variant="b"), status_params(new_sid(), "sent", number=200 + number)))
    daemon.keep_all(posts)
    daemon.keep("/sms/twilio", reply_params(new_sid(), "When do you open?", number=3), 200)
    daemon.keep("/sms/twilio", reply_params(new_sid(), "STOP", number=4), 200)
    daemon.settle()


@pytest.fixture(scope="module")
def filled():
    daemon = harness.Daemon().start()
    fill(daemon)
    yield daemon
    daemon.finish()


def number(text):
    return int(text.replace(",", ""))


# --- serving ---


def test_the_page_may_be_kept_and_runs_nothing_from_elsewhere(filled):
    page = filled.api("/?view=campaign&campaign=x")
    assert page.status == 200 and page.header("Content-Type") == "text/html; charset=utf-8"
    policy = page.header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy and "unsafe" not in policy
    assert page.header("X-Content-Type-Options") == "nosniff" and page.header("Cache-Control") == "no-cache"
    again = filled.api("/", [("If-None-Match", page.header("ETag"))])
    assert again.status == 304 and again.body == b""
    for path in page.body.decode().split('"')[1::2]:
        if path.startswith("assets/"):
            file = filled.api("/" + path)
            assert file.status == 200 and "immutable" in file.header("Cache-Control"), path
            zipped = filled.api("/" + path, [("Accept-Encoding", "deflate, gzip")])
            assert zipped.header("Content-Encoding") == "gzip" and len(zipped.body) < len(file.body)
    assert filled.api("/assets/0/main.js").status == 404
    assert filled.api("/", method="POST").status == 405


def test_questions_are_described(filled):
    questions = filled.api("/v1/questions").json()["questions"]
    by_path = {question["path"]: question for question in questions}
    columns = {column["name"]: column for column in by_path["/v1/campaigns"]["columns"]}
    assert columns["delivery_rate"]["kind"] == "share" and columns["campaign"]["if_empty"] == "(untagged)"
    assert filled.api("/v1/questions?path=/v1/campaigns").json()["questions"] == [by_path["/v1/campaigns"]]
    assert filled.api("/v1/questions?path=/v1/x").status == 404


# --- campaigns ---


def test_campaigns_are_those_of_the_api(browser, filled):
    browser.open(filled)
    rows = browser.rows()
    answers = filled.api("/v1/campaigns?limit=20").json()["campaigns"]
    assert len(rows) == len(answers) == 20
    for row, answer in zip(rows, answers):
        assert row["Campaign"] == answer["campaign"] + answer["workspace"]
        assert number(row["Messages"]) == answer["messages"] and number(row["Failed"]) == answer["failed"]
    browser.follow("Next page")
    assert [row["Campaign"] for row in browser.rows()] == [
        answer["campaign"] + answer["workspace"] for answer in filled.api("/v1/campaigns?limit=100").json()["campaigns"][20:]]
    browser.follow("First page")
    assert [row["Campaign"] for row in browser.rows()] == [row["Campaign"] for row in rows]


def test_campaigns_are_searched_and_ordered(browser, filled):
    browser.open(filled)
    browser.type("input[name=search]", "SPRING")
    browser.until(lambda: len(browser.rows()) == 1, "the search")
    assert "search=SPRING" in browser.driver.current_url
    browser.open(filled, "?sort=failed")
    assert browser.rows()[0]["Campaign"].startswith("spring-sale")
    browser.open(filled, "?search=nothing%25")
    assert browser.rows() == [] and "No campaign is like that" in browser.text()


@pytest.mark.parametrize("sort, key", [
    ("newest", None), ("last", lambda row: row["last"]), ("messages", lambda row: row["messages"]),
    ("failed", lambda row: row["failed"]), ("name", None), ("delivery_rate", None)])
def test_each_order_of_campaigns_has_all_of_them_page_after_page(filled, sort, key):
    whole, place = [], None
    while True:
        page = filled.api(f"/v1/campaigns?limit=7&sort={sort}" + (f"&next={place}" if place else "")).json()
        whole += page["campaigns"]
        place = page["next"]
        if place is None:
            break
    names = [row["campaign"] for row in whole]
    assert sorted(names) == sorted(row["campaign"] for row in filled.api("/v1/campaigns").json()["campaigns"])
    if sort == "name":
        assert names == sorted(names)
    if sort == "delivery_rate":
        rates = [2 if row["delivery_rate"] is None else row["delivery_rate"] for row in whole]
        assert rates == sorted(rates)
    if key is not None:
        assert [key(row) for row in whole] == sorted(map(key, whole), reverse=True)
    text = filled.api(f"/v1/campaigns?sort={sort}&format=csv").body.decode()
    assert [row["campaign"] for row in csv.DictReader(io.StringIO(text))] == names


def test_a_callback_shows_within_a_second(browser, make_daemon):
    daemon = make_daemon()
    browser.open(daemon)
    assert "No receipt has arrived yet" in browser.text()
    browser.until(lambda: browser.text("#live") == "Live", "the stream")
    daemon.keep(target("first"), status_params(new_sid(), "sent"))
    browser.until(lambda: [row["Campaign"] for row in browser.rows()] == ["firstacme"], "the callback", browsers.SOON)
    daemon.keep(target("first"), status_params(new_sid(), "sent"))
    browser.until(lambda: browser.rows()[0]["Messages"] == "2", "the second callback", browsers.SOON)


def test_slow_answers_are_shown_while_more_events_arrive(browser, make_daemon):
    daemon = make_daemon()
    daemon.keep(target("first"), status_params(new_sid(), "sent"))
    daemon.settle()
    browser.open(daemon)
    browser.until(lambda: browser.text("#live") == "Live", "the stream")
    slow = {"offline": False, "latency": 800, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    try:
        seen = set()
        end = time.monotonic() + 20 * harness.SLOW
        while len(seen) < 3:
            daemon.keep(target("first"), status_params(new_sid(), "sent"))
            seen.add(browser.rows()[0]["Messages"])
            time.sleep(0.1)
            assert time.monotonic() < end, "no figure changed while events arrived"
        browser.follow("Messages")
        browser.until(lambda: browser.text("h1") == "Messages", "the other page")
    finally:
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**slow, "latency": 0})


# --- a campaign ---


def open_campaign(browser, filled, **more):
    browser.open(filled, "?" + urlencode({"view": "campaign", "campaign": "spring-sale", "workspace": "acme", **more}))


def test_figures_of_a_campaign_are_those_of_the_api(browser, filled):
    open_campaign(browser, filled)
    answer = filled.api("/v1/campaigns/spring-sale").json()
    tiles = dict(browser.script("""return [...document.querySelectorAll(".tile")].map((tile) =>
        [tile.querySelector("dt").textContent, tile.querySelector("dd").textContent]);"""))
    for title, name in {"Messages": "messages", "Sent": "sent", "Delivered": "delivered", "Failed": "failed",
                        "Pending": "pending", "Read": "read", "Replied": "replied", "Opted out": "opted_out"}.items():
        assert number(tiles[title]) == answer[name], title
    assert tiles["Clicked"] == "–", "nothing was ever measured"
    low, high = (f"{100 * answer[name]:.1f}%" for name in ("delivery_rate_low", "delivery_rate_high"))
    assert browser.text(".big").startswith(f"{low} – {high}")


def test_the_errors_tab_says_who_must_act(browser, filled):
    open_campaign(browser, filled)
    rows = {row["Code"].split()[0]: row for row in browser.rows("Errors")}
    answers = {str(row["code"]): row for row in filled.api("/v1/campaigns/spring-sale/errors").json()["errors"]}
    assert {code: number(row["Messages"]) for code, row in rows.items()} == {str(code): count for code, count in CODES.items()}
    for code, row in rows.items():
        assert row["Share"] == f"{100 * answers[code]['share']:.1f}%"
        assert (answers[code]["action"] or "catalogue does not have this code") in row["What to do"]
    assert rows["21610"]["Who must act"] == "nobody: they opted out"
    assert browser.script("return document.querySelector('tr.unknown td').textContent").startswith("39999 unknown code")


def test_behind_an_error_are_its_messages_and_their_csv(browser, filled):
    open_campaign(browser, filled)
    link = browser.one("tr[data-key='code-30003'] a[download]").get_attribute("href")
    text = filled.api(link.removeprefix(browser.origin.rstrip("/"))).body.decode()
    assert {row["error_code"] for row in csv.DictReader(io.StringIO(text))} == {"30003"} and text.count("\n") == 8


def test_the_tabs_of_a_campaign(browser, filled):
    open_campaign(browser, filled)
    browser.follow("Timeline")
    points = filled.api("/v1/campaigns/spring-sale/series?interval=day").json()["points"]
    assert number(browser.script("return document.querySelector('.timeline .most').textContent")) >= points[-1]["delivered"]
    assert browser.rows("Timeline")[0]["Messages"] == str(points[-1]["messages"])
    browser.follow("Variants")
    assert [row["Variant"] for row in browser.rows("Variants")] == ["a", "b"]
    browser.follow("Replies")
    assert [row["Body"] for row in browser.rows("Replies")] == [
        row["body"] for row in filled.api("/v1/replies?campaign=spring-sale").json()["replies"]]
    browser.follow("Pending")
    assert browser.rows("Pending by age")[0] == {"Sent, without a final state, for": "under 1 hour", "Messages": "4"}
    assert "Sent, but not delivered?" in browser.text()
    browser.driver.back()
    browser.settle()
    browser.until(lambda: "Replies" in browser.text(".tabs [aria-current]"), "the tab before")


def test_a_campaign_that_is_not_there_is_an_error_of_the_api(browser, filled):
    browser.open(filled, "?view=campaign&campaign=sprng-sale")
    assert browser.text("[role=alert] p") == filled.api("/v1/campaigns/sprng-sale").json()["error"]
    assert all("404" in line for line in browser.errors()), "the browser's own line"


def test_a_wrong_filter_is_explained_and_can_be_changed(browser, filled):
    open_campaign(browser, filled)
    browser.type("input[name=variant]", "x")
    browser.until(lambda: browser.all("[role=alert]"), "the reason")
    assert "variant" in browser.text("[role=alert]") and browser.one("input[name=variant]").get_attribute("value") == "x"
    browser.type("input[name=variant]", browser.keys.BACKSPACE, "a")
    browser.until(lambda: not browser.all("[role=alert]"), "the figures")
    assert all("404" in line for line in browser.errors()), "the browser's own line"


# --- people ---


def test_the_keyboard_walks_the_rows(browser, filled):
    browser.open(filled)
    body = browser.one("body")
    body.send_keys("/")
    assert browser.script("return document.activeElement.name") == "search"
    browser.type("input[name=search]", "sale")
    browser.until(lambda: len(browser.rows()) == 1, "the search")
    browser.script("document.activeElement.blur()")
    body.send_keys(browser.keys.ARROW_DOWN)
    browser.driver.switch_to.active_element.send_keys(browser.keys.ENTER)
    browser.until(lambda: "view=campaign" in browser.driver.current_url, "the campaign")
    browser.settle()
    assert browser.script("return document.activeElement.localName") == "h1"
    browser.one("body").send_keys("?")
    assert browser.one("dialog").is_displayed()
    browser.driver.switch_to.active_element.send_keys(browser.keys.ESCAPE)


PAGES = ["", "?view=campaign&campaign=spring-sale", *(f"?view=campaign&campaign=spring-sale&tab={tab}" for tab in (
    "timeline", "variants", "replies", "pending"))]


@pytest.mark.parametrize("page", PAGES)
def test_pages_fit_each_width(browser, filled, page):
    browser.check_widths(filled, page)


@pytest.mark.skipif(harness.SMALL, reason="the same on every machine")
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible(browser, filled, page, theme):
    browser.theme(theme)
    browser.open(filled, page)
    assert browser.accessibility() == []


@pytest.mark.parametrize("page, most", [("", 40_000), ("?view=campaign&campaign=spring-sale", 100_000)], ids=["list", "campaign"])
def test_a_first_view_is_small(browser, filled, page, most):
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.open(filled, page)
    assert browser.transferred() < most


def test_a_stopped_daemon_is_noticed_and_its_return_too(browser, make_daemon):
    daemon = make_daemon()
    daemon.keep(target("first"), status_params(new_sid(), "sent"))
    daemon.settle()
    browser.open(daemon)
    browser.until(lambda: browser.text("#live") == "Live", "the stream")
    daemon.fixed_api_port = daemon.api_port
    daemon.restart()
    daemon.keep(target("first"), status_params(new_sid(), "sent"))
    browser.until(lambda: browser.text("#live") == "Live" and browser.rows()[0]["Messages"] == "2", "the return", 20)
    assert daemon.terminate() == 0
    browser.until(lambda: browser.text("#live").startswith("Not live; as of"), "the stop")
    assert browser.rows()[0]["Messages"] == "2", "the last figures stay"
    browser.driver.get("about:blank")
    assert all("Failed to load resource" in line for line in browser.errors()), "requests that nothing answered"
    daemon.start()


def test_a_view_of_another_version_is_loaded_again(browser, filled):
    """The files of an open page are gone when another version of dlrd runs."""
    browser.open(filled)
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/messages.js"]})
    try:
        browser.script("window.same = true; document.querySelector('a[href*=\"view=messages\"]').click()")
        browser.until(lambda: browser.script("return window.same === undefined"), "the page, loaded once more")
        browser.until(lambda: browser.all("[role=alert]"), "the fault, which stays")
    finally:
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    browser.one("[role=alert] button").click()
    browser.driver.get("about:blank")
    browser.errors()  # of the file that was blocked
