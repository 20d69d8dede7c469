"""Dates as IMAP writes them: INTERNALDATE with time and zone, and plain dates of searches (RFC 9051 §9)."""

import re
import time
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from mailwren.imap.errors import BadCommand

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS: Final = {name.lower().encode("ascii"): number for number, name in enumerate(_MONTHS, 1)}
_DATE: Final = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_DATE_TIME: Final = re.compile(
    rb" ?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)
_DAY: Final = 86_400
_MINUTES: Final = tuple(b" %02d:%02d" % divmod(minute, 60) for minute in range(_DAY // 60))
_SECONDS: Final = tuple(b":%02d" % second for second in range(60))
"""Put together rather than written: a date is told of each message of a list."""
_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
"""The years 1 and 9999: what four digits and Python's dates can say."""


def write_internal_date(seconds: int, zone_minutes: int) -> bytes:
    """INTERNALDATE of a moment, in the zone given, with its quotes: ``"17-Jul-1996 02:44:25 -0700"``.

    ``date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE`` (RFC 9051 §9).

    Args:
        seconds: since the epoch, UTC; clamped to the years 1 to 9999.
        zone_minutes: minutes east of UTC.
    """
    local = seconds + zone_minutes * 60
    if not _FIRST_SECOND <= local <= _LAST_SECOND:
        local = min(max(local, _FIRST_SECOND), _LAST_SECOND)
    minute, second = divmod(local % _DAY, 60)
    return _day(local // _DAY) + _MINUTES[minute] + _SECONDS[second] + _zone(zone_minutes)


@lru_cache(maxsize=4096)
def _day(day: int) -> bytes:
    """The date of a day since the epoch, with the quote before it; a mailbox has many messages of few days."""
    local = time.gmtime(day * _DAY)
    return b'"%2d-%b-%04d' % (local.tm_mday, _MONTHS[local.tm_mon - 1].encode("ascii"), local.tm_year)


@lru_cache(maxsize=256)
def _zone(minutes: int) -> bytes:
    return b' %c%02d%02d"' % (b"-" if minutes < 0 else b"+", *divmod(abs(minutes), 60))


def write_date_time(value: datetime) -> bytes:
    """An aware date and time as the argument of APPEND, with its quotes; the zone in whole minutes."""
    offset = value.utcoffset() or timedelta()
    zone_minutes = round(offset.total_seconds() / 60)
    local = value.replace(tzinfo=None, microsecond=0) - datetime(1970, 1, 1)  # noqa: DTZ001 - both without zone
    return write_internal_date(local.days * 86_400 + local.seconds - zone_minutes * 60, zone_minutes)


def parse_date_time(text: bytes) -> datetime:
    """The date and time of APPEND, without its quotes; also with a one-digit day that has no blank before it.

    Raises:
        BadCommand: not such a date, or no moment that exists.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise BadCommand('expected a date such as "17-Jul-1996 02:44:25 -0700"')
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    try:
        zone = timezone(-offset if sign == b"-" else offset)
        # A leap second, 60, is not known to Python: the second before it.
        moment = datetime(
            int(year), _month(month), int(day), int(hour), int(minute), min(int(second), 60) - (second == b"60"),
            tzinfo=zone,
        )  # fmt: skip
    except ValueError as error:
        raise BadCommand("there is no such date, time or zone") from error
    return moment


def write_date(value: date) -> bytes:
    """A date of a search: ``1-Feb-1994``."""
    return b"%d-%b-%04d" % (value.day, _MONTHS[value.month - 1].encode("ascii"), value.year)


def parse_date(text: bytes) -> date:
    """A date of a search, without quotes: ``date-text = date-day "-" date-month "-" date-year`` (RFC 9051 §9).

    Raises:
        BadCommand: not such a date, or no day that exists.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise BadCommand("expected a date such as 1-Feb-1994")
    try:
        return date(int(match[3]), _month(match[2]), int(match[1]))
    except ValueError as error:
        raise BadCommand("there is no such date") from error


def _month(name: bytes) -> int:
    """The number of a month, 0 for none: no date has that."""
    return _MONTH_NUMBERS.get(name.lower(), 0)
