"""One message in an mbox file that Mailwren wrote: how it stands there, and how it is found again octet for octet.

The file is mboxrd (RFC 4155 §A: lines end in LF, dates in UTC), so every program that reads mbox reads it. What that
form cannot hold stands in a header field put before the message's own::

    From alice@example.org Thu Jan  1 00:00:00 1970
    Status: RO                                              flags and keywords, as mutt and Dovecot have them
    X-Mailwren-Export: octets=1234; lines=crlf; date=1970-01-01T01:00:00+01:00
    <1234 octets: the message, mboxrd quoted>
    <blank line>

``lines`` is ``crlf`` where every LF stands for a CRLF, and ``exact`` where the octets stand as they are, because the
message has an LF without its CR. The count holds only if a From_ line or the file's end follows; where another
program has changed the file, the message is read as any other mboxrd message, without the field.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from mailwren.transfer.dates import asctime
from mailwren.transfer.from_lines import Octets
from mailwren.transfer.line_endings import from_lf, has_only_crlf, to_lf
from mailwren.transfer.quoting import MboxDialect, quote, unquote
from mailwren.transfer.status_fields import take_state, write_state

_BLOCK = re.compile(
    rb"(?P<state>(?:(?:Status|X-Status|X-Keywords): [^\n]*\n){0,3})"
    rb"X-Mailwren-Export: octets=(?P<octets>\d{1,12}); lines=(?P<lines>crlf|exact); date=(?P<date>[^\r\n;]*)\n"
)
FIELD = re.compile(rb"(?m)^X-Mailwren-Export: [^\n]*\n")
_SENDER = re.compile(rb"(?im)\AReturn-Path:[ \t]*<([!-;=?-~]+)>")


@dataclass(slots=True)
class Record:
    """A message found by its count."""

    end: int
    """Offset behind its last octet; what separates it from the next From_ line follows."""
    octets: bytes
    flags: tuple[str, ...]
    date: datetime | None


def write_record(octets: bytes, flags: frozenset[str], date: datetime) -> bytes:
    """The message as it is put into the file, with its From_ line and the blank line behind it."""
    plain = has_only_crlf(octets)
    text = quote(to_lf(octets) if plain else octets)
    sender = _SENDER.match(octets)
    parts = (
        b"From ",
        sender[1] if sender is not None else b"MAILER-DAEMON",
        b" " + asctime(date).encode("ascii") + b"\n",
        write_state(flags, b"\n") if flags else b"",
        b"X-Mailwren-Export: octets=%d; lines=%s; date=" % (len(text), b"crlf" if plain else b"exact"),
        date.isoformat().encode("ascii") + b"\n",
        text,
        b"\n" if text.endswith(b"\n") else b"\n\n",
    )
    return b"".join(parts)


def read_record(data: Octets, start: int) -> Record | None:
    """The message that begins at ``start``, behind its From_ line; ``None`` where it is not such a one.

    The caller checks that a From_ line or the end of the file follows.
    """
    block = _BLOCK.match(data, start)
    if block is None:
        return None
    end = block.end() + int(block["octets"])
    text = data[block.end() : end]
    if len(text) != end - block.end():
        return None
    octets = unquote(text, MboxDialect.MBOXRD)
    return Record(
        end,
        from_lf(octets) if block["lines"] == b"crlf" else octets,
        take_state(block["state"]).flags,
        _date(block["date"]),
    )


def _date(text: bytes) -> datetime | None:
    try:
        date = datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None
    return date if date.tzinfo is not None else None
