"""The view against a naive model of a client: whatever happens, both agree on numbers, UIDs and flags."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.imap.errors import BadCommand
from mailwren.imap.sequence_set import STAR, SequenceSet
from mailwren.server.view import Update, View, batches, runs
from mailwren.store.mailbox_state import MailboxState, MessageRow
from mailwren.store.values import Mailbox

MAILBOX = Mailbox(
    id=MailboxId(1),
    name="INBOX",
    object_id="F1",
    uid_validity=UidValidity(1),
    uid_next=Uid(1),
    highest_modseq=ModSeq(1),
    first_recent=Uid(1),
    special_use=(),
    messages=0,
    unseen=0,
    deleted=0,
    size=0,
    deleted_size=0,
)


@dataclass
class Truth:
    """The mailbox as a list, changed step by step, and the shared state that follows it."""

    state: MailboxState = field(default_factory=lambda: MailboxState(MAILBOX))
    messages: dict[int, int] = field(default_factory=dict)
    next_uid: int = 1
    modseq: int = 1

    def append(self, count: int) -> None:
        """Messages arrive."""
        self.modseq += 1
        rows: list[MessageRow] = []
        for _ in range(count):
            self.messages[self.next_uid] = 0
            rows.append((self.next_uid, self.next_uid, 0, self.modseq))
            self.next_uid += 1
        self._update(rows, RangeSet())

    def expunge(self, picks: list[int]) -> None:
        """Messages go away."""
        uids = self._picked(picks)
        for uid in uids:
            del self.messages[uid]
        self.modseq += 1
        self._update([], RangeSet.of(uids))

    def flag(self, picks: list[int]) -> None:
        """Flags change."""
        self.modseq += 1
        rows: list[MessageRow] = []
        for uid in self._picked(picks):
            self.messages[uid] += 1
            rows.append((uid, uid, self.messages[uid], self.modseq))
        self._update(rows, RangeSet())

    def _picked(self, picks: list[int]) -> list[int]:
        uids = sorted(self.messages)
        return sorted({uids[pick % len(uids)] for pick in picks}) if uids else []

    def _update(self, rows: list[MessageRow], expunged: RangeSet) -> None:
        self.state.update(rows, expunged, replace(MAILBOX, highest_modseq=ModSeq(self.modseq)), ModSeq(self.modseq))


@dataclass
class NaiveClient:
    """Applies untagged responses to a plain list, as the simplest client would."""

    uids: list[int] = field(default_factory=list)
    flags: dict[int, int] = field(default_factory=dict)

    def take(self, update: Update, view: View, truth: Truth) -> None:
        """Apply one update; new messages and flags are looked up through the view's numbers."""
        for number in update.expunged:
            self.flags.pop(self.uids.pop(number - 1))
        if update.exists is not None:
            assert update.exists == len(self.uids) + update.arrived[1] - update.arrived[0]
            for position in range(*update.arrived):
                self.uids.append(view.uid(position))
                self.flags[self.uids[-1]] = truth.messages.get(self.uids[-1], 0)
        for position in update.flags:
            uid = self.uids[position]
            self.flags[uid] = truth.messages[uid]


def send(view: View, client: NaiveClient, truth: Truth, positions: range) -> None:
    """A command tells the flags of some messages; where that leaves nothing to tell, nothing is missing indeed."""
    if view.uids is not truth.state.uids:
        return
    positions = positions[: max(0, view.count - positions.start)]
    for position in positions:
        client.flags[view.uid(position)] = truth.messages[view.uid(position)]
    view.note_sent(positions, truth.state.modseq)
    if view.settle():
        assert client.uids == sorted(truth.messages)
        assert client.flags == truth.messages
        assert view.advance(may_expunge=True) == Update()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 4)),
        st.tuples(st.just("expunge"), st.lists(st.integers(0, 30), min_size=1, max_size=5)),
        st.tuples(st.just("flag"), st.lists(st.integers(0, 30), min_size=1, max_size=5)),
        st.tuples(st.just("tell"), st.tuples(st.integers(0, 1), st.booleans())),
        st.tuples(st.just("send"), st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(1, 30))),
    ),
    max_size=40,
)


@given(STEPS)
def test_two_sessions_follow_the_mailbox(steps: list[tuple[str, object]]) -> None:
    """Two sessions told at different times, with and without leave to expunge, end with the mailbox's exact state."""
    truth = Truth()
    views = [View(truth.state), View(truth.state)]
    clients = [NaiveClient(), NaiveClient()]
    for kind, argument in steps:
        if kind == "send":
            assert isinstance(argument, tuple)
            which, start, number = argument
            send(views[which], clients[which], truth, range(start, start + number))
        elif kind == "tell":
            assert isinstance(argument, tuple)
            which, may_expunge = argument
            update = views[which].advance(may_expunge=may_expunge)
            assert may_expunge or not update.expunged
            clients[which].take(update, views[which], truth)
            assert clients[which].uids == list(views[which].uids[: views[which].count])
        else:
            getattr(truth, kind)(argument)
    for view, client in zip(views, clients, strict=True):
        client.take(view.advance(may_expunge=True), view, truth)
        assert client.uids == sorted(truth.messages)
        assert client.flags == truth.messages
        assert not view.stale


@given(st.lists(st.integers(1, 60), max_size=30), st.lists(st.integers(0, 40), max_size=40))
def test_update_names_the_uids_that_went(picks: list[int], gone: list[int]) -> None:
    """The UIDs of an update's expunges are those that the mailbox lost."""
    truth = Truth()
    truth.append(len(picks) + 1)
    view = View(truth.state)
    before = set(truth.messages)
    if gone:
        truth.expunge(gone)
    update = view.advance(may_expunge=True)
    assert set(update.expunged_uids) == before - set(truth.messages)


def test_numbers_beyond_the_last_are_refused() -> None:
    """A message number that does not exist is the client's mistake; a UID is passed over."""
    truth = Truth()
    truth.append(3)
    view = View(truth.state)
    with pytest.raises(BadCommand):
        view.resolve(SequenceSet(((2, 4),)), RangeSet(), by_uid=False)
    assert view.resolve(SequenceSet(((2, 4),)), RangeSet(), by_uid=True) == [(1, 3)]
    assert view.resolve(SequenceSet(((2, STAR),)), RangeSet(), by_uid=False) == [(1, 3)]
    assert view.resolve(SequenceSet(((900, STAR),)), RangeSet(), by_uid=True) == [(2, 3)]


def test_star_in_an_empty_mailbox() -> None:
    """``*`` names no message in an empty mailbox (RFC 9051 §9, seq-number)."""
    view = View(MailboxState(MAILBOX))
    with pytest.raises(BadCommand):
        view.resolve(SequenceSet(((1, STAR),)), RangeSet(), by_uid=False)
    assert view.resolve(SequenceSet(((1, STAR),)), RangeSet(), by_uid=True) == []


def test_own_changes_are_not_told_again() -> None:
    """What a session changed itself is answered by its command, not by a notice."""
    truth = Truth()
    truth.append(3)
    view = View(truth.state)
    truth.flag([1])
    view.note_sent([1], ModSeq(truth.modseq))
    truth.flag([2])
    assert list(view.advance(may_expunge=True).flags) == [2]


def test_flags_sent_before_a_change_are_told() -> None:
    """Only flags that were sent as they are now count as told; neighbours that were not sent are told as well."""
    truth = Truth()
    truth.append(5)
    view = View(truth.state)
    truth.flag([0, 1, 2, 4])
    view.note_sent([0], ModSeq(truth.modseq))
    view.note_sent([1, 4], ModSeq(truth.modseq))
    truth.flag([1])
    assert list(view.advance(may_expunge=True).flags) == [1, 2]
    truth.flag([4])
    assert list(view.advance(may_expunge=True).flags) == [4]


@given(st.sets(st.integers(0, 19)), st.integers(1, 4), st.booleans(), st.sets(st.integers(0, 19), min_size=1))
def test_what_was_sent_in_either_order(sent: set[int], size: int, descending: bool, later: set[int]) -> None:
    """The newest first or last: what was sent is not told again, unless it changes after that."""
    truth = Truth()
    truth.append(20)
    view = View(truth.state)
    truth.flag(list(range(20)))
    groups = list(batches([(each, each + 1) for each in sorted(sent)], size))
    for positions in reversed(groups) if descending else groups:
        view.note_sent(positions, ModSeq(truth.modseq))
    truth.flag(sorted(later))
    assert set(view.advance(may_expunge=True).flags) == later | (set(range(20)) - sent)


@given(st.lists(st.integers(0, 300), max_size=40), st.tuples(st.integers(0, 300), st.integers(0, 300)))
def test_uids_of_positions(gone: list[int], span: tuple[int, int]) -> None:
    """The UIDs at positions are those of the array, however many gaps it has."""
    truth = Truth()
    truth.append(301)
    truth.expunge(gone)
    view = View(truth.state)
    start, stop = sorted(min(each, view.count) for each in span)
    assert view.uids_of([(start, stop)]) == RangeSet.of(view.uids[start:stop])


def test_arrivals_alone() -> None:
    """What came in can be counted at once, without its flags being told as a change, unless they change again."""
    truth = Truth()
    truth.append(2)
    view = View(truth.state)
    truth.expunge([0])
    truth.append(3)
    update = view.arrive()
    assert (update.exists, update.arrived, update.expunged, list(update.flags)) == (5, (2, 5), [], [])
    truth.flag([2])
    update = view.advance(may_expunge=True)
    assert (update.exists, update.expunged, list(update.flags)) == (None, [1], [2])


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), max_size=20), st.integers(1, 20))
def test_batches(gaps_and_lengths: list[tuple[int, int]], size: int) -> None:
    """All positions come once, in order, in full batches but for the last."""
    spans: list[tuple[int, int]] = []
    end = 0
    for gap, length in gaps_and_lengths:
        spans.append((end + gap, end + gap + length))
        end += gap + length
    found = list(batches(spans, size))
    positions = [position for batch in found for position in batch]
    assert positions == [position for start, stop in spans for position in range(start, stop)]
    assert all(len(batch) == size for batch in found[:-1])
    assert all(1 <= len(batch) <= size for batch in found)
    for batch in found:
        assert [position for start, stop in runs(batch) for position in range(start, stop)] == list(batch)
