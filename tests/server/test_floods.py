"""Clients that ask for much and do not read, or send without end: memory stays bounded and others are served."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.support.probe import Probe
from tests.support.process import ServerProcess
from tests.support.system import resident, workers
from tests.support.wire import Connection, any_certificate, message

USERS = ("anna", "bert")
MEGABYTE = 1024 * 1024
MEMORY = 20 * MEGABYTE
"""What a hostile client may cost: far above the few hundred kilobytes that it should, below what would be a leak."""
PATIENCE = 1.0
"""Seconds that another client may wait for its NOOP: generous, for machines that are busy with other tests."""
BODIES, BODY_SIZE = 100, 2 * MEGABYTE


@contextmanager
def bounded(server: ServerProcess, memory: int = MEMORY) -> Iterator[Probe]:
    """While the block runs another client is served, and the server's memory does not grow much."""
    (process,) = workers(server)
    with Probe(server.imap_port, "bert") as probe:  # first: hashing its password takes 20 MB for a moment
        before = resident(process)
        yield probe
        probe.wait_for(50)
        grown = resident(process) - before
    print(f"memory grew by {grown / MEGABYTE:.1f} MB; {probe}")
    assert grown < memory
    assert probe.quantile(0.99) < PATIENCE


@pytest.fixture(scope="module")
def bodies(server: ServerProcess) -> int:
    """A mailbox of messages of two megabytes, all different to the cache, read once; octets in them all."""
    with Connection(server.imap_port).log_in() as session:
        session.ok(b"CREATE Large")
        for number in range(20):
            session.append("Large", message(f"large {number}", BODY_SIZE))
        session.ok(b"SELECT Large")
        for _ in range(4):
            session.ok(b"COPY 1:20 Large")
        session.ok(b"NOOP")
        lines = session.ok(b"FETCH 1:* (RFC822.SIZE)")
        assert len(lines) == BODIES
        for number in range(1, 21):
            session.ok(b"FETCH %d BODY.PEEK[]" % number)
        return sum(int(line.rpartition(b" ")[2].rstrip(b")\r\n")) for line in lines)


@pytest.mark.parametrize("tls", [False, True])
def test_bodies_that_nobody_reads(server: ServerProcess, bodies: int, *, tls: bool) -> None:
    """Five clients that ask for 200 MB each and read nothing cost little memory and no time; then they get all."""
    with ExitStack() as stack:
        greedy = [_connect(stack, server, tls=tls) for _ in range(5)]
        for each in greedy:
            each.ok(b"EXAMINE Large")
        with bounded(server) as probe:
            tags = [each.start(b"FETCH 1:* BODY.PEEK[]") for each in greedy]
            probe.wait_for(200)
        received = 0
        while not (line := greedy[0].line()).startswith(tags[0]):
            received += len(line)
        assert line.startswith(tags[0] + b" OK")
        assert received > bodies


def _connect(stack: ExitStack, server: ServerProcess, *, tls: bool) -> Connection:
    if tls:
        return stack.enter_context(Connection(server.imaps_port, tls=any_certificate())).log_in()
    return stack.enter_context(Connection(server.imap_port)).log_in()


@pytest.mark.parametrize("known", [False, True])
def test_a_line_without_end(server: ServerProcess, *, known: bool) -> None:
    """A line of 50 MB is answered once it is too long, skipped to its end, and the session goes on."""
    with Connection(server.imap_port) as session:
        if known:
            session.log_in()
        with bounded(server):
            session.send(b"a NOOP ")
            for _ in range(50):
                session.send(b"x" * MEGABYTE)
            assert session.line().startswith(b"a BAD [LIMIT]")
            session.send(b"\r\n")
            session.ok(b"NOOP")


def test_ten_gigabytes_announced(server: ServerProcess) -> None:
    """Asked for first, it is refused at once, before and after login, and the next line is a command again."""
    with Connection(server.imap_port) as session:
        assert b"NO [TOOBIG]" in session.refused(b"LOGIN {10000000000}")
        session.log_in()
        assert b"NO [TOOBIG]" in session.refused(b"APPEND INBOX {10000000000}")
        assert b"NO [TOOBIG]" in session.refused(b"SELECT {10000000000}")
        session.ok(b"NOOP")
        assert session.refused(b"APPEND INBOX {99999999999999999999999999}")
        session.ok(b"NOOP")


def test_ten_gigabytes_unasked(server: ServerProcess) -> None:
    """Sent without asking it is refused at once and counted down: nothing of it is kept or taken for a command."""
    with Connection(server.imap_port).log_in() as session, bounded(server):
        session.send(b"a APPEND INBOX {10000000000+}\r\n")
        assert session.line().startswith(b"a NO [TOOBIG]")
        for _ in range(100):
            session.send(b"b LOGOUT\r\n" * (MEGABYTE // 10))
        with Connection(server.imap_port).log_in() as other:
            other.ok(b"NOOP")


def test_a_literal_too_large_for_its_place(server: ServerProcess) -> None:
    """Five megabytes of mailbox name are counted down, and what follows is the next command."""
    with Connection(server.imap_port).log_in() as session, bounded(server):
        session.send(b"a SELECT {5000000+}\r\n" + b"b LOGOUT\r\n" * 500_000 + b"\r\nc NOOP\r\n")
        assert session.line().startswith(b"a NO [TOOBIG]")
        assert session.line().startswith(b"c OK")


def test_literals_without_reading_answers(server: ServerProcess) -> None:
    """A client that pipelines 100 MB of literals and reads nothing is made to wait; then it gets every answer."""
    number = 2000
    with Connection(server.imap_port).log_in() as session:
        flood = b"".join(b"n%d STATUS {50000+}\r\n%b (MESSAGES)\r\n" % (each, b"x" * 50_000) for each in range(number))
        sender = threading.Thread(target=session.send, args=(flood,), daemon=True)
        with bounded(server) as probe:
            sender.start()
            probe.wait_for(100)
        for each in range(number):
            assert session.line().startswith(b"n%d " % each)
        sender.join()


def test_answers_without_reading_them(server: ServerProcess) -> None:
    """A client that pipelines commands with long answers and reads none is made to wait."""
    number = 5_000
    with Connection(server.imap_port).log_in() as session:
        flood = b"".join(b'n%d LIST "" *\r\n' % each for each in range(number))
        sender = threading.Thread(target=session.send, args=(flood,), daemon=True)
        with bounded(server) as probe:
            sender.start()
            probe.wait_for(200)
        for each in range(number):
            session.until(lambda line: line.startswith(b"n%d OK" % each))  # noqa: B023 - called at once
        sender.join()


def test_a_hundred_thousand_noops(server: ServerProcess) -> None:
    """All are answered in order, and another client hardly notices."""
    number = 100_000
    with Connection(server.imap_port).log_in() as session:
        flood = b"".join(b"n%d NOOP\r\n" % each for each in range(number))
        sender = threading.Thread(target=session.send, args=(flood,), daemon=True)
        with bounded(server):
            sender.start()
            for each in range(number):
                assert session.line() == b"n%d OK NOOP completed\r\n" % each
        sender.join()


def test_connecting_and_leaving_without_end(server: ServerProcess) -> None:
    """Two thousand connections that come and go leave no memory behind."""
    for _ in range(300):
        Connection(server.imap_port).close()
    Connection(server.imaps_port, tls=any_certificate()).close()
    with bounded(server):
        for _ in range(2000):
            Connection(server.imap_port).close()
        for _ in range(100):
            Connection(server.imaps_port, tls=any_certificate()).close()


def test_pushes_that_nobody_reads(server: ServerProcess) -> None:
    """A session that idles and does not read costs little, however much changes meanwhile; then it is told all."""
    with Connection(server.imap_port).log_in() as session, Connection(server.imap_port).log_in() as other:
        session.ok(b"CREATE Pushed")
        session.append("Pushed", message())
        session.ok(b"SELECT Pushed")
        other.ok(b"SELECT Pushed")
        tag = session.idle()
        with bounded(server):
            deadline = time.monotonic() + 3
            changes = 0
            while time.monotonic() < deadline:
                flags = b" ".join(b"keyword-%d-%d" % (changes % 5, each) for each in range(100))
                other.ok(b"STORE 1 FLAGS.SILENT (%b)" % flags)
                changes += 1
        other.ok(b"STORE 1 FLAGS.SILENT (last)")
        session.until(lambda line: line == b"* 1 FETCH (FLAGS (last))\r\n" or b"(last \\Recent)" in line)
        session.done(tag)
