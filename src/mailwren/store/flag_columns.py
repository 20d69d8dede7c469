"""Columns of flag set ids: what is asked of many messages at once, without looking at each.

Most mailboxes have few combinations of flags, and their ids fit into one octet. Then a column of tens of thousands is
changed and searched as octets, by ``bytes.translate`` and the like, in some microseconds.
"""

import sys
from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from itertools import compress
from typing import Final, TypeAlias

Column: TypeAlias = "bytes | array[int]"
"""Ids in their order: as octets where they are many and fit, see :func:`compact`."""

_WIDTH: Final = array("I").itemsize
_LOW: Final = 0 if sys.byteorder == "little" else _WIDTH - 1
"""Where in an id its last octet is."""
_OTHERS: Final = tuple(place for place in range(_WIDTH) if place != _LOW)
_SAME: Final = bytes(range(256))
_FEW: Final = 32
"""Ids that are sooner looked at one by one."""
_MANY: Final = 8192
"""Ids that are looked at together where only the first of its kind is wanted."""


def compact(flags: "array[int]") -> Column:
    """The ids in the form that is quicker to look at."""
    if len(flags) <= _FEW:
        return flags
    raw, nothing = flags.tobytes(), bytes(len(flags))
    for place in _OTHERS:
        if raw[place::_WIDTH] != nothing:
            return flags
    return raw[_LOW::_WIDTH]


def distinct(column: Column, known: Collection[int] = ()) -> set[int]:
    """The different ids but for those that are known."""
    if not isinstance(column, bytes):
        return set(column).difference(known)
    result: set[int] = set()
    rest = column.translate(None, bytes([each for each in known if each < 256]))
    while rest:
        result.add(rest[0])
        rest = rest.translate(None, rest[:1])
    return result


def counts(column: Column) -> Mapping[int, int]:
    """How many there are of each id."""
    return {each: column.count(each) for each in distinct(column)} if isinstance(column, bytes) else Counter(column)


def marks(column: Column, chosen: Collection[int]) -> bytes:
    """One octet for each id: 1 where it is one of the chosen, else 0."""
    if not isinstance(column, bytes):
        return bytes([each in chosen for each in column])
    table = bytearray(256)
    for each in chosen:
        if each < 256:
            table[each] = 1
    return column.translate(table)


def first_place(flags: "array[int]", chosen: Collection[int], start: int, stop: int) -> int | None:
    """The first place between two where one of the chosen ids is."""
    length = _FEW  # it is often near, and else far away
    while start < stop:
        place = marks(compact(flags[start : min(start + length, stop)]), chosen).find(1)
        if place >= 0:
            return start + place
        start, length = start + length, _MANY
    return None


def replaced(flags: "array[int]", changes: Mapping[int, int]) -> "array[int]":
    """The ids with those of ``changes`` replaced by the ones behind them."""
    column = compact(flags)
    if not isinstance(column, bytes) or max(changes.values(), default=0) > 255:
        return array("I", [changes.get(each, each) for each in flags])
    table = bytearray(_SAME)
    for old, new in changes.items():
        if old < 256:
            table[old] = new
    result = bytearray(len(flags) * _WIDTH)
    result[_LOW::_WIDTH] = column.translate(table)
    return array("I", bytes(result))


def places(column: Column, chosen: Collection[int]) -> list[int]:
    """Where the chosen ids stand, ascending; few of them are found without looking at each."""
    found = marks(column, chosen)
    if found.count(1) * _FEW > len(found):
        return list(compress(range(len(found)), found))
    result: list[int] = []
    place = found.find(1)
    while place >= 0:
        result.append(place)
        place = found.find(1, place + 1)
    return result
