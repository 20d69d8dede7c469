"""What the store tells about mailboxes, flags and messages: plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from mailwren.base.ids import FlagSetId, MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.message.sections import SectionPiece

SEPARATOR = "/"
"""Between the levels of a mailbox's name."""
INBOX = "INBOX"
"""The one mailbox that every account has."""
ALL_MAILBOXES = MailboxId(0)
"""In hints: the set of mailboxes or subscriptions changed, not one mailbox."""
ALL_KEYWORDS: Final = "*"
"""Among private flags: every keyword."""
PRIVATE_FLAGS: Final = frozenset({"\\Seen"})
"""What each member has for himself in a new mailbox."""
NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
"""The access control list of a mailbox that is not shared."""


@dataclass(slots=True, unsafe_hash=True)
class Mailbox:
    """A mailbox with its counters, which are kept in the same transaction as the change they count.

    Never changed. It is not frozen because that makes it ten times as slow to make, and each change makes one.
    """

    id: MailboxId
    name: str
    object_id: str
    """MAILBOXID: stable over renaming (RFC 8474 §4)."""
    uid_validity: UidValidity
    uid_next: Uid
    highest_modseq: ModSeq
    """At least 1, also when empty."""
    first_recent: Uid
    """Messages from this UID on were not yet shown to any read-write session."""
    special_use: tuple[str, ...]
    """Such as ``\\Sent``."""
    messages: int
    unseen: int
    deleted: int
    size: int
    """Octets of all messages together."""
    deleted_size: int
    """Octets of those flagged ``\\Deleted``."""
    acl: Mapping[str, str] = field(default_factory=lambda: NOBODY, hash=False)
    """The rights of each identifier, as letters whose meaning the store does not know (RFC 4314 §2). Not to be
    changed."""
    private_flags: frozenset[str] = PRIVATE_FLAGS
    """The flags that every member has for himself; :data:`ALL_KEYWORDS` stands for all keywords."""
    annotations: int = 0
    """Annotations of its messages, anybody's, and such as were removed lately."""


@dataclass(frozen=True, slots=True)
class FlagSet:
    """A distinct combination of flags."""

    id: FlagSetId
    names: frozenset[str]
    text: bytes
    """The names in a fixed order with a blank between each: ready for the wire."""
    seen: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a mailbox after a mod-sequence."""

    modseq: ModSeq
    """Where the mailbox stands now: ask from here the next time."""
    changed: RangeSet
    """UIDs present now that were added or whose flags changed."""
    expunged: RangeSet
    """UIDs that went away (possibly some that also came in the meantime)."""


class ContentFacts(NamedTuple):
    """The narrow facts of a message's immutable part."""

    size: int
    internal_date: int
    """Seconds since the epoch, UTC."""
    internal_zone: int
    """Minutes east of UTC that the date was given in."""
    sent_date: int | None
    """Days since 1970-01-01 of the Date header in its own zone."""
    sent_time: int | None
    """Seconds since the epoch of the Date header."""
    email_id: str
    """EMAILID: the same for copies and for equal octets (RFC 8474 §5.1)."""
    thread_id: str
    """THREADID (RFC 8474 §5.2)."""


class ContentSorting(NamedTuple):
    """What SORT and THREAD compare of a message's immutable part; texts as :class:`mailwren.message.api.SortKeys`."""

    size: int
    arrival: int
    """Seconds since the epoch, UTC."""
    sent: int
    """The same of the Date header; the arrival where that says nothing (RFC 5256 §2.2)."""
    subject: str
    is_reply: bool
    cc: str
    sender: str
    display_sender: str
    recipient: str
    display_recipient: str
    message_id: int | None
    """A hash of the message-id, ``None`` without one."""
    ancestors: bytes
    """The same hashes of its references, the parent last: signed, eight octets each, little-endian."""


@dataclass(frozen=True, slots=True)
class SectionOctets:
    """Octets of each of many messages, by section number (RFC 9051 §6.4.5.1)."""

    part: tuple[int, ...]
    """Empty for the message itself."""
    piece: SectionPiece
    first: int = 0
    """The first octet of the section, from 0; what lies behind its end is empty."""
    length: int = 2**63 - 1
    """Octets from there on; fewer where the section ends."""


class Absent(Enum):
    """Stands for a section that a message does not have."""

    ABSENT = "absent"


class ContentWire(NamedTuple):
    """The ready wire bytes of a message's immutable part."""

    envelope: bytes
    body: bytes
    body_structure: bytes


SmallWire: TypeAlias = tuple[bytes, bytes, bytes] | tuple[None, None, None]
"""The same, or nothing, where there are many to be held at once."""


class Annotation(NamedTuple):
    """A value that is kept for a mailbox, or for the account, under a name (RFC 5464 §3)."""

    entry: str
    """Such as ``/shared/comment``; lower case."""
    size: int
    """Octets of the value."""
    value: bytes | None
    """``None`` where it is larger than was asked for."""


@dataclass(frozen=True, slots=True)
class AnnotationQuestion:
    """Which annotations are asked for."""

    entries: tuple[str, ...]
    """Names in lower case."""
    member: str
    """Who asks, an account's key: of the private ones only his are told."""
    depth: int | None = 0
    """Also those so many levels below the entries; ``None`` is any number."""
    largest: int = 2**63 - 1
    """Values of more octets are told without the value."""


class AnnotationChange(NamedTuple):
    """An annotation that was set or removed."""

    mailbox: MailboxId
    """:data:`ALL_MAILBOXES` for the account."""
    entry: str
    modseq: ModSeq


class AnnotationValue(NamedTuple):
    """What an annotation of a message is to be (RFC 5257 §3.2)."""

    entry: str
    """Such as ``/comment``; case matters."""
    is_shared: bool
    """Everybody's, or of whoever acts."""
    value: bytes | None
    """``None`` to remove it."""


class MessageAnnotation(NamedTuple):
    """An annotation of a message (RFC 5257 §3.2)."""

    uid: Uid
    entry: str
    is_shared: bool
    """Everybody's, or of whoever asks."""
    value: bytes


class ChangedAnnotation(NamedTuple):
    """An entry of a message, something of which was set or removed."""

    uid: Uid
    entry: str
    modseq: ModSeq
    """Of the last change."""


class Resource(Enum):
    """What an account holds only so much of, by its name in QUOTA (RFC 9208 §5)."""

    STORAGE = "STORAGE"
    MESSAGE = "MESSAGE"
    MAILBOX = "MAILBOX"
    ANNOTATION_STORAGE = "ANNOTATION-STORAGE"


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account holds and may hold; ``None`` is no limit. Counted in the same transaction as each change."""

    octets: int
    messages: int
    octets_limit: int | None
    messages_limit: int | None
    mailboxes: int = 0
    mailboxes_limit: int | None = None
    annotation_octets: int = 0
    annotation_octets_limit: int | None = None
