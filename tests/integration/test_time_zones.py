"""tz= and --tz: days that are asked for, and times that are shown, are those of the zone."""

import csv
import datetime
import io
import json
from urllib.parse import quote

import pytest

import harness
from harness import new_sid, phone, reply_params, signed_post, status_params, target_for

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "-08:00", "+14:00", "America/St_Johns"]
LISTS = {  # command: path and the list in its answer
    ("stats",): ("/v1/campaigns", "campaigns"),
    ("errors",): ("/v1/failures", "errors"),
    ("events",): ("/v1/events", "events"),
    ("messages",): ("/v1/messages", "messages"),
    ("messages", "--suppress"): ("/v1/suppressed", "numbers"),
    ("replies",): ("/v1/replies", "replies"),
    ("providers",): ("/v1/providers", "providers"),
    ("optouts",): ("/v1/optouts", "optouts"),
    ("optouts", "--changes"): ("/v1/optouts/changes", "changes"),
    ("series", "--campaign", "spring"): ("/v1/campaigns/spring/series", "points"),
    ("variants", "--campaign", "spring"): ("/v1/campaigns/spring/variants", "variants"),
}
TIMED = [command for command in LISTS if command not in (("optouts", "--changes"),)]


@pytest.fixture(scope="module")
def sent():
    daemon = harness.Daemon().start()
    target = "/sms/twilio?campaign=spring&workspace=w"
    daemon.keep_all([signed_post(target, status_params(new_sid(), status, code=code, number=number))
                     for number, (status, code) in enumerate([("delivered", None), ("failed", 30003), ("sent", None)])])
    daemon.keep_all([signed_post(target_for(), reply_params(new_sid(), "STOP", number=0))], status=200)
    daemon.settle()
    yield daemon
    daemon.finish()


def times_of(value):
    """All texts that are times, in their order."""
    if isinstance(value, dict):
        return [time for key in value for time in times_of(value[key])]
    if isinstance(value, list):
        return [time for one in value for time in times_of(one)]
    return [value] if isinstance(value, str) and value[10:11] == "T" and value[:2] == "20" else []


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def local_date(zone):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=int(zone[:3]))).date()


def other_zone():
    """An offset whose date is not that of UTC now, nor soon."""
    return "+14:00" if datetime.datetime.now(datetime.timezone.utc).hour >= 11 else "-13:00"


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
@pytest.mark.parametrize("zone", ZONES)
def test_times_have_the_offset_of_the_zone_and_are_the_same(sent, command, zone):
    path, key = LISTS[command]
    plain = sent.get(path, settle=False)
    found = sent.get(f"{path}?tz={quote(zone, safe='')}", settle=False)
    assert [instant(time) for time in times_of(found[key])] == [instant(time) for time in times_of(plain[key])]
    offset = {"UTC": ("Z",), "Europe/Berlin": ("+01:00", "+02:00"), "Asia/Kolkata": ("+05:30",),
              "America/St_Johns": ("-03:30", "-02:30")}.get(zone, (zone,))
    assert all(time.endswith(offset) for time in times_of(found[key]))
    assert all(time.endswith("Z") for time in times_of(plain[key]))
    shown = json.loads(sent.cli(*command, "--json", "--tz", zone).stdout)
    assert times_of(shown[key]) == times_of(found[key])
    rows = list(csv.DictReader(io.StringIO(sent.cli(*command, "--csv", "--tz", zone).stdout)))
    assert times_of(rows) == times_of(found[key])


def test_one_message_and_one_number_have_times_of_the_zone(sent):
    sid = sent.get("/v1/messages", settle=False)["messages"][0]["sid"]
    for path in (f"/v1/messages/{sid}", f"/v1/optouts/{quote(phone(0))}", "/v1/events/1", "/v1/campaigns/spring",
                 "/v1/campaigns/spring/errors"):
        found = sent.get(f"{path}?tz=Asia/Kolkata", settle=False)
        assert times_of(found) and all(time.endswith("+05:30") for time in times_of(found)), path
    for words in (("message", sid), ("optouts", phone(0))):
        shown = sent.cli(*words, "--tz", "Asia/Kolkata").stdout
        assert "+05:30" in shown and "Z" not in [word[-1] for word in shown.split() if word[:2] == "20"]


def counted(response, key):
    """The rows of an answer that count anything; a campaign without a fact in that time is not found."""
    if response.status == 404:
        return []
    assert response.status == 200, response.body
    figures = {"messages", "failed", "count", "sent"}
    return [row for row in response.json()[key] if not figures & set(row) or any(row.get(name) for name in figures)]


@pytest.mark.parametrize("command", TIMED, ids=" ".join)
def test_a_day_is_one_of_the_zone(sent, command):
    path, key = LISTS[command]
    zone = other_zone()
    today = local_date(zone)
    tomorrow = today + datetime.timedelta(days=1)
    assert counted(sent.api(f"{path}?from={today}&to={tomorrow}&tz={quote(zone)}"), key)
    assert not counted(sent.api(f"{path}?from={tomorrow}&tz={quote(zone)}"), key)
    assert not counted(sent.api(f"{path}?to={today}&tz={quote(zone)}"), key)
    spoken = json.loads(sent.cli(*command, "--json", "--from", "today", "--tz", zone).stdout)[key]
    assert spoken
    if command[0] not in ("series", "variants"):
        assert json.loads(sent.cli(*command, "--json", "--to", "today", "--tz", zone).stdout)[key] == []


def test_tables_have_the_zone_of_the_machine_and_programs_get_utc(sent):
    environment = {**harness.environment(), "TZ": "Asia/Kolkata"}
    table = sent.cli("messages", env=environment).stdout
    assert table.count("+05:30") == 3 and table == sent.cli("messages", "--tz", "Asia/Kolkata").stdout
    assert table != sent.cli("messages", "--tz", "UTC", env=environment).stdout
    for form in ("--json", "--csv"):
        assert sent.cli("messages", form, env=environment).stdout == sent.cli("messages", form).stdout
        assert "+05:30" not in sent.cli("messages", form, env=environment).stdout


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "+14:00", "-13:00"])
def test_a_day_is_printed_as_its_date(sent, zone):
    words = ["series", "--campaign", "spring", "--interval", "day", "--tz", zone]
    points = json.loads(sent.cli(*words, "--json").stdout)["points"]
    assert [line.split()[0] for line in sent.cli(*words).stdout.splitlines()[1:]] == [
        point["time"][:10] for point in points]
    assert zone[0] not in "+-" or points[-1]["time"][:10] == str(local_date(zone))


@pytest.mark.parametrize("zone", ["Mars/Base", "", "+5", "../../etc/passwd", "\x1b[31m", "x" * 3000])
def test_a_wrong_zone_is_an_error_that_says_what_is_right(sent, zone):
    for command, (path, _) in LISTS.items():
        response = sent.api(f"{path}?tz={quote(zone, safe='')}")
        assert response.status == 400
        assert "tz must be UTC, an offset like +05:30" in response.json()["error"]
        result = sent.cli(*command, "--tz", zone, check=False)
        assert result.returncode == 2 and result.stdout == ""
        assert "Europe/Berlin" in result.stderr and "\x1b" not in result.stderr


def test_the_quarantine_has_times_of_the_zone(daemon):
    request = signed_post("/sms/twilio", status_params(new_sid(), "sent"), token="0" * 32)
    assert daemon.ask(request).status == 403
    harness.until(lambda: daemon.get("/v1/quarantine", settle=False)["quarantine"], 10, "it is kept")
    for path in ("/v1/quarantine", "/v1/quarantine/1", "/v1/signature-failures"):
        found = times_of(daemon.get(f"{path}?tz=%2B05:30", settle=False))
        assert found and all(time.endswith("+05:30") for time in found)
    for words in (["list"], ["list", "--json"], ["list", "--csv"], ["show", "1"], ["show", "1", "--json"]):
        assert "+05:30" in daemon.cli("quarantine", *words, "--tz", "+05:30").stdout
    assert daemon.cli("quarantine", "reverify", "--tz", "UTC", check=False).returncode == 2
