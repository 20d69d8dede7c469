"""Rows of a mailbox with a million small messages, for Mailwren alone.

It is filled through the store's own operations, many messages in one transaction, before its server starts: by APPEND
it would take an hour, and how it was filled makes no difference to what is measured.
"""

import asyncio
import os
import random
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from bench.mail import RARE, small_messages
from bench.servers import Mailwren
from bench.wire import Imap
from bench.work import Row, Work, milliseconds, number_in, timed
from mailwren.store.operations import Append
from mailwren.store.sqlite.store import SqliteMailStore

_BATCH = 1000
_TIMES = 20
_NEWEST = 50
_CHANGED = 10
_USER = "millie"


class VeryBig:
    """The account, its server, and a connection that has its INBOX selected."""

    def __init__(self, work: Work) -> None:
        self.count = work.sizes.million
        self.server = Mailwren(work.folder / "million", [_USER], name="million")
        asyncio.run(_fill(self.server.data, self.server.account(_USER), self.count))
        self.server.start()
        work.stack.callback(self.server.stop)
        self.connection = self._connect()
        self.server.settle()
        self.connection.run(b"SELECT INBOX")
        self.needles = cycle(RARE)

    def _connect(self) -> Imap:
        return Imap(self.server.imap_port, _USER)

    def cold(self) -> float:
        """SELECT of a server that was just started, with none of its files in memory."""
        self.connection.close()
        self.server.stop()
        _forget(self.server.data)
        self.server.start()
        self.connection = self._connect()
        return timed(lambda: self.connection.run(b"SELECT INBOX"))

    def select(self) -> float:
        """SELECT again."""
        return milliseconds(lambda: self.connection.run(b"SELECT INBOX"), _TIMES)

    def newest(self) -> float:
        """What a mail program asks first."""
        first = max(self.count - _NEWEST + 1, 1)
        command = b"FETCH %d:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)" % first
        return milliseconds(lambda: self.connection.run(command), _TIMES)

    def search(self) -> float:
        """A word of a few messages."""
        return milliseconds(lambda: self.connection.run(f"SEARCH BODY {next(self.needles)}".encode()), _TIMES)

    def resynchronise(self) -> float:
        """SELECT of a program that missed ten changes."""
        back = self._connect()
        back.run(b"ENABLE QRESYNC")
        known = back.ask(b"SELECT INBOX")
        uid_validity, modseq = number_in(known, b"UIDVALIDITY"), number_in(known, b"HIGHESTMODSEQ")
        for number in random.Random(7).sample(range(1, self.count + 1), min(_CHANGED, self.count)):
            back.run(b"STORE %d +FLAGS.SILENT (Resync%d)" % (number, modseq))
        command = b"SELECT INBOX (QRESYNC (%d %d))" % (uid_validity, modseq)
        result = milliseconds(lambda: back.run(command), _TIMES)
        back.close()
        return result


async def _fill(data: Path, account_id: str, count: int) -> None:
    store = SqliteMailStore(data)
    account = await store.account(account_id)
    inbox = (await account.mailbox("INBOX")).id
    for batch in _batches(small_messages(count)):
        await account.apply([Append(inbox, message) for message in batch])
    await store.release(account)
    await store.close()


def _batches(mail: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch = []
    for message in mail:
        batch.append(message)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _forget(folder: Path) -> None:
    """Let the system drop the files from its memory."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            number = os.open(path, os.O_RDONLY)
            os.fsync(number)
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(number)


def _very_big(work: Work) -> VeryBig:
    return work.once("million", lambda: VeryBig(work))


MILLION = {
    "million-cold": Row(
        "a million: SELECT, nothing in memory", "ms", lambda work: _very_big(work).cold(), fewer=True, alone=True
    ),
    "million-select": Row(
        "a million: SELECT again", "ms", lambda work: _very_big(work).select(), fewer=True, alone=True
    ),
    "million-newest": Row(
        "a million: the newest 50 envelopes", "ms", lambda work: _very_big(work).newest(), fewer=True, alone=True
    ),
    "million-search": Row(
        "a million: SEARCH BODY rare word", "ms", lambda work: _very_big(work).search(), fewer=True, alone=True
    ),
    "million-qresync": Row(
        "a million: SELECT (QRESYNC …), 10 changes",
        "ms",
        lambda work: _very_big(work).resynchronise(),
        fewer=True,
        alone=True,
    ),
}
