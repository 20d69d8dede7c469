"""What the client is told unasked: EXPUNGE or VANISHED, EXISTS, RECENT, FLAGS and FETCH (RFC 9051 §7.5)."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mailwren.base.ids import FlagSetId
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.select import permanent_flags_code, write_flags
from mailwren.imap.ext.qresync import write_vanished
from mailwren.imap.flags import SYSTEM_FLAGS
from mailwren.server.ext.annotate_notices import tell_changed as tell_annotations
from mailwren.server.fetch_form import fetch_form
from mailwren.server.flag_lines import flag_lines
from mailwren.server.selected import Selected
from mailwren.server.view import Update

if TYPE_CHECKING:
    from mailwren.server.session import Session
    from mailwren.store.api import Account


_AT_ONCE = 1000
"""Responses that are made before others have their turn."""


async def tell(session: "Session", selected: Selected, *, may_expunge: bool, with_uid: bool = False) -> None:
    """Move the view to the state's present and send what the client must know, in the order of view.py's rule 3.

    Args:
        session: whose client is told.
        selected: its mailbox.
        may_expunge: EXPUNGE may go out now.
        with_uid: the notices follow a UID command: FETCH responses name the UID (RFC 9051 §6.4.9). After ENABLE
            IMAP4rev2 they always do (RFC 9051 §7.5.2, "they MUST include UID FETCH item").
    """
    contexts = selected.contexts
    if contexts:
        contexts.tell_gone(session, selected)
    notifications = session.notifications
    with_uid |= session.rev2 or notifications is not None  # "MUST include UID and FLAGS" (RFC 5465 §5.1)
    flags = notifications is None or notifications.flags
    update = selected.view.advance(may_expunge=may_expunge, flags=flags)
    pending = contexts.pending(selected) if contexts else []
    if update.expunged:
        await _tell_expunges(session, selected, update)
    await _tell_arrivals(session, selected, update)
    for start in range(0, len(update.flags), _AT_ONCE):
        send_flags(session, selected, update.flags[start : start + _AT_ONCE], with_uid=with_uid)
        await session.breathe()
    if flags and selected.annotations_told is not None:
        await tell_annotations(session, selected, with_uid=with_uid)
    if contexts and pending:
        await contexts.tell(session, selected, pending)
    if notifications is not None:
        # "The FETCH response(s) MUST follow any ESEARCH ADDTO responses" (RFC 5465 §5.2)
        await notifications.tell_attributes(selected)


async def _tell_expunges(session: "Session", selected: Selected, update: Update) -> None:
    selected.modseq_due = True
    if session.vanishes:
        await send_vanished(session, update.expunged_uids)
        return
    for start in range(0, len(update.expunged), _AT_ONCE):
        numbers = update.expunged[start : start + _AT_ONCE]
        session.send(b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers]))
        await session.breathe()


async def send_vanished(session: "Session", uids: RangeSet, *, earlier: bool = False) -> None:
    """Send VANISHED responses (RFC 7162 §3.2.10): one, or several where one would be a very long line."""
    ranges = list(uids.ranges())
    for start in range(0, len(ranges), _AT_ONCE):
        session.send(write_vanished(RangeSet(ranges[start : start + _AT_ONCE]), earlier=earlier))
        await session.breathe()


async def announce(session: "Session", selected: Selected) -> None:
    """Before a command looks at the mailbox: tell what came in, so that the command can find it."""
    if not selected.view.has_all:
        await _tell_arrivals(session, selected, selected.view.arrive())


async def _tell_arrivals(session: "Session", selected: Selected, update: Update) -> None:
    if update.exists is None:
        return
    session.send(b"* %d EXISTS\r\n" % update.exists)
    if not session.rev2:
        await selected.claim_recent()
        session.send(b"* %d RECENT\r\n" % selected.recent_count())
    tell_new_keywords(session, selected)
    if session.notifications is not None:
        session.notifications.note_arrived(selected.view.uids_of([update.arrived]))


def send_flags(session: "Session", selected: Selected, positions: Sequence[int], *, with_uid: bool = False) -> bytes:
    """Send FETCH responses with the present flags of messages; those gone meanwhile are passed over. Returns them.

    A client that keeps mod-sequences gets them, and the UID, each time (RFC 7162 §3.2.4). Keywords are told before
    messages that have them: between two calls others may have made some up.
    """
    positions, indexes = present(selected, positions)
    if not positions:
        return b""
    tell_new_keywords(session, selected)
    lines = flag_lines(session, selected, positions, indexes, with_uid=with_uid)
    session.send(lines)
    return lines


def send_modseqs(session: "Session", selected: Selected, positions: Sequence[int]) -> None:
    """Send FETCH responses with the mod-sequences of messages whose flags the client knows (RFC 7162 §3.1.3)."""
    form, uids, modseqs = fetch_form(session), selected.view.uids, selected.state.modseqs
    positions, indexes = present(selected, positions)
    line = form.line.replace(b"%b", b"MODSEQ (%d)" if form.by_uid else b"UID %d MODSEQ (%d)")
    pairs = zip(positions, indexes, strict=True)
    if form.by_uid:
        lines = [line % (uids[position], modseqs[index]) for position, index in pairs]
    else:
        lines = [line % (position + 1, uids[position], modseqs[index]) for position, index in pairs]
    if lines:
        session.send(b"".join(lines))


def present(selected: Selected, positions: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Those of some positions in the view whose messages are still there, and their positions in the state."""
    view, state = selected.view, selected.state
    if view.uids is state.uids:
        return positions, positions
    places = [(position, state.index(view.uid(position))) for position in positions]
    kept = [(position, index) for position, index in places if index is not None]
    return [position for position, _ in kept], [index for _, index in kept]


def keywords_in_use(selected: Selected) -> frozenset[str]:
    """The keywords on any message of the mailbox: clients build their tables from FLAGS."""
    account: Account = selected.account
    names: set[str] = set()
    for flags in selected.state.flag_set_ids():
        names |= account.flag_set(FlagSetId(flags)).names
    return frozenset(name for name in names if not name.startswith("\\"))


def flags_line(keywords: Iterable[str]) -> bytes:
    """The FLAGS response (RFC 9051 §7.3.5)."""
    return write_flags([*SYSTEM_FLAGS, *sorted(keywords)])


def tell_new_keywords(session: "Session", selected: Selected) -> None:
    """Send FLAGS and PERMANENTFLAGS again when keywords came up that the client has not heard of."""
    flag_sets = selected.state.flag_set_ids()
    if flag_sets <= selected.flag_sets:
        return
    selected.flag_sets |= flag_sets
    keywords = keywords_in_use(selected)
    if not keywords <= selected.keywords:
        selected.keywords |= keywords
        tell_flags(session, selected)


def tell_flags(session: "Session", selected: Selected) -> None:
    """Send which flags there are, and which of them this user may change here (RFC 4314 §5.1.1)."""
    session.send(flags_line(selected.keywords))
    flags = selected.permitted_flags()
    text = "Flags permitted" if flags else "No flags can be changed"
    session.say(b"OK", text, permanent_flags_code(flags))
