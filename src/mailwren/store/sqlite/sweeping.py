"""Removing what nothing refers to any more, in small transactions. Synchronous; each step gets a connection.

**Why a row that is found unreferenced stays so.** References to a content are only ever made from another reference
to it (COPY, MOVE, EXPUNGE). Once neither ``message`` nor ``expunged`` has one, none can come again, and the search
for them needs no lock. A blob can get a new content at any time, whenever equal octets come in; so it is judged under
the write lock, and so is its file, which is deleted under the lock as well: whoever stores a message looks for the
file under the same lock.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import apsw

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.store.blobs.api import BlobHash, BlobStore
from mailwren.store.sqlite.rows import fetch, fetch_value
from mailwren.store.sqlite.schema import LOG_CHANGED, LOG_EXPUNGED, PLACE_FILE

R = TypeVar("R")
_CANDIDATES: Final = 50_000
"""Contents that one search through the messages looks for."""


def transaction(connection: apsw.Connection, work: Callable[[], R]) -> R:
    """Do something in a synced transaction. Raises what it raises, having undone it."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def claim(connection: apsw.Connection, now: float, *, every: float) -> bool:
    """Whether it is time to sweep, and ours to do: of several processes only one is told so."""

    def work() -> bool:
        connection.execute("UPDATE meta SET swept = ? WHERE swept <= ?", (int(now), int(now - every)))
        return bool(connection.changes())

    return transaction(connection, work)


def purge(connection: apsw.Connection, before: float) -> int:
    """Let go of some messages expunged before a time; how many there were. Their contents are noted for later."""
    chosen = "SELECT expunged_at, mailbox, uid FROM expunged WHERE expunged_at <= ? ORDER BY 1, 2, 3 LIMIT ?"
    values = (int(before), limits.SWEEP_ROWS)

    def work() -> int:
        connection.execute(
            "INSERT OR IGNORE INTO unreferenced SELECT content FROM expunged "
            "WHERE expunged_at <= ? ORDER BY expunged_at, mailbox, uid LIMIT ?",
            values,
        )
        connection.execute(
            f"DELETE FROM expunged WHERE (expunged_at, mailbox, uid) IN ({chosen})",  # noqa: S608 - from above
            values,
        )
        return connection.changes()

    return transaction(connection, work)


def forget_mailboxes(connection: apsw.Connection, before: float) -> None:
    """Forget mailboxes deleted before a time, the oldest of very many former names, and members who left nothing."""

    def work() -> None:
        connection.execute(
            "DELETE FROM deleted_mailbox WHERE deleted_at <= ? AND mailbox NOT IN (SELECT mailbox FROM expunged)",
            (int(before),),
        )
        connection.execute("DELETE FROM member WHERE id NOT IN (SELECT member FROM member_state)")
        floor = fetch_value(
            connection,
            "SELECT uid_validity FROM former_name ORDER BY uid_validity DESC LIMIT 1 OFFSET ?",
            (limits.FORMER_NAMES,),
        )
        if floor is not None:
            connection.execute("DELETE FROM former_name WHERE uid_validity <= ?", (floor,))
            connection.execute("UPDATE meta SET former_floor = max(former_floor, ?)", (floor,))

    transaction(connection, work)


def forget_annotations(connection: apsw.Connection) -> int:
    """Forget some annotations of messages that were removed: sessions have been told; how many they were."""
    chosen = "SELECT mailbox, uid, entry, member FROM message_annotation WHERE value IS NULL ORDER BY mailbox LIMIT ?"

    def work() -> int:
        rows = fetch(connection, chosen, (limits.SWEEP_ROWS,))
        connection.executemany(
            "DELETE FROM message_annotation WHERE mailbox = ? AND uid = ? AND entry = ? AND member = ?", rows
        )
        connection.executemany(
            "UPDATE mailbox SET annotations = annotations - 1 WHERE id = ?", [(mailbox,) for mailbox, *_ in rows]
        )
        octets = sum(len(entry) for _, _, entry, _ in rows)
        connection.execute("UPDATE meta SET annotation_octets = annotation_octets - ?", (octets,))
        return len(rows)

    return transaction(connection, work)


def candidates(connection: apsw.Connection) -> tuple[list[int], list[int]]:
    """Contents noted for the sweeper: those that nothing refers to, and those that something does."""
    noted = [each for (each,) in fetch(connection, "SELECT content FROM unreferenced LIMIT ?", (_CANDIDATES,))]
    if not noted:
        return [], []
    numbers = array("q", noted)
    used: set[int] = set()
    for statement in (
        "SELECT DISTINCT content FROM message WHERE content IN (SELECT value FROM carray(?))",
        "SELECT DISTINCT content FROM expunged WHERE content IN (SELECT value FROM carray(?))",
    ):
        used.update(each for (each,) in fetch(connection, statement, (apsw.carray(numbers),)))
    return [each for each in noted if each not in used], sorted(used)


def keep(connection: apsw.Connection, contents: Sequence[int]) -> None:
    """Contents are in use after all: they need not be looked at until their next message goes."""
    numbers = (apsw.carray(array("q", contents)),)
    statement = "DELETE FROM unreferenced WHERE content IN (SELECT value FROM carray(?))"
    transaction(connection, lambda: connection.execute(statement, numbers))


def remove_contents(connection: apsw.Connection, contents: Sequence[int]) -> list[BlobHash]:
    """Remove contents that nothing refers to, and octets that only they had; the files that are to follow."""
    numbers = array("q", contents)

    def work() -> list[BlobHash]:
        blobs = array(
            "q",
            (
                each
                for (each,) in fetch(
                    connection,
                    "SELECT DISTINCT blob FROM content WHERE id IN (SELECT value FROM carray(?))",
                    (apsw.carray(numbers),),
                )
            ),
        )
        for statement in (
            "DELETE FROM content_wire WHERE id IN (SELECT value FROM carray(?))",
            "DELETE FROM content_header WHERE id IN (SELECT value FROM carray(?))",
            "DELETE FROM content_sort WHERE id IN (SELECT value FROM carray(?))",
            "DELETE FROM content_fields WHERE id IN (SELECT value FROM carray(?))",
            "DELETE FROM unsorted WHERE content IN (SELECT value FROM carray(?))",
            "DELETE FROM content WHERE id IN (SELECT value FROM carray(?))",
            "DELETE FROM unreferenced WHERE content IN (SELECT value FROM carray(?))",
        ):
            connection.execute(statement, (apsw.carray(numbers),))
        if not blobs:
            return []
        removed = fetch(
            connection,
            "DELETE FROM blob WHERE id IN (SELECT value FROM carray(?)) "
            "AND NOT EXISTS (SELECT 1 FROM content WHERE blob = blob.id) RETURNING hash, place",
            (apsw.carray(blobs),),
        )
        return [bytes(hashed) for hashed, place in removed if place == PLACE_FILE]

    return transaction(connection, work)


def remove_files(connection: apsw.Connection, blobs: BlobStore, hashes: Iterable[BlobHash]) -> int:
    """Delete files that have no row (any more); how many there were. Raises OSError."""

    def work() -> int:
        number = 0
        for each in hashes:
            if fetch_value(connection, "SELECT 1 FROM blob WHERE hash = ?", (each,)) is None:
                blobs.delete(each)
                number += 1
        return number

    return transaction(connection, work)


def orphans(connection: apsw.Connection, blobs: BlobStore, before: float) -> list[BlobHash]:
    """Files written before a time that have no row: what a crash left. Raises OSError."""
    blobs.remove_parts(before)
    return [
        entry.hash
        for entry in blobs.list()
        if entry.modified < before
        and fetch_value(connection, "SELECT 1 FROM blob WHERE hash = ?", (entry.hash,)) is None
    ]


def dead_threads(connection: apsw.Connection) -> tuple[list[int], int]:
    """Keys of message-ids whose thread has no message left, and the last content that was looked at."""
    last: int = fetch_value(connection, "SELECT coalesce(max(id), 0) FROM content")
    statement = "SELECT hash FROM thread_reference WHERE thread NOT IN (SELECT thread FROM content WHERE id <= ?)"
    return [each for (each,) in fetch(connection, statement, (last,))], last


def forget_threads(connection: apsw.Connection, keys: Sequence[int], last: int) -> None:
    """Forget message-ids, but not of a thread that a content after ``last`` has joined."""
    statement = (
        "DELETE FROM thread_reference WHERE hash IN (SELECT value FROM carray(?)) "
        "AND thread NOT IN (SELECT thread FROM content WHERE id > ?)"
    )
    bindings = (apsw.carray(array("q", keys)), last)
    transaction(connection, lambda: connection.execute(statement, bindings))


def long_logs(connection: apsw.Connection) -> list[int]:
    """Mailboxes whose log has grown long."""
    statement = "SELECT mailbox FROM change GROUP BY mailbox HAVING count(*) > ?"
    return [each for (each,) in fetch(connection, statement, (limits.LOG_ROWS,))]


def shorten_log(connection: apsw.Connection, mailbox: int) -> None:
    """Make one row of each kind of the older half of a mailbox's log; nothing is forgotten by that."""

    def work() -> None:
        newest = fetch_value(
            connection,
            "SELECT modseq FROM change WHERE mailbox = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
            (mailbox, limits.LOG_ROWS // 2),
        )
        if newest is None:
            return
        rows = fetch(
            connection,
            "SELECT kind, first, modseq, uids FROM change WHERE mailbox = ? AND modseq <= ?",
            (mailbox, newest),
        )
        connection.execute("DELETE FROM change WHERE mailbox = ? AND modseq <= ?", (mailbox, newest))
        gone = RangeSet(each for kind, _, _, text in rows if kind == LOG_EXPUNGED for each in _ranges(text))
        came = RangeSet(each for kind, _, _, text in rows if kind == LOG_CHANGED for each in _ranges(text))
        for kind, uids in ((LOG_CHANGED, came.difference(gone)), (LOG_EXPUNGED, gone)):
            if uids:
                merged = [row for row in rows if row[0] == kind]
                first, last = min(row[1] for row in merged), max(row[2] for row in merged)
                connection.execute("INSERT INTO change VALUES(?, ?, ?, ?, ?)", (mailbox, last, kind, first, str(uids)))

    transaction(connection, work)


def _ranges(text: str) -> Iterable[tuple[int, int]]:
    return RangeSet.parse(text).ranges()
