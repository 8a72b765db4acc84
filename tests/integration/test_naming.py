"""Campaigns are named by the query of the callback URL; a receipt without one is untagged."""

import json
import re
from urllib.parse import quote

import pytest

import harness
from harness import CAMPAIGN, META, new_sid, reply_params, signed_post, status_params


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


# --- other templates for stored receipts ---

ROUTE = "callback /sms/twilio"


def give_templates(daemon, **templates):
    daemon.sections[ROUTE] = templates
    harness.write_config(daemon.sections.items(), daemon.config)


def messages_by_campaign(daemon):
    return {tuple(value.decode() for value in row[:2]): row[2] for row in daemon.sql("""
        SELECT c.workspace, c.name, count(*) FROM message m JOIN tagset t ON t.id = m.tagset_id
        JOIN campaign c ON c.id = t.campaign_id WHERE m.seen <> 2048 GROUP BY c.id""")}


def fill(daemon):
    """Three campaigns by parameters of their own, a reply, and an untagged message."""
    people = []
    for i, query in enumerate(["kampagne=a&ws=w", "kampagne=b&ws=w", "campaign=c&kampagne=x", ""]):
        for k in range(i + 1):
            sid, person = new_sid(), 10 * i + k
            people.append(person)
            for status in ("sent", "delivered"):
                daemon.keep(f"/sms/twilio?{query}", status_params(sid, status, number=person))
    daemon.keep("/sms/twilio", reply_params(new_sid(), "yes", number=people[0]), status=200)
    daemon.settle()


def retag(daemon, *words, running):
    if running:
        daemon.cli("reload")
    else:
        daemon.terminate()
    result = daemon.cli("retag", *words)
    if not running:
        daemon.start()
    return result


@pytest.mark.parametrize("running", [True, False], ids=["daemon", "alone"])
def test_stored_receipts_follow_other_templates(make_daemon, running):
    daemon = make_daemon()
    fill(daemon)
    assert messages_by_campaign(daemon) == {("", ""): 7, ("", "c"): 3}
    give_templates(daemon, campaign="{kampagne}", workspace="{ws}")
    shown = retag(daemon, running=running).stdout
    assert messages_by_campaign(daemon) == {("w", "a"): 1, ("w", "b"): 2, ("", "x"): 3, ("", ""): 4}
    assert daemon.audit()
    assert shown.splitlines()[0] == "receipts read: 21, with other tags: 12; messages moved: 6, of them"
    assert set(shown.splitlines()[1:]) == {
        "  1 from (untagged) to a of w", "  2 from (untagged) to b of w", "  3 from c to x"}
    # the reply follows the message that it answers, and the empty campaign is gone
    assert daemon.campaign("a")["replied"] == 1 and daemon.campaign("a")["messages"] == 1
    names = {(row["workspace"], row["campaign"]) for row in daemon.api("/v1/campaigns").json()["campaigns"]}
    assert names == {("w", "a"), ("w", "b"), ("", "x"), ("", "")}
    assert {event["campaign"] for event in daemon.events("&campaign=x")} == {"x"}
    assert len(daemon.events("&campaign=x")) == 6


@pytest.mark.parametrize("running", [True, False], ids=["daemon", "alone"])
def test_of_many_moves_the_largest_are_shown(make_daemon, running):
    daemon = make_daemon({ROUTE: {"campaign": "{a}"}})
    posts = [signed_post(f"/sms/twilio?a=old{n}&b={'n' * 200}{n}", status_params(new_sid(), "delivered", number=i))
             for n in range(300) for i in range(2 if n == 77 else 1)]
    daemon.keep_all(posts)
    daemon.settle()
    give_templates(daemon, campaign="{b}")
    result = retag(daemon, running=running).stdout.splitlines()
    assert result[0].endswith("messages moved: 301, of them")
    assert result[1] == f"  2 from old77 to {'n' * 200}77"
    assert len(result) == 102 and result[-1] == "  200 from and to other campaigns"


def test_a_second_reading_of_tags_changes_nothing_and_the_first_can_be_undone(make_daemon):
    daemon = make_daemon()
    fill(daemon)
    before = daemon.sql("SELECT * FROM campaign_stats ORDER BY 1, 2, 3")
    give_templates(daemon, campaign="{kampagne}", workspace="{ws}")
    retag(daemon, running=True)
    again = json.loads(retag(daemon, "--json", running=True).stdout)
    assert (again["state"], again["changed"], again["messages"], again["moved"]) == ("done", 0, 0, [])
    give_templates(daemon)
    retag(daemon, running=True)
    assert daemon.sql("SELECT * FROM campaign_stats ORDER BY 1, 2, 3") == before
    daemon.audit()


def test_only_receipts_of_a_time_get_other_tags(make_daemon):
    daemon = make_daemon()
    fill(daemon)
    give_templates(daemon, campaign="{kampagne}")
    assert retag(daemon, "--to", "yesterday", running=True).stdout.startswith("receipts read: 0, ")
    assert messages_by_campaign(daemon) == {("", ""): 7, ("", "c"): 3}
    assert "with other tags: 12;" in retag(daemon, "--from", "-1h", running=True).stdout
    daemon.audit()
    result = daemon.cli("retag", "--from", "soon", check=False)
    assert result.returncode == 2 and "--from must be a time, such as 2026-03-01" in result.stderr


def test_receipts_of_an_older_dlrd_are_tagged_if_all_routes_agree_or_named(make_daemon):
    daemon = make_daemon()
    fill(daemon)
    daemon.terminate()
    with harness.sqlite3.connect(daemon.store / "dlrd.db") as file:
        file.execute("UPDATE event SET source_id = NULL")
        file.execute("UPDATE event SET raw_query = NULL WHERE tagged = 1")
        file.execute("UPDATE event SET raw_query = CAST('kampagne=a' AS BLOB) WHERE seq < 3")
    for path in ("sms/twilio", "sms/dlr/twilio", "v1/campaigns/outbound/sms/callbacks/mo/twilio"):
        daemon.sections[f"callback /{path}"] = {"campaign": "{kampagne}"}
    harness.write_config(daemon.sections.items(), daemon.config)
    result = json.loads(daemon.cli("retag", "--json").stdout)
    assert result["messages"] >= 1 and result["unknown"] >= 6
    assert "since their URLs or routes are not known: " in daemon.cli("retag").stdout
    assert "0 differences" in daemon.cli("audit").stdout


def test_a_receipt_that_comes_after_a_retag_has_the_new_tags(make_daemon):
    daemon = make_daemon()
    sid = new_sid()
    daemon.keep("/sms/twilio?kampagne=a", status_params(sid, "sent"))
    daemon.settle()
    give_templates(daemon, campaign="{kampagne}")
    retag(daemon, running=True)
    daemon.keep("/sms/twilio?kampagne=a", status_params(sid, "delivered"))
    daemon.settle()
    assert daemon.campaign("a")["delivered"] == 1
    daemon.audit()


def test_receipts_of_a_route_that_is_gone_keep_their_campaign(make_daemon):
    daemon = make_daemon({"callback /old": {"campaign": "{campaign}"}, "callback /new": {"campaign": "{campaign}"}})
    for path in ("old", "new"):
        daemon.keep(f"/{path}?campaign=summer&c2={path}", status_params(new_sid(), "delivered"))
    daemon.settle()
    del daemon.sections["callback /old"]
    daemon.sections["callback /new"] = {"campaign": "{c2}"}
    daemon.restart()
    result = json.loads(daemon.cli("retag", "--json").stdout)
    assert (result["receipts"], result["messages"], result["unknown"]) == (2, 1, 1)
    assert messages_by_campaign(daemon)[("", "summer")] == 1
    assert messages_by_campaign(daemon)[("", "new")] == 1
    daemon.audit()
