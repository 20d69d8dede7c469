"""Rows of one connection that writes."""

import random
import time
from itertools import cycle

from bench.wire import Imap, Lmtp
from bench.work import Row, Work, repeat


def _append(work: Work) -> float:
    connection = Imap(work.server.imap_port, "bert")
    source = cycle(work.mail)
    result = repeat(work, lambda: connection.append(b"INBOX", next(source)))
    connection.close()
    return result


def _deliver(work: Work) -> float:
    connection = Lmtp(work.server.lmtp_port)
    source = cycle(work.mail)
    result = repeat(work, lambda: connection.deliver("carl", next(source)))
    connection.close()
    return result


def _store_all(work: Work) -> float:
    """A keyword put on every message, and taken off."""
    signs = cycle(b"+-")
    return repeat(work, lambda: work.big.run(b"STORE 1:* %cFLAGS (Bench)" % next(signs)), work.count)


def _store_one(work: Work) -> float:
    """A flag on one message at a time."""
    source = random.Random(6)
    signs = cycle(b"+-")

    def act() -> None:
        work.big.run(b"STORE %d %cFLAGS (\\Flagged)" % (source.randint(1, work.count), next(signs)))

    return repeat(work, act)


def _quarter(work: Work) -> int:
    return max(work.count // 4, 1)


def _new_name(name: bytes) -> bytes:
    """One that was not there before: Cyrus keeps what is deleted, by its name and the second."""
    return b"%b%d" % (name, time.monotonic_ns())


def _copy(work: Work) -> float:
    """A quarter of the messages into an empty mailbox."""
    quarter = _quarter(work)
    name = _new_name(b"Copied")
    work.big.run(b"CREATE %b" % name)
    start = time.perf_counter()
    work.big.run(b"COPY 1:%d %b" % (quarter, name))
    elapsed = time.perf_counter() - start
    work.big.run(b"DELETE %b" % name)
    return quarter / elapsed


def _move(work: Work) -> float:
    """A quarter of the messages moved out of their mailbox; then marked as deleted and expunged: twice gone."""
    quarter = _quarter(work)
    connection = Imap(work.server.imap_port)
    here, there = _new_name(b"Here"), _new_name(b"There")
    connection.run(b"CREATE " + here)
    connection.run(b"CREATE " + there)
    connection.run(b"SELECT Big")
    connection.run(b"COPY 1:%d %b" % (quarter, here))
    connection.run(b"SELECT " + here)
    start = time.perf_counter()
    connection.run(b"MOVE 1:* " + there)
    elapsed = time.perf_counter() - start
    connection.run(b"SELECT " + there)
    start = time.perf_counter()
    connection.run(b"STORE 1:* +FLAGS.SILENT (\\Deleted)")
    connection.run(b"EXPUNGE")
    elapsed += time.perf_counter() - start
    connection.run(b"CLOSE")
    connection.run(b"DELETE " + here)
    connection.run(b"DELETE " + there)
    connection.close()
    return quarter / elapsed


WRITING = {
    "append": Row("APPEND, 1 connection", "/s", _append),
    "deliver": Row("LMTP, 1 connection", "/s", _deliver),
    "store-all": Row("STORE 1:* ±FLAGS keyword", "msg/s", _store_all),
    "store-one": Row("STORE n ±FLAGS, one at a time", "/s", _store_one),
    "copy": Row("COPY of a quarter", "msg/s", _copy),
    "move": Row("MOVE of a quarter, then STORE \\Deleted and EXPUNGE", "msg/s", _move),
}
