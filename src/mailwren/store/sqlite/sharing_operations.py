"""Who may use a mailbox, and what everybody has for himself there. What rights mean is not the store's business."""

import json
from array import array
from typing import Final

import apsw

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import CannotChange, InvalidName, LimitReached
from mailwren.store.operations import MailboxChanged, SetAcl, SetPrivateFlags
from mailwren.store.sqlite import member_rows, selection
from mailwren.store.sqlite.flag_sets import ordered
from mailwren.store.sqlite.mailbox_rows import UID_MAX, MailboxRow, acl_of
from mailwren.store.sqlite.private_flags import PrivateFlags
from mailwren.store.sqlite.rows import fetch
from mailwren.store.sqlite.schema import LOG_CHANGED
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import ALL_KEYWORDS

_EVERYTHING: Final = RangeSet([(1, UID_MAX)])
_NEVER_PRIVATE: Final = frozenset({"\\deleted", "\\recent"})
"""What would make the same EXPUNGE remove different messages, and what no message has."""
_TOUCH: Final = selection.OverUids("UPDATE message SET modseq = ? WHERE mailbox = ? AND $UIDS")


def set_acl(tx: Transaction, operation: SetAcl) -> MailboxChanged:
    """Change one entry of an access control list. Raises as operations.SetAcl says."""
    box = tx.mailbox(operation.mailbox)
    entries = dict(acl_of(box.acl))
    if operation.rights is None:
        entries.pop(operation.identifier, None)
    else:
        _check_identifier(operation.identifier)
        entries[operation.identifier] = "".join(dict.fromkeys(operation.rights))
        if len(entries) > limits.ACL_IDENTIFIERS:
            raise LimitReached("the mailbox's access control list has too many identifiers")
    text = json.dumps(entries, separators=(",", ":"), sort_keys=True)
    if text != box.acl:
        box.acl = text
        _save(tx, box)
    return MailboxChanged(member_rows.mailbox_seen(tx, box))


def _check_identifier(identifier: str) -> None:
    if not identifier or len(identifier.encode("utf-8", "surrogatepass")) > limits.ACL_IDENTIFIER:
        raise InvalidName("an identifier of an access control list cannot be empty or that long")


def _save(tx: Transaction, box: MailboxRow) -> None:
    """Write the row, and have everybody look at it again."""
    box.save_sharing(tx.connection)
    tx.touched(box)
    tx.list_changed = True


def set_private_flags(tx: Transaction, operation: SetPrivateFlags) -> MailboxChanged:
    """Say which flags are private. Raises as operations.SetPrivateFlags says."""
    box = tx.mailbox(operation.mailbox)
    if any(name.lower() in _NEVER_PRIVATE for name in operation.flags):
        raise CannotChange("\\Deleted and \\Recent cannot be a member's own")
    names = tx.flags.intern(operation.flags - {ALL_KEYWORDS}).names
    text = ordered(names | (operation.flags & {ALL_KEYWORDS}))
    if text != box.private_flags:
        before = member_rows.private_of(box)
        box.private_flags = text
        _save(tx, box)
        _mark_changed(tx, box, before, member_rows.private_of(box))
    return MailboxChanged(member_rows.mailbox_seen(tx, box))


def _mark_changed(tx: Transaction, box: MailboxRow, before: PrivateFlags, after: PrivateFlags) -> None:
    """Give the messages that look different to anyone a new mod-sequence."""
    used = {
        flags for (flags,) in fetch(tx.connection, "SELECT DISTINCT flags FROM message WHERE mailbox = ?", (box.id,))
    }
    used.update(
        flags
        for (flags,) in fetch(tx.connection, "SELECT DISTINCT flags FROM member_flags WHERE mailbox = ?", (box.id,))
    )
    different = array(
        "q", (each for each in used if any((name in before) != (name in after) for name in tx.flags.find(each).names))
    )
    if not different:
        return
    uids = selection.WITH_FLAGS.present(tx.connection, box.id, _EVERYTHING, apsw.carray(different))
    for member in member_rows.members_of(tx, box):
        uids = uids.union(
            member_rows.WITH_FLAGS.present(tx.connection, box.id, _EVERYTHING, member, apsw.carray(different))
        )
    modseq = tx.next_modseq()
    _TOUCH.run(tx.connection, uids, modseq, box.id)
    tx.changed(box, modseq, LOG_CHANGED, uids).complete = False
