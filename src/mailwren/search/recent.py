"""What was made of a mailbox's messages lately, for clients that ask again. Valid for one set of columns only."""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

from mailwren.base import limits

T = TypeVar("T")


class Recent(Generic[T]):
    """The last few results by what they answer, ``limits.ORDERS_CACHED`` of them."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Final[dict[Hashable, T]] = {}

    def get(self, key: Hashable) -> T | None:
        """What is known under a key; it was used last then."""
        value = self._known.pop(key, None)
        if value is not None:
            self._known[key] = value
        return value

    def items(self) -> list[tuple[Hashable, T]]:
        """All that is known, what was used least lately first."""
        return list(self._known.items())

    def put(self, key: Hashable, value: T) -> None:
        """Remember a result, and let go of the one that was used least lately."""
        self._known.pop(key, None)
        self._known[key] = value
        if len(self._known) > limits.ORDERS_CACHED:
            del self._known[next(iter(self._known))]
