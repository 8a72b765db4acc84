"""The peer: a typical receiver in Python, with Flask, Twilio's validator, and an SQLite insert a request.

    DB=FILE URL=https://... TOKEN=... gunicorn -w 3 --threads 4 -b 127.0.0.1:PORT peer:app
"""
import os
import sqlite3
import threading
import time

from flask import Flask, request
from twilio.request_validator import RequestValidator

app = Flask(__name__)
validator = RequestValidator(os.environ["TOKEN"])
local = threading.local()


def database():
    if not hasattr(local, "database"):
        local.database = sqlite3.connect(os.environ["DB"], isolation_level=None, timeout=30)
        local.database.execute("PRAGMA journal_mode = WAL")
        local.database.execute("PRAGMA synchronous = FULL")
        local.database.execute(
            "CREATE TABLE IF NOT EXISTS receipt(time INTEGER, sid TEXT, status TEXT, code INTEGER,"
            " campaign TEXT, sender TEXT, recipient TEXT, UNIQUE(sid, status))"
        )
    return local.database


@app.post("/sms/twilio")
def callback():
    url = os.environ["URL"] + request.full_path
    signature = request.headers.get("X-Twilio-Signature", "")
    if not validator.validate(url, request.form, signature):
        return "", 403
    form, meta = request.form, request.args["meta"].split(".")
    database().execute(
        "INSERT INTO receipt VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            int(time.time()),
            form["MessageSid"],
            form["MessageStatus"],
            form.get("ErrorCode"),
            f"{meta[2]}_{meta[3]}",
            form["From"],
            form["To"],
        ),
    )
    return "", 204
