"""SORT and THREAD over a mailbox: what a search finds, in an order, or as threads.

What was made of a whole mailbox is kept until its messages change; sort keys are read once (``sort_columns.py``).
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from time import monotonic
from typing import Final, NamedTuple

from mailwren.base import limits
from mailwren.search.annotations import annotation_column
from mailwren.search.collation import Collation
from mailwren.search.evaluate import SearchEngine
from mailwren.search.ordering import in_order, made, parts
from mailwren.search.pace import Others, Pace, next_round
from mailwren.search.query import Query
from mailwren.search.sort_columns import SortCache, SortColumns, SortField
from mailwren.search.sort_order import AnnotationKey, Beside, Order, extended, ordered, text_ranks
from mailwren.search.thread_layout import Forest, Threads, laid_out
from mailwren.search.thread_links import linked
from mailwren.search.thread_trees import Subjects, Trees, subject_threads
from mailwren.store.api import Account
from mailwren.store.mailbox_state import MailboxState

_NONE: Final[Mapping[int, int]] = {}
_FEW: Final = 8
"""With fewer than one of so many messages found, these alone are sorted rather than the whole mailbox."""


class Algorithm(Enum):
    """Ways of threading (RFC 5256 §3, draft-ietf-morg-inthread-01 §4)."""

    ORDERED_SUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"
    REFS = "REFS"


class Scope(NamedTuple):
    """What is looked at: the arguments of :meth:`SearchEngine.search` around the query."""

    account: Account
    state: MailboxState
    view_uids: "array[int]"
    length: int
    progress: Callable[[int, int], None] | None = None
    others: Others | None = None


class _Found(NamedTuple):
    """What a search found: rows of the columns and the view's positions of the same messages, both ascending."""

    rows: Sequence[int]
    positions: Sequence[int]


class Sorter:
    """Sorts and threads mailboxes; one for all sessions of a process, so that they share what it remembers.

    Args:
        engine: finds the messages.
        clock: monotonic seconds.
        slice_seconds: how long work holds the event loop before others have their turn.
        others: how they are given it.
    """

    def __init__(
        self,
        engine: SearchEngine,
        clock: Callable[[], float] = monotonic,
        slice_seconds: float = limits.SLICE_SECONDS,
        others: Others = next_round,
    ) -> None:
        self._engine = engine
        self._pace = partial(Pace, clock, slice_seconds, others)
        self._cache = SortCache()

    async def sort(
        self, scope: Scope, query: Query, order: Order, relevancies: dict[int, int] | None = None
    ) -> list[int]:
        """The positions in the view of the messages that match, in an order.

        Args:
            scope: where to look.
            query: what to look for.
            order: how to sort.
            relevancies: takes those of the messages found, by position.

        Raises:
            QueryTooDeep: the query's tree is too deep.
            StoreError: the store could not be read.
        """
        return await self.in_order(scope, await self._search(scope, query, relevancies), order, relevancies or {})

    async def in_order(
        self, scope: Scope, positions: Sequence[int], order: Order, relevancies: Mapping[int, int] = _NONE
    ) -> list[int]:
        """Positions (ascending) of a view in an order; those of messages that are gone fall out. Raises StoreError."""
        pace = self._pace()
        columns = await self._cache.columns(scope.account, scope.state, pace)
        found = await _rows(columns, positions, scope.view_uids, pace)
        if any(each.changes for each in order.program):
            numbers = {
                SortField.MODSEQ: _modseqs(columns, scope.state),
                SortField.RELEVANCY: _relevancies(columns, found, relevancies),
            }
            keys = {each.field for each in order.program if isinstance(each.field, AnnotationKey)}
            texts = {key: await annotation_column(scope.account, scope.state, columns, key, pace) for key in keys}
            beside = Beside(numbers, texts)
            rows = await ordered(columns, found.rows, order, beside, pace)
        else:
            rows = await _rows_in_order(columns, found.rows, order, pace)
        if found.rows is found.positions:
            return rows
        place = dict(zip(found.rows, found.positions, strict=True))
        return await made(rows, lambda some: [place[row] for row in some], pace)

    async def thread(self, scope: Scope, query: Query, algorithm: Algorithm, collation: Collation) -> Threads:
        """The messages that match as threads; their positions in the view stand in the place of messages.

        Raises:
            QueryTooDeep: the query's tree is too deep.
            StoreError: the store could not be read.
        """
        positions = await self._search(scope, query)
        pace = self._pace()
        columns = await self._cache.columns(scope.account, scope.state, pace)
        found = await _rows(columns, positions, scope.view_uids, pace)
        rows = array("I", found.rows)
        key = (algorithm, collation)
        known = columns.threads.get(key)
        if known is None or known[0] != rows:
            known = rows, await laid_out(await _forest(columns, rows, algorithm, collation, pace), pace)
            columns.threads.put(key, known)
        threads, shown = known[1], found.positions
        messages = await made(threads.messages, lambda some: [shown[message] for message in some], pace)
        return Threads(array("I", messages), threads.brackets)

    async def _search(self, scope: Scope, query: Query, relevancies: dict[int, int] | None = None) -> list[int]:
        return await self._engine.search(
            scope.account,
            scope.state,
            query,
            scope.view_uids,
            scope.length,
            progress=scope.progress,
            relevancies=relevancies,
            others=scope.others,
        )


async def _rows_in_order(columns: SortColumns, rows: Sequence[int], order: Order, pace: Pace) -> list[int]:
    """Rows in an order that is remembered for the whole mailbox, unless they are few."""
    total = len(columns)
    nothing = Beside()
    if len(rows) * _FEW < total:
        return await ordered(columns, rows, order, nothing, pace)
    everything = columns.orders.get(order)
    if everything is not None and len(everything) < total:
        everything = extended(columns, everything, order)
    if everything is None:
        everything = array("I", await ordered(columns, range(total), order, nothing, pace))
    columns.orders.put(order, everything)
    if len(rows) == len(everything):
        return everything.tolist()
    wanted = bytearray(len(everything))
    for part in parts(len(rows)):
        for row in rows[part]:
            wanted[row] = 1
        await pace.rest()
    return await made(everything, lambda some: [row for row in some if wanted[row]], pace)


def _relevancies(columns: SortColumns, found: _Found, relevancies: Mapping[int, int]) -> "array[int]":
    """How little each row fits, in step with the columns: what fits best comes first (RFC 6203 §6)."""
    result = array("Q", bytes(8 * len(columns)))
    for row, position in zip(found.rows, found.positions, strict=True):
        result[row] = 100 - relevancies.get(position, 0)
    return result


def _modseqs(columns: SortColumns, state: MailboxState) -> "array[int]":
    """Mod-sequences in step with the columns; 0 of messages that went away just now."""
    if state.uids is columns.uids:
        return state.modseqs
    known = dict(zip(state.uids, state.modseqs, strict=True))
    return array("Q", [known.get(uid, 0) for uid in columns.uids])


async def _rows(columns: SortColumns, positions: Sequence[int], view_uids: "array[int]", pace: Pace) -> _Found:
    """The rows of positions; those of messages that are gone fall out."""
    if view_uids is columns.uids:
        return _Found(positions, positions)
    uids, count = columns.uids, len(columns)
    rows: list[int] = []
    kept: list[int] = []
    for part in parts(len(positions)):
        low = 0
        for position in positions[part]:
            uid = view_uids[position]
            low = bisect_left(uids, uid, low, count)
            if low < count and uids[low] == uid:
                rows.append(low)
                kept.append(position)
        await pace.rest()
    return _Found(rows, kept)


async def _forest(
    columns: SortColumns, rows: "array[int]", algorithm: Algorithm, collation: Collation, pace: Pace
) -> Forest:
    by_date = await _by_date(columns, rows, pace)
    if algorithm is Algorithm.ORDERED_SUBJECT:
        return await subject_threads(by_date, (await _subjects(columns, rows, collation, pace)).places, pace)
    message_ids = await made(rows, lambda some: [columns.message_ids[row] for row in some], pace)
    parents = await linked(message_ids, lambda message: columns.ancestors_of(rows[message]), pace)
    trees = Trees(len(rows))
    await trees.build(parents, by_date, pace)
    if algorithm is Algorithm.REFERENCES:
        await trees.join_subjects(await _subjects(columns, rows, collation, pace), pace)
    else:
        arrivals = columns.numbers[SortField.ARRIVAL]
        await trees.newest_last(await made(rows, lambda some: [arrivals[row] for row in some], pace), pace)
    return trees.forest()


async def _by_date(columns: SortColumns, rows: Sequence[int], pace: Pace) -> list[int]:
    """The messages by their sent date, those with the same in the mailbox's order: numbers say both."""
    sent, count = columns.numbers[SortField.DATE], len(rows)
    numbers = await made(range(count), lambda some: [sent[rows[each]] * count + each for each in some], pace)
    return await made(await in_order(numbers, pace), lambda some: [number % count for number in some], pace)


async def _subjects(columns: SortColumns, rows: Sequence[int], collation: Collation, pace: Pace) -> Subjects:
    places, _last = await text_ranks(columns.texts[SortField.SUBJECT], rows, collation, pace)
    return Subjects(places, await made(rows, lambda some: [columns.replies[row] for row in some], pace))
