"""dlrd explain: it explains saved requests that Twilio's SDK signed and that were altered on the way,
and its advice fixes the problem."""

import hashlib
import json
import re
from urllib.parse import urlencode

import pytest

import harness
from harness import (ACCOUNT, FORM, PUBLIC_URL, SAMPLE_TARGET, TOKEN, body_target, dlrd, new_sid,
                     request_bytes, sign, status_params)

OTHER = "AC" + "f" * 32
OTHER_TOKEN = "other-account-token-other-accoun"
NEXT_TOKEN = "next-token-of-the-account-000000"
PATH, QUERY = SAMPLE_TARGET.split("?")
HOST = PUBLIC_URL.removeprefix("https://")


@pytest.fixture
def configure(tmp_path):
    def write(public_url=PUBLIC_URL, listen="127.0.0.1:8123", tokens=None, **server):
        lines = ["[server]", f"listen = {listen}"]
        lines += [f"public_url = {public_url}"] if public_url else []
        lines += [f"{name} = {value}" for name, value in server.items()]
        lines += ["[store]", f"directory = {tmp_path}"]
        for account, token in (tokens or {ACCOUNT: TOKEN, OTHER: OTHER_TOKEN}).items():
            lines += [f"[account {account}]", f"auth_token = {token}"]
            lines += [f"next_auth_token = {NEXT_TOKEN}"] if account == ACCOUNT else []
        path = tmp_path / "dlrd.ini"
        path.write_text("\n".join(lines) + "\n")
        return path
    return write


def saved(signed_url, target=SAMPLE_TARGET, token=TOKEN, headers=(), host=HOST, params=None,
          body=None, media_type=FORM):
    params = status_params(new_sid(), "delivered") if params is None else params
    body = urlencode(params).encode() if body is None else body
    return request_bytes("POST", target, [
        ("Content-Type", media_type), ("X-Twilio-Signature", sign(signed_url, params, token)),
        *headers], body, host=host)


def explain(config, request, *words):
    result = dlrd("explain", "-c", config, *words, input=request, text=False)
    result.stdout, result.stderr = result.stdout.decode(), result.stderr.decode()
    for secret in (TOKEN, OTHER_TOKEN, NEXT_TOKEN):
        assert secret not in result.stdout + result.stderr
    return result


def ask(config, request, *words):
    result = explain(config, request, "--json", *words)
    found = json.loads(result.stdout)
    assert result.returncode == (0 if found["valid"] else 1), result
    return found


def test_a_valid_request_is_reported_with_account_token_and_url(configure):
    config = configure()
    result = explain(config, saved(PUBLIC_URL + SAMPLE_TARGET))
    assert result.returncode == 0 and result.stdout.startswith("valid\n")
    assert ACCOUNT in result.stdout and "token: current" in result.stdout
    assert f"signed URL: {PUBLIC_URL}{SAMPLE_TARGET}\n" in result.stdout
    found = ask(config, saved(f"{PUBLIC_URL}:443{SAMPLE_TARGET}", token=NEXT_TOKEN))
    assert found == {"valid": True, "verdict": "valid", "account": ACCOUNT, "token": "next",
                    "url": f"{PUBLIC_URL}:443{SAMPLE_TARGET}", "routed": True}


@pytest.mark.parametrize("how", ["lf", "blank lines", "newline at the end", "absolute",
                                 "no length", "lower case"])
def test_a_request_may_be_saved_in_many_ways(configure, how):
    request = saved(PUBLIC_URL + SAMPLE_TARGET)
    head, body = request.split(b"\r\n\r\n")
    if how == "lf":
        request = request.replace(b"\r\n", b"\n")
    elif how == "blank lines":
        request = b"\n\r\n" + request
    elif how == "newline at the end":
        request += b"\r\n"
    elif how == "absolute":
        request = request.replace(b"POST ", b"POST " + PUBLIC_URL.encode(), 1)
    elif how == "no length":
        request = re.sub(rb"\r\nContent-Length: \d+", b"", request)
    elif how == "lower case":
        request = re.sub(rb"(?m)^[A-Za-z-]+:", lambda name: name[0].lower(), request)
    assert ask(configure(), request)["valid"], request


CASES = {
    # name: (public_url, signed URL, received target, headers, causes, words of the advice)
    "scheme": ("http://" + HOST, PUBLIC_URL + SAMPLE_TARGET, SAMPLE_TARGET, [], {"scheme"},
               f"[server] public_url = {PUBLIC_URL}"),
    "no public_url": (None, PUBLIC_URL + SAMPLE_TARGET, SAMPLE_TARGET, [], {"scheme"},
                      f"[server] public_url = {PUBLIC_URL}"),
    "host": ("https://wrong.example.com", PUBLIC_URL + SAMPLE_TARGET, SAMPLE_TARGET, [], {"host"},
             f"[server] public_url = {PUBLIC_URL}"),
    "port": (PUBLIC_URL, f"{PUBLIC_URL}:8443{SAMPLE_TARGET}", SAMPLE_TARGET, [], {"port"},
             f"[server] public_url = {PUBLIC_URL}:8443"),
    "listening port": (PUBLIC_URL, f"{PUBLIC_URL}:8123{SAMPLE_TARGET}", SAMPLE_TARGET, [],
                       {"port"}, f"[server] public_url = {PUBLIC_URL}:8123"),
    "prefix stripped": (PUBLIC_URL, f"{PUBLIC_URL}/edge{SAMPLE_TARGET}", SAMPLE_TARGET,
                        [("X-Forwarded-Prefix", "/edge")], {"prefix-stripped"},
                        f"[server] public_url = {PUBLIC_URL}/edge, since the proxy strips /edge"),
    "original": (PUBLIC_URL, f"{PUBLIC_URL}/edge{SAMPLE_TARGET}", SAMPLE_TARGET,
                 [("X-Original-URI", "/edge" + SAMPLE_TARGET)], {"prefix-stripped"},
                 f"[server] public_url = {PUBLIC_URL}/edge"),
    "prefix added": (PUBLIC_URL, f"{PUBLIC_URL}{PATH}", f"/inner{PATH}", [], {"prefix-added"},
                     "the proxy puts /inner before the path"),
    "public_url's path": (PUBLIC_URL + "/x", PUBLIC_URL + SAMPLE_TARGET, SAMPLE_TARGET, [],
                          {"prefix-added"}, f"[server] public_url = {PUBLIC_URL}"),
    "trailing slash": (PUBLIC_URL, f"{PUBLIC_URL}{PATH}/?{QUERY}", SAMPLE_TARGET, [],
                       {"trailing-slash"}, "a slash at the end"),
    "double slash": (PUBLIC_URL, f"{PUBLIC_URL}/{SAMPLE_TARGET}", SAMPLE_TARGET, [], {"path"},
                     "merge_slashes off"),
    "order": (PUBLIC_URL, f"{PUBLIC_URL}{PATH}?c=3&a=1&b=2", f"{PATH}?a=1&b=2&c=3", [],
              {"query-order"}, "sorted by name"),
    "encoding": (PUBLIC_URL, f"{PUBLIC_URL}{PATH}?a=x%20y", f"{PATH}?a=x+y", [],
                 {"query-encoding"}, "let the proxy pass the query as it is"),
    "lost": (PUBLIC_URL, PUBLIC_URL + SAMPLE_TARGET, PATH,
             [("X-Original-URI", SAMPLE_TARGET)], {"query-lost"}, "lost on the way"),
    "added": (PUBLIC_URL, PUBLIC_URL + PATH, SAMPLE_TARGET, [], {"query-added"}, "adds to it"),
    "scheme and port": ("http://" + HOST, f"{PUBLIC_URL}:8443{SAMPLE_TARGET}", SAMPLE_TARGET, [],
                        {"scheme", "port"}, f"[server] public_url = {PUBLIC_URL}:8443"),
    "scheme, port and prefix": (
        "http://" + HOST, f"{PUBLIC_URL}:8443/edge{SAMPLE_TARGET}", SAMPLE_TARGET,
        [("X-Forwarded-Prefix", "/edge")], {"scheme", "port", "prefix-stripped"},
        f"[server] public_url = {PUBLIC_URL}:8443/edge"),
    "order and slash": (PUBLIC_URL, f"{PUBLIC_URL}{PATH}/?b=2&a=1", f"{PATH}?a=1&b=2", [],
                        {"query-order", "trailing-slash"}, "sorted by name"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_alteration_is_named_and_the_advice_fixes_it(configure, case):
    public_url, url, target, headers, causes, advice = CASES[case]
    request = saved(url, target, headers=headers)
    found = ask(configure(public_url), request)
    assert (found["valid"], set(found["causes"])) == (False, causes), found
    assert found["cause"] in causes and found["url"] == url and found["account"] == ACCOUNT
    assert advice in found["advice"], found["advice"]
    text = explain(configure(public_url), request)
    assert text.returncode == 1 and text.stdout.startswith("invalid: mismatch\n")
    assert f"signed URL: {url}\n" in text.stdout and f"advice: {found['advice']}\n" in text.stdout
    assert "\n" not in found["advice"] and QUERY not in found["advice"]
    setting = re.search(r"\[server\] public_url = ([^\s,;]+)", found["advice"])
    if setting:
        assert ask(configure(setting[1]), request)["valid"], setting[1]


def test_another_accounts_token_is_named(configure):
    found = ask(configure(), saved(PUBLIC_URL + SAMPLE_TARGET, token=OTHER_TOKEN))
    assert found["cause"] == "other-account" and found["account"] == OTHER
    assert OTHER in found["advice"] and f"[account {ACCOUNT}]" in found["advice"]
    config = configure(tokens={OTHER: OTHER_TOKEN})
    found = ask(config, saved(PUBLIC_URL + SAMPLE_TARGET, token=OTHER_TOKEN))
    assert found["verdict"] == "unknown-account" and found["cause"] == "other-account"
    assert f"add [account {ACCOUNT}]" in found["advice"]


def test_a_rotated_token_is_named(configure):
    found = ask(configure(), saved(PUBLIC_URL + SAMPLE_TARGET, token="x" * 32))
    assert (found["cause"], found["url"], found["account"]) == ("token", None, None)
    assert f"[account {ACCOUNT}]" in found["advice"]


def test_what_cannot_be_explained_says_so(configure):
    found = ask(configure(), saved(PUBLIC_URL + SAMPLE_TARGET, params={"AccountSid": "AC" + "1" * 32,
                                                                      "Body": "x"}, token="x"))
    assert found["cause"] == "unexplained" and "add [account AC111" in found["advice"]
    unsigned = re.sub(rb"\r\nX-Twilio-Signature: [^\r]+", b"", saved(PUBLIC_URL + SAMPLE_TARGET))
    found = ask(configure(), unsigned)
    assert found["verdict"] == "no-signature" and "no X-Twilio-Signature" in found["advice"]


def test_a_json_body_is_explained(configure):
    config, body = configure(), json.dumps({"account_sid": ACCOUNT, "event_type": "click"}).encode()
    target = body_target(SAMPLE_TARGET, body)

    def request(body, url=PUBLIC_URL + target):
        return request_bytes("POST", target, [("Content-Type", "application/json"), (
            "X-Twilio-Signature", sign(url))], body)
    assert ask(config, request(body))["valid"]
    found = ask(config, request(body + b" "))
    assert found["verdict"] == "body-mismatch" and found["causes"] == ["body-changed"]
    found = ask(config, request(body, f"http://{HOST}{target}"))
    assert found["causes"] == ["scheme"]
    moved = f"{PATH}?bodySHA256={hashlib.sha256(body).hexdigest()}&{QUERY}"
    found = ask(config, request(body, PUBLIC_URL + moved))
    assert found["causes"] == ["query-order"]


def test_a_head_without_its_body_is_reported(configure):
    request = saved(PUBLIC_URL + SAMPLE_TARGET)
    head = re.sub(rb"\r\nContent-Length: \d+", b"", request.split(b"\r\n\r\n")[0])
    result = explain(configure(), head + b"\r\n\r\n")
    assert result.returncode == 1 and "a POST without a body" in result.stderr
    assert "without a body" not in explain(configure(), request).stderr


def test_a_form_whose_type_was_lost_is_explained(configure):
    request = saved(PUBLIC_URL + SAMPLE_TARGET, media_type="text/plain")
    found = ask(configure(), request)
    assert found["causes"] == ["body-changed"] and "Content-Type" in found["advice"]


def test_a_get_is_explained(configure):
    params = status_params(new_sid(), "delivered")
    target = f"{PATH}?account=A&{urlencode(params)}"

    def request(signature):
        return request_bytes("GET", target, [("X-Twilio-Signature", signature)])
    assert ask(configure(), request(sign(PUBLIC_URL + target)))["valid"]
    found = ask(configure(), request(sign(f"http://{HOST}{target}")))
    assert found["causes"] == ["scheme"]
    found = ask(configure(), request(sign(f"{PUBLIC_URL}{PATH}?account=A", params)))
    assert found["causes"] == ["method"] and "no redirect" in found["advice"]
    post = saved(PUBLIC_URL + SAMPLE_TARGET, params={}, body=urlencode(params).encode())
    assert ask(configure(), post)["causes"] == ["method"]


def test_a_wrong_command_line_or_request_is_2(configure, tmp_path):
    config = configure()
    for request in (b"", b"\n", b"nonsense", b"POST /x\r\n\r\n", b"GET x HTTP/1.1\n\n",
                    b"POST / HTTP/1.1\nno header\n\n", b"\x00\xff" * 50,
                    b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\n\n"):
        result = explain(config, request)
        assert result.returncode == 2 and result.stderr and not result.stdout, request
    for words in (["--nonsense"], ["a", "b"], ["--listen-port", "x"], ["--listen-port", "65536"],
                  ["/nonexistent"]):
        assert explain(config, b"", *words).returncode == 2, words
    assert dlrd("explain", "-c", tmp_path / "none.ini", "-").returncode == 2


def test_what_the_daemon_refuses_is_explained_from_its_file(configure, tmp_path):
    path = tmp_path / "request"
    path.write_bytes(saved(f"{PUBLIC_URL}:9321{SAMPLE_TARGET}"))
    found = ask(configure(), b"", "--listen-port", "9321", path)
    assert found["causes"] == ["port"]
    result = explain(configure(), saved(PUBLIC_URL + "/x", "/x"))
    assert result.returncode == 0 and "no [callback] section" in result.stderr


def test_verify_names_what_else_would_fit():
    params = status_params(new_sid(), "sent")
    signature = sign(PUBLIC_URL + SAMPLE_TARGET, params)
    result = dlrd("verify", "--url", f"http://{HOST}{SAMPLE_TARGET}", "--token", TOKEN,
                  "--signature", signature, "-", input=urlencode(params))
    assert result.returncode == 1 and result.stdout.startswith("invalid")
    assert "cause: scheme\n" in result.stdout
    assert f"signed URL: {PUBLIC_URL}{SAMPLE_TARGET}\n" in result.stdout
    assert f"public_url = {PUBLIC_URL}\n" in result.stdout
    result = dlrd("verify", "--url", f"http://{HOST}{SAMPLE_TARGET}", "--token", "x",
                  "--signature", signature, "-", input=urlencode(params))
    assert result.returncode == 1 and "cause" not in result.stdout
