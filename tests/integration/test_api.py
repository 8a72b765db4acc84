"""The api: paging, parameters, errors, the bearer token, metrics, CSV, and hostile texts in it."""

import json
import re
from urllib.parse import quote

import pytest

import harness
from harness import (ACCOUNT, SAMPLE_TARGET, Connection, new_sid, phone, reply_params, request_bytes,
                     signed_json, signed_post, status_params, target_for)

API_TOKEN = "api-token-0123456789abcdef"


@pytest.fixture(scope="module")
def daemon():
    """A store with 25 campaigns, the newest last, and 60 events in each way of asking."""
    daemon = harness.Daemon().start()
    requests = []
    for i in range(25):
        target = target_for(f"{i:03d}_20240101", f"W{i % 2}")
        requests.append(signed_post(target, status_params(new_sid(), "delivered", number=i)))
        requests.append(signed_post(target, status_params(new_sid(), "undelivered", 30003,
                                                          number=i)))
    daemon.keep_all(requests)
    daemon.keep_all((signed_post(target_for("000_20240101", "W0"),
                                 reply_params(new_sid(), "hi", i)) for i in range(10)), 200)
    daemon.settle()
    yield daemon
    daemon.finish()


def error_of(response, status):
    """The one key of an error's JSON."""
    assert response.status == status, response
    assert response.header("Content-Type") == "application/json"
    found = response.json()
    assert list(found) == ["error"] and found["error"]
    return found["error"]


# --- paging ---


@pytest.mark.parametrize("limit", [1, 7, 25, 1000])
def test_campaigns_page_to_the_end_each_once(daemon, limit):
    found, query = [], f"?limit={limit}"
    for _ in range(30):
        page = daemon.get(f"/v1/campaigns{query}", settle=False)
        assert len(page["campaigns"]) <= limit
        found += [row["campaign"] for row in page["campaigns"]]
        if page["next"] is None:
            break
        assert isinstance(page["next"], str)
        query = f"?limit={limit}&next={quote(page['next'])}"
    else:
        raise AssertionError("there is no end to it")
    assert sorted(found) == [f"{i:03d}_20240101" for i in range(25)]


@pytest.mark.parametrize("limit", [1, 7, 60, 1000])
def test_events_page_to_the_end_and_equal_the_store(daemon, limit):
    found, after = [], 0
    while True:
        page = daemon.get(f"/v1/events?after={after}&limit={limit}", settle=False)
        if not page["events"]:
            assert page["next"] == after
            break
        found += page["events"]
        after = page["next"]
        assert after == found[-1]["seq"]
    rows = daemon.sql('SELECT seq, type, message, status FROM events ORDER BY seq')
    assert [(event["seq"], event["type"].encode(), event["message"].encode(),
             event["status"].encode()) for event in found] == rows


def test_events_may_be_followed(daemon):
    end = daemon.events()[-1]["seq"]
    assert daemon.get(f"/v1/events?after={end}") == {"events": [], "next": end}
    sid = new_sid()
    daemon.keep(target_for("follow_1", "F"), status_params(sid, "sent"))
    page = daemon.get(f"/v1/events?after={end}")
    assert [event["message"] for event in page["events"]] == [sid]


@pytest.mark.parametrize("query,check", [
    ("type=Failed", lambda event: event["type"] == "Failed"),
    ("type=Replied", lambda event: event["type"] == "Replied"),
    ("campaign=003_20240101", lambda event: event["campaign"] == "003_20240101"),
    ("workspace=W1", lambda event: event["workspace"] == "W1"),
    ("campaign=000_20240101&type=Replied&workspace=W0",
     lambda event: event["campaign"] == "000_20240101" and event["type"] == "Replied"),
], ids=["type", "replied", "campaign", "workspace", "all"])
def test_events_are_filtered(daemon, query, check):
    want = [event for event in daemon.events() if check(event)]
    assert want and daemon.events(f"&{query}") == want


def test_a_filter_that_fits_nothing_gives_an_empty_list(daemon):
    for query in ("variant=none", "type=Clicked", "campaign=000_20240101&workspace=W1"):
        assert daemon.get(f"/v1/events?{query}")["events"] == []
    assert daemon.get("/v1/campaigns?variant=none") == {"campaigns": [], "next": None}


def test_campaigns_are_filtered_by_time(daemon):
    first = daemon.events()[0]["time"]
    day = first[:10]
    assert len(daemon.get(f"/v1/campaigns?from={day}&limit=1000")["campaigns"]) >= 25
    assert daemon.get("/v1/campaigns?to=2001-01-01")["campaigns"] == []
    assert daemon.get("/v1/campaigns?from=2100-01-01")["campaigns"] == []
    assert len(daemon.get("/v1/campaigns?from=2001-01-01T00:00:00Z&to=2100-01-01&limit=1000"
                          )["campaigns"]) >= 25
    response = daemon.api("/v1/campaigns/000_20240101?from=2100-01-01")
    assert response.status == 404


def test_the_catalogue_pages_to_the_end_and_equals_the_file(daemon):
    import csv
    found, query = [], ""
    while True:
        page = daemon.get(f"/v1/errors?limit=100{query}", settle=False)
        found += page["errors"]
        if page["next"] is None:
            break
        query = f"&next={quote(page['next'])}"
    with open(harness.ERROR_CODES, newline="", encoding="utf-8") as catalogue:
        rows = {int(row["code"]): row for row in csv.DictReader(catalogue)}
    assert [row["code"] for row in found] == sorted(rows)
    assert all({key: row[key] for key in ("name", "kind", "permanence", "action")}
               == {key: rows[row["code"]][key] for key in ("name", "kind", "permanence", "action")}
               for row in found)


# --- parameters ---


@pytest.mark.parametrize("path", [
    "/v1/campaigns?limit=0", "/v1/campaigns?limit=-1", "/v1/campaigns?limit=1000000",
    "/v1/campaigns?limit=x", "/v1/campaigns?limit=", "/v1/campaigns?limit=1.5",
    "/v1/campaigns?limit=99999999999999999999", "/v1/campaigns?next=x", "/v1/campaigns?next=-1",
    "/v1/campaigns?from=yesterday", "/v1/campaigns?to=2023-13-01", "/v1/campaigns?from=",
    "/v1/campaigns?from=2023-02-30", "/v1/campaigns?format=xml", "/v1/campaigns?format=",
    "/v1/events?after=x", "/v1/events?after=-1", "/v1/events?after=99999999999999999999",
    "/v1/events?type=deliver", "/v1/events?type=", "/v1/events?limit=0", "/v1/errors?next=x",
    "/v1/campaigns?" + "&".join(f"a{i}=1" for i in range(100))],
    ids=lambda path: path[4:34])
def test_a_bad_parameter_is_400_and_says_what_would_be_right(daemon, path):
    assert error_of(daemon.api(path), 400)


@pytest.mark.parametrize("path", [
    "/nothing", "/v1", "/v1/", "/v1/campaign", "/v1/campaigns/", "/v1/campaigns/none",
    "/v1/campaigns/none/errors", "/v1/campaigns/000_20240101/nothing", "/v1/events/0",
    "/v1/events/999999", "/v1/events/x", "/v1/events/-1", "/v1/events/1/2", "/v1/messages/none",
    "/v1/messages/", "/v1/messages/%00", "/healthz/", "//healthz", "/../etc/passwd",
    "/v1/campaigns/" + "x" * 3000, "/sms/twilio", "/%76%31/campaigns"],
    ids=lambda path: path[:30])
def test_what_is_not_there_is_404(daemon, path):
    assert error_of(daemon.api(path), 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/events", "/readyz", "/metrics"])
def test_only_get_and_head_are_answered(daemon, method, path):
    response = daemon.api(path, method=method)
    assert error_of(response, 405)
    assert "GET" in response.header("Allow") and "HEAD" in response.header("Allow")


@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/events", "/healthz", "/readyz", "/metrics",
                                  "/nothing"])
def test_head_is_get_without_the_body(daemon, path):
    head, get = daemon.api(path, method="HEAD"), daemon.api(path)
    assert head.status == get.status and head.body == b""
    assert head.header("Content-Type") == get.header("Content-Type")
    if path != "/metrics":
        assert head.header("Content-Length") == get.header("Content-Length")


def test_escapes_in_a_path_mean_what_they_say(daemon):
    name = "a b/c?d&e+f%g"
    target = "/sms/twilio?account=X&meta=" + quote(f"0.1.{name}.1.0.v.1", safe="")
    daemon.keep(target, status_params(new_sid(), "delivered"))
    found = daemon.get(f"/v1/campaigns/{quote(name + '_1', safe='')}")
    assert found["campaign"] == name + "_1"
    assert daemon.get(f"/v1/events?campaign={quote(name + '_1', safe='')}")["events"]


def test_an_answer_says_whether_its_connection_stays(daemon):
    for path, status in (("/v1/campaigns", 200), ("/nothing", 404), ("/v1/events?limit=x", 400),
                         ("/readyz", 200)):
        with Connection(("127.0.0.1", daemon.api_port)) as connection:
            request = request_bytes("GET", path, host="localhost")
            response = connection.ask(request, "GET")
            assert response.status == status
            if response.header("Connection") == "close":
                assert connection.at_end()
            else:
                assert connection.ask(request, "GET").status == status


def test_many_ask_at_once(daemon):
    import threading
    wrong = []

    def ask():
        for i in range(30):
            path = ("/v1/campaigns", "/nothing", "/v1/events?limit=x", "/metrics")[i % 4]
            if daemon.api(path).status != (200, 404, 400, 200)[i % 4]:
                wrong.append(path)
    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_request_with_a_body_is_answered_all_the_same(daemon):
    with Connection(("127.0.0.1", daemon.api_port)) as connection:
        response = connection.ask(request_bytes("POST", "/v1/campaigns", [], b"x" * 100_000,
                                                host="localhost"))
        assert response.status == 405


# --- who may ask ---


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    token_file = tmp_path_factory.mktemp("api") / "token"
    token_file.write_text(API_TOKEN + "\n")
    daemon = harness.Daemon({"api": {"token_file": str(token_file)}},
                            tokens=(harness.TOKEN, API_TOKEN)).start()
    yield daemon
    daemon.finish()


STORED_PATHS = ["/v1/campaigns", "/v1/campaigns/x", "/v1/campaigns/x/errors", "/v1/events",
                "/v1/events/1", "/v1/messages/x", "/v1/errors", "/metrics", "/nothing"]


@pytest.mark.parametrize("path", STORED_PATHS)
def test_without_the_token_nothing_is_answered(guarded, path):
    answers = set()
    for headers in ([], [("Authorization", "Bearer wrong")], [("Authorization", "Bearer ")],
                    [("Authorization", "Bearer")], [("Authorization", "")],
                    [("Authorization", f"Basic {API_TOKEN}")], [("Authorization", API_TOKEN)],
                    [("Authorization", f"Bearer {API_TOKEN}x")],
                    [("Authorization", f"Bearer {API_TOKEN[:-1]}")],
                    [("Authorization", "Bearer " + "x" * 3000)],
                    [("X-Authorization", f"Bearer {API_TOKEN}")]):
        response = guarded.api(path, headers)
        assert error_of(response, 401)
        assert response.header("WWW-Authenticate") == "Bearer"
        answers.add((response.body, tuple(pair for pair in response.headers if pair[0] != "Date")))
    assert len(answers) == 1, "the answers differ"
    assert guarded.api(path + f"?token={API_TOKEN}").status == 401


def test_with_the_token_everything_is_answered(guarded):
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = [("Authorization", f"{scheme} {API_TOKEN}")]
        assert guarded.api("/v1/campaigns", headers).status == 200
        assert guarded.api("/metrics", headers).status == 200


def test_health_and_readiness_are_open(guarded):
    assert guarded.api("/healthz").json() == {"status": "alive"}
    assert guarded.api("/readyz").json()["ready"] is True
    for path in ("/healthz/", "/readyz/x", "/healthz%2f..%2fv1%2fcampaigns", "//healthz"):
        assert guarded.api(path).status == 401


def test_the_token_of_the_api_opens_no_callback(guarded):
    data = request_bytes("POST", SAMPLE_TARGET, [("Authorization", f"Bearer {API_TOKEN}")], b"")
    assert guarded.ask(data).status == 403


# --- metrics ---

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.e+-]+|NaN|[+-]Inf)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')


def parse_metrics(text):
    """{(name, labels): value}, read as strictly as the format is described."""
    helped, types, samples = {}, {}, {}
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line[7:].partition(" ")
            assert name not in helped and words
            helped[name] = words
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name not in types and kind in ("counter", "gauge", "histogram")
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            pairs = LABEL.findall(labels or "")
            assert ",".join(f'{key}="{text}"' for key, text in pairs) == (labels or ""), line
            family = name
            for ending in ("_bucket", "_sum", "_count"):
                if name.endswith(ending) and types.get(name[:-len(ending)]) == "histogram":
                    family = name[:-len(ending)]
            assert family in helped and family in types, f"{line}: neither HELP nor TYPE before it"
            assert (name, labels) not in samples, f"{line}: twice"
            samples[name, labels] = float(value)
    assert set(helped) == set(types)
    return types, samples


def test_metrics_are_prometheus_text(daemon):
    response = daemon.api("/metrics")
    assert response.header("Content-Type").startswith("text/plain; version=0.0.4")
    types, samples = parse_metrics(response.body.decode())
    assert samples["dlrd_ready", None] == 1
    assert types["dlrd_callbacks_total"] == "counter"
    assert all(name.endswith("_total") for name, kind in types.items() if kind == "counter")


def test_histograms_are_cumulative_and_end_with_their_count(daemon):
    types, samples = parse_metrics(daemon.api("/metrics").body.decode())
    for family, kind in types.items():
        if kind != "histogram":
            continue
        buckets = [(labels, value) for (name, labels), value in samples.items()
                   if name == family + "_bucket"]
        values = [value for _, value in buckets]
        assert values and values == sorted(values)
        assert buckets[-1][0].endswith('le="+Inf"')
        assert values[-1] == samples[family + "_count", None] > 0


def test_counters_count_what_happened(make_daemon):
    daemon = make_daemon()
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"))
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "delivered"), 403, token="x" * 32)
    daemon.ask(request_bytes("GET", "/nothing"), "GET")
    daemon.ask(request_bytes("PUT", SAMPLE_TARGET))
    daemon.settle()
    for labels, want in (('{route="/sms/twilio",outcome="kept"}', 1),
                         ('{route="/sms/twilio",outcome="unverified"}', 1),
                         ('{route="/sms/twilio",outcome="method"}', 1),
                         ('{route="",outcome="no_route"}', 1)):
        assert daemon.metric("dlrd_callbacks_total", labels) == want
    assert daemon.metric("dlrd_journal_entries_total") == 1
    assert daemon.metric("dlrd_events_total", '{type="Delivered"}') == 1
    assert daemon.metric("dlrd_signature_failures_total", '{cause="mismatch"}') == 1


def test_a_route_with_odd_characters_is_escaped_in_metrics(make_daemon):
    daemon = make_daemon({'callback /a"b\\c': {"kind": "status"}})
    daemon.keep('/a"b\\c', status_params(new_sid(), "delivered"))
    _, samples = parse_metrics(daemon.api("/metrics").body.decode())
    assert samples["dlrd_callbacks_total", 'route="/a\\"b\\\\c",outcome="kept"'] == 1


# --- answers' form ---


def test_answers_are_not_stored_or_sniffed_or_framed(daemon):
    for path in ("/v1/campaigns", "/v1/events?format=csv", "/nothing", "/metrics"):
        response = daemon.api(path)
        assert response.header("Cache-Control") == "no-store"
        assert response.header("X-Content-Type-Options") == "nosniff"
        assert "frame-ancestors 'none'" in response.header("Content-Security-Policy")
        assert response.all("Set-Cookie") == []


def test_times_are_rfc_3339_utc(daemon):
    for event in daemon.events()[:10]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", event["time"])


def test_csv_lists_hold_what_json_holds(daemon):
    for path, key in (("/v1/campaigns?limit=1000", "campaigns"),
                      ("/v1/events?limit=1000", "events"),
                      ("/v1/campaigns/000_20240101/errors?workspace=W0", "errors")):
        want = daemon.get(path)[key]
        rows = daemon.api(path + "&format=csv").csv()
        assert rows[0] == list(harness.flat(want[0]))
        assert len(rows) - 1 == len(want)
        for row, item in zip(rows[1:], want):
            for text, value in zip(row, harness.flat(item).values()):
                assert text == ("" if value in (None, []) else " ".join(map(str, value)) if isinstance(value, list)
                                else f"{value:.4f}" if isinstance(value, float) else str(value))


# --- hostile texts ---

HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "a\"b\\c/d", "'; DROP "
           "TABLE event; --", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "a,b;c",
           "line\r\nbreak", "nul\x00byte", "esc\x1b[31mred", "del\x7f", "\u2028\u2029", "\u202ertl",
           "%s%n%x", "{{7*7}}", "${jndi}", "\U0001f600", "é" * 100]


@pytest.fixture(scope="module")
def hostile():
    """Each text as a reply's words, and in the other fields of a request."""
    daemon = harness.Daemon().start()
    for text in HOSTILE:
        params = reply_params(new_sid(), text, From=text, MessagingServiceSid=text, Extra=text)
        daemon.keep(SAMPLE_TARGET, params, 200)
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent", To=text, RawDlrDoneDate=text))
    daemon.settle()
    yield daemon
    daemon.finish()


def test_hostile_texts_come_back_from_json_as_they_were(hostile):
    replies = [event for event in hostile.events() if event["type"] == "Replied"]
    assert [event["body"] for event in replies] == HOSTILE
    assert [event["from"] for event in replies] == HOSTILE
    assert [event["service"] for event in replies] == HOSTILE
    for event, text in zip(replies, HOSTILE):
        receipt = hostile.get(f"/v1/events/{event['seq']}", settle=False)
        assert receipt["parameters"]["Extra"] == text


def test_json_holds_no_raw_control_byte(hostile):
    raw = hostile.api("/v1/events?limit=1000").body
    assert not re.search(rb"[\x00-\x1f]", raw.rstrip(b"\n"))
    json.loads(raw)


def test_csv_cells_start_no_formula(hostile):
    rows = hostile.api("/v1/events?limit=1000&format=csv").csv()
    width = len(rows[0])
    assert all(len(row) == width for row in rows)
    for row in rows[1:]:
        for cell in row:
            assert not re.match(r"[=@\t\r]", cell), cell
            if re.match(r"[+-]", cell):
                assert re.fullmatch(r"\+\d+", cell), cell
    bodies = [row[rows[0].index("body")] for row in rows[1:] if row[2] == "Replied"]
    controls = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    assert [body.lstrip("'") for body in bodies] == [
        re.sub(controls, "\ufffd", text).lstrip("'") for text in HOSTILE]
    text = hostile.api("/v1/events?limit=1000&format=csv").body.decode("utf-8")
    assert not re.search(controls, text)


def test_a_terminal_gets_no_control_byte_of_theirs(hostile):
    for words in (["events"], ["stats"], ["errors"], ["message", hostile.events()[-1]["message"]]):
        shown = hostile.cli(*words, text=False).stdout
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", shown), shown
        shown = hostile.cli(*words, text=False, env=harness.environment(LC_ALL="C.UTF-8")).stdout
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", shown), shown


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a\"b", "a\\b", "=1+1", "a'b--",
                                  "\u202ex", "x;y"], ids=range(7))
def test_a_campaign_with_a_hostile_name_is_counted_under_it(daemon, name):
    target = "/sms/twilio?account=H&meta=" + quote(f"0.1.{name}.1.0.v.1", safe="")
    daemon.keep(target, status_params(new_sid(), "delivered"))
    found = daemon.get(f"/v1/campaigns/{quote(name + '_1', safe='')}")
    assert (found["campaign"], found["delivered"]) == (name + "_1", 1)
    assert name + "_1" in [row["campaign"] for row in
                           json.loads(daemon.cli("stats", "--json").stdout)["campaigns"]]


@pytest.mark.parametrize("field", ["Body", "To", "From", "MessageStatus", "Extra",
                                   "MessagingServiceSid", "RawDlrDoneDate"])
def test_bytes_that_are_no_utf_8_are_kept_and_shown_as_valid_json(make_daemon, field):
    daemon = make_daemon()
    raw = {name: value.encode() for name, value in status_params(new_sid(), "sent").items()}
    raw[field] = b"ab\xff\xfe\xc3("
    text = b"".join(name.encode() + value for name, value in sorted(raw.items()))
    body = b"&".join(name.encode() + b"=" + b"".join(b"%%%02X" % byte for byte in value)
                     for name, value in raw.items())
    import base64
    import hashlib
    import hmac
    # The SDK's signer accepts only text; these bytes are not text.
    signature = base64.b64encode(hmac.new(
        harness.TOKEN.encode(), (harness.PUBLIC_URL + SAMPLE_TARGET).encode() + text,
        hashlib.sha1).digest()).decode()
    data = request_bytes("POST", SAMPLE_TARGET, [
        ("Content-Type", harness.FORM), ("X-Twilio-Signature", signature)], body)
    assert daemon.ask(data).status == 204
    (event,) = daemon.events()
    shown = json.dumps(daemon.get(f"/v1/events/{event['seq']}"))
    assert "ab" in shown
    assert daemon.sql("SELECT body FROM entry", name="journal.db")[0][0] == body
    assert daemon.api("/v1/events?format=csv").status == 200
    daemon.cli("events", "--json")
    daemon.audit()


def test_hostile_questions_are_answered_and_do_no_harm(daemon):
    for text in HOSTILE + ["\x00", "%", "%zz", "../../etc/passwd", "x" * 1500]:
        escaped = quote(text, safe="")
        for path in (f"/v1/campaigns/{escaped}", f"/v1/messages/{escaped}",
                     f"/v1/events?campaign={escaped}", f"/v1/campaigns?workspace={escaped}",
                     f"/v1/events?type={escaped}", f"/v1/campaigns?next={escaped}"):
            response = daemon.api(path)
            assert response.status in (200, 400, 404), response
            assert not re.search(rb"[\x00-\x1f]", response.body.rstrip(b"\n"))
            response.json()
    assert daemon.sql("SELECT count(*) FROM event")[0][0] > 0


def test_the_api_never_slows_the_intake(daemon):
    """Its readers hold no lock that a commit waits for."""
    reader = daemon.database()
    cursor = reader.execute("SELECT * FROM events")
    cursor.fetchone()
    daemon.keep_all(signed_post(target_for("slow_1", "S"), status_params(new_sid(), "sent"))
                    for _ in range(50))
    reader.close()
    assert daemon.campaign("slow_1")["sent"] == 50


def test_command_line_and_api_name_the_same_campaign(daemon):
    want = daemon.get(f"/v1/campaigns/{quote('001_20240101')}")
    out = daemon.cli("stats", "--campaign", "001_20240101", "--json").stdout
    assert json.loads(out)["campaigns"] == [want]


@pytest.mark.parametrize("words", [
    ["stats", "--from", "tomorrow"], ["events", "--type", "deliver"], ["message"],
    ["message", "a", "b"], ["stats", "--json", "--csv"], ["events", "--after", "x"],
    ["events", "--nonsense"], ["nonsense"], []], ids=range(9))
def test_a_wrong_command_line_is_2_and_says_why(daemon, words):
    result = harness.dlrd(*words, *(["-c", daemon.config] if len(words) and words[0] != "nonsense"
                                    else []))
    assert result.returncode == 2 and result.stderr and not result.stdout


@pytest.mark.parametrize("command", ["serve", "check-config", "sign", "verify", "explain", "stats",
                                     "errors", "events", "message", "audit"])
def test_each_command_has_help(command):
    for word in ("--help", "-h"):
        result = harness.dlrd(command, word)
        assert result.returncode == 0 and result.stdout.startswith(f"Usage: dlrd {command}")
    assert command in harness.dlrd("--help").stdout


def test_a_question_about_a_store_that_is_not_there_says_so(tmp_path):
    result = harness.dlrd("stats", "--store", tmp_path)
    assert result.returncode == 1 and str(tmp_path) in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_lists_that_have_no_next_are_whole():
    """They are read in pages of some hundred rows, too."""
    count, sid = 600, new_sid()
    daemon = harness.Daemon().start()
    try:
        daemon.keep(target_for(), status_params(sid, "sent", number=1))
        for i in range(count):
            click = {"account_sid": ACCOUNT, "event_type": "click", "sms_sid": sid,
                     "link": f"https://example.com/{i}", "click_time": "2026-11-20T10:00:00Z"}
            assert daemon.ask(signed_json("/sms/twilio", click)).status == 204
            daemon.keep("/sms/twilio", reply_params(new_sid(), ("STOP", "START")[i % 2], 1), 200)
        daemon.settle()
        for path, key, rows in ((f"/v1/messages/{sid}", "receipts", count + 1),
                                (f"/v1/optouts/{quote(phone(1))}", "history", count)):
            seqs = [row["seq"] for row in daemon.get(path)[key]]
            assert len(seqs) == rows and sorted(set(seqs)) == seqs
            table = daemon.api(path + "?format=csv").csv()
            column = table[0].index("seq")
            assert [int(row[column]) for row in table[1:]] == seqs
    finally:
        daemon.finish()


def test_the_latest_events_of_all_are_found_at_once(make_daemon):
    daemon = make_daemon()
    daemon.keep_all([harness.signed_post(target_for(f"{n % 3}_1"), status_params(new_sid(), "sent", number=n)) for n in range(250)])
    daemon.settle()
    seqs = [event["seq"] for event in daemon.get("/v1/events?limit=1000")["events"]]
    assert [event["seq"] for event in daemon.get("/v1/events?latest=200&limit=1000")["events"]] == seqs[-200:]
    assert [event["seq"] for event in daemon.get("/v1/events?latest=2000&limit=1000")["events"]] == seqs
    assert [event["seq"] for event in daemon.get("/v1/events?latest=200&campaign=1_1&limit=5")["events"]] == [
        event["seq"] for event in daemon.get("/v1/events?campaign=1_1&limit=1000")["events"] if event["seq"] > 50][:5]
    text = daemon.api("/v1/events?latest=200&limit=1000&format=csv").body.decode()
    assert text.count("\r\n") == 201
    assert daemon.api("/v1/events?latest=7").status == 400
