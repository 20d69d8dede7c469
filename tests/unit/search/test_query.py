"""Queries as values: days and bounds."""

from datetime import date

from mailwren.search.query import Fact, FactBetween, before, day_number, exactly, since


def test_days_count_from_1970() -> None:
    """Day 0 is 1970-01-01 and days before it are negative."""
    assert [day_number(date(1970, 1, 1)), day_number(date(1969, 12, 31)), day_number(date(2000, 3, 1))] == [
        0,
        -1,
        11_017,
    ]


def test_bounds_include_what_the_words_say() -> None:
    """Before excludes the number, since includes it, exactly is only it."""
    assert before(Fact.SIZE, 10) == FactBetween(Fact.SIZE, None, 9)
    assert exactly(Fact.SENT_DAY, 10) == FactBetween(Fact.SENT_DAY, 10, 10)
    assert since(Fact.INTERNAL_DAY, 10) == FactBetween(Fact.INTERNAL_DAY, 10, None)
