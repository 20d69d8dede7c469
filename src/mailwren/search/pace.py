"""How long work holds the event loop before others have their turn."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Others: TypeAlias = Callable[[], Awaitable[None]]


async def next_round() -> None:
    """Everybody else has a turn, then it is ours again at once: right where few work at the same time."""
    await asyncio.sleep(0)


class Pace:
    """Lets others run whenever a slice of time is used up.

    Args:
        clock: monotonic seconds.
        slice_seconds: how long one stretch of work may take.
        others: gives the others their turn, and returns when it is this one's again.
    """

    __slots__ = ("_clock", "_others", "_slice", "_until")

    def __init__(self, clock: Callable[[], float], slice_seconds: float, others: Others = next_round) -> None:
        self._clock = clock
        self._slice = slice_seconds
        self._others = others
        self._until = clock() + slice_seconds

    async def rest(self) -> None:
        """Let others run if the slice is used up. A cancelled task ends here."""
        if self._clock() >= self._until:
            await self._others()
            self._until = self._clock() + self._slice
