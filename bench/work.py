"""What a row is, and what every row is given."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar, cast

from bench.servers import Mailwren, Server
from bench.wire import Imap

APPENDERS = [f"apart{number}" for number in range(8)]
MIXED = [f"mixed{number}" for number in range(8)]
WAITING = "waiting"
IMPORTS = [f"import{number}" for number in range(24)]
USERS = ["anna", "bert", "carl", WAITING, *APPENDERS, *MIXED]
"""Accounts on every server. ``IMPORTS`` are Mailwren's alone."""
Made = TypeVar("Made")
_BATCH = 50


@dataclass(frozen=True)
class Sizes:
    """How much of everything.

    Attributes:
        count: messages in the big mailbox.
        million: messages in Mailwren's very big one.
        seconds: how long a row goes on that repeats its work.
        idle: sessions whose memory is measured.
        crowd: sessions of the crowd.
    """

    count: int = 20_000
    million: int = 1_000_000
    seconds: float = 2.0
    idle: int = 200
    crowd: int = 10_000


@dataclass
class Work:
    """One server and what rows need to put it to work.

    Attributes:
        folder: for further servers' data.
        mail: some messages to send.
    """

    server: Server
    sizes: Sizes
    folder: Path
    mail: list[bytes]
    stack: ExitStack
    _made: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Messages in the big mailbox."""
        return self.sizes.count

    @property
    def big(self) -> Imap:
        """Logged in, with the big mailbox selected."""
        return self.once("big", lambda: _selected(self.server))

    @property
    def mailwren(self) -> Mailwren:
        """The server, where a row is for Mailwren alone."""
        assert isinstance(self.server, Mailwren)
        return self.server

    def restart(self, *, one: bool = False) -> None:
        """The server anew, as one process if that is asked: nothing is left of the sessions that were."""
        if "big" in self._made:
            self.big.close()
            del self._made["big"]
        self.server.stop()
        if one and isinstance(self.server, Mailwren):
            self.server.start_one()
        else:
            self.server.start()

    @contextmanager
    def one_process(self) -> Iterator[None]:
        """Meanwhile the server is one process, if it is one that has a number of them to begin with."""
        self.restart(one=True)
        try:
            yield
        finally:
            if isinstance(self.server, Mailwren):
                self.restart()

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What is made when a row first needs it, and kept until the end."""
        if name not in self._made:
            self._made[name] = make()
        return cast("Made", self._made[name])


Measure = Callable[[Work], float]


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        title: what is done.
        unit: what the figure counts; ``fewer`` says whether less is better.
        measure: does the work once, for so long, and returns the figure.
        alone: whether it is for Mailwren only.
        optional: whether it runs only when it is named.
    """

    title: str
    unit: str
    measure: Measure
    fewer: bool = False
    alone: bool = False
    optional: bool = False


def _selected(server: Server) -> Imap:
    connection = Imap(server.imap_port)
    connection.run(b"SELECT Big")
    return connection


def repeat(work: Work, act: Callable[[], object], things: float = 1) -> float:
    """Repeat ``act`` for a while; how many things a second."""
    start = time.perf_counter()
    times = 0
    while True:
        act()
        times += 1
        elapsed = time.perf_counter() - start
        if elapsed >= work.sizes.seconds:
            return times * things / elapsed


def milliseconds(act: Callable[[], object], times: int) -> float:
    """The median of so many turns."""
    return median(timed(act) for _ in range(times))


def timed(act: Callable[[], object]) -> float:
    """Milliseconds that it takes."""
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000


def number_in(answer: bytes, name: bytes) -> int:
    """The number behind a response code."""
    return int(answer.partition(b"[" + name + b" ")[2].partition(b"]")[0])


def fill(port: int, user: str, mailbox: bytes, mail: list[bytes], count: int) -> float:
    """Put so many messages into a new mailbox, several in one APPEND; messages a second."""
    connection = Imap(port, user)
    connection.run(b"CREATE " + mailbox)
    start = time.perf_counter()
    for first in range(0, count, _BATCH):
        batch = [mail[number % len(mail)] for number in range(first, min(first + _BATCH, count))]
        connection.run(b"APPEND " + mailbox + b"".join(b" {%d+}\r\n%b" % (len(each), each) for each in batch))
    elapsed = time.perf_counter() - start
    connection.close()
    return count / elapsed
