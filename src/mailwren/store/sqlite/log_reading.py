"""Reading the log of changes, and whole mailboxes as arrays. Synchronous; runs wherever the connection may be used.

The log answers "what changed after M" in one indexed query. A row may stand for a run of mod-sequences (a run of new
messages, or old rows that the sweeper merged); where M lies within such a run, the messages' own rows tell which of
them changed after M. UIDs that were expunged within such a run are all told: being told again does no harm.

Every answer is one row of aggregated text: between rows SQLite gives up the interpreter's lock, and a thread that
reads thousands of rows would wait for it thousands of times while the event loop is busy.
"""

import json
import sys
from array import array
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import Columns, MessageRow
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.database import open_reader
from mailwren.store.sqlite.mailbox_rows import MAILBOX_BY_ID, MAILBOX_BY_NAME, MAILBOXES, MAILBOXES_BY_ID, mailbox_of
from mailwren.store.sqlite.rows import fetch, fetch_one, fetch_value
from mailwren.store.sqlite.schema import LOG_CHANGED, LOG_EXPUNGED
from mailwren.store.values import Changes, Mailbox

_NOTHING: Final = RangeSet()
COLUMNS_AT_ONCE: Final = 16_384
"""Messages turned into numbers at a time: another thread waits a millisecond for each such step."""
_ROWS: Final = selection.OverUids(
    "SELECT group_concat(uid), group_concat(content), group_concat(flags), group_concat(modseq) FROM ("
    "SELECT uid, content, flags, modseq FROM message WHERE mailbox = ? AND $UIDS ORDER BY uid)"
)
_COLUMNS: Final = (
    "SELECT group_concat(printf('%016x%016x%08x%08x', content, modseq, uid, flags), '') FROM ("
    "SELECT uid, content, flags, modseq FROM message WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?)"
)
"""Digits of a fixed width become arrays without a number of Python's in between: half the time of other text."""
_LAST_UID: Final = 2**32 - 1
_LITTLE: Final = sys.byteorder == "little"
_LENGTH: Final = (
    f"SELECT coalesce(sum(octet_length(uids) + iif(kind = {LOG_CHANGED} AND first <= ?2, ?3, 0)), 0) "  # noqa: S608 - a number
    "FROM change WHERE mailbox = ?1 AND modseq > ?2"
)
_CHANGES: Final = (
    f"SELECT group_concat(uids) FILTER (WHERE kind = {LOG_CHANGED} AND first > ?2), "  # noqa: S608 - two numbers
    f"group_concat(uids) FILTER (WHERE kind = {LOG_CHANGED} AND first <= ?2), "
    f"group_concat(uids) FILTER (WHERE kind = {LOG_EXPUNGED}) FROM change WHERE mailbox = ?1 AND modseq > ?2"
)


class Known(NamedTuple):
    """What a state knows of its mailbox already."""

    modseq: ModSeq
    last_uid: int


class Refreshed(NamedTuple):
    """What a mailbox's state needs to be brought up to date, read in one snapshot."""

    known: Known | None
    """What this is to be applied to; ``None`` when ``columns`` are the whole mailbox."""
    mailbox: Mailbox | None
    """``None`` when it was deleted."""
    rows: Sequence[MessageRow] = ()
    """Messages that were known and have changed."""
    expunged: RangeSet = _NOTHING
    columns: Columns | None = None
    """Messages that were not known; ``None`` when there are none."""


class Reading:
    """Reads mailboxes as the account's owner sees them; another reading has another idea of rows and changes."""

    __slots__ = ()

    def mailboxes(self, connection: apsw.Connection) -> list[Mailbox]:
        """All mailboxes in the order of their names."""
        return [mailbox_of(row) for row in json.loads(fetch_value(connection, MAILBOXES))]

    def some_mailboxes(self, connection: apsw.Connection, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """These mailboxes, without those that are no more."""
        rows = json.loads(fetch_value(connection, MAILBOXES_BY_ID, (json.dumps(list(mailboxes)),)))
        return [mailbox_of(row) for row in rows]

    def mailbox_by_name(self, connection: apsw.Connection, name: str) -> Mailbox | None:
        """A mailbox as it is now."""
        rows = fetch(connection, MAILBOX_BY_NAME, (name,))
        return mailbox_of(rows[0]) if rows else None

    def mailbox(self, connection: apsw.Connection, mailbox: MailboxId) -> Mailbox | None:
        """A mailbox as it is now."""
        rows = fetch(connection, MAILBOX_BY_ID, (mailbox,))
        return mailbox_of(rows[0]) if rows else None

    def log_length(self, connection: apsw.Connection, mailbox: MailboxId, modseq: ModSeq) -> int:
        """Octets of the log after a mod-sequence: how much work :meth:`changes` is.

        A row that began before it is as much as may be read at once: each of its messages is to be looked at.
        """
        length: int = fetch_value(connection, _LENGTH, (mailbox, modseq, limits.LOG_OCTETS_AT_ONCE))
        return length

    def changes(self, connection: apsw.Connection, mailbox: Mailbox, modseq: ModSeq) -> Changes:
        """What changed after ``modseq``; ``mailbox`` is read in the same transaction."""
        later, sooner, gone = fetch_one(connection, _CHANGES, (mailbox.id, modseq))
        changed, expunged = RangeSet.parse(later or ""), RangeSet.parse(gone or "")
        if sooner is not None:
            uids = RangeSet.parse(sooner)
            changed = changed.union(selection.CHANGED_AFTER.present(connection, mailbox.id, uids, modseq))
        return Changes(mailbox.highest_modseq, changed.difference(expunged) if expunged else changed, expunged)

    def rows(self, connection: apsw.Connection, mailbox: Mailbox, uids: RangeSet) -> list[MessageRow]:
        """The rows of messages, ascending by UID."""
        rows: list[MessageRow] = []
        for texts in _ROWS.run(connection, uids, mailbox.id):
            rows += zip(*map(selection.numbers, texts), strict=True)
        return rows

    def columns(self, connection: apsw.Connection, mailbox: Mailbox, first: int = 1, last: int = _LAST_UID) -> Columns:
        """All messages with UIDs from ``first`` to ``last``, within one transaction."""
        result: Columns = (array("I"), array("Q"), array("I"), array("Q"))
        while first <= last:
            some = self._some_columns(connection, mailbox, first, last)
            if some is None:
                break
            for column, numbers in zip(result, some, strict=True):
                column.extend(numbers)
            first = result[0][-1] + 1
        return result

    def _some_columns(self, connection: apsw.Connection, mailbox: Mailbox, first: int, last: int) -> Columns | None:
        """As :meth:`columns`, for so many messages as are read at a time; ``None`` when there are no more."""
        text = fetch_value(connection, _COLUMNS, (mailbox.id, first, last, COLUMNS_AT_ONCE))
        return None if text is None else _unpacked(text)

    def _whole(self, connection: apsw.Connection, mailbox: Mailbox) -> Columns:
        """All messages of a mailbox that is read the first time.

        A large one is read in parts at the same time, each through a connection of its own: the disk answers several
        sooner than one after the other, and SQLite works outside of the interpreter's lock.
        """
        if mailbox.messages < limits.ROWS_IN_PARTS or not connection.filename:
            return self.columns(connection, mailbox)
        step = mailbox.uid_next // limits.ROWS_PARTS + 1
        firsts = range(1, mailbox.uid_next, step)
        with ThreadPoolExecutor(len(firsts)) as executor:
            parts = executor.map(partial(self._part, Path(connection.filename), mailbox, step), firsts)
        result: Columns = (array("I"), array("Q"), array("I"), array("Q"))
        for part in parts:
            if part is None:
                return self.columns(connection, mailbox)
            for column, numbers in zip(result, part, strict=True):
                column.extend(numbers)
        return result

    def _part(self, path: Path, mailbox: Mailbox, length: int, first: int) -> Columns | None:
        """Messages with ``length`` UIDs from ``first`` on; ``None`` where the mailbox has changed meanwhile."""
        connection = open_reader(path, busy_seconds=limits.DATABASE_BUSY_SECONDS)
        try:
            connection.execute("BEGIN")
            # Every change of a message changes its mailbox's row.
            if self.mailbox(connection, mailbox.id) != mailbox:
                return None
            return self.columns(connection, mailbox, first, first + length - 1)
        finally:
            connection.close()

    def refreshed(
        self, connection: apsw.Connection, mailbox: MailboxId, known: Known | None, *, within: int
    ) -> Refreshed | None:
        """Everything that a state does not know (``None``: the whole mailbox) from one snapshot.

        Args:
            connection: not in a transaction.
            mailbox: the mailbox's key.
            known: what the state knows.
            within: how many octets of log and how many messages may be read; ``None`` is returned where it is more.
        """
        connection.execute("BEGIN")
        try:
            box = self.mailbox(connection, mailbox)
            if box is None:
                return Refreshed(known, None)
            if known is not None:
                return self._changed(connection, box, known, within)
            return None if box.messages > within else Refreshed(None, box, columns=self._whole(connection, box))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _changed(self, connection: apsw.Connection, box: Mailbox, known: Known, within: int) -> Refreshed | None:
        if self.log_length(connection, box.id, known.modseq) > within:
            return None
        changes = self.changes(connection, box, known.modseq)
        again = changes.changed.clipped(1, known.last_uid)
        if len(changes.changed) > within or len(again) > limits.REFRESHED_ROWS:
            return None
        rows = self.rows(connection, box, again)
        added = bool(changes.changed) and changes.changed.last > known.last_uid
        columns = self.columns(connection, box, known.last_uid + 1) if added else None
        return Refreshed(known, box, rows, changes.expunged, columns)


def _unpacked(text: str) -> Columns:
    """What ``_COLUMNS`` made of messages."""
    numbers = array("Q", bytes.fromhex(text))
    if _LITTLE:
        numbers.byteswap()
    pairs = array("I", numbers[2::3].tobytes())
    uids, flags = (pairs[1::2], pairs[::2]) if _LITTLE else (pairs[::2], pairs[1::2])
    return uids, numbers[::3], flags, numbers[1::3]
