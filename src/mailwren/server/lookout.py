"""Looking again for a moment before the event loop goes to sleep: who was answered often asks again at once.

Waking a process that sleeps takes the system some tens of microseconds where processors rest meanwhile, as those of
virtual machines do: more than a small command costs. So after an answer the loop goes round for a moment without
sleeping. It does that only while it pays:

1. Where input seldom comes within that moment, as from clients behind a network, it is hardly tried any more.
2. Where more programs want to run than there are processors, others need the time, and waking costs little.
3. Where a thread of this process works, the loop would keep the interpreter from it.

So a server without work sleeps, and one with little work never costs a processor.
"""

import asyncio
import os
from collections.abc import Callable
from time import perf_counter
from typing import Final

_TRUST: Final = 16
"""How many moments in vain are forgiven where it has paid as often before."""
_FIRST_PAUSE: Final = 16
"""Answers without looking again after a moment in vain that was not forgiven; twice as many after the next."""
_LONGEST_PAUSE: Final = 1024
"""Where it never pays, so rarely is it tried: a thousandth of a moment for each answer."""
_LOAD_SECONDS: Final = 0.01
"""How long it is believed how many programs want to run."""
_INERTIA: Final = 4
"""Over so many times it is averaged how many wait: something always runs for an instant."""


class Lookout:
    """One process's; everything happens on its event loop.

    Args:
        loop: the event loop.
        seconds: how long to look again after an answer; 0 is never.
        may: whether nothing speaks against it just now, such as threads at work.
        load: how many programs wait for a processor beyond those that have one.
        clock: seconds, as exact as there are.
    """

    __slots__ = (
        "_again",
        "_answered",
        "_clock",
        "_end",
        "_load",
        "_load_due",
        "_looked",
        "_looking",
        "_loop",
        "_may",
        "_paid",
        "_pause",
        "_resting",
        "_seconds",
        "_trust",
        "_waiting",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        *,
        may: Callable[[], bool] = lambda: True,
        load: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._loop: Final = loop
        self._seconds: Final = seconds
        self._may: Final = may
        self._load: Final = load
        self._clock: Final = clock
        self._again: Final = self._look
        self._looking = False
        self._looked = False
        """The loop has gone round since the last answer: it would have slept."""
        self._answered = False
        self._paid = False
        self._end = 0.0
        self._trust = _TRUST
        self._resting = 0
        """Answers yet to come without looking."""
        self._pause = _FIRST_PAUSE
        self._waiting = 0.0
        """How many programs wait for a processor, averaged."""
        self._load_due = 0.0

    def heard(self) -> None:
        """Something came in."""
        if self._looking and self._looked and not self._paid:
            self._paid = True
            self._pause = _FIRST_PAUSE
            self._trust = min(self._trust + 1, _TRUST)

    def answered(self) -> None:
        """Something went out; an answer to it may be near."""
        if self._looking:
            if self._paid or not self._looked:
                self._answered = True
        elif self._resting:
            self._resting -= 1
        elif self._seconds and self._may_look(self._clock()):
            self._looking = self._answered = True
            self._loop.call_soon(self._again)

    def _look(self) -> None:
        """Once in each round of the loop, which does not sleep as long as there is something to be called."""
        now = self._clock()
        if self._answered:
            self._answered = self._looked = self._paid = False
            self._end = now + self._seconds
            self._looking = self._may_look(now)
        elif now < self._end:
            self._looked = True
        else:
            self._looking = False
            if not self._paid:
                self._in_vain()
        if self._looking:
            self._loop.call_soon(self._again)

    def _in_vain(self) -> None:
        self._trust = max(self._trust - 1, 0)
        if not self._trust:
            self._resting = self._pause
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _may_look(self, now: float) -> bool:
        if now >= self._load_due:
            self._load_due = now + _LOAD_SECONDS
            self._waiting += (self._load() - self._waiting) / _INERTIA
        return self._waiting < 1 and self._may()


class Load:
    """How many programs wait for a processor; the kernel's figure is that of the whole machine."""

    __slots__ = ("_descriptor", "_processors")

    def __init__(self, path: str = "/proc/loadavg", processors: int | None = None) -> None:
        """Ask the file at ``path``; where there is none nobody waits."""
        self._processors: Final = processors or os.cpu_count() or 1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._descriptor = -1

    def __call__(self) -> int:
        """Programs that could run and do not, as far as is known."""
        if self._descriptor < 0:
            return 0
        running = os.pread(self._descriptor, 100, 0).split()[3].partition(b"/")[0]
        return max(int(running) - self._processors, 0)

    def close(self) -> None:
        """Ask no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
