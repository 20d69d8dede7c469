"""Adding, copying, moving and removing messages."""

import hashlib
from collections.abc import Callable
from typing import Final

from mailwren.base import limits
from mailwren.base.ids import ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import Append, Appended, Copied, Copy, Expunge, Expunged, Move
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.content import add_content
from mailwren.store.sqlite.delta import Added, Removed
from mailwren.store.sqlite.mailbox_rows import UID_MAX, MailboxRow
from mailwren.store.sqlite.schema import LOG_CHANGED, LOG_EXPUNGED
from mailwren.store.sqlite.staging import Staged
from mailwren.store.sqlite.transaction import Transaction

EVERYTHING = RangeSet([(1, UID_MAX)])
_COPY_RANGE: Final = (
    "INSERT INTO message SELECT ?, uid + ?, content, flags, ?, ?, size FROM message "
    "WHERE mailbox = ? AND uid BETWEEN ? AND ?"
)
_COPY_NUMBERED: Final = selection.OverUids(
    "INSERT INTO message SELECT ?, row_number() OVER (ORDER BY uid) + ?, content, flags, ?, ?, size FROM message "
    "WHERE mailbox = ? AND $UIDS"
)
_DELETE: Final = selection.OverUids("DELETE FROM message WHERE mailbox = ? AND $UIDS")
_PUT_ASIDE: Final = selection.OverUids(
    "INSERT INTO expunged SELECT ?, mailbox, uid, content, flags, ?, saved, size FROM message "
    "WHERE mailbox = ? AND $UIDS"
)


def import_key_hash(key: str) -> bytes:
    """An import key as it is stored."""
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def append(tx: Transaction, operation: Append, stage: Callable[[], Staged]) -> Appended:
    """Add one message, staged by ``stage`` unless it is a duplicate.

    Raises:
        NoSuchMailbox, LimitReached, InvalidName (a flag); ValueError (a date without a time zone).
    """
    box = tx.mailbox(operation.mailbox)
    if operation.import_key:
        key = import_key_hash(operation.import_key)
        tx.execute("INSERT OR IGNORE INTO import_key VALUES(?, ?)", (box.id, key))
        if not tx.connection.changes():
            return Appended(Uid(0), box.uid_validity, box.highest_modseq, duplicate=True)
    flags = tx.flags.intern(operation.flags)
    staged = stage()
    content = add_content(tx, staged, operation.internal_date)
    uid = box.take_uids(1)
    modseq = tx.next_modseq()
    tx.execute(
        "INSERT INTO message VALUES(?, ?, ?, ?, ?, ?, ?)",
        (box.id, uid, content, flags.id, modseq, tx.now, staged.size),
    )
    box.count(flags, 1, staged.size)
    tx.meta.messages += 1
    tx.meta.octets += staged.size
    tx.changed(box, modseq, LOG_CHANGED, RangeSet([(uid, uid)])).steps.append(Added((uid, content, flags.id, modseq)))
    return Appended(Uid(uid), box.uid_validity, modseq)


def copy(tx: Transaction, operation: Copy) -> Copied:
    """Copy messages to the end of a mailbox. Raises NoSuchMailbox, LimitReached."""
    source, target = tx.mailbox(operation.source), tx.mailbox(operation.target)
    uids = selection.EXISTING.present(tx.connection, source.id, operation.uids)
    if not uids:
        return Copied(uids, uids, target.uid_validity, target.highest_modseq)
    modseq = tx.next_modseq()
    new = _copy(tx, source, uids, target, modseq)
    tx.meta.messages += len(uids)
    tx.meta.octets += sum(size for _, size in _count(tx, source, uids, target, 1))
    return Copied(uids, new, target.uid_validity, modseq)


def move(tx: Transaction, operation: Move) -> Copied:
    """Copy messages and remove the originals; what is moved needs no way to be restored. Raises as :func:`copy`."""
    source, target = tx.mailbox(operation.source), tx.mailbox(operation.target)
    uids = selection.EXISTING.present(tx.connection, source.id, operation.uids)
    if not uids:
        return Copied(uids, uids, target.uid_validity, target.highest_modseq)
    modseq = tx.next_modseq()
    new = _copy(tx, source, uids, target, modseq)
    _count(tx, source, uids, target, 1)
    _count(tx, source, uids, source, -1)
    _remove(tx, source, uids, modseq)
    return Copied(uids, new, target.uid_validity, modseq)


def _count(tx: Transaction, source: MailboxRow, uids: RangeSet, box: MailboxRow, sign: int) -> "list[tuple[int, int]]":
    """Count messages of ``source`` into or out of ``box``; how many and how large, by flag set."""
    counts = selection.by_flags(tx.connection, source.id, uids)
    for flags, (count, size) in counts.items():
        box.count(tx.flags.find(flags), sign * count, sign * size)
    return list(counts.values())


def _copy(tx: Transaction, source: MailboxRow, uids: RangeSet, target: MailboxRow, modseq: ModSeq) -> RangeSet:
    """Insert the copies; the UIDs that they got."""
    first = target.take_uids(len(uids))
    ranges = list(uids.ranges())
    if len(ranges) <= limits.RANGES_ONE_BY_ONE:
        base = first
        for low, high in ranges:
            tx.execute(_COPY_RANGE, (target.id, base - low, modseq, tx.now, source.id, low, high))
            base += high - low + 1
    else:
        _COPY_NUMBERED.run(tx.connection, uids, target.id, first - 1, modseq, tx.now, source.id)
    new = RangeSet([(first, first + len(uids) - 1)])
    tx.changed(target, modseq, LOG_CHANGED, new).complete = False
    return new


def _remove(tx: Transaction, box: MailboxRow, uids: RangeSet, modseq: ModSeq) -> None:
    _DELETE.run(tx.connection, uids, box.id)
    tx.changed(box, modseq, LOG_EXPUNGED, uids).steps.append(Removed(uids, modseq))


def expunge(tx: Transaction, operation: Expunge) -> Expunged:
    """Remove messages; they stay restorable for a time. Raises NoSuchMailbox."""
    box = tx.mailbox(operation.mailbox)
    if not (box.deleted if operation.only_deleted else box.messages):
        return Expunged(RangeSet(), box.highest_modseq)
    wanted = EVERYTHING if operation.uids is None else operation.uids
    uids = (selection.DELETED if operation.only_deleted else selection.EXISTING).present(tx.connection, box.id, wanted)
    if not uids:
        return Expunged(uids, box.highest_modseq)
    modseq = tx.next_modseq()
    put_aside(tx, box, uids, modseq)
    return Expunged(uids, modseq)


def put_aside(tx: Transaction, box: MailboxRow, uids: RangeSet, modseq: ModSeq) -> None:
    """Remove messages from a mailbox, keeping what is needed to bring them back."""
    for count, size in _count(tx, box, uids, box, -1):
        tx.meta.messages -= count
        tx.meta.octets -= size
    _PUT_ASIDE.run(tx.connection, uids, tx.now, modseq, box.id)
    _remove(tx, box, uids, modseq)
