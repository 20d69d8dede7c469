"""A sorted result as its client has it, and the places where messages leave it and come into it (RFC 5267 §4.3.3).

Context positions count from 1. Each pair of a position and messages is carried out by the client before the next one,
so every position holds for the list as the pairs before it have left it.
"""

from array import array
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Placed: TypeAlias = list[tuple[int, list[int]]]
"""Positions, each with the UIDs that leave from there or come in there, in the result's order."""


@dataclass(slots=True)
class Arrangement:
    """The order of one result."""

    uids: "array[int]"
    """As the client has them."""
    sort: Callable[[list[int]], Awaitable[list[int]]]
    """Puts positions of the view, ascending, in order; those of messages that are gone fall out."""

    def take_out(self, gone: Collection[int]) -> Placed:
        """Take messages out; from where."""
        left = 0
        placed: Placed = []
        for start, stop in _runs(self.uids, gone):
            placed.append((start + 1 - left, self.uids[start:stop].tolist()))
            left += stop - start
        if placed:
            self.uids = array("I", [uid for uid in self.uids if uid not in gone])
        return placed

    def replace(self, uids: Sequence[int]) -> tuple[Placed, Placed]:
        """Have these messages in this order; what leaves, and then what comes in.

        What stays keeps its order among itself, as sort keys never change; should it not, all of it leaves and comes.
        """
        now, before = set(uids), set(self.uids)
        stays = [uid for uid in uids if uid in before]
        if stays != [uid for uid in self.uids if uid in now]:
            stays, before = [], set()
        removed = self.take_out(set(self.uids).difference(stays))
        self.uids = array("I", uids)
        added = [(start + 1, list(uids[start:stop])) for start, stop in _runs(uids, now.difference(before))]
        return removed, added


def _runs(uids: Sequence[int], wanted: Collection[int]) -> Iterator[tuple[int, int]]:
    """Where ``wanted`` ones stand next to each other, half open from 0."""
    start: int | None = None
    for place, uid in enumerate(uids):
        if uid in wanted:
            start = place if start is None else start
        elif start is not None:
            yield start, place
            start = None
    if start is not None:
        yield start, len(uids)
