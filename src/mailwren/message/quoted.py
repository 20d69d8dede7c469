"""Octets as IMAP quoted strings that every client can read: ASCII only, no line ends, no literals (RFC 9051 §4.3)."""

import re
from typing import Final

from mailwren.base import limits
from mailwren.message import charsets
from mailwren.message.encoded_words import encode_words

NIL: Final = b"NIL"

_UNSAFE: Final = re.compile(rb'[\x00\r\n"\\\x80-\xff]')


def quoted(value: bytes, hint: str = "") -> bytes:
    """A quoted string of the octets.

    8-bit octets become encoded words in UTF-8, NUL is dropped, line ends become blanks, and what is longer than
    ``STRUCTURE_STRING`` is cut.

    Args:
        value: the octets, unfolded.
        hint: charset that 8-bit octets are tried in when they are not UTF-8.
    """
    if len(value) > limits.STRUCTURE_STRING or _UNSAFE.search(value):
        value = _safe(value[: limits.STRUCTURE_STRING], hint)
    return b'"%b"' % value


def nstring(value: bytes | None, hint: str = "") -> bytes:
    """A quoted string, or ``NIL`` for ``None``."""
    return NIL if value is None else quoted(value, hint)


def _safe(value: bytes, hint: str) -> bytes:
    if not value.isascii():
        value = encode_words(charsets.decode_unlabelled(value, hint))
    value = value.replace(b"\0", b"").replace(b"\r", b" ").replace(b"\n", b" ")
    return value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
