"""Sets of positive integers kept as sorted, disjoint, inclusive ranges.

A UID set of a million messages is usually a handful of ranges. Pure; knows nothing of IMAP beyond the notation
``1:3,7`` that IMAP, the store's log and reports share.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final


class RangeSet:
    """An immutable set of positive integers as sorted, disjoint, non-adjacent inclusive ranges."""

    __slots__ = ("_starts", "_stops")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """Build from ``(start, stop)`` pairs in any order and orientation; overlapping ones are merged."""
        starts: list[int] = []
        stops: list[int] = []
        self._starts: Final = starts
        self._stops: Final = stops
        if not ranges:  # the usual set
            return
        pairs = [(a, b) if a <= b else (b, a) for a, b in ranges]
        pairs.sort()
        for start, stop in pairs:
            if stops and start <= stops[-1] + 1:
                stops[-1] = max(stops[-1], stop)
            else:
                starts.append(start)
                stops.append(stop)

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "RangeSet":
        """Build from single numbers in any order."""
        return cls.of_sorted(sorted(numbers))

    @classmethod
    def of_sorted(cls, numbers: Iterable[int]) -> "RangeSet":
        """Build from single numbers that ascend (repeats allowed)."""
        result = cls()
        starts, stops = result._starts, result._stops
        last = -1
        for number in numbers:
            if number == last + 1 and stops:
                stops[-1] = number
            elif number != last:
                starts.append(number)
                stops.append(number)
            last = number
        return result

    @classmethod
    def parse(cls, text: str) -> "RangeSet":
        """Read the notation that :meth:`__str__` writes; the empty string is the empty set.

        Raises:
            ValueError: the text is not such a set.
        """
        if not text:
            return cls()
        if text.replace(",", "").isdecimal():  # the usual case where there are many
            numbers: list[int] = json.loads(f"[{text}]")
            return cls.of(numbers)
        parts = text.split(",")
        pairs: list[tuple[int, int]] = []
        for part in parts:
            start, colon, stop = part.partition(":")
            pairs.append((int(start), int(stop if colon else start)))
        return cls(pairs)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """The inclusive ranges, ascending."""
        return zip(self._starts, self._stops, strict=True)

    def clipped(self, low: int, high: int) -> "RangeSet":
        """The members between ``low`` and ``high``, both included; costs the number of ranges there, not of all."""
        result = RangeSet()
        if low <= high:
            first, stop = bisect_left(self._stops, low), bisect_right(self._starts, high)
            starts, stops = self._starts[first:stop], self._stops[first:stop]
            if starts:
                starts[0], stops[-1] = max(starts[0], low), min(stops[-1], high)
            result._starts.extend(starts)
            result._stops.extend(stops)
        return result

    def union(self, other: "RangeSet") -> "RangeSet":
        """The members of either set."""
        if not other._starts or not self._starts:
            return self if self._starts else other
        return RangeSet([*self.ranges(), *other.ranges()])

    def intersection(self, other: "RangeSet") -> "RangeSet":
        """The members of both sets; costs the number of ranges, not of members."""
        result: list[tuple[int, int]] = []
        left, right = list(self.ranges()), list(other.ranges())
        i = j = 0
        while i < len(left) and j < len(right):
            low, high = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
            if low <= high:
                result.append((low, high))
            if left[i][1] < right[j][1]:
                i += 1
            else:
                j += 1
        return RangeSet(result)

    def difference(self, other: "RangeSet") -> "RangeSet":
        """The members of this set that the other has not; costs the number of ranges, not of members."""
        if not other._starts:
            return self
        remaining, ends = self._starts.copy(), self._stops
        result = RangeSet()
        starts, stops = result._starts, result._stops
        position = 0
        for low, high in other.ranges():
            first = bisect_left(ends, low, position)  # whatever ends before the hole stays as it is
            starts += remaining[position:first]
            stops += ends[position:first]
            position = first
            while position < len(ends) and remaining[position] <= high:
                if remaining[position] < low:
                    starts.append(remaining[position])
                    stops.append(low - 1)
                if ends[position] > high:
                    remaining[position] = high + 1  # the next hole may take more of it
                    break
                position += 1
        starts += remaining[position:]
        stops += ends[position:]
        return result

    @property
    def range_count(self) -> int:
        """How many ranges there are."""
        return len(self._starts)

    @property
    def first(self) -> int:
        """The smallest member. Raises IndexError when empty."""
        return self._starts[0]

    @property
    def last(self) -> int:
        """The largest member. Raises IndexError when empty."""
        return self._stops[-1]

    @property
    def only(self) -> int | None:
        """The one member of a set that has but one."""
        return self._starts[0] if len(self._starts) == 1 and self._starts[0] == self._stops[0] else None

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._starts, number) - 1
        return index >= 0 and number <= self._stops[index]

    def __iter__(self) -> Iterator[int]:
        for start, stop in self.ranges():
            yield from range(start, stop + 1)

    def __len__(self) -> int:
        return sum(self._stops) - sum(self._starts) + len(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeSet):
            return NotImplemented
        return self._starts == other._starts and self._stops == other._stops

    def __hash__(self) -> int:
        return hash((tuple(self._starts), tuple(self._stops)))

    def __str__(self) -> str:
        return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in self.ranges())

    def __repr__(self) -> str:
        return f"RangeSet.parse({str(self)!r})"
