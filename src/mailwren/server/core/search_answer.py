"""What a search found, in the words of the client's RETURN options: one row for each option that answers. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from mailwren.base.ranges import RangeSet
from mailwren.imap.core.search import ReturnData
from mailwren.imap.ext.partial import PartialRange
from mailwren.imap.ext.sort import write_sorted_set


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one search."""

    numbers: Sequence[int]
    """Message numbers or UIDs, as the client asked, in the order of the result: ascending unless it is sorted."""
    uids: Sequence[int]
    """The UIDs of the same messages; left out where nothing asks for them."""
    returns: frozenset[str]
    """The names of the RETURN options, in upper case."""
    values: Mapping[str, object] = field(default_factory=dict)
    """The values of those that take one."""
    relevancies: Sequence[int] = field(default=(), kw_only=True)
    """How well the same messages fit, 1 to 100, where the answer tells it (RFC 6203 §4)."""
    modseqs: Sequence[int] = ()
    """The mod-sequences of the same messages, where the answer tells one."""
    is_sorted: bool = False
    """Whether the order is SORT's, to be kept in sets."""


def _numbers(found: Found) -> ReturnData | None:
    return _set(found, found.numbers) if found.numbers else None


def _set(found: Found, numbers: Sequence[int]) -> str | RangeSet:
    return write_sorted_set(numbers) if found.is_sorted else RangeSet.of_sorted(numbers)


def _partial(found: Found) -> ReturnData | None:
    """``PARTIAL (range set)``, NIL where no result has such a place (RFC 9394 §3.1)."""
    wanted = _range(found)
    start, stop = wanted.span(len(found.numbers))
    chosen = found.numbers[start:stop]
    return (str(wanted), _set(found, chosen) if chosen else "NIL")


def _relevancies(found: Found) -> ReturnData:
    """Those of the messages of ALL or PARTIAL, in the same order (RFC 6203 §4)."""
    if "PARTIAL" in found.returns:
        start, stop = _range(found).span(len(found.relevancies))
        return tuple(found.relevancies[start:stop])
    return tuple(found.relevancies)


def _range(found: Found) -> PartialRange:
    return cast("PartialRange", found.values["PARTIAL"])


_DATA: Final[tuple[tuple[str, Callable[[Found], ReturnData | None]], ...]] = (
    ("MIN", lambda found: found.numbers[0] if found.numbers else None),
    ("MAX", lambda found: found.numbers[-1] if found.numbers else None),
    ("ALL", _numbers),
    ("COUNT", lambda found: len(found.numbers)),
    ("PARTIAL", _partial),
    ("RELEVANCY", _relevancies),
)
"""What each option answers, in the order of the answer (RFC 9051 §6.4.4); ``None`` where it has nothing to say."""


def return_data(found: Found) -> list[tuple[str, ReturnData]]:
    """What ESEARCH says of a result."""
    data = ((name, make(found)) for name, make in _DATA if name in found.returns)
    result = [(name, value) for name, value in data if value is not None]
    modseq = max(_returned(found, found.modseqs), default=0)
    if modseq:
        result.append(("MODSEQ", modseq))  # of "all messages being returned" (RFC 4731 §3.2)
    return result


def saved(found: Found) -> RangeSet:
    """What ``$`` stands for from now on.

    With only MIN, MAX or PARTIAL asked for, only those (RFC 9051 §6.4.4.1, Table 4; RFC 9394 §3.2, Table 1).
    """
    return RangeSet.of(_returned(found, found.uids))


def _returned(found: Found, values: Sequence[int]) -> Sequence[int]:
    """Of a value for each message found, those of the messages that the answer is about."""
    returns = found.returns
    if not values or returns & {"ALL", "COUNT"} or not returns & {"MIN", "MAX", "PARTIAL"}:
        return values
    chosen: list[int] = []
    if "PARTIAL" in returns:
        start, stop = _range(found).span(len(values))
        chosen.extend(values[start:stop])
    if "MIN" in returns:
        chosen.append(values[0])
    if "MAX" in returns:
        chosen.append(values[-1])
    return chosen
