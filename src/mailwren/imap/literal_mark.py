"""The mark that announces a literal at the end of a line, such as ``{42}``, ``{42+}`` or ``~{42+}``.

``literal = "{" number64 ["+"] "}" CRLF *CHAR8`` (RFC 9051 §9, RFC 7888 §8); ``literal8 = "~{" number ["+"] "}" CRLF
*OCTET`` (RFC 4466 §3).
"""

import re
from dataclasses import dataclass
from typing import Final

_MARK: Final = re.compile(rb"(~?)\{([0-9]{1,40})(\+?)\}\Z")
_MARK_LENGTH: Final = 64
"""A mark is looked for in so many octets at the end of a line; 40 digits are far beyond 64 bits."""
_IN_QUOTED: Final = re.compile(rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+", re.DOTALL)
_SIZE_BEYOND_ALL: Final = 2**63
"""Stands for sizes that are no number64: above every limit, and never counted down to its end."""


@dataclass(frozen=True, slots=True)
class LiteralMark:
    """What stands at the end of a line that a literal follows."""

    start: int
    """Where in the line the mark begins."""
    size: int
    """Octets of the literal."""
    binary: bool
    """``~``: a literal8."""
    synchronizing: bool
    """No ``+``: the client waits to be asked for the literal."""


class LineEndScan:
    """Follows a line piece by piece, keeping only what tells whether a literal is announced at its end."""

    __slots__ = ("_escaped", "_in_quoted", "_length", "_tail")

    def __init__(self) -> None:
        self._in_quoted = False
        self._escaped = False
        self._length = 0
        self._tail = b""

    def follow(self, data: bytes) -> None:
        """Go on with the next octets of the line."""
        self._length += len(data)
        self._tail = data[-_MARK_LENGTH:] if len(data) >= _MARK_LENGTH else (self._tail + data)[-_MARK_LENGTH:]
        position = 0
        if self._escaped and data:
            position, self._escaped = 1, False
        while position < len(data):
            if not self._in_quoted:
                position = data.find(b'"', position) + 1
                if not position:
                    return
                self._in_quoted = True
            inside = _IN_QUOTED.match(data, position)
            assert inside is not None  # it matches the empty string too
            position = inside.end()
            if position < len(data):  # a closing quote, or a backslash whose octet has not come yet
                self._in_quoted = self._escaped = data[position] == 0x5C
                position += 1

    def mark(self) -> LiteralMark | None:
        """The mark at the end of what was followed; one LF or CRLF behind it is allowed.

        A line that ends inside a quoted string announces nothing: quoted strings cannot hold a line end, so the
        command is wrong whatever follows, and Dovecot does not wait for a literal either. Where a synchronizing mark
        is glued to a word (a password typed without quotes) nobody waits for ``+``; a non-synchronizing one counts
        wherever it stands, because its octets may be on their way and must not be taken for commands.
        """
        if self._in_quoted:
            return None
        line = self._tail.removesuffix(b"\n").removesuffix(b"\r")
        match = _MARK.search(line)
        if match is None:
            return None
        start = match.start()
        synchronizing = not match[3]
        if synchronizing and line[start - 1 : start] not in {b" ", b"("}:
            return None
        size = min(int(match[2]), _SIZE_BEYOND_ALL)
        return LiteralMark(self._length - len(self._tail) + start, size, bool(match[1]), synchronizing)


def find_literal_mark(line: bytes) -> LiteralMark | None:
    """The mark at the end of a whole line (without its line end); see :meth:`LineEndScan.mark`."""
    if not line.endswith(b"}"):
        return None
    scan = LineEndScan()
    scan.follow(line)
    return scan.mark()
