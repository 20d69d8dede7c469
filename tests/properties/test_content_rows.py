"""Rows of contents, looked up by halving, against looking at every row."""

import asyncio
from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailwren.search.content_rows import ContentRows
from mailwren.search.index.answers import ContentIds
from mailwren.search.pace import Pace

IDS = st.integers(1, 60)


@st.composite
def mailboxes(draw: st.DrawFn) -> list[int]:
    """Contents as mailboxes have them: ascending runs, some of them equal, sometimes in any order."""
    runs = draw(st.lists(st.lists(IDS, unique=True).map(sorted), max_size=5))
    contents = [content for run in runs for content in run]
    return contents if draw(st.booleans()) else draw(st.permutations(contents * 3))


@st.composite
def ranges(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Ascending ranges that do not touch."""
    ends = sorted(draw(st.sets(IDS, max_size=6)))
    pairs = list(zip(ends[::2], ends[1::2], strict=False))
    return [(first, last) for first, last in pairs]


@given(mailboxes(), st.sets(IDS), ranges(), st.integers(0, 100))
def test_rows_are_those_of_a_plain_look(
    contents: list[int], wanted: set[int], covered: list[tuple[int, int]], known: int
) -> None:
    """The wanted contents that are there, and all that is not covered, each row once and ascending."""
    numbers = array("q", contents)
    rows = ContentRows(numbers)
    for count in (min(known, len(contents)), len(contents)):
        inside = [any(first <= each <= last for first, last in covered) for each in contents[:count]]
        plain = [row for row, content in enumerate(contents[:count]) if content in wanted or not inside[row]]
        pace = Pace(lambda: 0.0, 1.0)
        found = asyncio.run(rows.rows(ContentIds(sorted(wanted)), covered, count, pace))
        assert found.rows == plain
        assert all(inside) or not found.covered
