"""What to search for, as values: no protocol words, no message numbers.

A query is a tree of frozen values. Texts are as the client meant them (decoded, any case, any Unicode); folding them
for comparison is the evaluation's business. Days are counted from 1970-01-01 (:func:`day_number`), sizes are octets,
moments are seconds since the epoch.

Meaning of the tests: RFC 9051 §6.4.4. A text test matches when the text is a substring of what it looks at, compared
without regard to case for all of Unicode, after transfer encodings, charsets and encoded words are decoded.
"""

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final, TypeAlias

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.search.collation import Collation

Span = tuple[int, int]
"""Positions from 0, half open."""


@dataclass(frozen=True, slots=True)
class All:
    """Every message."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No message."""


@dataclass(frozen=True, slots=True)
class And:
    """Messages that match every one of the queries; with none of them, every message."""

    queries: "tuple[Query, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Messages that match at least one of the queries; with none of them, no message."""

    queries: "tuple[Query, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """Messages that do not match."""

    query: "Query"


@dataclass(frozen=True, slots=True)
class FlagTest:
    """Messages with a system flag or keyword, compared without regard to case (RFC 9051 §2.3.2)."""

    name: str


@dataclass(frozen=True, slots=True)
class UidIn:
    """Messages by UID."""

    uids: RangeSet


@dataclass(frozen=True, slots=True)
class PositionIn:
    """Messages by position in the view that is searched: ascending, disjoint spans."""

    spans: tuple[Span, ...]


class Fact(Enum):
    """A number that is known of every message without looking into it."""

    SIZE = "size"
    """Octets."""
    INTERNAL_DAY = "internal day"
    """The day the message came in, as the time zone of its internal date saw it."""
    INTERNAL_TIME = "internal time"
    """The moment the message came in."""
    SENT_DAY = "sent day"
    """The day of the Date header, as its own time zone saw it; not every message has one."""
    SAVED_DAY = "saved day"
    """The day the message came into the mailbox that it is in, UTC (RFC 8514 §3)."""


@dataclass(frozen=True, slots=True)
class FactBetween:
    """Messages whose fact lies between two numbers, both included; ``None`` is no bound on that side.

    A message that lacks the fact never matches, whatever the bounds.
    """

    fact: Fact
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class ChangedSince:
    """Messages whose mod-sequence is at least ``modseq`` (RFC 7162 §3.1.5)."""

    modseq: ModSeq


@dataclass(frozen=True, slots=True)
class EmailId:
    """Messages with exactly this EMAILID (RFC 8474 §5.1), or with one that begins so."""

    email_id: str
    is_prefix: bool = False


@dataclass(frozen=True, slots=True)
class ThreadId:
    """Messages with exactly this THREADID (RFC 8474 §5.2)."""

    thread_id: str


@dataclass(frozen=True, slots=True)
class AnnotationContains:
    """Messages with an annotation whose value contains ``text`` (RFC 5257 §4.8); the empty text: with one."""

    entry: str
    """Perhaps with ``*`` and ``%``."""
    kinds: frozenset[bool]
    """Shared ones, private ones, or both: shared ones being true."""
    text: str
    collation: Collation | None = None


@dataclass(frozen=True, slots=True)
class HeaderContains:
    """Messages with a field of that name (any case) whose text contains ``text``; the empty text: with the field.

    Subject, From, To, Cc and Bcc of RFC 9051 §6.4.4 are this with the field's name.
    """

    field: str
    text: str
    collation: Collation | None = None
    """How to compare; ``None`` is case-insensitively in the widest sense, see :mod:`mailwren.message.fold`."""


@dataclass(frozen=True, slots=True)
class BodyContains:
    """Messages with ``text`` in a text part of the body; headers do not count."""

    text: str
    collation: Collation | None = None


@dataclass(frozen=True, slots=True)
class TextContains:
    """Messages with ``text`` in their header, in a MIME header of a part, or in a text part of the body."""

    text: str
    collation: Collation | None = None


@dataclass(frozen=True, slots=True)
class Resembles:
    """Messages that match a test of texts about (RFC 6203 §3); :mod:`mailwren.search.fuzzy` says what that is."""

    test: HeaderContains | BodyContains | TextContains


Query: TypeAlias = (
    All
    | Nothing
    | And
    | Or
    | Not
    | FlagTest
    | UidIn
    | PositionIn
    | FactBetween
    | ChangedSince
    | EmailId
    | ThreadId
    | AnnotationContains
    | HeaderContains
    | BodyContains
    | TextContains
    | Resembles
)

ALL: Final = All()
"""Every message."""
NOTHING: Final = Nothing()
"""No message."""

_EPOCH: Final = date(1970, 1, 1).toordinal()


def day_number(day: date) -> int:
    """Days since 1970-01-01, negative before it."""
    return day.toordinal() - _EPOCH


def before(fact: Fact, number: int) -> FactBetween:
    """Messages whose fact is smaller than ``number``."""
    return FactBetween(fact, None, number - 1)


def exactly(fact: Fact, number: int) -> FactBetween:
    """Messages whose fact is ``number``."""
    return FactBetween(fact, number, number)


def since(fact: Fact, number: int) -> FactBetween:
    """Messages whose fact is ``number`` or more."""
    return FactBetween(fact, number, None)
