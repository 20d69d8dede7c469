"""From content ids to a mailbox's rows: where new mail comes in, ids ascend with the rows; copies come in runs."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import compress, islice
from operator import ge
from typing import Final
from weakref import WeakKeyDictionary

from mailwren.store.mailbox_state import MailboxState

_RUNS: Final = 64
"""Runs of ascending ids that are looked through by halving; with more, each row is looked at."""
_DENSE: Final = 32
"""One row in so many: below it rows are looked up one by one."""

Range = tuple[int, int]
"""Content ids, both ends included."""


class ContentRows:
    """Where in one array of content ids an id stands.

    Attributes:
        contents: the array, which grows.
    """

    __slots__ = ("_length", "_starts", "contents")

    def __init__(self, contents: "array[int]") -> None:
        self.contents: Final = contents
        self._starts = [0]
        self._length = 0

    def _grow(self, length: int) -> None:
        start = max(self._length, 1)
        if length > start:
            contents = self.contents
            breaks = map(ge, islice(contents, start - 1, length - 1), islice(contents, start, length))
            self._starts.extend(compress(range(start, length), breaks))
        self._length = max(self._length, length)

    def rows(self, wanted: AbstractSet[int], covered: Sequence[Range], count: int) -> list[int]:
        """Those of the first ``count`` rows whose content is wanted, or outside of what is covered; ascending."""
        self._grow(count)
        runs = [(start, min(stop, count)) for start, stop in zip(self._starts, [*self._starts[1:], count], strict=True)]
        runs = [run for run in runs if run[0] < run[1]]
        if len(runs) > _RUNS:
            outside = _Outside(covered)
            return [
                row
                for row, content in enumerate(islice(self.contents, count))
                if content in wanted or content in outside
            ]
        ascending = sorted(wanted) if len(wanted) * _DENSE < count else []
        result: list[int] = []
        for start, stop in runs:
            found = self._wanted(wanted, ascending, start, stop)
            outside_rows = self._outside(covered, start, stop)
            result += sorted({*found, *outside_rows}) if outside_rows else found
        return result

    def _wanted(self, wanted: AbstractSet[int], ascending: list[int], start: int, stop: int) -> list[int]:
        contents = self.contents
        if wanted and not ascending:
            return list(compress(range(start, stop), map(wanted.__contains__, islice(contents, start, stop))))
        found: list[int] = []
        low, high = bisect_left(ascending, contents[start]), bisect_right(ascending, contents[stop - 1])
        place = start
        for content in ascending[low:high]:
            place = bisect_left(contents, content, place, stop)
            if contents[place] == content:
                found.append(place)
        return found

    def _outside(self, covered: Sequence[Range], start: int, stop: int) -> list[int]:
        contents = self.contents
        return [
            row
            for first, last in _outside(covered)
            for row in range(bisect_left(contents, first, start, stop), bisect_right(contents, last, start, stop))
        ]


class _Outside:
    """What is not covered, to be asked for single ids."""

    def __init__(self, covered: Sequence[Range]) -> None:
        self._covered: Final = covered

    def __contains__(self, content: int) -> bool:
        return not any(first <= content <= last for first, last in self._covered)


def _outside(covered: Sequence[Range]) -> list[Range]:
    result: list[Range] = []
    position = 0
    for first, last in covered:
        if first > position:
            result.append((position, first - 1))
        position = last + 1
    return [*result, (position, 2**62)]


class ContentRowsCache:
    """The same for each mailbox that was searched, as long as it is in memory."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[MailboxState, ContentRows] = WeakKeyDictionary()

    def of(self, state: MailboxState, contents: "array[int]") -> ContentRows:
        """The rows of a mailbox whose present array of contents is given."""
        known = self._known.get(state)
        if known is None or known.contents is not contents:
            known = self._known[state] = ContentRows(contents)
        return known
