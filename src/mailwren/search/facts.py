"""Sizes and dates of whole mailboxes as compact arrays, read from the store when a search first needs them.

Rules for whoever edits this file:

1. :class:`FactColumns` runs in step with one ``uids`` array of a mailbox's state. When messages go away that array is
   replaced; then new columns are made from the old ones, which searches under way keep using.
2. What is here can be thrown away at any moment; it is read again.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from mailwren.base import limits
from mailwren.base.ids import ContentId, Uid
from mailwren.search.pace import Pace
from mailwren.search.query import Fact, FactBetween
from mailwren.search.rows import Rows, Snapshot, common_runs
from mailwren.search.salvage import read_all
from mailwren.store.api import Account
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.values import ContentFacts

UNREADABLE: Final = ContentFacts(0, 0, 0, None, None, "", "")
"""Stands for the facts of a message that cannot be read."""
_UNREAD: Final = -1
"""Stands in the column of sizes where a message's facts were not read yet."""
_MISSING: Final = -(2**31)
"""Stands for a fact that a message lacks: before every day there is."""
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_SECONDS_OF_DAY: Final = 86400


class FactColumns:
    """The facts of one mailbox's messages, by row."""

    __slots__ = ("_columns", "uids")

    def __init__(self, uids: "array[int]") -> None:
        """Columns in step with ``uids``, nothing read yet."""
        self.uids = uids
        self._columns = {
            Fact.SIZE: array("q"),
            Fact.INTERNAL_DAY: array("i"),
            Fact.INTERNAL_TIME: array("q"),
            Fact.SENT_DAY: array("i"),
            Fact.SAVED_DAY: array("i"),
        }

    def __len__(self) -> int:
        return len(self._columns[Fact.SIZE])

    def realigned(self, uids: "array[int]") -> "FactColumns":
        """The same facts in step with ``uids``, from which messages of the older array have gone."""
        result = FactColumns(uids)
        known = bisect_right(uids, self.uids[len(self) - 1]) if len(self) else 0
        for start, stop, shift in common_runs(self.uids, len(self), uids, known):
            for fact, column in self._columns.items():
                result._columns[fact] += column[start + shift : stop + shift]
        return result

    def grow(self, length: int) -> None:
        """Have room for the first ``length`` rows."""
        added = length - len(self)
        if added > 0:
            for column in self._columns.values():
                column.extend(array(column.typecode, [_UNREAD]) * added)

    def unread(self, rows: Rows, fact: Fact = Fact.SIZE) -> list[int]:
        """Those of ``rows`` whose facts were not read yet; ``SAVED_DAY`` is read on its own, all others together."""
        column = self._columns[fact]
        if rows and _UNREAD not in column[rows[0] : rows[-1] + 1]:
            return []
        return [row for row in rows if column[row] == _UNREAD]

    def fill(self, rows: Rows, facts: Sequence[ContentFacts]) -> None:
        """Take in what the store told of ``rows``."""
        sizes, days = self._columns[Fact.SIZE], self._columns[Fact.INTERNAL_DAY]
        times, sent_days = self._columns[Fact.INTERNAL_TIME], self._columns[Fact.SENT_DAY]
        for row, fact in zip(rows, facts, strict=True):
            sizes[row] = fact.size
            days[row] = (fact.internal_date + fact.internal_zone * 60) // _SECONDS_OF_DAY
            times[row] = fact.internal_date
            sent_days[row] = _MISSING if fact.sent_date is None else fact.sent_date

    def fill_saved(self, rows: Rows, dates: Sequence[int | None]) -> None:
        """Take in when the messages of ``rows`` were saved; ``None`` for those that are gone."""
        days = self._columns[Fact.SAVED_DAY]
        for row, date in zip(rows, dates, strict=True):
            days[row] = _MISSING if date is None else date // _SECONDS_OF_DAY

    def between(self, rows: Rows, test: FactBetween) -> list[int]:
        """Those of ``rows``, all of them read, whose fact lies within the bounds."""
        column = self._columns[test.fact]
        low = test.low
        if low is None:
            low = _MISSING + 1 if test.fact in (Fact.SENT_DAY, Fact.SAVED_DAY) else _LEAST
        high = _MOST if test.high is None else test.high
        if len(rows) and len(rows) == rows[-1] - rows[0] + 1:
            values = column[rows[0] : rows[-1] + 1]
            return [row for row, value in zip(rows, values, strict=True) if low <= value <= high]
        return [row for row in rows if low <= column[row] <= high]


class FactCache:
    """The columns of the mailboxes that were searched last, within a bound on rows.

    Args:
        rows: how many rows to keep over all mailboxes; the mailbox searched last is always kept.
    """

    def __init__(self, rows: int = limits.FACT_ROWS_CACHED) -> None:
        self._rows = rows
        self._columns: WeakKeyDictionary[MailboxState, FactColumns] = WeakKeyDictionary()

    def columns(self, state: MailboxState) -> FactColumns:
        """The columns in step with the state's present ``uids``."""
        columns = self._columns.pop(state, None) or FactColumns(state.uids)
        if columns.uids is not state.uids:
            columns = columns.realigned(state.uids)
        columns.grow(len(state.uids))
        self._columns[state] = columns  # the last one in the dictionary's order is the last to be let go
        self._trim()
        return columns

    def _trim(self) -> None:
        known = list(self._columns.items())
        total = sum(len(columns) for _, columns in known)
        for state, columns in known[:-1]:
            if total <= self._rows:
                break
            total -= len(columns)
            del self._columns[state]


async def read_facts(account: Account, columns: FactColumns, contents: "array[int]", rows: Rows, pace: Pace) -> None:
    """Have the facts of ``rows`` in ``columns``; asks the store only for those not read yet."""
    unread = columns.unread(rows)
    for start in range(0, len(unread), limits.FACTS_READ_AT_ONCE):
        part = unread[start : start + limits.FACTS_READ_AT_ONCE]
        columns.fill(part, await read_all(account.facts, [ContentId(contents[row]) for row in part], UNREADABLE))
        await pace.rest()


async def read_saved(account: Account, columns: FactColumns, snapshot: Snapshot, rows: Rows, pace: Pace) -> None:
    """Have in ``columns`` when the messages of ``rows`` were saved; asks the store only for those not read yet."""
    unread = columns.unread(rows, Fact.SAVED_DAY)
    for start in range(0, len(unread), limits.FACTS_READ_AT_ONCE):
        part = unread[start : start + limits.FACTS_READ_AT_ONCE]
        uids = [Uid(snapshot.uids[row]) for row in part]
        columns.fill_saved(part, await account.saved_dates(snapshot.mailbox, uids))
        await pace.rest()
