"""A message while it arrives: into a spool, within the limit of size, and what went wrong with it.

Never raises: what fails becomes the status that every recipient gets.
"""

from collections.abc import Callable

from mailwren.base.logs import log
from mailwren.delivery.status import NO_STORAGE, TOO_LARGE, DeliveryStatus
from mailwren.store.octets import Spool


class IncomingMessage:
    """Takes a message's octets as they come; after a failure they are counted no more and dropped."""

    __slots__ = ("_limit", "failure", "spool")

    def __init__(self, new_spool: Callable[[], Spool], limit: int) -> None:
        """Collect up to ``limit`` octets in a new spool."""
        self.spool = new_spool()
        self._limit = limit
        self.failure: DeliveryStatus | None = None

    def write(self, data: bytes) -> None:
        """Take the next octets."""
        if self.failure is not None:
            return
        if self.spool.size + len(data) > self._limit:
            self._fail(TOO_LARGE)
            return
        try:
            self.spool.write(data)
        except OSError as error:
            log.error("spool failed", error=str(error))
            self._fail(NO_STORAGE)

    def _fail(self, status: DeliveryStatus) -> None:
        self.failure = status
        self.spool.close()

    def close(self) -> None:
        """Let go of the octets. May be called twice."""
        self.spool.close()
