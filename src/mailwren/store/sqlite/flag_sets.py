"""Interned combinations of flags: each distinct one is a row, and messages hold its id.

Names are compared without regard to ASCII case and keep the spelling that the account saw first. Rows are never
removed and ids never used again, so a committed set may be remembered for ever by any process. What a transaction
added is remembered only once it is committed: the ids of a rolled back one are given out again.
"""

import re
from collections.abc import Iterable
from typing import Final, TypeVar

import apsw

from mailwren.base import limits
from mailwren.base.ids import FlagSetId
from mailwren.store.errors import InvalidName, LimitReached
from mailwren.store.operations import FlagMode
from mailwren.store.sqlite.rows import fetch_value
from mailwren.store.values import FlagSet

SYSTEM_FLAGS: Final = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
"""In the order in which they are shown, before all keywords."""
_PLACES: Final = {name.lower(): place for place, name in enumerate(SYSTEM_FLAGS)}
_BAD: Final = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff]")
_CACHED: Final = 20_000
K = TypeVar("K")
V = TypeVar("V")
EMPTY: Final = FlagSet(FlagSetId(0), frozenset(), b"", seen=False, deleted=False)


def flag_set_of(flags: int, text: str) -> FlagSet:
    """A flag set from its row."""
    names = frozenset(text.split(" ")) if text else frozenset()
    return FlagSet(FlagSetId(flags), names, text.encode(), "\\Seen" in names, "\\Deleted" in names)


def ordered(names: Iterable[str]) -> str:
    """Names in the one order in which a set is written: system flags, then keywords by alphabet."""
    return " ".join(sorted(names, key=lambda name: (_PLACES.get(name.lower(), len(_PLACES)), name.lower(), name)))


def check_flag(name: str) -> None:
    """Refuse what cannot be a flag. Raises InvalidName, LimitReached."""
    if len(name) > limits.KEYWORD:
        raise LimitReached("a keyword is too long")
    if not name or name == "\\" or _BAD.search(name) or name.lower() == "\\recent":
        raise InvalidName(f"not a flag that can be stored: {name!r}")


class FlagSets:
    """What this process knows of an account's committed flag sets."""

    __slots__ = ("_changes", "_ids", "_sets", "_spellings")

    def __init__(self) -> None:
        self._sets: dict[int, FlagSet] = {0: EMPTY}
        self._ids: dict[str, FlagSetId] = {"": EMPTY.id}
        self._spellings: dict[str, str] = {name.lower(): name for name in SYSTEM_FLAGS}
        self._changes: dict[tuple[int, FlagMode, tuple[str, ...]], FlagSetId] = {}

    def find(self, connection: apsw.Connection, flags: int) -> FlagSet:
        """The set behind an id. Raises KeyError for an id that no message can have."""
        known = self._sets.get(flags)
        if known is None:
            text = fetch_value(connection, "SELECT names FROM flag_set WHERE id = ?", (flags,))
            if text is None:
                raise KeyError(flags)
            known = flag_set_of(flags, text)
            self._remember_set(known)
        return known

    def known(self, text: str) -> FlagSetId | None:
        """The id of the set of these names in their order, if this process has met it."""
        return self._ids.get(text)

    def known_change(self, flags: int, mode: FlagMode, names: tuple[str, ...]) -> FlagSetId | None:
        """What a set becomes when flags are added, removed or replaced, if that was asked before."""
        return self._changes.get((flags, mode, names))

    def _remember_set(self, flag_set: FlagSet) -> None:
        if len(self._sets) >= _CACHED:
            self._sets = {0: EMPTY}
            self._ids = {"": EMPTY.id}
            self._changes = {}
        self._sets[flag_set.id] = flag_set
        self._ids[flag_set.text.decode()] = flag_set.id

    def transaction(self, connection: apsw.Connection) -> "FlagSetWriter":
        """Flag sets as a transaction sees and adds them."""
        return FlagSetWriter(self, connection)


class FlagSetWriter:
    """Finds and adds flag sets within a transaction."""

    __slots__ = ("_added", "_added_ids", "_changes", "_committed", "_connection", "_spelled")

    def __init__(self, committed: FlagSets, connection: apsw.Connection) -> None:
        self._committed = committed
        self._connection = connection
        self._added: dict[str, FlagSet] = {}
        self._added_ids: dict[int, FlagSet] = {}
        self._spelled: dict[str, str] = {}
        self._changes: dict[tuple[int, FlagMode, tuple[str, ...]], FlagSetId] = {}

    def mark(self) -> tuple[int, ...]:
        """Where we stand, for :meth:`back_to`."""
        return len(self._added), len(self._added_ids), len(self._spelled), len(self._changes)

    def back_to(self, mark: tuple[int, ...]) -> None:
        """Forget what came after a mark, because the database has forgotten it."""
        added, added_ids, spelled, changes = mark
        _cut(self._added, added)
        _cut(self._added_ids, added_ids)
        _cut(self._spelled, spelled)
        _cut(self._changes, changes)

    def committed(self) -> None:
        """What was added holds from now on."""
        for flag_set in self._added.values():
            self._committed._remember_set(flag_set)
        self._committed._spellings.update(self._spelled)
        if len(self._committed._changes) < _CACHED:
            self._committed._changes.update(self._changes)
        self._added, self._added_ids, self._spelled, self._changes = {}, {}, {}, {}

    def find(self, flags: int) -> FlagSet:
        """The set behind an id."""
        return self._added_ids.get(flags) or self._committed.find(self._connection, flags)

    def intern(self, names: Iterable[str]) -> FlagSet:
        """The set of these flags, whatever their order, case and repeats.

        Raises:
            InvalidName: one of them is no flag, or is ``\\Recent``, which is not stored.
            LimitReached: too many keywords, or one too long.
        """
        return self._intern({self._spell(name) for name in names})

    def changed(self, flags: int, mode: FlagMode, names: tuple[str, ...]) -> FlagSet:
        """What a set becomes when flags are added, removed or replaced. Raises as :meth:`intern`."""
        key = (flags, mode, names)
        known = self._committed._changes.get(key)
        if known is None:
            known = self._changes.get(key)
        if known is None:
            known = self._changes[key] = self._change(flags, mode, names)
        return self.find(known)

    def _change(self, flags: int, mode: FlagMode, names: tuple[str, ...]) -> FlagSetId:
        if mode is FlagMode.REPLACE:
            return self.intern(names).id
        before = self.find(flags).names
        if mode is FlagMode.REMOVE:
            removed = {folded(name) for name in names}
            after = frozenset(name for name in before if folded(name) not in removed)
        else:
            after = before.union(self._spell(name) for name in names)
        return FlagSetId(flags) if after == before else self._intern(after).id

    def _spell(self, name: str) -> str:
        key = folded(name)
        known = self._committed._spellings.get(key) or self._spelled.get(key)
        if known is None:
            check_flag(name)
            self._connection.execute("INSERT OR IGNORE INTO flag_name VALUES(?, ?)", (key, name))
            known = str(fetch_value(self._connection, "SELECT name FROM flag_name WHERE folded = ?", (key,)))
            self._spelled[key] = known
        return known

    def _intern(self, names: Iterable[str]) -> FlagSet:
        text = ordered(names)
        known = self._committed._ids.get(text)
        if known is not None:
            return self._committed.find(self._connection, known)
        if text in self._added:
            return self._added[text]
        if text.count(" ") >= limits.KEYWORDS_PER_MESSAGE + len(SYSTEM_FLAGS):
            raise LimitReached("too many keywords on one message")
        flags = fetch_value(self._connection, "SELECT id FROM flag_set WHERE names = ?", (text,))
        if flags is None:
            new = flag_set_of(0, text)
            self._connection.execute("INSERT INTO flag_set VALUES(NULL, ?, ?, ?)", (text, new.seen, new.deleted))
            flags = self._connection.last_insert_rowid()
        added = self._added[text] = self._added_ids[flags] = flag_set_of(flags, text)
        return added


def folded(name: str) -> str:
    """A flag's name as names are compared: without regard to ASCII case."""
    return name.lower() if name.isascii() else name


def _cut(known: dict[K, V], length: int) -> None:
    for key in list(known)[length:]:
        del known[key]
