"""Line ends as the wire has them, for text that came in with others (RFC 9051 §7.5.2, BINARY)."""

import re
from typing import Final

_BARE: Final = re.compile(rb"(?<!\r)\n")


class LineEnds:
    """Makes every LF that has no CR before it CRLF, in text that arrives in pieces; any cutting gives the same."""

    __slots__ = ("_after_cr",)

    def __init__(self) -> None:
        self._after_cr = False

    def feed(self, piece: bytes) -> bytes:
        """Take the next octets of the text."""
        paired = self._after_cr and piece.startswith(b"\n")
        if piece:
            self._after_cr = piece.endswith(b"\r")
        if piece.count(b"\n") == piece.count(b"\r\n") + paired:
            return piece
        return b"\n" + _BARE.sub(b"\r\n", piece[1:]) if paired else _BARE.sub(b"\r\n", piece)
