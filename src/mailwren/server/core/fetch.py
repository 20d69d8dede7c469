"""FETCH and UID FETCH (RFC 9051 §6.4.5): which messages, in which pieces, and the implicit ``\\Seen``."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from mailwren.base.ids import FlagSetId
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import Fetch, FetchItem
from mailwren.imap.errors import Refused
from mailwren.imap.ext.condstore import MODSEQ_ITEM
from mailwren.imap.ext.preview import LAZY
from mailwren.message.stream_decoder import UnknownEncoding
from mailwren.server.core.fetch_columns import Batch, Cell, column_of
from mailwren.server.core.fetch_octets import Streamed
from mailwren.server.core.kept_lines import LinesKey, Origin
from mailwren.server.ext import condstore, messagelimit
from mailwren.server.ext.annotation_items import check_items
from mailwren.server.ext.gmail_items import in_gmails_order
from mailwren.server.ext.partial import count, page
from mailwren.server.ext.qresync import narrow
from mailwren.server.fetch_form import fetch_form
from mailwren.server.notices import tell_new_keywords
from mailwren.server.table import Completion, Request
from mailwren.server.view import Span, batches
from mailwren.store.errors import MessageDamaged
from mailwren.store.operations import FlagMode, FlagsSet, SetFlags

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_BATCH = 250
"""Messages whose rows are read together: a few milliseconds of work."""
_ROOM = 256 * 1024
"""Octets of one message's values that are put together in memory; what does not fit is streamed."""
_UID = FetchItem("UID")
_FLAGS = FetchItem("FLAGS")


async def run_fetch(session: "Session", arguments: Fetch, request: Request) -> Completion | None:
    """Send what was asked of each message, items in the order asked."""
    selected = session.mailbox
    spans = selected.view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    if MODSEQ_ITEM in arguments.items:
        condstore.enable(session)
    if arguments.modifiers:
        messagelimit.check_page(session, arguments)
        spans = page(arguments, request, spans)
        spans = await narrow(session, selected, arguments, request, spans)
    spans = messagelimit.newest(session, spans)
    await check_items(session, selected, arguments.items, spans)
    items = _distinct(session, arguments, request)
    newly_seen = await _mark_seen(session, selected, arguments.items, spans)
    if newly_seen or _FLAGS in items:
        tell_new_keywords(session, selected)
    sender = _Sender(session, selected, items, newly_seen)
    done, goal = 0, count(spans)
    groups: Iterable[Sequence[int]] = batches(spans, sender.batch)
    for positions in reversed(list(groups)) if sender.descends else groups:
        session.progress.report(done, goal)
        await sender.send(positions)
        await session.breathe()
        done += len(positions)
    sender.complain(request)
    return None


async def send_unasked(
    session: "Session", selected: "Selected", spans: Sequence[Span], items: Sequence[FetchItem]
) -> None:
    """Send items of messages that the client has not asked for one by one (RFC 5465 §5.2).

    Nothing is marked as seen by that, and what cannot be sent is left out: there is no command to refuse.
    """
    distinct = list(dict.fromkeys(_plain(item) for item in items))
    if _UID not in distinct and (session.rev2 or (session.condstore and not session.uid_only)):
        distinct.insert(0, _UID)  # "they MUST include UID FETCH item" (RFC 9051 §7.5.2)
    if MODSEQ_ITEM not in distinct and session.condstore:
        distinct.append(MODSEQ_ITEM)  # "both UID and mod-sequence data in all subsequent" ones (RFC 7162 §3.2.4)
    sender = _Sender(session, selected, distinct, RangeSet())
    for positions in batches(spans, sender.batch):
        await sender.send(positions)
        await session.breathe()


def _distinct(session: "Session", arguments: Fetch, request: Request) -> list[FetchItem]:
    """The items to answer: each once, in the order asked.

    "Server implementations MUST implicitly include the UID message data item" for a UID command (RFC 9051 §6.4.9);
    CHANGEDSINCE "implicitly adds the MODSEQ FETCH message data item" (RFC 7162 §3.1.4.1). UIDFETCH begins with the UID.
    """
    by_uid = request.by_uid and not session.uid_only
    distinct = list(dict.fromkeys(_plain(item) for item in arguments.items))
    if MODSEQ_ITEM not in distinct and "CHANGEDSINCE" in dict(arguments.modifiers):
        distinct.append(MODSEQ_ITEM)
    return in_gmails_order([_UID, *distinct] if by_uid and _UID not in distinct else distinct)


def _plain(item: FetchItem) -> FetchItem:
    """The item without what makes no difference to the response."""
    return replace(item, peek=False, modifiers=tuple(word for word in item.modifiers if word != LAZY))


def _sets_seen(item: FetchItem) -> bool:
    if item.name in ("RFC822", "RFC822.TEXT"):
        return True
    return item.name in ("BODY[]", "BINARY[]") and not item.peek


async def _mark_seen(
    session: "Session", selected: "Selected", items: Sequence[FetchItem], spans: list[Span]
) -> RangeSet:
    """Set ``\\Seen`` where the items imply it; the messages it is new for (RFC 9051 §6.4.5, BODY[])."""
    may = not selected.read_only and "s" in selected.rights  # without it FETCH "MUST NOT set it" (RFC 4314 §4)
    if not may or not any(_sets_seen(item) for item in items) or not _any_unseen(selected, spans):
        return RangeSet()
    operation = SetFlags(selected.id, selected.view.uids_of(spans), FlagMode.ADD, ("\\Seen",))
    (outcome,) = await selected.account.apply([operation])
    assert isinstance(outcome, FlagsSet)
    await session.refresh()
    return outcome.changed


def _any_unseen(selected: "Selected", spans: Sequence[Span]) -> bool:
    """Whether there is anything to mark: reading what was read before costs no transaction."""
    state, view = selected.state, selected.view
    unseen = {flags for flags in state.flag_set_ids() if not selected.account.flag_set(FlagSetId(flags)).seen}
    if not unseen:
        return False
    if view.uids is state.uids:
        return any(not unseen.isdisjoint(state.flags[start:stop]) for start, stop in spans)
    indexes = (state.index(view.uid(position)) for start, stop in spans for position in range(start, stop))
    return any(index is not None and state.flags[index] in unseen for index in indexes)


class _Kept:
    """The lines of one FETCH command's items that were sent lately, and may be sent again."""

    def __init__(self, session: "Session", selected: "Selected", items: Sequence[FetchItem]) -> None:
        self._lines = session.context.lines
        self._state = selected.state.number
        self._items = items
        self._form = (session.uid_only, session.utf8)
        self._tells_modseqs = MODSEQ_ITEM in items
        self._tells_flags = _FLAGS in items

    @cached_property
    def _asked(self) -> str:
        return f"{self._form} {self._items}"

    def find(self, batch: Batch) -> bytes | None:
        """The lines of neighbouring messages."""
        return self._lines.find(LinesKey(self._state, self._asked, batch.numbers[0]), self._origin(batch))

    def keep(self, batch: Batch, lines: bytes) -> None:
        """Keep them for the next time."""
        self._lines.keep(LinesKey(self._state, self._asked, batch.numbers[0]), self._origin(batch), lines)

    def _origin(self, batch: Batch) -> Origin:
        return Origin(
            batch.uids,
            batch.contents,
            batch.flags if self._tells_flags else None,
            batch.modseqs if self._tells_modseqs else None,
            batch.recent if self._tells_flags and batch.recent else None,
        )


class _Sender:
    """Sends batches of one FETCH command, and remembers the messages that could not be sent."""

    def __init__(
        self, session: "Session", selected: "Selected", items: Sequence[FetchItem], newly_seen: RangeSet
    ) -> None:
        self._session = session
        self._selected = selected
        self._newly_seen = newly_seen
        self._form = fetch_form(session)
        self.descends = bool(session.over_limit)
        """The newest first: "the server is REQUIRED to process messages from highest to lowest UID" (RFC 9738 §3.1)."""
        # flags without their mod-sequence are not all that a client wants to know which keeps those
        self._tells = _FLAGS in items and (MODSEQ_ITEM in items or not session.condstore)
        added = (_FLAGS, MODSEQ_ITEM) if session.condstore else (_FLAGS,)
        if session.condstore and not self._form.by_uid:
            added = (_UID, *added)
        self._added = [column_of(item) for item in added if item not in items] if newly_seen else []
        """What is told besides of messages that are newly seen (RFC 9051 §6.4.5, RFC 7162 §3.2.4)."""
        self._columns = [column_of(item) for item in items]
        self._may_lack = any(column.may_lack for column in self._columns)
        lasts = not self._added and not self.descends and all(column.lasting for column in self._columns)
        self._kept = _Kept(session, selected, items) if lasts else None
        self.batch = max(1, _BATCH // (sum(column.weight for column in self._columns) or 1))
        self._missing = False
        self._damaged = RangeSet()
        self._undecodable = ""

    def complain(self, request: Request) -> None:
        """Raise Refused when something of what was asked was not sent, although everything else was."""
        if self._damaged:
            raise Refused(f"Damaged messages were left out: UID {self._damaged}", b"CORRUPTION")
        if self._undecodable:
            # "it MUST fail the request and issue a "NO" response" (RFC 9051 §7.5.2)
            raise Refused(f"Messages were left out: {self._undecodable}", b"UNKNOWN-CTE")
        if self._missing and not request.by_uid:
            # RFC 2180 §4.1.2: responses for those that are there, and a tagged NO
            raise Refused("Some of the messages no longer exist", b"EXPUNGEISSUED")

    async def send(self, positions: Sequence[int]) -> None:
        """Send the messages at these positions."""
        batch = Batch.of(self._session, self._selected, positions)
        self._missing |= len(batch) < len(positions)
        if self._send_again(batch, positions):
            return
        try:
            columns = [await column.values(batch) for column in self._columns]
            added = [await column.values(batch) for column in self._added]
        except MessageDamaged:
            if len(positions) > 1:  # until only the damaged one is left
                middle = len(positions) // 2
                halves = (positions[:middle], positions[middle:])
                for half in reversed(halves) if self.descends else halves:
                    await self.send(half)
                return
            self._damaged = self._damaged.union(RangeSet.of(batch.uids))
            return
        lacks = self._may_lack and any(b"" in column for column in columns)
        if not added and not lacks and not any(None in column for column in columns):
            lines = self._send_rows(batch, columns)
            if self._kept is not None and self._is_whole(batch):
                self._kept.keep(batch, lines)
            if self._tells:
                self._selected.view.note_sent(positions, batch.modseq)
            return
        indexes = range(len(batch))
        for index in reversed(indexes) if self.descends else indexes:
            uid = batch.uids[index]
            cells = [column[index] for column in columns]
            if added and uid in self._newly_seen:
                cells += (column[index] for column in added)
            await self._send_one(batch, index, cells)

    def _send_again(self, batch: Batch, positions: Sequence[int]) -> bool:
        """Send the same lines as lately, if nothing is different now. Returns whether that was so."""
        lines = None if self._kept is None or not self._is_whole(batch) else self._kept.find(batch)
        if lines is None:
            return False
        self._session.send(lines)
        if self._tells:
            self._selected.view.note_sent(positions, batch.modseq)
        return True

    def _is_whole(self, batch: Batch) -> bool:
        """Whether messages are neighbours, and so many that who asks again for all has them together again."""
        return len(batch) == self.batch and isinstance(batch.numbers, range)

    def _send_rows(self, batch: Batch, columns: Sequence[Sequence[Cell]]) -> bytes:
        line, _begin, by_uid = self._form
        lines = [
            line % (number, b" ".join(row))
            for number, row in zip(batch.uids if by_uid else batch.numbers, zip(*columns, strict=True), strict=True)
        ]
        if self.descends:
            lines.reverse()
        joined = b"".join(lines)
        self._session.send(joined)
        return joined

    async def _send_one(self, batch: Batch, index: int, cells: Sequence[Cell]) -> None:
        """One message with values that rows do not have; nothing is sent before all of them can be.

        What is empty is left out, and so is a message of which nothing is left.
        """
        session, uid = self._session, batch.uids[index]
        pieces: list[bytes | Streamed] = []
        room = _ROOM
        try:
            for place, cell in enumerate(cells):
                if cell is not None:
                    if cell:
                        pieces.append(cell)
                    continue
                piece = await self._columns[place].single(batch.account, batch.contents[index], room)
                room = max(0, room - len(piece)) if isinstance(piece, bytes) else room
                pieces.append(piece)
        except MessageDamaged:
            self._damaged = self._damaged.union(RangeSet.of((uid,)))
            return
        except UnknownEncoding as error:
            self._undecodable = str(error)
            return
        if not pieces:
            return
        begin = self._form.begin % (uid if self._form.by_uid else batch.numbers[index])
        await _write(session, begin, pieces)
        if self._tells or len(cells) > len(self._columns):
            self._selected.view.note_sent((batch.numbers[index] - 1,), batch.modseq)


async def _write(session: "Session", begin: bytes, pieces: Sequence[bytes | Streamed]) -> None:
    """One FETCH response."""
    session.send(begin)
    for place, piece in enumerate(pieces):
        if place:
            session.send(b" ")
        if isinstance(piece, Streamed):
            await piece.send(session)
        else:
            session.send(piece)
    session.send(b")\r\n")
    await session.breathe()
