"""INTERNALDATE and the dates of searches."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from mailwren.imap import dates
from mailwren.imap.errors import BadCommand

PACIFIC = timezone(timedelta(hours=-7))


@pytest.mark.parametrize(
    ("seconds", "zone_minutes", "wire"),
    [
        (837_596_665, -420, b'"17-Jul-1996 02:44:25 -0700"'),
        (837_596_665, 0, b'"17-Jul-1996 09:44:25 +0000"'),
        (837_596_665, 345, b'"17-Jul-1996 15:29:25 +0545"'),
        (837_596_665, -30, b'"17-Jul-1996 09:14:25 -0030"'),
        (0, 0, b'" 1-Jan-1970 00:00:00 +0000"'),
        (-1, 0, b'"31-Dec-1969 23:59:59 +0000"'),
        (10**15, 0, b'"31-Dec-9999 23:59:59 +0000"'),
        (-(10**15), 60, b'" 1-Jan-0001 00:00:00 +0100"'),
    ],
)
def test_internal_dates_are_written_in_their_zone(seconds: int, zone_minutes: int, wire: bytes) -> None:
    """A moment is written with a two-column day and in the zone it was given in."""
    assert dates.write_internal_date(seconds, zone_minutes) == wire


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (b"17-Jul-1996 02:44:25 -0700", datetime(1996, 7, 17, 2, 44, 25, tzinfo=PACIFIC)),
        (b" 1-feb-2024 00:00:00 +0000", datetime(2024, 2, 1, tzinfo=UTC)),
        (b"1-Feb-2024 00:00:00 +0000", datetime(2024, 2, 1, tzinfo=UTC)),
        (b"01-FEB-2024 23:59:60 +0000", datetime(2024, 2, 1, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_internal_dates_are_read(text: bytes, moment: datetime) -> None:
    """The zone is kept; days with one digit and leap seconds are taken."""
    found = dates.parse_date_time(text)
    assert (found, found.utcoffset()) == (moment, moment.utcoffset())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"17-Jul-1996",
        b"17-Jul-1996 02:44:25",
        b"17-Jul-96 02:44:25 -0700",
        b"30-Feb-2024 00:00:00 +0000",
        b"17-Foo-1996 02:44:25 -0700",
        b"17-Jul-0000 02:44:25 -0700",
        b"17-Jul-1996 24:44:25 -0700",
        b"17-Jul-1996 02:44:61 -0700",
        b"17-Jul-1996 02:44:25 -2400",
        b"17-Jul-1996 02:44:25 +9999",
        b"17-Jul-1996 02:44:25 GMT",
        b"17-Jul-1996 02:44:25 -0700 ",
    ],
)
def test_what_is_no_date_and_time(text: bytes) -> None:
    """Malformed dates and moments that do not exist are the client's mistake."""
    with pytest.raises(BadCommand):
        dates.parse_date_time(text)


def test_search_dates_both_ways() -> None:
    """A day without a time, one digit or two."""
    assert dates.parse_date(b"1-Feb-1994") == dates.parse_date(b"01-feb-1994") == date(1994, 2, 1)
    assert dates.write_date(date(1994, 2, 1)) == b"1-Feb-1994"


@pytest.mark.parametrize("text", [b"", b"1-Feb-94", b"31-Feb-1994", b"1 Feb 1994", b"Feb-1-1994", b"0-Feb-1994"])
def test_what_is_no_date(text: bytes) -> None:
    """Malformed days and days that do not exist are the client's mistake."""
    with pytest.raises(BadCommand):
        dates.parse_date(text)
