"""Changing messages' own flags, and claiming what is recent. Set-based: the cost is that of SQLite's rows, not of ours.

What members have of their own is in member_operations.py.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Final

import apsw

from mailwren.base.ids import ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import ClaimRecent, FlagMode, FlagsSet, RecentClaimed, SetFlags
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.delta import Flagged
from mailwren.store.sqlite.known_messages import KnownMessages
from mailwren.store.sqlite.mailbox_rows import MailboxRow
from mailwren.store.sqlite.private_flags import private_flags
from mailwren.store.sqlite.schema import LOG_CHANGED
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import FlagSet

ONE_CHANGE: Final = selection.OverUids(
    "UPDATE message SET flags = ?, modseq = ? WHERE mailbox = ? AND flags = ? AND $UIDS"
)
_FEW_CHANGES: Final = 16
"""Flag sets that a statement names one by one: a third of the time of looking each message's up in a table."""
_CHANGES: Final = selection.OverUids(
    "UPDATE message SET flags = (SELECT new FROM temp.flag_change WHERE old = flags), modseq = ? "
    "WHERE mailbox = ? AND flags IN (SELECT old FROM temp.flag_change) AND $UIDS"
)


@lru_cache(maxsize=_FEW_CHANGES)
def _few_changes(number: int) -> selection.OverUids:
    """The statement for so many flag sets, of which each becomes another."""
    cases, names = "WHEN ? THEN ? " * number, ", ".join("?" * number)
    return selection.OverUids(
        f"UPDATE message SET flags = CASE flags {cases}END, modseq = ? "  # noqa: S608 - nothing but placeholders
        f"WHERE mailbox = ? AND flags IN ({names}) AND $UIDS"
    )


def set_flags(tx: Transaction, operation: SetFlags) -> FlagsSet:
    """Change flags of the messages that exist, need it and may be changed. Raises as FlagSetWriter.intern."""
    box = tx.mailbox(operation.mailbox)
    state = tx.state_of(box)
    after = partial(_after, tx, operation)
    if state is not None:
        known = KnownMessages(state, operation.uids)
        refused = known.without_changed_after(operation.unchanged_since)
        change = _prepare_known(tx, box, known, after)
    else:
        uids, refused = selection.EXISTING.present(tx.connection, box.id, operation.uids), RangeSet()
        scope = selection.scope(operation.uids, uids)
        if operation.unchanged_since is not None:
            refused = selection.CHANGED_AFTER.present(tx.connection, box.id, scope, operation.unchanged_since)
            scope = uids = uids.difference(refused)
        change = prepare(tx, box, uids, scope, after)
    if change is None:
        return FlagsSet(RangeSet(), refused, box.highest_modseq)
    modseq = tx.next_modseq()
    carry_out(tx, box, change, modseq)
    return FlagsSet(change.uids, refused, modseq)


def _after(tx: Transaction, operation: SetFlags, flags: int) -> FlagSet:
    """What a flag set becomes."""
    if operation.mode is FlagMode.REPLACE and operation.keep:
        return tx.flags.intern((*kept(tx, operation, flags), *operation.flags))
    return tx.flags.changed(flags, operation.mode, operation.flags)


def kept(tx: Transaction, operation: SetFlags, flags: int) -> tuple[str, ...]:
    """The flags of a set that REPLACE is to leave as they are."""
    return private_flags(operation.keep).own(tx.flags.find(flags).names)


@dataclass(frozen=True, slots=True)
class FlagChange:
    """What is to become of messages' own flags."""

    uids: RangeSet
    """Those whose flags change."""
    scope: RangeSet
    """A set with these, and with others whose flag sets do not change."""
    changes: Mapping[int, int]
    """From which flag set to which one."""
    counts: Mapping[int, tuple[int, int]]
    """How many messages and octets have which flag set before; without those that nothing counted changes for."""


def prepare(
    tx: Transaction, box: MailboxRow, uids: RangeSet, scope: RangeSet, after: Callable[[int], FlagSet]
) -> FlagChange | None:
    """What ``after``, from a flag set to the new one, changes on messages; ``None`` when that is nothing.

    Args:
        tx: the transaction.
        box: the messages' mailbox.
        uids: messages that exist.
        scope: a set that means the same ones, see selection.scope.
        after: raises as FlagSetWriter.intern.
    """
    before = selection.by_flags(tx.connection, box.id, scope)
    results = {flags: after(flags).id for flags in before}
    changes = {old: new for old, new in results.items() if old != new}
    if not changes:
        return None
    if len(changes) < len(before):
        kept = array("q", before.keys() - changes.keys())
        uids = uids.difference(selection.WITH_FLAGS.present(tx.connection, box.id, scope, apsw.carray(kept)))
    return FlagChange(uids, scope, changes, before)


def _prepare_known(
    tx: Transaction, box: MailboxRow, known: KnownMessages, after: Callable[[int], FlagSet]
) -> FlagChange | None:
    """As :func:`prepare`, of messages that are in memory."""
    before = known.flag_sets()
    results = {flags: after(flags).id for flags in before}
    changes = {old: new for old, new in results.items() if old != new}
    if not changes:
        return None
    scope = selection.scope(known.wanted, known.uids)
    uids = known.with_flags(changes.keys()) if len(changes) < len(before) else known.uids
    pairs = [(tx.flags.find(old), tx.flags.find(new)) for old, new in changes.items()]
    counts: Mapping[int, tuple[int, int]] = {}
    if any(old.deleted != new.deleted for old, new in pairs):
        counts = selection.by_flags(tx.connection, box.id, scope)  # which tells the octets as well
    elif any(old.seen != new.seen for old, new in pairs):
        counts = {flags: (count, 0) for flags, count in known.counts().items()}
    return FlagChange(uids, scope, changes, counts)


def carry_out(tx: Transaction, box: MailboxRow, change: FlagChange, modseq: ModSeq) -> None:
    """Write, count and log what :func:`prepare` found."""
    for old, new in change.changes.items():
        count, size = change.counts.get(old, (0, 0))
        if count:
            box.recount(tx.flags.find(old), -count, -size)
            box.recount(tx.flags.find(new), count, size)
    _write(tx, box, change.scope, change.changes, modseq)
    tx.changed(box, modseq, LOG_CHANGED, change.uids).steps.append(Flagged(change.uids, change.changes, modseq))


def _write(tx: Transaction, box: MailboxRow, uids: RangeSet, changes: Mapping[int, int], modseq: ModSeq) -> None:
    """Write the new flags of those of some messages that have a flag set that changes."""
    if len(changes) == 1:
        ((old, new),) = changes.items()
        ONE_CHANGE.run(tx.connection, uids, new, modseq, box.id, old)
    elif len(changes) <= _FEW_CHANGES:
        pairs = chain.from_iterable(changes.items())
        _few_changes(len(changes)).run(tx.connection, uids, *pairs, modseq, box.id, *changes)
    else:
        tx.execute("CREATE TEMP TABLE IF NOT EXISTS flag_change(old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
        tx.execute("DELETE FROM temp.flag_change")
        tx.connection.executemany("INSERT INTO temp.flag_change VALUES(?, ?)", changes.items())
        _CHANGES.run(tx.connection, uids, modseq, box.id)


def claim_recent(tx: Transaction, operation: ClaimRecent) -> RecentClaimed:
    """Take every message that no read-write session was told of yet."""
    box = tx.mailbox(operation.mailbox)
    first = box.first_recent
    if first != box.uid_next:
        tx.touched(box)
        box.first_recent = box.uid_next
    return RecentClaimed(Uid(first))
