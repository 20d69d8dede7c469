"""How long a server keeps one client waiting while others load it."""

import threading
import time
from types import TracebackType
from typing import Self

from tests.support.wire import Connection


class Probe:
    """Asks NOOP again and again on a connection of its own, in a thread, and remembers how long each answer took.

    Attributes:
        seconds: of each answer.
    """

    def __init__(self, port: int, user: str = "anna", pause: float = 0.005) -> None:
        """Begin at once when used in a ``with`` statement; ``pause`` seconds between an answer and the next NOOP."""
        self._connection = Connection(port).log_in(user)
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seconds: list[float] = []
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._connection.close()
        if self.failure is not None and error is None:
            raise self.failure

    def wait_for(self, answers: int) -> None:
        """Wait until so many more answers came."""
        wanted = len(self.seconds) + answers
        while len(self.seconds) < wanted and self._thread.is_alive():
            self._over.wait(self._pause)

    def quantile(self, share: float) -> float:
        """The seconds within which this share of the answers came."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def __str__(self) -> str:
        """The figures, for a report."""
        parts = [f"{name} {self.quantile(share) * 1000:.1f} ms" for name, share in (("p50", 0.5), ("p99", 0.99))]
        return f"{len(self.seconds)} NOOPs: {', '.join(parts)}, longest {max(self.seconds) * 1000:.1f} ms"

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                begin = time.perf_counter()
                self._connection.ok(b"NOOP")
                self.seconds.append(time.perf_counter() - begin)
                self._over.wait(self._pause)
        except Exception as error:
            self.failure = error
