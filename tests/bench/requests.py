#!/usr/bin/python3
"""Writes signed status callbacks, each of another message, one a line: signature TAB form body.

usage: requests.py COUNT URL TOKEN ACCOUNT [form|json SIZE] > FILE

Signed here with nothing but hmac, so that a hundred thousand of them take a second. With a SIZE, each
body has at least so many bytes; a JSON one is followed by TAB and the hash that binds it.
"""
import base64
import hashlib
import hmac
import json
import random
import sys
import urllib.parse

OUTCOMES = (
    [("delivered", None)] * 80
    + [("undelivered", "30003")] * 6
    + [("undelivered", "30005")] * 5
    + [("failed", "30007")] * 5
    + [("undelivered", "30006")] * 4
)


def callback(dice, account):
    sid = f"SM{dice.getrandbits(128):032x}"
    status, code = dice.choice(OUTCOMES)
    fields = {
        "SmsSid": sid,
        "SmsStatus": status,
        "MessageStatus": status,
        "To": f"+1555{dice.randrange(10**7):07d}",
        "MessagingServiceSid": "MG0123456789abcdef0123456789abcdef",
        "MessageSid": sid,
        "AccountSid": account,
        "From": "+15005550006",
        "ApiVersion": "2010-04-01",
        "RawDlrDoneDate": "2611201312",
    }
    if code:
        fields["ErrorCode"] = code
    return fields


def sign(token, text):
    return base64.b64encode(hmac.new(token, text.encode(), hashlib.sha1).digest()).decode()


def json_line(fields, url, token, size):
    """Many small values, which take the most to parse."""
    room = max(0, size - len(json.dumps({**fields, "X": []}, separators=(",", ":"))))
    body = json.dumps({**fields, "X": [1] * (room // 2 + 1)}, separators=(",", ":"))
    digest = hashlib.sha256(body.encode()).hexdigest()
    mark = "&" if "?" in url else "?"
    return [sign(token, f"{url}{mark}bodySHA256={digest}"), body, digest]


def form_line(fields, url, token, size):
    room = max(0, size - len(urllib.parse.urlencode({**fields, "X": ""})))
    if room > 0:
        fields = {**fields, "X": "1" * room}
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return [sign(token, text), urllib.parse.urlencode(fields)]


def main():
    count, url, token, account = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode(), sys.argv[4]
    kind, size = (sys.argv[5], int(sys.argv[6])) if len(sys.argv) > 5 else ("form", 0)
    write = json_line if kind == "json" else form_line
    dice = random.Random(1)
    for _ in range(count):
        print(*write(callback(dice, account), url, token, size), sep="\t")


if __name__ == "__main__":
    main()
