"""``>From `` in the bodies of mbox files: put there so that no line looks like a From_ line, and taken away again.

The dialects differ in what they put (mbox(5), RFC 4155 §A):

- mboxo puts ``>`` before ``From ``: what stood as ``>From `` before cannot be told from it;
- mboxrd puts one more ``>`` before ``From ``, ``>From ``, ``>>From `` …: undone exactly;
- mboxcl counts the octets (Content-Length) and quotes as mboxo does;
- mboxcl2 counts the octets and quotes nothing.

Where the dialect is not told, each message is judged alone, so that a file that has grown gives the same messages
again: nothing is undone where a true Content-Length gave the length or where a line ``From `` stands unquoted. Else a
line loses one ``>`` when it has more of them than the nearest lines before and after it that are not such lines
themselves: deeper than its neighbours means quoted by the writer, as deep as they are means part of a cited text.
"""

import re
from enum import StrEnum

_QUOTED_ONCE = re.compile(rb"(?m)^>From ")
_QUOTED = re.compile(rb"(?m)^>(>*From )")
_TO_QUOTE = re.compile(rb"(?m)^(?=>*From )")
_RUN = re.compile(rb"(?m)(?:^>+From [^\n]*(?:\n|\Z))+")
_DEPTH = re.compile(rb">*")


class MboxDialect(StrEnum):
    """How an mbox file separates messages and quotes From_ lines."""

    AUTO = "auto"
    MBOXO = "mboxo"
    MBOXRD = "mboxrd"
    MBOXCL = "mboxcl"
    MBOXCL2 = "mboxcl2"

    @property
    def counts(self) -> bool:
        """Whether a Content-Length that proves true gives a message's end."""
        return self in {MboxDialect.AUTO, MboxDialect.MBOXCL, MboxDialect.MBOXCL2}


def quote(octets: bytes) -> bytes:
    """Quote as mboxrd does."""
    return _TO_QUOTE.sub(b">", octets) if b"From " in octets else octets


def unquote(octets: bytes, dialect: MboxDialect, counted: bool = False) -> bytes:
    """Undo the quoting of a message with lines that end in LF (a CR may stand before it).

    Args:
        octets: the message as it stands in the file, without its From_ line.
        dialect: what the file is known or told to be.
        counted: its end was found by Content-Length.
    """
    if b">From " not in octets:
        return octets
    if dialect is MboxDialect.MBOXRD:
        return _QUOTED.sub(rb"\1", octets)
    if dialect in {MboxDialect.MBOXO, MboxDialect.MBOXCL}:
        return _QUOTED_ONCE.sub(b"From ", octets)
    if dialect is MboxDialect.MBOXCL2 or counted or octets.startswith(b"From ") or b"\nFrom " in octets:
        return octets
    return _RUN.sub(_unquote_run, octets)


def _unquote_run(found: re.Match[bytes]) -> bytes:
    """Judge neighbouring quoted lines by the lines around them."""
    octets = found.string
    line_before = octets.rfind(b"\n", 0, max(found.start() - 1, 0)) + 1
    around = max(_depth(octets, line_before) if found.start() else 0, _depth(octets, found.end()))
    lines = found[0].split(b"\n")
    return b"\n".join(line[1:] if _depth(line, 0) > around else line for line in lines)


def _depth(octets: bytes, start: int) -> int:
    found = _DEPTH.match(octets, start)
    return len(found[0]) if found is not None else 0
