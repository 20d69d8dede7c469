"""Sequence sets as they stand on the wire: numbers, ranges, ``*`` and ``$`` (RFC 9051 §9, sequence-set)."""

from dataclasses import dataclass

from mailwren.base.ranges import RangeSet

STAR = 0
"""Stands for ``*``, the largest number in use."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """A parsed sequence-set, before the numbers are known that ``*`` and ``$`` stand for.

    ``ranges`` keeps the client's order; :data:`STAR` is ``*``. ``saved`` is true for ``$`` (then ``ranges`` is
    empty).
    """

    ranges: tuple[tuple[int, int], ...] = ()
    saved: bool = False

    def resolve(self, largest: int) -> RangeSet:
        """The set with ``*`` replaced by ``largest`` (a ``n:*`` beyond it turns round, RFC 9051 §9 seq-range)."""
        return RangeSet(
            (start if start != STAR else largest, stop if stop != STAR else largest) for start, stop in self.ranges
        )

    @property
    def has_star(self) -> bool:
        """Whether ``*`` occurs."""
        return any(STAR in pair for pair in self.ranges)

    @property
    def largest_number(self) -> int:
        """The largest number named, 0 where there is none."""
        return max((max(pair) for pair in self.ranges), default=0)
