"""RangeSet against Python's own sets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base.ranges import RangeSet

PAIRS = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), max_size=8)


def members(pairs: list[tuple[int, int]]) -> set[int]:
    """The numbers that pairs name, either way round."""
    return {number for a, b in pairs for number in range(min(a, b), max(a, b) + 1)}


@given(PAIRS, PAIRS)
def test_set_operations(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    """Union, intersection and difference are those of sets, and the ranges stay sorted and apart."""
    a, b = RangeSet(left), RangeSet(right)
    for result, wanted in (
        (a.union(b), members(left) | members(right)),
        (a.intersection(b), members(left) & members(right)),
        (a.difference(b), members(left) - members(right)),
    ):
        assert list(result) == sorted(wanted)
        assert len(result) == len(wanted)
        spans = list(result.ranges())
        assert all(stop + 1 < start for (_, stop), (start, _) in pairwise(spans))


@given(PAIRS)
def test_text_round_trip(pairs: list[tuple[int, int]]) -> None:
    """The notation reads back as the same set."""
    numbers = RangeSet(pairs)
    assert RangeSet.parse(str(numbers)) == numbers
    assert hash(RangeSet.parse(str(numbers))) == hash(numbers)


@given(st.lists(st.integers(1, 50)), st.integers(0, 60))
def test_membership(numbers: list[int], probe: int) -> None:
    """``in``, ``first``, ``last`` and truth agree with a set."""
    result = RangeSet.of(numbers)
    assert (probe in result) == (probe in set(numbers))
    assert bool(result) == bool(numbers)
    if numbers:
        assert (result.first, result.last) == (min(numbers), max(numbers))


@given(PAIRS, st.integers(1, 60), st.integers(1, 60))
def test_clipped(pairs: list[tuple[int, int]], low: int, high: int) -> None:
    """Clipping keeps what lies between."""
    assert set(RangeSet(pairs).clipped(low, high)) == {each for each in members(pairs) if low <= each <= high}


def test_nonsense_is_refused() -> None:
    """Text that is no set is an error, not an empty set."""
    with pytest.raises(ValueError, match="x"):
        RangeSet.parse("1,x")
