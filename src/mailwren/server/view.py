"""One session's picture of its selected mailbox: message numbers, and what the client has not been told yet.

Pure: no sockets, no storage, no clock. The rules:

1. A message number means what it meant when the client was last told; it changes only when EXPUNGE goes out.
2. ``uids[:count]`` is what the client knows. The array is shared with the mailbox's state as long as nothing that
   the client still counts has gone away; then it is a private copy.
3. What goes out, in this order: expunges, then one EXISTS (and RECENT), then flags. An EXISTS is never stale.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from mailwren.base.ids import ModSeq, SequenceNumber, Uid
from mailwren.base.ranges import RangeSet
from mailwren.imap.errors import BadCommand
from mailwren.imap.sequence_set import SequenceSet
from mailwren.store.mailbox_state import MailboxState, uid_runs, uid_spans

Span = tuple[int, int]
"""Positions from 0, half open."""
_FEW_SENT: Final = 4
"""Spans sent already that are compared with one after the other rather than searched."""

_ARRIVALS_REMEMBERED: Final = 256
"""Times that messages came in; the flags of those before are told once more than needed."""


@dataclass(slots=True)
class Update:
    """What the client is to be told now."""

    expunged: list[SequenceNumber] = field(default_factory=list)
    """Numbers in the order to send: each one already counts the ones before it as gone."""
    expunged_uids: RangeSet = field(default_factory=RangeSet)
    """The same messages by UID."""
    exists: int | None = None
    """The new number of messages, when messages came in."""
    arrived: Span = (0, 0)
    """Positions of the messages that came in."""
    flags: "array[int]" = field(default_factory=lambda: array("I"))
    """Positions (in this view, after the expunges) of messages whose flags changed, ascending."""


@dataclass(slots=True)
class _SentFlags:
    """Neighbouring messages whose flags the client has as of a mod-sequence."""

    first_uid: int
    last_uid: int
    stop: int
    """The position behind the last one."""
    modseq: ModSeq


def _first_uid(sent: _SentFlags) -> int:
    return sent.first_uid


def _covers(sent: list[_SentFlags], uid: int, modseq: int) -> bool:
    index = bisect_right(sent, uid, key=_first_uid) - 1
    return index >= 0 and uid <= sent[index].last_uid and modseq <= sent[index].modseq


class View:
    """The client's numbering of one mailbox and how far it has been told."""

    __slots__ = ("_arrived", "_fresh", "_sent", "complete", "count", "recent", "state", "told", "uids")

    def __init__(self, state: MailboxState) -> None:
        """A fresh look at ``state``: nothing is pending."""
        self.state = state
        self.uids: array[int] = state.uids
        self.count = len(state.uids)
        self.told: ModSeq = state.modseq
        self.complete: ModSeq = state.modseq
        """Up to where the client has been told everything, what went away included: it may come back from there."""
        self.recent = RangeSet()
        self._sent: list[_SentFlags] = []
        self._fresh: _SentFlags | None = None
        self._arrived: list[_SentFlags] = []
        """Messages that came in while the client did not want to hear of flags, ascending."""

    # --- numbers and UIDs -----------------------------------------------------------------------------------
    def uid(self, position: int) -> Uid:
        """The UID at a position from 0."""
        return Uid(self.uids[position])

    def position(self, uid: int) -> int | None:
        """The position of a UID from 0, or ``None`` when the client does not know it."""
        index = bisect_left(self.uids, uid, 0, self.count)
        return index if index < self.count and self.uids[index] == uid else None

    def last_uid(self) -> int:
        """The largest UID the client knows, 0 in an empty mailbox."""
        return self.uids[self.count - 1] if self.count else 0

    def resolve(self, messages: SequenceSet, saved: RangeSet, *, by_uid: bool) -> list[Span]:
        """The positions that a sequence set names, ascending.

        Args:
            messages: the set as the client wrote it.
            saved: the UIDs that ``$`` stands for (RFC 9051 §6.4.4.1).
            by_uid: the numbers are UIDs; those that do not exist are passed over.

        Raises:
            BadCommand: a message number that does not exist (RFC 9051 §9, seq-number).
        """
        if messages.saved:
            return list(uid_spans(self.uids, saved, self.count))
        if len(messages.ranges) == 1 and not by_uid:
            start, stop = messages.ranges[0]
            if 0 < start <= stop <= self.count:
                return [(start - 1, stop)]
        if by_uid:
            return list(uid_spans(self.uids, messages.resolve(self.last_uid()), self.count))
        if messages.largest_number > self.count or (self.count == 0 and messages.has_star):
            raise BadCommand(f"There are only {self.count} messages")
        if len(messages.ranges) == 1 and not messages.has_star:  # the usual case
            start, stop = messages.ranges[0]
            return [(start - 1, stop)] if start <= stop else [(stop - 1, start)]
        return [(start - 1, stop) for start, stop in messages.resolve(self.count).ranges()]

    def uids_of(self, spans: list[Span]) -> RangeSet:
        """The UIDs at positions."""
        if len(spans) == 1 and spans[0][1] - spans[0][0] == 1:
            uid = self.uids[spans[0][0]]
            return RangeSet(((uid, uid),))
        return RangeSet(run for start, stop in spans for run in uid_runs(self.uids, start, stop))

    # --- what the client has not been told ------------------------------------------------------------------
    @property
    def current(self) -> bool:
        """Whether the client has been told everything."""
        state = self.state
        return self.told == state.modseq and self.uids is state.uids and self.count == len(state.uids)

    @property
    def has_all(self) -> bool:
        """Whether surely nothing came in that the client does not count."""
        return self.uids is self.state.uids and self.count == len(self.uids)

    @property
    def settled(self) -> bool:
        """Whether nothing is noted of messages that are to be told of later."""
        return not (self._sent or self._arrived or self._fresh)

    def follow(self, uids: "array[int]", count: int, told: ModSeq, complete: ModSeq) -> None:
        """The client was told what another one was told that knew the same: it stands where that one stands."""
        self.uids, self.count, self.told, self.complete = uids, count, told, complete

    def settle(self) -> bool:
        """Whether the client has been told everything; also where that is so since its last command's own answer."""
        if self.current:
            return True
        state, sent = self.state, self._sent
        if len(sent) != 1 or sent[0].modseq != state.modseq or self.uids is not state.uids or self._fresh is not None:
            return False
        if self.count != len(state.uids) or not state.changed_within(sent[0].first_uid, sent[0].last_uid, self.told):
            return False
        self.told = self.complete = state.modseq
        sent.clear()
        self._arrived.clear()
        return True

    @property
    def stale(self) -> bool:
        """Whether messages that the client still counts have gone away."""
        return bool(self.missing())

    @property
    def untold(self) -> RangeSet:
        """UIDs of messages that came in or changed since the client was told."""
        return self.state.changed_since(self.told)

    def missing(self) -> list[Span]:
        """Positions that the client counts and the state no longer has: one binary search for each run of them."""
        if self.uids is self.state.uids:
            return []
        return list(missing_spans(self.uids, self.count, self.state.uids))

    def note_sent(self, positions: Sequence[int], modseq: ModSeq) -> None:
        """The client has been sent, or knows by itself, the flags of these positions as they were at ``modseq``.

        So they are not told again. A command notes each message once, in ascending or in descending order.
        """
        if modseq > self.told and positions:
            for start, stop in runs(positions):
                self._note_span(start, stop, modseq)

    def _note_span(self, start: int, stop: int, modseq: ModSeq) -> None:
        last = self._sent[-1] if self._sent else None
        first_uid, last_uid = self.uids[start], self.uids[stop - 1]
        if last is not None and first_uid < last.first_uid:  # the newest messages came first
            self._note_before(_SentFlags(first_uid, last_uid, stop, modseq))
        elif last is not None and last.stop == start and last.modseq == modseq:
            last.stop, last.last_uid = stop, last_uid
        else:
            self._sent.append(_SentFlags(first_uid, last_uid, stop, modseq))

    def _note_before(self, sent: _SentFlags) -> None:
        index = bisect_right(self._sent, sent.first_uid, key=_first_uid)
        following = self._sent[index]
        if self.uids[sent.stop] == following.first_uid and sent.modseq == following.modseq:
            following.first_uid = sent.first_uid
        else:
            self._sent.insert(index, sent)

    def _was_sent(self, uid: int, modseq: int) -> bool:
        fresh = self._fresh
        if fresh is not None and fresh.first_uid <= uid <= fresh.last_uid and modseq <= fresh.modseq:
            return True
        return _covers(self._sent, uid, modseq) or _covers(self._arrived, uid, modseq)

    def arrive(self) -> Update:
        """Count in what came in, and nothing else: a command that follows sees it."""
        update = Update()
        self._take_arrivals(update)
        if update.exists is not None:
            first, last = update.arrived[0], self.count - 1
            # their flags are no change: nobody was told others
            self._fresh = _SentFlags(self.uids[first], self.uids[last], self.count, self.state.modseq)
        return update

    def advance(self, *, may_expunge: bool, flags: bool = True) -> Update:
        """Move the client's picture to the state's, and say what it must be told.

        Args:
            may_expunge: EXPUNGE may go out now (RFC 9051 §7.5.1). Otherwise messages gone keep their numbers.
            flags: The client wants to hear of flags. Otherwise it is told of them when it wants to again.
        """
        update = Update()
        if self.current:
            return update
        if may_expunge and self.uids is not self.state.uids:
            self._take_expunges(update)
        self._take_arrivals(update)
        if flags:
            self._take_flags(update)
            self.told = self.state.modseq
            self._arrived.clear()
            if not self.stale:
                self.complete = self.told
        else:
            self._note_arrived(update)
        self._sent.clear()
        self._fresh = None
        return update

    def _note_arrived(self, update: Update) -> None:
        """The flags that messages came with are no change to be told later."""
        if self._fresh is not None:
            self._arrived.append(self._fresh)
        if update.exists is not None:
            first, stop = update.arrived
            self._arrived.append(_SentFlags(self.uids[first], self.uids[stop - 1], stop, self.state.modseq))
        del self._arrived[:-_ARRIVALS_REMEMBERED]

    def _take_expunges(self, update: Update) -> None:
        missing = self.missing()
        gone = 0
        uids: list[tuple[int, int]] = []
        for start, stop in missing:
            update.expunged.extend([SequenceNumber(start + 1 - gone)] * (stop - start))
            uids.extend(RangeSet.of_sorted(self.uids[start:stop]).ranges())
            gone += stop - start
        update.expunged_uids = RangeSet(uids)
        self.recent = self.recent.difference(update.expunged_uids)
        last = self.last_uid()
        self.uids = self.state.uids
        self.count = bisect_left(self.uids, last + 1)

    def _take_arrivals(self, update: Update) -> None:
        current = self.state.uids
        if self.uids is current:
            arrived = len(current) - self.count
        else:
            first = bisect_left(current, self.last_uid() + 1)
            arrived = len(current) - first
            if arrived:
                self.uids = self.uids[: self.count] + current[first:]
        if arrived:
            update.arrived = (self.count, self.count + arrived)
            self.count += arrived
            update.exists = self.count

    def _take_flags(self, update: Update) -> None:
        first_new = update.arrived[0] if update.exists is not None else self.count
        take = self._changed_here if self.uids is self.state.uids else self._changed_elsewhere
        # What was sent as it is now needs no look; a change of everything is told by the command that made it.
        untold = self.untold
        sent = [(each.first_uid, each.last_uid) for each in self._sent if each.modseq == self.state.modseq]
        if sent:
            untold = untold.difference(RangeSet(sent))
        for start, stop in uid_spans(self.uids, untold, first_new):
            update.flags.extend(take(start, stop))

    def _changed_here(self, start: int, stop: int) -> list[int]:
        """Positions to tell where they are the state's own: the usual case, a whole mailbox's at once perhaps."""
        modseqs, told, uids = self.state.modseqs, self.told, self.uids
        changed = [position for position in range(start, stop) if modseqs[position] > told]
        if self._arrived or len(self._sent) > _FEW_SENT:
            return [each for each in changed if not self._was_sent(uids[each], modseqs[each])]
        for sent in (*self._sent, self._fresh) if self._fresh else self._sent:
            first, last, modseq = sent.first_uid, sent.last_uid, sent.modseq
            changed = [each for each in changed if not (first <= uids[each] <= last and modseqs[each] <= modseq)]
        return changed

    def _changed_elsewhere(self, start: int, stop: int) -> Iterator[int]:
        """The same where the state lacks messages that the client still counts."""
        state, told = self.state, self.told
        for position in range(start, stop):
            uid = self.uids[position]
            index = state.index(Uid(uid))
            if index is not None and told < state.modseqs[index] and not self._was_sent(uid, state.modseqs[index]):
                yield position


def missing_spans(known: "array[int]", count: int, current: "array[int]") -> Iterator[Span]:
    """Spans of the first ``count`` of ``known`` that ``current`` lacks; both ascend.

    Up to the first missing message both arrays agree, from there on they never do: a binary search finds it.
    """
    position = shift = 0
    length = len(current)
    while position < count:
        low, high = position, count
        while low < high:
            middle = (low + high) // 2
            if middle - shift < length and known[middle] == current[middle - shift]:
                low = middle + 1
            else:
                high = middle
        if low >= count:
            return
        following = low - shift
        stop = bisect_left(known, current[following], low, count) if following < length else count
        yield low, stop
        shift += stop - low
        position = stop


def batches(spans: Iterable[Span], size: int) -> Iterator[Sequence[int]]:
    """Positions in batches of ``size``, only the last one smaller: a client may well name every other message."""
    waiting: list[int] = []
    for start, stop in spans:
        first = start
        if waiting:
            first = min(stop, start + size - len(waiting))
            waiting.extend(range(start, first))
            if len(waiting) < size:
                continue
            yield waiting
            waiting = []
        for position in range(first, stop - size + 1, size):
            yield range(position, position + size)
        waiting.extend(range(stop - (stop - first) % size, stop))
    if waiting:
        yield waiting


def runs(positions: Sequence[int]) -> Iterator[Span]:
    """Ascending positions as spans."""
    if positions[-1] - positions[0] == len(positions) - 1:
        yield positions[0], positions[-1] + 1
        return
    start = stop = positions[0]
    for position in positions:
        if position != stop:
            yield start, stop
            start = position
        stop = position + 1
    yield start, stop
