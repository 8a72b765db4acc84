"""Who may ask and who may act: the operator's and the reader's token, and pages that have logged in."""

import re

import pytest

import browser as browsers
import harness
from harness import SAMPLE_TARGET, new_sid, status_params

OPERATOR, READER = "o" * 40 + "-operator", "r" * 40 + "-reader"


def tokens(tmp_path, **more):
    (tmp_path / "operator").write_text(OPERATOR + "\n")
    (tmp_path / "reader").write_text(READER + "\n")
    for name in ("operator", "reader"):
        (tmp_path / name).chmod(0o600)
    return {"api": {"token_file": tmp_path / "operator", "reader_token_file": tmp_path / "reader", **more}}


@pytest.fixture
def daemon(make_daemon, tmp_path):
    daemon = make_daemon(tokens(tmp_path))
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    return daemon


def bearer(token):
    return [("Authorization", f"Bearer {token}")]


def log_in(daemon, token, *more):
    """The cookie of a new session, and the text with which its page acts."""
    answer = daemon.api("/session", [*bearer(token), *more], "POST")
    assert answer.status == 200, answer
    cookie = answer.header("Set-Cookie")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    pair = [("Cookie", "other=1; " + cookie.partition(";")[0])]
    return pair, daemon.api("/session", pair).json()["csrf"]


def test_the_page_is_open_and_the_answers_are_not(daemon):
    assert daemon.api("/").status == 200
    assert daemon.api("/session").json() == {"token_needed": True, "role": None, "masked": False, "csrf": None}
    for path in ("/v1/campaigns", "/v1/events/stream", "/metrics", "/v1/questions"):
        assert daemon.api(path).status == 401, path
        assert daemon.api(path, bearer(READER + "x")).status == 401, path


def test_the_readers_token_asks_and_does_not_act(daemon):
    assert daemon.api("/v1/campaigns", bearer(READER)).status == 200
    for path in ("/v1/rebuild", "/v1/retag", "/v1/quarantine/reverify", "/v1/quarantine/all/drop",
                 "/v1/simulations/undo?run=1"):
        answer = daemon.api(path, bearer(READER), "POST")
        assert answer.status == 403 and "asks and does not act" in answer.json()["error"], path
    assert daemon.api("/v1/rebuild", bearer(OPERATOR), "POST").status == 202


def test_a_session_asks_and_acts_with_its_own_text_only(daemon):
    cookie, csrf = log_in(daemon, OPERATOR)
    assert re.fullmatch("[0-9a-f]{64}", csrf)
    assert daemon.api("/v1/campaigns", cookie).status == 200
    state = daemon.api("/session", cookie).json()
    assert state["role"] == "operator" and state["csrf"] == csrf
    _, other = log_in(daemon, OPERATOR)
    for headers in ([], [("Origin", daemon_origin(daemon))], [("X-Dlrd-Csrf", other)], [("X-Dlrd-Csrf", "")]):
        assert daemon.api("/v1/quarantine/reverify", [*cookie, *headers], "POST").status == 403, headers
    act = [*cookie, ("Origin", daemon_origin(daemon)), ("X-Dlrd-Csrf", csrf)]
    assert daemon.api("/v1/quarantine/reverify", act, "POST").status == 202
    assert daemon.api("/session/end", cookie, "POST").status == 403
    assert daemon.api("/session/end", act, "POST").status == 200
    assert daemon.api("/v1/campaigns", cookie).status == 401


def daemon_origin(daemon):
    return f"http://127.0.0.1:{daemon.api_port}"


def test_a_readers_session_does_not_act(daemon):
    cookie, csrf = log_in(daemon, READER)
    assert daemon.api("/v1/campaigns", cookie).status == 200
    assert daemon.api("/session", cookie).json()["role"] == "reader"
    assert daemon.api("/v1/rebuild", [*cookie, ("X-Dlrd-Csrf", csrf)], "POST").status == 403


def test_a_session_begins_with_a_token_and_not_with_another_session(daemon):
    cookie, csrf = log_in(daemon, READER)
    assert daemon.api("/session", [*cookie, ("X-Dlrd-Csrf", csrf)], "POST").status == 400
    assert daemon.api("/session", [], "POST").status == 401


@pytest.mark.parametrize("value", ["", "x", "dlrd_session=", "dlrd_session=" + "0" * 64, "dlrd_session=" + "0" * 63 + "\xff",
                                   "; ; =;dlrd_session", "dlrd_session=" + "a" * 4000], ids=range(7))
def test_other_cookies_are_nobodys(daemon, value):
    assert daemon.api("/v1/campaigns", [("Cookie", value)]).status == 401


def test_behind_tls_the_cookie_is_secure(daemon):
    plain = daemon.api("/session", bearer(OPERATOR), "POST").header("Set-Cookie")
    secure = daemon.api("/session", [*bearer(OPERATOR), ("Origin", "https://dlrd.example.com")], "POST").header("Set-Cookie")
    assert "Secure" not in plain and secure.endswith("; Secure")


def test_the_oldest_session_ends_if_there_are_too_many(daemon):
    first, _ = log_in(daemon, READER)
    others = [log_in(daemon, READER)[0] for _ in range(64)]
    assert daemon.api("/v1/campaigns", first).status == 401
    assert all(daemon.api("/v1/campaigns?limit=1", cookie).status == 200 for cookie in others)


def test_wrong_tokens_slow_logins_and_nothing_else(daemon):
    cookie, _ = log_in(daemon, OPERATOR)
    for _ in range(10):
        assert daemon.api("/session", bearer("wrong"), "POST").status == 401
    assert daemon.api("/session", bearer(OPERATOR), "POST").status == 429
    assert daemon.api("/v1/campaigns", bearer(OPERATOR)).status == 200
    assert daemon.api("/v1/campaigns", cookie).status == 200


def test_requests_that_any_page_can_cause_do_not_slow_logins(daemon):
    for _ in range(12):
        assert daemon.api("/session", [("Origin", "https://evil.example")], "POST").status == 401
    log_in(daemon, OPERATOR)


@pytest.mark.parametrize("target", ["/session", "/session?", "/session?a=b"])
def test_a_login_is_slowed_however_it_is_written(daemon, target):
    cookie, _ = log_in(daemon, READER)
    for headers in (bearer("wrong"), [*bearer("wrong"), *cookie]):
        for _ in range(5):
            assert daemon.api(target, headers, "POST").status in (400, 401)
    assert daemon.api(target, bearer(OPERATOR), "POST").status == 429


def test_another_service_of_the_host_cannot_take_the_cookies_place(daemon):
    cookie, _ = log_in(daemon, OPERATOR)
    value = cookie[0][1]
    assert daemon.api("/v1/campaigns", [("Cookie", "dlrd_session=" + "a" * 64 + "; " + value)]).status == 200


def test_readers_do_not_end_the_session_of_an_operator(daemon):
    cookie, _ = log_in(daemon, OPERATOR)
    for _ in range(70):
        log_in(daemon, READER)
    assert daemon.api("/v1/campaigns", cookie).status == 200


@pytest.mark.parametrize("how", ["logout", "token", "mask"])
def test_a_stream_ends_with_the_permission(daemon, tmp_path, how):
    cookie, csrf = log_in(daemon, READER if how == "mask" else OPERATOR)
    with harness.Connection(("127.0.0.1", daemon.api_port)) as stream:
        stream.send(harness.request_bytes("GET", "/v1/events/stream", cookie, host="127.0.0.1"))
        assert stream.read("GET").status == 200
        if how == "logout":
            assert daemon.api("/session/end", [*cookie, ("X-Dlrd-Csrf", csrf)], "POST").status == 200
        elif how == "token":
            (tmp_path / "operator").write_text("another-" + OPERATOR)
        else:
            daemon.sections["api"]["mask_numbers"] = "yes"
            harness.write_config(list(daemon.sections.items()), daemon.config)
        if how != "logout":
            daemon.cli("reload")
        with pytest.raises(harness.Closed):
            while b"0\r\n\r\n" not in stream.pending:
                stream._more()
            raise harness.Closed(stream.pending)
    assert daemon.api("/v1/campaigns", cookie).status == (200 if how == "mask" else 401)


def test_sessions_end_when_a_token_changes_and_stay_when_none_does(daemon, tmp_path):
    cookie, _ = log_in(daemon, READER)
    daemon.cli("reload")
    assert daemon.api("/v1/campaigns", cookie).status == 200
    (tmp_path / "operator").write_text("another-" + OPERATOR)
    daemon.cli("reload")
    assert daemon.api("/v1/campaigns", cookie).status == 401


def test_wrong_settings_are_named(tmp_path):
    def check(**api):
        config = tmp_path / "dlrd.ini"
        harness.write_config([("account " + harness.ACCOUNT, {"auth_token": harness.TOKEN}), ("api", api),
                              ("store", {"directory": tmp_path})], config)
        return harness.dlrd("check-config", "-c", config).stderr
    for name in ("operator", "reader"):
        (tmp_path / name).write_text(OPERATOR)
        (tmp_path / name).chmod(0o600)
    assert "[api] reader_token_file: has no effect without token_file" in check(reader_token_file=tmp_path / "reader")
    assert "[api] reader_token_file: has the same token as token_file" in check(
        token_file=tmp_path / "operator", reader_token_file=tmp_path / "reader")
    (tmp_path / "reader").write_text("short\n\n")
    assert "[api] reader_token_file: " in check(token_file=tmp_path / "operator", reader_token_file=tmp_path / "nothing")


NUMBER, TEXTS = "+15005550006", ["Call +15005550006", "Call 555 0100", "+1500555 and 1691686363_20230810"]


@pytest.mark.parametrize("mask", ["yes", "no"])
def test_numbers_are_masked_wherever_they_are(make_daemon, tmp_path, mask):
    daemon = make_daemon(tokens(tmp_path, mask_numbers=mask))
    sid = new_sid()
    target = "/sms/twilio?campaign=1691686363_20230810&workspace=whatsapp%3A%2B15005550006&x=%252B15005550006"
    daemon.keep(target, status_params(sid, "undelivered", 30005, To=NUMBER, Note="+15005550006", From="12345"))
    for text in TEXTS:
        daemon.keep(target, harness.reply_params(new_sid(), text, From=NUMBER), 200)
    daemon.keep(target, harness.reply_params(new_sid(), "STOP", From=NUMBER, WaId=NUMBER[1:]), 200)
    daemon.post("/sms/twilio?To=%2B15005550006", status_params(sid, "sent", To=NUMBER), token="f" * 32)
    harness.until(lambda: daemon.api("/v1/quarantine", bearer(OPERATOR)).json()["quarantine"], what="the refused one")
    harness.until(lambda: len(daemon.api("/v1/events", bearer(OPERATOR)).json()["events"]) == 5, what="the events")
    entry = daemon.api("/v1/quarantine", bearer(OPERATOR)).json()["quarantine"][0]["id"]
    with harness.Connection(("127.0.0.1", daemon.api_port)) as stream:
        stream.send(harness.request_bytes("GET", "/v1/events/stream?after=0", bearer(READER), host="127.0.0.1"))
        while stream.pending.count(b"event: Replied") < 4:
            stream._more()
        seen = stream.pending.decode()
    paths = [question["path"] for question in daemon.api("/v1/questions", bearer(READER)).json()["questions"]]
    names = {"{campaign}": "1691686363_20230810", "{sid}": sid, "{number}": "%2B15005550006", "{seq}": "1", "{id}": entry,
             "{code}": "30005"}
    for path in [*paths, "/v1/optouts/5005550006", "/v1/messages?number=%2B15005550006&from=x", "/v1/campaigns/%2B15005550006"]:
        for name, value in names.items():
            path = path.replace(name, str(value))
        for form in ("", ("&" if "?" in path else "?") + "format=csv"):
            seen += "\n\n" + daemon.api(path + form, bearer(READER)).body.decode()
    assert ("15005550006" in seen) == (mask == "no")
    assert seen.count("*******0006") > (20 if mask == "yes" else -1)
    assert "Call 555 0100" in seen and "1691686363_20230810" in seen and "12345" in seen
    assert ("+***0555 and" in seen) == (mask == "yes")
    candidates = daemon.api("/v1/optouts/5550006", bearer(READER)).json()
    assert ("candidates" in candidates) == (mask == "no"), "they would tell it digit by digit"
    assert "15005550006" in daemon.api(f"/v1/messages/{sid}", bearer(OPERATOR)).body.decode()


# --- in a browser ---


@pytest.mark.skipif(browsers.webdriver is None or harness.SANITIZER is not None, reason="needs python3-selenium")
def test_people_log_in_and_out(chromium, daemon):
    daemon.settle()
    chromium.open(daemon, "?view=campaign&campaign=" + harness.CAMPAIGN)
    assert chromium.text("h1") == "Log in"
    assert harness.SMALL or chromium.accessibility() == []
    chromium.type("input[name=token]", "wrong", chromium.keys.ENTER)
    chromium.until(lambda: chromium.text("[role=alert]") == "This is not the token.", "the refusal")
    chromium.type("input[name=token]", READER, chromium.keys.ENTER)
    chromium.until(lambda: chromium.text("h1") == harness.CAMPAIGN, "the page that was wanted")
    chromium.until(lambda: chromium.text("#account") == "Reader\nLog out", "who it is")
    chromium.until(lambda: chromium.text("#live") == "Live", "the stream, with the session")
    assert chromium.script("return document.cookie") == ""
    chromium.follow("Campaigns")
    chromium.one("#account button").click()
    chromium.until(lambda: chromium.text("h1") == "Log in", "the end of the session")
    assert all(" 401 " in line for line in chromium.errors())
