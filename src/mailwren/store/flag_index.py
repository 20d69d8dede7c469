"""Where in a mailbox the messages of each combination of flags are: kept up to date with each change of a few messages.

A search for flags that few messages have looks at these alone. The index is made when it has been asked for twice with
nothing in between that would have undone it: a change of very many messages costs less without.
"""

from array import array
from bisect import bisect_left
from collections.abc import Collection
from typing import Final

from mailwren.base import limits

_SHARE: Final = 3
"""Where more than one in so many messages is asked for, looking at all of them is as quick."""


class FlagIndex:
    """The places of messages by flag set, ascending. Belongs to the event loop."""

    __slots__ = ("_places", "_wanted")

    def __init__(self) -> None:
        self._places: dict[int, array[int]] | None = None
        self._wanted = False

    def __bool__(self) -> bool:
        """Whether there is something to be kept up to date."""
        return self._places is not None

    def forget(self) -> None:
        """Much has changed: it has to be made anew."""
        self._places = None
        self._wanted = False

    def moved(self, place: int, old: int, new: int) -> None:
        """A message went from one flag set to another."""
        if self._places is not None and old != new:
            places = self._places[old]
            del places[bisect_left(places, place)]
            places = self._places.setdefault(new, array("I"))
            places.insert(bisect_left(places, place), place)

    def added(self, place: int, flags: int) -> None:
        """A message came, at the end."""
        if self._places is not None:
            self._places.setdefault(flags, array("I")).append(place)

    def places(self, flags: "array[int]", wanted: Collection[int]) -> list[int] | None:
        """Where in ``flags``, the mailbox's column, messages have one of some flag sets; ascending.

        ``None`` where the index is not there, or of no use for these.
        """
        if self._places is None:
            if self._wanted and 0 < len(flags) <= limits.FLAG_INDEX_MESSAGES:
                self._make(flags)
            self._wanted = True
        if self._places is None:
            return None
        parts = [self._places[each] for each in wanted if each in self._places]
        if sum(map(len, parts)) * _SHARE > len(flags):
            return None
        if len(parts) == 1:
            return parts[0].tolist()
        found = array("I")
        for part in parts:
            found += part
        return sorted(found)

    def _make(self, flags: "array[int]") -> None:
        places: dict[int, array[int]] = {each: array("I") for each in set(flags)}
        append = {each: column.append for each, column in places.items()}
        for place, each in enumerate(flags):
            append[each](place)
        self._places = places
