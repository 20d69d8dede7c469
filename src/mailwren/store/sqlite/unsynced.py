"""One account's commits that the disk does not have yet, and nobody was told of: the kernel syncs them.

A commit that comes while the log is being synced waits for the next sync, and shares it with all that wait.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from mailwren.base import limits
from mailwren.store.kernel_syncs import KernelSyncs
from mailwren.store.sqlite.commit import Committed
from mailwren.store.sqlite.requests import Request

Waiting: TypeAlias = tuple[Sequence[Request], Committed]
"""Requests and what was committed for them."""


class Unsynced:
    """Called on the event loop."""

    __slots__ = ("_descriptor", "_log", "_number", "_syncing", "_syncs", "_told", "_waiting")

    def __init__(self, log: Path | None, syncs: KernelSyncs, told: Callable[[Sequence[Waiting], int], None]) -> None:
        """Sync the write-ahead log at ``log``.

        Args:
            log: ``None`` where there is none.
            syncs: the process's.
            told: called with those that a sync was for, and the system's error number, 0 where the disk has them.
        """
        self._log: Final = log
        self._syncs: Final = syncs
        self._told: Final = told
        self._descriptor = -1
        """Kept open, so that an error is told to us whoever else was told of it."""
        self._waiting: list[Waiting] = []
        self._syncing = False
        self._number = 0

    @property
    def working(self) -> bool:
        """Whether anybody waits."""
        return self._syncing

    def has_room(self, number: int) -> bool:
        """Whether so many more requests may be committed before the disk has them, and the log can be synced."""
        if self._number + number > limits.UNSYNCED_REQUESTS or self._log is None:
            return False
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(self._log, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return False
        return True

    def add(self, requests: Sequence[Request], committed: Committed) -> None:
        """Sync the log for what was just committed. There was room."""
        self._number += len(requests)
        self._waiting.append((requests, committed))
        if not self._syncing:
            self._sync()

    def _sync(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._syncing = True
        self._syncs.sync(self._descriptor, partial(self._synced, waiting))

    def _synced(self, waiting: Sequence[Waiting], error: int) -> None:
        self._syncing = False
        if error:
            # What stands in the log behind a place that is lost is lost as well.
            waiting, self._waiting = [*waiting, *self._waiting], []
        self._number -= sum(len(requests) for requests, _ in waiting)
        if self._waiting:
            self._sync()
        self._told(waiting, error)

    def close(self) -> None:
        """Let go of the log. Nobody may be waiting."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
