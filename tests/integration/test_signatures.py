"""Signatures: dlrd, Twilio's Python SDK and Twilio's Node SDK must agree on random requests.

The SDKs' validators rewrite URLs (letter case, apostrophes, ports) before they sign; their signing
functions, used here, take the URL as it is, which is what Twilio does. Debian's Python SDK predates
repeated names, so the harness hands it the pairs in the way newer ones iterate them; the Node SDK
has its own code for those. Names are ASCII, as Twilio's are: the SDKs sort others differently.
"""

import base64
import hashlib
import json
import random
import subprocess
from urllib.parse import parse_qsl, quote, quote_plus, unquote_to_bytes

import pytest

import harness
from harness import (ACCOUNT, FORM, PUBLIC_URL, SAMPLE_TARGET, TOKEN, Pairs, body_target, dlrd,
                     new_sid, request_bytes, scaled, sign, signed_get, signed_json, status_params)

SUBACCOUNT = "AC" + "f" * 32
SUBTOKEN = "subaccount-token-subaccount-toke"


class NodeSigner:
    """One process of Node that signs and validates with the npm package."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", "signer.js"], cwd=harness.HERE, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, op, url, token=TOKEN, **more):
        self.process.stdin.write(json.dumps({"op": op, "token": token, "url": url, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def sign(self, url, pairs=(), token=TOKEN):
        params = {}
        for name, value in pairs:
            params.setdefault(name, []).append(value)
        return self.ask("sign", url, token, params={
            name: values[0] if len(values) == 1 else values for name, values in params.items()})

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture(scope="module")
def node():
    harness.need_npm_package("twilio")
    signer = NodeSigner()
    yield signer
    signer.close()


# --- random requests ---

CHARACTERS = ["a", "Z", "0", " ", "  ", "+", "%", "%41", "%zz", "&", "=", "?", "#", "/", "\\", "\"",
              "'", "<", ">", "\r\n", "\t", "é", "ß", "Ω", "中文", "\U0001f600", "\u200d", "\u202e",
              ".", ",", ";", ":", "@", "~", "-", "_", "*", "(", ")", "\x00", "\x7f", "null"]
NAMES = ["Body", "To", "From", "FromCity", "ToZip", "MediaUrl0", "Reason", "ReasonConferenceEnded",
         "CallSid", "callSid", "CALLSID", "A", "A1", "AB", "a", "0", "10", "9", "x y", "x+y", "x%y",
         "", "SomethingNew", "MessagingServiceSid"]
QUERY_PIECES = ["a=1", "b=%20", "c=+", "d=%2B", "e=%c3%a9", "f=%C3%A9", "g=", "h", "=", "i=a/b?c",
                "j=:@", "k=~._-", "l=%25", "m=!$()*,;", "n=a=b=c", "o=%00", "p='", "q=%27",
                "r=%7E", "s=[]", "t={}|", "a=2", ""]


def random_text(rng):
    if rng.random() < 0.02:
        return rng.choice(CHARACTERS) * rng.randrange(1000, 3000)
    return "".join(rng.choice(CHARACTERS) for _ in range(rng.randrange(0, 12)))


def random_pairs(rng):
    pairs = [("MessageSid", new_sid()), ("MessageStatus", rng.choice(["sent", "delivered"]))]
    if rng.random() < 0.8:
        pairs.append(("AccountSid", ACCOUNT))
    for name in rng.sample(NAMES, rng.randrange(0, 9)):
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            value = random_text(rng)
            # If a name repeats, each SDK orders the values in its encoding.
            pairs.append((name, value if sum(n == name for n, _ in pairs) == 0
                          else value.encode("ascii", "ignore").decode()))
    pairs = [(name, value) if sum(n == name for n, _ in pairs) == 1
             else (name, value.encode("ascii", "ignore").decode()) for name, value in pairs]
    rng.shuffle(pairs)
    return pairs


def random_target(rng):
    if rng.random() < 0.1:
        return "/sms/twilio"
    query = "&".join(rng.choice(QUERY_PIECES) for _ in range(rng.randrange(0, 8)))
    if rng.random() < 0.03:
        query += "&long=" + "%41b" * 800
    return "/sms/twilio?" + query


def encoded(rng, text):
    """One of the many ways to write a text in a form."""
    way = rng.randrange(4)
    if way == 0:
        return quote_plus(text)
    if way == 1:
        return quote(text, safe="")
    if way == 2:
        return "".join("%%%02x" % byte for byte in text.encode())
    return quote_plus(text, safe="!*'()~:@,/?;")


def random_body(rng, pairs):
    pieces = []
    for name, value in pairs:
        piece = encoded(rng, name) + "=" + encoded(rng, value)
        if value == "" and name != "" and rng.random() < 0.5:
            piece = encoded(rng, name)
        pieces.append(piece)
    return "&".join(pieces).encode()


def post_with(signature, target, body, media_type=FORM):
    return request_bytes("POST", target, [
        ("Content-Type", media_type), ("X-Twilio-Signature", signature)], body)


def test_random_forms_python_node_and_the_daemon_agree(node, daemon):
    rng = random.Random("forms")
    with daemon.connect() as connection:
        for i in range(scaled(2500, 300)):
            pairs, target = random_pairs(rng), random_target(rng)
            body = random_body(rng, pairs)
            ours = sign(PUBLIC_URL + target, Pairs(pairs))
            theirs = node.sign(PUBLIC_URL + target, list(dict.fromkeys(pairs)))
            assert ours == theirs, (target, pairs)
            media_type = FORM if i % 3 else FORM.upper() + " ; charset=UTF-8"
            response = connection.ask(post_with(ours, target, body, media_type))
            assert response.status in (200, 204), (response, target, body)
    daemon.audit()
    assert len(daemon.events()) == scaled(2500, 300)


def test_random_gets_python_node_and_the_daemon_agree(node, daemon):
    rng = random.Random("gets")
    with daemon.connect() as connection:
        for _ in range(scaled(500, 60)):
            target = random_target(rng)
            target += ("&" if "?" in target else "?") + f"MessageSid={new_sid()}&MessageStatus=sent"
            signature = sign(PUBLIC_URL + target)
            assert signature == node.sign(PUBLIC_URL + target)
            response = connection.ask(
                request_bytes("GET", target, [("X-Twilio-Signature", signature)]), "GET")
            assert response.status in (200, 204), (response, target)


def test_random_json_bodies_python_node_and_the_daemon_agree(node, daemon):
    rng = random.Random("json")
    with daemon.connect() as connection:
        for _ in range(scaled(500, 60)):
            body = json.dumps({random_text(rng): random_text(rng) for _ in range(5)},
                              ensure_ascii=rng.random() < 0.5).encode()
            target = body_target(random_target(rng), body)
            signature = sign(PUBLIC_URL + target)
            assert signature == node.sign(PUBLIC_URL + target)
            response = connection.ask(post_with(signature, target, body, "application/json"))
            assert response.status == 204, (response, target, body)
    assert all(event["type"] == "Unrecognised" for event in daemon.events())


def cli_sign(url, body=None, token=TOKEN, media_type=None):
    words = ["sign", "--url", url, "--token", token]
    if media_type:
        words += ["--type", media_type]
    result = dlrd(*words, *([] if body is None else ["-"]), input=body, text=False)
    assert result.returncode == 0, result
    return result.stdout.decode().strip()


def cli_verify(url, signature, body=None, token=TOKEN, media_type=None):
    words = ["verify", "--url", url, "--token", token, "--signature", signature]
    if media_type:
        words += ["--type", media_type]
    return dlrd(*words, *([] if body is None else ["-"]), input=body, text=False)


def test_dlrd_sign_and_verify_agree_with_both_sdks_on_forms(node):
    rng = random.Random("sign")
    for _ in range(scaled(250, 25)):
        pairs, target = random_pairs(rng), random_target(rng)
        body, url = random_body(rng, pairs), PUBLIC_URL + target
        signature = cli_sign(url, body)
        assert signature == sign(url, Pairs(pairs)) == node.sign(url, list(dict.fromkeys(pairs)))
        assert cli_verify(url, signature, body).returncode == 0
        wrong = cli_verify(url, sign(url, Pairs(pairs + [("More", "")])), body)
        assert wrong.returncode == 1 and wrong.stdout.startswith(b"invalid")


def test_dlrd_sign_and_verify_agree_with_both_sdks_on_gets(node):
    rng = random.Random("sign gets")
    for _ in range(scaled(100, 15)):
        url = PUBLIC_URL + random_target(rng)
        signature = cli_sign(url)
        assert signature == sign(url) == node.sign(url)
        assert cli_verify(url, signature).returncode == 0
        assert cli_verify(url + "&", signature).returncode == 1


def test_what_dlrd_signs_the_sdks_validate(node):
    url = PUBLIC_URL + SAMPLE_TARGET
    params = status_params(new_sid(), "delivered")
    body = "&".join(f"{name}={quote(value)}" for name, value in params.items()).encode()
    signature = cli_sign(url, body)
    assert node.ask("validate", url, signature=signature, params=params) is True
    assert harness.RequestValidator(TOKEN).validate(url, params, signature)
    text = '{"event_type":"click","text":"grün"}'
    bound = body_target(url, text.encode())
    signature = cli_sign(bound, text.encode(), media_type="application/json")
    assert node.ask("validateBody", bound, signature=signature, body=text) is True
    assert harness.RequestValidator(TOKEN).validate(bound, text, signature)


def test_dlrd_sign_binds_a_body_that_is_no_form():
    result = dlrd("sign", "--url", PUBLIC_URL + SAMPLE_TARGET, "--token", TOKEN, "--type",
                  "application/json", "-", input='{"a":1}')
    bound = PUBLIC_URL + body_target(SAMPLE_TARGET, b'{"a":1}')
    assert result.stdout.strip() == sign(bound)
    assert bound in result.stderr


@pytest.mark.parametrize("words,code", [
    (["verify"], 2),
    (["verify", "--url", "https://a/"], 2),
    (["verify", "--url", "https://a/", "--token", "t"], 2),
    (["verify", "--url", "no url", "--token", "t", "--signature", "s"], 2),
    (["verify", "--url", "https://a/", "--token", "t", "--token-file", "/x", "--signature", "s"], 2),
    (["verify", "--url", "https://a/", "--token-file", "/nonexistent", "--signature", "s"], 2),
    (["verify", "--url", "https://a/", "--token", "t", "--signature", "s", "/nonexistent"], 2),
    (["verify", "--url", "https://a/", "--token", "t", "--signature", "s", "--nonsense"], 2),
    (["verify", "--url", "https://a/", "--token", "t", "--signature", "s"], 1),
    (["verify", "--url", "https://a/", "--token", "t", "--signature", ""], 1),
    (["sign", "--url", "https://a/"], 2),
    (["sign", "--token", "t"], 2),
], ids=range(12))
def test_verify_distinguishes_a_wrong_command_line_from_an_invalid_signature(words, code):
    result = dlrd(*words)
    assert result.returncode == code, result
    assert (result.stderr if code == 2 else result.stdout) != ""


def test_a_token_may_come_from_a_file(tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN + "\n")
    url = PUBLIC_URL + SAMPLE_TARGET
    result = dlrd("sign", "--url", url, "--token-file", token_file)
    assert result.stdout.strip() == sign(url)
    assert dlrd("verify", "--url", url, "--token-file", token_file, "--signature",
                sign(url)).returncode == 0


# --- nothing else is accepted ---


def test_any_flipped_bit_of_the_signature_is_refused(shared_daemon):
    params = status_params(new_sid(), "sent")
    body = "&".join(f"{name}={quote(value)}" for name, value in params.items()).encode()
    right = base64.b64decode(sign(PUBLIC_URL + SAMPLE_TARGET, params))
    with shared_daemon.connect() as connection:
        for bit in range(160):
            wrong = bytearray(right)
            wrong[bit // 8] ^= 1 << bit % 8
            text = base64.b64encode(wrong).decode()
            assert connection.ask(post_with(text, SAMPLE_TARGET, body)).status == 403
        good = base64.b64encode(right).decode()
        assert connection.ask(post_with(good, SAMPLE_TARGET, body)).status == 204


def test_a_signature_has_one_spelling_only(shared_daemon):
    params = status_params(new_sid(), "sent")
    body = "&".join(f"{name}={quote(value)}" for name, value in params.items()).encode()
    right = sign(PUBLIC_URL + SAMPLE_TARGET, params)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = alphabet.index(right[26])
    assert last % 4 == 0
    wrong = [right[:26] + alphabet[last + extra] + "=" for extra in (1, 2, 3)]
    wrong += [right[:-1], right + "=", right + "A", right[:-1] + "A", "=" + right[1:],
              right.swapcase(), f'"{right}"', right + "," + right, right[:14] + " " + right[14:],
              "sha1=" + right, right[1:] + right[0]]
    if "+" in right or "/" in right:
        wrong.append(right.replace("+", "-").replace("/", "_"))
    with shared_daemon.connect() as connection:
        for text in wrong:
            response = connection.ask(post_with(text, SAMPLE_TARGET, body))
            assert response.status == 403, (text, right)


def test_a_flipped_bit_in_body_or_query_is_refused_unless_it_means_the_same(shared_daemon):
    rng = random.Random("bits")
    refused = 0
    with shared_daemon.connect() as connection:
        for _ in range(scaled(1500, 200)):
            params = status_params(new_sid(), "sent", Body="a b+c&d=é")
            target = SAMPLE_TARGET
            body = "&".join(f"{quote(n)}={quote(v, safe='')}" for n, v in params.items()).encode()
            signature = sign(PUBLIC_URL + target, params)
            if rng.random() < 0.3:
                query_at = target.index("?") + 1
                at = rng.randrange(query_at, len(target))
                changed = chr(ord(target[at]) ^ (1 << rng.randrange(7)))
                if not "!" <= changed <= "~":
                    continue
                target = target[:at] + changed + target[at + 1:]
                same = False
            else:
                at, changed = rng.randrange(len(body)), bytearray(body)
                changed[at] ^= 1 << rng.randrange(8)
                body = bytes(changed)
                same = meaning(body) == meaning_of(params)
            status = connection.ask(post_with(signature, target, body)).status
            assert status == (204 if same else 403), (target, body)
            refused += not same
    assert refused > scaled(1000, 100)


def meaning(body):
    """The pairs of a form, as bytes, sorted and each once."""
    pairs = set()
    for piece in body.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.add((unquote_to_bytes(name.replace(b"+", b" ")),
                       unquote_to_bytes(value.replace(b"+", b" "))))
    return b"".join(name + value for name, value in sorted(pairs))


def meaning_of(params):
    return b"".join(n.encode() + v.encode() for n, v in sorted(params.items()))


def test_the_method_is_part_of_what_is_checked(shared_daemon):
    """A form's parameters are signed in a POST and not in a GET."""
    target = f"/sms/twilio?MessageSid={new_sid()}&MessageStatus=sent"
    params = dict(parse_qsl(target.partition("?")[2]))
    body_signature = sign(PUBLIC_URL + target, params)
    assert shared_daemon.ask(request_bytes(
        "GET", target, [("X-Twilio-Signature", body_signature)]), "GET").status == 403
    assert shared_daemon.ask(signed_get(target), "GET").status == 204


# --- bodies that are no forms ---


JSON_BODY = b'{"event_type":"click","sms_sid":"SM1","account_sid":"' + ACCOUNT.encode() + b'"}'


def bound(*hashes, target=SAMPLE_TARGET):
    return target + "".join(f"&bodySHA256={value}" for value in hashes)


HASH = hashlib.sha256(JSON_BODY).hexdigest()


@pytest.mark.parametrize("hashes,status", [
    ([HASH], 204),
    ([HASH, HASH], 204),
    ([], 403),
    ([""], 403),
    (["0" * 64], 403),
    ([HASH.upper()], 403),
    ([HASH[:-1]], 403),
    ([HASH + "0"], 403),
    ([HASH, "0" * 64], 403),
    (["0" * 64, HASH], 403),
    ([base64.b64encode(hashlib.sha256(JSON_BODY).digest()).decode()], 403),
], ids=["right", "twice", "missing", "empty", "wrong", "upper-case", "short", "long",
        "right-then-wrong", "wrong-then-right", "base64"])
def test_a_json_body_is_bound_by_its_hash(shared_daemon, hashes, status):
    target = bound(*hashes)
    signature = sign(PUBLIC_URL + target)
    response = shared_daemon.ask(post_with(signature, target, JSON_BODY, "application/json"))
    assert response.status == status
    verified = cli_verify(PUBLIC_URL + target, signature, JSON_BODY, media_type="application/json")
    assert verified.returncode == (0 if status == 204 else 1)


def test_a_json_body_with_its_right_hash_and_a_wrong_signature_is_refused(shared_daemon):
    target = bound(HASH)
    for signature in (sign(PUBLIC_URL + SAMPLE_TARGET), sign(PUBLIC_URL + target, {}, "x" * 32)):
        response = shared_daemon.ask(post_with(signature, target, JSON_BODY, "application/json"))
        assert response.status == 403


@pytest.mark.parametrize("media_type", [None, "text/plain", "multipart/form-data; boundary=x",
                                        "application/json; charset=utf-8", "application/x-www-form"])
def test_whatever_is_no_form_needs_its_hash(shared_daemon, media_type):
    headers = [] if media_type is None else [("Content-Type", media_type)]
    body = b"MessageSid=SM1&MessageStatus=sent"
    for target, status in ((SAMPLE_TARGET, 403), (body_target(SAMPLE_TARGET, body), 204)):
        for signature in [sign(PUBLIC_URL + target)]:
            data = request_bytes(
                "POST", target, [*headers, ("X-Twilio-Signature", signature)], body)
            assert shared_daemon.ask(data).status == status
    # The form's own signature does not do for it either.
    signature = sign(PUBLIC_URL + SAMPLE_TARGET, dict(parse_qsl(body.decode())))
    data = request_bytes("POST", SAMPLE_TARGET, [*headers, ("X-Twilio-Signature", signature)], body)
    assert shared_daemon.ask(data).status == 403


def test_a_form_may_be_bound_by_a_hash_too(shared_daemon):
    """The Go and Node SDKs try the parameters first, and then the URL with its hash."""
    params = status_params(new_sid(), "sent")
    body = "&".join(f"{name}={quote(value)}" for name, value in params.items()).encode()
    target = body_target(SAMPLE_TARGET, body)
    for signature in (sign(PUBLIC_URL + target), sign(PUBLIC_URL + target, params)):
        assert shared_daemon.ask(post_with(signature, target, body)).status == 204
    changed = body.replace(b"sent", b"read")
    assert shared_daemon.ask(post_with(sign(PUBLIC_URL + target), target, changed)).status == 403
    unbound = post_with(sign(PUBLIC_URL + SAMPLE_TARGET), SAMPLE_TARGET, body)
    assert shared_daemon.ask(unbound).status == 403


# --- URLs ---


@pytest.mark.parametrize("public_url,accepted,refused", [
    ("https://h.example", ["https://h.example", "https://h.example:443"],
     ["http://h.example", "https://h.example:80", "https://h.example:8443", "https://H.example",
      "https://h.example/", "https://h.example.", "https://other.example"]),
    ("https://h.example:8443", ["https://h.example:8443", "https://h.example"],
     ["https://h.example:443", "http://h.example:8443", "https://h.example:84430"]),
    ("https://h.example:443", ["https://h.example:443", "https://h.example"],
     ["https://h.example:80"]),
    ("http://h.example", ["http://h.example", "http://h.example:80"],
     ["https://h.example", "http://h.example:443"]),
    ("https://[2001:db8::1]:8443", ["https://[2001:db8::1]:8443", "https://[2001:db8::1]"],
     ["https://[2001:db8::2]:8443"]),
    ("https://h.example/hooks", ["https://h.example/hooks", "https://h.example:443/hooks"],
     ["https://h.example", "https://h.example/hook"]),
    ("https://h.example/hooks/", ["https://h.example/hooks"], ["https://h.example/hooks/"]),
    ("https://h.example#rc=5&rp=all", ["https://h.example"], ["https://h.example#rc=5&rp=all"]),
    ("https://user:secret@h.example", ["https://h.example"], ["https://user:secret@h.example"]),
], ids=["no-port", "port", "standard-port", "http", "ipv6", "path", "path-slash", "fragment",
        "userinfo"])
def test_the_public_url_is_what_is_signed_with_and_without_its_port(
        make_daemon, public_url, accepted, refused):
    daemon = make_daemon({"server": {"public_url": public_url}})
    for base in accepted:
        params = status_params(new_sid(), "sent")
        assert daemon.post(SAMPLE_TARGET, params, public_url=base).status == 204, base
    for base in refused:
        params = status_params(new_sid(), "sent")
        assert daemon.post(SAMPLE_TARGET, params, public_url=base).status == 403, base


def test_several_public_urls_are_all_believed(make_daemon):
    bases = ["https://a.example", "http://b.example:8080", "https://c.example/path"]
    daemon = make_daemon({"server": {"public_url": ", ".join(bases)}})
    for base in bases:
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), public_url=base)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), 403,
                public_url="https://d.example")


def test_with_a_public_url_no_header_changes_what_is_verified(shared_daemon):
    for header, value in (("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http"),
                          ("Forwarded", "host=evil.example"), ("X-Original-URL", "/other")):
        shared_daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"),
                           headers=[(header, value)])
        shared_daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), 403,
                           headers=[(header, value)], public_url="https://evil.example")


def test_without_a_public_url_the_host_header_counts(make_daemon):
    daemon = make_daemon({"server": {"public_url": None}})
    params = status_params(new_sid(), "sent")
    daemon.keep(SAMPLE_TARGET, params, public_url="http://own.example", host="own.example")
    daemon.keep(SAMPLE_TARGET, params, public_url="http://own.example:8080",
                host="own.example:8080")
    daemon.keep(SAMPLE_TARGET, params, 403, public_url="http://own.example", host="not.example")


def test_forwarded_headers_are_believed_from_trusted_proxies_only(make_daemon):
    headers = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "outside.example")]
    trusting = make_daemon({"server": {"public_url": None, "trusted_proxies": "127.0.0.1"}})
    wary = make_daemon({"server": {"public_url": None, "trusted_proxies": "192.0.2.1, ::1"}})
    params = status_params(new_sid(), "sent")
    trusting.keep(SAMPLE_TARGET, params, public_url="https://outside.example", headers=headers)
    trusting.keep(SAMPLE_TARGET, params, 403, public_url="http://callbacks.example.com",
                  headers=headers)
    wary.keep(SAMPLE_TARGET, params, 403, public_url="https://outside.example", headers=headers)
    wary.keep(SAMPLE_TARGET, params, public_url="http://callbacks.example.com", headers=headers)


@pytest.mark.parametrize("scheme, proto, host", [
    ("https", "https,http", "outside.example"),
    ("https", "HTTPS", "outside.example"),
    ("https", " https , http, http", " outside.example , inner.example"),
    ("http", "http, https", "outside.example,inner.example"),
    ("http", "Http", "outside.example"),
    ("https", "https", "outside.example:8443, inner.example"),
    ("https", "https", "[2001:db8::1]:8443"),
])
def test_the_leftmost_forwarded_value_counts_in_any_case(make_daemon, scheme, proto, host):
    daemon = make_daemon({"server": {"public_url": None, "trusted_proxies": "127.0.0.1"}})
    headers = [("X-Forwarded-Proto", proto), ("X-Forwarded-Host", host)]
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), headers=headers,
                public_url=f"{scheme}://{host.split(',')[0].strip()}")


def test_the_first_of_several_forwarded_values_counts(make_daemon):
    """Each proxy appends, to the header or as another header."""
    daemon = make_daemon({"server": {"public_url": None, "trusted_proxies": "127.0.0.1"}})
    headers = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "outside.example"),
               ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "inner.example")]
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), headers=headers,
                public_url="https://outside.example")


@pytest.mark.parametrize("host", ["name/evil", "user:pw@name", "user@name", "name?x", "name#x", "name\\x",
                                  "name:80:81", "name:port", "name:123456", "name:65536", "name:0", "[::1", "[::1]x", "[name]",
                                  "a b", "a<b", ":80", "é"])
@pytest.mark.parametrize("settings", [
    {"public_url": None}, {}, {"public_url": None, "trusted_proxies": "127.0.0.1"}],
    ids=["host", "public-url", "forwarded"])
def test_a_host_is_an_authority_and_nothing_else(make_daemon, settings, host):
    """The text after the name would be taken for the path of the verified URL."""
    daemon = make_daemon({"server": settings})
    forwarded = "trusted_proxies" in settings
    headers = [("X-Forwarded-Host", host)] if forwarded else []
    response = daemon.post(
        SAMPLE_TARGET, status_params(new_sid(), "sent"), public_url=f"http://{host}", headers=headers,
        host="own.example" if forwarded else host)
    assert response.status == (400 if settings == {"public_url": None} else 403)
    assert daemon.events() == []


def test_a_host_that_is_not_used_loses_no_callback(daemon):
    """With a public URL it does not matter what a proxy sends as Host."""
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), host="https://own.example/")


# --- accounts and tokens ---


def test_a_rotation_knows_three_tokens(make_daemon):
    tokens = {"auth_token": TOKEN, "next_auth_token": "n" * 32, "previous_auth_token": "p" * 32}
    daemon = make_daemon({f"account {ACCOUNT}": tokens}, tokens=tokens.values())
    for token in tokens.values():
        daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), token=token)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), 403, token="x" * 32)
    for label in ("current", "next", "previous"):
        labels = f'{{account="{ACCOUNT}",token="{label}"}}'
        assert daemon.metric("dlrd_token_used_total", labels) == 1
    del daemon.sections[f"account {ACCOUNT}"]["previous_auth_token"]
    daemon.restart()
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), 403, token="p" * 32)
    daemon.keep(SAMPLE_TARGET, status_params(new_sid(), "sent"), token="n" * 32)


@pytest.fixture
def two_accounts(make_daemon):
    return make_daemon({f"account {SUBACCOUNT}": {"auth_token": SUBTOKEN}},
                       tokens=(TOKEN, SUBTOKEN))


def test_each_account_is_verified_with_its_own_tokens(two_accounts):
    for account, own, other in ((ACCOUNT, TOKEN, SUBTOKEN), (SUBACCOUNT, SUBTOKEN, TOKEN)):
        params = status_params(new_sid(), "sent", AccountSid=account)
        two_accounts.keep(SAMPLE_TARGET, params, token=own)
        two_accounts.keep(SAMPLE_TARGET, params, 403, token=other)
    assert {event["account"] for event in two_accounts.events()} == {ACCOUNT, SUBACCOUNT}


def test_a_request_that_names_no_account_is_tried_with_all(two_accounts):
    for token in (TOKEN, SUBTOKEN):
        params = status_params(new_sid(), "sent", AccountSid=None)
        two_accounts.keep(SAMPLE_TARGET, params, token=token)
    assert [event["account"] for event in two_accounts.events()] == [ACCOUNT, SUBACCOUNT]


@pytest.mark.parametrize("body", [
    {"account_sid": SUBACCOUNT}, {"accountSid": SUBACCOUNT}, {"data": {"accountSid": SUBACCOUNT}},
    {"data": {"account_sid": SUBACCOUNT}}, [{"data": {"accountSid": SUBACCOUNT}}]], ids=range(5))
def test_a_json_body_names_its_account(two_accounts, body):
    assert two_accounts.ask(signed_json(SAMPLE_TARGET, body, token=SUBTOKEN)).status == 204
    assert two_accounts.ask(signed_json(SAMPLE_TARGET, body, token=TOKEN)).status == 403


@pytest.mark.parametrize("body", [
    b'[{"data":{"accountSid":"%s","text":"\\ud83d"}}]', b'{"accountSid":"%s"', b"\xff\x00 %s", b"%s",
    b'{"x":"' + b"AC" * 20000 + b'","account_sid":"%s"}', b"[" * 5000 + b'"%s"',
    b'{"parent":"AC' + b"9" * 32 + b'","key\\u0000":1e999,"account_sid":"%s"}'], ids=range(7))
def test_the_account_of_a_body_is_found_even_if_the_body_does_not_parse(make_daemon, body):
    """Behind so many accounts that not all are tried."""
    others = {f"account AC{i:032x}": {"auth_token": f"another-token-{i}"} for i in range(40)}
    daemon = make_daemon(others, tokens=(TOKEN,))
    data = body.replace(b"%s", ACCOUNT.encode())
    assert daemon.ask(signed_json(SAMPLE_TARGET, data)).status == 204
    assert daemon.ask(signed_json(SAMPLE_TARGET, data, token="x" * 32)).status == 403


def test_each_account_that_a_body_names_is_tried(two_accounts):
    body = [{"data": {"accountSid": sid}} for sid in (ACCOUNT, SUBACCOUNT, "AC" + "7" * 32)]
    for token in (TOKEN, SUBTOKEN):
        assert two_accounts.ask(signed_json(SAMPLE_TARGET, body, token=token)).status == 204
    assert two_accounts.ask(signed_json(SAMPLE_TARGET, body, token="x" * 32)).status == 403


def test_a_body_that_names_only_other_accounts_is_tried_as_one_that_names_none(two_accounts):
    body = {"link": "https://example.com/AC" + "7" * 32}
    assert two_accounts.ask(signed_json(SAMPLE_TARGET, body, token=SUBTOKEN)).status == 204


def signed_as(signed, sent, method="GET", body=b"", media_type=None):
    """A request for one target with the signature of another."""
    headers = [("X-Twilio-Signature", sign(PUBLIC_URL + signed))]
    if media_type:
        headers.append(("Content-Type", media_type))
    return request_bytes(method, sent, headers, body)


def get_targets(signed, sent):
    common = f"/sms/twilio?account=A&MessageSid={new_sid()}&MessageStatus=sent&AccountSid={ACCOUNT}"
    return f"{common}&x={signed}", f"{common}&x={sent}"


RESPELLED = [
    ("whatsapp:%2B15005550006", "whatsapp%3A%2B15005550006"), ("a%3Ab", "a:b"), ("a%3ab", "a%3Ab"),
    ("it's", "it%27s"), ("it%27s", "it's"), ("a@b", "a%40b"), ("a%2Fb%3Fc", "a/b?c"),
    ("%7Euser", "~user"), ("a-b.c_d", "a%2Db%2Ec%5Fd"), ("plain", "%70lai%6e"), ("a%24b", "a$b"),
    ("(a)", "%28a%29"), ("a*b", "a%2Ab"), ("a;b", "a%3Bb"), ("a,b", "a%2Cb"), ("a!b", "a%21b"),
    ("a:b%40c", "a%3Ab@c"), ("a:b%2Cc'", "a%3Ab,c'"), ("a:b@c,d'e/f", "a%3Ab%40c%2Cd%27e%2Ff"),
    ("whatsapp:%2B1%20a%2Cb%21%27%2F", "whatsapp%3A%2B1%20a%2Cb%21%27%2F"),
    ("a%40b%2Cc%21d'%2F", "a%40b%2Cc%21d%27%2F")]


@pytest.mark.parametrize("signed,sent", RESPELLED, ids=range(len(RESPELLED)))
def test_a_get_is_accepted_if_only_the_escapes_of_its_query_differ(shared_daemon, signed, sent):
    signed, sent = get_targets(signed, sent)
    assert shared_daemon.ask(signed_as(signed, sent), "GET").status == 204
    body = b"{}"
    bound = hashlib.sha256(body).hexdigest()
    simple = f"/sms/twilio?x=whatsapp%s2B1&bodySHA256={bound}"
    assert shared_daemon.ask(signed_as(simple % ":%", simple % "%3A%", "POST", body,
                                       "application/json")).status == 204


@pytest.mark.parametrize("signed,sent", [
    ("a%26b", "a&b"), ("a&b=c", "a%26b=c"), ("a%3Db", "a=b"), ("a%2Bb", "a+b"), ("a+b", "a%2Bb"),
    ("a%20b", "a+b"), ("a%25b", "a%b"), ("a%2541", "a%41"), ("a%23b", "a#b"), ("a%2Fb", "a%252Fb"),
    ("a:b", "a;b"), ("a:b", "a%3Bb"), ("a", "a&"), ("a%C3%A9", "a%c3%a9"), ("%22a%22", '"a"'),
], ids=range(15))
def test_a_query_that_differs_in_more_than_escapes_is_refused(shared_daemon, signed, sent):
    signed, sent = get_targets(signed, sent)
    assert shared_daemon.ask(signed_as(signed, sent), "GET").status in (400, 403)


def test_the_query_of_a_form_counts_byte_for_byte(shared_daemon):
    params = status_params(new_sid(), "sent")
    signature = sign(PUBLIC_URL + "/sms/twilio?x=a:b", params)
    body = "&".join(f"{name}={quote(value)}" for name, value in params.items()).encode()
    assert shared_daemon.ask(post_with(signature, "/sms/twilio?x=a%3Ab", body)).status == 403


def test_explain_shows_the_query_as_it_was_signed(shared_daemon):
    signed, sent = get_targets("whatsapp:%2B1", "whatsapp%3A%2B1")
    explained = shared_daemon.cli("explain", input=signed_as(signed, sent), text=False).stdout.decode()
    assert explained.startswith("valid\n") and f"signed URL: {PUBLIC_URL}{signed}\n" in explained


def test_a_route_may_name_its_account(make_daemon):
    daemon = make_daemon({f"account {SUBACCOUNT}": {"auth_token": SUBTOKEN},
                          "callback /sub": {"kind": "status", "account": SUBACCOUNT}},
                         tokens=(TOKEN, SUBTOKEN))
    nameless = status_params(new_sid(), "sent", AccountSid=None)
    daemon.keep("/sub", nameless, token=SUBTOKEN)
    daemon.keep("/sub", nameless, 403, token=TOKEN)


def test_an_unknown_account_gets_the_same_answer_as_a_wrong_signature(shared_daemon):
    answers = set()
    for account in (ACCOUNT, "AC" + "0" * 32, "AC", "", "'; DROP TABLE event; --", "x" * 5000):
        params = status_params(new_sid(), "sent", AccountSid=account)
        response = shared_daemon.post(SAMPLE_TARGET, params, token="x" * 32)
        answers.add((response.head.partition(b"\r\n")[0], response.body,
                     tuple((name, value) for name, value in response.headers if name != "Date")))
    assert len(answers) == 1 and b" 403 " in answers.pop()[0]


def test_a_signature_for_one_route_does_not_do_for_another(shared_daemon):
    params = status_params(new_sid(), "sent")
    signature = sign(PUBLIC_URL + "/sms/twilio", params)
    body = "&".join(f"{name}={quote(value)}" for name, value in params.items()).encode()
    assert shared_daemon.ask(post_with(signature, "/sms/dlr/twilio", body)).status == 403
    assert shared_daemon.ask(post_with(signature, "/sms/twilio", body)).status == 204
