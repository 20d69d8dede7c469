"""The order of messages by a sort program (RFC 5256 §3): numbers made of their keys, so that sorting compares integers.

Every message has one number: the places of its keys among those of all, the first criterion's weighing most, and at
last its own row, as what is equal stays in the mailbox's order.
"""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import total_ordering
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from mailwren.search.collation import Collation
from mailwren.search.ordering import in_order, made, parts
from mailwren.search.pace import Pace
from mailwren.search.sort_columns import TEXTS, SortColumns, SortField, TextColumn

_TEXTS_AT_ONCE: Final = 1024
_FEW: Final = 64
"""Messages that are put into a known order one by one."""


_CHANGING: Final = frozenset({SortField.MODSEQ, SortField.RELEVANCY})


class AnnotationKey(NamedTuple):
    """Which annotation messages are sorted by (RFC 5257 §4.9)."""

    entry: str
    is_shared: bool


class Criterion(NamedTuple):
    """One key of a sort program."""

    field: SortField | AnnotationKey
    reverse: bool = False

    @property
    def changes(self) -> bool:
        """Whether it is what a message has not once for all."""
        return self.field in _CHANGING or isinstance(self.field, AnnotationKey)

    @property
    def is_text(self) -> bool:
        """Whether the collation has a say."""
        return self.field in TEXTS or isinstance(self.field, AnnotationKey)


class Beside(NamedTuple):
    """What changes, in step with the columns."""

    numbers: Mapping[SortField, "array[int]"] = MappingProxyType({})
    texts: Mapping[AnnotationKey, TextColumn] = MappingProxyType({})


class Order(NamedTuple):
    """A sort program, and how its texts are compared."""

    program: tuple[Criterion, ...]
    collation: Collation


Column: TypeAlias = tuple[list[int], int]
"""A number for each of the rows, from 0 up to below the bound that stands beside them."""


async def ordered(columns: SortColumns, rows: Sequence[int], order: Order, beside: Beside, pace: Pace) -> list[int]:
    """The rows (ascending) in an order.

    Args:
        columns: what is compared.
        rows: which messages.
        order: by what, and how.
        beside: what is not among the columns and the program names, in step with them: numbers, or texts.
        pace: lets others run.
    """
    comparison = _Comparison(columns, rows, order.collation, beside, pace)
    count = len(rows)
    numbers = [0] * count
    for criterion in order.program:
        values, bound = await comparison.column(criterion.field)
        last = bound - 1
        for part in parts(count):
            if criterion.reverse is not (criterion.is_text and order.collation.descending):
                numbers[part] = [a * bound + last - b for a, b in zip(numbers[part], values[part], strict=True)]
            else:
                numbers[part] = [a * bound + b for a, b in zip(numbers[part], values[part], strict=True)]
            await pace.rest()
    for part in parts(count):
        places = range(part.start, part.stop)
        numbers[part] = [a * count + b for a, b in zip(numbers[part], places, strict=True)]
        await pace.rest()
    return await made(await in_order(numbers, pace), lambda some: [rows[number % count] for number in some], pace)


class _Comparison(NamedTuple):
    """What :func:`ordered` was asked."""

    columns: SortColumns
    rows: Sequence[int]
    collation: Collation
    beside: Beside
    pace: Pace

    async def column(self, field: SortField | AnnotationKey) -> Column:
        """One criterion of every row as a number."""
        if field is SortField.UID:
            return list(range(len(self.rows))), max(len(self.rows), 1)
        if isinstance(field, AnnotationKey) or field in TEXTS:
            column = self.beside.texts[field] if isinstance(field, AnnotationKey) else self.columns.texts[field]
            ranks, texts = await text_ranks(column, self.rows, self.collation, self.pace)
            return ranks, texts + 1
        source = self.beside.numbers[field] if field in _CHANGING else self.columns.numbers[field]
        values = await made(self.rows, lambda some: [source[row] for row in some], self.pace)
        least, most = min(values, default=0), max(values, default=0)
        return await made(values, lambda some: [value - least for value in some], self.pace), most - least + 1


async def text_ranks(
    column: TextColumn, rows: Sequence[int], collation: Collation, pace: Pace
) -> tuple[list[int], int]:
    """The place of each row's text among those of all, the same for equal ones, 0 if empty; and the last place."""
    source, texts = column.codes, column.texts
    codes = await made(rows, lambda some: [source[row] for row in some], pace)
    different = list(set(codes))
    keys: dict[int, str] = {}
    for part in parts(len(different), _TEXTS_AT_ONCE):
        for code in different[part]:
            keys[code] = collation.key(texts[code])
        await pace.rest()
    ranks: dict[int, int] = {}
    rank, before = 0, ""
    ascending = await in_order(different, pace, keys.__getitem__)
    for part in parts(len(ascending)):
        for code in ascending[part]:
            key = keys[code]
            if key != before:
                rank, before = rank + 1, key
            ranks[code] = rank
        await pace.rest()
    return await made(codes, lambda some: [ranks[code] for code in some], pace), rank


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
    assert isinstance(field, SortField)  # no order is kept by what changes
    if field in TEXTS:
        column = columns.texts[field]
        text = collation.key(column.texts[column.codes[row]])
        return _Descending(text) if reverse is not collation.descending else text
    number = row if field is SortField.UID else columns.numbers[field][row]
    return -number if reverse else number
