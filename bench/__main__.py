"""Run the benchmark: ``python -m bench``. See docs/operating.md."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.mail import messages
from bench.rows import ROWS, Work
from bench.servers import Dovecot, Mailwren, Server
from bench.wire import Imap

USERS = ["anna", "bert", "carl"]
_BATCH = 50


def _fill(server: Server, mail: list[bytes], count: int) -> float:
    """Put the messages into anna's mailbox Big, several in one APPEND; messages a second."""
    connection = Imap(server.imap_port)
    connection.run(b"CREATE Big")
    start = time.perf_counter()
    for first in range(0, count, _BATCH):
        batch = [mail[number % len(mail)] for number in range(first, min(first + _BATCH, count))]
        connection.run(b"APPEND Big" + b"".join(b" {%d+}\r\n%b" % (len(each), each) for each in batch))
    connection.close()
    result = count / (time.perf_counter() - start)
    if isinstance(server, Mailwren):
        server.settle()
    return result


def _measure(
    servers: list[Server], rows: list[str], arguments: argparse.Namespace
) -> dict[str, dict[str, list[float]]]:
    mail = list(messages(arguments.count))
    results: dict[str, dict[str, list[float]]] = {"fill": {server.name: [] for server in servers}}
    works: list[Work] = []
    for server in servers:
        results["fill"][server.name].append(_fill(server, mail, arguments.count))
        big = Imap(server.imap_port)
        big.run(b"SELECT Big")
        works.append(Work(server, big, arguments.count, mail[:200], arguments.seconds))
    for row in rows:
        results[row] = {server.name: [] for server in servers}
        for _ in range(arguments.repeat):
            for work in works:
                results[row][work.server.name].append(ROWS[row][1](work))
        print(_line(row, results[row]), flush=True)
    return results


def _line(row: str, result: dict[str, list[float]]) -> str:
    title = ROWS[row][0] if row in ROWS else "APPEND of 50 messages at a time (msg/s)"
    medians = {name: median(values) for name, values in result.items()}
    cells = [f"{medians[name]:,.1f}" if medians[name] < 100 else f"{medians[name]:,.0f}" for name in medians]
    names = list(medians)
    if len(names) > 1:
        ratios = [a / b for a, b in zip(result[names[0]], result[names[1]], strict=True)]
        cells.append(f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return f"| {title} | " + " | ".join(cells) + " |"


def main() -> int:
    """The whole run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="messages in the big mailbox")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of each row, servers in turn")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a repeating row goes on")
    parser.add_argument("--rows", default=",".join(ROWS), help="rows to run, with commas between")
    parser.add_argument("--only", choices=["mailwren", "dovecot"], help="one server alone")
    parser.add_argument("--json", type=Path, help="write the raw results here")
    arguments = parser.parse_args()
    rows = [row for row in arguments.rows.split(",") if row]
    if unknown := set(rows) - set(ROWS):
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    with tempfile.TemporaryDirectory() as folder:
        servers: list[Server] = []
        if arguments.only != "dovecot":
            servers.append(Mailwren(Path(folder), USERS))
        if arguments.only != "mailwren":
            if Dovecot.installed():
                servers.append(Dovecot(Path(folder)))
            else:
                print("dovecot is not installed, or this is not root: Mailwren alone", file=sys.stderr)
        started: list[Server] = []
        try:
            for server in servers:
                server.start()
                started.append(server)
            print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {arguments.count} messages\n")
            print(f"| row | {' | '.join(server.name for server in servers)} | ratio (spread) |")
            print("| --- |" + " --- |" * (len(servers) + (len(servers) > 1)), flush=True)
            results = _measure(servers, rows, arguments)
            print(_line("fill", results["fill"]))
        finally:
            for server in started:
                server.stop()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
