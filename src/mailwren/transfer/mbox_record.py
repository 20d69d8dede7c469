"""A message in an mbox file of ours that ordinary mbox could not give back octet for octet: marked by a header field.

Such a message has, before its own header::

    X-Mailwren-Export: octets=1234; lines=crlf; date=1970-01-01T01:00:00+01:00

and then 1234 octets, in which From_ lines are quoted as mboxrd does. ``lines`` is ``crlf`` where every LF stands for a
CRLF, and ``exact`` where the octets stand as they are, because the message has an LF without its CR. The count holds
only if a From_ line or the file's end follows; where another program has changed the file, the message is read as any
other mboxrd message, without the field. See :mod:`mailwren.transfer.mbox_writing` for when it is written.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from mailwren.transfer.from_lines import Octets
from mailwren.transfer.line_endings import from_lf
from mailwren.transfer.quoting import MboxDialect, unquote
from mailwren.transfer.status_fields import take_state

_BLOCK = re.compile(
    rb"(?P<state>(?:(?:Status|X-Status|X-Keywords): [^\n]*\n){0,3})"
    rb"X-Mailwren-Export: octets=(?P<octets>\d{1,12}); lines=(?P<lines>crlf|exact); date=(?P<date>[^\r\n;]*)\n"
)
FIELD = re.compile(rb"(?m)^X-Mailwren-Export: [^\n]*\n")


@dataclass(slots=True)
class Record:
    """A message found by its count."""

    end: int
    """Offset behind its last octet; what separates it from the next From_ line follows."""
    octets: bytes
    flags: tuple[str, ...]
    date: datetime | None


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
        take_state(block["state"], commas=False).flags,
        _date(block["date"]),
    )


def _date(text: bytes) -> datetime | None:
    try:
        date = datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None
    return date if date.tzinfo is not None else None
