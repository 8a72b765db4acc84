#!/usr/bin/python3
"""Asks a busy daemon's api, and prints how long each question took.

    questions.py API-PORT CAMPAIGN SECONDS

Each question is asked in turn over one kept connection, with a small pause, as a dashboard would.
The numbers asked for are those of the store's own opt-out list, a different one each time."""

import http.client
import json
import sys
import time
from urllib.parse import quote

port, campaign, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def ask(path):
    """The milliseconds until the whole answer is here, and the answer."""
    start = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - start) * 1000
    if answer.status != 200:
        sys.exit(f"{path}: {answer.status} {body[:200]!r}")
    return took, body


name = quote(campaign, safe="")
figures = json.loads(ask(f"/v1/campaigns/{name}")[1])
numbers = [row["number"] for row in json.loads(ask("/v1/optouts?limit=1000")[1])["optouts"]]
print(f"campaign {campaign}: {figures['messages']} messages, {figures['delivered']} delivered, "
      f"{figures['failed']} failed, {figures['replied']} replied, {figures['opted_out']} opted out")

questions = {
    "figures": lambda i: f"/v1/campaigns/{name}",
    "errors": lambda i: f"/v1/campaigns/{name}/errors",
    "series": lambda i: f"/v1/campaigns/{name}/series",
    "all campaigns": lambda i: "/v1/campaigns",
    "providers": lambda i: "/v1/providers",
    "opt-out state of one number": lambda i: f"/v1/optouts/{quote(numbers[i % len(numbers)])}",
}
times = {question: [] for question in questions}
end = time.monotonic() + seconds
count = 0
while time.monotonic() < end:
    for question, path in questions.items():
        times[question].append(ask(path(count))[0])
        time.sleep(0.005)
    count += 1
for question, taken in times.items():
    taken.sort()
    print(f"  {question}: median {taken[len(taken) // 2]:.2f} ms, "
          f"99 % {taken[int(len(taken) * 0.99)]:.2f} ms, {len(taken)} times")
