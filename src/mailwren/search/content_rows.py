"""From content ids to a mailbox's rows: where new mail comes in, ids ascend with the rows; copies come in runs."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import compress
from operator import ge
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from mailwren.search.index.answers import ContentIds
from mailwren.search.pace import Pace
from mailwren.store.mailbox_state import MailboxState

_RUNS: Final = 64
"""Runs of ascending ids that are looked through by halving; with more, each row is looked at."""
_AT_ONCE: Final = 65_536
"""Rows that are looked through at once: some two milliseconds."""
_DENSE: Final = 32
"""One row in so many: below it rows are looked up one by one."""

Range = tuple[int, int]
"""Content ids, both ends included."""


class FoundRows(NamedTuple):
    """Rows, ascending."""

    rows: list[int]
    covered: bool
    """All of them hold a wanted content: the mailbox has none that is not covered."""


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

    async def _grow(self, length: int, pace: Pace) -> None:
        contents = self.contents
        while self._length < length:
            start, stop = max(self._length, 1), min(self._length + _AT_ONCE, length)
            before, after = contents[start - 1 : stop - 1], contents[start:stop]
            self._starts.extend(compress(range(start, stop), map(ge, before, after)))
            self._length = stop
            await pace.rest()

    async def rows(self, wanted: ContentIds, covered: Sequence[Range], count: int, pace: Pace) -> FoundRows:
        """Those of the first ``count`` rows whose content is wanted, or outside of what is covered; ascending."""
        await self._grow(count, pace)
        runs = [(start, min(stop, count)) for start, stop in zip(self._starts, [*self._starts[1:], count], strict=True)]
        runs = [run for run in runs if run[0] < run[1]]
        if len(runs) > _RUNS:
            return FoundRows(await self._looked_through(wanted, _Outside(covered), count, pace), covered=False)
        result: list[int] = []
        within = True
        for start, stop in _pieces(runs):
            await pace.rest()
            found = self._wanted(wanted, start, stop)
            outside_rows = self._outside(covered, start, stop)
            within = within and not outside_rows
            result += sorted({*found, *outside_rows}) if outside_rows else found
        return FoundRows(result, within)

    async def _looked_through(self, wanted: ContentIds, outside: "_Outside", count: int, pace: Pace) -> list[int]:
        members = wanted.members
        result: list[int] = []
        for start, stop in _pieces([(0, count)]):
            await pace.rest()
            some = enumerate(self.contents[start:stop], start)
            result += [row for row, content in some if content in members or content in outside]
        return result

    def _wanted(self, wanted: ContentIds, start: int, stop: int) -> list[int]:
        contents, ascending = self.contents, wanted.ascending
        low, high = bisect_left(ascending, contents[start]), bisect_right(ascending, contents[stop - 1])
        shift = contents[start] - start
        if contents[stop - 1] - shift == stop - 1:  # ids without gaps
            return [content - shift for content in ascending[low:high]]
        if (high - low) * _DENSE > stop - start:
            return list(compress(range(start, stop), map(wanted.members.__contains__, contents[start:stop])))
        found: list[int] = []
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


def _pieces(runs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The runs, the long ones in pieces: others have their turn in between."""
    for start, stop in runs:
        for first in range(start, stop, _AT_ONCE):
            yield first, min(first + _AT_ONCE, stop)


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
