"""Contexts (RFC 5267): searches whose results the server keeps the client told of, and CANCELUPDATE."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.core.fetch import parse_item_list, write_item_list
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, Syntax, no_value, table_of
from mailwren.imap.wire import CommandWriter


def return_options(items: Iterable[Row[FetchItem]]) -> tuple[Row[object], ...]:
    """CONTEXT, and UPDATE with the FETCH items given; PARTIAL has a module of its own.

    ``modifier-update = "UPDATE" [SP "(" fetch-att *(SP fetch-att) ")"]`` (RFC 5267 §5, RFC 5465 §8; the grammar there
    has no SP, the examples of §7 do).
    """
    rows = table_of(items)

    def parse(scanner: Scanner) -> object:
        if not scanner.at_list():
            return None
        scanner.space()
        return parse_item_list(scanner, rows)

    def write(value: object, writer: CommandWriter) -> None:
        if value is not None:
            writer.raw(b" ")
            write_item_list(cast("tuple[FetchItem, ...]", value), rows, writer)

    return no_value("CONTEXT", "5267 §4.2"), Row("UPDATE", "5267 §4.3", parse, write)


def update_items(values: Iterable[tuple[str, object]]) -> tuple[FetchItem, ...]:
    """What UPDATE asks for of new messages, from the values of the RETURN options."""
    return cast("tuple[FetchItem, ...]", dict(values).get("UPDATE", ()))


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


def no_update_code(tag: bytes) -> bytes:
    """``NOUPDATE "tag"``: of a search whose result is not kept up to date (RFC 5267 §4.3.1)."""
    return b"NOUPDATE " + wire.quoted(tag)


def positions(pairs: Iterable[tuple[int, str]]) -> tuple[int | str, ...]:
    """The payload of ADDTO and REMOVEFROM (RFC 5267 §4.3.3): context positions, each with its set."""
    return tuple(each for pair in pairs for each in pair)
