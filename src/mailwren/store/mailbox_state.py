"""A mailbox's messages as compact arrays in memory, shared by all sessions of a process.

Rules for whoever edits this file:

1. ``uids`` is *replaced*, never changed in place, when messages go away: a session that has not been told yet keeps
   the old array and so its message numbers. New messages are appended in place: a session knows how many it has.
2. ``flags``, ``modseqs`` and ``contents`` run in step with the current ``uids``.
3. Everything happens on the event loop; no locks. ``modseq`` moves last: a writer's thread that has the database to
   itself may read the arrays where ``modseq`` is the mailbox's own, since nothing is on its way here then.
"""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final, TypeAlias

from mailwren.base.ids import ContentId, FlagSetId, ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.flag_columns import replaced
from mailwren.store.flag_index import FlagIndex
from mailwren.store.values import Mailbox

FlagChanges: TypeAlias = frozenset[tuple[int, int]]
"""From which flag sets to which ones messages went."""
MessageRow = tuple[int, int, int, int]
"""UID, content, flag set, mod-sequence."""
Columns: TypeAlias = tuple["array[int]", "array[int]", "array[int]", "array[int]"]
"""UIDs, contents, flag sets and mod-sequences of messages, in step, with the type codes of :class:`MailboxState`."""

_numbers: Final = count(1)
_UPDATES_REMEMBERED: Final = 256
_FLAG_SETS_REMEMBERED: Final = 1024
_INDEXED_ONE_BY_ONE: Final = 64
"""Messages that change at once and are put right in the index of flags; for more it is made anew."""
_FEW: Final = 64
"""Positions that are looked at one by one rather than halved further."""


class MailboxState:
    """Messages of one mailbox, ascending by UID, as of mod-sequence ``modseq``.

    Attributes:
        mailbox: the mailbox's row as of the last refresh.
        uids: UIDs, ascending (unsigned 32 bit).
        flags: flag set ids (unsigned 32 bit).
        modseqs: mod-sequences (unsigned 64 bit).
        contents: content ids (unsigned 64 bit).
        modseq: up to where the arrays are complete.
        deleted: the mailbox was deleted; the arrays are what was last known.
        number: no other state of this process, of whatever account, user and mailbox, has or had it. So what is kept
            under it is never taken for anybody else's, nor for that of a mailbox that was read anew.
    """

    __slots__ = (
        "__weakref__",
        "_flag_index",
        "_flag_sets",
        "_flag_sets_counted",
        "_updates",
        "_updates_from",
        "contents",
        "deleted",
        "flags",
        "mailbox",
        "modseq",
        "modseqs",
        "number",
        "uids",
    )

    def __init__(self, mailbox: Mailbox) -> None:
        self._flag_index: Final = FlagIndex()
        self._flag_sets: set[int] | None = None
        self._flag_sets_counted = 0
        """How many there were when they were last looked for."""
        self._updates: deque[tuple[ModSeq, RangeSet, FlagChanges | None]] = deque()
        self._updates_from: ModSeq | None = None
        self.mailbox = mailbox
        self.uids = array("I")
        self.flags = array("I")
        self.modseqs = array("Q")
        self.contents = array("Q")
        self.modseq = ModSeq(0)
        self.deleted = False
        self.number: Final = next(_numbers)

    def __len__(self) -> int:
        return len(self.uids)

    def extend(self, rows: Iterable[MessageRow]) -> None:
        """Add messages whose UIDs ascend and lie above every UID here."""
        for uid, content, flags, modseq in rows:
            self._flag_index.added(len(self.uids), flags)
            self.uids.append(uid)
            self.contents.append(content)
            self.flags.append(flags)
            self.modseqs.append(modseq)
            self._note_flag_set(flags)

    def update(self, changed: Sequence[MessageRow], expunged: RangeSet, mailbox: Mailbox, modseq: ModSeq) -> None:
        """Take in what ``changes_since`` told: rows new or changed (ascending by UID), and UIDs gone."""
        self._update(changed, expunged, modseq)
        self.mailbox = mailbox
        self.modseq = modseq

    def refresh(
        self, changed: Sequence[MessageRow], expunged: RangeSet, added: "Columns | None", mailbox: Mailbox
    ) -> None:
        """Take in everything up to ``mailbox``'s mod-sequence, with any number of messages more, as one change."""
        modseq = mailbox.highest_modseq
        self._update(changed, expunged, modseq)
        if added is not None:
            self._append_columns(added, modseq)
        self.mailbox = mailbox
        self.modseq = modseq

    def _update(self, changed: Sequence[MessageRow], expunged: RangeSet, modseq: ModSeq) -> None:
        if expunged:
            self._remove(expunged)
        largest = self.uids[-1] if self.uids else 0
        split = bisect_left(changed, (largest + 1, 0, 0, 0))
        changes: set[tuple[int, int]] = set()
        for uid, _content, flags, row_modseq in changed[:split]:
            index = self.index(Uid(uid))
            if index is not None:
                changes.add((self.flags[index], flags))
                self._flag_index.moved(index, self.flags[index], flags)
                self.flags[index] = flags
                self.modseqs[index] = row_modseq
                self._note_flag_set(flags)
        self._remember(RangeSet.of_sorted(row[0] for row in changed[:split]), modseq, frozenset(changes))
        self._remember(RangeSet.of_sorted(row[0] for row in changed[split:]), modseq)
        self.extend(changed[split:])

    def change_flags(self, uids: RangeSet, changes: Mapping[int, int], modseq: ModSeq) -> None:
        """Messages whose flag sets are keys of ``changes`` have the sets behind them since ``modseq``."""
        self._remember(uids, modseq, frozenset(changes.items()))
        for flags in changes.values():
            self._note_flag_set(flags)
        uid = uids.only
        place = None if uid is None else self.index(Uid(uid))
        spans = list(self.spans(uids)) if place is None else [(place, place + 1)]
        if self._flag_index:
            self._index_changes(spans, changes)
        if place is not None:
            self.flags[place] = changes.get(self.flags[place], self.flags[place])
            self.modseqs[place] = modseq
        else:
            for start, stop in spans:
                self.flags[start:stop] = replaced(self.flags[start:stop], changes)
                self.modseqs[start:stop] = array("Q", (modseq,)) * (stop - start)
        self.modseq = modseq

    def _index_changes(self, spans: Sequence[tuple[int, int]], changes: Mapping[int, int]) -> None:
        if sum(stop - start for start, stop in spans) > _INDEXED_ONE_BY_ONE:
            self._flag_index.forget()
            return
        for start, stop in spans:
            for place in range(start, stop):
                flags = self.flags[place]
                self._flag_index.moved(place, flags, changes.get(flags, flags))

    def append_columns(self, columns: Columns, modseq: ModSeq) -> None:
        """Add messages whose UIDs ascend and lie above every UID here: as :meth:`update`, for any number of them."""
        self._append_columns(columns, modseq)
        self.modseq = modseq

    def _append_columns(self, columns: Columns, modseq: ModSeq) -> None:
        uids, contents, flags, modseqs = columns
        if len(uids) > _INDEXED_ONE_BY_ONE:
            self._flag_index.forget()
        for place, each in enumerate(flags, len(self.uids)) if self._flag_index else ():
            self._flag_index.added(place, each)
        self._remember(RangeSet.of_sorted(uids), modseq)
        for each in set(flags):
            self._note_flag_set(each)
        self.uids.extend(uids)
        self.contents.extend(contents)
        self.flags.extend(flags)
        self.modseqs.extend(modseqs)

    def replace(self, columns: Columns, mailbox: Mailbox) -> None:
        """Take in the whole mailbox as it is now: UIDs, contents, flags and mod-sequences, in step."""
        uids, self.contents, self.flags, self.modseqs = columns
        if uids[: len(self.uids)] == self.uids:
            # Views share the array: with a new one they would take every message for one that may have gone.
            self.uids.extend(uids[len(self.uids) :])
        else:
            self.uids = uids
        self._flag_index.forget()
        self._flag_sets = None
        self._updates.clear()
        self._updates_from = mailbox.highest_modseq
        self.mailbox = mailbox
        self.modseq = mailbox.highest_modseq

    def _remember(self, uids: RangeSet, modseq: ModSeq, changes: FlagChanges | None = None) -> None:
        """Note which messages came (``changes`` is ``None``), or which ones' flags changed."""
        if self._updates_from is None:
            self._updates_from = self.modseq
        if uids:
            self._updates.append((modseq, uids, changes))
        if len(self._updates) > _UPDATES_REMEMBERED:
            self._updates_from = self._updates.popleft()[0]

    def changed_since(self, modseq: ModSeq) -> RangeSet:
        """UIDs present now that were added or changed after ``modseq``, from memory; costs what changed lately."""
        if self.modseq <= modseq:
            return RangeSet()
        if self._updates_from is None or modseq < self._updates_from:
            return RangeSet.of_sorted(
                uid for uid, changed in zip(self.uids, self.modseqs, strict=True) if changed > modseq
            )
        result: list[tuple[int, int]] = []
        for at, uids, _changes in reversed(self._updates):
            if at <= modseq:
                break
            result.extend(uids.ranges())
        return RangeSet(result)

    def changed_within(self, first: int, last: int, modseq: ModSeq) -> bool:
        """Whether nothing has changed after a mod-sequence but flags of messages between two UIDs, as far as known."""
        if self._updates_from is None or modseq < self._updates_from:
            return False
        for at, uids, changes in reversed(self._updates):
            if at <= modseq:
                break
            if changes is None or uids.first < first or uids.last > last:
                return False
        return True

    def untouched_since(self, uids: RangeSet, modseq: ModSeq, touches: Callable[[int, int], bool]) -> RangeSet:
        """Those of some messages that surely have no change after a mod-sequence that ``touches`` says matters.

        Args:
            uids: messages present now.
            modseq: how far back; nothing is sure that lies before what is remembered.
            touches: whether it matters that a message went from one flag set to another.
        """
        if self._updates_from is None or modseq < self._updates_from:
            return RangeSet()
        for at, changed, changes in reversed(self._updates):
            if at <= modseq:
                break
            if changes is None or any(touches(old, new) for old, new in changes):
                uids = uids.difference(changed)
        return uids

    def _remove(self, expunged: RangeSet) -> None:
        spans = list(self.spans(expunged))
        if not spans:
            return
        kept: list[tuple[int, int]] = []
        last = 0
        for start, stop in spans:
            kept.append((last, start))
            last = stop
        kept.append((last, len(self.uids)))
        self._flag_index.forget()
        self.uids = joined(self.uids, kept)
        self.flags = joined(self.flags, kept)
        self.modseqs = joined(self.modseqs, kept)
        self.contents = joined(self.contents, kept)

    def index(self, uid: Uid) -> int | None:
        """The position of a UID from 0, or ``None`` when it is not (or no longer) here."""
        index = bisect_left(self.uids, uid)
        return index if index < len(self.uids) and self.uids[index] == uid else None

    def spans(self, uids: RangeSet) -> Iterator[tuple[int, int]]:
        """Positions of the messages in ``uids`` as half-open spans, ascending."""
        return uid_spans(self.uids, uids)

    def flag_set_ids(self) -> set[int]:
        """The distinct flag sets in use, possibly with some that were in use a while ago."""
        if self._flag_sets is None or len(self._flag_sets) > _FLAG_SETS_REMEMBERED + 2 * self._flag_sets_counted:
            self._flag_sets = set(self.flags)
            self._flag_sets_counted = len(self._flag_sets)
        return self._flag_sets

    def with_flag_sets(self, wanted: Collection[int]) -> Sequence[int] | None:
        """Positions of the messages with one of some flag sets, if there is a quicker way than looking at each.

        They are not to be changed.
        """
        return self._flag_index.places(self.flags, wanted)

    def _note_flag_set(self, flags: int) -> None:
        if self._flag_sets is not None:
            self._flag_sets.add(flags)

    def content_of(self, index: int) -> ContentId:
        """The content at a position."""
        return ContentId(self.contents[index])

    def flags_of(self, index: int) -> FlagSetId:
        """The flag set at a position."""
        return FlagSetId(self.flags[index])


def uid_spans(uids: "array[int]", wanted: RangeSet, length: int | None = None) -> Iterator[tuple[int, int]]:
    """Positions in the first ``length`` of ``uids`` of those that are ``wanted``, as half-open spans, ascending.

    Up to the next gap UIDs and positions run in step, so the last one found says where to look for the next.
    """
    end = len(uids) if length is None else length
    start = 0
    ahead = uids[0] if end else 0
    for low, high in wanted.ranges():
        guess = low - ahead
        if 0 <= guess < end and uids[guess] == low:
            start = guess
        else:
            start = bisect_left(uids, low, start, end)
            if start >= end:
                return
            ahead = uids[start] - start
        if low < high:
            stop = bisect_left(uids, high + 1, start, min(end, start + high - low + 1))
            if start < stop:
                yield start, stop
        elif uids[start] == low:
            yield start, start + 1


def uid_positions(uids: "array[int]", wanted: RangeSet, length: int) -> list[int]:
    """The same positions one by one: for some hundreds of single messages a third of the time."""
    result: list[int] = []
    start = 0
    ahead = uids[0] if length else 0
    for low, high in wanted.ranges():
        guess = low - ahead
        if 0 <= guess < length and uids[guess] == low:
            start = guess
        else:
            start = bisect_left(uids, low, start, length)
            if start >= length:
                break
            ahead = uids[start] - start
        if low < high:
            stop = bisect_left(uids, high + 1, start, min(length, start + high - low + 1))
            result.extend(range(start, stop))
        elif uids[start] == low:
            result.append(start)
    return result


def uid_runs(uids: "array[int]", start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The ranges of UIDs at positions; where they are dense, most positions are never looked at."""
    waiting = [(start, stop)]
    while waiting:
        start, stop = waiting.pop()
        if start >= stop:
            continue
        if uids[stop - 1] - uids[start] == stop - start - 1:
            yield uids[start], uids[stop - 1]
        elif stop - start <= _FEW:
            yield from RangeSet.of_sorted(uids[start:stop]).ranges()
        else:
            middle = (start + stop) // 2
            waiting += ((middle, stop), (start, middle))


def joined(values: "array[int]", kept: Sequence[tuple[int, int]]) -> "array[int]":
    """The values at positions given as half-open spans."""
    result = array(values.typecode)
    size = values.itemsize
    with memoryview(values) as view, view.cast("B") as octets:
        for start, stop in kept:
            result.frombytes(octets[start * size : stop * size])
    return result
