"""CONDSTORE for the session (RFC 7162 §3.1): who gets mod-sequences, and what changed since one."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.ext.condstore import highest_modseq_code, searches_modseq
from mailwren.server.view import Span, View, batches, runs
from mailwren.store.mailbox_state import MailboxState, uid_positions, uid_spans

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_AT_ONCE: Final = 1000
"""Messages whose mod-sequences are compared before others have their turn."""


def enable(session: "Session") -> None:
    """The client keeps mod-sequences: from now on it is sent them, beginning with the selected mailbox's.

    "A first CONDSTORE enabling command executed in the session with a mailbox selected MUST cause the server to return
    HIGHESTMODSEQ" (RFC 7162 §3.1).
    """
    if session.condstore:
        return
    session.condstore = True
    if session.selected is not None:
        send_highest_modseq(session, session.selected.view.complete)
        session.selected.modseq_due = False


def send_highest_modseq(session: "Session", modseq: ModSeq) -> None:
    """Say up to where the client has been told everything (RFC 7162 §3.1.2.1)."""
    session.say(b"OK", "Highest mod-sequence", highest_modseq_code(modseq))


def due_modseq(session: "Session") -> ModSeq | None:
    """What HIGHESTMODSEQ must say at the end of a command, if anything.

    From MODSEQ items alone a client would not know that messages went away, nor that some of them it is still to be
    told of: "the server MUST send the HIGHESTMODSEQ response code with a lower value than the EXPUNGE's mod-sequence"
    (RFC 7162 §3.2).
    """
    selected = session.selected
    if selected is None or not session.condstore:
        return None
    stale = selected.view.stale
    if not (stale or selected.modseq_due):
        return None
    selected.modseq_due = stale
    return selected.view.complete


def found_modseqs(view: View, state: MailboxState, key: SearchKey, positions: Sequence[int]) -> Sequence[int]:
    """The mod-sequences of what a search found, if the answer is to tell them; else nothing (RFC 7162 §3.1.5)."""
    if not searches_modseq(key):
        return ()
    if view.uids is state.uids:
        return [state.modseqs[position] for position in positions]
    indexes = [state.index(view.uid(position)) for position in positions]
    return [0 if index is None else state.modseqs[index] for index in indexes]


async def changed_spans(
    session: "Session", selected: "Selected", spans: Sequence[Span], uids: RangeSet, modseq: ModSeq
) -> list[Span]:
    """As :func:`changed_batches`, put together."""
    result: list[Span] = []
    async for positions in changed_batches(session, selected, spans, uids, modseq):
        result.extend(runs(positions))
    return result


async def changed_batches(
    session: "Session", selected: "Selected", spans: Sequence[Span], uids: RangeSet, modseq: ModSeq
) -> AsyncIterator[Sequence[int]]:
    """Which of some positions changed after a mod-sequence, some hundreds at a time.

    Args:
        session: gives others their turn.
        selected: its mailbox.
        spans: the positions, ascending.
        uids: the messages that may have changed, out of the log.
        modseq: the mod-sequence.
    """
    view = selected.view
    for positions in _candidates(view, spans, uids):
        changed = changed_positions(selected, positions, modseq)
        if changed:
            yield changed
        await session.breathe()


def _candidates(view: View, spans: Sequence[Span], uids: RangeSet) -> Iterable[Sequence[int]]:
    """The positions of messages among some positions, in batches."""
    everywhere = spans == [(0, view.count)]
    if everywhere and len(uids) <= _AT_ONCE:
        return [uid_positions(view.uids, uids, view.count)]
    found = list(uid_spans(view.uids, uids, view.count))
    if not everywhere:
        found = list(_common(spans, found))
    few = sum(stop - start for start, stop in found) <= _AT_ONCE
    return [_flat(found)] if few else batches(found, _AT_ONCE)


def _flat(spans: Sequence[Span]) -> list[int]:
    return [position for start, stop in spans for position in range(start, stop)]


def changed_positions(selected: "Selected", positions: Sequence[int], modseq: int) -> list[int]:
    """Those of some positions whose messages are still there and changed after a mod-sequence."""
    view, state = selected.view, selected.state
    modseqs = state.modseqs
    if view.uids is state.uids:
        return [position for position in positions if modseqs[position] > modseq]
    places = ((position, state.index(view.uid(position))) for position in positions)
    return [position for position, index in places if index is not None and modseqs[index] > modseq]


def _common(left: Sequence[Span], right: Sequence[Span]) -> Iterator[Span]:
    """What two sequences of ascending spans have in common."""
    i = j = 0
    while i < len(left) and j < len(right):
        start, stop = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < stop:
            yield start, stop
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
