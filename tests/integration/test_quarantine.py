"""A request that was refused because of a wrong setting is explained and waits in the quarantine. After
the setting is fixed, the re-verified request is counted once, at its first arrival."""

import base64
import concurrent.futures
import hashlib
import json
import os
import pty
import sqlite3
import subprocess
import threading
import time
from urllib.parse import urlencode

import pytest

import harness
from harness import (ACCOUNT, FORM, PUBLIC_URL, SAMPLE_TARGET, SLOW, TOKEN, Load, Pairs,
                     check_ledger, new_sid, request_bytes, scaled, sign, signed_json, signed_post,
                     status_params, target_for, until)
from test_durability import Fault, shim  # noqa: F401 (a fixture)
from test_reload import hang_up, write

NEW_TOKEN = "fedcba98765432100123456789abcdef"
OTHER_TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
TOKENS = (TOKEN, NEW_TOKEN, OTHER_TOKEN)
OTHER = "ACfedcba9876543210fedcba9876543210"
ACCOUNT_SECTION = f"account {ACCOUNT}"
ROW = ["id", "first", "last", "count", "method", "target", "route", "account", "cause", "proven",
       "media_type", "bytes"]


def entries(daemon):
    return daemon.get("/v1/quarantine?limit=1000")["quarantine"]


def kept(daemon, count):
    """The entries, once there are as many."""
    return until(lambda: len(entries(daemon)) == count and entries(daemon) or count == 0,
                 what=f"{count} requests in the quarantine")


def offered(daemon):
    """The number of requests offered to the quarantine, with any result."""
    return sum(daemon.metric("dlrd_quarantine_offered_total", f'{{fate="{fate}"}}')
               for fate in ("taken", "rate", "full", "too-large"))


def post(daemon, status=403, count=3, target=SAMPLE_TARGET, **more):
    """Signed receipts of as many messages, none of which is answered otherwise than with status."""
    sids = [new_sid() for _ in range(count)]
    for sid in sids:
        data = signed_post(target, status_params(sid, "delivered"), **more)
        assert daemon.ask(data).status == status
    return sids


def nothing_is_counted(daemon):
    assert daemon.get("/v1/campaigns")["campaigns"] == []
    assert daemon.events() == []
    assert daemon.sql("SELECT count(*) FROM entry", name="journal.db") == [(0,)]


def correct(daemon, changes):
    write(daemon, changes)
    assert "configuration re-read" in hang_up(daemon)


def reverify(daemon):
    return json.loads(daemon.cli("quarantine", "reverify", "--json").stdout)


# The configuration, its fix, Twilio's settings, and the results: cause, a word of the advice, whether
# it is proven.
MISTAKES = {
    "scheme": ({"server": {"public_url": "http://callbacks.example.com"}},
               {"server": {"public_url": PUBLIC_URL}}, {}, "scheme", "public_url", True),
    # An extra port is not here: Twilio signs some requests without it, which is accepted.
    "port": ({"server": {"public_url": PUBLIC_URL + ":8443"}},
             {"server": {"public_url": PUBLIC_URL + ":9443"}},
             {"public_url": PUBLIC_URL + ":9443", "host": "callbacks.example.com:9443"},
             "port", "public_url", True),
    "missing port": ({}, {"server": {"public_url": PUBLIC_URL + ":8443"}},
                     {"public_url": PUBLIC_URL + ":8443",
                      "host": "callbacks.example.com:8443"}, "port", "public_url", True),
    "prefix": ({"server": {"public_url": PUBLIC_URL + "/hooks"}},
               {"server": {"public_url": PUBLIC_URL}}, {}, "prefix-added", "public_url", True),
    "rotated token": ({}, {ACCOUNT_SECTION: {"auth_token": NEW_TOKEN}}, {"token": NEW_TOKEN},
                      "token", "auth_token", False),
    "another account's token": (
        {f"account {OTHER}": {"auth_token": OTHER_TOKEN}},
        {ACCOUNT_SECTION: {"auth_token": OTHER_TOKEN}, f"account {OTHER}": None},
        {"token": OTHER_TOKEN}, "other-account", OTHER, True),
}


def check_lines(daemon, cause, word):
    """The log names what is wrong and what to do, in lines that are read whole."""
    until(lambda: "refused a request" in daemon.log(), what="the line")
    lines = [line for line in daemon.log().splitlines() if "refused a request" in line]
    for line in lines:
        assert f"({cause})" in line and word in line and len(line) <= 200, line
        assert "; kept: " in line and "'dlrd quarantine reverify'" in line


def test_a_line_about_a_refusal_stays_short(make_daemon):
    path, host = "/" + "p" * 100, "callbacks." + "h" * 60 + ".example.com"
    daemon = make_daemon({"server": {"public_url": "https://other.example.com"}, f"callback {path}": {"kind": "status"}})
    params = status_params(new_sid(), "sent")
    response = daemon.post(path, params, public_url=f"https://{host}", headers=[("X-Forwarded-Host", host)])
    assert response.status == 403
    kept(daemon, 1)
    check_lines(daemon, "host", "...; kept")


@pytest.mark.parametrize("wrong,right,signed,cause,word,proven", MISTAKES.values(),
                         ids=MISTAKES.keys())
def test_a_mistake_is_named_and_costs_no_receipt(make_daemon, wrong, right, signed, cause, word,
                                                 proven):
    daemon = make_daemon(wrong, tokens=TOKENS)
    sids = post(daemon, **signed)
    rows = kept(daemon, 3)
    nothing_is_counted(daemon)

    [failure] = daemon.get("/v1/signature-failures")["failures"]
    assert failure["causes"].split(",")[0] == cause and word in failure["advice"], failure
    assert (failure["route"], failure["account"]) == ("/sms/twilio", ACCOUNT)
    assert failure["count"] == 3 and failure["proven"] == proven
    assert (failure["url"] is None) == (not proven)
    assert failure["first"] <= failure["last"]
    assert daemon.metric("dlrd_signature_causes_total", f'{{cause="{cause}"}}') == 3
    check_lines(daemon, cause, word)

    assert json.loads(daemon.cli("quarantine", "list", "--json").stdout)["quarantine"] == rows
    assert list(rows[0]) == ROW
    for row in rows:
        assert (row["cause"], row["proven"], row["account"]) == (cause, proven, ACCOUNT)
        assert (row["count"], row["method"], row["target"]) == (1, "POST", SAMPLE_TARGET)
        assert row["first"] == row["last"]
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)

    assert reverify(daemon) == {"state": "done", "tried": 3, "kept": 0, "refused": 3, "error": None}
    assert entries(daemon) == rows, "requests stay until the setting is fixed"
    nothing_is_counted(daemon)

    correct(daemon, right)
    assert reverify(daemon) == {"state": "done", "tried": 3, "kept": 3, "refused": 0, "error": None}
    assert entries(daemon) == []
    events = daemon.events()
    assert {event["message"] for event in events} == set(sids) and len(events) == 3
    assert sorted(event["time"] for event in events) == sorted(row["first"] for row in rows)
    assert daemon.campaign()["delivered"] == 3
    daemon.audit()

    assert reverify(daemon)["tried"] == 0
    assert len(daemon.events()) == 3
    daemon.audit()


def test_what_twilio_sends_again_meanwhile_is_counted_once(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    sid = new_sid()
    data = signed_post(SAMPLE_TARGET, status_params(sid, "sent"), token=NEW_TOKEN)
    assert daemon.ask(data).status == 403
    kept(daemon, 1)
    correct(daemon, {ACCOUNT_SECTION: {"auth_token": NEW_TOKEN}})
    until(lambda: daemon.ask(data).status == 204, what="the new token")
    assert reverify(daemon)["kept"] == 1
    assert daemon.campaign()["sent"] == 1 and daemon.campaign()["messages"] == 1
    daemon.audit()


def test_a_restart_keeps_them_and_their_time(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    post(daemon, token=NEW_TOKEN)
    rows = kept(daemon, 3)
    daemon.sections[ACCOUNT_SECTION]["auth_token"] = NEW_TOKEN
    daemon.restart()
    assert entries(daemon) == rows, "a start verifies nothing by itself"
    assert reverify(daemon)["kept"] == 3
    assert sorted(event["time"] for event in daemon.events()) == sorted(
        row["first"] for row in rows)
    daemon.audit()


def test_json_is_verified_again_with_its_digest(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    click = {"account_sid": ACCOUNT, "event_type": "click", "sms_sid": new_sid(),
             "link": "https://example.com/a", "click_time": "2026-11-20T10:00:00Z"}
    assert daemon.ask(signed_json("/sms/twilio", click, token=NEW_TOKEN)).status == 403
    kept(daemon, 1)
    correct(daemon, {ACCOUNT_SECTION: {"next_auth_token": NEW_TOKEN}})
    assert reverify(daemon)["kept"] == 1
    assert [event["type"] for event in daemon.events()] == ["Clicked"]


def test_identical_requests_are_one_entry_with_a_count(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    data = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), token=NEW_TOKEN)
    for _ in range(5):
        assert daemon.ask(data).status == 403
        time.sleep(0.005)  # times are shown in milliseconds
    until(lambda: entries(daemon) and entries(daemon)[0]["count"] == 5, what="the count")
    [row] = entries(daemon)
    assert row["first"] < row["last"]
    correct(daemon, {ACCOUNT_SECTION: {"auth_token": NEW_TOKEN}})
    reverify(daemon)
    [event] = daemon.events()
    assert event["time"] == row["first"]


def test_what_cannot_be_genuine_is_not_kept(make_daemon):
    """Twilio sends one signature."""
    daemon = make_daemon(tokens=TOKENS)
    body = urlencode(status_params(new_sid(), "sent")).encode()
    for headers in ([], [("X-Twilio-Signature", sign(PUBLIC_URL, {}))] * 2):
        for path, status in ((SAMPLE_TARGET, 403), ("/nowhere", 404)):
            data = request_bytes("POST", path, [("Content-Type", FORM), *headers], body)
            assert daemon.ask(data).status == status
    post(daemon, token=NEW_TOKEN, count=1)
    kept(daemon, 1)
    assert offered(daemon) == 1
    nothing_is_counted(daemon)


def test_a_request_for_a_path_without_a_section_waits_until_it_has_one(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    sids = post(daemon, status=404, target="/new/path?account=A&meta=0.1.2.3")
    get = "/new/path?" + urlencode(status_params(new_sid(), "delivered"))
    assert daemon.ask(harness.signed_get(get), "GET").status == 404
    click = {"account_sid": ACCOUNT, "event_type": "click", "sms_sid": new_sid(),
             "link": "https://example.com/a", "click_time": "2026-11-20T10:00:00Z"}
    assert daemon.ask(signed_json("/new/path", click)).status == 404
    rows = kept(daemon, 5)
    assert {(row["route"], row["cause"], row["account"], row["proven"]) for row in rows} == {
        ("", "no-route", ACCOUNT, True)}
    advice = daemon.get("/v1/signature-failures")["failures"][0]["advice"]
    assert "[callback /new/path]" in advice
    nothing_is_counted(daemon)
    assert reverify(daemon)["kept"] == 0
    correct(daemon, {"callback /new/path": {"kind": "auto"}, "callback /sms/twilio": {"kind": "auto"}})
    assert reverify(daemon)["kept"] == 5
    assert entries(daemon) == []
    events = daemon.events()
    assert set(sids) < {event["message"] for event in events} and len(events) == 5
    assert sorted(event["time"] for event in events) == sorted(row["first"] for row in rows)
    daemon.audit()


def test_a_request_for_an_account_without_a_section_waits_until_it_has_one(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    sid = new_sid()
    data = signed_post(SAMPLE_TARGET, status_params(sid, "delivered", AccountSid=OTHER),
                       token=OTHER_TOKEN)
    assert daemon.ask(data).status == 403
    data = signed_json("/sms/twilio", {"account_sid": OTHER}, token=OTHER_TOKEN)
    assert daemon.ask(data).status == 403
    assert {row["account"] for row in kept(daemon, 2)} == {OTHER}
    assert f"[account {OTHER}]" in daemon.get("/v1/signature-failures")["failures"][0]["advice"]
    nothing_is_counted(daemon)
    correct(daemon, {f"account {OTHER}": {"auth_token": OTHER_TOKEN}})
    assert reverify(daemon)["kept"] == 2
    assert sid in [event["message"] for event in daemon.events()]
    assert {event["account"] for event in daemon.events()} == {OTHER}
    daemon.audit()


@pytest.mark.parametrize("corrected", ["127.0.0.1", "127.0.0.0/8, 10.0.0.1"])
def test_requests_refused_before_the_proxy_was_trusted_verify_once_it_is(make_daemon, corrected):
    """By the configuration in force, and not by that of their arrival."""
    daemon = make_daemon({"server": {"public_url": None}}, tokens=TOKENS)
    sids = post(daemon, headers=[("X-Forwarded-Proto", "https")])
    kept(daemon, 3)
    assert reverify(daemon)["kept"] == 0
    for wrong in ("10.0.0.1", "unix"):
        correct(daemon, {"server": {"public_url": None, "trusted_proxies": wrong}})
        assert reverify(daemon)["kept"] == 0
    correct(daemon, {"server": {"public_url": None, "trusted_proxies": corrected}})
    assert reverify(daemon)["kept"] == 3
    assert {event["message"] for event in daemon.events()} == set(sids)


def test_a_proxy_that_is_no_longer_trusted_is_not_believed_at_a_reverify(make_daemon):
    """It said https, which is not what was signed; it is believed as long as it is trusted."""
    daemon = make_daemon({"server": {"public_url": None, "trusted_proxies": "127.0.0.1"}},
                         tokens=TOKENS)
    post(daemon, public_url="http://callbacks.example.com",
         headers=[("X-Forwarded-Proto", "https")])
    kept(daemon, 3)
    assert reverify(daemon)["kept"] == 0
    correct(daemon, {"server": {"public_url": None, "trusted_proxies": None}})
    assert reverify(daemon)["kept"] == 3


def test_large_requests_are_verified_again_a_few_at_a_time(make_daemon):
    """Their copies for the journal are bounded, and none is passed over."""
    daemon = make_daemon(tokens=TOKENS)
    sids = [new_sid() for _ in range(45)]
    for sid in sids:
        data = signed_post(SAMPLE_TARGET, status_params(sid, "sent", Body="x" * 240_000),
                           token=NEW_TOKEN)
        assert daemon.ask(data).status == 403
        until(lambda: offered(daemon) == sids.index(sid) + 1, what="the quarantine worker")
    kept(daemon, 45)
    correct(daemon, {ACCOUNT_SECTION: {"auth_token": NEW_TOKEN}})
    assert reverify(daemon) == {
        "state": "done", "tried": 45, "kept": 45, "refused": 0, "error": None}
    assert {event["message"] for event in daemon.events()} == set(sids)


def test_strays_evict_only_each_other(make_daemon):
    """Neither entries of the rest, nor their share of the rate."""
    daemon = make_daemon({"store": {"quarantine_size": "1M"}}, tokens=TOKENS)
    post(daemon, token=NEW_TOKEN, count=300)
    before = {row["id"] for row in kept(daemon, 300)}
    with daemon.connect() as connection:
        for i in range(1500):
            params = status_params(new_sid(), "sent", AccountSid=f"AC{i:032x}", Body="x" * 500)
            path, status = (SAMPLE_TARGET, 403) if i % 2 else (f"/nowhere{i}", 404)
            assert connection.ask(signed_post(path, params, token="x" * 32)).status == status
    until(lambda: offered(daemon) == 1800, what="the quarantine worker")
    rows = entries(daemon)
    assert before <= {row["id"] for row in rows}
    strays = [row for row in rows if row["id"] not in before]
    assert 32 <= len(strays) <= 128 and sum(row["bytes"] for row in strays) <= 128 * 1024
    post(daemon, token=NEW_TOKEN, count=300)
    until(lambda: offered(daemon) == 2100, what="the quarantine worker")
    assert len(entries(daemon)) == len(rows) + 300
    correct(daemon, {ACCOUNT_SECTION: {"auth_token": NEW_TOKEN}})
    assert reverify(daemon)["kept"] == 600


def test_our_own_token_under_a_wrong_account_loses_nothing(make_daemon):
    daemon = make_daemon({ACCOUNT_SECTION: None, f"account {OTHER}": {"auth_token": TOKEN}},
                         tokens=TOKENS)
    sids = post(daemon)
    assert {row["cause"] for row in kept(daemon, 3)} == {"other-account"}
    assert all(row["proven"] for row in kept(daemon, 3))
    correct(daemon, {f"account {OTHER}": None, ACCOUNT_SECTION: {"auth_token": TOKEN}})
    assert reverify(daemon)["kept"] == 3
    assert {event["message"] for event in daemon.events()} == set(sids)


def test_a_form_whose_type_was_lost_is_taken_as_the_form_that_it_is(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    params = status_params(new_sid(), "delivered")
    signature = sign(PUBLIC_URL + SAMPLE_TARGET, Pairs(params.items()))
    for body in (urlencode(params), urlencode(dict(params, To="+15550100"))):
        data = request_bytes("POST", SAMPLE_TARGET, [
            ("Content-Type", "text/plain"), ("X-Twilio-Signature", signature)], body.encode())
        assert daemon.ask(data).status == 403
    rows = {row["cause"]: row for row in kept(daemon, 2)}
    assert rows["body-changed"]["proven"] and not rows["token"]["proven"]
    assert reverify(daemon)["kept"] == 1
    (event,) = daemon.events()
    assert event["message"] == params["MessageSid"]
    (row,) = kept(daemon, 1)
    assert row["cause"] == "token"
    daemon.audit()


def test_a_signed_request_to_a_path_without_a_section_is_logged(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    secret = "?account=SECRET"
    params = status_params(new_sid(), "delivered")
    other = request_bytes("POST", "/other" + secret, [("Content-Type", FORM)], b"a=b")
    assert daemon.ask(other).status == 404
    for path in ("/app/sms/twilio", "/app/\x1b[31m" + "x" * 400):
        assert daemon.ask(signed_post(path + secret, params)).status in (400, 404)
    lines = [line for line in daemon.log().splitlines() if "with a signature" in line]
    assert len(lines) == 1 and 'answered 404' in lines[0] and '"/app/sms/twilio"' in lines[0], lines
    assert "in the quarantine" in lines[0]
    assert "SECRET" not in daemon.log() and "/other" not in daemon.log()


def test_show_gives_what_explain_reads(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    target = target_for(variant="a%20b")
    params = dict(status_params(new_sid(), "sent"), Body="é &\n%", Odd="\x00")
    assert daemon.ask(signed_post(target, params, token=NEW_TOKEN)).status == 403
    [row] = kept(daemon, 1)
    body = urlencode(params)
    answer = daemon.get(f"/v1/quarantine/{row['id']}")
    assert {key: answer[key] for key in ROW} == row and answer["body"] == body
    assert answer["signature"] == sign(PUBLIC_URL + target, Pairs(params.items()), NEW_TOKEN)
    assert answer["host"] == "callbacks.example.com" and answer["forwarded_proto"] is None
    assert json.loads(daemon.cli("quarantine", "show", row["id"], "--json").stdout) == answer
    raw = daemon.cli("quarantine", "show", row["id"], "--request", text=False).stdout
    assert raw.decode() == answer["request"] and raw.endswith(b"\r\n\r\n" + body.encode())

    def explain():
        return daemon.cli("explain", "--json", "-", input=raw, text=False, check=False)
    result = explain()
    assert result.returncode == 1 and json.loads(result.stdout)["cause"] == "token"
    write(daemon, {ACCOUNT_SECTION: {"auth_token": NEW_TOKEN}})
    assert explain().returncode == 0
    text = daemon.cli("quarantine", "show", row["id"]).stdout
    assert f"id: {row['id']}\n" in text and f"body: {body}\n" in text


def test_they_are_dropped_one_by_one_and_all(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    post(daemon, token=NEW_TOKEN, count=5)
    ids = [row["id"] for row in kept(daemon, 5)]
    assert daemon.cli("quarantine", "drop", ids[2]).stdout == "1 dropped\n"
    assert [row["id"] for row in entries(daemon)] == ids[:2] + ids[3:]
    result = daemon.cli("quarantine", "drop", ids[2], check=False)
    assert result.returncode == 1 and "no request" in result.stderr
    response = daemon.api(f"/v1/quarantine/{ids[0]}/drop", method="POST")
    assert response.status == 200 and response.json() == {"dropped": 1}
    for name in (ids[0], 0, "-1", "none"):
        assert daemon.api(f"/v1/quarantine/{name}/drop", method="POST").status == 404
    assert len(entries(daemon)) == 3, "id 0 is no entry, and not all of them"
    assert json.loads(daemon.cli("quarantine", "drop", "--all", "--json").stdout) == {"dropped": 3}
    assert entries(daemon) == []
    assert daemon.api("/v1/quarantine/all/drop", method="POST").json() == {"dropped": 0}
    nothing_is_counted(daemon)


@pytest.mark.parametrize("action", ["reverify", "1/drop", "all/drop"])
def test_a_page_cannot_act(make_daemon, action):
    daemon = make_daemon(tokens=TOKENS)
    post(daemon, token=NEW_TOKEN, count=1)
    kept(daemon, 1)
    for headers, body, status in (([("Origin", "https://elsewhere.example")], b"", 403),
                                  ([], b"x", 400)):
        with harness.Connection(("127.0.0.1", daemon.api_port)) as connection:
            response = connection.ask(request_bytes(
                "POST", f"/v1/quarantine/{action}", headers, body, host="127.0.0.1"))
        assert response.status == status
    assert len(entries(daemon)) == 1
    assert daemon.get("/v1/quarantine/reverify")["state"] == "none"


def test_the_quarantine_can_be_read_as_soon_as_the_daemon_is_ready(make_daemon):
    """Also if the file cannot be set up at once: here another program holds its lock."""
    daemon = make_daemon(start=False)
    holder = sqlite3.connect(daemon.store / "quarantine.db", isolation_level=None)
    holder.execute("PRAGMA journal_mode = WAL")
    holder.execute("BEGIN IMMEDIATE")
    daemon.spawn()
    time.sleep(0.5)
    holder.execute("ROLLBACK")
    daemon.wait_ready()
    assert json.loads(daemon.cli("quarantine", "list", "--json").stdout) == {"quarantine": []}
    holder.close()


def test_without_a_daemon_they_are_shown_and_not_changed(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    assert daemon.cli("quarantine", "list").stdout.count("\n") == 1
    post(daemon, token=NEW_TOKEN)
    rows = kept(daemon, 3)
    assert daemon.terminate() == 0
    result = harness.dlrd("quarantine", "list", "--json", "--store", daemon.store)
    assert json.loads(result.stdout)["quarantine"] == rows
    assert daemon.cli("quarantine", "list", "--csv").stdout.startswith(",".join(ROW))
    daemon.cli("quarantine", "show", rows[0]["id"])
    for words in (["reverify"], ["drop", rows[0]["id"]], ["drop", "--all"]):
        result = daemon.cli("quarantine", *words, check=False)
        assert result.returncode == 1 and "start dlrd first" in result.stderr
    result = daemon.cli("quarantine", "show", 999, check=False)
    assert result.returncode == 1 and result.stdout == ""


@pytest.mark.parametrize("words", [
    [], ["look"], ["list", "1"], ["show"], ["show", "x"], ["show", "0"], ["drop"],
    ["drop", "1", "--all"], ["drop", "1", "--store", "/"], ["reverify", "1"], ["list", "--all"],
    ["list", "--json", "--csv"], ["show", "1", "--csv"], ["show", "1", "--json", "--request"],
    ["list", "--request"], ["show", "1", "2"]], ids=" ".join)
def test_a_wrong_command_line_is_reported(words):
    assert harness.dlrd("quarantine", *words).returncode == 2


def test_a_place_without_a_store_is_no_empty_quarantine(tmp_path):
    assert harness.dlrd("quarantine", "list", "--store", tmp_path / "none").returncode == 1
    assert harness.dlrd("quarantine", "list", "--json", "--store", tmp_path).stdout == (
        '{"quarantine":[]}\n')


def test_a_damaged_quarantine_stops_no_daemon(tmp_path):
    (tmp_path / "quarantine.db").write_bytes(b"no database" * 1000)
    daemon = harness.Daemon(store=tmp_path).start()
    try:
        assert "the quarantine cannot be written" in daemon.log()
        post(daemon, token=NEW_TOKEN)
        post(daemon, status=204)
        for path, method in (("", "GET"), ("/1", "GET"), ("/1/drop", "POST"),
                             ("/all/drop", "POST")):
            response = daemon.api("/v1/quarantine" + path, method=method)
            assert response.status == 500
            assert "the quarantine: corrupt data: " in response.json()["error"]
        assert daemon.api("/v1/quarantine/reverify", method="POST").status == 202
        found = until(lambda: (daemon.get("/v1/quarantine/reverify")["state"] != "running"
                               and daemon.get("/v1/quarantine/reverify")), what="the end of it")
        assert found["state"] == "failed" and "quarantine.db" in found["error"]
        until(lambda: sum(row["count"] for row in daemon.get("/v1/signature-failures")["failures"])
              == 3, what="the explanations")
        assert daemon.cli("quarantine", "list", check=False).returncode == 1
        assert daemon.cli("quarantine", "reverify", check=False).returncode == 1
        assert daemon.campaign()["delivered"] == 3
    finally:
        daemon.finish()
    assert (tmp_path / "quarantine.db").read_bytes() == b"no database" * 1000


# --- a flood ---


def flood(daemon, count):
    """Distinct requests with well-formed but random signatures."""
    params = status_params("SM", "delivered")
    with daemon.connect(60) as connection:
        for _ in range(count):
            sid = new_sid()
            body = urlencode(dict(params, MessageSid=sid, SmsSid=sid)).encode()
            signature = base64.b64encode(hashlib.sha1(body).digest()).decode()
            data = request_bytes("POST", SAMPLE_TARGET, [
                ("Content-Type", FORM), ("X-Twilio-Signature", signature)], body)
            assert connection.ask(data).status == 403


def test_a_flood_costs_no_receipt_and_is_bounded(make_daemon, tmp_path):
    count, threads = scaled(100000, 2000), 4
    daemon = make_daemon({"store": {"quarantine_size": "1M"}}, tokens=TOKENS)
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        flood(daemon, 200)
        before = daemon.rss()
        load = Load(daemon, tmp_path / "ledger", threads=2)
        started = time.monotonic()
        for done in [pool.submit(flood, daemon, count // threads) for _ in range(threads)]:
            done.result()
        took = time.monotonic() - started
    load.stop()
    assert load.refused == 0 and load.acknowledged == load.sent > 0
    acknowledged, stored = check_ledger(daemon, tmp_path / "ledger")
    assert acknowledged == stored
    assert len(daemon.events()) == stored
    until(lambda: offered(daemon) >= count, what="the quarantine worker")
    # 5000 at once, then 100 a second; and one for each KiB of quarantine_size at most.
    written = daemon.metric("dlrd_quarantine_offered_total", '{fate="taken"}')
    assert written <= 5000 + 100 * (took + 5 * SLOW)
    assert 0 < daemon.metric("dlrd_quarantine_entries", '{proven="no"}') <= 1024
    assert daemon.metric("dlrd_quarantine_bytes") <= 1024 * 1024
    files = [path.stat().st_size for path in daemon.store.glob("quarantine.db*")]
    assert sum(files) < 16 * 1024 * 1024, files
    assert daemon.rss() < before + 32 * 1024 * 1024 * (4 if harness.SANITIZER else 1)
    lines = daemon.log().count("refused a request")
    assert 1 <= lines <= took + 5 * SLOW, lines
    assert "undiagnosed" in {row["cause"] for row in entries(daemon)}
    failures = daemon.get("/v1/signature-failures")["failures"]
    assert len(failures) <= 64


def test_the_rate_of_what_nothing_proves_is_configurable(make_daemon):
    daemon = make_daemon({"store": {"quarantine_rate": "1"}}, tokens=TOKENS)
    flood(daemon, 100)
    until(lambda: offered(daemon) == 100, what="the quarantine worker")
    assert 50 <= daemon.metric("dlrd_quarantine_offered_total", '{fate="taken"}') < 100


def send_all(daemon, sids, status, **more):
    """Signed receipts, as fast as one connection lets them in."""
    with daemon.connect(60) as connection:
        for sid in sids:
            data = signed_post(SAMPLE_TARGET, status_params(sid, "delivered"), **more)
            assert connection.ask(data).status == status


@pytest.mark.parametrize("wrong, signed, right", [
    ({"server": {"public_url": "http://callbacks.example.com"}}, {},
     {"server": {"public_url": PUBLIC_URL}}),
    ({}, {"token": NEW_TOKEN}, {ACCOUNT_SECTION: {"next_auth_token": NEW_TOKEN}}),
], ids=["scheme", "token"])
def test_all_our_traffic_at_full_speed_waits_for_the_correction(make_daemon, wrong, signed, right):
    daemon = make_daemon(wrong, tokens=TOKENS)
    count, threads = scaled(4800, 400), 4
    sids = [new_sid() for _ in range(count)]
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(send_all, daemon, sids[i::threads], 403, **signed)
                     for i in range(threads)]:
            done.result()
    until(lambda: offered(daemon) == count, what="the quarantine worker")
    assert daemon.metric("dlrd_quarantine_offered_total", '{fate="taken"}') == count
    if wrong:  # each of them, though there is time to diagnose a few only
        until(lambda: daemon.metric("dlrd_quarantine_entries", '{proven="yes"}') == count,
              what="the proof of each")
        assert daemon.metric("dlrd_signature_causes_total", '{cause="scheme"}') == count
    correct(daemon, right)
    assert reverify(daemon)["kept"] == count
    daemon.settle(60)
    assert daemon.campaign()["delivered"] == count
    daemon.audit()


def test_reloads_in_a_flood_give_it_no_more_log_lines(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    started = time.monotonic()
    for _ in range(20):
        flood(daemon, 20)
        hang_up(daemon)
    until(lambda: offered(daemon) == 400, what="the quarantine worker")
    lines = daemon.log().count("refused a request")
    assert 1 <= lines <= time.monotonic() - started + 2, lines


@pytest.mark.skipif(bool(harness.SANITIZER), reason="a sanitizer's work is not the daemon's")
def test_a_forged_request_takes_no_more_of_the_processor_than_two_good_ones(daemon):
    """It takes a quarter of one, so the bound is far from any noise (scripts/bench --flood)."""
    def cost(count, send):
        before = daemon.processor_seconds()
        send(count)
        return (daemon.processor_seconds() - before) / count

    def send_good(count):
        send_all(daemon, [new_sid() for _ in range(count)], 204)
        daemon.settle()
    good = cost(scaled(5000, 2000), send_good)
    assert cost(scaled(20000, 5000), lambda count: flood(daemon, count)) < 2 * good


def forged_json(size, first=b"{"):
    """A body that is the most expensive to parse, and covered by its hash."""
    body = first + b'"account_sid":"%s","x":[%s]}' % (ACCOUNT.encode(), b",".join([b"1"] * (size // 2)))
    return signed_json(SAMPLE_TARGET, body, token="another-token")


def forged_form(size):
    params = status_params(new_sid(), "sent", Body="x" * size)
    return signed_post(SAMPLE_TARGET, params, token="another-token")


@pytest.mark.skipif(bool(harness.SANITIZER), reason="a sanitizer's work is not the daemon's")
@pytest.mark.parametrize("size,count", [(400, 3000), (60_000, 300), (250_000, 100)])
def test_a_forged_json_body_costs_at_most_twice_a_forged_form(make_daemon, size, count):
    daemon = make_daemon(tokens=TOKENS)

    def cost(data):
        before = daemon.processor_seconds()
        with daemon.connect() as connection:
            for _ in range(scaled(count, count // 3)):
                assert connection.ask(data).status == 403
        return daemon.processor_seconds() - before
    form, json_body = forged_form(size), forged_json(size)
    flood(daemon, 6000)  # what may be written at once is used up
    costs = [(cost(form), cost(json_body)) for _ in range(3)]
    assert sum(json for _, json in costs) <= 2 * sum(form for form, _ in costs) + 0.05, costs


def test_forged_json_does_not_delay_a_genuine_callback(make_daemon):
    """Nothing is parsed before its signature is verified, so JSON delays no longer than the same bytes after
    one that no JSON begins with. A busy machine delays callbacks in some of the rounds; parsing would in each."""
    daemon = make_daemon({"server": {"body_limit": "16M", "memory_limit": "128M"}}, tokens=TOKENS)
    before = daemon.rss()
    size = scaled(15_000_000, 2_000_000)

    def longest_wait(data):
        waits = []
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            forged = [pool.submit(daemon.ask, data) for _ in range(4)]
            while not all(one.done() for one in forged):
                started = time.monotonic()
                daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
                waits.append(time.monotonic() - started)
        assert {one.result().status for one in forged} <= {403, 503}
        return max(waits, default=0)
    bytes_alone, json_body = forged_json(size, b"x"), forged_json(size)
    waits = [(longest_wait(bytes_alone), longest_wait(json_body)) for _ in range(3)]
    assert min(json for _, json in waits) <= 2 * min(alone for alone, _ in waits) + 0.1 * SLOW, waits
    # The limit, and six bodies: SQLite copies the one it stores into a record and into pages of its log, and malloc
    # keeps some that were freed.
    used = daemon.peak_rss() - before
    assert harness.SANITIZER or used < 128 * 1024 * 1024 + 6 * 15_000_000, used


def test_memory_limit_counts_what_is_queued_for_the_quarantine(make_daemon, tmp_path):
    """The quarantine worker is paused, so forged bodies pile up: half of the limit stays for callbacks."""
    daemon = make_daemon({"server": {"memory_limit": "4M"}}, tokens=TOKENS)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    before = daemon.rss()
    lock = sqlite3.connect(daemon.store / "quarantine.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    data = forged_form(200_000)
    for _ in range(40):
        assert daemon.ask(data).status == 403
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"))
    assert daemon.metric("dlrd_quarantine_offered_total", '{fate="full"}') > 0
    assert harness.SANITIZER or daemon.rss() - before < 12 * 1024 * 1024, daemon.rss() - before
    lock.execute("ROLLBACK")
    lock.close()


def test_a_terminal_sees_no_control_bytes_of_a_client(make_daemon):
    daemon = make_daemon(tokens=TOKENS)
    params = status_params(new_sid(), "sent")
    body = urlencode(params).encode() + b"&Body=\x1b[31m\nred"
    data = request_bytes("POST", SAMPLE_TARGET, [
        ("Content-Type", FORM), ("X-Twilio-Signature", sign(PUBLIC_URL, params, NEW_TOKEN))], body)
    assert daemon.ask(data).status == 403
    [row] = kept(daemon, 1)
    command = [harness.DLRD, "quarantine", "show", str(row["id"]), "--request", "-c",
               str(daemon.config)]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, env=harness.environment()) as process:
        os.close(theirs)
        seen = b""
        try:
            while more := os.read(ours, 65536):
                seen += more
        except OSError:  # EIO: no more writers
            pass
        assert process.wait(10) == 0
    os.close(ours)
    assert b"[31m" in seen and b"\x1b" not in seen and b"\r\nred" in seen
    raw = subprocess.run(command, capture_output=True, env=harness.environment(), check=True).stdout
    assert raw.endswith(body)


def test_what_is_proven_outlives_a_flood(make_daemon):
    daemon = make_daemon({"store": {"quarantine_size": "1M"},
                          "server": {"public_url": "http://callbacks.example.com"}}, tokens=TOKENS)
    sids = post(daemon)
    kept(daemon, 3)
    flood(daemon, scaled(5000, 500))
    correct(daemon, {"server": {"public_url": PUBLIC_URL}})
    found = reverify(daemon)
    assert found["kept"] == 3 and found["refused"] > 0
    assert {event["message"] for event in daemon.events()} == set(sids)
    daemon.audit()


@pytest.mark.parametrize("words", [["reverify"], ["drop", "--all"]], ids=" ".join)
def test_removing_all_at_once_grows_no_log_and_stops_no_request(make_daemon, words):
    """Each entry that leaves writes some 25 KB to the quarantine's log, and a flood goes on."""
    count = 800
    daemon = make_daemon({"store": {"quarantine_size": "1M"},
                          "server": {"public_url": "http://callbacks.example.com"}}, tokens=TOKENS)
    sids = [new_sid() for _ in range(count)]
    send_all(daemon, sids, 403)
    until(lambda: daemon.metric("dlrd_quarantine_entries", '{proven="yes"}') == count,
          what="the proof of each")
    correct(daemon, {"server": {"public_url": PUBLIC_URL}})
    log, largest, done = daemon.store / "quarantine.db-wal", 0, threading.Event()

    def go_on():
        while not done.is_set():
            flood(daemon, 10)

    def taken():
        return daemon.metric("dlrd_quarantine_offered_total", '{fate="taken"}')
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        going_on = pool.submit(go_on)
        try:
            leaving = pool.submit(daemon.cli, "quarantine", *words)
            while not leaving.done():
                largest = max(largest, log.stat().st_size)
                time.sleep(0.005)
            leaving.result()
            before = taken()
            until(lambda: taken() > before, what="the flood to be kept again")
        finally:
            done.set()
        going_on.result()
    assert "cannot be written" not in daemon.log()
    assert largest <= 4 * 1024 * 1024
    assert len(daemon.events()) == (count if words == ["reverify"] else 0)


def test_a_reader_that_stood_in_the_way_is_got_over(make_daemon):
    daemon = make_daemon({"store": {"quarantine_size": "1M"}}, tokens=TOKENS)
    flood(daemon, 10)
    kept(daemon, 10)
    reader = daemon.database("quarantine.db")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM request").fetchall()

    def full():
        flood(daemon, 100)
        return "checkpoints do not complete" in daemon.log()
    until(full, 30, "a log at its size limit")
    reader.close()
    before = daemon.metric("dlrd_quarantine_offered_total", '{fate="taken"}')

    def taken():
        flood(daemon, 1)
        return daemon.metric("dlrd_quarantine_offered_total", '{fate="taken"}') > before + 10
    until(taken, what="the flood to be kept again")
    assert "quarantine is writable again" in daemon.log()
    assert (daemon.store / "quarantine.db-wal").stat().st_size <= 4 * 1024 * 1024


def test_what_is_refused_during_a_reverify_is_kept_meanwhile(
        make_daemon, shim, tmp_path):  # noqa: F811
    """With a disk that takes half a second for each batch that the journal syncs."""
    fault = Fault(tmp_path / "control")
    daemon = make_daemon({"server": {"public_url": "http://callbacks.example.com"}}, tokens=TOKENS,
                         env={"LD_PRELOAD": str(shim), "FAULT_NAME": "/journal.db-wal",
                              "FAULT_CONTROL": str(tmp_path / "control")})
    sids = [new_sid() for _ in range(400)]
    send_all(daemon, sids, 403)
    until(lambda: daemon.metric("dlrd_quarantine_entries", '{proven="yes"}') == len(sids),
          what="the proof of each")
    correct(daemon, {"server": {"public_url": PUBLIC_URL}})
    fault.delay(500)
    assert daemon.api("/v1/quarantine/reverify", method="POST").status == 202
    flood(daemon, 10)

    def taken():
        return daemon.metric("dlrd_quarantine_offered_total", '{fate="taken"}')
    until(lambda: taken() == len(sids) + 10, what="the flood to be kept")
    assert daemon.get("/v1/quarantine/reverify", settle=False)["state"] == "running"
    fault.delay(0)
    until(lambda: daemon.get("/v1/quarantine/reverify")["state"] == "done", what="its end")
    assert daemon.get("/v1/quarantine/reverify")["kept"] == len(sids)
    assert len(daemon.events()) == len(sids)


def test_requests_are_dropped_while_a_reverify_waits_for_the_journal(
        make_daemon, shim, tmp_path):  # noqa: F811
    fault = Fault(tmp_path / "control")
    daemon = make_daemon({"server": {"public_url": "http://callbacks.example.com"}}, tokens=TOKENS,
                         env={"LD_PRELOAD": str(shim), "FAULT_NAME": "/journal.db-wal",
                              "FAULT_CONTROL": str(tmp_path / "control")})
    sids = [new_sid() for _ in range(3)]
    send_all(daemon, sids, 403)
    flood(daemon, 1)
    first = kept(daemon, 4)[0]["id"]
    correct(daemon, {"server": {"public_url": PUBLIC_URL}})
    fault.delay(1500 * SLOW)
    before = fault.seen
    assert daemon.api("/v1/quarantine/reverify", method="POST").status == 202
    until(lambda: fault.seen > before, what="the sync of the batch")
    assert daemon.api(f"/v1/quarantine/{first}/drop", method="POST").json() == {"dropped": 1}
    assert daemon.api("/v1/quarantine/all/drop", method="POST").json() == {"dropped": 3}
    assert daemon.get("/v1/quarantine/reverify", settle=False)["state"] == "running"
    until(lambda: daemon.get("/v1/quarantine/reverify", settle=False)["state"] == "done", 30,
          "its end")
    found = daemon.get("/v1/quarantine/reverify")
    assert (found["tried"], found["kept"], found["refused"]) == (4, 3, 1)
    fault.delay(0)
    assert {event["message"] for event in daemon.events()} == set(sids)
    assert entries(daemon) == []
