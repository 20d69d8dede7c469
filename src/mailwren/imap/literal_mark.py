"""The mark that announces a literal at the end of a line, such as ``{42}``, ``{42+}`` or ``~{42+}``.

``literal = "{" number64 ["+"] "}" CRLF *CHAR8`` (RFC 9051 §9, RFC 7888 §8); ``literal8 = "~{" number ["+"] "}" CRLF
*OCTET`` (RFC 4466 §3).
"""

import re
from dataclasses import dataclass
from typing import Final

_MARK: Final = re.compile(rb"(~?)\{([0-9]{1,40})(\+?)\}\Z")
MARK_LENGTH: Final = 64
"""Octets at the end of a line that hold any mark and a line end; 40 digits are far beyond 64 bits."""
_QUOTES_CLOSED: Final = re.compile(rb"[^\"]*+(?:\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"[^\"]*+)*+", re.DOTALL)
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


def find_literal_mark(line: bytes) -> LiteralMark | None:
    """The mark at the end of a line that comes without its line end.

    A non-synchronizing mark counts wherever it stands: "the protocol receiver … MUST check the end of every received
    line" (RFC 7888 §3), because its octets are on their way and must not be taken for commands. Behind a synchronizing
    one nothing comes unasked. So where it cannot be meant it announces nothing: glued to a word (a password typed
    without quotes), or inside a quoted string, which makes the command wrong in any case.
    """
    if not line.endswith(b"}"):
        return None
    match = _MARK.search(line, max(len(line) - MARK_LENGTH, 0))
    if match is None:
        return None
    start = match.start()
    synchronizing = not match[3]
    if synchronizing and (line[start - 1 : start] not in {b" ", b"("} or not _QUOTES_CLOSED.fullmatch(line, 0, start)):
        return None
    return LiteralMark(start, min(int(match[2]), _SIZE_BEYOND_ALL), bool(match[1]), synchronizing)
