"""Reading the log of changes, and whole mailboxes as arrays. Synchronous; runs wherever the connection may be used.

The log answers "what changed after M" in one indexed query. A row may stand for a run of mod-sequences (a run of new
messages, or old rows that the sweeper merged); where M lies within such a run, the messages' own rows tell which of
them changed after M. UIDs that were expunged within such a run are all told: being told again does no harm.
"""

from array import array
from typing import NamedTuple, TypeAlias

import apsw

from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import MessageRow
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.mailbox_rows import MAILBOX_BY_ID, mailbox_of
from mailwren.store.sqlite.rows import fetch, fetch_one, fetch_value
from mailwren.store.sqlite.schema import LOG_CHANGED, LOG_EXPUNGED
from mailwren.store.values import Changes, Mailbox

Columns: TypeAlias = tuple["array[int]", "array[int]", "array[int]", "array[int]"]
"""UIDs, contents, flags and mod-sequences, in step."""
_COLUMNS_AT_ONCE = 16_384
"""Messages turned into numbers at a time: another thread waits a millisecond for each such step."""
_ROWS = selection.OverUids("SELECT uid, content, flags, modseq FROM message WHERE mailbox = ? AND $UIDS ORDER BY uid")


def read_mailbox(connection: apsw.Connection, mailbox: MailboxId) -> Mailbox | None:
    """A mailbox as it is now."""
    rows = fetch(connection, MAILBOX_BY_ID, (mailbox,))
    return mailbox_of(rows[0]) if rows else None


def log_length(connection: apsw.Connection, mailbox: MailboxId, modseq: ModSeq) -> int:
    """Octets of the log after a mod-sequence: how much work :func:`read_changes` is."""
    length: int = fetch_value(
        connection,
        "SELECT coalesce(sum(length(uids)), 0) FROM change WHERE mailbox = ? AND modseq > ?",
        (mailbox, modseq),
    )
    return length


def read_changes(connection: apsw.Connection, mailbox: Mailbox, modseq: ModSeq) -> Changes:
    """What changed after ``modseq``; ``mailbox`` is read in the same transaction."""
    found: dict[int, list[tuple[int, int]]] = {LOG_CHANGED: [], LOG_EXPUNGED: []}
    for kind, first, text in fetch(
        connection,
        "SELECT kind, first, uids FROM change WHERE mailbox = ? AND modseq > ? ORDER BY modseq",
        (mailbox.id, modseq),
    ):
        uids = RangeSet.parse(text)
        if kind == LOG_CHANGED and first <= modseq:
            uids = selection.CHANGED_AFTER.present(connection, mailbox.id, uids, modseq)
        found[kind].extend(uids.ranges())
    expunged = RangeSet(found[LOG_EXPUNGED])
    changed = RangeSet(found[LOG_CHANGED])
    return Changes(mailbox.highest_modseq, changed.difference(expunged) if expunged else changed, expunged)


def read_rows(connection: apsw.Connection, mailbox: MailboxId, uids: RangeSet) -> list[MessageRow]:
    """The rows of messages, ascending by UID."""
    rows: list[MessageRow] = _ROWS.run(connection, uids, mailbox)
    return rows


def read_columns(connection: apsw.Connection, mailbox: MailboxId) -> Columns:
    """All messages of a mailbox; a million in half a second. To be called within one transaction."""
    result: Columns = (array("I"), array("Q"), array("I"), array("Q"))
    last = 0
    while True:
        texts = fetch_one(
            connection,
            "SELECT group_concat(uid), group_concat(content), group_concat(flags), group_concat(modseq) FROM ("
            "SELECT uid, content, flags, modseq FROM message WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ?)",
            (mailbox, last, _COLUMNS_AT_ONCE),
        )
        if texts[0] is None:
            return result
        for column, text in zip(result, texts, strict=True):
            column.extend(selection.numbers(text))
        last = result[0][-1]


class Refreshed(NamedTuple):
    """What a mailbox's state needs to be brought up to date, read in one snapshot."""

    since: ModSeq | None
    """The state's mod-sequence that this is to be applied to; ``None`` where that does not matter."""
    mailbox: Mailbox | None
    """``None`` when it was deleted."""
    changes: Changes | None
    """Since the state's mod-sequence; ``None`` when ``columns`` are the whole mailbox instead."""
    rows: list[MessageRow]
    columns: Columns | None


def read_refreshed(
    connection: apsw.Connection, mailbox: MailboxId, modseq: ModSeq | None, *, within: int
) -> Refreshed | None:
    """Everything since ``modseq`` (``None``: the whole mailbox) from one snapshot.

    Args:
        within: the octets of log and the rows that may be read; ``None`` is returned where there is more to do.
    """
    connection.execute("BEGIN")
    try:
        return _refreshed(connection, mailbox, modseq, within)
    finally:
        connection.execute("ROLLBACK")


def _refreshed(connection: apsw.Connection, key: MailboxId, modseq: ModSeq | None, within: int) -> Refreshed | None:
    mailbox = read_mailbox(connection, key)
    if mailbox is None:
        return Refreshed(None, None, None, [], None)
    if modseq is None:
        if mailbox.messages > within:
            return None
        return Refreshed(None, mailbox, None, [], read_columns(connection, key))
    if log_length(connection, key, modseq) > within:
        return None
    changes = read_changes(connection, mailbox, modseq)
    if len(changes.changed) > within:
        return None
    return Refreshed(modseq, mailbox, changes, read_rows(connection, key, changes.changed), None)
