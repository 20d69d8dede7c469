"""Adding, copying, moving and removing messages."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mailwren.base import limits
from mailwren.base.ids import ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import MessageGone
from mailwren.store.flag_columns import compact, distinct, places
from mailwren.store.operations import Append, Appended, Copied, Copy, Expunge, Expunged, Move
from mailwren.store.sqlite import member_operations, member_rows, message_annotations, selection
from mailwren.store.sqlite.content import add_content
from mailwren.store.sqlite.delta import Added, Removed
from mailwren.store.sqlite.flag_sets import EMPTY
from mailwren.store.sqlite.mailbox_rows import UID_MAX, MailboxRow
from mailwren.store.sqlite.member_rows import Copies
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
        NoSuchMailbox, LimitReached, OverQuota, InvalidName (a flag); ValueError (a date without a time zone).
    """
    box = tx.mailbox(operation.mailbox)
    if operation.import_key:
        key = import_key_hash(operation.import_key)
        tx.execute("INSERT OR IGNORE INTO import_key VALUES(?, ?)", (box.id, key))
        if not tx.connection.changes():
            return Appended(Uid(0), box.uid_validity, box.highest_modseq, duplicate=True)
    flags, own = tx.flags.intern(operation.flags), EMPTY
    if tx.member is not None:
        flags, own = member_operations.divided(tx, box, flags)
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
    if own.names:
        member_rows.insert(tx, box, uid, own, modseq)
    if operation.annotations:
        message_annotations.insert(tx, box, uid, operation.annotations, modseq)
    return Appended(Uid(uid), box.uid_validity, modseq)


def copy(tx: Transaction, operation: Copy) -> Copied:
    """Copy messages to the end of a mailbox. Raises NoSuchMailbox, LimitReached, OverQuota."""
    chosen = _choose(tx, tx.mailbox(operation.source), operation.uids)
    target = tx.mailbox(operation.target)
    if not chosen.uids:
        return Copied(chosen.uids, chosen.uids, target.uid_validity, target.highest_modseq)
    modseq = tx.next_modseq()
    new = _copy(tx, chosen, target, modseq)
    copies = Copies(chosen.box, chosen.uids, target, new.first, modseq)
    member_operations.copied(tx, copies)
    message_annotations.carry(tx, copies, shared=operation.shared_annotations)
    tx.meta.messages += len(chosen.uids)
    tx.meta.octets += sum(size for _, size in chosen.by_flags.values())
    return Copied(chosen.uids, new, target.uid_validity, modseq)


def move(tx: Transaction, operation: Move, *, everybody: bool = False) -> Copied:
    """Copy messages and remove the originals; what is moved needs no way to be restored. Raises as :func:`copy`.

    With ``everybody`` the annotations of all members go along, not only those of whoever acts.
    """
    chosen = _choose(tx, tx.mailbox(operation.source), operation.uids)
    target = tx.mailbox(operation.target)
    if not chosen.uids:
        return Copied(chosen.uids, chosen.uids, target.uid_validity, target.highest_modseq)
    modseq = tx.next_modseq()
    new = _copy(tx, chosen, target, modseq)
    copies = Copies(chosen.box, chosen.uids, target, new.first, modseq)
    member_operations.moved(tx, copies)
    message_annotations.carry(tx, copies, shared=operation.shared_annotations, everybody=everybody)
    _remove(tx, chosen, modseq)
    return Copied(chosen.uids, new, target.uid_validity, modseq)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Messages of a mailbox that are copied or removed."""

    box: MailboxRow
    uids: RangeSet
    """Those that exist."""
    scope: RangeSet
    """The same messages in fewer ranges, for statements."""
    by_flags: dict[int, tuple[int, int]]
    """How many messages and octets have which flags."""


def _choose(tx: Transaction, box: MailboxRow, wanted: RangeSet) -> _Chosen:
    uids = selection.EXISTING.present(tx.connection, box.id, wanted)
    return _of(tx, box, uids, selection.scope(wanted, uids))


def _of(tx: Transaction, box: MailboxRow, uids: RangeSet, scope: RangeSet | None = None) -> _Chosen:
    scope = uids if scope is None else scope
    return _Chosen(box, uids, scope, selection.by_flags(tx.connection, box.id, scope))


def _deleted(tx: Transaction, box: MailboxRow, wanted: RangeSet) -> RangeSet:
    """Those of some messages that are flagged \\Deleted: all are looked at, in memory if they are there."""
    state = tx.state_of(box) if wanted is EVERYTHING else None
    if state is None:
        return selection.DELETED.present(tx.connection, box.id, wanted)
    flags, uids = compact(state.flags), state.uids
    sets = {each for each in distinct(flags) if tx.flags.find(each).deleted}
    return RangeSet.of_sorted(uids[place] for place in places(flags, sets))


def _copy(tx: Transaction, chosen: _Chosen, target: MailboxRow, modseq: ModSeq) -> RangeSet:
    """Insert and count the copies; the UIDs that they got."""
    source, uids = chosen.box, chosen.uids
    first = target.take_uids(len(uids))
    if uids.range_count <= limits.RANGES_ONE_BY_ONE:
        base = first
        for low, high in uids.ranges():
            tx.execute(_COPY_RANGE, (target.id, base - low, modseq, tx.now, source.id, low, high))
            base += high - low + 1
    else:
        # In one statement, so that the numbers go on from one range to the next.
        scope = chosen.scope if chosen.scope.range_count == 1 else uids
        _COPY_NUMBERED.run(tx.connection, scope, target.id, first - 1, modseq, tx.now, source.id)
    for flags, (count, size) in chosen.by_flags.items():
        target.count(tx.flags.find(flags), count, size)
    new = RangeSet([(first, first + len(uids) - 1)])
    tx.changed(target, modseq, LOG_CHANGED, new).complete = False
    return new


def _remove(tx: Transaction, chosen: _Chosen, modseq: ModSeq) -> None:
    """Delete and count messages that are no more."""
    _DELETE.run(tx.connection, chosen.scope, chosen.box.id)
    member_rows.remove(tx, chosen.box, chosen.scope)
    message_annotations.remove(tx, chosen.box, chosen.scope)
    for flags, (count, size) in chosen.by_flags.items():
        chosen.box.count(tx.flags.find(flags), -count, -size)
    tx.changed(chosen.box, modseq, LOG_EXPUNGED, chosen.uids).steps.append(Removed(chosen.uids, modseq))


def expunge(tx: Transaction, operation: Expunge) -> Expunged:
    """Remove messages; they stay restorable for a time. Raises NoSuchMailbox, MessageGone."""
    box = tx.mailbox(operation.mailbox)
    if not operation.all_or_none and not (box.deleted if operation.only_deleted else box.messages):
        return Expunged(RangeSet(), box.highest_modseq)
    wanted = EVERYTHING if operation.uids is None else operation.uids
    chosen = _of(tx, box, _deleted(tx, box, wanted)) if operation.only_deleted else _choose(tx, box, wanted)
    if operation.all_or_none and chosen.uids != wanted:
        raise MessageGone("the message does not exist any more")
    if not chosen.uids:
        return Expunged(chosen.uids, box.highest_modseq)
    modseq = tx.next_modseq()
    _put_aside(tx, chosen, modseq)
    return Expunged(chosen.uids, modseq)


def put_aside(tx: Transaction, box: MailboxRow, wanted: RangeSet, modseq: ModSeq) -> None:
    """Remove those of some messages that exist, keeping what is needed to bring them back."""
    chosen = _choose(tx, box, wanted)
    if chosen.uids:
        _put_aside(tx, chosen, modseq)


def _put_aside(tx: Transaction, chosen: _Chosen, modseq: ModSeq) -> None:
    for count, size in chosen.by_flags.values():
        tx.meta.messages -= count
        tx.meta.octets -= size
    _PUT_ASIDE.run(tx.connection, chosen.scope, tx.now, modseq, chosen.box.id)
    _remove(tx, chosen, modseq)
