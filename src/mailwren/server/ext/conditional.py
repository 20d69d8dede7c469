"""STORE with UNCHANGEDSINCE (RFC 7162 §3.1.3): which messages it does not fail for although they have changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import FlagSetId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap import wire
from mailwren.imap.core.arguments import Store, StoreMode
from mailwren.imap.ext.condstore import modified_code
from mailwren.server.ext import condstore
from mailwren.server.notices import present
from mailwren.server.view import Span, batches

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_AT_ONCE: Final = 1000
"""Messages that are looked at before others have their turn."""


def unchanged_since(arguments: Store) -> ModSeq | None:
    """The condition of a STORE, if it has one."""
    value = dict(arguments.modifiers).get("UNCHANGEDSINCE")
    return ModSeq(value) if isinstance(value, int) else None


def modified(selected: "Selected", refused: RangeSet, *, by_uid: bool) -> bytes:
    """The response code of messages that a conditional change left alone."""
    numbers = refused if by_uid else RangeSet((start + 1, stop) for start, stop in selected.view_spans(refused))
    return modified_code(wire.number_set(numbers))


async def spared(
    session: "Session", selected: "Selected", arguments: Store, spans: Sequence[Span], since: ModSeq | None
) -> RangeSet:
    """Messages that changed after ``since``, though not in the flags that are to be set or removed; none without it.

    "a server implementation SHOULD avoid generating spurious MODIFIED responses for +FLAGS/-FLAGS STORE operations"
    (RFC 7162 §3.1.3, §3.1.12). Since 0 "always fails if the metadata item exists", as system flags always do.
    """
    if since is None or arguments.mode is StoreMode.REPLACE:
        return RangeSet()
    wanted = frozenset(flag.lower() for flag in arguments.flags)
    if not since:
        return await _without(session, selected, spans, wanted)
    view, state = selected.view, selected.state
    changed = await condstore.changed_spans(session, selected, spans, view.uids_of(list(spans)), since)

    def touches(old: int, new: int) -> bool:
        return not wanted.isdisjoint(_names(selected, old) ^ _names(selected, new))

    return state.untouched_since(view.uids_of(changed), since, touches)


async def _without(session: "Session", selected: "Selected", spans: Sequence[Span], wanted: frozenset[str]) -> RangeSet:
    """Messages that have none of some keywords."""
    if any(flag.startswith("\\") for flag in wanted):
        return RangeSet()
    found: list[int] = []
    for positions in batches(spans, _AT_ONCE):
        uids, flags = selected.view.uids, selected.state.flags
        free = {each for each in selected.state.flag_set_ids() if wanted.isdisjoint(_names(selected, each))}
        pairs = zip(*present(selected, positions), strict=True)
        found += (uids[position] for position, index in pairs if flags[index] in free)
        await session.breathe()
    return RangeSet.of_sorted(found)


def _names(selected: "Selected", flags: int) -> frozenset[str]:
    return frozenset(name.lower() for name in selected.account.flag_set(FlagSetId(flags)).names)
