"""Binary parts put into base64: what holds NUL can be stored and sent as no IMAP string but a literal8 (RFC 3516 §6).

Nothing is lost, and nothing else is changed: BODY[] is without NUL, and BINARY gives what the client sent.
"""

import binascii
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from mailwren.message.api import Part
from mailwren.message.structure import Octets, parse_structure

_ENCODINGS: Final = re.compile(rb"(?im)^Content-Transfer-Encoding[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*\n")
_BLANK_LINE: Final = re.compile(rb"(?:\A|\n)\r?\n\Z")
_FIELD: Final = b"Content-Transfer-Encoding: base64\r\n"
_PLAIN: Final = frozenset({"7bit", "8bit", "binary"})
_LINE: Final = 57
"""Octets on a line of 76 characters (RFC 2045 §6.8)."""
_PIECE: Final = _LINE * 4096
"""Octets that are encoded or copied together."""


class NotEncodable(ValueError):
    """NUL stands where no encoding can be: in a header, between parts, in an opaque message, in what is encoded."""


def encode_binary(octets: Octets) -> Iterator[bytes]:
    """The message in pieces, all parts that hold NUL in base64 (RFC 9051 §4.3.1).

    Raises:
        NotEncodable: there is NUL outside of such parts.
    """
    position = 0
    for part in _binary_leaves(octets, parse_structure(octets).root):
        yield from _copied(octets, position, part.header_start)
        header = octets[part.header_start : part.body_start]
        if not _BLANK_LINE.search(header):
            raise NotEncodable  # what is put in front of it would not be a header
        yield _FIELD + _without_nul(_ENCODINGS.sub(b"", header))
        yield from _encoded(octets, part)
        position = part.body_end
    yield from _copied(octets, position, len(octets))


def _binary_leaves(octets: Octets, part: Part) -> Iterator[Part]:
    if part.children:
        yield from chain.from_iterable(_binary_leaves(octets, child) for child in part.children)
    elif octets.find(b"\0", part.body_start, part.body_end) >= 0:
        if part.type == "message" or part.encoding not in _PLAIN or part.header_start == part.body_start:
            raise NotEncodable
        yield part


def _copied(octets: Octets, start: int, stop: int) -> Iterator[bytes]:
    for position in range(start, stop, _PIECE):
        yield _without_nul(octets[position : min(position + _PIECE, stop)])


def _without_nul(piece: bytes) -> bytes:
    if b"\0" in piece:
        raise NotEncodable
    return piece


def _encoded(octets: Octets, part: Part) -> Iterator[bytes]:
    """The body in lines; the last one ends as the part does, which a line end and a delimiter follow or nothing."""
    for start in range(part.body_start, part.body_end, _PIECE):
        piece = octets[start : min(start + _PIECE, part.body_end)]
        lines = [binascii.b2a_base64(piece[at : at + _LINE], newline=False) for at in range(0, len(piece), _LINE)]
        end = b"\r\n" if start + _PIECE < part.body_end or part.body_end == len(octets) else b""
        yield b"\r\n".join(lines) + end
