"""Where in a mailbox the messages of each combination of flags are: kept up to date with each change of a few messages.

A search for flags that few messages have looks at these alone. The index is made when it has been asked for twice with
nothing in between that would have undone it: a change of very many messages costs less without. What was found last is
kept as it is until one of its messages changes.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import Final

from mailwren.base import limits

_SHARE: Final = 3
_FEW_SETS: Final = 2
"""Where more flag sets, and more than one in so many messages, are asked for, looking at all of them is as quick."""
_MOST: Final = 32_768
"""Messages that are found at once, a third of a millisecond of work, and kept: 36 octets each."""


class FlagIndex:
    """The places of messages by flag set, ascending. Belongs to the event loop."""

    __slots__ = ("_found", "_places", "_wanted")

    def __init__(self) -> None:
        self._places: dict[int, array[int]] | None = None
        self._wanted = False
        self._found: tuple[frozenset[int], list[int]] | None = None
        """The flag sets that were asked for last, and the places."""

    def __bool__(self) -> bool:
        """Whether there is something to be kept up to date."""
        return self._places is not None

    def forget(self) -> None:
        """Much has changed: it has to be made anew."""
        self._places = self._found = None
        self._wanted = False

    def moved(self, place: int, old: int, new: int) -> None:
        """A message went from one flag set to another."""
        if self._places is not None and old != new:
            self._changes(old, new)
            places = self._places[old]
            del places[bisect_left(places, place)]
            places = self._places.setdefault(new, array("I"))
            places.insert(bisect_left(places, place), place)

    def added(self, place: int, flags: int) -> None:
        """A message came, at the end."""
        if self._places is not None:
            self._changes(flags)
            self._places.setdefault(flags, array("I")).append(place)

    def _changes(self, *flag_sets: int) -> None:
        if self._found is not None and not self._found[0].isdisjoint(flag_sets):
            self._found = None

    def places(self, flags: "array[int]", wanted: Collection[int]) -> Sequence[int] | None:
        """Where in ``flags``, the mailbox's column, messages have one of some flag sets; ascending, not to be changed.

        ``None`` where the index is not there, or of no use for these.
        """
        if self._places is None:
            if self._wanted and 0 < len(flags) <= limits.FLAG_INDEX_MESSAGES:
                self._make(flags)
            self._wanted = True
        if self._places is None:
            return None
        asked = frozenset(wanted).intersection(self._places)
        if self._found is None or self._found[0] != asked:
            parts = [self._places[each] for each in asked]
            number = sum(map(len, parts))
            if number > _MOST or (len(parts) > _FEW_SETS and number * _SHARE > len(flags)):
                return None
            self._found = asked, _merged(parts)
        return self._found[1]

    def _make(self, flags: "array[int]") -> None:
        places: dict[int, array[int]] = {each: array("I") for each in set(flags)}
        append = {each: column.append for each, column in places.items()}
        for place, each in enumerate(flags):
            append[each](place)
        self._places = places


def _merged(parts: Sequence["array[int]"]) -> list[int]:
    if len(parts) == 1:
        return parts[0].tolist()
    found = array("I")
    for part in parts:
        found += part
    return sorted(found)
