"""Whether a commit waits for the disk apart from the event loop: where several clients commit at the same time.

What one of them waits for on the event loop all of them wait for. One client alone has its answer sooner where the loop
waits itself, as long as the disk is quick: see commit_threads.py.
"""

import asyncio
from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Final

from mailwren.base import limits
from mailwren.store.kernel_syncs import KernelSyncs
from mailwren.store.sqlite.database import boot_id


class ApartSyncs:
    """Those of all accounts of a process. Called on the event loop.

    Attributes:
        syncs: what is under way.
    """

    __slots__ = ("_clock", "_safe", "_together_until", "_turn", "syncs")

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        """With a clock in seconds."""
        self.syncs: Final = KernelSyncs()
        self._clock: Final = clock
        self._safe: Final = bool(boot_id())
        """Whether it can be told that the machine was started anew: see UID_JUMP in database.py."""
        self._turn: object = None
        """Whose commit was the first in this turn of the event loop; ``None``: there was none."""
        self._together_until = -inf

    def wanted(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the commit that is about to be is one of several clients' at the same time.

        That is seen where different tasks ask in one turn of the loop, or one while another's sync is under way:
        nobody can have had an answer between them. It is believed for a while.
        """
        now, asking = self._clock(), asyncio.current_task(loop) or loop
        if self._turn is None:
            self._turn = asking
            loop.call_soon(self._next_turn)
        if self.syncs.working or self._turn is not asking:
            self._together_until = now + limits.COMMITS_TOGETHER_SECONDS
        return now < self._together_until and self._safe and self.syncs.available

    def _next_turn(self) -> None:
        self._turn = None
