"""Reads mbox files of all dialects, mapped into memory: one message at a time, in the order of the file."""

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mailwren.transfer.dates import arrival_date, file_date
from mailwren.transfer.files import mapped, readable_name, reason
from mailwren.transfer.from_lines import FromLine, Octets, first_from_line, from_line_at, line_ending, next_from_line
from mailwren.transfer.incoming import Found, Incoming, Problem, Reading
from mailwren.transfer.line_endings import to_crlf
from mailwren.transfer.mbox_record import FIELD, Record, read_record
from mailwren.transfer.quoting import MboxDialect, unquote
from mailwren.transfer.status_fields import take_state

_CONTENT_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,12})[ \t]*(?:\r\n|\n|\r)")
_HEADER_SEARCHED = 256 * 1024
"""Octets in which the end of a header block is looked for."""


@dataclass(slots=True)
class _Span:
    """Where a message stands in the file."""

    start: int
    end: int
    header_end: int
    counted: bool
    following: FromLine | None


class MboxReader:
    """One open mbox file."""

    def __init__(self, data: Octets, origin: str, mailbox: str, reading: Reading) -> None:
        self._data = data
        self._origin = origin
        self._mailbox = mailbox
        self._dialect = reading.dialect
        self._max_message = reading.max_message
        self._ending = line_ending(data)
        self._fallback_date: datetime | None = None

    def messages(self, fallback_date: datetime | None = None) -> Iterator[Found]:
        """All messages, in the order of the file.

        Args:
            fallback_date: for messages that tell no date.
        """
        self._fallback_date = fallback_date
        line = first_from_line(self._data, self._ending)
        if line is None and len(self._data):
            yield Problem(self._origin, "does not begin with a From_ line, not mbox", len(self._data))
        while line is not None:
            found, line = self._next(line)
            if found is not None:
                yield found

    def _next(self, line: FromLine) -> tuple[Found | None, FromLine | None]:
        """The message behind a From_ line, and the From_ line behind that."""
        record = read_record(self._data, line.end) if self._ending == b"\n" else None
        if record is not None:
            ends, following = self._ends_at(record.end)
            if ends:
                return self._from_record(line, record), following
        span = self._span(line)
        return self._from_span(line, span), span.following

    def _from_record(self, line: FromLine, record: Record) -> Found:
        origin = f"{self._origin}:{line.start}"
        taken = record.end - line.start
        if len(record.octets) > self._max_message:
            return _too_large(origin, len(record.octets), taken)
        date = record.date or line.date or self._fallback_date
        return Incoming(self._mailbox, record.octets, record.flags, date, origin, taken)

    def _from_span(self, line: FromLine, span: _Span) -> Found | None:
        origin = f"{self._origin}:{line.start}"
        taken = (span.following.start if span.following else len(self._data)) - line.start
        if span.end - span.start > self._max_message:
            return _too_large(origin, span.end - span.start, taken)
        header = self._header(span.start, span.header_end)
        ours = FIELD.search(header) is not None if b"X-Mailwren-Export" in header else False
        state = take_state(FIELD.sub(b"", header) if ours else header)
        if state.gone:
            return None
        kept = _CONTENT_LENGTH.sub(b"", state.header) if span.counted else state.header
        octets = to_crlf(kept + self._data[span.header_end : span.end], self._ending == b"\r")
        if not octets:
            return Problem(origin, "an empty message", taken)
        octets = unquote(octets, MboxDialect.MBOXRD if ours else self._dialect, span.counted)
        date = line.date or arrival_date(octets) or self._fallback_date
        return Incoming(self._mailbox, octets, state.flags, date, origin, taken)

    def _span(self, line: FromLine) -> _Span:
        """Where the message behind a From_ line stands: by Content-Length where it is true, else by the next From_."""
        start = line.end
        following = next_from_line(self._data, start, self._ending)
        limit = following.start if following else len(self._data)
        header_end = self._header_end(start, limit)
        if self._dialect.counts:
            for length in _content_lengths(self._header(start, header_end)):
                ends, behind = self._ends_at(header_end + length)
                if ends:
                    return _Span(start, header_end + length, header_end, True, behind)
        end = self._without_separator(start, limit)
        return _Span(start, end, min(header_end, end), False, following)

    def _header(self, start: int, end: int) -> bytes:
        """A header block, in which lines can be found: those of old Mac files get CRLF."""
        header = self._data[start:end]
        return to_crlf(header, True) if self._ending == b"\r" else header

    def _header_end(self, start: int, end: int) -> int:
        """Behind the blank line that ends a header block; the end of what is searched where there is none."""
        data, limit = self._data, min(start + _HEADER_SEARCHED, end)
        if data[start : start + 1] in {b"\r", b"\n"}:
            return start
        if self._ending == b"\r":
            found = data.find(b"\r\r", start, limit)
            return found + 2 if found >= 0 else limit
        plain = data.find(b"\n\n", start, limit)
        found = data.find(b"\n\r\n", start, plain if plain >= 0 else limit)
        if found >= 0:
            return found + 3
        return plain + 2 if plain >= 0 else limit

    def _without_separator(self, start: int, end: int) -> int:
        """Leave out the blank line that the writer put behind a message."""
        tail = self._data[max(end - 4, start) : end]
        if tail in {b"\r\n", b"\n", b"\r"}:
            return start
        for blank in (b"\r\n\r\n", b"\n\r\n", b"\n\n", b"\r\r"):
            if tail.endswith(blank):
                return end - (2 if blank.endswith(b"\r\n") else 1)
        return end

    def _ends_at(self, end: int) -> tuple[bool, FromLine | None]:
        """Whether a message can end there: nothing but line endings up to a From_ line or the end of the file."""
        data = self._data
        if end > len(data):
            return False, None
        at = end
        while at < end + 4 and data[at : at + 1] in {b"\r", b"\n"}:
            at += 1
        if at >= len(data):
            return True, None
        starts_line = at > end or data[at - 1 : at] == self._ending
        following = from_line_at(data, at, self._ending, after_blank=True) if starts_line else None
        return following is not None, following


def _content_lengths(header: bytes) -> list[int]:
    return [int(found[1]) for found in _CONTENT_LENGTH.finditer(header)] if b"-" in header else []


def _too_large(origin: str, octets: int, taken: int) -> Problem:
    return Problem(origin, f"too large: {octets} octets", taken)


def read_mbox(path: Path, mailbox: str, reading: Reading) -> Iterator[Found]:
    """All messages of an mbox file; what cannot be read is a :class:`Problem`.

    Args:
        path: the file.
        mailbox: the name of the mailbox that they go to.
        reading: the dialect and the limits.
    """
    origin = readable_name(path)
    try:
        with mapped(path) as (data, facts):
            if isinstance(data, mmap.mmap):
                data.madvise(mmap.MADV_SEQUENTIAL)
            yield from MboxReader(data, origin, mailbox, reading).messages(file_date(facts.st_mtime))
    except OSError as error:
        yield Problem(origin, reason(error))
