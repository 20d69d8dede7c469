"""Rows and positions: a view that is older than the mailbox's state."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.search.rows import Snapshot, within
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.values import Mailbox


def mailbox_state(uids: list[int]) -> MailboxState:
    """A state of these UIDs."""
    mailbox = Mailbox(MailboxId(1), "INBOX", "F1", UidValidity(1), Uid(100), ModSeq(1), Uid(1), (), 0, 0, 0, 0, 0)
    state = MailboxState(mailbox)
    state.extend((uid, uid + 1000, 0, 1) for uid in uids)
    return state


def expunge(state: MailboxState, uids: list[int]) -> None:
    """Take UIDs out of a state."""
    state.update([], RangeSet.of(uids), state.mailbox, ModSeq(state.modseq + 1))


def test_an_up_to_date_view_has_the_same_positions() -> None:
    """Rows are positions where nothing is pending, and later arrivals are not looked at."""
    state = mailbox_state([1, 5, 9])
    snapshot = Snapshot(state, state.uids, 2)
    assert snapshot.count == 2
    assert snapshot.positions(range(2)) == [0, 1]


def test_messages_gone_have_a_position_and_no_row() -> None:
    """Positions of what is still there are those of the old view."""
    state = mailbox_state([1, 2, 5, 7, 9])
    view = state.uids
    expunge(state, [1, 5, 7])
    state.extend([(12, 1, 0, 1)])
    snapshot = Snapshot(state, view, 5)
    assert snapshot.count == 2
    assert snapshot.positions([0, 1]) == [1, 4]
    assert snapshot.positions([1]) == [4]
    assert snapshot.spans_of_positions([(0, 2), (2, 4), (4, 5)]) == [(0, 1), (1, 1), (1, 2)]


def test_an_empty_view() -> None:
    """A view of nothing has no rows, whatever came in meanwhile."""
    state = mailbox_state([1, 2])
    assert Snapshot(state, array("I"), 0).count == 0


@given(
    st.sets(st.integers(1, 60)),
    st.sets(st.integers(1, 60)),
    st.integers(0, 60),
    st.sets(st.integers(61, 70)),
    st.sets(st.integers(0, 60)),
)
def test_rows_and_positions_equal_a_naive_model(
    known: set[int], gone: set[int], length: int, arrived: set[int], wanted: set[int]
) -> None:
    """Every message still there is found at its place in the view, for any expunges and arrivals."""
    state = mailbox_state(sorted(known))
    view = state.uids
    length = min(length, len(view))
    expunge(state, list(gone & known))
    state.extend((uid, 1, 0, 1) for uid in sorted(arrived))
    snapshot = Snapshot(state, view, length)
    expected = [position for position in range(length) if view[position] not in gone]
    assert snapshot.positions(range(snapshot.count)) == expected
    positions = RangeSet.of(n + 1 for n in wanted if n < length)
    spans = [(start - 1, stop) for start, stop in positions.ranges()]
    rows = within(range(snapshot.count), snapshot.spans_of_positions(spans))
    assert snapshot.positions(rows) == [position for position in expected if position in wanted]


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_within_is_intersection(rows: set[int], wanted: set[int]) -> None:
    """Rows within spans are the rows whose number lies in one of them."""
    spans = [(start - 1, stop) for start, stop in RangeSet.of(n + 1 for n in wanted).ranges()]
    assert within(sorted(rows), spans) == sorted(rows & wanted)
