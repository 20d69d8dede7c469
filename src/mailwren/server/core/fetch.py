"""FETCH and UID FETCH (RFC 9051 §6.4.5): which messages, in which pieces, and the implicit ``\\Seen``."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mailwren.base.ids import FlagSetId
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import Fetch, FetchItem
from mailwren.imap.errors import Refused
from mailwren.server.core.fetch_columns import COLUMNS, Batch, Column, header_column
from mailwren.server.core.fetch_octets import OctetItem, Streamed, octet_item
from mailwren.server.notices import tell_new_keywords
from mailwren.server.table import Completion, Request
from mailwren.server.view import Span
from mailwren.store.errors import MessageDamaged
from mailwren.store.operations import FlagMode, FlagsSet, SetFlags

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_BATCH = 250
"""Messages whose rows are read together: a few milliseconds of work."""
_UID = FetchItem("UID")
_FLAGS = FetchItem("FLAGS")


async def run_fetch(session: "Session", arguments: Fetch, request: Request) -> Completion | None:
    """Send what was asked of each message, items in the order asked."""
    selected = session.mailbox
    spans = selected.view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    items = arguments.items
    if request.by_uid and _UID not in items:
        items = (_UID, *items)  # "the UID MUST be part of any FETCH response" (RFC 9051 §6.4.9)
    newly_seen = await _mark_seen(session, selected, items, spans)
    sender = _Sender(session, selected, items, newly_seen)
    for start, stop in _batches(spans):
        await sender.send(start, stop)
        await session.breathe()
    if sender.damaged:
        raise Refused(f"Damaged messages were left out: UID {sender.damaged}", b"CORRUPTION")
    if sender.missing and not request.by_uid:
        # "the server MAY … EXPUNGEISSUED" (RFC 5530 §3): the others were sent
        raise Refused("Some of the messages no longer exist", b"EXPUNGEISSUED")
    return None


def _batches(spans: Sequence[Span]) -> Iterator[Span]:
    for start, stop in spans:
        for first in range(start, stop, _BATCH):
            yield first, min(first + _BATCH, stop)


def _sets_seen(item: FetchItem) -> bool:
    if item.name in ("RFC822", "RFC822.TEXT"):
        return True
    return item.name in ("BODY[]", "BINARY[]") and not item.peek


async def _mark_seen(
    session: "Session", selected: "Selected", items: Sequence[FetchItem], spans: Sequence[Span]
) -> RangeSet:
    """Set ``\\Seen`` where the items imply it; the messages it is new for (RFC 9051 §6.4.5, BODY[])."""
    if selected.read_only or not any(_sets_seen(item) for item in items):
        return RangeSet()
    state, view = selected.state, selected.view
    unseen = {flags for flags in state.flag_set_ids() if not selected.account.flag_set(FlagSetId(flags)).seen}
    if not unseen:
        return RangeSet()
    uids: list[int] = []
    for start, stop in spans:
        for position in range(start, stop):
            index = position if view.uids is state.uids else state.index(view.uid(position))
            if index is not None and state.flags[index] in unseen:
                uids.append(view.uids[position])
    if not uids:
        return RangeSet()
    operation = SetFlags(selected.id, RangeSet.of_sorted(uids), FlagMode.ADD, ("\\Seen",))
    (outcome,) = await session.account.apply([operation])
    assert isinstance(outcome, FlagsSet)
    await selected.refresh()
    selected.view.note_own_change(outcome.modseq)
    tell_new_keywords(session, selected)
    return outcome.changed


class _Sender:
    """Sends batches of one FETCH command."""

    def __init__(
        self, session: "Session", selected: "Selected", items: Sequence[FetchItem], newly_seen: RangeSet
    ) -> None:
        self._session = session
        self._selected = selected
        self._newly_seen = newly_seen
        self._adds_flags = bool(newly_seen) and _FLAGS not in items
        self._columns: list[Column | OctetItem] = [_column(item) for item in items]
        self._simple = not any(isinstance(column, OctetItem) for column in self._columns)
        self.missing = False
        self.damaged = RangeSet()

    async def send(self, start: int, stop: int) -> None:
        """Send the messages at these positions."""
        batch = Batch.of(self._session, self._selected, start, stop)
        self.missing |= len(batch) < stop - start
        values = [None if isinstance(column, OctetItem) else await column(batch) for column in self._columns]
        if self._simple:
            columns = [value for value in values if value is not None]
            if self._adds_flags:
                columns.append(await COLUMNS["FLAGS"](batch))
            lines = [
                b"* %d FETCH (%b)\r\n" % (number, b" ".join(row))
                for number, row in zip(batch.numbers, zip(*columns, strict=True), strict=True)
            ]
            self._session.send(b"".join(lines))
            return
        flags = await COLUMNS["FLAGS"](batch) if self._adds_flags else None
        for index in range(len(batch)):
            await self._send_one(batch, index, values, flags)

    async def _send_one(
        self, batch: Batch, index: int, values: Sequence[Sequence[bytes] | None], flags: Sequence[bytes] | None
    ) -> None:
        """One message with items that need its octets; nothing is sent before all of them are at hand."""
        pieces: list[bytes | Streamed] = []
        content, uid = batch.contents[index], batch.uids[index]
        try:
            for column, column_values in zip(self._columns, values, strict=True):
                if column_values is not None:
                    pieces.append(column_values[index])
                elif isinstance(column, OctetItem):
                    pieces.append(await column.value(self._session.account, content))
        except MessageDamaged:
            self.damaged = self.damaged.union(RangeSet.of((uid,)))
            return
        if flags is not None and uid in self._newly_seen:
            pieces.append(flags[index])
        session = self._session
        session.send(b"* %d FETCH (" % batch.numbers[index])
        for position, piece in enumerate(pieces):
            if position:
                session.send(b" ")
            if isinstance(piece, Streamed):
                await piece.send(session)
            else:
                session.send(piece)
        session.send(b")\r\n")
        await session.breathe()


def _column(item: FetchItem) -> Column | OctetItem:
    """How an item is answered: from rows for many messages at once, or from each message's octets."""
    column = COLUMNS.get(item.name) or header_column(item)
    return column if column is not None else octet_item(item)
