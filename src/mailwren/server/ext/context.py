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
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.search import ReturnData, write_esearch
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.context import CancelUpdate, positions, write_no_update
from mailwren.search.plan import may_change, plan
from mailwren.search.query import Query
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
                _send(session, selected, context, context.take_gone(lost[key]), [])
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
        for context, waiting, modseq in pending:
            if waiting:
                matching = await session.context.search.search(
                    selected.account, selected.state, context.query(), view.uids, view.count, among=waiting
                )
                removed, added = context.take(waiting, [view.uids[each] for each in matching])
                _send(session, selected, context, removed, added)
                context.last_uid = max(context.last_uid, waiting.last)
            context.told = modseq
            await session.breathe()


def _lost(known: "array[int]", current: "array[int]") -> RangeSet:
    """The UIDs that were in a mailbox and are not any more."""
    return RangeSet((known[start], known[stop - 1]) for start, stop in missing_spans(known, len(known), current))


def _send(session: "Session", selected: "Selected", context: Context, removed: list[int], added: list[int]) -> None:
    """One ESEARCH response for what left the result and what came into it."""
    values: list[tuple[str, ReturnData]] = []
    for name, uids in (("REMOVEFROM", removed), ("ADDTO", added)):
        if uids:
            values.append((name, positions([(0, str(_numbers(selected, context, uids)))])))
    if values:
        session.send(write_esearch(context.tag, context.by_uid, values))


def _numbers(selected: "Selected", context: Context, uids: list[int]) -> RangeSet:
    chosen = RangeSet.of_sorted(uids)
    if context.by_uid:
        return chosen
    return RangeSet((start + 1, stop) for start, stop in selected.view_spans(chosen))


# --- commands ---------------------------------------------------------------------------------------------------
def check_tag(selected: "Selected", request: Request, returns: frozenset[str]) -> None:
    """A tag names one context at a time. Raises BadCommand (RFC 5267 §4.3)."""
    if "UPDATE" in returns and selected.contexts is not None and request.tag in selected.contexts.by_tag:
        raise BadCommand("Tag reuse: updates of another search go by it")


def keep(
    session: "Session", selected: "Selected", request: Request, query: Callable[[], Query], uids: list[int]
) -> bool:
    """Keep the client told of a search's result from now on; whether there is room for that.

    The result is true for what the view has been told of; anything later is looked at by the next notice.
    """
    if selected.contexts is None:
        selected.contexts = Contexts()
    if not selected.contexts.has_room(len(uids)):
        session.send(write_no_update(request.tag, "Too many results to keep up to date"))
        return False
    selected.contexts.by_tag[request.tag] = Context(
        request.tag,
        request.by_uid,
        query,
        array("I", uids),
        selected.view.told,
        selected.view.uids,
        may_change(plan(query())),
        selected.view.last_uid(),
    )
    return True


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
