"""FETCH: its items, sections and partials."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.core.arguments import Fetch, FetchItem, Section, SectionText
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import NUMBER64_MAX, Scanner
from mailwren.imap.syntax import Parameters, Row, Syntax, parse_parameters, table_of, write_parameters
from mailwren.imap.wire import CommandWriter

_SECTION: Final = re.compile(rb"\[([0-9.]*+)([A-Za-z.]*+)")
_PART: Final = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*+")
_PARTIAL: Final = re.compile(rb"<([0-9]{1,19})\.([0-9]{1,19})>")
_TEXTS: Final = {text.value: text for text in SectionText}
_WITH_FIELDS: Final = frozenset({SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT})


# --- sections -----------------------------------------------------------------------------------------------
def parse_section(scanner: Scanner) -> Section:
    """``section = "[" [section-spec] "]"`` (RFC 9051 §9)."""
    numbers, word = scanner.match(_SECTION, "a section in brackets").groups()
    text = _TEXTS.get(word.upper())
    if text is None:
        raise BadCommand(f"unknown section {word[:40].decode('ascii')}")
    part: tuple[int, ...] = ()
    if numbers:
        if word and not numbers.endswith(b"."):
            raise BadCommand("a section's number and name are divided by a point")
        part = _parse_part(numbers[:-1] if word else numbers)
    if text is SectionText.MIME and not part:
        raise BadCommand("MIME needs the number of a part")
    fields: tuple[bytes, ...] = ()
    if text in _WITH_FIELDS:
        scanner.space()
        fields = tuple(scanner.parenthesised(lambda: scanner.astring("a header field's name")))
    scanner.expect(b"]")
    return Section(part, text, fields)


def _parse_part(numbers: bytes) -> tuple[int, ...]:
    """``section-part = nz-number *("." nz-number)``."""
    if _PART.fullmatch(numbers) is None:
        raise BadCommand("a part is numbers above 0 with points between them")
    part = tuple(map(int, numbers.split(b".")))
    if len(part) > limits.SECTION_DEPTH:
        raise BadCommand(f"section deeper than {limits.SECTION_DEPTH} parts")
    return part


def _section_name(section: Section) -> bytes:
    words = [".".join(map(str, section.part)).encode("ascii")] if section.part else []
    if section.text is not SectionText.ALL:
        words.append(section.text.value)
    return b".".join(words)


def write_section(section: Section) -> bytes:
    """The counterpart of :func:`parse_section` for responses."""
    inside = _section_name(section)
    if section.text in _WITH_FIELDS:
        inside += b" (" + b" ".join(map(wire.astring, section.fields)) + b")"
    return b"[" + inside + b"]"


def section_label(item: FetchItem) -> bytes:
    """What an item is called in the response: ``BODY[1.MIME]<0>``; without PEEK (RFC 9051 §7.5.2)."""
    if item.section is None:
        return item.name.encode("ascii")
    label = item.name.removesuffix("[]").encode("ascii") + write_section(item.section)
    return label if item.partial is None else b"%b<%d>" % (label, item.partial[0])


def _parse_partial(scanner: Scanner) -> tuple[int, int] | None:
    """``["<" number64 "." nz-number64 ">"]``."""
    if not scanner.at(b"<"):
        return None
    first, count = map(int, scanner.match(_PARTIAL, "a partial such as <0.1024>").groups())
    if not count or max(first, count) > NUMBER64_MAX:
        raise BadCommand("a partial takes at least one octet, and 63-bit numbers")
    return first, count


# --- items --------------------------------------------------------------------------------------------------
def plain_item(name: str, rfc: str = "9051 §6.4.5") -> Row[FetchItem]:
    """An item that is its name alone."""
    item = FetchItem(name)
    return Row(name, rfc, lambda _scanner: item, lambda _item, _writer: None)


def _body(peek: bool) -> Row[FetchItem]:
    """``"BODY" ["STRUCTURE"] / "BODY" [".PEEK"] section [partial]``."""
    whole = FetchItem("BODY")

    def parse(scanner: Scanner) -> FetchItem:
        if not peek and not scanner.at(b"["):
            return whole
        section = parse_section(scanner)
        return FetchItem("BODY[]", section, peek, _parse_partial(scanner))

    return Row("BODY.PEEK" if peek else "BODY", "9051 §6.4.5", parse, _write_section_and_partial)


def _binary(peek: bool) -> Row[FetchItem]:
    """``"BINARY" [".PEEK"] section-binary [partial]``."""

    def parse(scanner: Scanner) -> FetchItem:
        section = _parse_section_binary(scanner)
        return FetchItem("BINARY[]", section, peek, _parse_partial(scanner))

    return Row("BINARY.PEEK" if peek else "BINARY", "3516 §4.2", parse, _write_section_and_partial)


def _parse_section_binary(scanner: Scanner) -> Section:
    """``section-binary = "[" [section-part] "]"``."""
    section = parse_section(scanner)
    if section.text is not SectionText.ALL:
        raise BadCommand("BINARY takes only the number of a part")
    return section


def _write_section_and_partial(item: FetchItem, writer: CommandWriter) -> None:
    section = item.section
    if section is None:
        return
    writer.raw(b"[" + _section_name(section))
    if section.text in _WITH_FIELDS:
        for index, name in enumerate(section.fields):
            writer.raw(b" " if index else b" (")
            writer.astring(name)
        writer.raw(b")")
    writer.raw(b"]")
    if item.partial is not None:
        writer.raw(b"<%d.%d>" % item.partial)


ITEMS: Final = (
    *map(plain_item, ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE")),
    _body(peek=False),
    _body(peek=True),
    _binary(peek=False),
    _binary(peek=True),
    Row(
        "BINARY.SIZE",
        "3516 §4.2",
        lambda scanner: FetchItem("BINARY.SIZE[]", _parse_section_binary(scanner)),
        _write_section_and_partial,
    ),
    *(plain_item(name, "3501 §6.4.5") for name in ("RFC822", "RFC822.HEADER", "RFC822.TEXT")),
)
"""``fetch-att`` of RFC 9051 §9 and of RFC 3501 §9."""

_REMEMBERED: Final = 256
"""Lists of items that were read lately: programs ask for the same ones of message after message."""
_REMEMBERED_OCTETS: Final = 1024
_FAST: Final = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
_MACROS: Final = {
    "FAST": tuple(map(FetchItem, _FAST)),
    "ALL": tuple(map(FetchItem, (*_FAST, "ENVELOPE"))),
    "FULL": tuple(map(FetchItem, (*_FAST, "ENVELOPE", "BODY"))),
}
"""RFC 9051 §6.4.5; "a macro must be used by itself"."""


# --- the command --------------------------------------------------------------------------------------------
def fetch_syntax(items: Iterable[Row[FetchItem]], modifiers: Iterable[Row[object]]) -> Syntax[Fetch]:
    """FETCH with the items and modifiers given.

    ``fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
    [fetch-modifiers]`` (RFC 9051 §9, RFC 4466 §3).
    """
    item_rows = table_of(items)
    modifier_rows = table_of(modifiers)

    def parse_rest(scanner: Scanner) -> tuple[tuple[FetchItem, ...], Parameters]:
        found = _parse_items(scanner, item_rows)
        values = parse_parameters(scanner, modifier_rows, "FETCH modifier")
        scanner.end()
        return found, values

    @lru_cache(maxsize=_REMEMBERED)
    def known_rest(text: bytes, utf8: bool) -> tuple[tuple[FetchItem, ...], Parameters]:
        return parse_rest(Scanner((text,), utf8))

    def parse(scanner: Scanner) -> Fetch:
        scanner.space()
        messages = scanner.sequence_set()
        scanner.space()
        rest = scanner.take_rest(_REMEMBERED_OCTETS)
        found, values = parse_rest(scanner) if rest is None else known_rest(rest, scanner.utf8)
        return Fetch(messages, found, values)

    def write(arguments: Fetch, writer: CommandWriter) -> None:
        writer.raw(b" " + wire.sequence_set(arguments.messages) + b" ")
        write_item_list(arguments.items, item_rows, writer)
        write_parameters(arguments.modifiers, modifier_rows, writer)

    return Syntax(b"FETCH", "9051 §6.4.5", parse, write)


def parse_item_list(scanner: Scanner, rows: Mapping[str, Row[FetchItem]]) -> tuple[FetchItem, ...]:
    """``"(" fetch-att *(SP fetch-att) ")"``."""
    items = tuple(scanner.parenthesised(lambda: _parse_item(scanner, rows, scanner.name("a FETCH item"))))
    if len(items) > limits.FETCH_ITEMS:
        raise BadCommand(f"more than {limits.FETCH_ITEMS} FETCH items")
    return items


def write_item_list(items: Iterable[FetchItem], rows: Mapping[str, Row[FetchItem]], writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_item_list`."""
    for index, item in enumerate(items):
        name = item.name.removesuffix("[]") + ".PEEK" * item.peek
        writer.raw(b" " if index else b"(")
        writer.raw(name.encode("ascii"))
        rows[name].write(item, writer)
    writer.raw(b")")


def _parse_items(scanner: Scanner, rows: Mapping[str, Row[FetchItem]]) -> tuple[FetchItem, ...]:
    if scanner.at(b"("):
        return parse_item_list(scanner, rows)
    name = scanner.name("FETCH items")
    return _MACROS.get(name) or (_parse_item(scanner, rows, name),)


def _parse_item(scanner: Scanner, rows: Mapping[str, Row[FetchItem]], name: str) -> FetchItem:
    row = rows.get(name)
    if row is None:
        raise BadCommand(f"unknown FETCH item {name[:40]}")
    return row.parse(scanner)
