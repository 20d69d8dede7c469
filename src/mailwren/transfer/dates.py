"""Dates of messages in files: From_ lines in their many spellings, and the dates that header fields tell.

What has no date that makes sense is ``None``; nothing here raises.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

_MONTHS = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
    )
}
_ASCTIME = re.compile(
    rb"(?i)\b(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ \t]+(?P<day>\d{1,2})[ \t]+"
    rb"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?[ \t]+"
    rb"(?:(?P<zone_before>[+-]\d{4}|[a-z]{1,5})[ \t]+)?(?P<year>\d{4})(?:[ \t]+(?P<zone>[+-]\d{4}))?"
)
"""``Thu Jan  1 00:00:00 1970`` with seconds left out, a zone before or behind the year (asctime, RFC 4155 §A)."""
_RFC5322 = re.compile(rb"(?i)(?:[a-z]{3},[ \t]*)?\d{1,2}[ \t]+[a-z]{3}[ \t]+\d{4}[ \t]+\d{1,2}:\d\d.*")
_ISO = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?")
_FIELD = re.compile(rb"(?im)^(received|date)[ \t]*:((?:[^\r\n]*(?:\r\n|\n|\r)[ \t])*[^\r\n]*)")
_LONGEST = 200
"""Octets of a date that are looked at."""
_HEADER_SEARCHED = 256 * 1024
"""Octets in which date fields are looked for."""


def from_line_date(line: bytes) -> datetime | None:
    """The date of a From_ line, given without its line ending; UTC where it names no zone (RFC 4155 §A)."""
    found = _ASCTIME.search(line)
    if found is not None:
        return _from_asctime(found)
    found = _RFC5322.search(line)
    if found is not None:
        return parse_date(found[0])
    found = _ISO.search(line)
    return _from_iso(found[0].decode("ascii")) if found is not None else None


def _from_asctime(found: re.Match[bytes]) -> datetime | None:
    zone = found["zone"] or found["zone_before"] or b""
    try:
        return datetime(
            int(found["year"]),
            _MONTHS[found["month"].lower()],
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            min(int(found["second"] or 0), 59),
            tzinfo=_zone(zone),
        )
    except ValueError:
        return None


def _zone(text: bytes) -> timezone:
    """``+0100`` or a name such as ``EST``; UTC for what is not known."""
    parsed = parsedate_tz(f"1 Jan 1970 00:00:00 {text.decode('ascii')}") if text else None
    offset = parsed[9] if parsed else None
    return timezone(timedelta(seconds=offset)) if offset and abs(offset) < 86400 else UTC


def _from_iso(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def parse_date(text: bytes) -> datetime | None:
    """A date-time of a header field (RFC 5322 §3.3, obsolete forms too); UTC where the zone is missing."""
    try:
        parsed = parsedate_tz(text[:_LONGEST].decode("latin-1"))
        if parsed is None:
            return None
        offset = parsed[9] or 0
        zone = timezone(timedelta(seconds=offset)) if abs(offset) < 86400 else UTC
        return datetime(*parsed[:5], min(parsed[5], 59), tzinfo=zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def arrival_date(octets: bytes) -> datetime | None:
    """When a message arrived, as its header tells: the topmost Received field's date, else the Date field's."""
    end = octets.find(b"\r\n\r\n", 0, _HEADER_SEARCHED)
    sent = None
    for found in _FIELD.finditer(octets, 0, end if end >= 0 else min(_HEADER_SEARCHED, len(octets))):
        if found[1][:1] in b"rR":
            arrived = parse_date(found[2].rpartition(b";")[2])
            if arrived is not None:
                return arrived
        elif sent is None:
            sent = parse_date(found[2])
    return sent


def file_date(seconds: float) -> datetime | None:
    """A file's time as a date in UTC; ``None`` where no calendar has it."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def asctime(moment: datetime) -> str:
    """The date of a From_ line: ``Thu Jan  1 00:00:00 1970`` (RFC 4155 §A), with its zone where that is not UTC."""
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = list(_MONTHS)[moment.month - 1].decode("ascii").capitalize()
    zone = f" {moment:%z}" if moment.utcoffset() else ""
    return f"{day} {month} {moment.day:2} {moment:%H:%M:%S} {moment.year:04}{zone}"
