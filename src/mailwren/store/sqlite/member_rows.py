"""What members have of their own, during a transaction: the rows ``member``, ``member_state`` and ``member_flags``.

A member's rows are written at once, not held in memory: going back to before a refused request takes them along.
Whoever writes ``member_flags`` keeps ``member_state`` in step: ``seen`` counts the rows whose flags have ``\\Seen``,
``highest_modseq`` is at least the largest of theirs, and a mailbox's ``members`` counts the rows of
``member_state``. The owner has no rows: the messages' own flags are his.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Final

import apsw

from mailwren.base import limits
from mailwren.base.ids import ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.mailbox_rows import MailboxRow, private_flags_of
from mailwren.store.sqlite.private_flags import PrivateFlags, private_flags
from mailwren.store.sqlite.rows import fetch, fetch_one
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import FlagSet, Mailbox

EXISTING: Final = selection.Condition("AND m.member = ?", "member_flags")
"""UIDs of messages of which a member has flags of his own, or had some; binds the member's key."""
CHANGED_AFTER: Final = selection.Condition("AND m.member = ? AND m.modseq > ?", "member_flags")
WITH_FLAGS: Final = selection.Condition("AND m.member = ? AND m.flags IN (SELECT value FROM carray(?))", "member_flags")
_BY_FLAGS: Final = selection.OverUids(
    "SELECT flags, count(*) FROM member_flags WHERE mailbox = ? AND member = ? AND $UIDS GROUP BY flags"
)
_BY_MEMBER: Final = selection.OverUids(
    "SELECT f.member, count(*), coalesce(sum((SELECT s.seen FROM flag_set s WHERE s.id = f.flags)), 0) "
    "FROM member_flags f WHERE f.mailbox = ? AND f.member IN (SELECT value FROM carray(?)) AND f.$UIDS GROUP BY 1"
)
_DELETE: Final = selection.OverUids(
    "DELETE FROM member_flags WHERE mailbox = ? AND member IN (SELECT value FROM carray(?)) AND $UIDS"
)
_CARRY_RANGE: Final = (
    "INSERT INTO member_flags SELECT ?, member, uid + ?, flags, ? FROM member_flags "
    "WHERE mailbox = ? AND member IN (SELECT value FROM carray(?)) AND uid BETWEEN ? AND ?"
)
_CARRY_NUMBERED: Final = (
    "INSERT INTO member_flags SELECT ?, f.member, n.new, f.flags, ? FROM carray(?) m CROSS JOIN temp.uid_change n "
    "CROSS JOIN member_flags f ON f.mailbox = ? AND f.member = m.value AND f.uid = n.old"
)


def private_of(box: MailboxRow) -> PrivateFlags:
    """The private flags of a mailbox."""
    return private_flags(private_flags_of(box.private_flags))


def acting_member(tx: Transaction) -> int:
    """The key of the member that the request acts for, who is remembered if new."""
    assert tx.member is not None
    tx.execute("INSERT OR IGNORE INTO member(identifier) VALUES(?)", (tx.member,))
    key: int = fetch_one(tx.connection, "SELECT id FROM member WHERE identifier = ?", (tx.member,))[0]
    return key


def members_of(tx: Transaction, box: MailboxRow) -> list[int]:
    """The keys of those who have something of their own in a mailbox."""
    if not box.members:
        return []
    rows = fetch(tx.connection, "SELECT member FROM member_state WHERE mailbox = ?", (box.id,))
    return [member for (member,) in rows]


# --- member_state -----------------------------------------------------------------------------------------------
def ensure_state(tx: Transaction, box: MailboxRow, member: int) -> None:
    """Have a row for what a member has in a mailbox."""
    tx.execute("INSERT OR IGNORE INTO member_state VALUES(?, ?, 0, 1, 0)", (box.id, member))
    if tx.connection.changes():
        box.members += 1
        box.save_sharing(tx.connection)


def changed(tx: Transaction, box: MailboxRow, member: int, modseq: ModSeq, seen: int) -> None:
    """The member has changed what is his own: ``seen`` messages more are seen (fewer when negative)."""
    ensure_state(tx, box, member)
    tx.execute(
        "UPDATE member_state SET highest_modseq = ?, seen = seen + ? WHERE mailbox = ? AND member = ?",
        (modseq, seen, box.id, member),
    )
    tx.hinted.add(box.id)


def mailbox_seen(tx: Transaction, box: MailboxRow) -> Mailbox:
    """The mailbox as it is now for whom the request acts for."""
    mailbox = box.value()
    if tx.member is None:
        return mailbox
    highest_modseq, first_recent, seen = state_of(tx, box, acting_member(tx))
    return replace(
        mailbox,
        highest_modseq=ModSeq(max(mailbox.highest_modseq, highest_modseq)),
        first_recent=Uid(first_recent),
        unseen=mailbox.messages - seen if private_of(box).seen else mailbox.unseen,
    )


def state_of(tx: Transaction, box: MailboxRow, member: int) -> tuple[int, int, int]:
    """A member's highest mod-sequence, first recent UID and number of seen messages in a mailbox."""
    rows = fetch(
        tx.connection,
        "SELECT highest_modseq, first_recent, seen FROM member_state WHERE mailbox = ? AND member = ?",
        (box.id, member),
    )
    return rows[0] if rows else (0, 1, 0)


# --- member_flags -----------------------------------------------------------------------------------------------
def by_flags(tx: Transaction, box: MailboxRow, member: int, uids: RangeSet) -> dict[int, int]:
    """How many messages of a set have which flags of the member's own; those without a row are left out."""
    result: dict[int, int] = {}
    for flags, number in _BY_FLAGS.run(tx.connection, uids, box.id, member):
        result[flags] = result.get(flags, 0) + number
    return result


def _by_member(tx: Transaction, box: MailboxRow, members: Sequence[int], uids: RangeSet) -> dict[int, tuple[int, int]]:
    """On how many messages of a set members have something of their own, and how many of those each has seen."""
    result: dict[int, tuple[int, int]] = {}
    for member, number, seen in _BY_MEMBER.run(tx.connection, uids, box.id, _keys(members)):
        before = result.get(member, (0, 0))
        result[member] = (before[0] + number, before[1] + seen)
    return result


def _keys(members: Sequence[int]) -> "apsw.CArrayBinding":
    return apsw.carray(array("q", members))


def insert(tx: Transaction, box: MailboxRow, uid: int, flags: FlagSet, modseq: ModSeq) -> None:
    """Give a new message flags of the acting member's own."""
    member = acting_member(tx)
    tx.execute("INSERT INTO member_flags VALUES(?, ?, ?, ?, ?)", (box.id, member, uid, flags.id, modseq))
    changed(tx, box, member, modseq, int(flags.seen))


def remove(tx: Transaction, box: MailboxRow, uids: RangeSet) -> None:
    """Messages are gone, and what members had on them."""
    members = members_of(tx, box)
    found = _by_member(tx, box, members, uids) if members else {}
    if not found:
        return
    _DELETE.run(tx.connection, uids, box.id, _keys(list(found)))
    tx.connection.executemany(
        "UPDATE member_state SET seen = seen - ? WHERE mailbox = ? AND member = ?",
        [(seen, box.id, member) for member, (_, seen) in found.items() if seen],
    )


@dataclass(frozen=True, slots=True)
class Copies:
    """Messages that were just copied."""

    source: MailboxRow
    uids: RangeSet
    """Of the originals."""
    target: MailboxRow
    first: int
    """The copies are numbered from here on, in the same order."""
    modseq: ModSeq


def renumber(tx: Transaction, copies: Copies) -> None:
    """Note in ``temp.uid_change`` which copy is which message's."""
    tx.execute("CREATE TEMP TABLE IF NOT EXISTS uid_change(old INTEGER PRIMARY KEY, new INTEGER NOT NULL)")
    tx.execute("DELETE FROM temp.uid_change")
    pairs = zip(copies.uids, count(copies.first), strict=False)
    tx.connection.executemany("INSERT INTO temp.uid_change VALUES(?, ?)", pairs)


def carry(tx: Transaction, copies: Copies, members: Sequence[int]) -> None:
    """Give copies what members have on the originals."""
    source, uids, target, first, modseq = copies.source, copies.uids, copies.target, copies.first, copies.modseq
    if not members:
        return
    if uids.range_count <= limits.RANGES_ONE_BY_ONE:
        base = first
        for low, high in uids.ranges():
            tx.execute(_CARRY_RANGE, (target.id, base - low, modseq, source.id, _keys(members), low, high))
            base += high - low + 1
    else:
        renumber(tx, copies)
        tx.execute(_CARRY_NUMBERED, (target.id, modseq, _keys(members), source.id))
    new = RangeSet([(first, first + len(uids) - 1)])
    for member, (_, seen) in _by_member(tx, target, members, new).items():
        changed(tx, target, member, modseq, seen)
