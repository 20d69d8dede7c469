"""The Date header (RFC 5322 §3.3, obsolete forms of §4.3, and the dates of asctime that old programs write)."""

import re
from datetime import date
from typing import Final

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), start=1
    )
}
_ZONES: Final = {b"est": -5, b"edt": -4, b"cst": -6, b"cdt": -5, b"mst": -7, b"mdt": -6, b"pst": -8, b"pdt": -7}
"""Hours east of UTC; every other name means UTC (RFC 5322 §4.3)."""
_TIME: Final = rb"(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:\.\d{1,9})?)?"
_ZONE: Final = rb"\s*(?:(?:GMT|UTC?)?([+-])(\d{1,2}):?(\d{2})\b|\"?([A-Za-z]{1,5})\b)?"
_DATE: Final = re.compile(
    rb"\s*(?:[A-Za-z]{2,9}\.?\s*,?\s*)?0?(\d{1,2})[\s-]\s*([A-Za-z]{3})[A-Za-z]{0,6}\.?,?[\s-]\s*(\d{2,6})"
    rb"(?:,?\s+" + _TIME + _ZONE + rb")?",
)
_ASCTIME: Final = re.compile(
    rb"\s*[A-Za-z]{3,9},?\s+([A-Za-z]{3})[A-Za-z]{0,6}\s+(\d{1,2}),?\s+" + _TIME + _ZONE + rb",?\s+(\d{4})\b" + _ZONE,
)
_COMMENT: Final = re.compile(rb"\([^()]*\)")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LENGTH: Final = 200
"""Octets of a date that are looked at: the longest honest one has a comment or two."""


def parse_date(value: bytes) -> tuple[int, int] | None:
    """Days since 1970-01-01 of the date as its own zone sees it, and seconds since the epoch, UTC.

    Args:
        value: the field's value, unfolded. Without a valid time midnight is meant, without a valid zone UTC.

    Returns:
        ``None`` for what is no date.
    """
    value = value[:_LENGTH]
    if b"(" in value:
        value = _COMMENT.sub(b" ", value)
    match = _DATE.match(value)
    if match:
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes, zone = match.groups()
    else:
        match = _ASCTIME.match(value)
        if match is None:
            return None
        month, day, hour, minute, second, *zones, year = match.groups()[:10]
        sign, zone_hours, zone_minutes, zone = zones if any(zones) else match.groups()[10:]
    days = _days(year, month, day)
    if days is None:
        return None
    return days, days * 86_400 + _seconds(hour, minute, second) - _offset(sign, zone_hours, zone_minutes, zone)


def _days(year: bytes, month: bytes, day: bytes) -> int | None:
    number = _MONTHS.get(month.lower())
    full_year = int(year)
    if len(year) < 4:  # RFC 5322 §4.3
        full_year += 2000 if len(year) == 2 and full_year < 50 else 1900
    if number is None or full_year > 9999:
        return None
    try:
        return date(full_year, number, int(day)).toordinal() - _EPOCH
    except ValueError:
        return None


def _seconds(hour: bytes | None, minute: bytes | None, second: bytes | None) -> int:
    """Seconds since midnight, 0 for a time that there is not (RFC 5256 §2.2)."""
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 24 or minutes > 59 or seconds > 60:
        return 0
    return hours * 3600 + minutes * 60 + seconds


def _offset(sign: bytes | None, hours: bytes | None, minutes: bytes | None, name: bytes | None) -> int:
    """Seconds east of UTC, 0 for a zone that there is not (RFC 5256 §2.2)."""
    if sign and hours and minutes:
        if int(minutes) > 59:
            return 0
        return (int(hours) * 60 + int(minutes)) * (-60 if sign == b"-" else 60)
    return 3600 * _ZONES.get(name.lower(), 0) if name else 0
