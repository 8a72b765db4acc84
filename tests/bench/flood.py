#!/usr/bin/python3
"""Sends a daemon equal numbers of good and of bad requests in turn, and prints what each cost it.

    flood.py PID PORT API-PORT STORE LOG TARGET ROUNDS KIND[:BASE]=FILE...

A file holds requests as requests.py writes them, as many for each round. Of each kind it prints the
daemon's processor time a request until all is answered and the projector is done, next to that of its
base, or the first kind, in the same round, and at the end memory, disk and log lines."""

import collections
import http.client
import multiprocessing
import os
import re
import socket
import sys
import time

CLIENTS = 4
HEAD = ("POST {target} HTTP/1.1\r\nHost: callbacks.example.com\r\nUser-Agent: TwilioProxy/1.1\r\n"
        "Content-Type: {media_type}; charset=UTF-8\r\n"
        "X-Twilio-Signature: {signature}\r\nContent-Length: {length}\r\n\r\n{body}")


def send(port, target, lines, answers):
    """One connection, one request after the other; counts the answers by status."""
    counts = collections.Counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for line in lines:
            signature, body, *bound = line.split("\t")
            path, media_type = target, "application/x-www-form-urlencoded"
            if bound:
                path, media_type = f"{target}&bodySHA256={bound[0]}", "application/json"
            connection.sendall(HEAD.format(target=path, media_type=media_type, signature=signature,
                                           length=len(body), body=body).encode())
            answer = b""
            while b"\r\n\r\n" not in answer:  # none of them has a body
                answer += connection.recv(4096) or sys.exit("the daemon closed the connection")
            counts[answer[9:12].decode()] += 1
    answers.put(counts)


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def metrics(api_port):
    connection = http.client.HTTPConnection("127.0.0.1", api_port)
    connection.request("GET", "/metrics")
    return connection.getresponse().read().decode()


def results(api_port):
    """Counts of the requests offered to the quarantine, by result."""
    found = re.findall(r'^dlrd_quarantine_offered_total{fate="(\S+)"} (\d+)$', metrics(api_port), re.M)
    return collections.Counter({fate: int(count) for fate, count in found})


def settle(api_port):
    """Until the projector has done all, and the quarantine worker, which pauses only briefly."""
    while True:
        if re.search(r"^dlrd_projector_lag_entries 0$", metrics(api_port), re.M):
            return
        time.sleep(0.05)


def run(pid, port, api_port, target, lines):
    """Seconds of the processor, seconds that it took, and the answers."""
    answers = multiprocessing.Queue()
    used, start = processor_seconds(pid), time.monotonic()
    clients = [multiprocessing.Process(target=send, args=(port, target, lines[i::CLIENTS], answers))
               for i in range(CLIENTS)]
    for client in clients:
        client.start()
    counts = sum((answers.get() for _ in clients), collections.Counter())
    for client in clients:
        client.join()
    took = time.monotonic() - start
    settle(api_port)
    time.sleep(0.2)
    return processor_seconds(pid) - used, took, counts


def kilobytes(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def main():
    pid, port, api_port = (int(word) for word in sys.argv[1:4])
    store, log, target, rounds = sys.argv[4], sys.argv[5], sys.argv[6], int(sys.argv[7])
    kinds = dict(word.split("=", 1) for word in sys.argv[8:])
    bases = {kind: kind.partition(":")[2] or next(iter(kinds)) for kind in kinds}
    kinds = {kind.partition(":")[0]: path for kind, path in kinds.items()}
    bases = {kind.partition(":")[0]: base for kind, base in bases.items()}
    requests = {kind: open(path).read().splitlines() for kind, path in kinds.items()}
    ratios = collections.defaultdict(list)
    for number in range(rounds):
        costs = {}
        for kind, lines in requests.items():
            each = len(lines) // rounds
            before = results(api_port)
            used, took, counts = run(pid, port, api_port, target,
                                     lines[number * each:(number + 1) * each])
            costs[kind] = used / each
            kept = ", ".join(f"{count} {fate}" for fate, count in
                             (results(api_port) - before).items())
            ratios[kind].append(costs[kind] / costs[bases[kind]])
            answers = ", ".join(f"{count} times {status}" for status, count in counts.items())
            print(f"  {kind}: {used / each * 1e6:.1f} µs of the processor a request, "
                  f"{each / took:.0f}/s: {answers}; RSS {kilobytes(pid) / 1024:.0f} MiB"
                  + (f"; quarantine: {kept}" if kept else ""))
    for kind, found in ratios.items():
        print(f"{kind}: {sorted(found)[len(found) // 2]:.2f} of the processor time of "
              f"{bases[kind]}")
    size = sum(entry.stat().st_size for entry in os.scandir(store)
               if entry.name.startswith("quarantine"))
    with open(log) as file:
        lines = sum("refused" in line for line in file)
    print(f"RSS {kilobytes(pid) / 1024:.0f} MiB, quarantine {size / 2**20:.0f} MiB on the disk, "
          f"{lines} log lines of refusals")


if __name__ == "__main__":
    main()
