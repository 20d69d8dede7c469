"""How long work holds the event loop before others have their turn."""

import asyncio
from collections.abc import Callable


class Pace:
    """Lets others run whenever a slice of time is used up.

    Args:
        clock: monotonic seconds.
        slice_seconds: how long one stretch of work may take.
    """

    __slots__ = ("_clock", "_slice", "_until")

    def __init__(self, clock: Callable[[], float], slice_seconds: float) -> None:
        self._clock = clock
        self._slice = slice_seconds
        self._until = clock() + slice_seconds

    async def rest(self) -> None:
        """Let others run if the slice is used up. A cancelled task ends here."""
        if self._clock() >= self._until:
            await asyncio.sleep(0)
            self._until = self._clock() + self._slice
