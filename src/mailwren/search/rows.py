"""A mailbox as one search sees it: the arrays as they were when it began, and the view's positions in them.

A *row* is an index into the mailbox's arrays, a *position* one into the view that is searched. The view may be
older than the arrays: messages that are gone already still have a position there, but no row, and so never match.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import compress
from typing import Final

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import MailboxState, uid_spans

Rows = Sequence[int]
"""Ascending rows."""
Span = tuple[int, int]
"""Half open."""


_DENSE: Final = 14
"""Where one of so many rows is chosen, or more, looking at all is quicker than jumping from one to the next."""

_SAMPLED: Final = 16
_FLAG_SETS: Final = 256


class Snapshot:
    """The messages that a search looks at.

    The state's arrays are replaced when messages go away and only grow otherwise, so the ones held here stay in step
    with each other; flags and mod-sequences may change under way, as RFC 9051 §6.4.4 leaves open.

    Attributes:
        uids: the state's arrays as of the beginning (also ``flags``, ``modseqs`` and ``contents``).
        count: the first so many rows are searched.
        mailbox: the mailbox's key.
        annotated: whether any of its messages may have annotations.
    """

    __slots__ = (
        "_length",
        "_runs",
        "_state",
        "_view",
        "annotated",
        "contents",
        "count",
        "flags",
        "mailbox",
        "modseqs",
        "uids",
    )

    def __init__(self, state: MailboxState, view: "array[int]", length: int) -> None:
        """Look at those of the first ``length`` UIDs of ``view`` that ``state`` still has."""
        self._state = state
        self.mailbox = state.mailbox.id
        self.annotated = state.mailbox.annotations > 0
        self.uids = state.uids
        self.flags = state.flags
        self.modseqs = state.modseqs
        self.contents = state.contents
        self._view = view
        self._length = length
        self.count = bisect_right(self.uids, view[length - 1]) if length else 0
        same = view is self.uids and length == self.count
        self._runs: list[tuple[int, int, int]] = (
            [(0, self.count, 0)] if same else list(common_runs(view, length, self.uids, self.count))
        )

    def flag_sets(self) -> set[int] | None:
        """The flag sets in use, and perhaps more; ``None`` where they are not known or too many to be looked at all."""
        sets = self._state.flag_set_ids()
        return sets if self.flags is self._state.flags and len(sets) <= _FLAG_SETS else None

    def with_flag_sets(self, wanted: Collection[int]) -> Rows | None:
        """The rows of some flag sets, if there is a quicker way than looking at each."""
        if self.flags is not self._state.flags:
            return None
        rows = self._state.with_flag_sets(wanted)
        return rows if rows is None or self.count == len(self.flags) else rows[: bisect_left(rows, self.count)]

    def positions(self, rows: Rows) -> list[int]:
        """The view's positions of rows, ascending like them."""
        if not rows:
            return []
        if isinstance(rows, list) and self._runs == [(0, self.count, 0)]:
            return rows.copy()
        result: list[int] = []
        low = 0
        first = bisect_right(self._runs, rows[0], key=lambda run: run[0]) - 1
        for index in range(first, len(self._runs)):
            start, stop, shift = self._runs[index]
            low = bisect_left(rows, start, low)
            if low == len(rows):
                break
            high = bisect_left(rows, stop, low)
            result.extend(rows[low:high] if not shift else [row + shift for row in rows[low:high]])
            low = high
        return result

    def spans_of_positions(self, spans: Sequence[Span]) -> list[Span]:
        """The rows at positions of the view; positions beyond it and messages gone fall out."""
        uids, view, count, length = self.uids, self._view, self.count, self._length
        return [
            (bisect_left(uids, view[start], 0, count), bisect_right(uids, view[min(stop, length) - 1], 0, count))
            for start, stop in spans
            if start < min(stop, length)
        ]

    def blocks(self, size: int, among: RangeSet | None = None, chosen: "list[int] | None" = None) -> Iterator[Rows]:
        """All rows, or those of some UIDs, and of these the chosen ones; ascending, in blocks of about ``size``."""
        if chosen is not None:
            rows = chosen if among is None else within(chosen, self.spans_of_uids(among))
            for start in range(0, len(rows), size):
                yield rows[start : start + size]
            return
        if among is None:
            for start in range(0, self.count, size):
                yield range(start, min(start + size, self.count))
            return
        waiting: list[int] = []
        for start, stop in self.spans_of_uids(among):
            for first in range(start, stop, size):
                waiting.extend(range(first, min(first + size, stop)))
                if len(waiting) >= size:
                    yield waiting
                    waiting = []
        if waiting:
            yield waiting

    def spans_of_uids(self, uids: RangeSet) -> list[Span]:
        """The rows of UIDs; those that are not here fall out."""
        return list(uid_spans(self.uids, uids, self.count))


def common_runs(
    older: "array[int]", older_length: int, newer: "array[int]", newer_length: int
) -> Iterator[tuple[int, int, int]]:
    """Runs of ``newer`` that stand in ``older`` too, as ``(start, stop, shift)``: ``newer[i] == older[i + shift]``.

    Both ascend, and of the first ``newer_length`` of ``newer`` all stand in the first ``older_length`` of ``older``:
    up to the first one missing both agree at a shift, from there on never again. So each run costs a search in steps
    that double, then halve: few for a short run, and not many for a long one.
    """
    start = shift = 0
    while start < newer_length:
        wanted, place, step = newer[start], start + shift, 1
        while place + step < older_length and older[place + step - 1] < wanted:
            place, step = place + step, step * 2
        shift = bisect_left(older, wanted, place, min(place + step, older_length)) - start
        end, step = min(newer_length, older_length - shift), 1
        stop = start + 1
        while stop + step <= end and older[stop + step - 1 + shift] == newer[stop + step - 1]:
            stop, step = stop + step, step * 2
        high = min(stop + step - 1, end)
        while stop < high:
            middle = (stop + high) // 2
            if older[middle + shift] == newer[middle]:
                stop = middle + 1
            else:
                high = middle
        yield start, stop, shift
        start = stop


def chosen_rows(rows: Rows, marks: bytes) -> Rows:
    """Those of ``rows`` that are marked with 1 in ``marks``, which has an octet for each."""
    some = marks[::_SAMPLED]
    if some.count(1) * _DENSE >= len(some):
        return list(compress(_ready(rows) if isinstance(rows, range) else rows, marks))
    result: list[int] = []
    place = marks.find(1)
    while place >= 0:
        result.append(rows[place])
        place = marks.find(1, place + 1)
    return result


_READY: list[int] = []


def _ready(rows: range) -> Rows:
    """A range as a list, of numbers that are there already: a list of new ones takes twice as long to go through."""
    if rows.stop > limits.ROWS_READY or rows.step != 1:
        return rows
    if rows.stop > len(_READY):
        _READY.extend(range(len(_READY), rows.stop))
    return _READY[rows.start : rows.stop]


def within(rows: Rows, spans: Sequence[Span]) -> list[int]:
    """Those of ``rows`` that lie in ``spans`` (ascending, disjoint)."""
    if not rows:
        return []
    result: list[int] = []
    first = bisect_right(spans, rows[0], key=lambda span: span[1])
    low = 0
    for index in range(first, len(spans)):
        start, stop = spans[index]
        low = bisect_left(rows, start, low)
        if low == len(rows):
            break
        high = bisect_left(rows, stop, low)
        result.extend(rows[low:high])
        low = high
    return result
