"""FETCH and UID FETCH (RFC 9051 §6.4.5): which messages, in which pieces, and the implicit ``\\Seen``."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mailwren.base.ids import FlagSetId
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import Fetch, FetchItem
from mailwren.server.core.fetch_plan import FetchPlan, plan_of
from mailwren.server.core.fetch_sender import Sender
from mailwren.server.ext import condstore, messagelimit
from mailwren.server.ext.annotation_items import check_items
from mailwren.server.ext.partial import count, page
from mailwren.server.ext.qresync import narrow
from mailwren.server.table import Completion, Request
from mailwren.server.view import Span, batches
from mailwren.store.flag_columns import first_place
from mailwren.store.operations import FlagMode, FlagsSet, Outcome, SetFlags

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_NOTHING = RangeSet()


async def run_fetch(session: "Session", arguments: Fetch, request: Request) -> Completion | None:
    """Send what was asked of each message, items in the order asked."""
    selected = session.mailbox
    spans = selected.view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    plan = _plan(session, arguments, request)
    if plan.asks_modseq:
        condstore.enable(session)
    if arguments.modifiers:
        messagelimit.check_page(session, arguments)
        spans = page(arguments, request, spans)
        spans = await narrow(session, selected, arguments, request, spans)
    spans = messagelimit.newest(session, spans)
    if plan.has_annotations:
        await check_items(session, selected, plan.items, spans)
    newly_seen = await _mark_seen(session, selected, spans) if plan.sets_seen else _NOTHING
    sender = Sender(session, selected, plan, newly_seen)
    if len(spans) == 1 and spans[0][1] - spans[0][0] <= plan.batch:
        positions = range(*spans[0])
        session.progress.report(0, len(positions))
        await sender.send(positions)
    else:
        await _send_batches(session, sender, plan, spans)
    sender.complain(request)
    return None


async def _send_batches(session: "Session", sender: Sender, plan: FetchPlan, spans: Sequence[Span]) -> None:
    """Send much of it, others having their turn between."""
    done, goal = 0, count(spans)
    groups: Iterable[Sequence[int]] = batches(spans, plan.batch)
    for positions in reversed(list(groups)) if sender.descends else groups:
        session.progress.report(done, goal)
        await sender.send(positions)
        await session.breathe()
        done += len(positions)


def _plan(session: "Session", arguments: Fetch, request: Request) -> FetchPlan:
    """How the items are answered.

    "Server implementations MUST implicitly include the UID message data item" for a UID command (RFC 9051 §6.4.9);
    CHANGEDSINCE "implicitly adds the MODSEQ FETCH message data item" (RFC 7162 §3.1.4.1). UIDFETCH begins with the UID.
    """
    with_modseq = bool(arguments.modifiers) and "CHANGEDSINCE" in dict(arguments.modifiers)
    return plan_of(arguments.items, with_uid=request.by_uid and not session.uid_only, with_modseq=with_modseq)


async def send_unasked(
    session: "Session", selected: "Selected", spans: Sequence[Span], items: Sequence[FetchItem]
) -> None:
    """Send items of messages that the client has not asked for one by one (RFC 5465 §5.2).

    Nothing is marked as seen by that, and what cannot be sent is left out: there is no command to refuse.
    """
    # "they MUST include UID FETCH item" (RFC 9051 §7.5.2); "both UID and mod-sequence data in all subsequent" ones
    # (RFC 7162 §3.2.4)
    with_uid = session.rev2 or (session.condstore and not session.uid_only)
    plan = plan_of(tuple(items), with_uid=with_uid, with_modseq=session.condstore)
    sender = Sender(session, selected, plan, _NOTHING)
    for positions in batches(spans, plan.batch):
        await sender.send(positions)
        await session.breathe()


async def _mark_seen(session: "Session", selected: "Selected", spans: list[Span]) -> RangeSet:
    """Set ``\\Seen`` where the items imply it; the messages it is new for (RFC 9051 §6.4.5, BODY[])."""
    may = not selected.read_only and "s" in selected.rights  # without it FETCH "MUST NOT set it" (RFC 4314 §4)
    if not may or not _any_unseen(selected, spans):
        return _NOTHING
    operation = SetFlags(selected.id, selected.view.uids_of(spans), FlagMode.ADD, ("\\Seen",))
    outcome: Outcome | None = selected.account.set_flags_at_once(operation)
    if outcome is not None:
        session.has_changed()
    else:
        (outcome,) = await selected.account.apply([operation])
        await session.refresh()
    assert isinstance(outcome, FlagsSet)
    return outcome.changed


def _any_unseen(selected: "Selected", spans: Sequence[Span]) -> bool:
    """Whether there is anything to mark: reading what was read before costs no transaction."""
    state, view = selected.state, selected.view
    unseen = {flags for flags in state.flag_set_ids() if not selected.account.flag_set(FlagSetId(flags)).seen}
    if not unseen:
        return False
    if view.uids is state.uids:
        return any(first_place(state.flags, unseen, start, stop) is not None for start, stop in spans)
    indexes = (state.index(view.uid(position)) for start, stop in spans for position in range(start, stop))
    return any(index is not None and state.flags[index] in unseen for index in indexes)
