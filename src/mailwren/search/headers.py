"""Tests on header blocks: what :mod:`mailwren.message.text` decodes, looked at only where the octets leave it open.

Pure. Both tests answer exactly as the plain way would: one field's decoded values, or the decoded block, folded and
searched for the folded needle.
"""

import re
from typing import Final

from mailwren.message.encoded_words import decode_header
from mailwren.message.header import Header, unfold
from mailwren.message.text import header_text
from mailwren.search.needle import Needle

_DIRECT: Final = 64 * 1024
"""Blocks up to this size are searched for the field's name directly; larger ones are cut up by their limits."""
_NAME: Final = re.compile(rb"[!-9;-~]+")
_VALUE: Final = re.compile(rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")


class FieldTest:
    """Whether any field of a name holds a text; the empty text asks for the field alone (RFC 9051 §6.4.4)."""

    __slots__ = ("_line", "_name", "_needle")

    def __init__(self, field: str, needle: Needle) -> None:
        name = field.encode("utf-8", "surrogatepass").lower()
        self._needle: Final = needle
        self._name: Final = name if _NAME.fullmatch(name) else b""
        self._line: Final = b"\n" + name

    def __call__(self, block: bytes) -> bool:
        """Whether the block matches."""
        if not self._name:
            return False
        if len(block) > _DIRECT or b"\n" not in block:
            return any(map(self._matches, Header(block).all(self._name)))
        lowered = block.lower()
        stop = len(self._name) if lowered.startswith(self._name) else self._next(lowered, 0)
        while stop:
            value = _VALUE.match(block, stop)
            if value and self._matches(value[1]):
                return True
            stop = self._next(lowered, stop)
        return False

    def _next(self, lowered: bytes, position: int) -> int:
        """The end of the next name at the beginning of a line from ``position`` on; 0 when there is none."""
        found = lowered.find(self._line, position)
        return found + len(self._line) if found >= 0 else 0

    def _matches(self, value: bytes) -> bool:
        if is_plain(value):
            return self._needle.is_ascii and self._needle.octets in unfold(value).lower()
        return self._needle.is_in(decode_header(value))


class BlockTest:
    """Whether a whole header block holds a text, field names included."""

    __slots__ = ("_needle", "_words")

    def __init__(self, needle: Needle) -> None:
        self._needle: Final = needle
        self._words: Final = [] if b":" in needle.octets else needle.words
        """A name and its colon need not stand together in the octets."""

    def __call__(self, block: bytes) -> bool:
        """Whether the block matches."""
        if is_plain(block):
            lowered = block.lower()
            if not self._needle.is_ascii or any(word not in lowered for word in self._words):
                return False
        return self._needle.is_in(header_text(block))


def is_plain(octets: bytes) -> bool:
    """Whether header octets stand for themselves: ASCII without encoded words and without escapes (ISO-2022)."""
    return octets.isascii() and b"=?" not in octets and b"\x1b" not in octets
