"""Contexts (RFC 5267): searches whose results the server keeps the client told of, and CANCELUPDATE."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax, no_value
from mailwren.imap.wire import CommandWriter

RETURN_OPTIONS: Final = (no_value("CONTEXT", "5267 §4.2"), no_value("UPDATE", "5267 §4.3"))
"""``modifier-context`` and ``modifier-update`` (RFC 5267 §5); PARTIAL has a module of its own."""


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    """CANCELUPDATE (RFC 5267 §4.3.5)."""

    tags: tuple[bytes, ...]
    """Of the searches whose updates are to end."""


def _parse(scanner: Scanner) -> CancelUpdate:
    """``"CANCELUPDATE" 1*(SP quoted)`` (RFC 5267 §5)."""
    tags: list[bytes] = []
    while not tags or not scanner.at_end():
        scanner.space()
        tags.append(scanner.astring("a tag"))
        if len(tags) > limits.LITERALS_PER_COMMAND:
            raise BadCommand(f"more than {limits.LITERALS_PER_COMMAND} tags")
    return CancelUpdate(tuple(tags))


def _write(arguments: CancelUpdate, writer: CommandWriter) -> None:
    for tag in arguments.tags:
        writer.raw(b" ")
        writer.string(tag)


CANCELUPDATE: Final = Syntax(b"CANCELUPDATE", "5267 §4.3.5", _parse, _write)


def write_no_update(tag: bytes, text: str) -> bytes:
    """``* NO [NOUPDATE "tag"] text`` (RFC 5267 §4.3.1)."""
    return wire.status_line(b"*", b"NO", text, b"NOUPDATE " + wire.quoted(tag))


def positions(pairs: Iterable[tuple[int, str]]) -> tuple[int | str, ...]:
    """The payload of ADDTO and REMOVEFROM (RFC 5267 §4.3.3): context positions, each with its set."""
    return tuple(each for pair in pairs for each in pair)
