"""/v1/openapi.json is exact: every path, parameter and answer in it is as it says, and nothing in
an answer is not in it."""

import json
import re
import shutil
import subprocess
from urllib.parse import quote, urlencode, urljoin

import jsonschema
import pytest

import harness
from harness import (ACCOUNT, Connection, new_sid, phone, reply_params, request_bytes, signed_json,
                     signed_post, status_params, target_for)



def read_description():
    """As a daemon without data answers it: the tests below are made from it."""
    daemon = harness.Daemon().start()
    try:
        return daemon.get("/v1/openapi.json", settle=False)
    finally:
        daemon.finish()


DESCRIPTION = read_description()
SERVICE = "MG0123456789abcdef0123456789abcdef"

# Texts that are refused although their schema allows them.
WRONG_TEXTS = {"next": ["x", "", "-1"], "tz": ["Mars/Base", ""]}


def resolve(value):
    while "$ref" in value:
        found = DESCRIPTION
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def operations():
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def check(value, schema):
    jsonschema.Draft202012Validator(
        schema, resolver=jsonschema.RefResolver("", DESCRIPTION)).validate(value)


def schemas_of(operation, status):
    """{media type: schema} of an answer, which must be described."""
    assert str(status) in operation["responses"], f"{status} is not described"
    content = resolve(operation["responses"][str(status)])["content"]
    return {kind: part["schema"] for kind, part in content.items()}


def check_answer(operation, response):
    kinds = schemas_of(operation, response.status)
    kind = response.header("Content-Type").partition(";")[0]
    assert kind in kinds, kind
    if kind == "application/json":
        check(response.json(), kinds[kind])
    return kind


# --- the data ---


def put_data(daemon):
    """Everything that answers can hold: each status, odd ones, replies, consent, alerts."""
    variants = [("W", "v1"), ("W", "v2"), ("", ""), ("W2", quote("é\"<>"))]
    statuses = ["accepted", "queued", "sending", "sent", "delivered", "undelivered", "failed",
                "canceled", "read", "teleported"]
    senders = ["+15017122661", "12345", "+18005550000", "ACME", "whatsapp:+15017122661",
               "rcs:agent", "", "odd:x"]
    sids = []
    for i, status in enumerate(statuses * 8):
        workspace, variant = variants[i % 4]
        fails = status in ("undelivered", "failed")
        code = [None, 30003, 21610, 39999][i // 2 % 4] if fails else None
        sids.append(new_sid())
        params = status_params(sids[-1], status, code, number=i % 20, From=senders[i % 8],
                               MessagingServiceSid=SERVICE if i % 3 else None,
                               RawDlrDoneDate="2308101230" if i % 5 else None)
        daemon.keep(target_for("1_2", workspace, variant), params)
        if i % 3 == 0:
            daemon.keep(target_for("1_2", workspace, variant), params)
        if i % 4 == 0:
            daemon.keep(target_for(), dict(params, MessageStatus="delivered"))
    for i, body in enumerate(["STOP", "start", "HELP", "please stop", "hello", "", "=1+1"]):
        daemon.keep("/sms/twilio", reply_params(new_sid(), body, i, MessagingServiceSid=SERVICE),
                    200)
        daemon.keep("/sms/twilio", reply_params(new_sid(), body, 90 + i), 200)
    daemon.keep("/sms/twilio", reply_params(new_sid(), "STOP", 3, OptOutType="STOP",
                                            From="whatsapp:" + phone(3)), 200)
    for i, level in enumerate(["ERROR", "WARNING"]):
        payload = {"error_code": "11200", "resource_sid": sids[0], "webhook": {
            "request": {"url": harness.PUBLIC_URL + "/sms/twilio", "method": "POST"},
            "response": {"status_code": 502}}} if i == 0 else {}
        daemon.keep("/sms/twilio", {
            "AccountSid": ACCOUNT, "Sid": new_sid("NO"), "Level": level,
            "Timestamp": "2026-11-20T10:00:00Z", "PayloadType": "application/json",
            "Payload": json.dumps(payload)})
    daemon.keep("/sms/twilio", {"AccountSid": ACCOUNT, "Nothing": "known", "Twice": "1"})
    click = {"account_sid": ACCOUNT, "event_type": "click", "sms_sid": sids[4],
             "link": "https://example.com/a", "click_time": "2026-11-20T10:00:00Z",
             "messaging_service_sid": SERVICE, "from": "+15017122661", "to": phone(4)}
    assert daemon.ask(signed_json("/sms/twilio", click)).status == 204
    assert daemon.ask(signed_json("/sms/twilio", [{"specversion": "1.0", "type":
        "com.twilio.messaging.message.delivered", "source": "x", "id": "EZ1",
        "data": {"accountSid": ACCOUNT, "messageSid": new_sid(), "messageStatus": "delivered",
                 "timestamp": "2026-11-20T10:00:00Z"}}])).status == 204
    for i, more in enumerate(({"token": "another-token"}, {"public_url": "http://elsewhere:8080"},
                              {"token": "another-token", "headers": [
                                  ("X-Forwarded-Proto", "http"), ("X-Original-URI", "/x?y")]})):
        params = dict(status_params(new_sid(), "sent"), Body="caf\u00e9=1")
        assert daemon.ask(signed_post(target_for(), params, **more)).status == 403
    bad = signed_json("/sms/twilio", {"account_sid": ACCOUNT}).replace(b"{", b"[\xff", 1)
    assert daemon.ask(bad).status == 403
    for i in range(2):
        daemon.keep(target_for("3_4", f"W{i}"), status_params(new_sid(), "sent"))
    daemon.settle()
    harness.until(lambda: len(daemon.get("/v1/quarantine")["quarantine"]) >= 3,
                  what="the quarantine")
    return sids


@pytest.fixture(scope="module")
def daemon():
    daemon = harness.Daemon().start()
    try:
        daemon.sids = put_data(daemon)
        yield daemon
    finally:
        daemon.finish()


def names_of(daemon, path):
    """Real paths for a described one: some that are there, one that is not."""
    names = {
        "{campaign}": ["1_2?workspace=W", "1_2?workspace=", "?workspace=" + ACCOUNT, "3_4", "none"],
        "{seq}": [str(seq) for seq in range(1, daemon.events()[-1]["seq"] + 2)],
        "{sid}": daemon.sids[:12] + ["none"] + [event["message"] for event in daemon.events()
                                                if event["type"] in ("Replied", "Clicked")],
        "{id}": [str(row["id"]) for row in daemon.get("/v1/quarantine")["quarantine"]] + [
            "none", "0", "-1", "999"],
        "{code}": ["30003", "30005", "none", "30050", "nonsense"],
        "{number}": [quote(row["number"], safe="") for row in
                     daemon.get("/v1/optouts?state=any&limit=1000")["optouts"]] + ["none"],
    }
    for brace, found in names.items():
        if brace in path:
            for name in found:
                name, _, query = name.partition("?")
                yield path.replace(brace, name) + (f"?{query}" if query else "")
            return
    yield path


def ask(daemon, path, method="GET", headers=()):
    """A stream is asked for its beginning only, and once those before it are seen to be gone."""
    if not path.partition("?")[0].endswith("/stream"):
        return daemon.api(path, headers, method)

    def begin():
        with Connection(("127.0.0.1", daemon.api_port)) as connection:
            response = connection.ask(
                request_bytes(method, path, headers, host="127.0.0.1"), method)
        return response if response.status != 503 else None
    return harness.until(begin, what="a place for a stream")


def with_query(path, pairs):
    return path + ("&" if "?" in path else "?") + urlencode(pairs)


# --- the description itself ---


def test_it_does_not_depend_on_the_data(daemon):
    assert daemon.get("/v1/openapi.json") == DESCRIPTION
    assert DESCRIPTION["openapi"] == "3.1.0"


def test_each_answer_has_an_example():
    lacking = [(path, method, status, kind)
               for path, method, operation in operations()
               for status, response in operation["responses"].items()
               for kind, part in resolve(response).get("content", {}).items()
               if "example" not in part]
    assert not lacking


def test_examples_are_as_their_schemas_say():
    examples = [part for _, _, operation in operations()
                for response in operation["responses"].values()
                for part in resolve(response).get("content", {}).values() if "example" in part]
    assert examples
    for part in examples:
        check(part["example"], part["schema"])


def test_its_schemas_are_schemas_and_leave_nothing_open():
    for name, schema in DESCRIPTION["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False, name
            if name != "Message":
                assert schema["required"] == list(schema["properties"]), name


def test_its_references_lead_somewhere_and_all_parts_are_used():
    text = json.dumps(DESCRIPTION)
    used = set(re.findall(r'"\$ref": "(#/components/[^"]+)"', text))
    for reference in used:
        resolve({"$ref": reference})
    for kind in ("parameters", "responses", "schemas"):
        for name in DESCRIPTION["components"][kind]:
            assert f"#/components/{kind}/{name}" in used, name


def test_each_operation_has_a_name_of_its_own_and_its_paths_parameters():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    for path, _, operation in operations():
        documented = [parameter["name"] for parameter in map(resolve, operation.get("parameters", []))
                if parameter["in"] == "path"]
        assert documented == re.findall(r"{(\w+)}", path)


def test_the_rows_have_the_keys_of_the_interface():
    schemas = DESCRIPTION["components"]["schemas"]
    assert list(schemas["Campaign"]["properties"]) == harness.CAMPAIGN_KEYS
    assert list(schemas["CampaignError"]["properties"]) == harness.ERROR_KEYS
    assert list(schemas["Event"]["properties"]) == harness.EVENT_KEYS
    assert list(schemas["Receipt"]["properties"])[:len(harness.EVENT_KEYS)] == harness.EVENT_KEYS


def test_the_data_is_varied_enough(daemon):
    receipts = [daemon.get(f"/v1/events/{event['seq']}", settle=False)
                for event in daemon.events()]
    schema = DESCRIPTION["components"]["schemas"]
    assert {row["type"] for row in receipts} == set(schema["Event"]["properties"]["type"]["enum"])
    for key in ("status", "error_code", "from", "to", "service", "body", "keyword", "done_date",
                "parameters", "link", "occurred", "near_miss", "consent", "cause", "rule",
                "candidates", "answers", "raw_query"):
        assert {row[key] is None for row in receipts} == {True, False}, key
    assert {row["stream"] for row in receipts} == {True, False}
    assert {row["consent"] for row in receipts} == {"out", "in", None}
    assert {row["ours"] for row in daemon.get("/v1/alerts")["alerts"]} == {True, False}
    kinds = {row["kind"] for row in daemon.get("/v1/providers?limit=1000")["providers"]}
    assert kinds == set(schema["Provider"]["properties"]["kind"]["enum"])
    errors = daemon.get("/v1/campaigns/1_2/errors?workspace=W")["errors"]
    assert {row["name"] is None for row in errors} == {True, False}


# --- each path ---

GETS = [(path, operation) for path, method, operation in operations() if method == "GET"]
IDS = [path for path, _ in GETS]


@pytest.mark.parametrize("path,operation", GETS, ids=IDS)
def test_answers_are_as_described(daemon, path, operation):
    seen = set()
    for real in names_of(daemon, path):
        response = ask(daemon, real)
        assert response.status != 404 or "{" in path, real
        check_answer(operation, response)
        seen.add(response.status)
    assert 200 in seen
    if path == "/v1/campaigns/{campaign}":
        assert seen == {200, 404, 409}


@pytest.mark.parametrize("path,operation", GETS, ids=IDS)
def test_keys_come_in_the_order_described(daemon, path, operation):
    """Of the objects at the top and in its lists."""
    def compare(value, schema):
        schema = resolve(schema)
        if isinstance(value, dict) and "properties" in schema:
            assert [key for key in schema["properties"] if key in value] == list(value)
            for key, member in value.items():
                compare(member, schema["properties"][key])
        elif isinstance(value, list) and value and "items" in schema:
            compare(value[0], schema["items"])
    response = ask(daemon, next(names_of(daemon, path)))
    if response.header("Content-Type") == "application/json":
        compare(response.json(), schemas_of(operation, 200)["application/json"])


def samples_of(parameter):
    """Values that are right, and values that are wrong."""
    schema, name = parameter["schema"], parameter["name"]
    if "enum" in schema:
        return schema["enum"], ["nonsense", ""]
    if "anyOf" in schema:
        return (["2026-11-20T14:00:00Z", "2026-11-20T14:00:00.5+01:00", "2000-01-01", "2100-01-01"],
                ["yesterday", "2026-02-30", ""])
    if "pattern" in schema:
        return ["30007", "none", "NONE", "0"], ["x", "", "-1", "1.5", "30007x", "99999999999999999999"]
    if schema["type"] == "integer":
        right = [schema["minimum"], schema.get("maximum", 7)]
        wrong = ["x", "", "1.5", "-1", "99999999999999999999"]
        return right, wrong + ([schema["maximum"] + 1] if "maximum" in schema else [])
    return [parameter.get("example", "x"), "é&="][:1 if name in WRONG_TEXTS else 2], \
        WRONG_TEXTS.get(name, [])


@pytest.mark.parametrize("path,operation", GETS, ids=IDS)
def test_parameters_are_taken_and_wrong_ones_refused(daemon, path, operation):
    real = next(names_of(daemon, path))
    if "{campaign}" in path:
        real = path.replace("{campaign}", "3_4") + "?workspace=W0"
    for parameter in map(resolve, operation.get("parameters", [])):
        if parameter["in"] == "path":
            continue
        name = parameter["name"]
        right, wrong = samples_of(parameter)
        for values, statuses in ((right, (200, 404)), (wrong, (400,))):
            for value in values:
                if parameter["in"] == "header":
                    response = ask(daemon, real, headers=[(name, str(value))])
                else:
                    response = ask(daemon, with_query(real, {name: value}))
                assert response.status in statuses, (name, value, response)
                check_answer(operation, response)
                if response.status == 400:
                    assert name in response.json()["error"]


def names_in_query(operation):
    return [parameter["name"] for parameter in map(resolve, operation.get("parameters", []))
            if parameter["in"] == "query"]


@pytest.mark.parametrize("path,operation", GETS, ids=IDS)
def test_parameters_are_those_described_and_no_others(daemon, path, operation):
    """The answer to an unknown one names those that are known, which are those described."""
    real = path.replace("{campaign}", "3_4").replace("{seq}", "1").replace(
        "{sid}", daemon.sids[0]).replace("{number}", phone(1)).replace("{id}", "1")
    documented = names_in_query(operation)
    every = {name for _, _, other in operations() for name in names_in_query(other)}
    for name in sorted(every - set(documented)) + ["unheard_of", "Limit", "", "a" * 500, "\x00\n"]:
        response = ask(daemon, with_query(real, {name: "1"}))
        assert response.status == 400, (name, response)
        check_answer(operation, response)
        error = response.json()["error"]
        assert error.startswith(f"{path} has no parameter "), error
        known = error.rpartition("; it has ")[2].split(", ") if "; it has " in error else []
        assert sorted(known) == sorted(documented)
    assert ask(daemon, with_query(real, {"unheard_of": "1"}), "HEAD").status == 400


@pytest.mark.parametrize("path,operation", GETS, ids=IDS)
def test_csv_has_the_columns_of_the_rows(daemon, path, operation):
    real = next(names_of(daemon, path))
    response = ask(daemon, with_query(real, {"format": "csv"}))
    documented = "text/csv" in schemas_of(operation, 200)
    assert documented == ("format" in names_in_query(operation))
    assert response.status == (200 if documented else 400)
    assert (response.header("Content-Type").partition(";")[0] == "text/csv") == documented
    if not documented:
        return
    answer = daemon.get(real)
    rows = [value for value in answer.values()
            if isinstance(value, list) and value and isinstance(value[0], dict)]
    row = rows[-1][0] if rows else answer
    assert response.csv()[0] == list(harness.flat(row))


def test_filters_leave_what_fits(daemon):
    events = daemon.events()
    for key in ("type", "workspace", "campaign", "variant"):
        value = events[0][key]
        assert daemon.events("&" + urlencode({key: value})) == [
            event for event in events if event[key] == value]
    for key in ("account", "service", "sender"):
        rows = daemon.get("/v1/providers?limit=1000")["providers"]
        value = next(row[key] for row in rows if row[key])
        assert daemon.get("/v1/providers?limit=1000&" + urlencode({key: value}))["providers"] == [
            row for row in rows if row[key] == value]
    near = daemon.get("/v1/near-misses?limit=1000")["near_misses"]
    by_campaign = [row for name in ("", "1_2", "3_4") for row in
                   daemon.get(f"/v1/near-misses?limit=1000&campaign={name}")["near_misses"]]
    assert near == sorted(by_campaign, key=lambda row: row["seq"])
    for path, key, time in (("near-misses", "near_misses", "time"), ("optouts", "optouts", "since")):
        rows = daemon.get(f"/v1/{path}?limit=1000")[key]
        middle = rows[len(rows) // 2][time]
        assert daemon.get(f"/v1/{path}?limit=1000&to={middle}")[key] == [
            row for row in rows if row[time] < middle]
        assert daemon.get(f"/v1/{path}?limit=1000&from={middle}")[key] == [
            row for row in rows if row[time] >= middle]
    rows = daemon.get("/v1/replies?limit=1000")["replies"]
    for key in ("workspace", "campaign", "variant", "keyword", "rule"):
        value = next(row[key] for row in rows if row[key])
        assert daemon.get("/v1/replies?limit=1000&" + urlencode({key: value}))["replies"] == [
            row for row in rows if row[key] == value]


@pytest.mark.parametrize("path,key", [
    ("/v1/campaigns", "campaigns"), ("/v1/providers", "providers"), ("/v1/replies", "replies"),
    ("/v1/near-misses", "near_misses"), ("/v1/optouts?state=any", "optouts"),
    ("/v1/alerts", "alerts"), ("/v1/quarantine", "quarantine"), ("/v1/providers?by=service", "providers")])
def test_lists_page_to_the_end_each_once(daemon, path, key):
    whole = daemon.get(with_query(path, {"limit": 1000}))
    assert whole["next"] is None and len(whole[key]) > 1
    found, query = [], {"limit": 1}
    while True:
        page = daemon.get(with_query(path, query), settle=False)
        found += page[key]
        if page["next"] is None:
            break
        query["next"] = page["next"]
    assert found == whole[key]


LISTS = ["/v1/campaigns", "/v1/providers", "/v1/events?variant=v1", "/v1/replies", "/v1/near-misses",
         "/v1/optouts?state=any", "/v1/optouts/changes", "/v1/errors?next=60000", "/v1/alerts",
         "/v1/quarantine", "/v1/messages", "/v1/suppressed"]


def test_each_list_that_can_be_cut_is_described_with_its_link():
    assert {path.partition("?")[0] for path in LISTS} == {
        path for path, method, operation in operations() if "limit" in names_in_query(operation)}
    for path, _, operation in operations():
        described = "headers" in operation["responses"].get("200", {})
        assert described == ("limit" in names_in_query(operation)), path


@pytest.mark.parametrize("path", LISTS)
def test_csv_that_was_cut_goes_on_at_its_link(daemon, path):
    def page(url):
        response = daemon.api(url)
        assert response.status == 200, response
        return response.csv(), response.header("Link")
    (head, *whole), link = page(with_query(path, {"format": "csv", "limit": 1000}))
    assert link is None and len(whole) > 1
    found, url, pages = [], with_query(path, {"format": "csv", "limit": max(1, len(whole) // 3)}), 0
    while url is not None:
        (head_again, *rows), link = page(url)
        assert head_again == head and rows
        found += rows
        pages += 1
        url = urljoin(url, re.fullmatch('<([^<>"]*)>; rel="next"', link).group(1)) if link else None
    assert found == whole and pages > 1
    assert daemon.api(with_query(path, {"limit": 1})).header("Link") is None


def test_a_number_is_found_however_it_is_written(daemon):
    plain = daemon.get("/v1/optouts/" + phone(90))
    digits = phone(90)[1:]
    for text in (digits, f"00{digits}", f"+1 {digits[1:4]} {digits[4:7]} {digits[7:]}",
                 f"+1-{digits[1:4]}-{digits[4:7]}-{digits[7:]}",
                 f"+1 ({digits[1:4]}) {digits[4:7]}-{digits[7:]}", f"tel:+{digits}",
                 f"sms:+{digits}", f"rcs:+{digits}"):
        assert daemon.get("/v1/optouts/" + quote(text, safe="")) == plain, text
    for text, status in ((digits + "x", 400), ("0" + digits[1:], 400), ("no number at all", 400),
                         ("+15559999999", 404), ("12345", 404), ("ACME", 404)):
        response = daemon.api("/v1/optouts/" + quote(text, safe=""))
        assert response.status == status, text
        assert status == 404 or "+15560000000" in response.json()["error"]
    response = daemon.api("/v1/optouts/" + digits[1:])
    assert response.status == 400
    check(response.json(), {"$ref": "#/components/schemas/NumberError"})


def test_unattributed_replies_are_those_of_the_time(daemon):
    rows = daemon.get("/v1/replies?limit=1000")["replies"]
    none = [row["time"] for row in rows if row["rule"] == "none"]
    assert daemon.get("/v1/replies")["unattributed"] == len(none) > 1
    middle = none[len(none) // 2]
    before = sum(time < middle for time in none)
    assert daemon.get(f"/v1/replies?to={middle}")["unattributed"] == before
    assert daemon.get(f"/v1/replies?from={middle}")["unattributed"] == len(none) - before
    for name in ("workspace", "campaign", "variant"):
        assert daemon.get(f"/v1/replies?{name}=")["unattributed"] is None


def test_changes_are_followed_to_the_end(daemon):
    whole = daemon.get("/v1/optouts/changes?limit=1000")
    found, after = [], 0
    while True:
        page = daemon.get(f"/v1/optouts/changes?after={after}&limit=1", settle=False)
        if not page["changes"]:
            break
        found += page["changes"]
        after = page["next"]
    assert found == whole["changes"] and after == whole["next"]
    assert daemon.get(f"/v1/optouts/changes?after={after}") == {"changes": [], "next": after}


def test_a_numbers_answer_follows_from_the_list_and_the_changes(daemon):
    rows = daemon.get("/v1/optouts?state=any&limit=1000")["optouts"]
    assert {row["state"] for row in rows} == {"out", "in"}
    for number in {row["number"] for row in rows}:
        answer = daemon.get("/v1/optouts/" + quote(number, safe=""), settle=False)
        mine = [row for row in rows if row["number"] == number]
        assert answer["state"] == ("out" if any(row["state"] == "out" for row in mine) else "in")
        assert sorted((row["scope"], row["state"]) for row in answer["scopes"]) == sorted(
            (row["scope"], row["state"]) for row in mine)
        assert answer["history"]


def test_series_add_up_to_the_campaign(daemon):
    figures = [key for key in DESCRIPTION["components"]["schemas"]["Point"]["properties"]
               if key != "time"]
    campaign = daemon.get("/v1/campaigns/1_2?workspace=W")
    for query in ("", "&interval=day&tz=Europe/Berlin", "&tz=Asia/Kathmandu",
                  "&from=2020-01-01&interval=day"):
        points = daemon.get("/v1/campaigns/1_2/series?workspace=W" + query)["points"]
        for key in figures:
            assert sum(point[key] for point in points) == campaign[key], (query, key)


# --- what is not a question ---


def test_a_rebuild_runs_once_and_reports_its_result(make_daemon):
    daemon = make_daemon()
    put_data(daemon)
    get = DESCRIPTION["paths"]["/v1/rebuild"]["get"]
    post = DESCRIPTION["paths"]["/v1/rebuild"]["post"]
    response = daemon.api("/v1/rebuild")
    check_answer(get, response)
    assert response.json()["state"] == "none"
    response = daemon.api("/v1/rebuild", method="POST")
    assert response.status == 202
    check_answer(post, response)

    def done():
        response = daemon.api("/v1/rebuild")
        check_answer(get, response)
        return response.json()["state"] == "done" and response.json()
    found = harness.until(done, what="the rebuild")
    assert found["messages"] > 50 and found["mended"] == found["figures"] == 0
    daemon.audit()


@pytest.mark.parametrize("headers,body,status", [
    ([("Origin", "https://elsewhere.example")], b"", 403), ([("Origin", "null")], b"", 403),
    ([], b"x", 400), ([("Content-Type", "text/plain")], b"{}", 400)])
def test_a_page_cannot_ask_for_a_rebuild(daemon, headers, body, status):
    with Connection(("127.0.0.1", daemon.api_port)) as connection:
        response = connection.ask(request_bytes("POST", "/v1/rebuild", headers, body,
                                                host="127.0.0.1"))
    assert response.status == status
    check_answer(DESCRIPTION["paths"]["/v1/rebuild"]["post"], response)
    assert daemon.api("/v1/rebuild").json()["state"] == "none"


def test_a_chunked_body_asks_for_no_rebuild(daemon):
    with Connection(("127.0.0.1", daemon.api_port)) as connection:
        response = connection.ask(request_bytes(
            "POST", "/v1/rebuild", [("Transfer-Encoding", "chunked")], length=False,
            host="127.0.0.1") + b"0\r\n\r\n")
    assert response.status == 400


def test_methods_are_those_described(daemon):
    for path in DESCRIPTION["paths"]:
        real = next(names_of(daemon, path))
        for method in ("PUT", "DELETE", "PATCH", "POST", "GET"):
            if method.lower() in DESCRIPTION["paths"][path]:
                continue
            response = ask(daemon, real, method)
            assert response.status == 405
            allowed = set(response.header("Allow").split(", "))
            described = {name.upper() for name in DESCRIPTION["paths"][path]}
            assert allowed == described | ({"HEAD"} if "GET" in described else set())


def test_the_token_is_asked_for_where_it_says_so(make_daemon, tmp_path):
    token = "api-token-0123456789abcdef"
    (tmp_path / "token").write_text(token)
    guarded = make_daemon({"api": {"token_file": str(tmp_path / "token")}},
                          tokens=(harness.TOKEN, token))
    for path, method, operation in operations():
        response = ask(guarded, path.replace("{", "").replace("}", ""), method)
        assert (response.status == 401) == (operation.get("security") != []), path
        check_answer(operation, response)
    assert guarded.api("/v1/rebuild", [("Authorization", f"Bearer {token}")],
                       "POST").status == 202


# --- other programs that read the description ---

OPENAPI = harness.HERE / "openapi"


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    file = tmp_path_factory.mktemp("openapi") / "openapi.json"
    file.write_text(json.dumps(DESCRIPTION, indent=2))
    return file


def lint(document):
    harness.need_npm_package("@redocly/openapi-core")
    return subprocess.run(["node", OPENAPI / "lint.js", document], capture_output=True, text=True)


def test_a_linter_finds_nothing(document):
    got = lint(document)
    assert (got.returncode, got.stdout, got.stderr) == (0, "", "")


def test_the_linter_finds_what_is_wrong(tmp_path):
    wrong = json.loads(json.dumps(DESCRIPTION))
    del wrong["info"]["license"]
    wrong["paths"]["/healthz"]["get"]["colour"] = "red"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    got = lint(tmp_path / "wrong.json")
    assert got.returncode == 1
    assert "`license`" in got.stderr and "`colour`" in got.stderr


@pytest.fixture(scope="module")
def typescript(document):
    """A folder with the generated types and the programs that use them."""
    harness.need_npm_package("openapi-typescript")
    folder = document.parent
    subprocess.run([harness.NODE_MODULES / ".bin" / "openapi-typescript", document,
                    "-o", folder / "api.d.ts"], check=True, capture_output=True)
    for source in OPENAPI.glob("*.ts"):
        shutil.copy(source, folder)
    return folder


def lines_refused(folder, name):
    """The lines of a program that tsc refuses."""
    got = subprocess.run(
        [harness.NODE_MODULES / ".bin" / "tsc", "--strict", "--noEmit", "--pretty", "false",
         "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", name],
        cwd=folder, capture_output=True, text=True)
    lines = [line for line in got.stdout.splitlines() if not line.startswith(" ")]
    found = [re.match(re.escape(name) + r"\((\d+),", line) for line in lines]
    assert all(found) and (got.returncode == 0) == (not found), got.stdout
    return [int(match[1]) for match in found]


def test_a_program_with_the_generated_types_compiles(typescript):
    assert lines_refused(typescript, "right.ts") == []


def test_a_program_that_misuses_the_types_does_not_compile(typescript):
    lines = (typescript / "wrong.ts").read_text().splitlines()
    wrong = [number for number, line in enumerate(lines, 1) if "// wrong: " in line]
    assert wrong and lines_refused(typescript, "wrong.ts") == wrong
