"""Ready ENVELOPEs and structures of messages that were listed lately: people look at the same pages again and again.

What a message's content is made of never changes, and an account gives each content id out once only: so nothing is
ever to be told of changes, whichever process made them.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Final

from mailwren.store.values import SmallWire

_OVERHEAD: Final = 300
"""Octets that a row takes besides its texts."""


class KeptRows:
    """A bounded memory of rows of all accounts of a process; the account used longest ago goes first.

    Used on the event loop.
    """

    __slots__ = ("_accounts", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        """Keep up to ``limit`` octets."""
        self._limit: Final = limit
        self._accounts: Final[OrderedDict[Hashable, dict[int, SmallWire]]] = OrderedDict()
        self._size = 0

    def of(self, account: Hashable) -> dict[int, SmallWire]:
        """What is kept of an account, by content id. To be read only."""
        rows = self._accounts.get(account)
        if rows is None:
            rows = self._accounts[account] = {}
        else:
            self._accounts.move_to_end(account)
        return rows

    def keep(self, account: Hashable, rows: Mapping[int, SmallWire]) -> None:
        """Keep rows of an account, which are not kept yet, and forget others where it becomes too much."""
        self.of(account).update(rows)
        self._size += sum(map(_size, rows.values()))
        while self._size > self._limit:
            self.drop(next(iter(self._accounts)))

    def drop(self, account: Hashable) -> None:
        """Forget an account's rows."""
        self._size -= sum(map(_size, self._accounts.pop(account, {}).values()))

    @property
    def size(self) -> int:
        """Octets that everything takes, about."""
        return self._size


def _size(row: SmallWire) -> int:
    return _OVERHEAD + sum(len(text) for text in row if text is not None)
