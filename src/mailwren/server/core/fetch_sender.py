"""Sending the responses of one FETCH command: many messages as one where rows have everything, else one by one."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import repeat
from typing import TYPE_CHECKING, cast

from mailwren.base.ranges import RangeSet
from mailwren.imap.errors import Refused
from mailwren.imap.ext.condstore import MODSEQ_ITEM
from mailwren.message.stream_decoder import UnknownEncoding
from mailwren.server.core.fetch_columns import Batch, Cell, Column, column_of
from mailwren.server.core.fetch_octets import Streamed
from mailwren.server.core.fetch_plan import FLAGS, UID, FetchPlan
from mailwren.server.core.kept_lines import LinesKey, Origin
from mailwren.server.fetch_form import fetch_form
from mailwren.server.notices import tell_new_keywords
from mailwren.server.table import Request
from mailwren.store.errors import MessageDamaged
from mailwren.store.values import Absent

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_ROOM = 256 * 1024
"""Octets of one message's values that are put together in memory; what does not fit is streamed."""
_NOTHING = RangeSet()


class _Kept:
    """The lines of one FETCH command's items that were sent lately, and may be sent again."""

    def __init__(self, session: "Session", selected: "Selected", plan: FetchPlan) -> None:
        self._lines = session.context.lines
        self._state = selected.state.number
        self._plan = plan
        self._form = (session.uid_only, session.utf8)

    @cached_property
    def _asked(self) -> str:
        return f"{self._form} {self._plan.name}"

    def find(self, batch: Batch) -> bytes | None:
        """The lines of neighbouring messages."""
        return self._lines.find(LinesKey(self._state, self._asked, batch.numbers[0]), self._origin(batch))

    def keep(self, batch: Batch, lines: bytes) -> None:
        """Keep them for the next time."""
        self._lines.keep(LinesKey(self._state, self._asked, batch.numbers[0]), self._origin(batch), lines)

    def _origin(self, batch: Batch) -> Origin:
        plan = self._plan
        recent = batch.recent if plan.tells_flags else None
        return Origin(
            batch.uids,
            batch.contents,
            batch.flags if plan.tells_flags else None,
            batch.modseqs if plan.tells_modseqs else None,
            recent or None,
        )


class Sender:
    """Sends batches of one FETCH command, and remembers the messages that could not be sent."""

    def __init__(self, session: "Session", selected: "Selected", plan: FetchPlan, newly_seen: RangeSet) -> None:
        self._session = session
        self._selected = selected
        self._plan = plan
        self._newly_seen = newly_seen
        self._form = fetch_form(session)
        self.descends = bool(session.over_limit)
        """The newest first: "the server is REQUIRED to process messages from highest to lowest UID" (RFC 9738 §3.1)."""
        # flags without their mod-sequence are not all that a client wants to know which keeps those
        self._tells = plan.tells_flags and (plan.tells_modseqs or not session.condstore)
        self._added = self._columns_added() if newly_seen else ()
        """What is told besides of messages that are newly seen (RFC 9051 §6.4.5, RFC 7162 §3.2.4)."""
        self._plain = not self._added and not self.descends
        self._kept = _Kept(session, selected, plan) if plan.lasting and self._plain else None
        self._missing = False
        self._damaged = _NOTHING
        self._undecodable = ""

    def _columns_added(self) -> Sequence[Column]:
        added = (FLAGS, MODSEQ_ITEM) if self._session.condstore else (FLAGS,)
        if self._session.condstore and not self._form.by_uid:
            added = (UID, *added)
        return [column_of(item) for item in added if item not in self._plan.items]

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
        if self._added or self._plan.tells_flags:
            tell_new_keywords(self._session, self._selected)
        batch = Batch.of(self._session, self._selected, positions)
        self._missing |= len(batch) < len(positions)
        try:
            sent = self._send_again(batch) or await self._send_rows(batch)
        except MessageDamaged:
            if len(positions) > 1:  # until only the damaged one is left
                middle = len(positions) // 2
                halves = (positions[:middle], positions[middle:])
                for half in reversed(halves) if self.descends else halves:
                    await self.send(half)
                return
            self._damaged = self._damaged.union(RangeSet.of(batch.uids))
            return
        if sent and self._tells:
            self._selected.view.note_sent(positions, batch.modseq)

    def _send_again(self, batch: Batch) -> bool:
        """Send the same lines as lately, if nothing is different now. Returns whether that was so."""
        if self._kept is None or not self._is_whole(batch):
            return False
        lines = self._kept.find(batch)
        if lines is not None:
            self._session.send(lines)
        return lines is not None

    def _is_whole(self, batch: Batch) -> bool:
        """Whether messages are neighbours, and so many that who asks again for all has them together again."""
        return len(batch) == self._plan.batch and isinstance(batch.numbers, range)

    async def _send_rows(self, batch: Batch) -> bool:
        """Send messages whose values are all in rows, as one; the others one by one. Returns which it was."""
        *first, last = self._plan.columns
        columns = [await column.values(batch) for column in first]
        octets: Sequence[bytes] | None = None
        if last.read is None or last.item is None or not self._plain:
            columns.append(await last.values(batch))
        else:
            read = await last.read(batch)
            if None in read or Absent.ABSENT in read:
                columns.append(last.item.literals(read))
            else:
                octets = cast("Sequence[bytes]", read)
        added = [await column.values(batch) for column in self._added]
        lacks = self._plan.may_lack and any(b"" in column for column in columns)
        if added or lacks or any(None in column for column in columns):
            if octets is not None and last.item is not None:
                columns.append(last.item.literals(octets))
            await self._send_each(batch, columns, added)
            return False
        pieces = self._lines(batch, columns) if octets is None else self._lines_with(batch, columns, last, octets)
        if self._kept is not None and self._is_whole(batch):
            lines = b"".join(pieces)
            self._kept.keep(batch, lines)
            self._session.send(lines)
        else:
            self._session.send_all(pieces)
        return True

    def _lines(self, batch: Batch, columns: Sequence[Sequence[Cell]]) -> list[bytes]:
        line, _begin, by_uid = self._form
        numbers = batch.uids if by_uid else batch.numbers
        form = line.replace(b"%b", b" ".join([b"%b"] * len(columns)))
        lines = [form % row for row in zip(numbers, *columns, strict=True)]
        if self.descends:
            lines.reverse()
        return lines

    def _lines_with(
        self, batch: Batch, columns: Sequence[Sequence[Cell]], last: Column, octets: Sequence[bytes]
    ) -> list[bytes]:
        """Lines that end with a literal, in pieces: a message's octets are copied once only, where all is joined."""
        assert last.item is not None
        begin = self._form.begin + b"%b" + last.item.label.replace(b"%", b"%%") + b"{%d}\r\n"
        firsts: Iterable[bytes] = repeat(b"", len(batch))
        if columns:
            firsts = [b" ".join(row) + b" " for row in zip(*columns, strict=True)]
        pieces: list[bytes] = []
        for number, first, value in zip(
            batch.uids if self._form.by_uid else batch.numbers, firsts, octets, strict=True
        ):
            pieces += (begin % (number, first, len(value)), value, b")\r\n")
        return pieces

    async def _send_each(
        self, batch: Batch, columns: Sequence[Sequence[Cell]], added: Sequence[Sequence[Cell]]
    ) -> None:
        indexes = range(len(batch))
        for index in reversed(indexes) if self.descends else indexes:
            cells = [column[index] for column in columns]
            if added and batch.uids[index] in self._newly_seen:
                cells += (column[index] for column in added)
            await self._send_one(batch, index, cells)

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
                piece = await self._plan.columns[place].single(batch.account, batch.contents[index], room)
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
        if self._tells or len(cells) > len(self._plan.columns):
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
