"""Annotations of messages (RFC 5257): setting, reading, and what becomes of them when messages go or are copied.

They cost nothing where there are none: a mailbox's ``annotations`` counts its rows. What is shared, and what is the
owner's own, gives a message a new mod-sequence for everybody; what is a member's own gives it one for him alone, which
stands in his row of ``member_flags``. Names and values count as octets of annotations. What is removed stays as a row
without a value until the sweeper comes, so that sessions can be told of it.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import LimitReached, OverQuota
from mailwren.store.operations import AnnotationsSet, SetMessageAnnotations
from mailwren.store.sqlite import member_rows, selection
from mailwren.store.sqlite.delta import Flagged
from mailwren.store.sqlite.mailbox_rows import MailboxRow
from mailwren.store.sqlite.member_rows import Copies
from mailwren.store.sqlite.rows import fetch
from mailwren.store.sqlite.schema import LOG_CHANGED
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import AnnotationValue, ChangedAnnotation, MessageAnnotation, Resource

SHARED: Final = ""
"""The member of what is everybody's."""
OWNER: Final = "-"
"""The member that the account's owner is; no other has this name."""
_OCTETS: Final = "coalesce(sum(length(entry) + coalesce(length(value), 0)), 0)"
_WITH_VALUE: Final = selection.Condition(
    "AND m.entry = ? AND m.member = ? AND m.value IS NOT NULL", "message_annotation"
)
_WITH_THIS_VALUE: Final = selection.Condition("AND m.entry = ? AND m.member = ? AND m.value = ?", "message_annotation")
_OF_ENTRY: Final = selection.OverUids(
    f"SELECT count(*), {_OCTETS} FROM message_annotation "  # noqa: S608 - the text from above
    "WHERE mailbox = ? AND entry = ? AND member = ? AND $UIDS"
)
_ALL: Final = selection.OverUids(
    f"SELECT count(*), {_OCTETS} FROM message_annotation WHERE mailbox = ? AND $UIDS"  # noqa: S608 - the same
)
_MOST: Final = selection.OverUids(
    "SELECT count(*) FROM message_annotation WHERE mailbox = ? AND (member = '' OR member = ?) AND value IS NOT NULL "
    "AND $UIDS GROUP BY uid ORDER BY 1 DESC LIMIT 1"
)
_SET: Final = selection.OverUids(
    "INSERT INTO message_annotation SELECT mailbox, uid, ?, ?, ?, ? FROM message WHERE mailbox = ? AND $UIDS "
    "ON CONFLICT DO UPDATE SET modseq = excluded.modseq, value = excluded.value"
)
_DELETE: Final = selection.OverUids("DELETE FROM message_annotation WHERE mailbox = ? AND $UIDS")
_TOUCH: Final = selection.OverUids("UPDATE message SET modseq = ? WHERE mailbox = ? AND $UIDS")
_TOUCH_OWN: Final = selection.OverUids(
    "INSERT INTO member_flags SELECT mailbox, ?, uid, 0, ? FROM message WHERE mailbox = ? AND $UIDS "
    "ON CONFLICT DO UPDATE SET modseq = excluded.modseq"
)
_CARRIED: Final = "a.value IS NOT NULL AND (a.member = ? OR iif(a.member = '', ?, ?))"
"""Of the acting member, shared, and of all others: the member and two marks."""
_CARRY_RANGE: Final = (
    "INSERT INTO message_annotation SELECT ?, a.uid + ?, a.entry, a.member, ?, a.value FROM message_annotation a "  # noqa: S608 - the text from above
    f"WHERE a.mailbox = ? AND {_CARRIED} AND a.uid BETWEEN ? AND ?"
)
_CARRY_NUMBERED: Final = (
    "INSERT INTO message_annotation SELECT ?, n.new, a.entry, a.member, ?, a.value FROM temp.uid_change n "  # noqa: S608 - the same
    f"CROSS JOIN message_annotation a ON a.mailbox = ? AND a.uid = n.old AND {_CARRIED}"
)
_READ: Final = (
    "SELECT uid, entry, member = '', value FROM message_annotation WHERE mailbox = ? "
    "AND uid IN (SELECT value FROM carray(?)) AND (member = '' OR member = ?) AND value IS NOT NULL "
    "ORDER BY uid, entry, member"
)
_CHANGED: Final = (
    "SELECT uid, entry, max(modseq) FROM message_annotation WHERE mailbox = ? AND uid IN (SELECT value FROM carray(?)) "
    "AND (member = '' OR member = ?) AND modseq > ? GROUP BY uid, entry ORDER BY uid, entry"
)


def _acting(tx: Transaction) -> str:
    return OWNER if tx.member is None else tx.member


# --- setting ----------------------------------------------------------------------------------------------------
class _Change(NamedTuple):
    """An annotation, and the messages on which it is something else."""

    entry: str
    member: str
    value: bytes | None
    uids: RangeSet


def set_message_annotations(tx: Transaction, operation: SetMessageAnnotations) -> AnnotationsSet:
    """Annotate messages. Raises NoSuchMailbox, LimitReached, OverQuota."""
    box = tx.mailbox(operation.mailbox)
    uids, refused = selection.EXISTING.present(tx.connection, box.id, operation.uids), RangeSet()
    if operation.unchanged_since is not None:
        refused = _changed_after(tx, box, uids, operation.unchanged_since)
        uids = uids.difference(refused)
    changes = [change for each in operation.values if (change := _prepare(tx, box, uids, each)).uids]
    if not changes:
        return AnnotationsSet(RangeSet(), refused, ModSeq(_highest(tx, box)))
    modseq = tx.next_modseq()
    for change in changes:
        _write(tx, box, change, modseq)
    private = tx.member  # a member's own are of no concern to others, the owner's have no other place
    own = _together(each.uids for each in changes if each.member == private)
    shared = _together(each.uids for each in changes if each.member != private)
    changed = own.union(shared)
    _check_count(tx, box, changed)
    if shared:
        _TOUCH.run(tx.connection, shared, modseq, box.id)
        tx.changed(box, modseq, LOG_CHANGED, shared).steps.append(Flagged(shared, {}, modseq))
    if own:
        member = member_rows.acting_member(tx)
        _TOUCH_OWN.run(tx.connection, own, member, modseq, box.id)
        member_rows.changed(tx, box, member, modseq, 0)
    return AnnotationsSet(changed, refused, modseq)


def _changed_after(tx: Transaction, box: MailboxRow, uids: RangeSet, modseq: ModSeq) -> RangeSet:
    changed = selection.CHANGED_AFTER.present(tx.connection, box.id, uids, modseq)
    if tx.member is None:
        return changed
    own = (member_rows.acting_member(tx), modseq)
    return changed.union(member_rows.CHANGED_AFTER.present(tx.connection, box.id, uids, *own))


def _highest(tx: Transaction, box: MailboxRow) -> int:
    if tx.member is None:
        return box.highest_modseq
    return max(box.highest_modseq, member_rows.state_of(tx, box, member_rows.acting_member(tx))[0])


def _together(sets: Iterable[RangeSet]) -> RangeSet:
    return RangeSet(run for each in sets for run in each.ranges())


def _prepare(tx: Transaction, box: MailboxRow, uids: RangeSet, wanted: AnnotationValue) -> _Change:
    member = SHARED if wanted.is_shared else _acting(tx)
    key = (wanted.entry, member)
    if wanted.value is None:
        uids = _WITH_VALUE.present(tx.connection, box.id, uids, *key) if box.annotations else RangeSet()
    elif box.annotations:
        uids = uids.difference(_WITH_THIS_VALUE.present(tx.connection, box.id, uids, *key, wanted.value))
    return _Change(wanted.entry, member, wanted.value, uids)


def _write(tx: Transaction, box: MailboxRow, change: _Change, modseq: ModSeq) -> None:
    """Write and count one annotation of messages that exist. Raises OverQuota."""
    before, octets = _sum(_OF_ENTRY.run(tx.connection, change.uids, box.id, change.entry, change.member))
    number = len(change.uids)
    _count(tx, box, number - before, (len(change.entry) + len(change.value or b"")) * number - octets)
    _SET.run(tx.connection, change.uids, change.entry, change.member, modseq, change.value, box.id)


def _count(tx: Transaction, box: MailboxRow, rows: int, octets: int) -> None:
    """Take in so many annotations, and their octets; fewer when negative. Raises OverQuota."""
    tx.touched(box)
    box.annotations += rows
    tx.meta.annotation_octets += octets
    if octets > 0 and tx.meta.annotation_octets > limits.ANNOTATION_OCTETS:
        raise OverQuota("the account's room for annotations is used up", Resource.ANNOTATION_STORAGE)


def _sum(rows: Iterable[tuple[int, int]]) -> tuple[int, int]:
    counts, octets = 0, 0
    for count, size in rows:
        counts += count
        octets += size
    return counts, octets


def _check_count(tx: Transaction, box: MailboxRow, uids: RangeSet) -> None:
    most = max((count for (count,) in _MOST.run(tx.connection, uids, box.id, _acting(tx))), default=0)
    if most > limits.ANNOTATIONS_PER_MESSAGE:
        raise LimitReached(f"a message has up to {limits.ANNOTATIONS_PER_MESSAGE} annotations")


# --- messages that come and go ----------------------------------------------------------------------------------
def insert(tx: Transaction, box: MailboxRow, uid: int, values: Iterable[AnnotationValue], modseq: ModSeq) -> None:
    """Annotate a message that was just added. Raises OverQuota."""
    for each in values:
        if each.value is not None:
            member = SHARED if each.is_shared else _acting(tx)
            _write(tx, box, _Change(each.entry, member, each.value, RangeSet([(uid, uid)])), modseq)


def carry(tx: Transaction, copies: Copies, *, shared: bool, everybody: bool = False) -> None:
    """Give copies the annotations of their originals: those of whoever acts, and others as asked. Raises OverQuota.

    "Servers MUST NOT copy ".priv" annotation data for users other than the current user" (RFC 5257 §4.6); renaming a
    mailbox is no copying.
    """
    source, uids, first = copies.source, copies.uids, copies.first
    if not source.annotations:
        return
    which = (_acting(tx), shared, everybody)
    if uids.range_count <= limits.RANGES_ONE_BY_ONE:
        base = first
        for low, high in uids.ranges():
            tx.execute(_CARRY_RANGE, (copies.target.id, base - low, copies.modseq, source.id, *which, low, high))
            base += high - low + 1
    else:
        member_rows.renumber(tx, copies)
        tx.execute(_CARRY_NUMBERED, (copies.target.id, copies.modseq, source.id, *which))
    new = RangeSet([(first, first + len(uids) - 1)])
    _count(tx, copies.target, *_sum(_ALL.run(tx.connection, new, copies.target.id)))


def remove(tx: Transaction, box: MailboxRow, uids: RangeSet) -> None:
    """Messages are gone, and their annotations."""
    if not box.annotations:
        return
    rows, octets = _sum(_ALL.run(tx.connection, uids, box.id))
    if rows:
        _DELETE.run(tx.connection, uids, box.id)
        _count(tx, box, -rows, -octets)


# --- reading ----------------------------------------------------------------------------------------------------
def read_message_annotations(
    connection: apsw.Connection, member: str, mailbox: MailboxId, uids: Sequence[Uid], entries: Sequence[str] | None
) -> list[MessageAnnotation]:
    """What messages are annotated with, as a member sees it. See store.api.Account. Raises apsw.Error."""
    rows = fetch(connection, _READ, (mailbox, apsw.carray(array("q", uids)), member))
    wanted = None if entries is None else frozenset(entries)
    return [
        MessageAnnotation(Uid(uid), entry, bool(is_shared), value)
        for uid, entry, is_shared, value in rows
        if wanted is None or entry in wanted
    ]


def read_changed_annotations(
    connection: apsw.Connection, member: str, mailbox: MailboxId, uids: Sequence[Uid], modseq: ModSeq
) -> list[ChangedAnnotation]:
    """Which of them were set or removed after a mod-sequence. Raises apsw.Error."""
    rows = fetch(connection, _CHANGED, (mailbox, apsw.carray(array("q", uids)), member, modseq))
    return [ChangedAnnotation(Uid(uid), entry, ModSeq(last)) for uid, entry, last in rows]
