"""Rows of many connections: side by side, waiting, or in each other's way."""

import select
import time
from contextlib import ExitStack
from statistics import median, quantiles

from bench.load import Task, load, together
from bench.servers import Server, memory
from bench.wire import Imap
from bench.work import APPENDERS, MIXED, WAITING, Row, Work, fill

_LISTENERS = 100
_TOLD = 10
"""Messages that listeners are told of."""
_WARM_UP = 20
_SETTLE_SECONDS = 1.0
_PAUSE_SECONDS = 0.001
_MESSAGE = b"Subject: news\r\n\r\nhello\r\n"


def _append(work: Work) -> float:
    tasks = [Task("append", user) for user in APPENDERS]
    return together(work.server.imap_port, tasks, work.sizes.seconds)[0]


def mixed(work: Work, server: Server) -> float:
    """Sixteen connections of eight users, reading and writing: commands a second of a server."""
    count = min(work.count, 500)
    work.once(
        f"mixed {server.name}", lambda: [fill(server.imap_port, user, b"Mixed", work.mail, count) for user in MIXED]
    )
    tasks = [Task("mixed", user, "Mixed", count) for user in MIXED * 2]
    return together(server.imap_port, tasks, work.sizes.seconds)[0]


def _told(work: Work) -> float:
    """Milliseconds from sending APPEND until the last of those who idle in the mailbox has heard of it."""
    with ExitStack() as stack:
        listeners = {}
        poll = select.epoll()
        for connection in _sessions(stack, work.server, _LISTENERS):
            listeners[connection.socket.fileno()] = connection
            poll.register(connection.socket.fileno(), select.EPOLLIN)
        sender = Imap(work.server.imap_port, WAITING)
        stack.callback(sender.close)
        time.sleep(_SETTLE_SECONDS)
        return median(_tell(sender, listeners, poll) for _ in range(_TOLD))


def _sessions(stack: ExitStack, server: Server, number: int) -> list[Imap]:
    """Logged in, a mailbox selected, in IDLE."""
    found = []
    for _ in range(number):
        connection = Imap(server.imap_port, WAITING)
        stack.callback(connection.close)
        connection.run(b"SELECT INBOX")
        connection.idle()
        found.append(connection)
    return found


def _tell(sender: Imap, listeners: dict[int, Imap], poll: select.epoll) -> float:
    waiting = set(listeners)
    last = start = time.perf_counter()
    sender.start(b"APPEND INBOX {%d+}\r\n%b" % (len(_MESSAGE), _MESSAGE))
    while waiting:
        for number, _event in poll.poll():
            if b" EXISTS\r\n" in listeners[number].heard():
                waiting.discard(number)
                last = time.perf_counter()
    while not sender.finished():
        pass
    return (last - start) * 1000


def _memory(work: Work) -> float:
    """KiB for each session that idles in the clear: all of the server's processes, what they share counted once."""
    with work.one_process(), ExitStack() as stack:
        _sessions(stack, work.server, _WARM_UP)
        time.sleep(_SETTLE_SECONDS)
        before = memory(work.server)
        _sessions(stack, work.server, work.sizes.idle)
        time.sleep(_SETTLE_SECONDS)
        return (memory(work.server) - before) / work.sizes.idle


def _beside(work: Work) -> float:
    """The 99th of 100 NOOPs, milliseconds, while others fetch everything, search texts and fetch envelopes."""
    heavy = [Task(script, "anna", "Big", work.count) for script in ("bodies", "text", "envelopes")]
    quiet = Imap(work.server.imap_port, "bert")
    times = []
    with load(work.server.imap_port, heavy, work.sizes.seconds, processes=3) as work_of_others:
        end = time.perf_counter() + work.sizes.seconds
        while (start := time.perf_counter()) < end:
            quiet.run(b"NOOP")
            times.append((time.perf_counter() - start) * 1000)
            time.sleep(_PAUSE_SECONDS)
        work_of_others.results()
    quiet.close()
    return quantiles(times, n=100)[98]


MANY = {
    "append-8": Row("APPEND, 8 connections of 8 users", "/s", _append),
    "mixed": Row("16 connections, mixed reading and writing", "/s", lambda work: mixed(work, work.server)),
    "beside": Row("NOOP beside three heavy sessions, p99", "ms", _beside, fewer=True),
    "idle": Row("APPEND until the last of 100 idle sessions is told", "ms", _told, fewer=True),
    "memory": Row("memory of an idle session, plain", "KiB", _memory, fewer=True),
}
