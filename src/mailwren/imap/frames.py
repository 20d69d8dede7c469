"""What the framer hands out: whole commands, lines, literals, and what went beyond a limit. Plain values."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias


class Sink(Protocol):
    """Takes the octets of a literal that is too big for memory."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take the next octets."""

    def close(self) -> None:
        """Let go of the octets: the command was dropped. May be called twice."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal: its octets in memory, or in the sink that took them (RFC 9051 §4.3)."""

    size: int
    octets: bytes | Sink
    binary: bool = False
    """Sent as literal8, so it may hold NUL."""


Fragments: TypeAlias = tuple[bytes | Literal, ...]
"""Text, literal, text … text: the text without the literals' marks and without line ends."""


def close_sinks(fragments: Iterable[bytes | Literal]) -> None:
    """Close the sinks of literals that nobody will read."""
    for fragment in fragments:
        if isinstance(fragment, Literal) and not isinstance(fragment.octets, bytes):
            fragment.octets.close()


@dataclass(frozen=True, slots=True)
class CommandFrame:
    """A whole command."""

    fragments: Fragments

    def close(self) -> None:
        """Close the sinks of its literals: the command is dropped."""
        close_sinks(self.fragments)


@dataclass(frozen=True, slots=True)
class LineFrame:
    """One line that was asked for by ``Framer.expect_line``, without its line end."""

    line: bytes


@dataclass(frozen=True, slots=True)
class ContinuationNeeded:
    """The client waits for ``+`` before it sends a literal (RFC 9051 §4.3). Accept or refuse it."""

    fragments: Fragments
    """The command so far."""
    size: int
    """The literal's octets."""
    binary: bool
    """Whether it is a literal8."""


class OverflowKind(Enum):
    """Which limit a command went beyond."""

    LINE = "line"
    LITERAL = "literal"
    COMMAND = "command"
    ROOM = "room"
    """No limit of ours: what keeps large literals can take no more now."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """A command went beyond a limit and is skipped. What it said is not kept: it may hold a password."""

    tag: bytes
    """Empty when the line does not begin with a tag."""
    name: bytes
    """The word behind the tag in upper case, as far as it is known: ``b"APPEND"``."""
    kind: OverflowKind
    text: str
    """What was too long, and the limit."""


Event: TypeAlias = CommandFrame | LineFrame | ContinuationNeeded | Overflow
