"""The tables of an account's database, and how an older database becomes a newer one.

Rules for whoever edits this file:

1. A migration that was released is never edited; a change is one more entry at the end.
2. ``message`` stays narrow: STORE, COPY and MOVE of tens of thousands of rows rewrite it.
3. Foreign keys are declared and checked by ``mailwren check``, but not enforced at run time, where they would double
   the cost of every row; all writing goes through ``store/sqlite/transaction.py``.
"""

from typing import Final

APPLICATION_ID: Final = 0x4D57524E
"""``MWRN``: lets ``file`` and people tell what the database is."""

PLACE_RAW: Final = 0
"""blob.data holds the octets as they are."""
PLACE_COMPRESSED: Final = 1
"""blob.data holds one zstd frame."""
PLACE_FILE: Final = 2
"""The octets are in the blob folder."""

LOG_CHANGED: Final = 0
"""A row of ``change`` about messages that came or whose flags changed."""
LOG_EXPUNGED: Final = 1
"""A row of ``change`` about messages that went away: the tombstones."""

_FIRST: Final = """
CREATE TABLE meta(
    id INTEGER PRIMARY KEY CHECK(id = 1),
    modseq INTEGER NOT NULL,
    uid_validity INTEGER NOT NULL,
    content INTEGER NOT NULL,
    former_floor INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    octets INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    octets_limit INTEGER,
    messages_limit INTEGER,
    swept INTEGER NOT NULL
) STRICT;
CREATE TABLE mailbox(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    object_id TEXT NOT NULL UNIQUE,
    uid_validity INTEGER NOT NULL UNIQUE,
    uid_next INTEGER NOT NULL,
    highest_modseq INTEGER NOT NULL,
    first_recent INTEGER NOT NULL,
    special_use TEXT NOT NULL,
    messages INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    size INTEGER NOT NULL,
    deleted_size INTEGER NOT NULL
) STRICT;
CREATE TABLE flag_name(
    folded TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE flag_set(
    id INTEGER PRIMARY KEY,
    names TEXT NOT NULL UNIQUE,
    seen INTEGER NOT NULL,
    deleted INTEGER NOT NULL
) STRICT;
CREATE TABLE blob(
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    place INTEGER NOT NULL,
    data BLOB
) STRICT;
CREATE TABLE content(
    id INTEGER PRIMARY KEY,
    blob INTEGER NOT NULL REFERENCES blob(id),
    size INTEGER NOT NULL,
    internal_date INTEGER NOT NULL,
    internal_zone INTEGER NOT NULL,
    sent_date INTEGER,
    sent_time INTEGER,
    thread INTEGER NOT NULL,
    email_id TEXT NOT NULL
) STRICT;
CREATE INDEX content_blob ON content(blob);
CREATE TABLE content_wire(
    id INTEGER PRIMARY KEY REFERENCES content(id),
    envelope BLOB NOT NULL,
    body BLOB NOT NULL,
    body_structure BLOB NOT NULL,
    parts BLOB NOT NULL
) STRICT;
CREATE TABLE content_header(
    id INTEGER PRIMARY KEY REFERENCES content(id),
    message_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    preview TEXT NOT NULL,
    size INTEGER NOT NULL,
    header BLOB NOT NULL
) STRICT;
CREATE TABLE thread_reference(
    hash INTEGER PRIMARY KEY,
    thread INTEGER NOT NULL
) STRICT;
CREATE TABLE message(
    mailbox INTEGER NOT NULL REFERENCES mailbox(id),
    uid INTEGER NOT NULL,
    content INTEGER NOT NULL REFERENCES content(id),
    flags INTEGER NOT NULL REFERENCES flag_set(id),
    modseq INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY(mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE TABLE change(
    mailbox INTEGER NOT NULL REFERENCES mailbox(id),
    modseq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    first INTEGER NOT NULL,
    uids TEXT NOT NULL,
    PRIMARY KEY(mailbox, modseq, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE expunged(
    expunged_at INTEGER NOT NULL,
    mailbox INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    content INTEGER NOT NULL REFERENCES content(id),
    flags INTEGER NOT NULL REFERENCES flag_set(id),
    modseq INTEGER NOT NULL,
    saved INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY(expunged_at, mailbox, uid)
) STRICT, WITHOUT ROWID;
CREATE TABLE deleted_mailbox(
    mailbox INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    object_id TEXT NOT NULL,
    uid_validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL,
    special_use TEXT NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT;
CREATE TABLE former_name(
    name TEXT PRIMARY KEY,
    uid_validity INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE subscription(
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE import_key(
    mailbox INTEGER NOT NULL REFERENCES mailbox(id),
    key BLOB NOT NULL,
    PRIMARY KEY(mailbox, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE unreferenced(
    content INTEGER PRIMARY KEY
) STRICT;
INSERT INTO flag_set VALUES(0, '', 0, 0);
"""
_ANNOTATIONS: Final = """
CREATE TABLE annotation(
    mailbox INTEGER NOT NULL,
    entry TEXT NOT NULL,
    member TEXT NOT NULL,
    modseq INTEGER NOT NULL,
    value BLOB,
    PRIMARY KEY(mailbox, entry, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX annotation_modseq ON annotation(modseq);
ALTER TABLE meta ADD COLUMN annotation_octets INTEGER NOT NULL DEFAULT 0;
"""
_SHARING: Final = """
ALTER TABLE mailbox ADD COLUMN acl TEXT NOT NULL DEFAULT '{}';
ALTER TABLE mailbox ADD COLUMN private_flags TEXT NOT NULL DEFAULT '\\Seen';
ALTER TABLE mailbox ADD COLUMN members INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deleted_mailbox ADD COLUMN acl TEXT NOT NULL DEFAULT '{}';
ALTER TABLE deleted_mailbox ADD COLUMN private_flags TEXT NOT NULL DEFAULT '\\Seen';
ALTER TABLE meta ADD COLUMN mailboxes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN mailboxes_limit INTEGER;
ALTER TABLE meta ADD COLUMN annotation_octets_limit INTEGER;
UPDATE meta SET mailboxes = (SELECT count(*) FROM mailbox);
CREATE TABLE member(
    id INTEGER PRIMARY KEY,
    identifier TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE member_state(
    mailbox INTEGER NOT NULL REFERENCES mailbox(id),
    member INTEGER NOT NULL REFERENCES member(id),
    highest_modseq INTEGER NOT NULL,
    first_recent INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY(mailbox, member)
) STRICT, WITHOUT ROWID;
CREATE TABLE member_flags(
    mailbox INTEGER NOT NULL REFERENCES mailbox(id),
    member INTEGER NOT NULL REFERENCES member(id),
    uid INTEGER NOT NULL,
    flags INTEGER NOT NULL REFERENCES flag_set(id),
    modseq INTEGER NOT NULL,
    PRIMARY KEY(mailbox, member, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_flags_modseq ON member_flags(mailbox, member, modseq);
"""
# annotation: ``mailbox`` 0 is the account itself; ``member`` is empty for what is shared, else whose it is; a ``value``
#   that is NULL was removed.
# change: one row for each operation and mailbox, or one for a run of them. ``modseq`` is the last mod-sequence that the
#   row stands for, ``first`` the first; ``uids`` in RangeSet's notation.
# content_header: ``header`` is compressed where its length is less than ``size``, the length it came in with.
# deleted_mailbox, expunged: what can be brought back. former_name, meta.former_floor: see mailbox_operations.py.
# mailbox.acl: identifiers and rights, a JSON object. mailbox.private_flags: as in flag_set.names, or with ``*``.
#   mailbox.members: how many rows of member_state it has; without any, nobody looks at member_flags.
# member_flags: what a member has changed of his own; stays when the flags are gone, for its mod-sequence.
# member_state.seen: messages that the member has ``\Seen`` on, whether or not that flag is private now.
# meta.content: the last content id given out. unreferenced: contents for the sweeper to look at.

_SORT: Final = """
CREATE TABLE content_sort(
    id INTEGER PRIMARY KEY REFERENCES content(id),
    subject TEXT NOT NULL,
    is_reply INTEGER NOT NULL,
    cc TEXT NOT NULL,
    sender TEXT NOT NULL,
    display_sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    display_recipient TEXT NOT NULL,
    message_id INTEGER,
    ancestors BLOB NOT NULL
) STRICT;
CREATE TABLE unsorted(
    content INTEGER PRIMARY KEY
) STRICT;
INSERT INTO unsorted SELECT id FROM content;
"""
# content_sort: what SORT and THREAD compare, see sort_rows.py; ``ancestors`` holds hashes of message-ids, eight octets
#   each, little-endian. unsorted: contents that came in before the table was there and still wait for their row.

_ACCESS_KEYS: Final = """
CREATE TABLE access_key(
    mailbox TEXT PRIMARY KEY,
    secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""
# access_key: ``mailbox`` is an account's id and a mailbox's object id, as the mailbox can be somebody else's.

_LIST_FIELDS: Final = """
CREATE TABLE content_fields(
    id INTEGER PRIMARY KEY REFERENCES content(id),
    present INTEGER NOT NULL,
    fields BLOB
) STRICT;
INSERT OR IGNORE INTO unsorted SELECT id FROM content;
"""
# content_fields: the header fields that lists of messages show, see list_fields.py in message/; where there is no row
#   or ``fields`` is NULL, the header tells. unsorted: what waits for its row here waits there as well.

_MESSAGE_ANNOTATIONS: Final = """
CREATE TABLE message_annotation(
    mailbox INTEGER NOT NULL REFERENCES mailbox(id),
    uid INTEGER NOT NULL,
    entry TEXT NOT NULL,
    member TEXT NOT NULL,
    modseq INTEGER NOT NULL,
    value BLOB,
    PRIMARY KEY(mailbox, uid, entry, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_annotation_removed ON message_annotation(mailbox) WHERE value IS NULL;
ALTER TABLE mailbox ADD COLUMN annotations INTEGER NOT NULL DEFAULT 0;
"""
# mailbox.annotations: how many rows of message_annotation it has; without any, nobody looks there.
# message_annotation: ``member`` is empty for what is shared, ``-`` for the owner's own, else whose it is; a ``value``
#   that is NULL was removed, until the sweeper comes.

MIGRATIONS: Final[tuple[str, ...]] = (
    _FIRST,
    _ANNOTATIONS,
    _SHARING,
    _SORT,
    _ACCESS_KEYS,
    _LIST_FIELDS,
    _MESSAGE_ANNOTATIONS,
)
"""Scripts in order; a database of ``user_version`` n has seen the first n of them."""
