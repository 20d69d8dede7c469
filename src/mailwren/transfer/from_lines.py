"""Where one message of an mbox file ends and the next begins: From_ lines, told from text that looks like them.

Accepted is a line that begins with ``From `` and

- has a date, and stands behind a blank line or at the beginning, or two header lines follow it;
- or has no date, nothing or ``-`` or an address behind ``From`` (as Thunderbird, Gmail's export and others write it),
  and two header lines follow it; with an address it also needs the blank line before it.

"Two header lines": the next line is a header field, and the line behind it is one too, or a folded one, or blank, or
the file ends. The blank line alone does not decide, because not all writers put it (see mbox(5)).
"""

import mmap
import re
from dataclasses import dataclass
from datetime import datetime

from mailwren.transfer.dates import from_line_date

FROM = b"From "
_LONGEST = 1000
"""Octets of a From_ line that are looked at; longer lines are text."""
_HEADERS_FOLLOW = re.compile(
    rb"(?:>From [^\r\n]*(?:\r\n|\n|\r))?[!-9;-~]+[ \t]*:[^\r\n]*"
    rb"(?:\Z|(?:\r\n|\n|\r)(?:\Z|[\r\n \t]|[!-9;-~]+[ \t]*:|>?From ))"
)
_UNDATED = re.compile(rb"From (?P<word>[^ \t\r\n]*)[ \t]*\Z")
_WINDOW = 64 * 1024
"""Octets behind a From_ line that are looked at for header lines."""

Octets = bytes | mmap.mmap


@dataclass(slots=True)
class FromLine:
    """An accepted From_ line."""

    start: int
    end: int
    """Offset of the first octet behind its line ending: where the message begins."""
    date: datetime | None


def line_ending(data: Octets) -> bytes:
    """What ends the lines of a file: CR in old Mac files, else LF (before which a CR may stand).

    Decided by the first line alone: it is a Mac file when a CR comes before any LF, and not right before it.
    """
    head = data[:_LONGEST]
    carriage_return, newline = head.find(b"\r"), head.find(b"\n")
    if carriage_return < 0 or carriage_return + 1 == newline:
        return b"\n"
    return b"\r" if newline < 0 or carriage_return < newline else b"\n"


def from_line_at(data: Octets, start: int, ending: bytes, after_blank: bool) -> FromLine | None:
    """The From_ line that begins at ``start``, or ``None`` where there is none.

    Args:
        data: the file.
        start: offset of a line's first octet.
        ending: what :func:`line_ending` said.
        after_blank: whether a blank line, or nothing, stands before it.
    """
    head = data[start : start + _LONGEST]
    if not head.startswith(FROM):
        return None
    stop = head.find(ending)
    if stop < 0 and len(head) == _LONGEST:
        return None
    line = head.rstrip(b"\r\n") if stop < 0 else head[:stop].rstrip(b"\r")
    end = start + (len(head) if stop < 0 else stop + 1)
    date = from_line_date(line)
    if date is not None and after_blank:
        return FromLine(start, end, date)
    bare = _UNDATED.match(line) if date is None else None
    if date is None and (bare is None or not (bare["word"] in {b"", b"-"} or (after_blank and b"@" in bare["word"]))):
        return None
    return FromLine(start, end, date) if _HEADERS_FOLLOW.match(data, end, end + _WINDOW) else None


def next_from_line(data: Octets, start: int, ending: bytes) -> FromLine | None:
    """The From_ line that ends the message that begins at ``start``, which is behind its own From_ line."""
    needle = ending + FROM
    at = data.find(needle, max(start - 1, 0))
    while at >= 0:
        found = from_line_at(data, at + 1, ending, _is_blank_before(data, at, start, ending))
        if found is not None:
            return found
        at = data.find(needle, at + 1)
    return None


def _is_blank_before(data: Octets, at: int, start: int, ending: bytes) -> bool:
    """Whether the line that ends at ``at`` is blank (or, right behind a From_ line, there is none)."""
    before = data[max(at - 2, start) : at]
    if ending == b"\n":
        before = before.removesuffix(b"\r")
    return not before or before.endswith(ending)


def first_from_line(data: Octets, ending: bytes) -> FromLine | None:
    """The From_ line that an mbox file begins with, behind blank lines or a byte order mark; ``None``: no mbox."""
    head = data[:_LONGEST]
    start = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    while head[start : start + 1] in {b"\r", b"\n"}:
        start += 1
    return from_line_at(data, start, ending, after_blank=True)
