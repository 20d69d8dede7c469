"""Sorting many things without holding the event loop: sorted in pieces, then merged."""

import heapq
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, TypeVar

from mailwren.base import limits
from mailwren.search.pace import Pace

T = TypeVar("T")
_MERGED_AT_ONCE: Final = 2048


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
