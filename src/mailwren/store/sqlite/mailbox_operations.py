"""Creating, deleting and renaming mailboxes, subscriptions, and the account's quota.

**UIDVALIDITY.** The account gives out every value once, each larger than the last and at least the time in seconds,
so a new mailbox always has a larger one than any mailbox of that name had before. Only renaming can bring an older
mailbox under a name: then the mailbox gets a new value. For that ``former_name`` holds the largest value that was ever
seen under a name; for the oldest names, which the sweeper drops, ``meta.former_floor`` stands.
"""

from mailwren.base import limits
from mailwren.base.ids import MailboxId, UidValidity
from mailwren.store.errors import (
    CannotChange,
    LimitReached,
    MailboxExists,
    MailboxHasChildren,
    NoSuchMailbox,
)
from mailwren.store.operations import (
    CreateMailbox,
    DeleteMailbox,
    Done,
    MailboxChanged,
    Move,
    RenameMailbox,
    SetQuota,
    SetSpecialUse,
    SetSubscription,
)
from mailwren.store.sqlite.annotations import copy_annotations, remove_annotations
from mailwren.store.sqlite.mailbox_rows import UID_MAX, MailboxRow, insert_mailbox
from mailwren.store.sqlite.member_rows import mailbox_seen
from mailwren.store.sqlite.message_operations import EVERYTHING, move, put_aside
from mailwren.store.sqlite.names import above, below, canonical, check_name
from mailwren.store.sqlite.rows import fetch, fetch_value
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import INBOX, SEPARATOR


def create_mailbox(tx: Transaction, operation: CreateMailbox) -> MailboxChanged:
    """Create a mailbox and those above it. Raises as operations.CreateMailbox says."""
    name = check_name(operation.name)
    found = _find(tx, name)
    if found is not None and not operation.exist_ok:
        raise MailboxExists("the mailbox exists already")
    if operation.subscribe:
        _subscribe(tx, name)
    if found is not None:
        return MailboxChanged(mailbox_seen(tx, found))
    _check_special_use(tx, operation.special_use)
    like = _find(tx, canonical(operation.shared_like)) if operation.shared_like else None
    _create_above(tx, name, like)
    return MailboxChanged(mailbox_seen(tx, _create(tx, name, operation.special_use, like)))


def _find(tx: Transaction, name: str) -> MailboxRow | None:
    mailbox = fetch_value(tx.connection, "SELECT id FROM mailbox WHERE name = ?", (name,))
    return None if mailbox is None else tx.mailbox(MailboxId(mailbox))


def _create(
    tx: Transaction, name: str, special_use: tuple[str, ...] = (), like: MailboxRow | None = None
) -> MailboxRow:
    if tx.meta.mailboxes >= limits.MAILBOXES_PER_ACCOUNT:
        raise LimitReached("the account has too many mailboxes")
    box = tx.mailbox(insert_mailbox(tx.connection, name, next_validity(tx), tx.next_modseq(), special_use))
    tx.meta.mailboxes += 1
    tx.touched(box)
    tx.list_changed = True
    parent = _find(tx, name.rpartition(SEPARATOR)[0]) or like
    if parent is not None:
        _share_alike(tx, box, parent)
    return box


def _share_alike(tx: Transaction, box: MailboxRow, other: MailboxRow) -> None:
    """Let the same people use a mailbox in the same way as another one (RFC 4314 §3)."""
    if (box.acl, box.private_flags) != (other.acl, other.private_flags):
        box.acl, box.private_flags = other.acl, other.private_flags
        box.save_sharing(tx.connection)


def _create_above(tx: Transaction, name: str, like: MailboxRow | None = None) -> None:
    for each in above(name):
        if _find(tx, each) is None:
            _create(tx, each, like=like)


def next_validity(tx: Transaction) -> UidValidity:
    """Give out a UIDVALIDITY larger than every one before. Raises LimitReached."""
    validity = max(tx.now, tx.meta.uid_validity + 1)
    if validity > UID_MAX:
        validity = tx.meta.uid_validity + 1
        if validity > UID_MAX:
            raise LimitReached("the account cannot create mailboxes any more")
    tx.meta.uid_validity = validity
    return UidValidity(validity)


def _check_special_use(tx: Transaction, special_use: tuple[str, ...], mailbox: int = 0) -> None:
    """Raise CannotChange where another mailbox than the one given has one of the uses."""
    if not special_use:
        return
    rows = fetch(tx.connection, "SELECT special_use FROM mailbox WHERE id <> ?", (mailbox,))
    used = {each for (text,) in rows for each in text.split()}
    taken = used.intersection(special_use)
    if taken:
        raise CannotChange(f"another mailbox is used as {' '.join(sorted(taken))} already")


def set_special_use(tx: Transaction, operation: SetSpecialUse) -> MailboxChanged:
    """Use an existing mailbox as something else. Raises as operations.SetSpecialUse says."""
    box = tx.mailbox(operation.mailbox)
    uses = tuple(dict.fromkeys(operation.special_use))
    _check_special_use(tx, uses, box.id)
    if box.special_use != " ".join(uses):
        box.special_use = " ".join(uses)
        box.save_sharing(tx.connection)
        tx.touched(box)
        tx.list_changed = True
    return MailboxChanged(mailbox_seen(tx, box))


def delete_mailbox(tx: Transaction, operation: DeleteMailbox) -> MailboxChanged:
    """Delete a mailbox; its messages stay restorable. Raises as operations.DeleteMailbox says."""
    name = canonical(operation.name)
    box = _find(tx, name)
    if box is None:
        if _children(tx, name):
            raise MailboxHasChildren("the name has no mailbox of its own, only others below it")
        raise NoSuchMailbox("the mailbox does not exist")
    if name == INBOX:
        raise CannotChange("INBOX cannot be deleted")
    before = mailbox_seen(tx, box)
    delta = tx.touched(box)
    modseq = tx.next_modseq()
    if box.messages:
        put_aside(tx, box, EVERYTHING, modseq)
    tx.execute("DELETE FROM change WHERE mailbox = ?", (box.id,))
    tx.execute("DELETE FROM import_key WHERE mailbox = ?", (box.id,))
    remove_annotations(tx, box.id)
    tx.execute("DELETE FROM member_state WHERE mailbox = ?", (box.id,))
    tx.execute(
        "INSERT INTO deleted_mailbox(mailbox, name, object_id, uid_validity, uid_next, special_use, deleted_at, acl, "
        "private_flags) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(box.id, box.name, box.object_id, box.uid_validity, box.uid_next, box.special_use, tx.now),
            *(box.acl, box.private_flags),
        ),
    )
    tx.execute("DELETE FROM mailbox WHERE id = ?", (box.id,))
    tx.meta.mailboxes -= 1
    _remember_name(tx, box)
    tx.forget(box.id)
    delta.steps.clear()
    tx.list_changed = True
    return MailboxChanged(before)


def _children(tx: Transaction, name: str) -> list[MailboxRow]:
    rows = fetch(tx.connection, "SELECT id FROM mailbox WHERE name >= ? AND name < ? ORDER BY name", below(name))
    return [tx.mailbox(MailboxId(mailbox)) for (mailbox,) in rows]


def _remember_name(tx: Transaction, box: MailboxRow) -> None:
    tx.execute(
        "INSERT INTO former_name VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET uid_validity = "
        "max(uid_validity, excluded.uid_validity)",
        (box.name, box.uid_validity),
    )


def rename_mailbox(tx: Transaction, operation: RenameMailbox) -> MailboxChanged:
    """Rename a mailbox with its children. Raises as operations.RenameMailbox says."""
    old, new = canonical(operation.old), check_name(operation.new)
    box = _find(tx, old)
    if _find(tx, new) is not None:
        raise MailboxExists("a mailbox of the new name exists already")
    if old == INBOX and box is not None:
        return _rename_inbox(tx, box, new)
    if new.startswith(old + SEPARATOR):
        raise CannotChange("a mailbox cannot be moved below itself")
    moving = ([] if box is None else [box]) + _children(tx, old)
    if not moving:
        raise NoSuchMailbox("the mailbox does not exist")
    # Shorter names first: a name may move to where another one moves away from, which then is the shorter one.
    moving.sort(key=lambda each: len(each.name))
    names = [check_name(new + each.name[len(old) :]) for each in moving]
    for name in names:
        found = _find(tx, name)
        if found is not None and found not in moving:
            raise MailboxExists("a mailbox below the new name exists already")
    for each, name in zip(moving, names, strict=True):
        _rename(tx, each, name)
    for name in names:
        _create_above(tx, name)
    # A name that had no mailbox of its own, only others below it, has one now: it stands above them.
    result = _find(tx, new)
    assert result is not None
    return MailboxChanged(mailbox_seen(tx, result))


def _rename(tx: Transaction, box: MailboxRow, name: str) -> None:
    tx.touched(box)
    _remember_name(tx, box)
    known = fetch_value(tx.connection, "SELECT uid_validity FROM former_name WHERE name = ?", (name,))
    largest = tx.meta.former_floor if known is None else known
    # An equal value that is remembered by name is the mailbox's own: it comes back to a name it had.
    if box.uid_validity < largest or (box.uid_validity == largest and known is None):
        box.uid_validity = next_validity(tx)
    box.name = name
    box.save_name(tx.connection)
    tx.list_changed = True


def _rename_inbox(tx: Transaction, inbox: MailboxRow, new: str) -> MailboxChanged:
    _create_above(tx, new)
    box = _create(tx, new)
    # The messages stay with those who could read them.
    _share_alike(tx, box, inbox)
    move(tx, Move(inbox.id, EVERYTHING, box.id), everybody=True)
    copy_annotations(tx, inbox.id, box.id)
    return MailboxChanged(mailbox_seen(tx, box))


def set_subscription(tx: Transaction, operation: SetSubscription) -> Done:
    """Subscribe to a name, or no longer. Raises InvalidName, LimitReached."""
    if operation.subscribed:
        _subscribe(tx, check_name(operation.name))
    else:
        tx.execute("DELETE FROM subscription WHERE name = ?", (canonical(operation.name),))
        tx.list_changed = tx.list_changed or bool(tx.connection.changes())
    return Done()


def _subscribe(tx: Transaction, name: str) -> None:
    if fetch_value(tx.connection, "SELECT count(*) FROM subscription") >= limits.SUBSCRIPTIONS_PER_ACCOUNT:
        raise LimitReached("the account has too many subscriptions")
    tx.execute("INSERT OR IGNORE INTO subscription VALUES(?)", (name,))
    tx.list_changed = tx.list_changed or bool(tx.connection.changes())


def set_quota(tx: Transaction, operation: SetQuota) -> Done:
    """Limit the account; what it holds already may be more."""
    meta = tx.meta
    meta.octets_limit, meta.messages_limit = operation.octets, operation.messages
    meta.mailboxes_limit, meta.annotation_octets_limit = operation.mailboxes, operation.annotation_octets
    meta.save_limits(tx.connection)
    return Done()
