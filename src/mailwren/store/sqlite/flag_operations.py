"""Changing flags, and claiming what is recent. Set-based: the cost is that of SQLite's rows, not of ours."""

from collections.abc import Mapping
from typing import Final

from mailwren.base.ids import ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import ClaimRecent, FlagsSet, RecentClaimed, SetFlags
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.delta import Flagged
from mailwren.store.sqlite.mailbox_rows import MailboxRow
from mailwren.store.sqlite.schema import LOG_CHANGED
from mailwren.store.sqlite.transaction import Transaction

_UPDATE: Final = selection.OverUids("UPDATE message SET flags = ?, modseq = ? WHERE mailbox = ? AND $UIDS")
_UIDS_BY_FLAGS: Final = selection.OverUids(
    "SELECT flags, group_concat(uid) FROM message WHERE mailbox = ? AND $UIDS GROUP BY flags"
)


def set_flags(tx: Transaction, operation: SetFlags) -> FlagsSet:
    """Change flags of the messages that exist, need it and may be changed. Raises as FlagSetWriter.intern."""
    box = tx.mailbox(operation.mailbox)
    uids, refused = selection.EXISTING.present(tx.connection, box.id, operation.uids), RangeSet()
    if operation.unchanged_since is not None:
        refused = selection.CHANGED_AFTER.present(tx.connection, box.id, uids, operation.unchanged_since)
        uids = uids.difference(refused)
    before = selection.by_flags(tx.connection, box.id, uids)
    after = {flags: tx.flags.changed(flags, operation.mode, operation.flags).id for flags in before}
    changing = {old: new for old, new in after.items() if old != new}
    if not changing:
        return FlagsSet(RangeSet(), refused, box.highest_modseq)
    for old, new in changing.items():
        count, size = before[old]
        box.recount(tx.flags.find(old), -count, -size)
        box.recount(tx.flags.find(new), count, size)
    modseq = tx.next_modseq()
    if len(changing) == len(before) and len(set(changing.values())) == 1:
        steps = [Flagged(uids, next(iter(changing.values())), modseq)]
    else:
        steps = _split(tx, box, uids, changing, modseq)
    return FlagsSet(_write(tx, box, steps, modseq), refused, modseq)


def _split(
    tx: Transaction, box: MailboxRow, uids: RangeSet, changing: Mapping[int, int], modseq: ModSeq
) -> list[Flagged]:
    """Which of the UIDs are to have which flags, where they differ."""
    found: dict[int, list[tuple[int, int]]] = {}
    for old, text in _UIDS_BY_FLAGS.run(tx.connection, uids, box.id):
        if old in changing:
            found.setdefault(changing[old], []).extend(RangeSet.of(selection.numbers(text)).ranges())
    return [Flagged(RangeSet(ranges), flags, modseq) for flags, ranges in found.items()]


def _write(tx: Transaction, box: MailboxRow, steps: list[Flagged], modseq: ModSeq) -> RangeSet:
    """Write the new flags; the UIDs that have them."""
    for step in steps:
        _UPDATE.run(tx.connection, step.uids, step.flags, modseq, box.id)
    changed = steps[0].uids if len(steps) == 1 else RangeSet([each for step in steps for each in step.uids.ranges()])
    tx.changed(box, modseq, LOG_CHANGED, changed.ranges()).steps.extend(steps)
    return changed


def claim_recent(tx: Transaction, operation: ClaimRecent) -> RecentClaimed:
    """Take every message that no read-write session was told of yet."""
    box = tx.mailbox(operation.mailbox)
    first = box.first_recent
    if first != box.uid_next:
        tx.touched(box)
        box.first_recent = box.uid_next
    return RecentClaimed(Uid(first))
