"""Sequence sets: what the star stands for."""

import pytest

from mailwren.base.ranges import RangeSet
from mailwren.imap.sequence_set import STAR, SequenceSet


@pytest.mark.parametrize(
    ("ranges", "largest", "members"),
    [
        (((1, 3), (7, 7)), 10, [1, 2, 3, 7]),
        (((STAR, STAR),), 10, [10]),
        (((8, STAR),), 10, [8, 9, 10]),
        (((12, STAR),), 10, [10, 11, 12]),
        (((STAR, 9),), 10, [9, 10]),
        (((4, 2),), 10, [2, 3, 4]),
    ],
)
def test_the_star_is_the_largest_number(ranges: tuple[tuple[int, int], ...], largest: int, members: list[int]) -> None:
    """Ranges mean the same in both directions, and ``n:*`` beyond the largest turns round (RFC 9051 §9, seq-range)."""
    assert SequenceSet(ranges).resolve(largest) == RangeSet.of(members)


def test_what_a_set_names() -> None:
    """A set knows whether it has a star, and the largest number in it."""
    assert SequenceSet(((1, STAR),)).has_star
    assert not SequenceSet(((1, 2),)).has_star
    assert SequenceSet(((1, 9), (4, STAR))).largest_number == 9
    assert SequenceSet(saved=True).largest_number == 0
