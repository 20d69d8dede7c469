"""Many connections at once: each process of the load generator drives several of them by turns.

What a connection does is a script: an endless row of commands, each sent when the answer to the one before has come.
"""

import multiprocessing
import random
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from bench.mail import LESS_RARE, messages
from bench.wire import Imap

_CONTEXT = multiprocessing.get_context("spawn")
_READY_SECONDS = 120.0


@dataclass(frozen=True)
class Task:
    """One connection's work.

    Attributes:
        script: a name in ``SCRIPTS``.
        user: who logs in; empty for nobody.
        mailbox: what is selected; empty for nothing.
        count: messages in it.
    """

    script: str
    user: str
    mailbox: str = ""
    count: int = 0


Script = Iterator[bytes]


def _append(source: random.Random, _task: Task) -> Script:
    mail = list(messages(100, seed=source.randrange(1000)))
    return (b"APPEND INBOX {%d+}\r\n%b" % (len(each), each) for each in cycle(mail))


def _mixed(source: random.Random, task: Task) -> Script:
    """What people's programs do all day: much reading, some marking, a little writing and looking around."""
    mail = cycle(list(messages(50, seed=source.randrange(1000))))
    mailbox = task.mailbox.encode()

    def choose(kind: float) -> bytes:
        number = source.randint(1, task.count)
        last = min(number + 49, task.count)
        if kind < 0.30:
            return b"FETCH %d (FLAGS BODY.PEEK[])" % number
        if kind < 0.50:
            return b"FETCH %d:%d (UID FLAGS ENVELOPE)" % (number, last)
        if kind < 0.65:
            return b"STORE %d %bFLAGS (\\Seen)" % (number, source.choice((b"+", b"-")))
        if kind < 0.75:
            message = next(mail)
            return b"APPEND INBOX {%d+}\r\n%b" % (len(message), message)
        if kind < 0.85:
            return b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT)"
        return b"NOOP" if kind < 0.95 else source.choice((b"SEARCH UNSEEN", b"SELECT " + mailbox))

    while True:
        yield choose(source.random())


def _same(command: bytes) -> Callable[[random.Random, Task], Script]:
    return lambda _source, _task: cycle([command])


SCRIPTS: dict[str, Callable[[random.Random, Task], Script]] = {
    "append": _append,
    "mixed": _mixed,
    "noop": _same(b"NOOP"),
    "bulk": _same(b"BULK"),
    "bodies": _same(b"FETCH 1:* BODY.PEEK[]"),
    "envelopes": _same(b"FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"),
    "text": lambda _source, _task: (b"SEARCH TEXT " + word.encode() for word in cycle(LESS_RARE)),
}


@dataclass(frozen=True)
class Done:
    """What one process did: commands, octets received, and the seconds it took."""

    commands: int
    octets: int
    seconds: float


def _drive(port: int, tasks: list[tuple[int, Task]], seconds: float, line: Connection) -> None:
    """A process's life: connect, wait for the start, work until the time is over, tell what was done."""
    connections = {}
    for seed, task in tasks:
        connection = Imap(port, task.user)
        if task.mailbox:
            connection.run(b"SELECT " + task.mailbox.encode())
        connections[connection.socket.fileno()] = connection, SCRIPTS[task.script](random.Random(seed), task)
    line.send("ready")
    line.recv()
    poll = select.epoll()
    start = time.perf_counter()
    for number, (connection, script) in connections.items():
        poll.register(number, select.EPOLLIN)
        connection.start(next(script))
    commands = octets = 0
    busy = len(connections)
    last = start
    while busy:
        for number, _event in poll.poll():
            connection, script = connections[number]
            if not connection.finished():
                continue
            commands += 1
            octets += connection.octets
            last = time.perf_counter()
            if last - start < seconds:
                connection.start(next(script))
            else:
                busy -= 1
    line.send(Done(commands, octets, last - start))
    for connection, _script in connections.values():
        connection.close()


class Load:
    """Several processes that work at the same time."""

    def __init__(self, port: int, tasks: list[Task], seconds: float, processes: int) -> None:
        numbered = list(enumerate(tasks))
        shares = [share for number in range(processes) if (share := numbered[number::processes])]
        self._processes: list[tuple[BaseProcess, Any]] = []
        for share in shares:
            here, there = _CONTEXT.Pipe()
            process = _CONTEXT.Process(target=_drive, args=(port, share, seconds, there), daemon=True)
            process.start()
            there.close()
            self._processes.append((process, here))

    def begin(self) -> None:
        """Wait until all are logged in, and let them begin."""
        for _process, line in self._processes:
            self._take(line)
        for _process, line in self._processes:
            line.send("go")

    def results(self) -> list[Done]:
        """Wait for the end; what each process did."""
        return [self._take(line) for _process, line in self._processes]

    @staticmethod
    def _take(line: Connection) -> Any:
        if not line.poll(_READY_SECONDS):
            raise TimeoutError("a process of the load generator hangs")
        try:
            return line.recv()
        except EOFError:
            raise RuntimeError("a process of the load generator failed; what went wrong stands above") from None

    def close(self) -> None:
        """End what still runs."""
        for process, line in self._processes:
            line.close()
            process.join(5)
            if process.is_alive():
                process.kill()
                process.join()


@contextmanager
def load(port: int, tasks: list[Task], seconds: float, processes: int = 2) -> Iterator[Load]:
    """Connections that work at the same time, from the inside of the block on."""
    work = Load(port, tasks, seconds, processes)
    try:
        work.begin()
        yield work
    finally:
        work.close()


def together(port: int, tasks: list[Task], seconds: float, processes: int = 2) -> tuple[float, float]:
    """Connections that work at the same time: commands a second of all of them, and octets a second."""
    with load(port, tasks, seconds, processes) as work:
        done = work.results()
    return sum(each.commands / each.seconds for each in done), sum(each.octets / each.seconds for each in done)
