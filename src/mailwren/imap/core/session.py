"""CAPABILITY, NOOP, LOGOUT, ENABLE and ID: commands about the session itself, and their responses."""

from collections.abc import Iterable, Mapping

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.core.arguments import Enable, Identify
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner, decode_text
from mailwren.imap.syntax import Syntax, without_arguments
from mailwren.imap.wire import CommandWriter

CAPABILITY = without_arguments(b"CAPABILITY", "9051 §6.1.1")
NOOP = without_arguments(b"NOOP", "9051 §6.1.2")
LOGOUT = without_arguments(b"LOGOUT", "9051 §6.1.3")


# --- ENABLE -------------------------------------------------------------------------------------------------
def parse_enable(scanner: Scanner) -> Enable:
    """``enable = "ENABLE" 1*(SP capability)``."""
    names: list[str] = []
    while not names or not scanner.at_end():
        scanner.space()
        names.append(scanner.atom().decode("ascii").upper())
    return Enable(tuple(names))


def write_enable(arguments: Enable, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_enable`."""
    for name in arguments.capabilities:
        writer.raw(b" " + name.encode("ascii"))


ENABLE = Syntax(b"ENABLE", "9051 §6.3.1", parse_enable, write_enable)


def write_capability(names: Iterable[str]) -> bytes:
    """``* CAPABILITY …`` (RFC 9051 §7.2.2)."""
    return " ".join(("* CAPABILITY", *names)).encode("ascii") + b"\r\n"


def write_enabled(names: Iterable[str]) -> bytes:
    """``* ENABLED …``, also when nothing was (RFC 9051 §7.2.1)."""
    return " ".join(("* ENABLED", *names)).encode("ascii") + b"\r\n"


def parse_names(scanner: Scanner) -> tuple[str, ...]:
    """What follows ``CAPABILITY`` or ``ENABLED`` in a response: ``*(SP capability)``, as the server wrote it."""
    names: list[str] = []
    while not scanner.at_end():
        scanner.space()
        names.append(scanner.atom().decode("ascii"))
    return tuple(names)


# --- ID -----------------------------------------------------------------------------------------------------
def parse_id(scanner: Scanner) -> Identify:
    """``id = "ID" SP (nil / "(" [string SP nstring *(SP string SP nstring)] ")")`` (RFC 2971 §4).

    Also the response's parser. More than the 30 pairs of RFC 2971 §3.3 are taken, up to ``IDENTIFICATION_FIELDS``.
    """
    scanner.space()
    fields: list[tuple[str, str | None]] = []
    if not scanner.take_nil():
        fields = scanner.parenthesised(lambda: _id_field(scanner), at_least=0)
    scanner.end()
    if len(fields) > limits.IDENTIFICATION_FIELDS:
        raise BadCommand(f"more than {limits.IDENTIFICATION_FIELDS} fields")
    return Identify(tuple(fields))


def _id_field(scanner: Scanner) -> tuple[str, str | None]:
    name = decode_text(scanner.string("a field's name in quotes"))
    scanner.space()
    value = scanner.nstring()
    return name, None if value is None else decode_text(value)


def write_id_fields(arguments: Identify, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_id`."""
    if not arguments.fields:
        writer.raw(b" NIL")
        return
    for index, (name, value) in enumerate(arguments.fields):
        writer.raw(b" " if index else b" (")
        writer.string(name.encode("utf-8"))
        writer.raw(b" ")
        writer.nstring(None if value is None else value.encode("utf-8"))
    writer.raw(b")")


ID = Syntax(b"ID", "2971 §3.1", parse_id, write_id_fields)


def write_id(fields: Mapping[str, str | None]) -> bytes:
    """``* ID …``; NIL when there is nothing to tell (RFC 2971 §3.2)."""
    if not fields:
        return b"* ID NIL\r\n"
    words = b" ".join(
        wire.string(name.encode("utf-8")) + b" " + wire.nstring(None if value is None else value.encode("utf-8"))
        for name, value in fields.items()
    )
    return b"* ID (" + words + b")\r\n"
