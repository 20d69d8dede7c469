"""Content-Transfer-Encodings undone piece by piece, for parts too large to hold (RFC 2045 §6)."""

import re
from typing import Final

from mailwren.message.transfer import (
    IDENTITY,
    NOT_BASE64,
    UU_LOOKED_AT,
    UUENCODE,
    UnknownEncoding,
    decode_transfer,
    decode_uu_lines,
    uu_begin,
)

_LONG_LINE: Final = 64 * 1024
"""Octets of one quoted-printable line after which it is not kept together any more."""
_SAFE_CUT: Final = re.compile(rb"[^=\s][^=\s](?=[^=\s])")
"""Where a quoted-printable line can be cut: in no escape, nor in white space, which is dropped before a line end."""
_UU_LINE: Final = 1024
"""Octets of a uuencoded line that are looked at; 61 are the most that count."""


class StreamDecoder:
    """Decodes one part's body that arrives in pieces; any cutting gives the same octets.

    Args:
        encoding: as in :attr:`mailwren.message.api.Part.encoding`.

    Raises:
        UnknownEncoding: there is no way to decode it.
    """

    __slots__ = ("_begun", "_encoding", "_ended", "_pending")

    def __init__(self, encoding: str) -> None:
        decode_transfer(b"", encoding)
        self._encoding = encoding
        self._pending = b""
        self._begun = False
        self._ended = False

    def feed(self, piece: bytes) -> bytes:
        """Take the next encoded octets; what can be decoded by now."""
        if self._encoding in IDENTITY:
            return piece
        if self._encoding == "base64":
            return self._feed_base64(piece)
        if self._encoding in UUENCODE:
            return self._feed_uu(piece)
        data = self._pending + piece
        cut = data.rfind(b"\n") + 1 or _cut_of_long_line(data)
        self._pending = data[cut:]
        return decode_transfer(data[:cut], self._encoding) if cut else b""

    def _feed_base64(self, piece: bytes) -> bytes:
        if self._ended:
            return b""
        data = self._pending + piece.translate(None, NOT_BASE64)
        padding = data.find(b"=")
        if padding >= 0:
            self._ended = True
            self._pending = data[:padding]
            return b""
        cut = len(data) - len(data) % 4
        self._pending = data[cut:]
        return decode_transfer(data[:cut], "base64")

    def _feed_uu(self, piece: bytes) -> bytes:
        data = self._pending + piece
        if not self._begun:
            if len(data) < UU_LOOKED_AT:
                self._pending = data
                return b""
            self._begun = True
            data = data[uu_begin(data) :]
        cut = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._pending = data[cut : cut + _UU_LINE]
        return self._uu_lines(data[:cut])

    def _uu_lines(self, data: bytes) -> bytes:
        if self._ended:
            return b""
        octets, self._ended = decode_uu_lines(data)
        return octets

    def finish(self) -> bytes:
        """What the octets kept back stand for."""
        pending, self._pending = self._pending, b""
        if self._begun:
            return self._uu_lines(pending)
        return decode_transfer(pending, self._encoding) if pending else b""


def _cut_of_long_line(data: bytes) -> int:
    """Where to cut a quoted-printable line that is too long to wait for its end; 0 where it is to be kept."""
    if len(data) < _LONG_LINE or b"\r" in data:
        return 0
    safe = _SAFE_CUT.search(data, len(data) - _UU_LINE)
    return safe.end() if safe else 0


__all__ = ["StreamDecoder", "UnknownEncoding"]
