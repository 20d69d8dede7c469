"""The index of flags against looking at each message, whatever happens to a mailbox."""

from array import array
from collections.abc import Callable
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.store import mailbox_state
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.values import Mailbox

MAILBOX = Mailbox(MailboxId(1), "INBOX", "F1", UidValidity(1), Uid(100), ModSeq(1), Uid(1), (), 0, 0, 0, 0, 0)
_FLAGS = st.integers(0, 6)
_UIDS = st.frozensets(st.integers(1, 40), min_size=1, max_size=8).map(RangeSet.of)
Step = Callable[[MailboxState, ModSeq], None]


def _changed(uids: RangeSet, changes: dict[int, int]) -> Step:
    return lambda state, modseq: state.change_flags(uids, changes, modseq)


def _expunged(uids: RangeSet) -> Step:
    return lambda state, modseq: state.update([], uids, MAILBOX, modseq)


def _refreshed(uids: RangeSet, flags: int) -> Step:
    def step(state: MailboxState, modseq: ModSeq) -> None:
        known = [uid for uid in uids if state.index(Uid(uid)) is not None]
        first = max(state.uids, default=0) + 1
        rows = [(uid, 1, flags, modseq) for uid in [*known, first, first + 1]]
        state.update(rows, RangeSet(), MAILBOX, modseq)

    return step


def _columns(number: int, flags: int) -> Step:
    def step(state: MailboxState, modseq: ModSeq) -> None:
        first = max(state.uids, default=0) + 1
        uids, sets = range(first, first + number), array("I", [flags + each % 2 for each in range(number)])
        state.append_columns((array("I", uids), array("Q", uids), sets, array("Q", [modseq] * number)), modseq)

    return step


STEPS = st.lists(
    st.one_of(
        st.builds(_changed, _UIDS, st.dictionaries(_FLAGS, _FLAGS, max_size=3)),
        st.builds(_changed, _UIDS, st.dictionaries(_FLAGS, _FLAGS, max_size=3)),
        st.builds(_refreshed, _UIDS, _FLAGS),
        st.builds(_columns, st.integers(1, 8), _FLAGS),
        st.builds(_expunged, _UIDS),
    ),
    max_size=12,
)


@given(STEPS, st.frozensets(_FLAGS, max_size=3))
def test_as_looking_at_each(steps: list[Step], wanted: frozenset[int]) -> None:
    """What the index says is what the flags say; and it is there when it is asked for twice without much between."""
    state = MailboxState(MAILBOX)
    state.extend((uid, 1, uid % 5, 1) for uid in range(1, 31))
    with patch.object(mailbox_state, "_INDEXED_ONE_BY_ONE", 4):
        for number, step in enumerate(steps):
            step(state, ModSeq(number + 2))
            places = [place for place, each in enumerate(state.flags) if each in wanted]
            found = [state.with_flag_sets(wanted) for _ in range(2)]
            assert all(each in (None, places) for each in found)
            assert found[-1] is not None or (len(wanted) > 2 and len(places) * 3 > len(state)) or not len(state)


def test_not_for_very_many_messages() -> None:
    """A mailbox beyond the limit has no index, and neither has an empty one."""
    state = MailboxState(MAILBOX)
    assert [state.with_flag_sets({1}) for _ in range(3)] == [None] * 3
    state.extend((uid, 1, 0, 1) for uid in range(1, 12))
    with patch.object(limits, "FLAG_INDEX_MESSAGES", 10):
        assert [state.with_flag_sets({1}) for _ in range(3)] == [None] * 3
    assert state.with_flag_sets({1}) == []
