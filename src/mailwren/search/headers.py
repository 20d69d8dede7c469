"""Tests on header blocks: what :mod:`mailwren.message.text` decodes, looked at only where the octets leave it open.

Pure. Both tests answer exactly as the plain way would: one field's decoded values, or the decoded block, folded and
searched for the folded needle.
"""

import re
from typing import Final

from mailwren.message.encoded_words import decode_header
from mailwren.message.header import Header, unfold
from mailwren.message.text import header_charset, header_text
from mailwren.search.needle import Needle

_DIRECT: Final = 64 * 1024
"""Blocks up to this size are searched for the field's name directly; larger ones are cut up by their limits."""
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NAME: Final = re.compile(rb"[!-9;-~]+")
_VALUE: Final = re.compile(rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")
_LINE_END: Final = re.compile(rb"\n(?![ \t])|\Z")
_ENCODED: Final = re.compile(rb"=\?|[\x1b\x80-\xff]")
"""What makes octets stand for others: encoded words, escapes (ISO-2022), 8-bit text."""


class FieldTest:
    """Whether any field of a name holds a text; the empty text asks for the field alone (RFC 9051 §6.4.4)."""

    __slots__ = ("_line", "_name", "needle")

    def __init__(self, field: str, needle: Needle) -> None:
        name = field.encode("utf-8", "surrogatepass").lower()
        self.needle: Final = needle
        self._name: Final = name if _NAME.fullmatch(name) else b""
        self._line: Final = b"\n" + name

    def __call__(self, block: bytes) -> bool:
        """Whether the block matches."""
        values = self._values(block)
        hint = _hint(block) if values else ""
        return any(self._matches(value, hint) for value in values)

    def folded(self, block: bytes) -> list[str]:
        """The values of the block's fields as they are compared."""
        values = self._values(block)
        hint = _hint(block) if values else ""
        return [
            self.needle.fold(unfold(value).decode("ascii") if is_plain(value) else decode_header(value, hint))
            for value in values
        ]

    def _values(self, block: bytes) -> list[bytes]:
        """The values of the fields of that name, as :class:`Header` would find them."""
        if not self._name:
            return []
        if len(block) > _DIRECT or b"\n" not in block or block.startswith(_BYTE_ORDER_MARK):
            return Header(block).all(self._name)
        lowered = block.lower()
        result: list[bytes] = []
        stop = len(self._name) if lowered.startswith(self._name) else self._next(lowered, 0)
        while stop:
            value = _VALUE.match(block, stop)
            if value:
                result.append(value[1])
            stop = self._next(lowered, stop)
        return result

    def _next(self, lowered: bytes, position: int) -> int:
        """The end of the next name at the beginning of a line from ``position`` on; 0 when there is none."""
        found = lowered.find(self._line, position)
        return found + len(self._line) if found >= 0 else 0

    def _matches(self, value: bytes, hint: str) -> bool:
        if is_plain(value) and self.needle.collation is None:
            return self.needle.is_ascii and self.needle.octets in unfold(value).lower()
        return self.needle.is_in(decode_header(value, hint))


class BlockTest:
    """Whether a whole header block holds a text, field names included."""

    __slots__ = ("_direct", "_needle")

    def __init__(self, needle: Needle) -> None:
        self._needle: Final = needle
        # A name and its colon, or two fields, need not stand together in the octets.
        simple = bool(needle.folded) and ":" not in needle.folded and "\n" not in needle.folded
        self._direct: Final = simple and needle.collation is None

    def __call__(self, block: bytes) -> bool:
        """Whether the block matches."""
        if not self._direct or self._stands_in(block) or len(block) > _DIRECT or b"\n" not in block:
            return self._needle.is_in(header_text(block))
        fields = _encoded_fields(block)
        hint = _hint(block) if fields else ""
        return any(self._needle.is_in(header_text(field, hint)) for field in fields)

    def _stands_in(self, block: bytes) -> bool:
        """Whether the needle can stand in fields that are plain; white space is not compared, it may be folded."""
        if not self._needle.is_ascii:
            return False
        lowered = block.lower()
        return all(word in lowered for word in self._needle.words)


def _encoded_fields(block: bytes) -> list[bytes]:
    """The fields, each as a block of its own, whose octets do not stand for themselves."""
    if b"=?" not in block and block.isascii() and b"\x1b" not in block:
        return []
    result: list[bytes] = []
    found = _ENCODED.search(block)
    while found:
        start = block.rfind(b"\n", 0, found.start()) + 1
        while start and block[start : start + 1] in {b" ", b"\t"}:
            start = block.rfind(b"\n", 0, start - 1) + 1
        end = _LINE_END.search(block, found.end())
        stop = end.start() if end else len(block)
        result.append(block[start:stop] + b"\n")
        found = _ENCODED.search(block, stop)
    return result


def _hint(block: bytes) -> str:
    """The charset that the block's 8-bit octets are tried in."""
    return "" if block.isascii() else header_charset(Header(block), block)


def is_plain(octets: bytes) -> bool:
    """Whether header octets stand for themselves: ASCII without encoded words and without escapes (ISO-2022)."""
    return octets.isascii() and b"=?" not in octets and b"\x1b" not in octets
