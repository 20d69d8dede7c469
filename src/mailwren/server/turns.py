"""Turns at the event loop for commands that take long: one after the other, so that short ones are never kept waiting.

Were each of many long commands given its slice in every round of the loop, everybody else would wait for the sum of
them. Here one waiting command goes on in each round, and between rounds the loop serves whatever came in.
"""

import asyncio
from collections import deque
from time import perf_counter

from mailwren.base import limits


class Turns:
    """The turns of one process. Everything here happens on its event loop."""

    __slots__ = ("_end", "_round", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round: asyncio.Handle | None = None
        self._end = 0.0

    async def rest(self) -> None:
        """Go on at once while the present round is young, otherwise when all who waited before have had their turn."""
        loop = asyncio.get_running_loop()
        if self._round is None:
            self._begin_round(loop)
        elif perf_counter() >= self._end:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn

    def _begin_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._end = perf_counter() + limits.SLICE_SECONDS
        self._round = loop.call_soon(self._end_round, loop)

    def _end_round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._round = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # whoever waited may have been cancelled
                self._begin_round(loop)
                turn.set_result(None)
                return
