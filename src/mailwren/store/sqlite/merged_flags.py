"""What a member sees on messages, as flag sets of this process: a message's own flags and the member's, put together.

Such a combination may stand in no row of ``flag_set``, and reading must not write. So it gets an id that no row ever
has and that only this process knows. Ids are never used again. Of very many combinations those that no state has any
more are forgotten, in two steps, so that whoever has just read an id still finds its flags.
"""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Final

import apsw

from mailwren.store.sqlite.flag_sets import FlagSets, flag_set_of, ordered
from mailwren.store.sqlite.private_flags import PrivateFlags
from mailwren.store.values import FlagSet

FIRST_ID: Final = 1 << 31
"""Above every row of ``flag_set`` that an account will ever have; ids are of 32 bits in the states."""
_KEPT: Final = 4000
"""Combinations beyond which those that are not in use are forgotten."""


class MergedFlags:
    """The combinations that one member of an account sees. Safe to use from threads that read."""

    __slots__ = ("_former", "_ids", "_known", "_limit", "_next", "_sets", "_stored", "_used")

    def __init__(self, stored: FlagSets, used: Callable[[], Iterable[int]]) -> None:
        """Put together what ``stored`` has; ``used`` tells, on the event loop, all ids that states have."""
        self._stored: Final = stored
        self._used: Final = used
        self._next: Final = count(FIRST_ID)
        self._limit = _KEPT
        self._known: dict[tuple[int, int, PrivateFlags], int] = {}
        self._ids: dict[str, FlagSet] = {}
        self._sets: dict[int, FlagSet] = {}
        self._former: dict[int, FlagSet] = {}

    def merged(self, connection: apsw.Connection, flags: int, own: int, private: PrivateFlags) -> int:
        """The id of what the member sees on a message with these flags, and these of his own."""
        key = (flags, own, private)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._merge(connection, flags, own, private)
        return known

    def _merge(self, connection: apsw.Connection, flags: int, own: int, private: PrivateFlags) -> int:
        shared = self._stored.find(connection, flags)
        names = frozenset(private.seen_by_member(shared.names, self._stored.find(connection, own).names))
        if names == shared.names:
            return flags
        text = ordered(names)
        stored = self._stored.known(text)
        if stored is not None:
            return stored
        new = flag_set_of(next(self._next), text)
        # Of several threads one is the first, and all take its answer.
        merged = self._ids.setdefault(text, new)
        self._sets[merged.id] = merged
        return merged.id

    def find(self, connection: apsw.Connection, flags: int) -> FlagSet:
        """The set behind an id. Raises KeyError for one that no state has."""
        if flags < FIRST_ID:
            return self._stored.find(connection, flags)
        return self._sets.get(flags) or self._former[flags]

    def tidy(self) -> None:
        """Forget what is not in use, if that is much. To be called on the event loop."""
        if len(self._sets) + len(self._known) <= self._limit:
            return
        used = set(self._used())
        every = {**self._former, **self._sets}
        self._former, self._sets = self._sets, {each: every[each] for each in used if each in every}
        self._ids = {found.text.decode(): found for found in self._sets.values()}
        self._known = {}
        self._limit = _KEPT + 2 * len(self._sets)
