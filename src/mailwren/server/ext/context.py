"""Contexts (RFC 5267): the results of searches with UPDATE, kept as the client knows them and moved on by what changed.

How a result is kept true without searching the mailbox again:

1. Messages that went away: the mailbox's array of UIDs is another one then, and what it lacks is taken out.
2. Messages that came in or changed since the result was last true: only these are searched again; where nothing that
   is asked for can change, only those that came in.
3. Each context knows the mod-sequence that it is true for. Whatever happens while messages are being looked at comes
   after it, and so is looked at the next time.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.core.search import write_esearch
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.context import CancelUpdate, no_update_code, positions
from mailwren.imap.ext.sort import write_sorted_set
from mailwren.search.plan import may_change, plan
from mailwren.search.query import Query
from mailwren.server.core.fetch import send_unasked
from mailwren.server.ext.context_order import Arrangement, Placed
from mailwren.server.table import Completion, Request
from mailwren.server.view import missing_spans
from mailwren.store.mailbox_state import uid_spans

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session


_FEW: Final = 64
"""Messages that are put into a result one by one."""


@dataclass(slots=True)
class Context:
    """One search whose result the client is kept told of."""

    tag: bytes
    by_uid: bool
    query: Callable[[], Query]
    """What is searched for; asked anew each time, since a session's recent messages grow."""
    found: "array[int]"
    """The UIDs that the client takes for the result, ascending."""
    told: ModSeq
    """Up to where they are true."""
    uids: "array[int]"
    """The mailbox's array of UIDs when what went away was last looked for."""
    changes: bool
    """Whether a message that was looked at once has to be looked at again when it changes."""
    last_uid: int
    """The last message that was looked at."""
    arrangement: Arrangement | None = None
    """The result's order, where it is not the mailbox's."""
    attributes: tuple[FetchItem, ...] = ()
    """What to send of new messages that come into the result (RFC 5465 §7)."""
    names_mailbox: bool = False
    """Whether the search was ESEARCH, whose answers say of which mailbox they are (RFC 7377 §2.1)."""

    def waiting(self, changed: RangeSet) -> RangeSet:
        """Those of the messages that came or changed that have to be looked at."""
        return changed if self.changes or not changed else changed.clipped(self.last_uid + 1, changed.last)

    def take_gone(self, gone: RangeSet) -> list[int]:
        """Take out messages that went away; the UIDs of those that were in the result."""
        removed: list[int] = []
        kept = array("I")
        last = 0
        for start, stop in uid_spans(self.found, gone):
            removed += self.found[start:stop]
            kept += self.found[last:start]
            last = stop
        if removed:
            self.found = kept + self.found[last:]
        return removed

    def take(self, looked_at: RangeSet, matching: list[int]) -> tuple[list[int], list[int]]:
        """Take in which of the messages looked at match; the UIDs taken out and those added."""
        now = set(matching)
        before = [uid for start, stop in uid_spans(self.found, looked_at) for uid in self.found[start:stop]]
        removed = [uid for uid in before if uid not in now]
        added = sorted(now.difference(before))
        if removed:
            self.take_gone(RangeSet.of_sorted(removed))
        if len(added) <= _FEW or not self.found or added[0] > self.found[-1]:
            for uid in added:
                self.found.insert(bisect_left(self.found, uid), uid)
        else:
            self.found = array("I", sorted([*self.found, *added]))
        return removed, added


@dataclass(slots=True)
class Contexts:
    """Those of one selected mailbox; they end with the selection (RFC 5267 §4.3)."""

    by_tag: dict[bytes, Context] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_tag)

    def has_room(self, messages: int) -> bool:
        """Whether one more result of so many messages can be kept; the first one always can."""
        kept = sum(len(context.found) for context in self.by_tag.values())
        return not self.by_tag or (
            len(self.by_tag) < limits.SEARCH_CONTEXTS and kept + messages <= limits.SEARCH_CONTEXT_MESSAGES
        )

    # --- telling ------------------------------------------------------------------------------------------------
    def tell_gone(self, session: "Session", selected: "Selected") -> None:
        """Send REMOVEFROM of messages that went away: before EXPUNGE, while their numbers hold (RFC 5267 §4.3.4)."""
        current = selected.state.uids
        lost: dict[int, RangeSet] = {}
        for context in self.by_tag.values():
            if context.uids is not current:
                key = id(context.uids)
                if key not in lost:
                    lost[key] = _lost(context.uids, current)
                removed = context.take_gone(lost[key])
                _send(session, selected, _in_place(selected, context, removed), context)
        for context in self.by_tag.values():
            context.uids = current

    def pending(self, selected: "Selected") -> "list[tuple[Context, RangeSet, ModSeq]]":
        """What came or changed since each context was true; to be asked when the view is as far as the state."""
        state = selected.state
        return [
            (context, context.waiting(state.changed_since(context.told)), state.modseq)
            for context in self.by_tag.values()
            if context.told != state.modseq
        ]

    async def tell(
        self, session: "Session", selected: "Selected", pending: "list[tuple[Context, RangeSet, ModSeq]]"
    ) -> None:
        """Send ADDTO and REMOVEFROM for what came or changed, as :meth:`pending` told. Raises StoreError."""
        view = selected.view
        found = [
            await session.context.search.search(
                selected.account, selected.state, context.query(), view.uids, view.count, among=waiting
            )
            if waiting
            else []
            for context, waiting, _modseq in pending
        ]
        await _send_new(session, selected, [(each[0], some) for each, some in zip(pending, found, strict=True)])
        for (context, waiting, modseq), matching in zip(pending, found, strict=True):
            if waiting:
                _send(session, selected, await _take(selected, context, waiting, matching), context)
                context.last_uid = max(context.last_uid, waiting.last)
            context.told = modseq
            await session.breathe()


async def _send_new(session: "Session", selected: "Selected", found: "Sequence[tuple[Context, Sequence[int]]]") -> None:
    """Send what was asked for of new messages, by position, that come into results: between EXISTS and ESEARCH.

    What NOTIFY asked for of the same messages comes in the same response: "These attributes SHOULD be combined into a
    single FETCH response" (RFC 5465 §5.2).
    """
    uids = selected.view.uids
    items: dict[int, tuple[FetchItem, ...]] = {}
    for context, matching in found:
        for uid in (uids[each] for each in matching if context.attributes):
            if uid > context.last_uid:
                items[uid] = items.get(uid, ()) + context.attributes
    if session.notifications is not None and items:
        arrived, attributes = session.notifications.take_arrived(RangeSet.of(items))
        items.update({uid: attributes + items[uid] for uid in arrived})
    wanted: dict[tuple[FetchItem, ...], list[int]] = {}
    for uid in sorted(items):
        wanted.setdefault(items[uid], []).append(uid)
    for some, those in wanted.items():
        await send_unasked(session, selected, selected.view_spans(RangeSet.of_sorted(those)), some)


def _lost(known: "array[int]", current: "array[int]") -> RangeSet:
    """The UIDs that were in a mailbox and are not any more."""
    return RangeSet((known[start], known[stop - 1]) for start, stop in missing_spans(known, len(known), current))


Told: TypeAlias = tuple[tuple[int | str, ...], tuple[int | str, ...]]
"""The payloads of REMOVEFROM and ADDTO; empty where there is nothing to say."""


def _send(session: "Session", selected: "Selected", told: Told, context: Context) -> None:
    """One ESEARCH response for what left the result and what came into it."""
    values = [(name, payload) for name, payload in zip(("REMOVEFROM", "ADDTO"), told, strict=True) if payload]
    if not values:
        return
    named = context.names_mailbox
    session.send(
        write_esearch(
            context.tag,
            context.by_uid,
            values,
            mailbox=selected.name if named else None,
            uid_validity=selected.state.mailbox.uid_validity if named else 0,
            utf8=session.utf8,
        )
    )


def _in_place(selected: "Selected", context: Context, removed: list[int]) -> Told:
    """What to tell of messages that left a result."""
    if context.arrangement is None or not removed:
        return _set(selected, context, removed), ()
    return _placed(selected, context, context.arrangement.take_out(set(removed))), ()


async def _take(selected: "Selected", context: Context, looked_at: RangeSet, matching: list[int]) -> Told:
    """Take in which of the messages looked at match (by position), and what to tell of it. Raises StoreError."""
    uids = selected.view.uids
    arrangement = context.arrangement
    if arrangement is None:
        removed, added = context.take(looked_at, [uids[each] for each in matching])
        return _set(selected, context, removed), _set(selected, context, added)
    now = {uids[each] for each in matching}
    before = {uid for start, stop in uid_spans(context.found, looked_at) for uid in context.found[start:stop]}
    if now <= before:  # nothing comes in, so nothing has to be sorted
        context.take_gone(RangeSet.of(before - now))
        return _placed(selected, context, arrangement.take_out(before - now)), ()
    kept = RangeSet.of_sorted(context.found).difference(looked_at)
    positions = [each for start, stop in selected.view_spans(kept) for each in range(start, stop)]
    arranged = [uids[each] for each in await arrangement.sort(sorted([*positions, *matching]))]
    left, came = arrangement.replace(arranged)
    context.found = array("I", sorted(arranged))
    return _placed(selected, context, left), _placed(selected, context, came)


def _set(selected: "Selected", context: Context, uids: list[int]) -> tuple[int | str, ...]:
    """Ascending UIDs without a place: the mailbox's order gives them one."""
    if not uids:
        return ()
    chosen = RangeSet.of_sorted(uids)
    if not context.by_uid:
        chosen = RangeSet((start + 1, stop) for start, stop in selected.view_spans(chosen))
    return positions([(0, str(chosen))])


def _placed(selected: "Selected", context: Context, placed: Placed) -> tuple[int | str, ...]:
    view = selected.view
    if context.by_uid:
        return positions((place, write_sorted_set(uids)) for place, uids in placed)
    # what is in a result stands in the view as well
    numbered = ((place, [(view.position(uid) or 0) + 1 for uid in uids]) for place, uids in placed)
    return positions((place, write_sorted_set(numbers)) for place, numbers in numbered)


# --- commands ---------------------------------------------------------------------------------------------------
def check_tag(selected: "Selected", request: Request, returns: frozenset[str]) -> None:
    """A tag names one context at a time. Raises BadCommand (RFC 5267 §4.3)."""
    if "UPDATE" in returns and selected.contexts is not None and request.tag in selected.contexts.by_tag:
        raise BadCommand("Tag reuse: updates of another search go by it")


def keep(
    session: "Session",
    request: Request,
    query: Callable[[], Query],
    uids: Sequence[int],
    arrangement: Arrangement | None = None,
    *,
    attributes: tuple[FetchItem, ...] = (),
    names_mailbox: bool = False,
) -> None:
    """Keep the client told of a search's result from now on, if there is room for that.

    The result is true for what the view has been told of; anything later is looked at by the next notice.

    Args:
        session: its selected mailbox was searched.
        request: the searching command.
        query: what was searched for.
        uids: what was found, ascending.
        arrangement: the result's order, where it is not the mailbox's.
        attributes: what to send of new messages that come into the result.
        names_mailbox: the command was ESEARCH.
    """
    selected = session.mailbox
    if selected.contexts is None:
        selected.contexts = Contexts()
    too_large = arrangement is not None and len(uids) > limits.SORTED_CONTEXT
    if too_large or not selected.contexts.has_room(len(uids)):
        session.say(b"NO", "Too many results to keep up to date", no_update_code(request.tag))
        return
    selected.contexts.by_tag[request.tag] = Context(
        request.tag,
        request.by_uid,
        query,
        array("I", uids),
        selected.view.told,
        selected.view.uids,
        may_change(plan(query())),
        selected.view.last_uid(),
        arrangement,
        attributes,
        names_mailbox,
    )


async def run_cancel_update(session: "Session", arguments: CancelUpdate, _request: Request) -> Completion | None:
    """End the updates of searches (RFC 5267 §4.3.5)."""
    contexts = session.mailbox.contexts
    known: dict[bytes, Context] = contexts.by_tag if contexts is not None else {}
    for tag in arguments.tags:
        if tag not in known:
            raise BadCommand("No updates go by this tag")
    for tag in arguments.tags:
        known.pop(tag, None)
    return Completion(text="No further updates")
