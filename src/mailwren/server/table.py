"""The row types: everything about a command stands in its one row; ``features.py`` lists the rows.

From the rows alone the server derives command look-up, the state check, whether EXPUNGE may be sent, what may be
pipelined behind it, whether a literal may be large, and the CAPABILITY text.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax

if TYPE_CHECKING:
    from mailwren.server.session import Session

Arguments = TypeVar("Arguments")


class State(Flag):
    """The states of a connection (RFC 9051 §3)."""

    NOT_AUTHENTICATED = auto()
    AUTHENTICATED = auto()
    SELECTED = auto()
    LOGGED_IN = AUTHENTICATED | SELECTED
    ANY = NOT_AUTHENTICATED | AUTHENTICATED | SELECTED


class Effect(Flag):
    """What a command means for the commands and notices around it."""

    NONE = 0
    USES_NUMBERS = auto()
    """Names messages by number: no EXPUNGE may be sent while it waits (RFC 9051 §5.5)."""
    UID_MAY_USE_NUMBERS = auto()
    """So may its UID form (UID SEARCH 1:5)."""
    ANSWERS_UIDS = auto()
    """Its plain form answers with UIDs as well: whoever has given up message numbers may use it (RFC 9586 §3.8)."""
    HOLDS_EXPUNGE = auto()
    """No EXPUNGE may be sent while it runs, except in its UID form (RFC 9051 §7.5.1)."""
    TAKES_MESSAGE = auto()
    """Its last literal is a message: it may be large and goes to a spool."""
    TELLS_EXPUNGE = auto()
    """Whatever waits behind it: "Before returning an OK …, an untagged EXPUNGE response is sent" (RFC 9051 §6.4.3)."""
    SYNCS = auto()
    """Looks for changes of other sessions before it runs, so that the client sees what it asks for."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the tagged OK says beyond "completed"."""

    code: bytes = b""
    """The response code without brackets."""
    text: str = ""
    """Instead of ``NAME completed``."""
    silent: bool = False
    """The command answered for itself: no tagged line is sent (LOGOUT's end, STARTTLS)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One command as it was received."""

    tag: bytes
    name: bytes
    """Upper case, without UID."""
    by_uid: bool
    """The UID form: numbers are UIDs."""
    denormalized: Mapping[str, str] = field(default_factory=dict)
    """Mailbox names that the client wrote in another normalization form, by their canonical form."""


Runner = Callable[["Session", Arguments, Request], Awaitable[Completion | None]]


BeforeLiteral = Callable[["Session", Scanner], Awaitable[None]]
"""The scanner stands behind the command's name. Raises ImapError or StoreError: the literal is not asked for."""


@dataclass(frozen=True, slots=True)
class Command(Generic[Arguments]):
    """One command's row."""

    syntax: Syntax[Arguments]
    states: State
    run: Runner[Arguments]
    effects: Effect = Effect.NONE
    uid_form: bool = False
    """UID NAME comes from the same row."""
    uid_syntax: Syntax[Arguments] | None = None
    """Where the UID form takes other arguments (UID EXPUNGE)."""
    names_numbers: Callable[[Arguments], bool] | None = None
    """Whether the UID form, with these arguments, names messages by number all the same (UID SEARCH 1:5)."""
    before_literal: BeforeLiteral | None = None
    """Looks at what stands before a literal that the client waits to send, and refuses what cannot end well."""


AnyCommand = Command[Any]


@dataclass(frozen=True, slots=True)
class Capability:
    """One word of CAPABILITY."""

    name: str
    rfc: str
    states: State = State.ANY
    when: "Callable[[Session], bool] | None" = None
    """Whether it holds for this session now; ``None`` is always."""
    value: "Callable[[Session], str] | None" = None
    """What follows a name that ends in ``=``."""

    @property
    def hides_as(self) -> str:
        """What the configuration calls it to hide it: upper case, without a value."""
        return self.name.upper().removesuffix("=")
