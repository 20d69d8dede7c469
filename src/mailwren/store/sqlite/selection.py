"""UIDs in SQL: which messages a set of UIDs means, and statements over many of them at once.

A set of a few ranges is asked range by range. A set of thousands of single UIDs is handed over as one array
(``carray``), so that no number of UIDs makes a statement per message. Answers come as one aggregated text, which
costs a third of a row for each UID, and during which SQLite leaves the interpreter free for other threads.
"""

import json
from array import array
from collections.abc import Iterator
from typing import Any, Final

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.ranges import RangeSet
from mailwren.store.sqlite.rows import fetch, fetch_one, fetch_value


def numbers(text: str | None) -> list[int]:
    """The numbers of a ``group_concat``."""
    result: list[int] = json.loads(f"[{text}]") if text else []
    return result


def packed(uids: RangeSet) -> "apsw.CArrayBinding":
    """The ranges of a set that is not empty, both ends of each in one number of 64 bits, signed as SQLite has them.

    To be taken apart as ``(value >> 32) & 4294967295`` and ``value & 4294967295``.
    """
    return apsw.carray(array("q", (_signed(low << 32 | high) for low, high in uids.ranges())))


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


_COUNT: Final = (
    "SELECT count(*), min(m.uid), max(m.uid) FROM $TABLE m WHERE m.mailbox = ? AND m.uid BETWEEN ? AND ? $CONDITION"
)
_LIST: Final = (
    "SELECT group_concat(uid), max(uid) FROM (SELECT m.uid AS uid FROM $TABLE m "
    "WHERE m.mailbox = ? AND m.uid BETWEEN ? AND ? $CONDITION ORDER BY m.uid LIMIT 16384)"
)
"""So many at a time as become numbers in a millisecond, for which other threads have to wait."""
_PACKED: Final = (
    "SELECT group_concat(m.uid) FROM carray(?) wanted CROSS JOIN $TABLE m ON m.mailbox = ? AND m.uid BETWEEN "
    "(wanted.value >> 32) & 4294967295 AND wanted.value & 4294967295 $CONDITION"
)
_SMALL_RANGE: Final = 1000
_PACKED_AT_ONCE: Final = 16_384


class Condition:
    """Which of the messages that a set of UIDs names are meant."""

    __slots__ = ("_count", "_list", "_packed")

    def __init__(self, condition: str = "", table: str = "message") -> None:
        """With a condition on the message's row ``m``, such as ``AND m.modseq > ?``, or on that of another table."""
        self._count: Final = _COUNT.replace("$CONDITION", condition).replace("$TABLE", table)
        self._list: Final = _LIST.replace("$CONDITION", condition).replace("$TABLE", table)
        self._packed: Final = _PACKED.replace("$CONDITION", condition).replace("$TABLE", table)

    # Any: what SQLite takes has no common type.
    def present(self, connection: apsw.Connection, mailbox: MailboxId, wanted: RangeSet, *bindings: Any) -> RangeSet:
        """The UIDs of the set that exist in a mailbox and meet the condition."""
        found: list[tuple[int, int]] = []
        many = wanted.range_count > limits.RANGES_ONE_BY_ONE
        small: list[tuple[int, int]] = []
        for low, high in wanted.ranges():
            if many and high - low < _SMALL_RANGE:
                small.append((low, high))
            else:
                found.extend(self._between(connection, mailbox, low, high, bindings))
        for some in _slices(small):
            text = fetch_value(connection, self._packed, (packed(some), mailbox, *bindings))
            found.extend(RangeSet.of_sorted(numbers(text)).ranges())
        return RangeSet(found)

    def _between(
        self, connection: apsw.Connection, mailbox: MailboxId, low: int, high: int, bindings: tuple[Any, ...]
    ) -> Iterator[tuple[int, int]]:
        count, first, last = fetch_one(connection, self._count, (mailbox, low, high, *bindings))
        if count and last - first + 1 == count:
            yield first, last
            return
        while count:
            text, stop = fetch_one(connection, self._list, (mailbox, first, last, *bindings))
            uids = numbers(text)
            yield from RangeSet.of_sorted(uids).ranges()
            count -= len(uids)
            first = stop + 1


def _slices(ranges: list[tuple[int, int]]) -> Iterator[RangeSet]:
    """The ranges in parts that name no more than so many UIDs each."""
    part: list[tuple[int, int]] = []
    named = 0
    for low, high in ranges:
        part.append((low, high))
        named += high - low + 1
        if named >= _PACKED_AT_ONCE:
            yield RangeSet(part)
            part, named = [], 0
    if part:
        yield RangeSet(part)


EXISTING: Final = Condition()
CHANGED_AFTER: Final = Condition("AND m.modseq > ?")
"""Binds a mod-sequence."""
WITH_FLAGS: Final = Condition("AND m.flags IN (SELECT value FROM carray(?))")
"""Binds an array of flag set ids."""
DELETED: Final = Condition("AND m.flags IN (SELECT id FROM flag_set WHERE deleted)")


def scope(wanted: RangeSet, uids: RangeSet) -> RangeSet:
    """A set that means the same messages as ``uids``, all of ``wanted`` that exist, in fewer ranges if it can be.

    Messages that come later are not meant: they have larger UIDs.
    """
    if uids.range_count <= limits.RANGES_ONE_BY_ONE:
        return uids
    between = wanted.clipped(uids.first, uids.last)
    return between if between.range_count <= limits.RANGES_ONE_BY_ONE else uids


class OverUids:
    """A statement over messages: once for each of a few ranges of UIDs, or once for all UIDs of more ranges."""

    __slots__ = ("_among", "_between")

    def __init__(self, statement: str) -> None:
        """``$UIDS``, at the end of the bindings, stands for the condition on ``uid``."""
        self._between: Final = statement.replace("$UIDS", "uid BETWEEN ? AND ?")
        self._among: Final = statement.replace("$UIDS", "uid IN (SELECT value FROM carray(?))")

    def run(self, connection: apsw.Connection, uids: RangeSet, *bindings: Any) -> list[Any]:
        """Run it; its rows, if it has any, one after the other."""
        if uids.range_count > limits.RANGES_ONE_BY_ONE:
            return fetch(connection, self._among, (*bindings, apsw.carray(array("q", uids))))
        rows: list[Any] = []
        for low, high in uids.ranges():
            rows += fetch(connection, self._between, (*bindings, low, high))
        return rows


_BY_FLAGS: Final = OverUids(
    "SELECT flags, count(*), sum(size) FROM message WHERE mailbox = ? AND $UIDS GROUP BY flags",
)
_EACH: Final = OverUids("SELECT flags, 1, size FROM message WHERE mailbox = ? AND $UIDS")
_FEW: Final = 32
"""Messages that are counted here: what SQLite sets up to group rows takes as long as reading so many."""


def by_flags(connection: apsw.Connection, mailbox: MailboxId, uids: RangeSet) -> dict[int, tuple[int, int]]:
    """How many messages and octets of a set have which flags."""
    result: dict[int, tuple[int, int]] = {}
    statement = _EACH if len(uids) <= _FEW else _BY_FLAGS
    for flags, count, size in statement.run(connection, uids, mailbox):
        before = result.get(flags, (0, 0))
        result[flags] = (before[0] + count, before[1] + size)
    return result
