"""Who waits for news hears it at once from whichever worker made it, however he began to wait, and whoever died."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.process import ServerProcess, running_server
from tests.support.system import worker_of, workers
from tests.support.wire import Connection, eventually, message

from mailwren.base import limits

PATIENCE = limits.HEARTBEAT_SECONDS / 2
"""Seconds in which everybody must have heard: nobody has heard the heartbeat in place of a hint."""
ROUNDS = 3


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two workers."""
    with running_server(tmp_path_factory.mktemp("pair") / "data", workers=2, users=("anna", "bert")) as server:
        yield server


def _one_in_each(stack: ExitStack, server: ServerProcess, user: str = "anna") -> list[Connection]:
    """A session with INBOX selected in each of the two workers."""
    found: dict[int, Connection] = {}
    while len(found) < 2:
        connection = stack.enter_context(Connection(server.imap_port, timeout=PATIENCE)).log_in(user)
        process = worker_of(server, server.imap_port, connection.local_port)
        assert process is not None
        if process not in found:
            connection.ok(b"SELECT INBOX")
            found[process] = connection
    return list(found.values())


def _exists(line: bytes) -> bool:
    return line.endswith(b" EXISTS\r\n")


def test_who_idles_is_told(pair: ServerProcess) -> None:
    """In the same worker and in the other one, the first time and again, also after commands in between."""
    with ExitStack() as stack:
        idlers, senders = _one_in_each(stack, pair), _one_in_each(stack, pair)
        for _ in range(ROUNDS):
            tags = [idler.idle() for idler in idlers]
            for sender in senders:
                sender.append("INBOX", message("news"))
                for idler in idlers:
                    idler.until(_exists)
            for idler, tag in zip(idlers, tags, strict=True):
                idler.done(tag)


def test_what_came_before_is_told(pair: ServerProcess) -> None:
    """A change between a command and IDLE, of which nobody need have told the worker, is told when IDLE begins."""
    with ExitStack() as stack:
        idlers, senders = _one_in_each(stack, pair), _one_in_each(stack, pair)
        for sender in senders:
            sender.append("INBOX", message("before"))
            for idler in idlers:
                tag = idler.start(b"IDLE")
                idler.until(_exists)
                idler.done(tag)


def test_who_wants_notifications_is_told(pair: ServerProcess) -> None:
    """Of the selected mailbox and of others, with no command under way (RFC 5465 §3.1)."""
    with ExitStack() as stack:
        listeners, senders = _one_in_each(stack, pair), _one_in_each(stack, pair)
        senders[0].ok(b"CREATE Elsewhere")
        for listener in listeners:
            listener.ok(
                b"NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge))"
            )
        for sender in senders:
            sender.append("INBOX", message("here"))
            for listener in listeners:
                listener.until(_exists)
            sender.append("Elsewhere", message("elsewhere"))
            for listener in listeners:
                listener.until(lambda line: line.startswith(b"* STATUS Elsewhere"))


def test_who_idles_in_a_shared_mailbox_is_told(pair: ServerProcess) -> None:
    """The account that others tell changes of is that of the selected mailbox, not only the user's own."""
    with ExitStack() as stack:
        owners = _one_in_each(stack, pair)
        owners[0].ok(b"SETACL INBOX bert lr")
        readers = _one_in_each(stack, pair, "bert")
        for reader in readers:
            reader.ok(b'SELECT "Other Users/anna/INBOX"')
        tags = [reader.idle() for reader in readers]
        for owner in owners:
            owner.append("INBOX", message("shared"))
            for reader in readers:
                reader.until(_exists)
        for reader, tag in zip(readers, tags, strict=True):
            reader.done(tag)


def test_tools_are_heard(pair: ServerProcess, tmp_path: Path) -> None:
    """A program of its own knows nothing of who waits, and tells everybody."""
    mailbox = tmp_path / "news.mbox"
    mailbox.write_bytes(b"From a@example.org Mon Jan  1 00:00:00 2024\n" + message("tool").replace(b"\r\n", b"\n"))
    with ExitStack() as stack:
        idlers = _one_in_each(stack, pair)
        tags = [idler.idle() for idler in idlers]
        pair.run("import", "--user", "anna", "--mailbox", "INBOX", str(mailbox))
        for idler, tag in zip(idlers, tags, strict=True):
            idler.until(_exists)
            idler.done(tag)


def test_a_worker_that_was_started_again_is_told(tmp_path: Path) -> None:
    """It is another process with another name, and its sessions are counted from none on."""
    with running_server(tmp_path / "data", workers=2) as server, ExitStack() as stack:
        for idler in _one_in_each(stack, server):
            idler.idle()
        before = workers(server)
        os.kill(before[0], signal.SIGKILL)
        eventually(lambda: len(workers(server)) == 2 and before[0] not in workers(server), "a worker is started again")
        idlers, senders = _one_in_each(stack, server), _one_in_each(stack, server)
        for idler in idlers:
            idler.idle()
        for sender in senders:
            sender.append("INBOX", message("news"))
            for idler in idlers:
                idler.until(_exists)
