"""Working on many things without holding the event loop: in parts, and sorted in pieces that are merged then."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from mailwren.base import limits
from mailwren.search.pace import Pace

T = TypeVar("T")
U = TypeVar("U")
_MERGED_AT_ONCE: Final = 2048
_MADE_AT_ONCE: Final = 4096


def parts(count: int, size: int = _MADE_AT_ONCE) -> Iterator[slice]:
    """The places of so many things, in parts of which each is worked on at once."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


async def made(items: Sequence[T], make: Callable[[Sequence[T]], Iterable[U]], pace: Pace) -> list[U]:
    """What is made of each of the items, in their order."""
    result: list[U] = []
    for part in parts(len(items)):
        result += make(items[part])
        await pace.rest()
    return result


# Any: keys of one call are comparable with each other, which their type cannot say.
async def in_order(items: list[T], pace: Pace, key: Callable[[T], Any] | None = None) -> list[T]:
    """The items ascending by their keys (by themselves without ``key``); equal ones stay in their order."""
    size = limits.SORTED_AT_ONCE
    if len(items) <= size:
        result = sorted(items, key=key)  # type: ignore[type-var,arg-type] # without a key the items are comparable
        await pace.rest()
        return result
    pieces: list[list[T]] = []
    for start in range(0, len(items), size):
        pieces.append(sorted(items[start : start + size], key=key))  # type: ignore[type-var,arg-type] # as above
        await pace.rest()
    return await _merged(heapq.merge(*pieces, key=key), pace)  # type: ignore[arg-type] # as above


async def _merged(items: Iterable[T], pace: Pace) -> list[T]:
    source = iter(items)
    result: list[T] = []
    while part := list(islice(source, _MERGED_AT_ONCE)):
        result += part
        await pace.rest()
    return result
