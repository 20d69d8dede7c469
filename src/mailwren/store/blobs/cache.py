"""Octets kept in memory up to a total, the least recently used going first; shared by all accounts of a process."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final


class OctetCache:
    """A bounded memory of octets by key. Any thread may use it."""

    __slots__ = ("_entries", "_limit", "_lock", "_size")

    def __init__(self, limit: int) -> None:
        """Keep up to ``limit`` octets."""
        self._limit: Final = limit
        self._entries: OrderedDict[Hashable, bytes] = OrderedDict()
        self._size = 0
        self._lock: Final = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        """What is kept under a key."""
        with self._lock:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def put(self, key: Hashable, value: bytes) -> None:
        """Keep octets, forgetting others where the total would be exceeded; those too large alone are not kept."""
        if len(value) > self._limit // 4:
            return
        with self._lock:
            before = self._entries.pop(key, None)
            self._size += len(value) - (0 if before is None else len(before))
            self._entries[key] = value
            while self._size > self._limit:
                self._size -= len(self._entries.popitem(last=False)[1])
