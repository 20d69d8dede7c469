"""Whatever one client asks for, another one's NOOP is answered at once: nothing holds the event loop for long."""

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from tests.support.probe import Probe
from tests.support.process import ServerProcess
from tests.support.wire import Connection, message

pytestmark = pytest.mark.slow

USERS = ("anna", "bert")
PATIENCE = 1.0
"""Seconds for 99 of 100 answers. On an idle machine with two cores it is a few hundredths; tests share machines."""
MESSAGES = 1024


@pytest.fixture(scope="module")
def big(server: ServerProcess) -> str:
    """A mailbox with a thousand messages of 100 kB each."""
    with Connection(server.imap_port).log_in() as session:
        session.ok(b"CREATE Big")
        for number in range(MESSAGES // 8):
            session.append("Big", message(f"big {number}", 100_000))
        session.ok(b"SELECT Big")
        for _ in range(3):
            session.ok(b"COPY 1:* Big")
            session.ok(b"NOOP")
    return "Big"


def _search(server: ServerProcess, big: str) -> None:
    with Connection(server.imap_port).log_in() as session:
        session.ok(f"SELECT {big}".encode())
        assert session.ok(b"SEARCH OR TEXT needle BODY haystack") == [b"* SEARCH\r\n"]


def _fetch(server: ServerProcess, big: str) -> None:
    with Connection(server.imap_port).log_in() as session:
        session.ok(f"EXAMINE {big}".encode())
        tag = session.start(b"FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
        count = 0
        while not session.line().startswith(tag):
            count += 1
        assert count == MESSAGES


def _append(server: ServerProcess, _big: str) -> None:
    data = message("fifty megabytes", 50_000_000)
    with Connection(server.imap_port).log_in() as session:
        session.ok(b"CREATE Appended")
        for _ in range(2):
            assert b" OK " in session.append("Appended", data)[-1]
        session.ok(b"DELETE Appended")


def _log_in_wrongly(server: ServerProcess, _big: str) -> None:
    def log_in(number: int) -> None:
        with Connection(server.imap_port) as connection:
            connection.refused(b"LOGIN nobody-%d wrong" % number)

    threads = [threading.Thread(target=log_in, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _flag_all(server: ServerProcess, _big: str) -> None:
    """Thirty thousand messages change while ten sessions idle in their mailbox."""
    with ExitStack() as stack, Connection(server.imap_port).log_in() as session:
        session.ok(b"CREATE Many")
        session.append("Many", message())
        session.ok(b"SELECT Many")
        for _ in range(15):
            session.ok(b"COPY 1:* Many")
            session.ok(b"NOOP")
        idling = [stack.enter_context(Connection(server.imap_port)).log_in() for _ in range(10)]
        tags = []
        for each in idling:
            each.ok(b"SELECT Many")
            tags.append(each.idle())
        session.ok(b"STORE 1:* +FLAGS.SILENT (\\Flagged)")
        for each, tag in zip(idling, tags, strict=True):
            each.until(lambda line: line.startswith(b"* 32768 FETCH"))
            each.done(tag)
        session.ok(b"DELETE Many")


@pytest.mark.parametrize("load", [_search, _fetch, _append, _log_in_wrongly, _flag_all])
def test_others_are_not_kept_waiting(
    server: ServerProcess, big: str, load: Callable[[ServerProcess, str], None]
) -> None:
    """Under each kind of load NOOPs of another user go on being answered."""
    with Probe(server.imap_port, "bert") as probe:
        load(server, big)
        probe.wait_for(20)
    print(f"{load.__name__}: {probe}")
    assert probe.quantile(0.99) < PATIENCE
