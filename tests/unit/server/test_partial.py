"""Pages of messages and of results (RFC 9394)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base.ranges import RangeSet
from mailwren.imap.ext.partial import PartialRange
from mailwren.server.ext.partial import count, cut

POSITIONS = st.sets(st.integers(1, 60)).map(
    lambda found: [(low - 1, high) for low, high in RangeSet.of(found).ranges()]
)


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        (PartialRange(1, 3), (0, 3)),
        (PartialRange(3, 1), (0, 3)),
        (PartialRange(9, 12), (8, 10)),
        (PartialRange(11, 12), (10, 10)),
        (PartialRange(1, 3, from_end=True), (7, 10)),
        (PartialRange(2, 2, from_end=True), (8, 9)),
        (PartialRange(9, 12, from_end=True), (0, 2)),
        (PartialRange(11, 12, from_end=True), (0, 0)),
    ],
)
def test_places_of_ten_results(wanted: PartialRange, span: tuple[int, int]) -> None:
    """Counted from the first or from the last one; beyond them there is nothing."""
    assert wanted.span(10) == span


@given(POSITIONS, st.integers(0, 70), st.integers(0, 70))
def test_a_cut_is_a_slice(spans: list[tuple[int, int]], first: int, last: int) -> None:
    """Cutting spans is slicing the positions in them."""
    positions = [each for start, stop in spans for each in range(start, stop)]
    assert count(spans) == len(positions)
    cuts = cut(spans, first, last)
    assert [each for start, stop in cuts for each in range(start, stop)] == positions[first:last]
    assert all(start < stop for start, stop in cuts)
