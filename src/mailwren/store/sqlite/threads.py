"""The store's threads, of which one can tell whether they have work."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class CountedThreads(ThreadPoolExecutor):
    """Threads that know what they have yet to finish."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, name)
        self._unfinished: set[Future[Any]] = set()
        """Changed by several threads, one step of the interpreter at a time."""

    def submit(self, function: Callable[P, R], /, *arguments: P.args, **named: P.kwargs) -> Future[R]:
        """Call a function in a thread."""
        future = super().submit(function, *arguments, **named)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    @property
    def working(self) -> bool:
        """Whether anything is not finished yet."""
        return bool(self._unfinished)
