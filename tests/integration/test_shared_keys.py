"""Requests that are signed with a shared key in place of an Auth Token: HMAC-SHA256, and a header that
names the key."""

import base64
import hashlib
import hmac
import json
import os
from urllib.parse import urlencode

import pytest

import harness
from harness import (ACCOUNT, FORM, PUBLIC_URL, SAMPLE_TARGET, TOKEN, body_target, dlrd, new_sid,
                     request_bytes, sign, signed_post, status_params)
from test_quarantine import entries, kept, correct, nothing_is_counted, offered, reverify

KEY = "CK0123456789abcdef0123456789abcdef"
OTHER_KEY = "CKfedcba9876543210fedcba9876543210"
SECRET = "a secret with 32 characters, or so".replace(" ", "-")[:32]
HEADER = "X-Twilio-Webhooks-Signature-Settings"
RAW = bytes(range(7, 39))


def section(secret=SECRET, key=KEY, **more):
    return {f"shared_key {key}": {"account": ACCOUNT, "secret": secret, **more}}


def sign_256(target, params=None, secret=SECRET, public_url=PUBLIC_URL):
    """The text that is signed is that of an Auth Token."""
    text = public_url + target + "".join(name + params[name] for name in sorted(params or {}))
    secret = secret if isinstance(secret, bytes) else secret.encode()
    return base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()).decode()


def claim(key=KEY, algorithm="HMAC_SHA256"):
    return (HEADER, f"key={key},algorithm={algorithm}")


def post_256(params, target=SAMPLE_TARGET, header=claim(), public_url=PUBLIC_URL, **more):
    headers = [("Content-Type", FORM), ("X-Twilio-Signature",
                                        sign_256(target, params, public_url=public_url, **more))]
    return request_bytes("POST", target, headers + [header], urlencode(params).encode())


def json_256(body, secret=SECRET):
    target = body_target(SAMPLE_TARGET, body)
    return request_bytes("POST", target, [
        ("Content-Type", "application/json"), claim(),
        ("X-Twilio-Signature", sign_256(target, secret=secret))], body)


def test_a_shared_key_verifies_forms_gets_and_json(make_daemon):
    daemon = make_daemon(section(), tokens=(TOKEN, SECRET))
    params = status_params(new_sid(), "delivered")
    assert daemon.ask(post_256(params)).status == 204
    target = SAMPLE_TARGET + "&" + urlencode(status_params(new_sid(), "sent"))
    assert daemon.ask(request_bytes("GET", target, [
        ("X-Twilio-Signature", sign_256(target)), claim()]), "GET").status == 204
    assert daemon.ask(json_256(b'{"account_sid":"%s"}' % ACCOUNT.encode())).status == 204
    assert daemon.ask(json_256(b"{}", "x" * 32)).status == 403
    assert daemon.ask(signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"))).status == 204
    assert {event["account"] for event in daemon.events()} == {ACCOUNT}
    labels = f'{{account="{ACCOUNT}",token="{KEY}"}}'
    assert daemon.metric("dlrd_token_used_total", labels) == 3
    daemon.audit()


@pytest.mark.parametrize("configured,used,reading", [
    (SECRET, SECRET.encode(), "text"), (RAW.hex(), RAW.hex().encode(), "text"),
    (RAW.hex(), RAW, "hex-decoded"), (RAW.hex().upper(), RAW, "hex-decoded"),
    (base64.b64encode(RAW).decode(), RAW, "base64-decoded"),
    (base64.b64encode(b"\xff\xfe" + RAW).decode().rstrip("="), b"\xff\xfe" + RAW, "base64-decoded"),
    (base64.urlsafe_b64encode(b"\xff\xfe" + RAW).decode().rstrip("="), b"\xff\xfe" + RAW,
     "base64-decoded")], ids=range(7))
def test_both_readings_of_a_secret_verify_and_are_reported(make_daemon, tmp_path, configured, used,
                                                       reading):
    daemon = make_daemon(section(configured), tokens=(TOKEN, configured))
    params = status_params(new_sid(), "sent")
    assert daemon.ask(post_256(params, secret=used)).status == 204
    data = post_256(params, secret=used)
    explained = daemon.cli("explain", input=data, text=False).stdout.decode()
    assert explained.startswith("valid\n") and KEY in explained and f"used as {reading}" in explained
    found = json.loads(daemon.cli("explain", "--json", input=data, text=False).stdout)
    assert (found["shared_key"], found["secret"], found["token"]) == (KEY, reading, None)
    secret = tmp_path / "secret"
    secret.write_text(configured + "\n")
    result = dlrd("verify", "--url", PUBLIC_URL + SAMPLE_TARGET, "--token-file", secret,
                  "--signature", sign_256(SAMPLE_TARGET, params, used), "-",
                  input=urlencode(params))
    assert result.returncode == 0 and f"used as {reading}" in result.stdout


def test_sign_and_verify_agree_on_a_shared_key(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    params = status_params(new_sid(), "sent")
    words = ["--url", PUBLIC_URL + SAMPLE_TARGET, "--token-file", secret]
    signed = dlrd("sign", *words, "--shared-key", "-", input=urlencode(params)).stdout.strip()
    assert signed == sign_256(SAMPLE_TARGET, params)
    assert dlrd("verify", *words, "--signature", signed, "-",
                input=urlencode(params)).returncode == 0
    wrong = dlrd("verify", *words, "--signature", signed, "-", input=urlencode(params) + "&x=1")
    assert wrong.returncode == 1 and wrong.stdout.startswith("invalid")


def test_a_claimed_key_is_the_only_one_that_counts(make_daemon):
    """Neither an Auth Token nor another key's secret, nor SHA-1, nor a longer signature without the
    header."""
    daemon = make_daemon({**section(), **section("another-secret", OTHER_KEY)},
                         tokens=(TOKEN, SECRET, "another-secret"))
    params = status_params(new_sid(), "sent")
    sha1, secret_sha1 = ([("Content-Type", FORM),
                          ("X-Twilio-Signature", sign(PUBLIC_URL + SAMPLE_TARGET, params, token))]
                         for token in (TOKEN, SECRET))
    body = urlencode(params).encode()
    for data in (post_256(params, secret=TOKEN), post_256(params, secret="another-secret"),
                 post_256(params, header=claim(OTHER_KEY)),
                 request_bytes("POST", SAMPLE_TARGET, [*sha1, claim()], body),
                 request_bytes("POST", SAMPLE_TARGET, [*secret_sha1, claim()], body),
                 post_256(params, header=("X-Other", "1"))):
        assert daemon.ask(data).status == 403
    kept(daemon, 6)
    nothing_is_counted(daemon)
    assert daemon.ask(request_bytes("POST", SAMPLE_TARGET, sha1, body)).status == 204


def test_an_unknown_shared_key_is_explained_kept_and_taken_in_once_configured(make_daemon):
    daemon = make_daemon(tokens=(TOKEN, SECRET))
    params = status_params(new_sid(), "delivered")
    assert daemon.ask(post_256(params)).status == 403
    (row,) = kept(daemon, 1)
    assert row["cause"] == "unknown-shared-key" and row["account"] == ACCOUNT
    (failure,) = daemon.get("/v1/signature-failures")["failures"]
    assert f"[shared_key {KEY}]" in failure["advice"] and "secret_file" in failure["advice"]
    shown = daemon.cli("quarantine", "show", str(row["id"]), "--request").stdout
    assert f"{HEADER}: key={KEY},algorithm=HMAC_SHA256\n" in shown.replace("\r", "")
    assert daemon.metric("dlrd_signature_failures_total", '{cause="unknown-shared-key"}') == 1
    assert reverify(daemon)["kept"] == 0
    correct(daemon, section())
    assert reverify(daemon)["kept"] == 1
    assert [event["message"] for event in daemon.events()] == [params["MessageSid"]]
    daemon.audit()


def test_a_wrong_secret_and_a_wrong_url_are_explained_for_shared_keys(make_daemon):
    daemon = make_daemon({**section("wrong"), "server": {"public_url": "http://callbacks.example.com"}},
                         tokens=(TOKEN, SECRET))
    sids = [new_sid() for _ in range(2)]
    assert daemon.ask(post_256(status_params(sids[0], "sent"))).status == 403
    (row,) = kept(daemon, 1)
    assert row["cause"] == "token" and not row["proven"]
    (failure,) = daemon.get("/v1/signature-failures")["failures"]
    assert f"[shared_key {KEY}]" in failure["advice"]
    correct(daemon, section())
    for sid in sids:
        assert daemon.ask(post_256(status_params(sid, "delivered"))).status == 403
    rows = [row for row in kept(daemon, 3) if row["cause"] == "scheme"]
    assert len(rows) == 2 and all(row["proven"] for row in rows)
    correct(daemon, {**section(), "server": {"public_url": PUBLIC_URL}})
    assert reverify(daemon)["kept"] == 3


@pytest.mark.parametrize("header,cause,word", [
    (claim(algorithm="HMAC_SHA512"), "unknown-algorithm", "HMAC_SHA256"),
    ((HEADER, "key=" + KEY), "malformed-signature", "algorithm="),
    ((HEADER, "algorithm=HMAC_SHA256"), "malformed-signature", "key="),
    ((HEADER, "key=\x1b[31m,algorithm=HMAC_SHA256"), "malformed-signature", "key="),
    ((HEADER, f"key={KEY},key={OTHER_KEY},algorithm=HMAC_SHA256"), "malformed-signature", "key="),
    (("X-Other", "1"), "malformed-signature", HEADER)], ids=range(6))
def test_a_claim_that_cannot_be_verified_is_explained_and_kept(make_daemon, header, cause, word):
    daemon = make_daemon(section(), tokens=(TOKEN, SECRET))
    assert daemon.ask(post_256(status_params(new_sid(), "sent"), header=header)).status == 403
    (row,) = kept(daemon, 1)
    assert row["cause"] == cause
    (failure,) = daemon.get("/v1/signature-failures")["failures"]
    assert word in failure["advice"]
    assert "\x1b" not in daemon.log()


def test_every_refused_request_with_one_signature_is_kept(make_daemon):
    """In any form; not without one, or with several."""
    daemon = make_daemon(tokens=(TOKEN,))
    body = urlencode(status_params(new_sid(), "sent")).encode()
    one = ["", "x", "A" * 27, "A" * 28, "A" * 44, "A" * 43 + "=", "é", "two words"]
    for signature in one:
        assert daemon.ask(request_bytes("POST", SAMPLE_TARGET, [
            ("Content-Type", FORM), ("X-Twilio-Signature", signature)], body)).status == 403
    for count in (0, 2, 3):
        assert daemon.ask(request_bytes("POST", SAMPLE_TARGET, [("Content-Type", FORM)] + count * [
            ("X-Twilio-Signature", sign(PUBLIC_URL + SAMPLE_TARGET))], body)).status == 403
    assert daemon.ask(request_bytes("POST", SAMPLE_TARGET, [
        ("Content-Type", "text/plain"), ("X-Twilio-Signature", "x")], b"a=b")).status == 403
    kept(daemon, len(one) + 1)
    assert offered(daemon) == len(one) + 1
    nothing_is_counted(daemon)


MISTAKES = {
    "no account": (f"[shared_key {KEY}]\nsecret = s\n", 1, "account", "missing"),
    "no secret": (f"[shared_key {KEY}]\naccount = {ACCOUNT}\n", 1, "secret", "secret_file"),
    "unknown account": (f"[shared_key {KEY}]\naccount = AC{'9' * 32}\nsecret = s\n", 2, "account",
                        "no section [account AC999"),
    "no SID": (f"[shared_key {KEY}]\naccount = me\nsecret = s\n", 2, "account", "32 hexadecimal"),
    "both": (f"[shared_key {KEY}]\naccount = {ACCOUNT}\nsecret = s\nsecret_file = FILE\n", 4,
             "secret_file", "one of the two"),
    "reference": (f"[shared_key {KEY}]\naccount = {ACCOUNT}\nsecret = ${{SECRET}}\n", 3, "secret",
                  "secret_file"),
    "no file": (f"[shared_key {KEY}]\naccount = {ACCOUNT}\nsecret_file = /none\n", 3, "secret_file",
                "/none"),
    "unknown key": (f"[shared_key {KEY}]\naccount = {ACCOUNT}\nsecret = s\nx = 1\n", 4, "x",
                    "secret_file"),
    "twice": (2 * f"[shared_key {KEY}]\naccount = {ACCOUNT}\nsecret = s\n", 4, None, "duplicate"),
    "no ID": (f"[shared_key a b]\naccount = {ACCOUNT}\nsecret = s\n", 1, None, "letters"),
}


@pytest.mark.parametrize("text,line,key,word", MISTAKES.values(), ids=MISTAKES.keys())
def test_each_mistake_in_a_shared_key_is_reported(tmp_path, text, line, key, word):
    (tmp_path / "file").write_text(SECRET)
    good = (f"[server]\npublic_url = {PUBLIC_URL}\n[account {ACCOUNT}]\nauth_token = {TOKEN}\n"
            f"[store]\nerror_codes = {harness.ERROR_CODES}\n")
    path = tmp_path / "dlrd.ini"
    path.write_text(good + text.replace("FILE", str(tmp_path / "file")))
    path.chmod(0o600)
    result = dlrd("check-config", "-c", path)
    number = len(good.splitlines()) + line
    assert result.returncode == 1
    start = f"{path}:{number}: [shared_key" if key is None else (
        f"{path}:{number}: [shared_key {KEY}] {key}: ")
    assert any(line.startswith(start) and word in line for line in result.stderr.splitlines()), (
        result.stderr)


def test_a_secret_is_nowhere_to_be_seen(make_daemon, tmp_path):
    secret = os.urandom(24).hex()
    file = tmp_path / "secret"
    file.write_text(secret + "\n")
    daemon = make_daemon({f"shared_key {KEY}": {"account": ACCOUNT, "secret_file": str(file)}},
                         tokens=(TOKEN, secret))
    assert daemon.ask(post_256(status_params(new_sid(), "sent"), secret=secret)).status == 204
    printed = daemon.cli("check-config", "--print").stdout
    assert f"[shared_key {KEY}]\naccount = {ACCOUNT}\nsecret = (set, not shown)" in printed
    seen = printed + daemon.api("/metrics").body.decode() + daemon.log()
    for path in daemon.store.iterdir():
        seen += path.read_bytes().decode("latin-1")
    assert secret not in seen


def test_a_quarantine_of_an_earlier_version_is_converted(make_daemon):
    """Its entries stay, and are verified again."""
    daemon = make_daemon(tokens=(TOKEN, SECRET))
    sid = new_sid()
    data = signed_post(SAMPLE_TARGET, status_params(sid, "sent"), token=SECRET)
    assert daemon.ask(data).status == 403
    kept(daemon, 1)
    assert daemon.terminate() == 0
    with harness.sqlite3.connect(daemon.store / "quarantine.db") as file:
        for column in ("settings", "stray", "peer"):
            file.execute(f"ALTER TABLE request DROP COLUMN {column}")
        file.execute("PRAGMA user_version = 1")
    listed = daemon.cli("quarantine", "list", check=False)
    assert listed.returncode == 1 and "earlier dlrd" in listed.stderr
    daemon.start()
    kept(daemon, 1)
    correct(daemon, {f"account {ACCOUNT}": {"auth_token": SECRET}})
    assert reverify(daemon)["kept"] == 1
    assert [event["message"] for event in daemon.events()] == [sid]
    assert entries(daemon) == []
