"""The order of messages by a sort program (RFC 5256 §3): numbers made of their keys, so that sorting compares integers.

Every message has one number: the places of its keys among those of all, the first criterion's weighing most, and at
last its own row, as what is equal stays in the mailbox's order.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import total_ordering
from typing import Any, Final, NamedTuple, TypeAlias

from mailwren.search.collation import Collation
from mailwren.search.ordering import in_order
from mailwren.search.pace import Pace
from mailwren.search.sort_columns import TEXTS, SortColumns, SortField

_ROWS_AT_ONCE: Final = 4096
_TEXTS_AT_ONCE: Final = 1024
_FEW: Final = 64
"""Messages that are put into a known order one by one."""


class Criterion(NamedTuple):
    """One key of a sort program."""

    field: SortField
    reverse: bool = False


class Order(NamedTuple):
    """A sort program, and how its texts are compared."""

    program: tuple[Criterion, ...]
    collation: Collation


Column: TypeAlias = tuple[list[int], int]
"""A number for each of the rows, from 0 up to below the bound that stands beside them."""


async def ordered(
    columns: SortColumns, rows: Sequence[int], order: Order, modseqs: "array[int]", pace: Pace
) -> list[int]:
    """The rows (ascending) in an order.

    Args:
        columns: what is compared.
        rows: which messages.
        order: by what, and how.
        modseqs: mod-sequences by row, in step with the columns; asked for by programs that name them.
        pace: lets others run.
    """
    comparison = _Comparison(columns, rows, order.collation, modseqs, pace)
    numbers = [0] * len(rows)
    for field, reverse in order.program:
        values, bound = await comparison.column(field)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            if reverse is not (field in TEXTS and order.collation.descending):
                last = bound - 1
                numbers[part] = [a * bound + last - b for a, b in zip(numbers[part], values[part], strict=True)]
            else:
                numbers[part] = [a * bound + b for a, b in zip(numbers[part], values[part], strict=True)]
            await pace.rest()
    count = len(rows)
    for start in range(0, count, _ROWS_AT_ONCE):
        stop = min(start + _ROWS_AT_ONCE, count)
        numbers[start:stop] = [a * count + b for a, b in zip(numbers[start:stop], range(start, stop), strict=True)]
        await pace.rest()
    numbers = await in_order(numbers, pace)
    for start in range(0, count, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        numbers[part] = [rows[number % count] for number in numbers[part]]
        await pace.rest()
    return numbers


class _Comparison(NamedTuple):
    """What :func:`ordered` was asked."""

    columns: SortColumns
    rows: Sequence[int]
    collation: Collation
    modseqs: "array[int]"
    pace: Pace

    async def column(self, field: SortField) -> Column:
        """One criterion of every row as a number."""
        rows = self.rows
        if field is SortField.UID:
            return list(range(len(rows))), max(len(rows), 1)
        if field in TEXTS:
            column = self.columns.texts[field]
            codes = await self._picked(column.codes)
            ranks = await text_ranks(column.texts, set(codes), self.collation, self.pace)
            return [ranks[code] for code in codes], len(ranks) + 1
        source = self.modseqs if field is SortField.MODSEQ else self.columns.numbers[field]
        values = await self._picked(source)
        least = min(values, default=0)
        return [value - least for value in values], max(values, default=0) - least + 1

    async def _picked(self, source: "array[int]") -> list[int]:
        result: list[int] = []
        for start in range(0, len(self.rows), _ROWS_AT_ONCE):
            result += [source[row] for row in self.rows[start : start + _ROWS_AT_ONCE]]
            await self.pace.rest()
        return result


async def text_ranks(texts: list[str], codes: set[int], collation: Collation, pace: Pace) -> dict[int, int]:
    """For each code the place of its text among those of all codes; the same for texts that are equal, 0 if empty."""
    keys: dict[int, str] = {}
    waiting = list(codes)
    for start in range(0, len(waiting), _TEXTS_AT_ONCE):
        for code in waiting[start : start + _TEXTS_AT_ONCE]:
            keys[code] = collation.key(texts[code])
        await pace.rest()
    result: dict[int, int] = {}
    rank, before = 0, ""
    for code in await in_order(waiting, pace, keys.__getitem__):
        key = keys[code]
        if key != before:
            rank, before = rank + 1, key
        result[code] = rank
    return result


@total_ordering
class _Descending:
    """A text that compares the other way round."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.text == other.text

    def __lt__(self, other: "_Descending") -> bool:
        return other.text < self.text

    def __hash__(self) -> int:
        return hash(self.text)


def extended(columns: SortColumns, known: "array[int]", order: Order) -> "array[int] | None":
    """An older order of the first rows with the rows that came since in their places; ``None`` if they are many."""
    if len(columns) - len(known) > _FEW:
        return None

    def key(row: int) -> tuple[Any, ...]:  # Any: texts and numbers, each compared with its own kind
        return tuple(_comparable(columns, row, criterion, order.collation) for criterion in order.program)

    result = known[:]
    for row in range(len(known), len(columns)):
        result.insert(bisect_right(result, key(row), key=key), row)
    return result


def _comparable(
    columns: SortColumns, row: int, criterion: Criterion, collation: Collation
) -> "int | str | _Descending":
    field, reverse = criterion
    if field in TEXTS:
        column = columns.texts[field]
        text = collation.key(column.texts[column.codes[row]])
        return _Descending(text) if reverse is not collation.descending else text
    number = row if field is SortField.UID else columns.numbers[field][row]
    return -number if reverse else number
