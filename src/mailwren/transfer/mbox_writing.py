"""Writes messages into mbox files: mboxrd with LF, as RFC 4155 §A has it and every program that reads mbox expects.

Flags and keywords stand in Status, X-Status and X-Keywords, as mutt and Dovecot have them; the internal date in the
From_ line, with its zone where that is not UTC. Each record is read back before it is written: where that does not
give every octet, flag and date (a line ending that is no CRLF, a Content-Length, status fields of the message's own …),
it is marked, see :mod:`mailwren.transfer.mbox_record`.
"""

import re
from datetime import datetime, timedelta

from mailwren.transfer.dates import asctime
from mailwren.transfer.incoming import Incoming, Reading
from mailwren.transfer.line_endings import has_only_crlf, to_lf
from mailwren.transfer.mbox import MboxReader
from mailwren.transfer.quoting import quote
from mailwren.transfer.status_fields import write_state

_SENDER = re.compile(rb"(?i)\AReturn-Path:[ \t]*<([!-;=?-~]+)>")
_NEXT = b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n"
_SEARCHED = 256 * 1024
"""Octets in which a Content-Length is looked for; readers look no further either."""


def write_record(octets: bytes, flags: frozenset[str], date: datetime) -> bytes:
    """The message as it is put into the file, with its From_ line and the blank line behind it.

    Args:
        octets: the message.
        flags: system flags and keywords.
        date: aware; seconds are kept, and the minutes of its zone.
    """
    plain = has_only_crlf(octets)
    text = quote(to_lf(octets) if plain else octets)
    head = _from_line(octets, date) + (write_state(flags, b"\n") if flags else b"")
    tail = text + (b"\n" if text.endswith(b"\n") else b"\n\n")
    if plain and _reads_back(head + tail, octets, flags, date):
        return head + tail
    lines = b"crlf" if plain else b"exact"
    mark = b"X-Mailwren-Export: octets=%d; lines=%s; date=%s\n" % (len(text), lines, date.isoformat().encode("ascii"))
    return head + mark + tail


def _from_line(octets: bytes, date: datetime) -> bytes:
    sender = _SENDER.match(octets)
    address = sender[1] if sender is not None else b"MAILER-DAEMON"
    return b"From " + address + b" " + asctime(date).encode("ascii") + b"\n"


def _reads_back(record: bytes, octets: bytes, flags: frozenset[str], date: datetime) -> bool:
    """Whether our reader, not told of any dialect, gets back what was put in."""
    if b"content-length" in record[:_SEARCHED].lower():
        # Might lead to a message's end that is not this one's.
        return False
    found = list(MboxReader(record + _NEXT, "", "", Reading()).messages())
    if len(found) != 2 or not isinstance(found[0], Incoming):
        return False
    back = found[0]
    return (
        back.source == octets
        and frozenset(back.flags) == flags
        and back.internal_date == date
        and back.internal_date.utcoffset() == (date.utcoffset() or timedelta())
    )
