#!/usr/bin/python3
"""Writes requests that are refused, a file for each kind, and the accounts that they name.

usage: refusals.py DIRECTORY URL TARGET

DIRECTORY/accounts.ini are sections for a configuration, of accounts with one, two and three tokens.
"""
import base64
import hashlib
import hmac
import os
import pathlib
import sys
import urllib.parse

directory, url, target = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
ACCOUNT = "AC0123456789abcdef0123456789abcde"  # and how many tokens it has
KEYS = ["auth_token", "next_auth_token", "previous_auth_token"]

sections, current = [], {}
for count in (1, 2, 3):
    sections.append(f"[account {ACCOUNT}{count}]")
    for key in KEYS[:count]:
        token = os.urandom(16).hex()
        current.setdefault(count, token)
        sections.append(f"{key} = {token}")
(directory / "accounts.ini").write_text("\n".join(sections) + "\n")


def write(name, count, right=0):
    """A request naming the account with that many tokens, with right bytes of its digest right."""
    sid = "SM0123456789abcdef0123456789abcdef"
    fields = {"SmsSid": sid, "SmsStatus": "sent", "MessageStatus": "sent", "To": "+15550001234",
              "MessageSid": sid, "AccountSid": f"{ACCOUNT}{count}", "From": "+15005550006",
              "ApiVersion": "2010-04-01"}
    text = url + target + "".join(key + value for key, value in sorted(fields.items()))
    digest = hmac.digest(current.get(count, "nobody's").encode(), text.encode(), hashlib.sha1)
    digest = digest[:right] + bytes(byte ^ 0x5a for byte in digest[right:])
    body = urllib.parse.urlencode(fields)
    (directory / name).write_text(
        f"POST {target} HTTP/1.1\r\nHost: callbacks.example.com\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"X-Twilio-Signature: {base64.b64encode(digest).decode()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}")


write("unknown-account", 0)
write("one-token", 1)
write("two-tokens", 2)
write("three-tokens", 3)
write("three-tokens-19-bytes-right", 3, 19)
