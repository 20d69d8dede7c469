"""STATUS, and the same items as a return option of LIST (RFC 5819)."""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias, cast

from mailwren.imap import wire
from mailwren.imap.core.arguments import Status
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, Syntax
from mailwren.imap.wire import CommandWriter

ITEMS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "SIZE", "RECENT")
"""``status-att`` (RFC 9051 §9), and RECENT for IMAP4rev1 (RFC 3501 §9)."""


def parse_items(scanner: Scanner, known: frozenset[str]) -> tuple[str, ...]:
    """``"(" status-att *(SP status-att) ")"``, each item once, in the order of the client."""
    return tuple(dict.fromkeys(scanner.parenthesised(lambda: _item(scanner, known))))


def _item(scanner: Scanner, known: frozenset[str]) -> str:
    name = scanner.name("a STATUS item")
    if name not in known:
        raise BadCommand(f"unknown STATUS item {name[:40]}")
    return name


def status_syntax(items: Iterable[str]) -> Syntax[Status]:
    """STATUS with the items given: ``status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"``."""
    known = frozenset(items)

    def parse(scanner: Scanner) -> Status:
        scanner.space()
        mailbox = scanner.mailbox()
        scanner.space()
        found = parse_items(scanner, known)
        scanner.end()
        return Status(mailbox, found)

    def write(arguments: Status, writer: CommandWriter) -> None:
        writer.raw(b" ")
        writer.mailbox(arguments.mailbox)
        _write_items(arguments.items, writer)

    return Syntax(b"STATUS", "9051 §6.3.11", parse, write)


def status_option(items: Iterable[str]) -> Row[object]:
    """The return option of LIST: ``status-option = "STATUS" SP "(" status-att *(SP status-att) ")"`` (RFC 5819 §4)."""
    known = frozenset(items)

    def parse(scanner: Scanner) -> object:
        scanner.space()
        return parse_items(scanner, known)

    return Row("STATUS", "5819 §4", parse, _write_items)


def _write_items(items: object, writer: CommandWriter) -> None:
    writer.raw(b" (" + " ".join(cast("tuple[str, ...]", items)).encode("ascii") + b")")


StatusValue: TypeAlias = int | str | None
"""A number, an object id, or NIL (RFC 9051 §9, RFC 8474 §4.3, RFC 7889 §5)."""


def write_status_row(name: str, values: Sequence[tuple[str, StatusValue]], utf8: bool) -> bytes:
    """``* STATUS mailbox (…)`` (RFC 9051 §7.3.4)."""
    items = " ".join(f"{item} {_text(value)}" for item, value in values).encode("ascii")
    return b"* STATUS " + wire.mailbox(name, utf8) + b" (" + items + b")\r\n"


def _text(value: StatusValue) -> str:
    if value is None:
        return "NIL"
    return f"({value})" if isinstance(value, str) else str(value)


def parse_status_row(scanner: Scanner) -> tuple[str, tuple[tuple[str, StatusValue], ...]]:
    """What follows ``* STATUS``: the mailbox and its items, whatever their names."""
    scanner.space()
    name = scanner.mailbox()
    scanner.space()
    values = scanner.parenthesised(lambda: _value(scanner), at_least=0)
    scanner.end()
    return name, tuple(values)


def _value(scanner: Scanner) -> tuple[str, StatusValue]:
    name = scanner.name("a STATUS item")
    scanner.space()
    if scanner.take_nil():
        return name, None
    if scanner.at(b"("):
        (object_id,) = scanner.words_in_parentheses()[:1] or [b""]
        return name, object_id.decode("ascii")
    return name, scanner.number64()
