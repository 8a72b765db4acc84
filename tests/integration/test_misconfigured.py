"""Common configuration errors, with a real proxy: the refusal names the setting to change, the bytes
wait in the quarantine, and after the fix they are counted once, at the time of their first arrival."""

import datetime
import re
import time

import pytest

import harness
import proxies
from harness import ACCOUNT, META, new_sid, sign, status_params, until
from test_reload import hang_up, write
from urllib.parse import urlencode

OTHER = "ACfedcba9876543210fedcba9876543210"
OTHER_TOKEN = "99999999999999999999999999999999"
NEW_TOKEN = "fedcba98765432100123456789abcdef"
QUERY = f"account=YOUR_ACCOUNT_ID&meta={META}"
URL = f"https://{proxies.NAME}"


# How an operator would let each proxy rewrite requests: the place in its file, and the text to add
# there, with {path} as called, {to} and {query} as forwarded.
REWRITES = {
    "nginx": ("\tlocation / {", """\
\tlocation = {path} {{
\t\tset $args "{query}";
\t\trewrite ^ {to} break;
\t\tproxy_pass http://dlrd;
\t}}
"""),
    "haproxy": ("\tdefault_backend dlrd\n", """\
\tacl rewritten path -m str {path}
\thttp-request set-query "{query}" if rewritten
\thttp-request set-path {to} if rewritten
"""),
    "caddy": ("\t\treverse_proxy ", """\
\t\trewrite {path} {to}?{query}
"""),
    "apache": ("\tProxyPreserveHost On\n", """\
\tRewriteRule "^{path}$" "http://{upstream}{to}?{query}" [P,NE]
"""),
}


def rewriting(kind, path, to, query):
    """The proxy as shipped, with one more callback path, which it rewrites."""
    place, text = REWRITES[kind.name]

    class Rewriting(kind):
        def configure(self, paths):
            shipped = super().configure([] if kind.name == "nginx" else [path])
            assert shipped.count(place) == 1
            percent = {"apache": "\\%", "haproxy": "%%"}.get(kind.name, "%")
            more = text.format(path=path, to=to, query=query.replace("%", percent),
                               upstream=self.upstream)
            return shipped.replace(place, more + place)
    return Rewriting


# The path that Twilio calls, its query, both as forwarded by the proxy, settings before and after,
# the cause, the setting in the advice, the token.
CASES = {
    "wrong scheme": dict(before={"server": {"public_url": f"http://{proxies.NAME}"}}, after={},
                         cause="scheme", advice=f"public_url = {URL}"),
    "missing port": dict(url=f"{URL}:8443", after={"server": {"public_url": f"{URL}:8443"}},
                         cause="port", advice=f"public_url = {URL}:8443"),
    "prefix stripped": dict(path="/hooks/sms/twilio", to="/sms/twilio",
                            after={"server": {"public_url": f"{URL}/hooks"}},
                            cause="prefix-stripped", advice="/hooks"),
    "prefix added": dict(path="/sms/plain", to="/added/sms/plain",
                         before={"callback /added/sms/plain": {}, "callback /sms/plain": {}},
                         after={"callback /sms/plain": {}}, cause="prefix-added", advice="/added"),
    "query reordered": dict(path="/sms/plain", passed=f"meta={META}&account=YOUR_ACCOUNT_ID",
                            before={"callback /sms/plain": {}}, after={"callback /sms/plain": {}},
                            cause="query-order", advice="query"),
    "query re-encoded": dict(path="/sms/plain", query=QUERY.replace("_ID", "%5fID"),
                             passed=QUERY.replace("_ID", "%5FID"),
                             before={"callback /sms/plain": {}}, after={"callback /sms/plain": {}},
                             cause="query-encoding", advice="query"),
    "trailing slash": dict(path="/sms/slash/", to="/sms/slash",
                           before={"callback /sms/slash": {}, "callback /sms/slash/": {}},
                           after={"callback /sms/slash/": {}}, cause="trailing-slash",
                           advice="slash"),
    "rotated token": dict(token=NEW_TOKEN,
                          after={f"account {ACCOUNT}": {"next_auth_token": NEW_TOKEN}},
                          cause="token", advice="auth_token"),
    "another account's token": dict(
        token=OTHER_TOKEN, before={f"account {OTHER}": {"auth_token": OTHER_TOKEN}},
        after={f"account {ACCOUNT}": {"previous_auth_token": OTHER_TOKEN}},
        cause="other-account", advice=OTHER),
}


@pytest.fixture(params=list(proxies.PROXIES))
def kind(request):
    """A proxy's class, once it is known to be here."""
    found = proxies.PROXIES[request.param]
    if found.missing():
        pytest.skip(f"no {', '.join(found.missing())} here")
    return found


def silent(kind):
    """The proxy, without the header that has the URL that Twilio called."""
    class Silent(kind):
        def configure(self, paths):
            text, count = re.subn(r"(?m)^.*X-Original-URI.*\n", "", super().configure(paths))
            assert count > 0
            return text
    return Silent


SILENT = ("prefix added", "query reordered", "trailing slash")


@pytest.mark.parametrize("name", SILENT)
def test_a_change_that_a_proxy_does_not_report_is_accepted_as_it_was_signed(make_daemon, kind, name):
    case = CASES[name]
    target = f"{case['path']}?{QUERY}"
    daemon = make_daemon({section: value for section, value in case["before"].items()
                          if section != f"callback {case['path']}"} or case["before"])
    rewritten = rewriting(kind, case["path"], case.get("to", case["path"]),
                          case.get("passed", QUERY))
    proxy = silent(rewritten)(f"127.0.0.1:{daemon.port}")
    try:
        params = status_params(new_sid(), "delivered")
        data = harness.request_bytes("POST", target, [
            ("Content-Type", harness.FORM), ("X-Twilio-Signature", sign(URL + target, params))],
            urlencode(params).encode(), host=proxies.NAME)
        before = time.time()
        assert proxy.ask(data).status == 403
    finally:
        proxy.stop()
    (row,) = until(lambda: daemon.get("/v1/quarantine")["quarantine"], what="the quarantine")
    assert row["cause"] == case["cause"] and row["proven"]
    if len(case["before"]) > 1:  # the path that Twilio calls has no section yet
        daemon.cli("quarantine", "reverify")
        assert len(daemon.get("/v1/quarantine")["quarantine"]) == 1 and daemon.events() == []
    write(daemon, case["after"])
    assert "configuration re-read" in hang_up(daemon)
    daemon.cli("quarantine", "reverify")
    daemon.settle()
    (event,) = daemon.events()
    assert event["message"] == params["MessageSid"] and event["campaign"]
    arrived = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
    assert before - 1 <= arrived <= before + 5
    assert daemon.get("/v1/quarantine")["quarantine"] == []
    daemon.audit()


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_setting_is_named_and_loses_nothing(make_daemon, kind, name):
    case = {"path": "/sms/twilio", "query": QUERY, "before": {}, "url": URL,
            "token": harness.TOKEN, **CASES[name]}
    daemon = make_daemon(case["before"], tokens=(harness.TOKEN, NEW_TOKEN, OTHER_TOKEN))
    rewritten = case["path"] != "/sms/twilio"
    if rewritten:
        kind = rewriting(kind, case["path"], case.get("to", case["path"]),
                         case.get("passed", case["query"]))
    proxy = kind(f"127.0.0.1:{daemon.port}")
    try:
        sid = new_sid()
        params = status_params(sid, "delivered")
        target = f"{case['path']}?{case['query']}"
        body = urlencode(params).encode()
        host = case["url"].removeprefix("https://")
        data = harness.request_bytes("POST", target, [
            ("Content-Type", harness.FORM),
            ("X-Twilio-Signature", sign(case["url"] + target, params, case["token"]))],
            body, host=host)
        before = time.time()
        assert proxy.ask(data).status == 403
        after = time.time()
        assert proxy.ask(data).status == 403, "once more, as Twilio may"
    finally:
        proxy.stop()

    until(lambda: [row["count"] for row in daemon.get("/v1/signature-failures")["failures"]] == [2],
          what="the explanation")
    (failure,) = daemon.get("/v1/signature-failures")["failures"]
    assert case["cause"] in failure["causes"].split(", "), failure
    assert case["advice"] in failure["advice"], failure
    assert failure["proven"] == (case["cause"] != "token")
    assert case["token"] not in str(failure) and sid not in daemon.log()
    assert daemon.metric("dlrd_signature_causes_total",
                         f'{{cause="{failure["causes"].split(", ")[0]}"}}') == 2
    held = until(lambda: daemon.get("/v1/quarantine")["quarantine"], what="the quarantine")
    assert len(held) == 1
    until(lambda: daemon.get("/v1/quarantine")["quarantine"][0]["count"] == 2, what="its count")
    assert daemon.events() == [] and daemon.get("/v1/campaigns")["campaigns"] == []

    # The original target (X-Original-URI) from the shipped file is enough if only the proxy is wrong; the
    # other requests wait until the configuration is fixed.
    daemon.cli("quarantine", "reverify")
    reported = rewritten and "public_url" not in str(case["after"])
    assert bool(daemon.get("/v1/quarantine")["quarantine"]) != reported
    write(daemon, {**{section: None for section in case["before"] if section != "server"},
                   "server": {"public_url": harness.PUBLIC_URL}, **case["after"]})
    assert "configuration re-read" in hang_up(daemon)
    daemon.cli("quarantine", "reverify")
    daemon.settle()
    (event,) = daemon.events()
    assert event["message"] == sid and event["type"] == "Delivered"
    arrived = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
    assert before - 1 <= arrived <= after + 1
    assert daemon.get("/v1/quarantine")["quarantine"] == []
    daemon.cli("quarantine", "reverify")
    daemon.settle()
    assert len(daemon.events()) == 1
    daemon.audit()
