"""Making an account right again after a check: what is derived is computed anew, what is lost is set aside.

Nothing that a client has seen is silently changed: messages that are set aside are expunged like any others, and where
UIDs can no longer be trusted the mailbox gets a new UIDVALIDITY.
"""

from pathlib import Path
from typing import Final

from mailwren.base import limits
from mailwren.base.ids import ContentId, MailboxId
from mailwren.base.ranges import RangeSet
from mailwren.store.blobs.api import BlobStore
from mailwren.store.operations import CreateMailbox
from mailwren.store.sqlite import selection, sort_rows
from mailwren.store.sqlite.checking import AccountCheck
from mailwren.store.sqlite.contents import decompressed
from mailwren.store.sqlite.database import open_writer
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.mailbox_operations import create_mailbox, next_validity
from mailwren.store.sqlite.message_operations import EVERYTHING, put_aside
from mailwren.store.sqlite.rows import fetch, fetch_one
from mailwren.store.sqlite.schema import LOG_CHANGED, PLACE_COMPRESSED, PLACE_FILE
from mailwren.store.sqlite.staging import stage
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import INBOX

_TOUCH: Final = selection.OverUids("UPDATE message SET modseq = ? WHERE mailbox = ? AND $UIDS")

_BEFORE: Final = """
    UPDATE content SET size = b.size FROM blob b WHERE b.id = content.blob AND b.size <> content.size;
    UPDATE message SET size = c.size FROM content c WHERE c.id = message.content AND c.size <> message.size;
    UPDATE expunged SET size = c.size FROM content c WHERE c.id = expunged.content AND c.size <> expunged.size;
    UPDATE flag_set SET seen = (' ' || names || ' ' LIKE '% \\Seen %'),
        deleted = (' ' || names || ' ' LIKE '% \\Deleted %');
    UPDATE mailbox SET uid_next = max(uid_next,
        (SELECT coalesce(max(uid), 0) + 1 FROM message WHERE mailbox = mailbox.id),
        (SELECT coalesce(max(uid), 0) + 1 FROM expunged WHERE mailbox = mailbox.id));
    UPDATE mailbox SET first_recent = min(max(first_recent, 1), uid_next);
    UPDATE mailbox SET highest_modseq = max(highest_modseq, 1,
        (SELECT coalesce(max(modseq), 0) FROM message WHERE mailbox = mailbox.id),
        (SELECT coalesce(max(modseq), 0) FROM change WHERE mailbox = mailbox.id));
    UPDATE mailbox SET acl = '{}' WHERE iif(json_valid(acl), json_type(acl) <> 'object' OR EXISTS
        (SELECT 1 FROM json_each(acl) WHERE type <> 'text'), 1);
    DELETE FROM member_flags WHERE member NOT IN (SELECT id FROM member)
        OR NOT EXISTS (SELECT 1 FROM message r WHERE r.mailbox = member_flags.mailbox AND r.uid = member_flags.uid);
    DELETE FROM member_state WHERE member NOT IN (SELECT id FROM member) OR mailbox NOT IN (SELECT id FROM mailbox);
    INSERT OR IGNORE INTO member_state SELECT DISTINCT mailbox, member, 0, 1, 0 FROM member_flags;
    UPDATE member_state SET highest_modseq = max(highest_modseq, (SELECT coalesce(max(f.modseq), 0)
            FROM member_flags f WHERE f.mailbox = member_state.mailbox AND f.member = member_state.member)),
        first_recent = min(max(first_recent, 1), (SELECT uid_next FROM mailbox WHERE id = member_state.mailbox));
    UPDATE mailbox SET members = (SELECT count(*) FROM member_state WHERE mailbox = mailbox.id);
    UPDATE meta SET modseq = max(modseq, (SELECT coalesce(max(highest_modseq), 0) FROM mailbox),
            (SELECT coalesce(max(highest_modseq), 0) FROM member_state)),
        uid_validity = max(uid_validity, (SELECT coalesce(max(uid_validity), 0) FROM mailbox),
            (SELECT coalesce(max(uid_validity), 0) FROM former_name)),
        content = max(content, (SELECT coalesce(max(id), 0) FROM content));
"""
_AFTER: Final = """
    UPDATE mailbox SET (messages, size, unseen, deleted, deleted_size) = (
        SELECT count(r.uid), coalesce(sum(r.size), 0), coalesce(sum(1 - f.seen), 0), coalesce(sum(f.deleted), 0),
            coalesce(sum(r.size * f.deleted), 0)
        FROM message r JOIN flag_set f ON f.id = r.flags WHERE r.mailbox = mailbox.id);
    DELETE FROM annotation WHERE mailbox <> 0 AND mailbox NOT IN (SELECT id FROM mailbox);
    DELETE FROM message_annotation WHERE NOT EXISTS
        (SELECT 1 FROM message r WHERE r.mailbox = message_annotation.mailbox AND r.uid = message_annotation.uid);
    UPDATE mailbox SET annotations = (SELECT count(*) FROM message_annotation WHERE mailbox = mailbox.id);
    UPDATE meta SET annotation_octets = (SELECT coalesce(sum(length(value)), 0) FROM annotation)
        + (SELECT coalesce(sum(length(entry) + coalesce(length(value), 0)), 0) FROM message_annotation);
    UPDATE member_state SET seen = (SELECT count(*) FROM member_flags f JOIN flag_set e ON e.id = f.flags
        WHERE f.mailbox = member_state.mailbox AND f.member = member_state.member AND e.seen);
    UPDATE meta SET mailboxes = (SELECT count(*) FROM mailbox);
    UPDATE meta SET (messages, octets) = (SELECT count(*), coalesce(sum(size), 0) FROM message);
    INSERT OR IGNORE INTO unreferenced SELECT id FROM content WHERE id NOT IN (SELECT content FROM message)
        AND id NOT IN (SELECT content FROM expunged);
    DELETE FROM blob WHERE id NOT IN (SELECT blob FROM content);
"""


def repair(path: Path, blobs: BlobStore, check: AccountCheck, now: float) -> None:
    """Make right what a check found, in one synced transaction. Raises apsw.Error, OSError."""
    connection = open_writer(path)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_BEFORE)
        tx = Transaction(connection, FlagSets(), blobs, now)
        _mailboxes(tx, check)
        _contents(tx, check)
        tx.flush()
        connection.execute(_AFTER)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _mailboxes(tx: Transaction, check: AccountCheck) -> None:
    if not fetch(tx.connection, "SELECT 1 FROM mailbox WHERE name = ?", (INBOX,)):
        create_mailbox(tx, CreateMailbox(INBOX))
    for (mailbox,) in fetch(
        tx.connection,
        "SELECT m.id FROM mailbox m JOIN former_name f ON f.name = m.name WHERE f.uid_validity > m.uid_validity",
    ):
        _new_validity(tx, MailboxId(mailbox))
    for mailbox in check.mislogged:
        tx.execute("DELETE FROM change WHERE mailbox = ?", (mailbox,))
        _new_validity(tx, mailbox)
        _log_again(tx, mailbox, selection.EXISTING.present(tx.connection, mailbox, EVERYTHING))
    for mailbox, uids in check.unlogged.items():
        if mailbox not in check.mislogged:
            _log_again(tx, mailbox, selection.EXISTING.present(tx.connection, mailbox, uids))


def _new_validity(tx: Transaction, mailbox: MailboxId) -> None:
    box = tx.mailbox(mailbox)
    box.uid_validity = next_validity(tx)
    box.save_name(tx.connection)


def _log_again(tx: Transaction, mailbox: MailboxId, uids: RangeSet) -> None:
    if uids:
        modseq = tx.next_modseq()
        _TOUCH.run(tx.connection, uids, modseq, mailbox)
        tx.changed(tx.mailbox(mailbox), modseq, LOG_CHANGED, uids)


def _contents(tx: Transaction, check: AccountCheck) -> None:
    lost = set(check.lost)
    places: dict[MailboxId, list[int]] = {}
    for content in lost:
        for mailbox, uid in fetch(tx.connection, "SELECT mailbox, uid FROM message WHERE content = ?", (content,)):
            places.setdefault(MailboxId(mailbox), []).append(uid)
    for mailbox, uids in places.items():
        put_aside(tx, tx.mailbox(mailbox), RangeSet.of(uids), tx.next_modseq())
    incomplete = fetch(
        tx.connection,
        "SELECT id FROM content WHERE id NOT IN (SELECT id FROM content_wire) "
        "OR id NOT IN (SELECT id FROM content_header) "
        "OR ((id NOT IN (SELECT id FROM content_sort) OR id NOT IN (SELECT id FROM content_fields)) "
        "AND id NOT IN (SELECT content FROM unsorted))",
    )
    for content in {*check.unparsed, *(ContentId(each) for (each,) in incomplete)} - lost:
        _parse_again(tx, content)


def _parse_again(tx: Transaction, content: ContentId) -> None:
    staged = stage(_octets(tx, content), tx.connection, tx.blobs)
    tx.execute("INSERT OR REPLACE INTO content_wire VALUES(?, ?, ?, ?, ?)", (content, *staged.wire))
    tx.execute("INSERT OR REPLACE INTO content_header VALUES(?, ?, ?, ?, ?, ?)", (content, *staged.header))
    tx.execute(sort_rows.INSERT, (content, *staged.sorting))
    tx.execute(sort_rows.INSERT_FIELDS, (content, *staged.fields))
    tx.execute(
        "UPDATE content SET sent_date = ?, sent_time = ? WHERE id = ?", (staged.sent_date, staged.sent_time, content)
    )


def _octets(tx: Transaction, content: ContentId) -> bytes:
    place, size, blob, data = fetch_one(
        tx.connection,
        "SELECT b.place, b.size, b.hash, b.data FROM content c JOIN blob b ON b.id = c.blob WHERE c.id = ?",
        (content,),
    )
    if place == PLACE_FILE:
        octets = b"".join(tx.blobs.read(blob, start, limits.BLOB_FRAME) for start in range(0, size, limits.BLOB_FRAME))
    else:
        octets = decompressed(data, size) if place == PLACE_COMPRESSED else data
    return octets
