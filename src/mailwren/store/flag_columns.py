"""Columns of flag set ids: what is asked of many messages at once, without looking at each.

Most mailboxes have few combinations of flags, and their ids fit into one octet. Then a column of tens of thousands is
changed and searched as octets, by ``bytes.translate`` and the like, in some microseconds.
"""

import sys
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Final

_WIDTH: Final = array("I").itemsize
_LOW: Final = 0 if sys.byteorder == "little" else _WIDTH - 1
"""Where in an id its last octet is."""
_OTHERS: Final = tuple(place for place in range(_WIDTH) if place != _LOW)
_SAME: Final = bytes(range(256))
_FEW: Final = 32
"""Ids that are sooner looked at one by one."""


def octets(flags: "array[int]") -> bytes | None:
    """The ids as one octet each; ``None`` where there are larger ones."""
    raw = flags.tobytes()
    nothing = bytes(len(flags))
    return raw[_LOW::_WIDTH] if all(raw[place::_WIDTH] == nothing for place in _OTHERS) else None


def distinct(flags: "array[int]") -> set[int]:
    """The different ids."""
    if len(flags) <= _FEW:
        return set(flags)
    rest = octets(flags)
    result: set[int] = set()
    while rest:
        result.add(rest[0])
        rest = rest.translate(None, rest[:1])
    return result if rest is not None else set(flags)


def counts(flags: "array[int]") -> Mapping[int, int]:
    """How many there are of each id."""
    small = octets(flags) if len(flags) > _FEW else None
    return Counter(flags) if small is None else {each: small.count(each) for each in distinct(flags)}


def replaced(flags: "array[int]", changes: Mapping[int, int]) -> "array[int]":
    """The column with the ids of ``changes`` replaced by those behind them."""
    small = octets(flags) if len(flags) > _FEW else None
    if small is None or max(changes.values(), default=0) > 255:
        return array("I", [changes.get(each, each) for each in flags])
    table = bytearray(_SAME)
    for old, new in changes.items():
        if old < 256:
            table[old] = new
    result = bytearray(len(flags) * _WIDTH)
    result[_LOW::_WIDTH] = small.translate(table)
    return array("I", bytes(result))


def marks(flags: "array[int]", chosen: set[int]) -> bytes:
    """One octet for each id: 1 where it is one of the chosen, else 0."""
    small = octets(flags) if len(flags) > _FEW else None
    if small is None:
        return bytes([each in chosen for each in flags])
    return small.translate(bytes([each in chosen for each in range(256)]))
