"""What SORT and THREAD compare, of whole mailboxes, as compact columns in memory; read once, then extended.

Rules for whoever edits this file:

1. :class:`SortColumns` runs in step with the first rows of one ``uids`` array of a mailbox's state. When messages go
   away that array is replaced; then new columns are made from the old ones, which sorts under way keep using.
2. What is here can be thrown away at any moment; it is read again.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from enum import Enum
from typing import Final
from weakref import WeakKeyDictionary

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.search.ordering import made, parts
from mailwren.search.pace import Pace
from mailwren.search.recent import Recent
from mailwren.search.rows import common_runs
from mailwren.search.salvage import read_all
from mailwren.search.thread_layout import Threads
from mailwren.store.api import Account
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.values import ContentSorting

UNREADABLE: Final = ContentSorting(0, 0, 0, "", False, "", "", "", "", "", None, b"")
"""Stands for a message that cannot be read."""
_TEXTS_SPARE: Final = 1000


class SortField(Enum):
    """What messages can be sorted by (RFC 5256 §3, RFC 5957 §4, RFC 6203 §6, and Cyrus's two)."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    DISPLAY_FROM = "DISPLAYFROM"
    DISPLAY_TO = "DISPLAYTO"
    FROM = "FROM"
    MODSEQ = "MODSEQ"
    RELEVANCY = "RELEVANCY"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"
    UID = "UID"


NUMBERS: Final = (SortField.SIZE, SortField.ARRIVAL, SortField.DATE)
TEXTS: Final = (
    SortField.SUBJECT,
    SortField.CC,
    SortField.FROM,
    SortField.DISPLAY_FROM,
    SortField.TO,
    SortField.DISPLAY_TO,
)


class TextColumn:
    """Texts of messages, each different one kept once.

    Attributes:
        codes: for each row the place of its text.
        texts: the texts.
    """

    __slots__ = ("_places", "codes", "texts")

    def __init__(self) -> None:
        self.codes = array("I")
        self.texts: list[str] = []
        self._places: dict[str, int] = {}

    def extend(self, texts: Sequence[str]) -> None:
        """Add rows."""
        places, known = self._places, self.texts
        for text in texts:
            place = places.setdefault(text, len(known))
            if place == len(known):
                known.append(text)
            self.codes.append(place)

    def picked(self, runs: Sequence[tuple[int, int]]) -> "TextColumn":
        """A column of the rows in ``runs``; the texts are shared unless many are of other rows."""
        result = TextColumn()
        for start, stop in runs:
            result.codes += self.codes[start:stop]
        if len(self.texts) <= 2 * len(result.codes) + _TEXTS_SPARE:
            result.texts, result._places = self.texts, self._places
            return result
        codes, result.codes = result.codes, array("I")
        result.extend([self.texts[code] for code in codes])
        return result


class SortColumns:
    """The sort keys of one mailbox's messages, by row.

    Attributes:
        uids: the array that the rows are of.
        numbers: sizes, and moments in seconds since the epoch.
        texts: subjects and the like.
        replies: 1 where the subject is a reply's or a forward's.
        message_ids: hashes, 0 without one.
        ancestors: the hashes of all rows' references, one row after the other.
        ancestor_ends: where each row's references end in ``ancestors``.
        orders: whole mailboxes in order, as rows, by program and collation; those of fewer rows can be extended.
        threads: what threading made of which rows, by algorithm and collation.
    """

    __slots__ = (
        "ancestor_ends",
        "ancestors",
        "message_ids",
        "numbers",
        "orders",
        "replies",
        "texts",
        "threads",
        "uids",
    )

    def __init__(self, uids: "array[int]") -> None:
        """Columns in step with ``uids``, nothing read yet."""
        self.uids = uids
        self.numbers = {field: array("q") for field in NUMBERS}
        self.texts = {field: TextColumn() for field in TEXTS}
        self.replies = bytearray()
        self.message_ids = array("q")
        self.ancestors = array("q")
        self.ancestor_ends = array("Q")
        self.orders: Recent[array[int]] = Recent()
        self.threads: Recent[tuple[array[int], Threads]] = Recent()

    def __len__(self) -> int:
        return len(self.replies)

    def extend(self, rows: Sequence[ContentSorting]) -> None:
        """Take in what the store told of the next rows."""
        if not rows:
            return
        sizes, arrivals, sent, subjects, replies, cc, senders, display_senders, recipients, display_recipients, *ids = (
            zip(*rows, strict=True)
        )
        for field, numbers in zip(NUMBERS, (sizes, arrivals, sent), strict=True):
            self.numbers[field].extend(numbers)
        texts = (subjects, cc, senders, display_senders, recipients, display_recipients)
        for text_field, column in zip(TEXTS, texts, strict=True):
            self.texts[text_field].extend(column)
        self.message_ids.extend(identifier or 0 for identifier in ids[0])
        for ancestors in ids[1]:
            self.ancestors.frombytes(ancestors)
            self.ancestor_ends.append(len(self.ancestors))
        self.replies.extend(replies)

    def ancestors_of(self, row: int) -> "array[int]":
        """Hashes of a message's references, the parent last."""
        ends = self.ancestor_ends
        return self.ancestors[ends[row - 1] if row else 0 : ends[row]]

    async def realigned(self, uids: "array[int]", pace: Pace) -> "SortColumns":
        """The same in step with ``uids``, from which messages of the older array have gone."""
        result = SortColumns(uids)
        known = bisect_right(uids, self.uids[len(self) - 1]) if len(self) else 0
        found = common_runs(self.uids, len(self), uids, known)
        runs = [(start + shift, stop + shift) for start, stop, shift in found]
        orders = self.orders.items()
        result.texts = {field: column.picked(runs) for field, column in self.texts.items()}
        for start, stop in runs:
            for field, numbers in self.numbers.items():
                result.numbers[field] += numbers[start:stop]
            result.replies += self.replies[start:stop]
            result.message_ids += self.message_ids[start:stop]
            first = self.ancestor_ends[start - 1] if start else 0
            moved = len(result.ancestors) - first
            result.ancestors += self.ancestors[first : self.ancestor_ends[stop - 1]]
            for part in parts(stop - start):
                ends = self.ancestor_ends[start + part.start : start + part.stop]
                result.ancestor_ends.extend([end + moved for end in ends])
                await pace.rest()
        for order, rows in orders:
            result.orders.put(order, await _without_gone(rows, runs, pace))
        return result


async def _without_gone(rows: "array[int]", runs: Sequence[tuple[int, int]], pace: Pace) -> "array[int]":
    """Rows in an order, as they are counted when only those in ``runs`` are left."""
    gone = len(rows)
    now = array("I", [gone]) * gone
    count = 0
    for start, stop in runs:
        last = min(stop, gone)
        if start < last:
            now[start:last] = array("I", range(count, count + last - start))
            count += last - start
    return array("I", await made(rows, lambda some: [now[row] for row in some if now[row] != gone], pace))


class SortCache:
    """The columns of the mailboxes that were sorted last, within a bound on rows.

    Args:
        rows: how many rows to keep over all mailboxes; the mailbox used last is always kept.
    """

    def __init__(self, rows: int = limits.SORTED_ROWS_CACHED) -> None:
        self._rows = rows
        self._columns: WeakKeyDictionary[MailboxState, SortColumns] = WeakKeyDictionary()

    async def columns(self, account: Account, state: MailboxState, pace: Pace) -> SortColumns:
        """The columns in step with the state's present ``uids``, all rows read. Raises StoreError."""
        uids, contents = state.uids, state.contents
        columns = self._columns.get(state) or SortColumns(uids)
        if columns.uids is not uids:
            columns = await columns.realigned(uids, pace)
            # Another session may have done the same, meanwhile, or be ahead of us.
            known = self._columns.get(state)
            if known is not None and known.uids is uids:
                columns = known
        if columns.uids is state.uids:
            self._columns.pop(state, None)
            self._columns[state] = columns  # the last one in the dictionary's order is the last to be let go
        length = len(uids)
        while (start := len(columns)) < length:
            wanted = [ContentId(each) for each in contents[start : min(start + limits.FACTS_READ_AT_ONCE, length)]]
            rows = await read_all(account.sorting, wanted, UNREADABLE)
            # Another session may have read the same, meanwhile.
            columns.extend(rows[len(columns) - start :])
            await pace.rest()
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
