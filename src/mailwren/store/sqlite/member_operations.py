"""What a member does with flags: each change is divided into what is shared and what is the member's own.

A member sees on a message its flags without the private ones, and the private ones of his own. Both parts of a change
share one mod-sequence and one transaction.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import apsw

from mailwren.base.ids import ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import ClaimRecent, FlagMode, FlagsSet, RecentClaimed, SetFlags
from mailwren.store.sqlite import member_rows, selection
from mailwren.store.sqlite.flag_operations import carry_out, kept, prepare
from mailwren.store.sqlite.flag_sets import EMPTY
from mailwren.store.sqlite.mailbox_rows import MailboxRow
from mailwren.store.sqlite.member_rows import Copies
from mailwren.store.sqlite.private_flags import PrivateFlags
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import FlagSet

_CHANGE: Final = selection.OverUids(
    "UPDATE member_flags SET flags = ?, modseq = ? WHERE mailbox = ? AND member = ? AND flags = ? AND $UIDS"
)
_ADD: Final = selection.OverUids(
    "INSERT INTO member_flags SELECT mailbox, ?, uid, ?, ? FROM message WHERE mailbox = ? AND $UIDS"
)
_REPLACE_FLAGS: Final = selection.OverUids("UPDATE message SET flags = ? WHERE mailbox = ? AND $UIDS")
_PAIRS: Final = selection.OverUids(
    "SELECT flags, coalesce((SELECT f.flags FROM member_flags f WHERE f.mailbox = message.mailbox AND f.member = ? "
    "AND f.uid = message.uid), 0) AS own, sum(size), group_concat(uid) FROM message "
    "WHERE mailbox = ? AND $UIDS GROUP BY 1, 2"
)


# --- changing flags ---------------------------------------------------------------------------------------------
def set_member_flags(tx: Transaction, operation: SetFlags) -> FlagsSet:
    """Change flags of the messages that exist, need it and may be changed. Raises as FlagSetWriter.intern."""
    box = tx.mailbox(operation.mailbox)
    private = member_rows.private_of(box)
    member = member_rows.acting_member(tx)
    uids, refused = selection.EXISTING.present(tx.connection, box.id, operation.uids), RangeSet()
    scope = selection.scope(operation.uids, uids)
    since = operation.unchanged_since
    if since is not None:
        refused = selection.CHANGED_AFTER.present(tx.connection, box.id, scope, since)
        refused = refused.union(member_rows.CHANGED_AFTER.present(tx.connection, box.id, scope, member, since))
        scope = uids = uids.difference(refused)
    shared = prepare(tx, box, uids, scope, _shared_part(tx, operation, private))
    own = _prepare_own(tx, box, member, uids, _own_part(tx, operation, private))
    if shared is None and not own:
        highest = max(box.highest_modseq, member_rows.state_of(tx, box, member)[0])
        return FlagsSet(RangeSet(), refused, ModSeq(highest))
    modseq = tx.next_modseq()
    changed = own.uids
    if shared is not None:
        carry_out(tx, box, shared, modseq)
        changed = changed.union(shared.uids)
    if own:
        _carry_out_own(tx, box, member, own, modseq)
    return FlagsSet(changed, refused, modseq)


def _shared_part(tx: Transaction, operation: SetFlags, private: PrivateFlags) -> Callable[[int], FlagSet]:
    """From a message's flag set to the one after the change."""
    names = private.shared(operation.flags)

    def after(flags: int) -> FlagSet:
        if operation.mode is FlagMode.REPLACE:
            staying = private.shared(kept(tx, operation, flags))
            return tx.flags.intern((*private.own(tx.flags.find(flags).names), *staying, *names))
        return tx.flags.changed(flags, operation.mode, names)

    return after


def _own_part(tx: Transaction, operation: SetFlags, private: PrivateFlags) -> Callable[[int], FlagSet]:
    """From a flag set of the member's own to the one after the change; what is out of sight stays."""
    names = private.own(operation.flags)

    def after(flags: int) -> FlagSet:
        if operation.mode is FlagMode.REPLACE:
            staying = private.own(kept(tx, operation, flags))
            return tx.flags.intern((*private.shared(tx.flags.find(flags).names), *staying, *names))
        return tx.flags.changed(flags, operation.mode, names)

    return after


class _OwnChange(NamedTuple):
    """What is to become of a member's own flags."""

    known: RangeSet
    """Messages of which the member has a row that changes."""
    changes: Mapping[int, int]
    """From which flag set to which one."""
    new: RangeSet
    """Messages of which he has no row yet and needs one."""
    flags: FlagSet
    """What stands in those."""
    seen: int
    """How many messages more are seen."""

    def __bool__(self) -> bool:
        return bool(self.known or self.new)

    @property
    def uids(self) -> RangeSet:
        """All messages that change."""
        return self.known.union(self.new)


def _prepare_own(
    tx: Transaction, box: MailboxRow, member: int, uids: RangeSet, after: Callable[[int], FlagSet]
) -> _OwnChange:
    known = member_rows.EXISTING.present(tx.connection, box.id, uids, member)
    counts = member_rows.by_flags(tx, box, member, known)
    results = {flags: after(flags) for flags in counts}
    changes = {old: new.id for old, new in results.items() if old != new.id}
    seen = sum((int(results[old].seen) - int(tx.flags.find(old).seen)) * counts[old] for old in changes)
    flags = after(EMPTY.id)
    new = uids.difference(known) if flags.names else RangeSet()
    if not changes:
        known = RangeSet()
    elif len(changes) < len(counts):
        some = apsw.carray(array("q", changes))
        known = member_rows.WITH_FLAGS.present(tx.connection, box.id, known, member, some)
    return _OwnChange(known, changes, new, flags, seen + int(flags.seen) * len(new))


def _carry_out_own(tx: Transaction, box: MailboxRow, member: int, change: _OwnChange, modseq: ModSeq) -> None:
    # No flag set that comes out of a change is changed by it again, so one statement never undoes another.
    for old, new in change.changes.items():
        _CHANGE.run(tx.connection, change.known, new, modseq, box.id, member, old)
    if change.new:
        _ADD.run(tx.connection, change.new, member, change.flags.id, modseq, box.id)
    member_rows.changed(tx, box, member, modseq, change.seen)


def claim_member_recent(tx: Transaction, operation: ClaimRecent) -> RecentClaimed:
    """Take every message that no read-write session of the member was told of yet."""
    box = tx.mailbox(operation.mailbox)
    member = member_rows.acting_member(tx)
    first = member_rows.state_of(tx, box, member)[1]
    if first != box.uid_next:
        member_rows.ensure_state(tx, box, member)
        tx.execute(
            "UPDATE member_state SET first_recent = ? WHERE mailbox = ? AND member = ?", (box.uid_next, box.id, member)
        )
    return RecentClaimed(Uid(first))


# --- new messages -----------------------------------------------------------------------------------------------
def divided(tx: Transaction, box: MailboxRow, flags: FlagSet) -> tuple[FlagSet, FlagSet]:
    """The flags of a member's new message: what everybody shares, and what is the member's own."""
    private = member_rows.private_of(box)
    own = private.own(flags.names)
    return (tx.flags.intern(private.shared(flags.names)), tx.flags.intern(own)) if own else (flags, EMPTY)


def copied(tx: Transaction, copies: Copies) -> None:
    """Give copies, which have their originals' own flags, what the acting member sees on the originals."""
    if tx.member is None:
        return
    member = member_rows.acting_member(tx)
    if copies.source.private_flags != copies.target.private_flags:
        _translate(tx, copies, member)
    elif member in member_rows.members_of(tx, copies.source):
        member_rows.carry(tx, copies, [member])


def moved(tx: Transaction, copies: Copies) -> None:
    """As :func:`copied`, and what the other members have of their own goes along as it is."""
    copied(tx, copies)
    acting = None if tx.member is None else member_rows.acting_member(tx)
    others = [member for member in member_rows.members_of(tx, copies.source) if member != acting]
    member_rows.carry(tx, copies, others)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Messages that have the same flags, shared and of the member's own."""

    flags: FlagSet
    own: FlagSet
    size: int
    uids: RangeSet


def _pairs(tx: Transaction, box: MailboxRow, uids: RangeSet, member: int) -> Iterator[_Pair]:
    for flags, own, size, text in _PAIRS.run(tx.connection, uids, member, box.id):
        yield _Pair(tx.flags.find(flags), tx.flags.find(own), size, RangeSet.of(selection.numbers(text)))


def _translate(tx: Transaction, copies: Copies, member: int) -> None:
    """Keep what a member sees where other flags are private in the target than in the source.

    What was his own and is shared there is everybody's; the owner keeps what is private there.
    """
    target, modseq = copies.target, copies.modseq
    before, after = member_rows.private_of(copies.source), member_rows.private_of(target)
    for pair in list(_pairs(tx, copies.source, copies.uids, member)):
        seen = before.seen_by_member(pair.flags.names, pair.own.names)
        flags = tx.flags.intern((*after.own(pair.flags.names), *after.shared(seen)))
        own = tx.flags.intern(after.own(seen))
        uids = _renumbered(pair.uids, copies.uids, copies.first)
        if flags.id != pair.flags.id:
            _REPLACE_FLAGS.run(tx.connection, uids, flags.id, target.id)
            target.recount(pair.flags, -len(uids), -pair.size)
            target.recount(flags, len(uids), pair.size)
        if own.names:
            _ADD.run(tx.connection, uids, member, own.id, modseq, target.id)
            member_rows.changed(tx, target, member, modseq, int(own.seen) * len(uids))


def _renumbered(some: RangeSet, among: RangeSet, first: int) -> RangeSet:
    """The UIDs of the copies of ``some`` messages, where those of ``among`` were numbered from ``first`` on."""
    result: list[tuple[int, int]] = []
    runs = among.ranges()
    low, high = next(runs)
    for start, stop in some.intersection(among).ranges():
        while start > high:
            first += high - low + 1
            low, high = next(runs)
        result.append((start - low + first, stop - low + first))
    return RangeSet(result)
