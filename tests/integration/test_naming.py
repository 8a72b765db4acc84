"""Campaigns are named by the query of the callback URL; a receipt without one is untagged."""

import re
from urllib.parse import quote

import pytest

from harness import CAMPAIGN, META, new_sid, status_params


@pytest.mark.parametrize("query, want", [
    ("campaign=spring-sale", ("", "spring-sale", "")),
    ("campaign=spring-sale&workspace=acme&variant=b", ("acme", "spring-sale", "b")),
    ("variant=b&campaign=spring%20sale&account=A", ("A", "spring sale", "b")),
    (f"campaign=spring-sale&account=A&meta={META}", ("A", "spring-sale", "wzrk_default")),
    (f"campaign=&workspace=W&account=A&meta={META}", ("W", CAMPAIGN, "wzrk_default")),
    (f"account=A&meta={META}", ("A", CAMPAIGN, "wzrk_default")),
    ("workspace=acme", ("acme", "", "")),
    ("Campaign=spring-sale", ("", "", "")),
])
def test_a_campaign_is_named_by_a_parameter(daemon, query, want):
    daemon.keep(f"/sms/twilio?{query}", status_params(new_sid(), "delivered"))
    event = daemon.events()[0]
    assert (event["workspace"], event["campaign"], event["variant"]) == want
    assert daemon.campaign(want[1])["delivered"] == 1


def test_an_untagged_receipt_is_shown_logged_and_counted(daemon):
    for query in ("", "?source=a&page=2", "?source=a", "?meta=1.2.3"):
        daemon.keep(f"/sms/dlr/twilio{query}", status_params(new_sid(), "undelivered", code=30005))
    for _ in range(2):
        daemon.keep("/sms/twilio?source=" + "x" * 300, status_params(new_sid(), "delivered"))
    daemon.settle()
    assert daemon.metric("dlrd_tag_misfits_total") == 6
    lines = [line for line in daemon.log().splitlines() if "(untagged)" in line]
    assert len(lines) == 2
    assert "on /sms/dlr/twilio," in lines[0] and "it has no parameters;" in lines[0]
    assert "{campaign} | {meta.3}_{meta.4}" in lines[0]
    assert "on /sms/twilio," in lines[1] and "it has only source;" in lines[1]
    assert re.search(r"\(untagged\) +6 ", daemon.cli("stats").stdout)
    assert "campaign (untagged): 4 failed" in daemon.cli("errors", "--campaign", "").stdout
    assert "(untagged)" in daemon.cli("events").stdout
    assert "(untagged)" not in daemon.cli("stats", "--json").stdout + daemon.cli("stats", "--csv").stdout
    assert daemon.campaign("")["messages"] == 6


def test_the_names_in_the_log_of_an_untagged_receipt_are_escaped_and_few(daemon):
    names = ["a\x1b[31m", "b\nc", "n" * 1000, *(f"p{i}" for i in range(100))]
    query = "&".join(f"{quote(name, safe='')}=1" for name in names)
    daemon.keep(f"/sms/twilio?{query}", status_params(new_sid(), "delivered"))
    line, = (line for line in daemon.log().splitlines() if "(untagged)" in line)
    assert f"only a\\x1b[31m, b\\x0ac, {'n' * 40}..., p0, p1, p2, p3, p4 and more; such" in line
    assert "\x1b" not in daemon.log()
