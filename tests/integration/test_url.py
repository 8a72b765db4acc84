"""dlrd url: the printed URLs work with Twilio, and problems of other URLs are reported."""

import csv
import io
import json

import pytest
from twilio.request_validator import RequestValidator

import harness
from harness import (ACCOUNT, CAMPAIGN, FORM, META, PUBLIC_URL, SAMPLE_TARGET, TOKEN, dlrd,
                     new_sid, reply_params, request_bytes, status_params, write_config)

ADVISED = "#rc=3&rp=ct,rt,5xx"
SAMPLE = PUBLIC_URL + SAMPLE_TARGET + ADVISED
COLUMNS = ["public_url", "route", "kind", "purpose", "url", "missing", "workspace", "campaign",
           "variant", "problems", "warnings"]


@pytest.fixture
def config(tmp_path):
    """Writes a configuration, which no daemon needs to use."""
    def write(server=None, callbacks=None):
        sections = [("server", {"public_url": PUBLIC_URL, **(server or {})}),
                    (f"account {ACCOUNT}", {"auth_token": TOKEN})]
        sections += [(f"callback {path}", keys) for path, keys in (callbacks or {}).items()]
        path = tmp_path / "dlrd.ini"
        write_config(sections, path)
        return path
    return write


def ask(config, *words, status=0):
    result = dlrd("url", "-c", config, "--json", *words)
    assert result.returncode == status, (result.returncode, result.stdout, result.stderr)
    return json.loads(result.stdout)


def urls(config, *words, status=0):
    return ask(config, *words, status=status)["urls"]


def check(config, url, *words):
    """The names of the findings, and the whole answer."""
    result = dlrd("url", "-c", config, "--json", "--check", url, *words)
    answer = json.loads(result.stdout)
    problems = [row for row in answer["findings"] if row["severity"] == "problem"]
    assert result.returncode == (1 if problems else 0), result.stderr
    assert answer["valid"] == (not problems)
    return {row["name"]: row["text"] for row in answer["findings"]}, answer


# --- the URLs of the routes ---


def test_each_route_is_given_with_what_its_templates_read(config):
    rows = urls(config())
    assert [(row["route"], row["purpose"]) for row in rows] == [
        ("/sms/twilio", "status"), ("/sms/twilio", "inbound"), ("/sms/dlr/twilio", "status"),
        ("/v1/campaigns/outbound/sms/callbacks/mo/twilio", "inbound")]
    assert list(rows[0]) == COLUMNS
    assert rows[0]["url"] == (
        f"{PUBLIC_URL}/sms/twilio?campaign={{campaign}}{ADVISED}")
    assert rows[0]["missing"] == ["campaign"]
    assert rows[0]["campaign"] is None
    assert rows[1]["url"] == f"{PUBLIC_URL}/sms/twilio{ADVISED}"
    assert all(row["problems"] == row["warnings"] == [] for row in rows)


def test_each_public_url_is_given_with_its_path(config):
    rows = urls(config({"public_url": "https://a.example/hooks/, https://b.example:8443"}),
                "--route", "/sms/dlr/twilio", "--no-overrides")
    assert [row["url"].partition("?")[0] for row in rows] == [
        "https://a.example/hooks/sms/dlr/twilio", "https://b.example:8443/sms/dlr/twilio"]
    assert all(row["warnings"] == ["not-retried"] for row in rows)


def test_the_query_has_what_the_templates_need_and_nothing_else(config):
    row = urls(config(), "--campaign", "spring", "--workspace", "acme", "--route", "/sms/twilio")[0]
    assert row["url"] == f"{PUBLIC_URL}/sms/twilio?campaign=spring&workspace=acme{ADVISED}"
    assert row["missing"] == []
    assert [row[key] for key in ("workspace", "campaign", "variant")] == ["acme", "spring", None]
    row = urls(config(), "--variant", "b", "--route", "/sms/twilio")[0]
    assert row["url"] == f"{PUBLIC_URL}/sms/twilio?campaign={{campaign}}&variant=b{ADVISED}"
    assert row["missing"] == ["campaign"]


def test_the_first_alternative_that_gives_a_tag_is_taken(config):
    path = config(callbacks={"/x": {"campaign": "{a}_{b} | v{c.1} | {d}", "workspace": "{w}",
                                    "variant": "{v} | none"}})

    def made(*words, status=0):
        row = urls(path, "w=W", *words, status=status)[0]
        return row["url"].partition("?")[2].partition("#")[0], row["campaign"], row["missing"]

    assert made("--campaign", "1_2") == ("a=1&b=2&w=W", "1_2", [])
    assert made("--campaign", "v7") == ("c=7&w=W", "v7", [])
    assert made("--campaign", "other") == ("d=other&w=W", "other", [])
    assert made() == ("a={a}&b={b}&w=W", None, ["a", "b"])
    # What is known decides which one is completed.
    assert made("b=2") == ("a={a}&b=2&w=W", None, ["a"])
    assert made("c=7") == ("c=7&w=W", "v7", [])
    assert made("c=7", "--campaign", "v7") == ("c=7&w=W", "v7", [])
    # An earlier alternative that is known would count instead of the one that gives the tag.
    made("c=7", "--campaign", "other", status=1)
    assert made("c=7", "--campaign", "1_2") == ("a=1&b=2&c=7&w=W", "1_2", [])
    assert urls(path, "w=W", "c=7")[0]["variant"] == "none"


OLDER = {"/sms/twilio": {"workspace": "{account}", "campaign": "{meta.3}_{meta.4}",
                         "variant": "{meta.6}"}}


def test_templates_without_alternatives_need_all_their_parameters(config):
    row = urls(config(callbacks=OLDER))[0]
    assert row["url"] == (
        f"{PUBLIC_URL}/sms/twilio?account={{account}}&meta=0.0.{{meta.3}}.{{meta.4}}.0.{{meta.6}}"
        + ADVISED)
    assert row["missing"] == ["account", "meta.3", "meta.4", "meta.6"]


def test_tags_and_parameters_make_the_same_url(config):
    by_tags = urls(config(callbacks=OLDER), "--route", "/sms/twilio", "--workspace", "YOUR_ACCOUNT_ID",
                   "--campaign", CAMPAIGN, "--variant", "wzrk_default")[0]
    by_values = urls(config(), "--route", "/sms/twilio", "account=YOUR_ACCOUNT_ID",
                     "meta.6=wzrk_default", "meta.4=20230810", "meta.3=1691686363")[0]
    assert by_tags == by_values
    assert by_tags["missing"] == []
    assert [by_tags[key] for key in ("workspace", "campaign", "variant")] == [
        "YOUR_ACCOUNT_ID", CAMPAIGN, "wzrk_default"]
    whole = urls(config(), "--route", "/sms/twilio", "account=YOUR_ACCOUNT_ID", f"meta={META}")[0]
    assert whole["url"] == SAMPLE
    assert whole["campaign"] == CAMPAIGN


def test_a_whole_parameter_gives_the_fields_that_it_has(config):
    rows = urls(config(callbacks={"/x": {"workspace": "{b}", "campaign": "{a.2}",
                                         "variant": "{a.3}"}}), "a=1.2")
    assert rows[0]["missing"] == ["b"]
    assert [rows[0][key] for key in ("workspace", "campaign", "variant")] == [None, "2", None]


def test_values_are_escaped_and_sorted(config):
    row = urls(config(callbacks={"/x": {"campaign": "{z}", "workspace": "", "variant": "{a.2}"}}),
               "z=a b&c", "a.2=v", "more=1")[0]
    assert row["url"] == f"{PUBLIC_URL}/x?a=0.v&more=1&z=a%20b%26c{ADVISED}"
    assert row["campaign"] == "a b&c"
    assert row["warnings"] == ["query-character"]


def test_a_campaign_that_no_parameters_give_is_a_problem(config):
    for name in ("summer", "a_b_c", "a.b_c"):
        row = urls(config(callbacks=OLDER), "--campaign", name, "--route", "/sms/twilio", status=1)[0]
        assert row["problems"] == ["tag-conflict"]
    for routes, value in ((OLDER, "meta.3=1"), (None, "campaign=other")):
        row = urls(config(callbacks=routes), "--campaign", CAMPAIGN, value, "--route", "/sms/twilio", status=1)[0]
        assert row["problems"] == ["tag-conflict"]


def test_inbound_urls_are_tagged_on_demand_only(config):
    words = ("--route", "/sms/twilio", "--workspace", "W", "--campaign", CAMPAIGN, "--variant", "v")
    assert "?" not in urls(config(), *words)[1]["url"]
    tagged = urls(config(), *words, "--tag-inbound")[1]
    assert (tagged["purpose"], tagged["campaign"]) == ("inbound", CAMPAIGN)


def test_only_messaging_webhooks_get_overrides(config):
    rows = urls(config(callbacks={f"/{kind}": {"kind": kind} for kind in (
        "status", "inbound", "click", "events", "debugger")}), "--overrides", "#rc=2&rp=5xx")
    assert {row["purpose"]: row["url"].partition("#")[2] for row in rows} == {
        "status": "rc=2&rp=5xx", "inbound": "rc=2&rp=5xx", "click": "", "events": "",
        "debugger": ""}
    rows = urls(config(), "--overrides", "rc=9", status=1)
    assert all("override-invalid" in row["problems"] for row in rows)


def test_without_a_public_url_it_is_said_what_to_set(config):
    path = config({"public_url": ""})
    result = dlrd("url", "-c", path)
    assert result.returncode == 1
    assert "public_url" in result.stderr and "--base" in result.stderr
    rows = urls(path, "--base", "https://new.example/", "--route", "/sms/dlr/twilio")
    assert rows[0]["url"].startswith("https://new.example/sms/dlr/twilio?")
    assert dlrd("url", "-c", path, "--base", "new.example").returncode == 2


def test_csv_has_what_json_has(config):
    path = config()
    lines = list(csv.reader(io.StringIO(
        dlrd("url", "-c", path, "--csv", "account=A").stdout, newline="")))
    assert lines[0] == COLUMNS
    rows = urls(path, "account=A")
    assert len(lines) == len(rows) + 1
    for line, row in zip(lines[1:], rows):
        assert line == [" ".join(value) if isinstance(value, list) else value or ""
                        for value in row.values()]


def test_a_terminal_gets_blocks_and_words(config):
    result = dlrd("url", "-c", config(), "--workspace", "W")
    assert result.returncode == 0
    assert "to fill in campaign\n" in result.stdout
    assert "means      workspace W, campaign {campaign}, variant (none)" in result.stdout
    assert "up to 3 more times" in result.stdout
    assert "an answer 5xx" in result.stdout
    result = dlrd("url", "-c", config(), "--check", f"{PUBLIC_URL}/sms/twilio?a=\x1b[31m")
    assert result.returncode == 1
    assert "\x1b" not in result.stdout and "\\x1b[31m" in result.stdout


def test_the_url_that_is_given_is_kept_and_counted(daemon):
    """Given to Twilio (here its SDK), which signs it without the fragment."""
    rows = json.loads(daemon.cli("url", "--json", "--workspace", "W", "--campaign", CAMPAIGN,
                                 "--variant", "v1").stdout)["urls"]
    for row in rows:
        sid = new_sid()
        inbound = row["purpose"] == "inbound"
        params = reply_params(sid, "hello", 9) if inbound else status_params(sid, "delivered")
        url = row["url"].partition("#")[0]
        signature = RequestValidator(TOKEN).compute_signature(url, params)
        body = harness.urlencode(params).encode()
        with harness.Connection(daemon.address) as connection:
            response = connection.ask(request_bytes("POST", url.removeprefix(PUBLIC_URL), [
                ("Content-Type", FORM), ("X-Twilio-Signature", signature)], body))
        assert response.status == (200 if inbound else 204), row
    daemon.settle()
    found = json.loads(daemon.cli("stats", "--json").stdout)["campaigns"]
    kept = {(row["workspace"], row["campaign"]): row["delivered"] for row in found}
    assert kept[("W", CAMPAIGN)] == 2


# --- a URL that is given ---


def test_the_sample_url_has_nothing_against_it(config):
    found, answer = check(config(), SAMPLE)
    assert found == {}
    assert (answer["public_url"], answer["route"], answer["kind"]) == (
        PUBLIC_URL, "/sms/twilio", "auto")
    assert (answer["workspace"], answer["campaign"], answer["variant"]) == (
        "YOUR_ACCOUNT_ID", CAMPAIGN, "wzrk_default")
    assert "3 more times" in answer["overrides"]["rc"]
    text = dlrd("url", "-c", config(), "--check", SAMPLE).stdout
    assert f"workspace YOUR_ACCOUNT_ID, campaign {CAMPAIGN}, variant wzrk_default" in text


@pytest.mark.parametrize("start, difference", [
    ("http://callbacks.example.com", "scheme"), ("https://other.example.com", "host"),
    ("https://callbacks.example.com:8443", "port")])
def test_what_differs_from_the_public_url_is_named(config, start, difference):
    found, answer = check(config(), SAMPLE.replace(PUBLIC_URL, start))
    assert f"the {difference} is " in found["other-public-url"]
    assert answer["public_url"] is None
    assert answer["campaign"] == CAMPAIGN


def test_a_prefix_belongs_to_the_public_url(config):
    path = config({"public_url": "https://a.example, https://a.example/hooks"})
    found, answer = check(path, "https://a.example/hooks" + SAMPLE_TARGET + ADVISED)
    assert (found, answer["public_url"]) == ({}, "https://a.example/hooks")
    found, _ = check(config({"public_url": "https://a.example/hooks"}),
                     "https://a.example" + SAMPLE_TARGET + ADVISED)
    assert "/hooks" in found["other-public-url"]
    found, _ = check(config({"public_url": "https://a.example/hooks"}),
                     "https://a.example/hooksx" + SAMPLE_TARGET + ADVISED)
    assert "other-public-url" in found


@pytest.mark.parametrize("path, hint", [
    ("/sms/twilio/", "write /sms/twilio"), ("/SMS/Twilio", "write /sms/twilio"),
    ("/elsewhere", "there are /sms/twilio, /sms/dlr/twilio"), ("", "there are")])
def test_a_path_without_a_route_is_a_problem(config, path, hint):
    found, answer = check(config(), PUBLIC_URL + path + ADVISED)
    assert hint in found["no-route"]
    assert answer["route"] is None


def test_tags_that_do_not_fit_are_a_warning(config):
    found, answer = check(config(), f"{PUBLIC_URL}/sms/twilio?account=A&meta=1.2{ADVISED}")
    assert list(found) == ["no-campaign"]
    assert (answer["workspace"], answer["campaign"]) == ("A", None)
    found, _ = check(config(), f"{PUBLIC_URL}/v1/campaigns/outbound/sms/callbacks/mo/twilio"
                     + ADVISED)
    assert found == {}


def test_hazards_are_named_with_what_to_change(config):
    found, _ = check(config(), "http://u:p@Callbacks_x.example.com:80//sms/../twilio"
                     "?meta=a%20b%3a&account='&AccountSid=1&meta=2&bodySHA256=1&x=%zz"
                     "#rc=0&rp=9xx&tt=200&what=1")
    assert {"host-character", "body-hash", "character", "override-invalid", "other-public-url",
            "no-route", "scheme-http", "host-case", "standard-port", "userinfo", "path-character",
            "query-order", "query-character", "parameter-repeated", "override-unknown",
            "not-retried", "gives-up-early"} <= set(found)


def test_overrides_are_held_against_the_daemons_settings(config):
    url = SAMPLE.partition("#")[0]
    assert list(check(config(), url)[0]) == ["not-retried"]
    found, _ = check(config(), url + "#rc=3&rp=ct,rt,5xx&rt=5000")
    assert list(found) == ["gives-up-early"] and "10000" in found["gives-up-early"]
    assert check(config({"commit_timeout": "3s"}), url + "#rc=3&rp=ct,rt,5xx&rt=5000")[0] == {}
    events = config(callbacks={"/events": {"kind": "events"}})
    assert list(check(events, PUBLIC_URL + "/events" + ADVISED)[0]) == ["overrides-not-taken"]
    assert check(events, PUBLIC_URL + "/events")[0] == {}


def test_urls_that_are_too_long_are_a_problem(config):
    start = f"{PUBLIC_URL}/sms/twilio?account=A&meta=0.0.1.2.0.v&x="
    fits = start + "x" * (4000 - len(start) - len(ADVISED)) + ADVISED
    assert check(config(), fits)[0] == {}
    assert "4000" in check(config(), fits.replace("account=A", "account=AB"))[0]["length"]
    assert "request-line" in check(config({"request_line_limit": "2k"}), fits)[0]


def test_an_empty_public_url_is_reported(config):
    found, answer = check(config({"public_url": ""}), SAMPLE)
    assert "public_url" in found["other-public-url"] and answer["campaign"] == CAMPAIGN
    found, _ = check(config({"public_url": "", "trusted_proxies": "127.0.0.1"}), SAMPLE)
    assert list(found) == ["no-public-url"]
    assert check(config({"public_url": ""}), SAMPLE, "--base", PUBLIC_URL)[0] == {}


def test_findings_come_as_csv(config):
    result = dlrd("url", "-c", config(), "--csv", "--check", "nonsense")
    lines = list(csv.reader(io.StringIO(result.stdout, newline="")))
    assert result.returncode == 1
    assert lines[0] == ["severity", "name", "text"]
    assert lines[1][:2] == ["problem", "no-url"]


def test_wrong_command_lines_end_with_2(config):
    path = config()
    for words in (["x"], ["meta.0=1"], ["=1"], ["a=1", "a=2"], ["a=1", "a.2=1"], ["a.1=x.y"],
                  ["--json", "--csv"], ["--overrides", "rc=1", "--no-overrides"], [SAMPLE],
                  ["--check", SAMPLE, "a=1"], ["--check", SAMPLE, "--route", "/x"]):
        result = dlrd("url", "-c", path, *words)
        assert (result.returncode, result.stdout) == (2, ""), words
        assert result.stderr
    assert dlrd("url", "-c", path, "--route", "/nowhere").returncode == 1
    assert dlrd("url", "-c", path.parent / "none.ini").returncode == 1
