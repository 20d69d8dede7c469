"""The Date header."""

from datetime import UTC, date, datetime

import pytest

from mailwren.message.dates import parse_date


@pytest.mark.parametrize(
    ("value", "day", "time"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", (1997, 11, 21), (1997, 11, 21, 15, 55, 6)),
        (b"21 Nov 1997 09:55 +0000", (1997, 11, 21), (1997, 11, 21, 9, 55, 0)),
        (b"Thu, 13 Feb 1969 23:32:54 -0330", (1969, 2, 13), (1969, 2, 14, 3, 2, 54)),
        (b"Mon, 1 Jan 2024 00:30:00 +0200", (2024, 1, 1), (2023, 12, 31, 22, 30, 0)),
        (b"Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)", (1969, 2, 13), (1969, 2, 14, 3, 2, 0)),
        (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", (1997, 11, 21), (1997, 11, 21, 15, 55, 6)),
        (b"21 Nov 97 09:55:06 GMT", (1997, 11, 21), (1997, 11, 21, 9, 55, 6)),
        (b"21 Nov 03 09:55:06 EST", (2003, 11, 21), (2003, 11, 21, 14, 55, 6)),
        (b"21 Nov 103 09:55:06 PDT", (2003, 11, 21), (2003, 11, 21, 16, 55, 6)),
        (b"21 Nov 1997 09:55:06 Z", (1997, 11, 21), (1997, 11, 21, 9, 55, 6)),
        (b"21 Nov 1997 09:55:06 XYZ", (1997, 11, 21), (1997, 11, 21, 9, 55, 6)),
        (b"21 Nov 1997 09:55:06", (1997, 11, 21), (1997, 11, 21, 9, 55, 6)),
        (b"21 Nov 1997", (1997, 11, 21), (1997, 11, 21, 0, 0, 0)),
        (b"Friday, 21-November-1997 09:55:06 -600", (1997, 11, 21), (1997, 11, 21, 15, 55, 6)),
        (b"Fri, 21 Nov 1997 09:55:06 GMT+0100", (1997, 11, 21), (1997, 11, 21, 8, 55, 6)),
        (b"Fri, 21 Nov 1997 09:55:06 +01:00", (1997, 11, 21), (1997, 11, 21, 8, 55, 6)),
        (b"Fri, 21 Nov 1997 9.55.06.123 +0100", (1997, 11, 21), (1997, 11, 21, 8, 55, 6)),
        (b"Fri Nov 21 09:55:06 1997", (1997, 11, 21), (1997, 11, 21, 9, 55, 6)),
        (b"Fri Nov 21 09:55:06 EST 1997", (1997, 11, 21), (1997, 11, 21, 14, 55, 6)),
        (b"Fri Nov 21 09:55:06 1997 -0500", (1997, 11, 21), (1997, 11, 21, 14, 55, 6)),
        (b"1 Jan 2024 25:00:00 +0000", (2024, 1, 1), (2024, 1, 1, 0, 0, 0)),
        (b"1 Jan 2024 00:61:00 +0000", (2024, 1, 1), (2024, 1, 1, 0, 0, 0)),
        (b"1 Jan 2024 12:00:00 +0175", (2024, 1, 1), (2024, 1, 1, 12, 0, 0)),
        (b"31 Dec 1998 23:59:60 +0000", (1998, 12, 31), (1999, 1, 1, 0, 0, 0)),
        (b"01 Jan 0001 00:00:00 +0000", (1, 1, 1), (1, 1, 1, 0, 0, 0)),
    ],
)
def test_dates(value: bytes, day: tuple[int, int, int], time: tuple[int, ...]) -> None:
    """The day is that of the date's own zone, the time is UTC, also in obsolete and common wrong forms."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    year, month, day_of_month, hour, minute, second = time
    expected = int((datetime(year, month, day_of_month, hour, minute, second, tzinfo=UTC) - epoch).total_seconds())
    assert parse_date(value) == ((date(*day) - epoch.date()).days, expected)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"yesterday",
        b"31 Feb 2024 00:00:00 +0000",
        b"1 Foo 2024 00:00:00 +0000",
        b"1 Jan 99999 00:00:00 +0000",
        b"0 Jan 2024 00:00:00 +0000",
        b"Fri Nov 31 09:55:06 1997",
        b"2024-01-01 00:00:00",
        b"\xff\x00" * 200,
    ],
)
def test_what_is_no_date(value: bytes) -> None:
    """Nonsense has no day and no time."""
    assert parse_date(value) is None
