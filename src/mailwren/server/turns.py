"""Turns at the event loop for commands that take long: one after the other, so that short ones are never kept waiting.

Were each of many long commands given its slice in every round of the loop, everybody else would wait for the sum of
them. Here one waiting command goes on, and before the next one does, the loop serves whatever came in meanwhile: nobody
waits for longer than one slice.
"""

import asyncio
from collections import deque
from time import perf_counter

from mailwren.base import limits


class Turns:
    """The turns of one process. Everything here happens on its event loop."""

    __slots__ = ("_end", "_scheduled", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._scheduled: asyncio.Handle | None = None
        """What ends the present turn or gives the next one; ``None`` while nobody wants any."""
        self._end = 0.0

    async def begin(self) -> None:
        """Before a little work that many do at the same moment: at once while the present turn is young."""
        if self._scheduled is None:
            self._start(asyncio.get_running_loop())
        elif perf_counter() >= self._end:
            await self.rest()

    async def rest(self) -> None:
        """After a slice of long work: go on when all who waited before have had their turn."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if self._scheduled is None:
            self._scheduled = loop.call_soon(self._give, loop)
        await turn

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._end = perf_counter() + limits.SLICE_SECONDS
        self._scheduled = loop.call_soon(self._over, loop)

    def _over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called once whoever has the turn has run for as long as it wanted to."""
        if perf_counter() < self._end:
            self._give(loop)
        else:  # what came in during a whole slice stands behind us in the loop's queue, and goes first
            self._scheduled = loop.call_soon(self._give, loop)

    def _give(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # whoever waited may have been cancelled
                turn.set_result(None)
                self._start(loop)
                return
