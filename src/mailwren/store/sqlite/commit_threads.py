"""Where prepared transactions are committed: a commit waits for the disk, and the event loop must not wait for long.

Waking a thread and being woken by it takes longer than many a disk does. So as long as the disk is that quick, commits
wait for it on the event loop. What they wait there too long is a debt, which time pays off slowly; when it is too much,
the next commits are left to the threads until it is paid. So the loop loses half a percent of its time to a slow disk,
however slow that is, and a quick one may be slow now and then. Waiting for a processor is no debt: in a thread a commit
would wait for it as well, and the loop for its end.

A pool of :mod:`concurrent.futures` makes a future, a lock and a condition for every job, which here would cost more
than what Python has to do for the commit itself.
"""

import threading
from collections import deque
from collections.abc import Callable
from math import inf
from queue import SimpleQueue
from time import perf_counter
from typing import Final, TypeVar

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.store.sqlite.processor_wait import ProcessorWait

Work = Callable[[], None]
R = TypeVar("R")


class CommitThreads:
    """Runs work in a few threads, which are started when they are needed. Called on the event loop."""

    __slots__ = ("_clock", "_debt", "_left", "_looked", "_number", "_queue", "_threads", "_unfinished", "_waited")

    def __init__(
        self,
        number: int,
        clock: Callable[[], float] = perf_counter,
        waited: Callable[[], ProcessorWait] = ProcessorWait,
    ) -> None:
        """Use up to ``number`` threads.

        Args:
            number: how many.
            clock: seconds, as exact as there are.
            waited: makes what tells how long the event loop's thread has waited for a processor.
        """
        self._clock: Final = clock
        self._debt = 0.0
        """Seconds that commits on the event loop waited too long, and that are not paid yet."""
        self._left = False
        """Whether commits are left to the threads until the debt is paid."""
        self._looked = -inf
        self._waited: Final = waited()
        self._number: Final = number
        self._queue: Final[SimpleQueue[Work | None]] = SimpleQueue()
        self._threads: Final[list[threading.Thread]] = []
        # One entry for each piece of work that is not finished yet; appending and popping need no lock.
        self._unfinished: Final[deque[None]] = deque()

    def here(self, commit: Callable[[], R]) -> R | None:
        """Commit on the event loop, if the disk was quick of late; ``None``: no, a thread is to do it."""
        start = self._clock()
        self._debt = max(self._debt - (start - self._looked) * limits.COMMIT_HERE_SHARE, 0.0)
        self._looked = start
        if self._left and self._debt:
            return None
        # Asking takes two microseconds: done where there has been anything to ask about.
        asked = self._debt > 0
        waited = self._waited() if asked else 0.0
        result = commit()
        self._looked = self._clock()
        late = self._looked - start - limits.COMMIT_HERE_SECONDS
        if late > 0 and asked:
            late -= self._waited() - waited
        if late > 0:
            self._debt = min(self._debt + late, limits.COMMIT_HERE_DEBT_MAX)
        self._left = self._debt > limits.COMMIT_HERE_DEBT
        return result

    def run(self, work: Work) -> None:
        """Run ``work`` in a thread, as soon as one is free; it tells its results itself."""
        self._unfinished.append(None)
        self._queue.put(work)
        if len(self._unfinished) > len(self._threads) and len(self._threads) < self._number:
            # A daemon, so that a store that nobody closes does not keep the process from ending.
            thread = threading.Thread(target=self._serve, name=f"commit-{len(self._threads)}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                log.warning("no thread can be started for commits now", reason=str(error))
                if not self._threads:
                    self._queue.get()  # this very work
                    self._do(work)
            else:
                self._threads.append(thread)

    @property
    def working(self) -> bool:
        """Whether any work is not finished yet."""
        return bool(self._unfinished)

    def close(self) -> None:
        """End the threads when their work is done, and wait for that."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._waited.close()

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            self._do(work)

    def _do(self, work: Work) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the next one's work must go on
            log.error("a commit ended in a way that was not foreseen", reason=repr(error))
        self._unfinished.pop()
