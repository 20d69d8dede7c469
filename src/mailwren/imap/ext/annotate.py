"""ANNOTATE-EXPERIMENT-1 (RFC 5257): what it adds to SELECT, FETCH, STORE, APPEND, SEARCH and SORT, and its responses.

An entry is named ``/comment`` or, where it is of a part, ``/1.2/comment``; its attributes are its value and the size of
that, each once private and once shared. Names are compared by case.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.core.arguments import AnnotationSetting, FetchItem, SearchKey
from mailwren.imap.core.search import KeyReader, KeyRow, KeyWriter
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.frames import Literal
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, no_value
from mailwren.imap.wire import CommandWriter

ANNOTATION: Final = "ANNOTATION"
"""The item, the key and the option."""
VALUE: Final = "value"
SIZE: Final = "size"
PRIVATE: Final = ".priv"
SHARED: Final = ".shared"
TOO_BIG: Final = b"ANNOTATE TOOBIG"
TOO_MANY: Final = b"ANNOTATE TOOMANY"
ANNOTATE: Final = no_value("ANNOTATE", "5257 §4.2")
"""The parameter of SELECT and EXAMINE."""

_ENTRY: Final = re.compile(rb"(?:/[\x20-\x24\x26-\x29\x2b-\x2e\x30-\x7e]+)+")
_ENTRY_MATCH: Final = re.compile(rb"(?:[/%*][\x20-\x2e\x30-\x7e]*)+")
_WILDCARD: Final = re.compile("[%*]")
_PART: Final = re.compile(r"/([0-9][^/]*)(?:/|\Z)")
_NUMBERS: Final = re.compile(r"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*+")
_KEPT: Final = re.compile(
    r"(?:/comment|/altsubject|/[0-9.]++/comment|(?:/[0-9.]++)?/vendor/.+|/[0-9.]++/flags/(?P<flag>[a-z]++))"
)
"""What can be set: entries of RFC 5257 §3.2.1, and those of vendors."""
_FLAGS: Final = frozenset({"seen", "answered", "flagged", "forwarded"})
_FLAG_VALUES: Final = frozenset({b"0", b"1", None})
_OF_VALUE: Final = (VALUE + PRIVATE, VALUE + SHARED)
_ATTRIBUTES: Final = {
    VALUE: _OF_VALUE,
    SIZE: (SIZE + PRIVATE, SIZE + SHARED),
    **{name + suffix: (name + suffix,) for name in (VALUE, SIZE) for suffix in (PRIVATE, SHARED)},
}
"""What each attribute stands for: "Searching or fetching without using either suffix will include both"."""


# --- names ------------------------------------------------------------------------------------------------------
def part_of(entry: str) -> tuple[int, ...]:
    """The number of the body part that an entry is of; empty for the whole message (RFC 5257 §3.2.1).

    Raises:
        BadCommand: no part has such a number.
    """
    match = _PART.match(entry)
    if match is None:
        return ()
    numbers = match[1]
    if _NUMBERS.fullmatch(numbers) is None or numbers.count(".") >= limits.SECTION_DEPTH:
        raise BadCommand(f"{numbers[:40]} is not the number of a part")
    return tuple(map(int, numbers.split(".")))


def is_pattern(entry: str) -> bool:
    """Whether ``*`` or ``%`` stand in it."""
    return _WILDCARD.search(entry) is not None


def attributes_of(name: str) -> tuple[str, ...]:
    """Those that an attribute without a suffix stands for, else itself."""
    return _ATTRIBUTES[name]


def _entry(scanner: Scanner, form: re.Pattern[bytes] = _ENTRY) -> str:
    """``entry = astring``, without wildcards unless the form lets them pass."""
    name = scanner.astring("an entry's name")
    if form.fullmatch(name) is None or b"//" in name or name.endswith(b"/"):
        raise BadCommand("an entry's name is ASCII, begins with /, and has neither // nor / at its end, nor * or %")
    if len(name) > limits.ANNOTATION_NAME:
        raise BadCommand(f"an entry's name of more than {limits.ANNOTATION_NAME} octets")
    entry = name.decode("ascii")
    if not is_pattern(entry):
        part_of(entry)
    return entry


def _entry_match(scanner: Scanner) -> str:
    """``entry-match = list-mailbox``: wildcards may stand in it."""
    return _entry(scanner, _ENTRY_MATCH)


def _attribute(scanner: Scanner, allowed: Iterable[str]) -> str:
    """``attrib = astring``, one of those that are allowed here."""
    name = scanner.astring("an attribute").decode("ascii", "replace")
    if name not in allowed:
        raise BadCommand(f"the attribute is one of {', '.join(allowed)} here")
    return name


# --- FETCH ------------------------------------------------------------------------------------------------------
def _one_or_more(scanner: Scanner, item: Callable[[Scanner], str]) -> tuple[str, ...]:
    """``item / "(" item *(SP item) ")"``, each once."""
    found = scanner.parenthesised(lambda: item(scanner)) if scanner.at(b"(") else [item(scanner)]
    if len(found) > limits.ANNOTATIONS_PER_MESSAGE:
        raise BadCommand(f"more than {limits.ANNOTATIONS_PER_MESSAGE} entries")
    return tuple(dict.fromkeys(found))


def _parse_item(scanner: Scanner) -> FetchItem:
    """``"ANNOTATION" SP "(" entries SP attribs ")"``."""
    scanner.space()
    scanner.open()
    entries = _one_or_more(scanner, _entry_match)
    scanner.space()
    attributes = _one_or_more(scanner, lambda each: _attribute(each, _ATTRIBUTES))
    scanner.close()
    return FetchItem(ANNOTATION, modifiers=attributes, entries=entries)


def _write_item(item: FetchItem, writer: CommandWriter) -> None:
    writer.raw(b" ((")
    _write_words(item.entries, writer)
    writer.raw(b") (")
    _write_words(item.modifiers, writer)
    writer.raw(b"))")


def _write_words(words: Sequence[str], writer: CommandWriter) -> None:
    for index, word in enumerate(words):
        writer.raw(b" " * bool(index))
        writer.astring(word.encode("ascii"))


FETCH_ITEMS: Final = (Row(ANNOTATION, "5257 §4.3", _parse_item, _write_item),)


def write_annotations(entries: Iterable[tuple[str, Iterable[tuple[str, bytes | None]]]], utf8: bool) -> bytes:
    """``ANNOTATION (entry (attribute value …) …)`` (RFC 5257 §4.4)."""
    return b"ANNOTATION (" + b" ".join(_written(entry, values, utf8) for entry, values in entries) + b")"


def _written(entry: str, values: Iterable[tuple[str, bytes | None]], utf8: bool) -> bytes:
    pairs = (name.encode("ascii") + b" " + _written_value(value, utf8) for name, value in values)
    return wire.astring(entry.encode("ascii")) + b" (" + b" ".join(pairs) + b")"


def _written_value(value: bytes | None, utf8: bool) -> bytes:
    return wire.literal8(value) if value is not None and b"\0" in value else wire.nstring(value, utf8)


def write_changed(entries: Iterable[str]) -> bytes:
    """``ANNOTATION (entry …)``: "Unsolicited ANNOTATION responses MUST NOT include ANNOTATION data values"."""
    return b"ANNOTATION (" + b" ".join(wire.astring(entry.encode("ascii")) for entry in entries) + b")"


# --- STORE and APPEND -------------------------------------------------------------------------------------------
def parse_settings(scanner: Scanner) -> tuple[AnnotationSetting, ...]:
    """``"(" entry-att *(SP entry-att) ")"``.

    Raises:
        BadCommand: also for what cannot be set.
        Refused: too large a value, or too many of them.
    """
    found = [each for several in scanner.parenthesised(lambda: _settings_of_entry(scanner)) for each in several]
    if len({each[:2] for each in found}) < len(found):
        raise BadCommand("the same attribute twice")
    if len(found) > limits.ANNOTATIONS_PER_MESSAGE:
        raise Refused(f"a message has up to {limits.ANNOTATIONS_PER_MESSAGE} annotations", TOO_MANY)
    return tuple(found)


def _settings_of_entry(scanner: Scanner) -> list[AnnotationSetting]:
    """``entry-att = entry SP "(" att-value *(SP att-value) ")"``."""
    entry = _entry(scanner)
    match = _KEPT.fullmatch(entry)
    if match is None or (match["flag"] and match["flag"] not in _FLAGS):
        raise BadCommand(f"nothing is kept under {entry[:40]}")
    scanner.space()
    found = scanner.parenthesised(lambda: _setting(scanner, entry))
    if match["flag"] and any(each.value not in _FLAG_VALUES for each in found):
        raise BadCommand("a flag of a part is 1, 0 or NIL")
    return found


def _setting(scanner: Scanner, entry: str) -> AnnotationSetting:
    """``att-value = attrib SP value``: "The client MUST specify either a ".priv" or ".shared" suffix"."""
    attribute = _attribute(scanner, _OF_VALUE)
    scanner.space()
    return AnnotationSetting(entry, attribute.endswith(SHARED), _value(scanner))


def _value(scanner: Scanner) -> bytes | None:
    """``value = nstring / literal8``. Raises Refused: it is too large."""
    if scanner.at_literal():
        octets = scanner.literal().octets
        value = octets if isinstance(octets, bytes) else None
    else:
        value = scanner.nstring()
        if value is None:
            return None
    if value is None or len(value) > limits.ANNOTATION_VALUE:
        raise Refused(f"An annotation has up to {limits.ANNOTATION_VALUE} octets", TOO_BIG)
    return value


def write_settings(settings: Iterable[AnnotationSetting], writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_settings`."""
    for index, (entry, is_shared, value) in enumerate(settings):
        writer.raw(b" " if index else b"(")
        writer.astring(entry.encode("ascii"))
        writer.raw(b" (" + _OF_VALUE[is_shared].encode("ascii") + b" ")
        _write_value(value, writer)
        writer.raw(b")")
    writer.raw(b")")


def _write_value(value: bytes | None, writer: CommandWriter) -> None:
    if value is not None and b"\0" in value:
        writer.literal(Literal(len(value), value, True))
    else:
        writer.nstring(value)


def _parse_attribute(scanner: Scanner) -> object:
    scanner.space()
    return parse_settings(scanner)


def _write_attribute(value: object, writer: CommandWriter) -> None:
    writer.raw(b" ")
    write_settings(cast("tuple[AnnotationSetting, ...]", value), writer)


STORE_ATTRIBUTES: Final[tuple[Row[object], ...]] = (Row(ANNOTATION, "5257 §4.5", _parse_attribute, _write_attribute),)
"""What STORE changes besides flags."""


# --- SEARCH and SORT --------------------------------------------------------------------------------------------
_SEARCHED: Final = (VALUE, *_OF_VALUE)


def _parse_key(reader: KeyReader) -> SearchKey:
    """``"ANNOTATION" SP entry-match SP att-search SP value``; NIL asks for messages that have no value there."""
    scanner = reader.scanner
    scanner.space()
    entry = _entry_match(scanner)
    scanner.space()
    attribute = _attribute(scanner, _SEARCHED)
    text = reader.optional_text()
    return SearchKey(ANNOTATION, text=text or "", field_name=entry, flag=attribute, number=int(text is None))


def _write_key(key: SearchKey, writer: KeyWriter) -> None:
    writer.command.raw(b" ")
    _write_words((key.field_name, key.flag), writer.command)
    writer.command.raw(b" ")
    _write_value(None if key.number else writer.encode(key.text), writer.command)


SEARCH_KEYS: Final = (KeyRow(ANNOTATION, "5257 §4.8", _parse_key, _write_key),)


def searched_kinds(attribute: str) -> frozenset[bool]:
    """Which values an attribute means, shared ones being true."""
    return frozenset(each.endswith(SHARED) for each in _ATTRIBUTES[attribute])


def parse_sort_key(scanner: Scanner) -> tuple[str, str]:
    """``SP entry SP att-sort``: "a fully specified entry -- wild cards are not allowed"."""
    scanner.space()
    entry = _entry(scanner)
    scanner.space()
    return entry, _attribute(scanner, _OF_VALUE)


# --- response codes ---------------------------------------------------------------------------------------------
def annotations_code(largest: int | None) -> bytes:
    """``ANNOTATIONS``: how large a value may be, or that none can be changed (RFC 5257 §4.1)."""
    return b"ANNOTATIONS READ-ONLY" if largest is None else b"ANNOTATIONS %d" % largest
