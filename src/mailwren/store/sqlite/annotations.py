"""Annotations of mailboxes and of the account: setting, reading, and what becomes of them when mailboxes change.

What is removed stays as a row without a value for a while, so that sessions can be told of it.
"""

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.store.errors import LimitReached, OverQuota
from mailwren.store.operations import MetadataSet, SetMetadata
from mailwren.store.sqlite.rows import fetch, fetch_value
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import ALL_MAILBOXES, Annotation, AnnotationChange, AnnotationQuestion, Resource

PRIVATE = "/private/"
"""How the names of annotations begin that each member has for himself."""


def set_metadata(tx: Transaction, operation: SetMetadata) -> MetadataSet:
    """Set or remove annotations. Raises NoSuchMailbox, LimitReached, OverQuota."""
    box = tx.mailbox(operation.mailbox) if operation.mailbox != ALL_MAILBOXES else None
    if box is not None:
        tx.touched(box)
    modseq = tx.next_modseq()
    removed = False
    for entry, value in operation.values:
        owner = operation.member if entry.startswith(PRIVATE) else ""
        before = fetch_value(
            tx.connection,
            "SELECT length(value) FROM annotation WHERE mailbox = ? AND entry = ? AND member = ?",
            (operation.mailbox, entry, owner),
        )
        if value is None and before is None:
            continue
        removed = removed or value is None
        if box is not None:
            box.highest_modseq = modseq  # "it MUST increment the per-mailbox mod-sequence" (RFC 7162 §3.2)
        tx.meta.annotation_octets += len(value or b"") - (before or 0)
        tx.execute(
            "INSERT INTO annotation VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET modseq = excluded.modseq, "
            "value = excluded.value",
            (operation.mailbox, entry, owner, modseq, value),
        )
    _check(tx, operation)
    if removed:
        _forget_removed(tx)
    tx.list_changed = True
    return MetadataSet(modseq)


def _check(tx: Transaction, operation: SetMetadata) -> None:
    if all(value is None for _entry, value in operation.values):
        return
    count = fetch_value(
        tx.connection,
        "SELECT count(*) FROM annotation WHERE mailbox = ? AND value IS NOT NULL AND (member = '' OR member = ?)",
        (operation.mailbox, operation.member),
    )
    if count > limits.ANNOTATIONS_PER_MAILBOX:
        raise LimitReached("there are too many annotations here")
    if tx.meta.annotation_octets > limits.ANNOTATION_OCTETS:
        raise OverQuota("the account's room for annotations is used up", Resource.ANNOTATION_STORAGE)


def _forget_removed(tx: Transaction) -> None:
    tx.execute(
        "DELETE FROM annotation WHERE value IS NULL AND modseq < (SELECT modseq FROM annotation WHERE value IS NULL "
        "ORDER BY modseq DESC LIMIT 1 OFFSET ?)",
        (limits.ANNOTATIONS_REMOVED,),
    )


def remove_annotations(tx: Transaction, mailbox: MailboxId) -> None:
    """The mailbox is deleted: its annotations go with it (RFC 5464 §4.1)."""
    octets = fetch_value(
        tx.connection, "SELECT coalesce(sum(length(value)), 0) FROM annotation WHERE mailbox = ?", (mailbox,)
    )
    tx.meta.annotation_octets -= octets
    tx.execute("DELETE FROM annotation WHERE mailbox = ?", (mailbox,))


def copy_annotations(tx: Transaction, source: MailboxId, target: MailboxId) -> None:
    """INBOX was renamed: the new mailbox has its annotations as well (RFC 5464 §4.1). Raises OverQuota."""
    modseq = tx.next_modseq()
    octets = fetch_value(
        tx.connection, "SELECT coalesce(sum(length(value)), 0) FROM annotation WHERE mailbox = ?", (source,)
    )
    tx.meta.annotation_octets += octets
    if octets and tx.meta.annotation_octets > limits.ANNOTATION_OCTETS:
        raise OverQuota("the account's room for annotations is used up", Resource.ANNOTATION_STORAGE)
    tx.execute(
        "INSERT INTO annotation SELECT ?, entry, member, ?, value FROM annotation "
        "WHERE mailbox = ? AND value IS NOT NULL",
        (target, modseq, source),
    )


def read_annotations(connection: apsw.Connection, mailbox: MailboxId, question: AnnotationQuestion) -> list[Annotation]:
    """Annotations of a mailbox. See store.api.Account. Raises apsw.Error."""
    result: dict[str, Annotation] = {}
    for entry in question.entries:
        rows = fetch(
            connection,
            "SELECT entry, length(value), iif(length(value) <= ?1, value, NULL) FROM annotation WHERE mailbox = ?2 "
            "AND (entry = ?3 OR (?4 AND entry >= ?3 || '/' AND entry < ?3 || '0')) AND value IS NOT NULL "
            "AND (member = '' OR member = ?5) ORDER BY entry",
            (question.largest, mailbox, entry, question.depth != 0, question.member),
        )
        for name, size, value in rows:
            if question.depth is None or name.count("/") - entry.count("/") <= question.depth:
                result[name] = Annotation(name, size, value)
    return list(result.values())


def read_annotation_changes(connection: apsw.Connection, modseq: ModSeq, member: str) -> list[AnnotationChange]:
    """What was set or removed after a mod-sequence. Raises apsw.Error."""
    rows = fetch(
        connection,
        "SELECT mailbox, entry, modseq FROM annotation WHERE modseq > ? AND (member = '' OR member = ?) "
        "ORDER BY mailbox, entry",
        (modseq, member),
    )
    return [AnnotationChange(MailboxId(mailbox), entry, ModSeq(at)) for mailbox, entry, at in rows]
