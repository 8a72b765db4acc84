#!/usr/bin/python3
"""Measures how long a callback takes until a question shows it, while others arrive at a rate.

    visible.py WORK RATE SECONDS ROUNDS URL TARGET TOKEN ACCOUNT PROGRAM [BEFORE]

A probe is a signed callback of a message of its own. It is sent at its time, answered or not, and so are
the callbacks of `dlrd simulate`. The oldest probe that is not visible yet is asked for each millisecond;
callbacks are counted in the order in which they arrived, so the others need no question."""

import collections
import json
import pathlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import requests as callbacks
import rounds

PERIOD_S = 0.0203  # between probes; not round, so that they drift through the daemon's own periods
QUESTION_S = 0.001
CONNECTIONS = 64  # of the probes in turn; a slow answer delays only the probe 64 later
LEAD_S = 1.0  # of the other callbacks
LATE_S = 60  # until a probe counts as lost
HEAD = ("POST {target} HTTP/1.1\r\nHost: callbacks.example.com\r\nUser-Agent: TwilioProxy/1.1\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        "X-Twilio-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n{body}")


class Probes:
    """Sends probes from a thread of its own. `sent` has pairs of SID and time of those sent so far."""

    def __init__(self, measurement, number):
        dice = random.Random(number)
        self.requests = [self.request(measurement, dice)
                         for _ in range(int(measurement.seconds / PERIOD_S))]
        self.connections = [socket.create_connection(("127.0.0.1", rounds.PORT))
                            for _ in range(CONNECTIONS)]
        for connection in self.connections:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = collections.deque()
        self.failure = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    @staticmethod
    def request(measurement, dice):
        fields = callbacks.callback(dice, measurement.account)
        signature, body = callbacks.form_line(fields, measurement.url + measurement.target,
                                              measurement.token.encode(), 0)
        text = HEAD.format(target=measurement.target, signature=signature, length=len(body), body=body)
        return fields["MessageSid"], text.encode()

    def run(self):
        start_s = time.monotonic()
        try:
            for number, (sid, request) in enumerate(self.requests):
                time.sleep(max(0, start_s + number * PERIOD_S - time.monotonic()))
                sent_s = time.monotonic()
                self.connections[number % CONNECTIONS].sendall(request)
                self.sent.append((sid, sent_s))
        except OSError as error:
            self.failure = error

    def check_answers(self):
        """Ends the measurement unless all probes were acknowledged."""
        for number, connection in enumerate(self.connections):
            sent = len(range(number, len(self.requests), CONNECTIONS))
            answers = b""
            connection.settimeout(LATE_S)
            while answers.count(b"\r\n\r\n") < sent:
                answers += connection.recv(65536) or rounds.end_with("a probe has no answer")
            connection.close()
            if answers.count(b"HTTP/1.1 204 ") != sent:
                rounds.end_with("a probe was not acknowledged")


class Measurement:
    """The command line."""

    def __init__(self, words):
        self.work = pathlib.Path(words[0])
        self.rate, self.seconds, self.rounds = int(words[1]), float(words[2]), int(words[3])
        self.url, self.target, self.token, self.account = words[4:8]
        self.programs = rounds.programs_of(words[8:])

    def simulate(self):
        """The other callbacks; sent by this build for both programs."""
        command = [self.programs["dlrd"], "simulate", "--yes", "-c", self.work / "dlrd.ini", "--json",
                   "--connections", "64", "--rate", str(self.rate),
                   "--duration", str(int(self.seconds + 2 * LEAD_S)),
                   "--query", self.target.partition("?")[2]]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def see_all(daemon, probes):
    """The milliseconds until each probe was visible."""
    times, asked_s = [], 0
    while len(times) < len(probes.requests):
        time.sleep(max(0, asked_s + QUESTION_S - time.monotonic()))
        asked_s = time.monotonic()
        if not probes.sent:
            if probes.failure:
                rounds.end_with(f"a probe could not be sent: {probes.failure}")
            continue
        sid, sent_s = probes.sent[0]
        if daemon.ask(f"/v1/messages/{sid}")[0] == 200:
            times.append((time.monotonic() - sent_s) * 1000)
            probes.sent.popleft()
            asked_s = 0  # the next one may be visible by the same commit
        elif asked_s - sent_s > LATE_S:
            rounds.end_with(f"a probe was not visible within {LATE_S} seconds")
    return times


def measure(measurement, program, number):
    """The milliseconds of one round's probes, and the rate at which others were acknowledged."""
    rounds.empty_store(measurement.work)
    with rounds.running(program, measurement.work) as daemon:
        probes = Probes(measurement, number)
        others = measurement.simulate()
        try:
            time.sleep(LEAD_S)
            probes.thread.start()
            times = see_all(daemon, probes)
            probes.check_answers()
            answer = json.loads(others.communicate()[0])
        finally:
            others.kill()
            others.wait()
    return times, answer["acknowledged"] / answer["seconds"]


def quantiles(times):
    ordered = sorted(times)
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)],
            "max": ordered[-1]}


def line(name, times):
    words = [f"{key} {value:.1f} ms" for key, value in quantiles(times).items()]
    return f"{name}: visible after {', '.join(words)}, {len(times)} probes"


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.setswitchinterval(0.0002)  # the thread that sends must not wait for the one that asks
    measurement = Measurement(sys.argv[1:])
    results = collections.defaultdict(list)
    for number in range(measurement.rounds):
        for name, program in rounds.in_turn(measurement.programs, number):
            times, rate = measure(measurement, program, number)
            print(f"  {line(name, times)}, others {rate:.0f}/s", flush=True)
            results[name].append(times)
    for name, found in results.items():
        print(line(name, sum(found, [])))
    if "before" in results:
        shares = {key: rounds.ratio({name: [quantiles(times)[key] for times in found]
                                     for name, found in results.items()}) for key in ("p50", "p99")}
        print(f"dlrd to before: {shares['p50']:.2f} of the p50, {shares['p99']:.2f} of the p99")


if __name__ == "__main__":
    main()
