#!/usr/bin/python3
"""Measures how fast callbacks are counted, in rounds, each with an empty store.

    counting.py counted|projected WORK REQUESTS ROUNDS CONNECTIONS URL TARGET TOKEN ACCOUNT PROGRAM [BEFORE]

counted sends callbacks as fast as they are acknowledged, and waits until the last one is counted.
projected sends them once, and each round starts a program on a copy of that journal, without a
store. With a second program each round measures both. WORK also has the program `sender`."""

import collections
import pathlib
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys

import rounds

SIZES = ("bytes", "mib")  # of a round's results; the others are rates


class Measurement:
    """The command line."""

    def __init__(self, words):
        self.mode, work, *numbers = words[:5]
        self.work = pathlib.Path(work)
        self.requests, self.rounds, self.connections = map(int, numbers)
        self.requests -= self.requests % 2  # two of each message
        self.origin = words[5:9]
        self.programs = rounds.programs_of(words[9:])

    def send(self, seed):
        """The callbacks acknowledged, and the monotonic times of the first request and last answer."""
        sender = [self.work / "sender", str(rounds.PORT), str(self.requests), str(self.connections),
                  str(seed), *self.origin]
        answer = subprocess.run(sender, stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        if int(answer[1]) > 0:
            rounds.end_with(f"{answer[1]} of {self.requests} callbacks were not acknowledged")
        return float(answer[2]), float(answer[3])


def counted(measurement, program, number):
    """Rates of one round: acknowledged, counted; bytes of the store for each receipt; and memory."""
    store = rounds.empty_store(measurement.work)
    with rounds.running(program, measurement.work) as daemon:
        start_s, answered_s = measurement.send(number)
        counted_s = daemon.wait_counted(measurement.requests)
        daemon.check_messages(measurement.requests // 2)
        peak_mib = daemon.peak_mib()
    size = (store / "dlrd.db").stat().st_size
    return {"acknowledged": measurement.requests / (answered_s - start_s),
            "counted": measurement.requests / (counted_s - start_s),
            "bytes": size / measurement.requests, "mib": peak_mib}


def prepare_journal(measurement):
    """Leaves a journal of all callbacks in WORK/journal."""
    store = rounds.empty_store(measurement.work)
    with rounds.running(measurement.programs["dlrd"], measurement.work):
        measurement.send(0)
    journal = measurement.work / "journal"
    journal.mkdir()
    for path in store.glob("journal.db*"):
        path.rename(journal / path.name)

    with sqlite3.connect(journal / "journal.db") as database:
        first, last = database.execute("SELECT min(seq), max(seq) FROM entry").fetchone()
    database.close()
    if (first, last) != (1, measurement.requests):
        rounds.end_with(f"the journal has entries {first} to {last}")


def projected(measurement, program, _number):
    """The rate of one round from the start of the program, bytes of the store, and memory."""
    store = rounds.empty_store(measurement.work)
    for path in (measurement.work / "journal").iterdir():
        shutil.copy(path, store)
    with rounds.running(program, measurement.work) as daemon:
        counted_s = daemon.wait_counted(measurement.requests)
        daemon.check_messages(measurement.requests // 2)
        peak_mib = daemon.peak_mib()
    size = (store / "dlrd.db").stat().st_size
    return {"counted": measurement.requests / (counted_s - daemon.start_s),
            "bytes": size / measurement.requests, "mib": peak_mib}


def line(name, rates):
    words = [f"{key} {value:.0f}/s" for key, value in rates.items() if key not in SIZES]
    return (f"{name}: {', '.join(words)}, {rates['bytes']:.0f} bytes of dlrd.db a receipt, "
            f"{rates['mib']:.0f} MiB of memory at most")


def report(results):
    medians = {name: {key: statistics.median(values) for key, values in of.items()}
               for name, of in results.items()}
    for name, rates in medians.items():
        print(line(name, rates))
    if "before" not in results:
        return
    ratios = {key: rounds.ratio({name: of[key] for name, of in results.items()})
              for key in results["dlrd"]}
    words = [f"{key} {value:.2f} times as fast" for key, value in ratios.items() if key not in SIZES]
    print(f"dlrd to before: {', '.join(words)}, {ratios['bytes']:.2f} times the bytes, "
          f"{ratios['mib']:.2f} times the memory")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    measurement = Measurement(sys.argv[1:])
    if measurement.mode == "projected":
        prepare_journal(measurement)
    measure = {"counted": counted, "projected": projected}[measurement.mode]
    results = {name: collections.defaultdict(list) for name in measurement.programs}
    for number in range(measurement.rounds):
        for name, program in rounds.in_turn(measurement.programs, number):
            rates = measure(measurement, program, number)
            print(f"  {line(name, rates)}", flush=True)
            for key, value in rates.items():
                results[name][key].append(value)
    report(results)


if __name__ == "__main__":
    main()
