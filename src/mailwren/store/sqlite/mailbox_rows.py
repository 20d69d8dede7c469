"""The rows ``meta`` and ``mailbox`` as they are held during a transaction: read once, changed here, written once."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import apsw

from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.store.errors import LimitReached
from mailwren.store.sqlite.rows import fetch, fetch_one
from mailwren.store.values import NOBODY, FlagSet, Mailbox

_SHORT: Final = 2000
"""Characters of an access control list of some dozens of users."""
UID_MAX: Final = 2**32 - 1
"""UIDs and UIDVALIDITY are 32-bit (RFC 9051 §2.3.1.1)."""

_VALUES: Final = (
    "id, name, object_id, uid_validity, uid_next, highest_modseq, first_recent, special_use, messages, unseen, "
    "deleted, size, deleted_size, acl, private_flags, annotations"
)
"""In the order of :class:`Mailbox`."""
MAILBOX_BY_ID: Final = f"SELECT {_VALUES} FROM mailbox WHERE id = ?"  # noqa: S608 - the names from above
MAILBOX_BY_NAME: Final = f"SELECT {_VALUES} FROM mailbox WHERE name = ?"  # noqa: S608 - the same
MAILBOXES: Final = f"SELECT json_group_array(json_array({_VALUES})) FROM (SELECT * FROM mailbox ORDER BY name)"  # noqa: S608 - the same
"""All mailboxes, as one JSON text."""
MAILBOXES_BY_ID: Final = (
    f"SELECT json_group_array(json_array({_VALUES})) FROM mailbox "  # noqa: S608 - the same
    "WHERE id IN (SELECT value FROM json_each(?))"
)
"""Those whose keys are in a JSON array, in the same way."""
_COUNT_FLAGS: Final = "UPDATE mailbox SET highest_modseq = (SELECT modseq + 1 FROM meta), unseen = unseen + ?"
CHANGE_FLAGS: Final = f"{_COUNT_FLAGS} WHERE id = ? AND highest_modseq = ? RETURNING {_VALUES}"
"""Count a change of flags, with the account's next mod-sequence, if nothing came since a mod-sequence."""
_ROW: Final = f"SELECT {_VALUES}, members FROM mailbox WHERE id = ?"  # noqa: S608 - the same


def mailbox_of(row: Any) -> Mailbox:  # Any: a row of SQLite's, whose columns have no static types
    """A mailbox from its row."""
    values = list(row)
    values[7] = tuple(values[7].split())
    values[13] = acl_of(values[13])
    values[14] = private_flags_of(values[14])
    return Mailbox(*values)


def acl_of(text: str) -> Mapping[str, str]:
    """An access control list from its column; one that cannot be read lets nobody in.

    The last ones are remembered, of the long ones, which can have a quarter of a million octets, a few.
    """
    return _short_acl(text) if len(text) <= _SHORT else _long_acl(text)


def _read_acl(text: str) -> Mapping[str, str]:
    try:
        entries = json.loads(text)
    except ValueError:
        return NOBODY
    return MappingProxyType(entries) if entries and isinstance(entries, dict) else NOBODY


_short_acl: Final = lru_cache(maxsize=1024)(_read_acl)
_long_acl: Final = lru_cache(maxsize=16)(_read_acl)


@lru_cache(maxsize=1024)
def private_flags_of(text: str) -> frozenset[str]:
    """Private flags from their column."""
    return frozenset(text.split())


def insert_mailbox(
    connection: apsw.Connection, name: str, uid_validity: int, modseq: int, special_use: tuple[str, ...] = ()
) -> MailboxId:
    """Add an empty mailbox that is not shared; its MAILBOXID is random (RFC 8474 §4). Returns its key."""
    connection.execute(
        "INSERT INTO mailbox(name, object_id, uid_validity, uid_next, highest_modseq, first_recent, special_use, "
        "messages, unseen, deleted, size, deleted_size) VALUES(?, ?, ?, 1, ?, 1, ?, 0, 0, 0, 0, 0)",
        (name, "F" + secrets.token_hex(12), uid_validity, modseq, " ".join(special_use)),
    )
    return MailboxId(connection.last_insert_rowid())


Held: TypeAlias = tuple[int, int, int, int]
"""What quotas are about: octets, messages, mailboxes, octets of annotations."""


@dataclass(slots=True)
class MetaRow:
    """The account's own row."""

    modseq: int
    uid_validity: int
    content: int
    former_floor: int
    octets: int
    messages: int
    mailboxes: int
    annotation_octets: int
    octets_limit: int | None
    messages_limit: int | None
    mailboxes_limit: int | None
    annotation_octets_limit: int | None
    stored: "tuple[int, ...]" = ()
    """What the database has of what changes all the time."""

    @classmethod
    def load(cls, connection: apsw.Connection) -> "MetaRow":
        """Read it."""
        row = fetch_one(
            connection,
            "SELECT modseq, uid_validity, content, former_floor, octets, messages, mailboxes, annotation_octets, "
            "octets_limit, messages_limit, mailboxes_limit, annotation_octets_limit FROM meta",
        )
        meta = cls(*row)
        meta.stored = row[:8]
        return meta

    def save(self, connection: apsw.Connection) -> None:
        """Write what changes all the time, if it did: half of all flag changes find the flags set already."""
        values = (
            self.modseq,
            self.uid_validity,
            self.content,
            self.former_floor,
            self.octets,
            self.messages,
            self.mailboxes,
            self.annotation_octets,
        )
        if values != self.stored:
            connection.execute(
                "UPDATE meta SET modseq = ?, uid_validity = ?, content = ?, former_floor = ?, octets = ?, "
                "messages = ?, mailboxes = ?, annotation_octets = ?",
                values,
            )
            self.stored = values

    def held(self) -> Held:
        """What the account holds now."""
        return self.octets, self.messages, self.mailboxes, self.annotation_octets

    def save_limits(self, connection: apsw.Connection) -> None:
        """Write what the account may hold."""
        connection.execute(
            "UPDATE meta SET octets_limit = ?, messages_limit = ?, mailboxes_limit = ?, annotation_octets_limit = ?",
            (self.octets_limit, self.messages_limit, self.mailboxes_limit, self.annotation_octets_limit),
        )


@dataclass(slots=True)
class MailboxRow:
    """A mailbox during a transaction; the counters move with :meth:`count`."""

    id: MailboxId
    name: str
    object_id: str
    uid_validity: UidValidity
    uid_next: int
    highest_modseq: ModSeq
    first_recent: int
    special_use: str
    messages: int
    unseen: int
    deleted: int
    size: int
    deleted_size: int
    acl: str
    private_flags: str
    annotations: int
    members: int

    @classmethod
    def load(cls, connection: apsw.Connection, mailbox: MailboxId) -> "MailboxRow | None":
        """Read it; ``None`` when there is no such mailbox."""
        rows = fetch(connection, _ROW, (mailbox,))
        return cls(*rows[0]) if rows else None

    def save(self, connection: apsw.Connection) -> None:
        """Write what changes all the time."""
        connection.execute(
            "UPDATE mailbox SET uid_next = ?, highest_modseq = ?, first_recent = ?, messages = ?, unseen = ?, "
            "deleted = ?, size = ?, deleted_size = ?, annotations = ? WHERE id = ?",
            (
                self.uid_next,
                self.highest_modseq,
                self.first_recent,
                self.messages,
                self.unseen,
                self.deleted,
                self.size,
                self.deleted_size,
                self.annotations,
                self.id,
            ),
        )

    def save_name(self, connection: apsw.Connection) -> None:
        """Write what changes when it is renamed; apart from the rest because of the indexes that this rewrites."""
        connection.execute(
            "UPDATE mailbox SET name = ?, uid_validity = ? WHERE id = ?", (self.name, self.uid_validity, self.id)
        )

    def save_sharing(self, connection: apsw.Connection) -> None:
        """Write who uses it, and as what."""
        connection.execute(
            "UPDATE mailbox SET special_use = ?, acl = ?, private_flags = ?, members = ? WHERE id = ?",
            (self.special_use, self.acl, self.private_flags, self.members, self.id),
        )

    def value(self) -> Mailbox:
        """The mailbox as it is now."""
        return Mailbox(
            self.id,
            self.name,
            self.object_id,
            self.uid_validity,
            Uid(self.uid_next),
            self.highest_modseq,
            Uid(self.first_recent),
            tuple(self.special_use.split()),
            self.messages,
            self.unseen,
            self.deleted,
            self.size,
            self.deleted_size,
            acl_of(self.acl),
            private_flags_of(self.private_flags),
            self.annotations,
        )

    def count(self, flags: FlagSet, messages: int, size: int) -> None:
        """Take in ``messages`` more (fewer when negative) with these flags, of ``size`` octets together."""
        self.messages += messages
        self.size += size
        self.recount(flags, messages, size)

    def recount(self, flags: FlagSet, messages: int, size: int) -> None:
        """As :meth:`count`, for messages that stay and have these flags now (negative: had them)."""
        if not flags.seen:
            self.unseen += messages
        if flags.deleted:
            self.deleted += messages
            self.deleted_size += size

    def take_uids(self, number: int) -> int:
        """Give out UIDs and return the first. Raises LimitReached: a mailbox that has used up all UIDs."""
        first = self.uid_next
        if first + number > UID_MAX:
            raise LimitReached("the mailbox has used up its unique identifiers; copy the messages to a new one")
        self.uid_next = first + number
        return first
