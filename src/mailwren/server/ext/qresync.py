"""QRESYNC for the session (RFC 7162 §3.2): what a client that was away is told, and only that."""

from bisect import bisect_right
from typing import TYPE_CHECKING

from mailwren.base import limits
from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import Fetch, Select
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.qresync import Resync
from mailwren.server.core.kept_lines import LinesKey, Origin
from mailwren.server.ext import condstore
from mailwren.server.ext.uidonly import UidRequired
from mailwren.server.notices import send_flags, send_vanished
from mailwren.server.table import Request
from mailwren.server.view import Span, View
from mailwren.store.mailbox_state import uid_spans

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session


# --- SELECT and EXAMINE -------------------------------------------------------------------------------------
def resync_of(session: "Session", arguments: Select) -> Resync | None:
    """The parameter QRESYNC, if the client gave it and may.

    Raises:
        BadCommand: QRESYNC is not enabled; or message numbers from a client that has given them up (RFC 9586 §3.7).
    """
    resync = dict(arguments.parameters).get("QRESYNC")
    if not isinstance(resync, Resync):
        return None
    if "QRESYNC" not in session.enabled:
        raise BadCommand("ENABLE QRESYNC first")
    if resync.known_numbers is not None and session.uid_only:
        raise UidRequired
    return resync


async def tell_what_changed(session: "Session", selected: "Selected", resync: Resync) -> None:
    """Tell what changed since the client was here: ``VANISHED (EARLIER)``, then flags (RFC 7162 §3.2.5.1)."""
    mailbox, view = selected.state.mailbox, selected.view
    if resync.uid_validity != mailbox.uid_validity or resync.modseq >= selected.state.modseq:
        return
    kept = _KeptAnswer(session, selected, resync)
    if kept.say():
        return
    known = resync.known_uids
    spans: list[Span] = [(0, view.count)] if known is None else list(uid_spans(view.uids, known, view.count))
    since = ModSeq(resync.modseq)
    changes = await selected.account.changes_since(selected.id, since)
    expunged = changes.expunged if known is None else changes.expunged.intersection(known)
    if resync.known_numbers is not None:
        matched = last_match(view, resync.known_numbers, resync.their_uids)
        expunged = expunged.difference(RangeSet([(1, matched)])) if matched else expunged
    await _tell_vanished(session, view, expunged)
    async for positions in condstore.changed_batches(session, selected, spans, changes.changed, since):
        kept.add(send_flags(session, selected, positions))
        view.note_sent(positions, selected.state.modseq)
    if not expunged and selected.state.modseq == view.told:
        kept.keep()


class _KeptAnswer:
    """The flags that a client was told when it came back, for one that comes back from there while nothing is new.

    Clients on the move do so again and again. Where anything went away, or they say what they know, it is worked out.
    """

    def __init__(self, session: "Session", selected: "Selected", resync: Resync) -> None:
        self._session = session
        usual = resync.known_uids is None and resync.known_numbers is None
        # The state may be newer than what EXISTS told of.
        usual = usual and selected.state.modseq == selected.view.told
        asked = f"QRESYNC {resync.modseq} {session.uid_only} {session.rev2}"
        self._key = LinesKey(selected.state.number, asked, 0) if usual else None
        self._origin = Origin((), (), None, (selected.state.modseq,), selected.view.recent)
        self._lines = b""

    def say(self) -> bool:
        """Say it again; whether that is possible."""
        lines = None if self._key is None else self._session.context.lines.find(self._key, self._origin)
        if lines is not None:
            self._session.send(lines)
        return lines is not None

    def add(self, lines: bytes) -> None:
        """This was said."""
        if len(self._lines) + len(lines) > limits.RESYNC_KEPT:
            self._key = None
        if self._key is not None:
            self._lines += lines

    def keep(self) -> None:
        """Nothing else was said, and the state is as it was."""
        if self._key is not None:
            self._session.context.lines.keep(self._key, self._origin, self._lines)


async def _tell_vanished(session: "Session", view: View, expunged: RangeSet) -> None:
    """What the client still counts it is not told here, but with its numbers changing."""
    counted = view.uids_of(list(uid_spans(view.uids, expunged, view.count)))
    await send_vanished(session, expunged.difference(counted) if counted else expunged, earlier=True)


def last_match(view: View, numbers: RangeSet, uids: RangeSet) -> int:
    """The largest UID that the client knows to have the number it has now, 0 when there is none.

    Nothing below it went away since. Where number and UID run in step, the UID of a position minus the position never
    falls as the position grows, so that the last match is found by halving.
    """
    result = 0
    pairs = list(uids.ranges())
    place = offset = 0
    for first, last in numbers.ranges():
        number = first
        while number <= last and place < len(pairs):
            uid = pairs[place][0] + offset
            length = min(last - number, pairs[place][1] - uid) + 1
            stop = min(number - 1 + length, view.count)
            shift = uid - number
            found = bisect_right(range(stop), shift, number - 1, stop, key=lambda each: view.uids[each] - each - 1) - 1
            if found >= number - 1 and view.uids[found] - found - 1 == shift:
                result = view.uids[found]
            number += length
            offset += length
            if pairs[place][0] + offset > pairs[place][1]:
                place, offset = place + 1, 0
    return result


# --- FETCH --------------------------------------------------------------------------------------------------
async def narrow(
    session: "Session", selected: "Selected", arguments: Fetch, request: Request, spans: list[Span]
) -> list[Span]:
    """Of the messages that FETCH names, those changed since CHANGEDSINCE; tells of those that VANISHED.

    Raises:
        BadCommand: VANISHED where it may not stand (RFC 7162 §3.2.6).
    """
    modifiers = dict(arguments.modifiers)
    since = modifiers.get("CHANGEDSINCE")
    if "VANISHED" in modifiers:
        _check_vanished(session, request, given=since is not None)
    if not isinstance(since, int):
        return spans
    condstore.enable(session)
    if since >= selected.state.modseq:
        return []
    changes = await selected.account.changes_since(selected.id, ModSeq(since))
    if "VANISHED" in modifiers:
        await _tell_vanished(session, selected.view, changes.expunged.intersection(_named(session, arguments)))
    return await condstore.changed_spans(session, selected, spans, changes.changed, ModSeq(since))


def _check_vanished(session: "Session", request: Request, *, given: bool) -> None:
    if not request.by_uid:
        raise BadCommand("VANISHED is for UID FETCH alone")
    if "QRESYNC" not in session.enabled:
        raise BadCommand("ENABLE QRESYNC first")
    if not given:
        raise BadCommand("VANISHED comes with CHANGEDSINCE")


def _named(session: "Session", arguments: Fetch) -> RangeSet:
    """The UIDs that a UID FETCH names; ``*`` stands for the last one that there ever was."""
    if arguments.messages.saved:
        return session.saved
    return arguments.messages.resolve(session.mailbox.state.mailbox.uid_next - 1)
