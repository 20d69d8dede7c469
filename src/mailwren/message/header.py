"""Header blocks (RFC 5322 §2.2): cutting them into fields, unfolding values, selecting fields octet for octet.

Lines end with CRLF or LF; a block without any LF is taken to be written with bare CR. A line that is no field and no
continuation (a stray ``>From `` line, say) is passed over, as is a byte order mark; only :func:`select_fields` keeps
them.
"""

import codecs
import re
from collections.abc import Collection
from functools import lru_cache
from itertools import islice
from typing import Final

from mailwren.base import limits

# Every field follows a line end, one is put before the first: the search for it is a fast one.
_FIELD: Final = re.compile(rb"\n([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")
_STRAY: Final = re.compile(rb"\n(?![!-9;-~]+[ \t]*:|[ \t]|\r?(?:\n|\Z))([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_STRAY_BEGINNING: Final = re.compile(rb"\n([ \t][^\n]*+(?:\n[ \t][^\n]*+)*+)")
_FIELD_END: Final = re.compile(rb"\n(?![ \t])")
_FIELDS_SOUGHT: Final = 64
"""Names that are looked for with one expression; more are compared field by field."""
_SMALL: Final = 64 * 1024
"""Blocks up to this size are cut in one go; larger ones field by field, so that the limit of fields holds memory."""


class Header:
    """The fields of one header block, in the message's order."""

    __slots__ = ("_first", "_repeated", "fields")

    def __init__(self, block: bytes) -> None:
        """Cut a block, at most ``HEADER_PARSED`` octets and ``HEADER_FIELDS`` fields of it."""
        block = b"\n" + _with_line_ends(block)
        if len(block) <= _SMALL:
            fields = [(name.lower(), value) for name, value in _FIELD.findall(block)]
        else:
            found = islice(_FIELD.finditer(block, 0, limits.HEADER_PARSED), limits.HEADER_FIELDS)
            fields = [(match[1].lower(), match[2]) for match in found]
        self.fields: Final[list[tuple[bytes, bytes]]] = fields
        """Names in lower case with their values as written, folding included."""
        self._first: Final = dict(reversed(fields))
        self._repeated: frozenset[bytes] | None = None

    def get(self, name: bytes) -> bytes | None:
        """The value of the first field of that (lower-case) name, as written; ``None`` without one."""
        return self._first.get(name)

    def has_none(self, names: frozenset[bytes]) -> bool:
        """Whether there is no field of any of these (lower-case) names."""
        return names.isdisjoint(self._first)

    def unfolded(self, name: bytes) -> bytes:
        """The value of the first field of that (lower-case) name, unfolded; empty without one."""
        value = self._first.get(name)
        return unfold(value) if value else b""

    def all(self, name: bytes) -> list[bytes]:
        """The values of all fields of that (lower-case) name, as written."""
        value = self._first.get(name)
        if value is None:
            return []
        if self._repeated is None:
            self._repeated = self._names_repeated()
        if name not in self._repeated:
            return [value]
        return [value for field_name, value in self.fields if field_name == name]

    def _names_repeated(self) -> frozenset[bytes]:
        if len(self._first) == len(self.fields):
            return frozenset()
        names = [name for name, _ in self.fields]
        for name in self._first:
            names.remove(name)
        return frozenset(names)


def stray_lines(block: bytes) -> list[bytes]:
    """What of a header block is no field, as written: lines without a name, and what begins like a continuation.

    At most ``HEADER_PARSED`` octets are looked at, and ``HEADER_FIELDS`` found.
    """
    block = b"\n" + _with_line_ends(block)
    beginning = _STRAY_BEGINNING.match(block, 0, limits.HEADER_PARSED)
    found = islice(_STRAY.finditer(block, 0, limits.HEADER_PARSED), limits.HEADER_FIELDS)
    return ([beginning[1]] if beginning else []) + [match[1] for match in found]


def unfold(value: bytes) -> bytes:
    """The value on one line, without white space around it (RFC 5322 §2.2.3).

    A fold with the white space on both its sides becomes one blank, which is what whoever wrote the line had in mind.
    """
    value = value.strip()
    if b"\n" in value:
        pieces = [piece.strip() for piece in value.split(b"\n")]
        value = b" ".join([piece for piece in pieces if piece])
    return value.replace(b"\r", b" ") if b"\r" in value else value


def _with_line_ends(block: bytes) -> bytes:
    """The block with lines that LF ends, and without a byte order mark."""
    if b"\n" not in block:
        block = block.replace(b"\r", b"\n")
    return block.removeprefix(codecs.BOM_UTF8)


def blank_line(block: bytes) -> bytes:
    """The empty line that ends a block, line end included; empty where the block has none."""
    if block == b"\r\n" or block.endswith(b"\n\r\n"):
        return b"\r\n"
    if block == b"\n" or block.endswith(b"\n\n"):
        return b"\n"
    return b""


def select_fields(block: bytes, names: Collection[bytes], *, exclude: bool = False) -> bytes:
    """The fields of those names with their original octets and order, then the block's empty line (RFC 9051 §6.4.5.1).

    Args:
        block: a header with the empty line that ends it.
        names: field names in any case.
        exclude: all other fields instead (``HEADER.FIELDS.NOT``), lines that are no fields among them.
    """
    return FieldSelector(names, exclude=exclude).select(block)


class FieldSelector:
    """:func:`select_fields` for many headers."""

    __slots__ = ("_exclude", "_sought", "_wanted")

    def __init__(self, names: Collection[bytes], *, exclude: bool = False) -> None:
        """Select the fields of those names, or all others."""
        wanted = frozenset([name.lower() for name in names])
        self._wanted: Final = wanted
        self._exclude: Final = exclude
        few = not exclude and 0 < len(wanted) <= _FIELDS_SOUGHT and b"" not in wanted
        self._sought: Final = _fields_named(wanted) if few else None

    def select(self, block: bytes) -> bytes:
        """The fields of one header, then its empty line."""
        if b"\n" not in block and b"\r" in block:
            return self.select(block.replace(b"\r", b"\n")).replace(b"\n", b"\r")
        blank = blank_line(block)
        if self._sought is not None and block.endswith(b"\n"):
            found = self._sought.findall(b"\n" + block)
            return b"\n".join(found) + b"\n" + blank if found else blank
        fields = _FIELD_END.split(block[: len(block) - len(blank)])
        last = fields.pop()
        kept = [field for field in fields if self._selects(field)]
        result = b"\n".join(kept) + b"\n" if kept else b""
        if last and self._selects(last):
            result += last
        return result + blank

    def _selects(self, field: bytes) -> bool:
        return (_name_of(field) in self._wanted) is not self._exclude


def whole_fields(block: bytes) -> list[bytes]:
    """What a block consists of: fields, and lines that are none, each without its last line feed."""
    return _FIELD_END.split(block[: len(block) - len(blank_line(block))])


def _name_of(field: bytes) -> bytes:
    return field.partition(b":")[0].rstrip().lower()


@lru_cache(maxsize=256)
def _fields_named(names: frozenset[bytes]) -> re.Pattern[bytes]:
    """Finds whole fields of these names (lower case), each behind a line feed; what most list views ask for."""
    either = b"|".join(re.escape(name) for name in sorted(names))
    return re.compile(
        rb"\n((?:" + either + rb")[ \t\r\f\v]*(?::[^\n]*(?:\n[ \t][^\n]*)*)?)(?=\n(?![ \t]))", re.IGNORECASE
    )
