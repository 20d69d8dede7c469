"""One run: the servers are set up, filled, and put to work in turn, row by row."""

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.ceiling import ceiling
from bench.cyrus import Cyrus
from bench.dovecot import Dovecot
from bench.mail import messages
from bench.report import heading, line
from bench.rows import ROWS
from bench.servers import Mailwren, Server, machine
from bench.targets import OURS
from bench.work import IMPORTS, USERS, Sizes, Work, fill

SERVERS = (OURS, "dovecot", "cyrus")
_CEILING_SECONDS = 2.0


class Run:
    """One run and what it found.

    Attributes:
        results: what goes into the JSON file.
    """

    def __init__(self, sizes: Sizes, repeat: int, target: Path | None) -> None:
        self._sizes, self._repeat, self._target = sizes, repeat, target
        self.results: dict[str, Any] = {
            "began": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "sizes": asdict(sizes) | {"repeat": repeat},
            "servers": {},
            "absent": {},
            "ceiling": {},
            "filled": {},
            "rows": {},
        }

    def everything(self, rows: list[str], only: str | None, cyrus: Path | None, where: Path | None) -> None:
        """The whole run."""
        with tempfile.TemporaryDirectory(prefix="mailwren-bench-", dir=where) as name, ExitStack() as stack:
            folder = Path(name)
            self._measure_ceiling()
            works = [self._start(server, folder, stack) for server in self._servers(folder, only, cyrus)]
            print("\n" + heading([work.server.name for work in works]), flush=True)
            for row in rows:
                self._row(row, works)
        self.results["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        self._keep()

    def _measure_ceiling(self) -> None:
        self.results["ceiling"] = ceiling(min(_CEILING_SECONDS, self._sizes.seconds))
        found = ", ".join(f"{name}: {figure:,.0f}" for name, figure in self.results["ceiling"].items())
        print(f"the load generator by itself: {found}", flush=True)

    def _servers(self, folder: Path, only: str | None, cyrus: Path | None) -> list[Server]:
        missing = {OURS: "", "dovecot": Dovecot.missing(), "cyrus": Cyrus.missing(cyrus)}
        make: dict[str, Callable[[], Server]] = {
            OURS: lambda: Mailwren(folder / OURS, [*USERS, *IMPORTS]),
            "dovecot": lambda: Dovecot(folder),
            "cyrus": lambda: Cyrus(folder, cyrus or Path(), USERS),
        }
        servers = []
        for name in SERVERS if only is None else (only,):
            if missing[name]:
                print(f"without {name}: {missing[name]}", file=sys.stderr)
                self.results["absent"][name] = missing[name]
            else:
                servers.append(make[name]())
        return servers

    def _start(self, server: Server, folder: Path, stack: ExitStack) -> Work:
        stack.callback(server.remove)
        server.start()
        stack.callback(server.stop)
        mail = list(messages(self._sizes.count))
        rate = fill(server.imap_port, "anna", b"Big", mail, self._sizes.count)
        server.settle()
        self.results["servers"][server.name] = server.version
        self.results["filled"][server.name] = rate
        print(f"{server.version}: filled by APPEND of 50 messages at a time, {rate:,.0f} messages/s", flush=True)
        return Work(server, self._sizes, folder, mail[:200], stack)

    def _row(self, name: str, works: list[Work]) -> None:
        row = ROWS[name]
        chosen = [work for work in works if work.server.name == OURS or not row.alone]
        values: dict[str, list[float]] = {work.server.name: [] for work in chosen}
        for turn in range(self._repeat):
            # Nobody is always the first, with whatever the one before left to be done.
            for work in chosen if turn % 2 == 0 else chosen[::-1]:
                values[work.server.name].append(row.measure(work))
        self.results["rows"][name] = values
        print(line(name, values, [work.server.name for work in works]), flush=True)
        self._keep()

    def _keep(self) -> None:
        if self._target is not None:
            self._target.write_text(json.dumps(self.results, indent=1, ensure_ascii=False) + "\n", "utf-8")
