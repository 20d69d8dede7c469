"""What each command of RFC 9051 and RFC 3501 says, once it is parsed: plain values, no bytes of the wire.

Mailbox names are decoded text in canonical form (``INBOX`` in upper case). Flags are in the spelling of the
client, system flags in canonical case. Shared by server and client; the parsers and writers stand in the module
named for the command's family.
"""

from dataclasses import dataclass, field
from datetime import date as calendar_date
from datetime import datetime
from enum import Enum
from typing import NamedTuple, TypeAlias

from mailwren.imap.sequence_set import SequenceSet


@dataclass(frozen=True, slots=True)
class NoArguments:
    """A command without arguments: CAPABILITY, NOOP, LOGOUT, STARTTLS, CHECK, CLOSE, UNSELECT, NAMESPACE, IDLE."""


# --- not authenticated --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN (RFC 9051 §6.2.3)."""

    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE with an optional initial response, already out of base64 (RFC 9051 §6.2.2)."""

    mechanism: str
    """Upper case."""
    initial_response: bytes | None = field(default=None, repr=False)


# --- any state / authenticated ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Identify:
    """ID (RFC 2971 §3.1); empty for NIL."""

    fields: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE (RFC 9051 §6.3.1); capability names in upper case."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT and EXAMINE (RFC 9051 §6.3.2, RFC 4466 §2.4)."""

    mailbox: str
    parameters: tuple[tuple[str, object], ...] = ()
    """Select parameters by upper-case name; the base protocol defines none, extensions add rows."""


@dataclass(frozen=True, slots=True)
class Create:
    """CREATE (RFC 9051 §6.3.4) with special uses (RFC 6154 §3)."""

    mailbox: str
    special_use: tuple[str, ...] = ()
    """Such as ``\\Sent``, canonical case."""
    trailing_separator: bool = False
    """The client wrote the name with the hierarchy separator at its end: children are meant to follow."""


@dataclass(frozen=True, slots=True)
class MailboxName:
    """DELETE, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.5, §6.3.7, §6.3.8)."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Rename:
    """RENAME (RFC 9051 §6.3.6)."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class List:
    """LIST, also extended (RFC 9051 §6.3.9, RFC 5258), and LSUB and XLIST."""

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    """Upper-case selection options: SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE."""
    returns: frozenset[str] = frozenset()
    """Upper-case return options: SUBSCRIBED CHILDREN SPECIAL-USE."""
    status_items: tuple[str, ...] = ()
    """Items of RETURN (STATUS (…)), upper case, in the client's order."""
    extended: bool = False
    """Whether any extended syntax was used: then the reference ``""`` pattern ``""`` root row has no special case."""
    option_values: tuple[tuple[str, object], ...] = ()
    """Values of the options of extensions that take one, by upper-case name."""


@dataclass(frozen=True, slots=True)
class Status:
    """STATUS (RFC 9051 §6.3.11); items in upper case, in the client's order."""

    mailbox: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CatenateUrl:
    """A piece of a message that CATENATE puts together: octets of a stored message (RFC 4469 §3)."""

    url: str
    """As the client wrote it."""


@dataclass(frozen=True, slots=True)
class CatenateText:
    """A piece of a message that CATENATE puts together: octets that the client sends (RFC 4469 §3)."""

    literal: object
    """``bytes``, or the spool that the framer's caller supplied for a big literal."""
    binary: bool = False
    """Sent as literal8."""
    utf8: bool = False
    """Sent as ``UTF8 (~{…}`` (RFC 6855 §4)."""


CatenatePart: TypeAlias = CatenateUrl | CatenateText


class AnnotationSetting(NamedTuple):
    """The value that an entry of a message's annotations is to have (RFC 5257 §4.5)."""

    entry: str
    is_shared: bool
    """``value.shared``, else ``value.priv``."""
    value: bytes | None
    """``None`` for NIL: the value is removed."""


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """One message of APPEND (RFC 9051 §6.3.12; several by RFC 3502) or of REPLACE (RFC 8508 §3)."""

    flags: tuple[str, ...]
    internal_date: datetime | None
    literal: object
    """The message: ``bytes``, or the spool that the framer's caller supplied for a big literal."""
    binary: bool = False
    """Sent as literal8 (RFC 3516 §4.4)."""
    utf8: bool = False
    """Sent as ``UTF8 (~{…})`` (RFC 6855 §4; RFC 9755 §B.1 has dropped that)."""
    parts: tuple[CatenatePart, ...] = ()
    """The pieces to put together instead of ``literal``, which is then empty (RFC 4469 §3)."""
    annotations: tuple[AnnotationSetting, ...] = ()
    """What the message is annotated with (RFC 5257 §4.7)."""


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND (RFC 9051 §6.3.12)."""

    mailbox: str
    messages: tuple[AppendMessage, ...]


# --- selected -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Replace:
    """REPLACE (RFC 8508 §3)."""

    message: SequenceSet
    """The one number or UID of the message that goes; ``*`` is the last one."""
    mailbox: str
    replacement: AppendMessage


@dataclass(frozen=True, slots=True)
class UidExpunge:
    """UID EXPUNGE (RFC 9051 §6.4.9); plain EXPUNGE has no set."""

    uids: SequenceSet | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY and MOVE (RFC 9051 §6.4.7, §6.4.8)."""

    messages: SequenceSet
    mailbox: str


class StoreMode(Enum):
    """How STORE changes the flags."""

    REPLACE = b"FLAGS"
    ADD = b"+FLAGS"
    REMOVE = b"-FLAGS"


@dataclass(frozen=True, slots=True)
class Store:
    """STORE (RFC 9051 §6.4.6)."""

    messages: SequenceSet
    mode: StoreMode
    silent: bool
    flags: tuple[str, ...]
    modifiers: tuple[tuple[str, object], ...] = ()
    """Store modifiers by upper-case name (RFC 4466 §2.5); the base protocol defines none."""
    attribute: tuple[str, object] | None = None
    """What an extension changes instead of flags, by upper-case name; then there are no flags."""


class SectionText(Enum):
    """What of a part a section names (RFC 9051 §6.4.5.1)."""

    ALL = b""
    HEADER = b"HEADER"
    HEADER_FIELDS = b"HEADER.FIELDS"
    HEADER_FIELDS_NOT = b"HEADER.FIELDS.NOT"
    TEXT = b"TEXT"
    MIME = b"MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """``1.2.HEADER.FIELDS (Date From)`` and the like."""

    part: tuple[int, ...] = ()
    text: SectionText = SectionText.ALL
    fields: tuple[bytes, ...] = ()
    """Header field names as the client wrote them: they are repeated in the response."""


@dataclass(frozen=True, slots=True)
class FetchItem:
    """One data item of FETCH.

    ``name`` is upper case: UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE (no section) RFC822
    RFC822.HEADER RFC822.TEXT, or, with a ``section``, ``BODY[]``, ``BINARY[]`` or ``BINARY.SIZE[]``.
    """

    name: str
    section: Section | None = None
    peek: bool = False
    partial: tuple[int, int] | None = None
    """First octet from 0, and the number of octets."""
    modifiers: tuple[str, ...] = ()
    """Words in parentheses behind the name, upper case (RFC 8970 §4); of ANNOTATION the attributes (RFC 5257 §4.3)."""
    entries: tuple[str, ...] = ()
    """Entries of annotations, perhaps with wildcards (RFC 5257 §4.3)."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH (RFC 9051 §6.4.5); macros are already spelled out, items in the order asked."""

    messages: SequenceSet
    items: tuple[FetchItem, ...]
    modifiers: tuple[tuple[str, object], ...] = ()
    """Fetch modifiers by upper-case name (RFC 4466 §2.4); the base protocol defines none."""


# --- search -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SearchKey:
    """One search key (RFC 9051 §6.4.4): its upper-case name and what it takes.

    Names and operands: ALL; ANSWERED DELETED DRAFT FLAGGED SEEN RECENT NEW OLD and UNANSWERED UNDELETED UNDRAFT
    UNFLAGGED UNSEEN (no operand); KEYWORD, UNKEYWORD (``flag``: str); BCC BODY CC FROM SUBJECT TEXT TO
    (``text``: str); HEADER (``field_name``: str, ``text``: str); BEFORE ON SINCE SENTBEFORE SENTON SENTSINCE
    (``date``); LARGER SMALLER (``number``); MODSEQ (``number``, and perhaps the metadata item in ``text`` with its type
    in ``flag``, RFC 7162 §3.1.5); ANNOTATION (the entry in ``field_name``, the attribute in ``flag``, ``text``, or
    ``number`` 1 for NIL, RFC 5257 §4.8); UID and SEQUENCE (``messages``); NOT (one of ``keys``), OR (two),
    AND (any number: a parenthesised list or the program itself).
    """

    name: str
    text: str = ""
    field_name: str = ""
    flag: str = ""
    date: calendar_date | None = None
    number: int = 0
    messages: SequenceSet | None = None
    keys: "tuple[SearchKey, ...]" = ()


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH (RFC 9051 §6.4.4)."""

    key: SearchKey
    """Always an AND of the program's keys."""
    returns: frozenset[str] | None = None
    """RETURN options MIN MAX ALL COUNT SAVE in upper case; ``None`` without RETURN, ``{"ALL"}`` for ``()``."""
    charset: str = ""
    """Upper case; empty when none was named."""
    return_values: tuple[tuple[str, object], ...] = ()
    """Values of the RETURN options of extensions that take one, by upper-case name."""
