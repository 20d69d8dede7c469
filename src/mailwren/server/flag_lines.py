"""FETCH responses that tell flags, of one message or of very many, from ready pieces: a beginning for each number and
an ending for each combination of flags.
"""

from array import array
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.base.ids import FlagSetId
from mailwren.base.ranges import RangeSet
from mailwren.server.fetch_form import fetch_form

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_BLOCK: Final = 1000
_NOTHING: Final = RangeSet()
_BREAK: Final = b"\0"
"""Stands between beginnings that are made at one go, and in none of them."""


def flag_lines(
    session: "Session", selected: "Selected", positions: Sequence[int], indexes: Sequence[int], *, with_uid: bool
) -> bytes:
    """The responses for messages at positions of the view, which are at ``indexes`` of the state; at least one.

    A client that keeps mod-sequences gets them, and the UID, each time (RFC 7162 §3.2.4).
    """
    form = fetch_form(session)
    named = (session.condstore or with_uid) and not form.by_uid  # UIDFETCH begins with the UID
    if len(positions) == 1:
        return _one_line(session, selected, positions[0], indexes[0], named=named)
    begin = form.begin + (b"UID %d FLAGS (" if named else b"FLAGS (")
    endings = _flag_endings(session, selected, positions, indexes)
    uids = list(map(selected.view.uids.__getitem__, positions)) if named or form.by_uid else []
    if session.condstore:
        modseqs = _values(selected.state.modseqs, indexes)
        if named and modseqs.count(modseqs[0]) < len(modseqs):
            return _each_changed(begin, positions, uids, endings, modseqs)
        endings = _modseq_endings(endings, modseqs)
    if uids:
        numbers = chain.from_iterable(zip((each + 1 for each in positions), uids, strict=True)) if named else uids
        beginnings: Sequence[bytes] = _several(begin, len(positions), tuple(numbers))
    else:
        beginnings = _numbered(begin, positions)
    pieces = [b""] * (2 * len(endings))
    pieces[::2] = beginnings
    pieces[1::2] = endings
    return b"".join(pieces)


def _each_changed(
    begin: bytes, positions: Sequence[int], uids: Sequence[int], endings: Sequence[bytes], modseqs: Sequence[int]
) -> bytes:
    """The responses where each message has a number, a UID and a mod-sequence of its own: nothing is there twice."""
    line = begin + b"%b MODSEQ (%d))\r\n"
    rows = zip([each + 1 for each in positions], uids, endings, modseqs, strict=True)
    return line * len(positions) % tuple(chain.from_iterable(rows))


def _one_line(session: "Session", selected: "Selected", position: int, index: int, *, named: bool) -> bytes:
    """The response for one message: nothing needs to be collected for it."""
    state, uid = selected.state, selected.view.uids[position]
    flags = selected.account.flag_set(FlagSetId(state.flags[index])).text
    if not session.rev2 and uid in selected.view.recent:
        flags = flags + b" \\Recent" if flags else b"\\Recent"
    end = b") MODSEQ (%d))\r\n" % state.modseqs[index] if session.condstore else b"))\r\n"
    if named:
        return b"* %d FETCH (UID %d FLAGS (%b%b" % (position + 1, uid, flags, end)
    return fetch_form(session).begin % (uid if session.uid_only else position + 1) + b"FLAGS (" + flags + end


def _several(begin: bytes, count: int, numbers: tuple[int, ...]) -> list[bytes]:
    """So many beginnings with their numbers: at one go, as that takes a third of the time."""
    return ((begin + _BREAK) * count % numbers).split(_BREAK)[:count]


def _numbered(begin: bytes, positions: Sequence[int]) -> Sequence[bytes]:
    """Beginnings with the message numbers; those of neighbours are kept ready."""
    count = len(positions)
    if not isinstance(positions, range) or positions.step != 1 or count < _BLOCK // 10:
        return _several(begin, count, tuple([each + 1 for each in positions]))
    result: list[bytes] = []
    start = positions.start
    while start < positions.stop:
        block, first = divmod(start, _BLOCK)
        some = _block(begin, block)[first : first + positions.stop - start]
        result += some
        start += len(some)
    return result


@lru_cache(maxsize=limits.FLAG_LINES)
def _block(begin: bytes, block: int) -> list[bytes]:
    """The beginnings for a thousand neighbours."""
    first = block * _BLOCK + 1
    return _several(begin, _BLOCK, tuple(range(first, first + _BLOCK)))


def _values(column: "array[int]", indexes: Sequence[int]) -> Sequence[int]:
    """What a column has at some places."""
    if isinstance(indexes, range) and indexes.step == 1:
        return column[indexes.start : indexes.stop]
    return list(map(column.__getitem__, indexes))


def _flag_endings(
    session: "Session", selected: "Selected", positions: Sequence[int], indexes: Sequence[int]
) -> list[bytes]:
    """The flags of messages and the end of their responses, with ``\\Recent`` where that is."""
    account, uids = selected.account, selected.view.uids
    flags = _values(selected.state.flags, indexes)
    end = b")" if session.condstore else b"))\r\n"
    texts = {each: account.flag_set(FlagSetId(each)).text for each in set(flags)}
    endings = {each: text + end for each, text in texts.items()}
    first, last = sorted((uids[positions[0]], uids[positions[-1]]))
    recent = _NOTHING if session.rev2 else selected.view.recent.clipped(first, last)
    if not recent:
        return list(map(endings.__getitem__, flags))
    recent_endings = {each: (text + b" \\Recent").strip() + end for each, text in texts.items()}
    if recent.range_count == 1 and (recent.first, recent.last) == (first, last):
        return list(map(recent_endings.__getitem__, flags))
    pairs = zip(positions, flags, strict=True)
    return [(recent_endings if uids[position] in recent else endings)[each] for position, each in pairs]


def _modseq_endings(endings: list[bytes], modseqs: Sequence[int]) -> list[bytes]:
    """The same with mod-sequences, which are often those of one change."""
    if modseqs.count(modseqs[0]) < len(modseqs):
        pairs = zip(endings, modseqs, strict=True)
        return [ending + b" MODSEQ (%d))\r\n" % modseq for ending, modseq in pairs]
    end = b" MODSEQ (%d))\r\n" % modseqs[0]
    distinct = {ending: ending + end for ending in set(endings)}
    return list(map(distinct.__getitem__, endings))
