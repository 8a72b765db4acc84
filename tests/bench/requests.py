#!/usr/bin/python3
"""Writes signed status callbacks, each of another message, one a line: signature TAB form body.

usage: requests.py COUNT URL TOKEN ACCOUNT > FILE

Signed here with nothing but hmac, so that a hundred thousand of them take a second.
"""
import base64
import hashlib
import hmac
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


def main():
    count, url, token, account = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode(), sys.argv[4]
    dice = random.Random(1)
    for _ in range(count):
        fields = callback(dice, account)
        text = url + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.new(token, text.encode(), hashlib.sha1).digest()
        print(base64.b64encode(digest).decode(), urllib.parse.urlencode(fields), sep="\t")


if __name__ == "__main__":
    main()
