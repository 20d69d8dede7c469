"""GETMETADATA, SETMETADATA, the METADATA response (RFC 5464) and LIST's return option of that name (RFC 9590)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.frames import Literal
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, Syntax
from mailwren.imap.wire import CommandWriter

PRIVATE: Final = "/private"
"""Above the entries that each user has for himself."""
SHARED: Final = "/shared"
"""Above the entries that all users of a mailbox have together."""
SPECIAL_USE: Final = "/private/specialuse"
"""A mailbox's special uses (RFC 6154 §4)."""
NO_LIMIT: Final = 2**63 - 1
"""Without MAXSIZE."""
_ENTRY: Final = re.compile(rb"/(?:private|shared)(?:/[\x20-\x24\x26-\x29\x2b-\x2e\x30-\x7e]+)*", re.IGNORECASE)
_OPTION: Final = re.compile(rb"\( *[A-Za-z]")
"""How a list of options begins; no entry's name begins with a letter."""
_DEPTHS: Final[dict[str, int | None]] = {"0": 0, "1": 1, "INFINITY": None}
_VENDOR_LEVELS: Final = 4
"""Components of a name below ``/private/vendor`` and ``/shared/vendor``, at least (RFC 5464 §3.2)."""


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """GETMETADATA (RFC 5464 §4.2)."""

    mailbox: str
    """Empty for the server's."""
    entries: tuple[str, ...]
    """As the client wrote them."""
    largest: int = NO_LIMIT
    """Octets of the largest value that the client takes."""
    depth: int | None = 0
    """Levels below the entries; ``None`` is all."""


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """SETMETADATA (RFC 5464 §4.3)."""

    mailbox: str
    """Empty for the server's."""
    values: tuple[tuple[str, bytes | None], ...]
    """Entries as the client wrote them, with their values, or ``None`` to remove them."""


# --- commands ---------------------------------------------------------------------------------------------------
def _entry(scanner: Scanner) -> str:
    """``entry = astring``, and what RFC 5464 §3.2 asks of it."""
    name = scanner.astring("an entry's name")
    if _ENTRY.fullmatch(name) is None:
        raise BadCommand("an entry's name begins with /private or /shared, and has neither *, %, // nor / at its end")
    if len(name) > limits.ANNOTATION_NAME:
        raise BadCommand(f"an entry's name of more than {limits.ANNOTATION_NAME} octets")
    return name.decode("ascii")


def _entries(scanner: Scanner) -> tuple[str, ...]:
    """``entries = entry / "(" entry *(SP entry) ")"``; several need no parentheses (RFC 5464 §4.4.1)."""
    if scanner.at(b"("):
        return _bounded(scanner.parenthesised(lambda: _entry(scanner)))
    found = [_entry(scanner)]
    while not scanner.at_end():
        scanner.space()
        found.append(_entry(scanner))
    return _bounded(found)


def _bounded(entries: Sequence[str]) -> tuple[str, ...]:
    if len(entries) > limits.ANNOTATIONS_PER_MAILBOX:
        raise BadCommand(f"more than {limits.ANNOTATIONS_PER_MAILBOX} entries")
    return tuple({entry.lower(): entry for entry in entries}.values())


def _options(scanner: Scanner) -> dict[str, int | None]:
    """``getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"``."""
    found = scanner.parenthesised(lambda: _option(scanner))
    options = dict(found)
    if len(options) < len(found):
        raise BadCommand("the same option twice")
    return options


def _option(scanner: Scanner) -> tuple[str, int | None]:
    """``"MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")``."""
    name = scanner.name("a GETMETADATA option")
    if name == "MAXSIZE":
        scanner.space()
        return name, scanner.number64()
    if name != "DEPTH":
        raise BadCommand(f"unknown GETMETADATA option {name[:40]}")
    scanner.space()
    depth = scanner.name("0, 1 or infinity")
    if depth not in _DEPTHS:
        raise BadCommand("DEPTH is 0, 1 or infinity")
    return name, _DEPTHS[depth]


def _parse_get(scanner: Scanner) -> GetMetadata:
    """``"GETMETADATA" [SP getmetadata-options] SP mailbox SP entries``; the options may follow the mailbox.

    The grammar and the examples of RFC 5464 (§5, §4.2.1) differ about where the options stand; clients do as well.
    """
    scanner.space()
    options: dict[str, int | None] = {}
    if scanner.at(b"("):
        options = _options(scanner)
        scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    if not options and scanner.at_match(_OPTION):
        options = _options(scanner)
        scanner.space()
    entries = _entries(scanner)
    scanner.end()
    return GetMetadata(mailbox, entries, cast("int", options.get("MAXSIZE", NO_LIMIT)), options.get("DEPTH", 0))


def _write_get(arguments: GetMetadata, writer: CommandWriter) -> None:
    options: list[bytes] = []
    if arguments.largest != NO_LIMIT:
        options.append(b"MAXSIZE %d" % arguments.largest)
    if arguments.depth != 0:
        options.append(b"DEPTH 1" if arguments.depth else b"DEPTH infinity")
    if options:
        writer.raw(b" (" + b" ".join(options) + b")")
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)
    _write_entries(arguments.entries, writer)


def _write_entries(entries: object, writer: CommandWriter) -> None:
    for index, entry in enumerate(cast("tuple[str, ...]", entries)):
        writer.raw(b" " if index else b" (")
        writer.astring(entry.encode("ascii"))
    writer.raw(b")")


def _parse_set(scanner: Scanner) -> SetMetadata:
    """``setmetadata = "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")"``."""
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    values = scanner.parenthesised(lambda: _value_of(scanner))
    scanner.end()
    _bounded([entry for entry, _value in values])
    if len({entry.lower() for entry, _value in values}) < len(values):
        raise BadCommand("the same entry twice")
    return SetMetadata(mailbox, tuple(values))


def _value_of(scanner: Scanner) -> tuple[str, bytes | None]:
    """``entry SP value``; names that are to be set have levels enough (RFC 5464 §3.2)."""
    entry = _entry(scanner)
    levels = entry.lower().split("/")[1:]
    if len(levels) < 2 or (levels[1] == "vendor" and len(levels) < _VENDOR_LEVELS):
        raise BadCommand(f"nothing is kept under {entry[:40]}, only below it")
    scanner.space()
    return entry, _value(scanner)


def _value(scanner: Scanner) -> bytes | None:
    """``value = nstring / literal8``.

    Raises:
        Refused: it is too large.
    """
    if scanner.at_literal():
        octets = scanner.literal().octets
        value = octets if isinstance(octets, bytes) else None
    else:
        value = scanner.nstring()
        if value is None:
            return None
    if value is None or len(value) > limits.ANNOTATION_VALUE:
        code = b"METADATA MAXSIZE %d" % limits.ANNOTATION_VALUE
        raise Refused(f"An annotation has up to {limits.ANNOTATION_VALUE} octets", code)
    return value


def _write_set(arguments: SetMetadata, writer: CommandWriter) -> None:
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)
    for index, (entry, value) in enumerate(arguments.values):
        writer.raw(b" " if index else b" (")
        writer.astring(entry.encode("ascii"))
        writer.raw(b" ")
        if value is not None and b"\0" in value:
            writer.literal(Literal(len(value), value, True))
        else:
            writer.nstring(value)
    writer.raw(b")")


GETMETADATA: Final = Syntax(b"GETMETADATA", "5464 §4.2", _parse_get, _write_get)
SETMETADATA: Final = Syntax(b"SETMETADATA", "5464 §4.3", _parse_set, _write_set)


def _parse_list_option(scanner: Scanner) -> object:
    """``"METADATA" SP "(" entry *(SP entry) ")"`` (RFC 9590 §5)."""
    scanner.space()
    return _bounded(scanner.parenthesised(lambda: _entry(scanner)))


LIST_OPTION: Final[Row[object]] = Row("METADATA", "9590 §3", _parse_list_option, _write_entries)


# --- responses --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class MetadataRow:
    """A METADATA response (RFC 5464 §4.4)."""

    mailbox: str
    """Empty for the server's."""
    values: tuple[tuple[str, bytes | None], ...] = ()
    """Entries with their values, in answers."""
    changed: tuple[str, ...] = ()
    """Entries alone: somebody else changed them."""


def write_values(mailbox: str, values: Iterable[tuple[str, bytes | None]], utf8: bool) -> bytes:
    """``* METADATA mailbox (entry value …)`` (RFC 5464 §4.4.1)."""
    pairs = (wire.astring(entry.encode("ascii")) + b" " + _written(value, utf8) for entry, value in values)
    return b"* METADATA " + wire.mailbox(mailbox, utf8) + b" (" + b" ".join(pairs) + b")\r\n"


def _written(value: bytes | None, utf8: bool) -> bytes:
    return wire.literal8(value) if value is not None and b"\0" in value else wire.nstring(value, utf8)


def write_changed(mailbox: str, entries: Iterable[str], utf8: bool) -> bytes:
    """``* METADATA mailbox entry …``: these were changed (RFC 5464 §4.4.2)."""
    names = b" ".join(wire.astring(entry.encode("ascii")) for entry in entries)
    return b"* METADATA " + wire.mailbox(mailbox, utf8) + b" " + names + b"\r\n"


def parse_metadata(scanner: Scanner) -> MetadataRow:
    """What follows ``* METADATA``: ``metadata-resp`` (RFC 5464 §5)."""
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.space()
    if not scanner.at(b"("):
        return MetadataRow(mailbox, changed=_entries(scanner))
    values = scanner.parenthesised(lambda: _value_told(scanner))
    scanner.end()
    return MetadataRow(mailbox, tuple(values))


def _value_told(scanner: Scanner) -> tuple[str, bytes | None]:
    entry = _entry(scanner)
    scanner.space()
    if scanner.at_literal():
        octets = scanner.literal().octets
        assert isinstance(octets, bytes)
        return entry, octets
    return entry, scanner.nstring()
