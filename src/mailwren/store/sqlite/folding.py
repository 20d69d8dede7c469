"""Folding an account's write-ahead log into the database while the account is being changed.

SQLite lets changes go on while another connection copies what was committed before them, which takes tens of
milliseconds of writing and syncing. Only the little that is committed meanwhile is left for the writer's own
connection, which changes nothing while it folds: after that the log begins anew.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import apsw

from mailwren.base import limits
from mailwren.base.logs import log


class Folding:
    """Folds one account's log ahead of the writer, which tells when. Its methods belong to the event loop."""

    __slots__ = ("_ended", "_executor", "_future", "_loop", "_pages", "_path", "done", "failed")

    def __init__(self, path: Path, executor: Executor, *, pages: Callable[[], int], ended: Callable[[], None]) -> None:
        """Fold the log of the database at ``path``.

        Args:
            path: the database.
            executor: has the threads.
            pages: how many pages the log has; asked in the thread.
            ended: called on the event loop when it was done, or was not possible.
        """
        self._path: Final = path
        self._executor: Final = executor
        self._pages: Final = pages
        self._ended: Final = ended
        self._loop: Final = asyncio.get_running_loop()
        self._future: asyncio.Future[None] | None = None
        self.done = False
        """It was done since the writer last began a log anew."""
        self.failed = False
        """The disk did not take it."""

    @property
    def running(self) -> bool:
        """Whether a thread is at it; any thread may ask."""
        return self._future is not None

    def begin(self) -> None:
        """Begin, unless it goes on or was done."""
        if self._future is None and not self.done:
            self.failed = False
            self._future = self._loop.run_in_executor(self._executor, self._fold)
            self._future.add_done_callback(self._over)

    async def end(self) -> None:
        """Wait until no thread is at it."""
        if self._future is not None:
            await asyncio.wait([self._future])

    def _over(self, future: "asyncio.Future[None]") -> None:
        self._future = None
        self.done = True
        if not future.cancelled() and (error := future.exception()) is not None:
            self.failed = isinstance(error, apsw.IOError)
            log.warning("the write-ahead log could not be folded into the database", reason=str(error))
        self._ended()

    # --- in the thread ------------------------------------------------------------------------------------------
    def _fold(self) -> None:
        """Copy until little is left, or it was tried often enough. Raises apsw.Error."""
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.pragma("user_version")  # only with the first look is the log opened
            for _ in range(limits.FOLDINGS):
                _, folded = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                if self._pages() - folded <= limits.WAL_PAGES // 16:
                    break
        except apsw.BusyError:
            pass  # another process folds it
        finally:
            connection.close()
