"""What the workers of one server count together, so that limits hold for all of them: memory that they share.

The parent makes the memory before it forks them. In it each worker writes only what is its own, which needs no locks,
and reads what the others wrote. Python hashes texts with a secret of the parent's, which all have in common and nobody
else knows.

Connections are added up in places found by hash, two keys in one place counting together: of 65,536 places that is
rare, and refuses at worst a connection too many, or tells a worker what it need not know. Failed logins are kept with
the whole hash: of two in one place the later one stays.
"""

import mmap
from collections.abc import Hashable
from typing import Final

_PLACES: Final = 1 << 16
_COUNTS: Final = 4 * _PLACES
_FAILURES: Final = 16 * _PLACES
_NAME: Final = 8
_WORKER: Final = _COUNTS + _FAILURES + _NAME
"""Octets of one worker; only pages that are written to take any memory."""
_HASH_BITS: Final = (1 << 64) - 1
_MOST: Final = (1 << 32) - 1
HEARING: Final = "hearing"
"""With an account's id: how many want to be told at once of what others change in the account."""


class CommonCounts:
    """The shared memory of a number of workers."""

    __slots__ = ("_counts", "_failures", "_memory", "_names", "_view", "_workers")

    def __init__(self, workers: int) -> None:
        """Everything is zero. To be made before the workers are forked."""
        self._workers: Final = workers
        self._memory: Final = mmap.mmap(-1, workers * _WORKER)
        self._view: Final = memoryview(self._memory)
        counts, failures = workers * _COUNTS, workers * _FAILURES
        self._counts: Final = self._view[:counts].cast("I")
        self._failures: Final = self._view[counts : counts + failures].cast("Q")
        self._names: Final = self._view[counts + failures :].cast("Q")

    def of(self, worker: int) -> "WorkerCounts":
        """The part of one worker, from 0."""
        others = [each for each in range(self._workers) if each != worker]
        return WorkerCounts(self._counts, self._failures, self._names, worker, others)

    def clear(self, worker: int) -> None:
        """A worker has ended, and so have its connections; its failures still count."""
        self._names[worker] = 0  # first: its socket is that of a stranger
        start = worker * _COUNTS
        self._view[start : start + _COUNTS] = bytes(_COUNTS)


class WorkerCounts:
    """One worker's part of the memory, and a look at those of the others."""

    __slots__ = ("_counts", "_failures", "_first", "_names", "_others", "_siblings", "_worker")

    def __init__(
        self, counts: memoryview, failures: memoryview, names: memoryview, worker: int, others: list[int]
    ) -> None:
        self._counts: Final = counts
        self._failures: Final = failures
        self._names: Final = names
        self._worker: Final = worker
        self._siblings: Final = others
        self._first: Final = worker * _PLACES
        self._others: Final = [other * _PLACES for other in others]

    # --- connections --------------------------------------------------------------------------------------------
    def count(self, key: Hashable, change: int) -> None:
        """This worker counts so many more of a key, or fewer."""
        self._counts[self._first + hash(key) % _PLACES] += change

    def elsewhere(self, key: Hashable) -> int:
        """How many of a key the other workers count, hardly ever too many."""
        place = hash(key) % _PLACES
        counts = self._counts
        found: int = sum([counts[other + place] for other in self._others])
        return found

    # --- who is to be told; implements mailwren.store.bus.Audience --------------------------------------------------
    def join(self, process: str) -> None:
        """Others know this worker by a name on the bus."""
        self._names[self._worker] = hash(process) & _HASH_BITS or 1

    def hears(self, process: str, account_id: str) -> bool:
        """Whether a process wants to be told of changes in an account; of one that is no worker nobody knows."""
        hashed = hash(process) & _HASH_BITS or 1
        place = hash((HEARING, account_id)) % _PLACES
        for worker in self._siblings:
            if self._names[worker] == hashed:
                return bool(self._counts[worker * _PLACES + place])
        return True

    # --- failed logins; implements mailwren.auth.throttle.Elsewhere -----------------------------------------------
    def tell(self, key: Hashable, number: int, now: float) -> None:
        """This worker counts so many failures of a key, the last one now."""
        hashed = hash(key) & _HASH_BITS
        place = 2 * (self._first + hashed % _PLACES)
        self._failures[place] = 0  # until both numbers are there
        self._failures[place + 1] = min(number, _MOST) << 32 | min(int(now), _MOST)
        self._failures[place] = hashed or 1

    def failures(self, key: Hashable, since: float) -> int | None:
        """How many the others count whose last one was at ``since`` or later; ``None``: no other knows the key."""
        hashed = hash(key) & _HASH_BITS
        known = [
            self._failures[place + 1]
            for other in self._others
            if self._failures[place := 2 * (other + hashed % _PLACES)] == (hashed or 1)
        ]
        if not known:
            return None
        return sum(each >> 32 for each in known if each & _MOST >= int(since))
