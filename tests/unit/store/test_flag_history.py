"""Which messages' flags were left alone since a mod-sequence, as a mailbox's state remembers it."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.values import Mailbox

MAILBOX = Mailbox(MailboxId(1), "INBOX", "F1", UidValidity(1), Uid(100), ModSeq(1), Uid(1), (), 0, 0, 0, 0, 0)
UIDS = st.frozensets(st.integers(1, 6), min_size=1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), UIDS, st.integers(0, 3)),
        st.tuples(st.just("refresh"), UIDS, st.integers(0, 3)),
        st.tuples(st.just("gone"), UIDS, st.just(0)),
        st.tuples(st.just("came"), st.just(frozenset[int]()), st.integers(0, 3)),
    ),
    max_size=12,
)


@dataclass
class History:
    """A state, and what really happened: each message's flag sets at each mod-sequence, with those it passed."""

    state: MailboxState
    touched: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Mod-sequence, UID, flag set before and after; of a message that came both are -1."""

    def take(self, kind: str, uids: frozenset[int], flags: int) -> None:
        """One step, at the next mod-sequence."""
        state, modseq = self.state, ModSeq(self.state.modseq + 1)
        present = {uid: state.flags[index] for index, uid in enumerate(state.uids) if uid in uids}
        if kind == "came":
            uid = max(state.uids, default=6) + 1
            state.update([(uid, 1, flags, modseq)], RangeSet(), MAILBOX, modseq)
            self.touched.append((modseq, uid, -1, -1))
        elif kind == "gone":
            state.update([], RangeSet.of(uids), MAILBOX, modseq)
        elif kind == "refresh":
            state.update([(uid, 1, flags, modseq) for uid in sorted(present)], RangeSet(), MAILBOX, modseq)
            self.touched += ((modseq, uid, before, flags) for uid, before in present.items())
        else:
            changing = {uid: before for uid, before in present.items() if before != flags}
            state.change_flags(RangeSet.of(changing), dict.fromkeys(changing.values(), flags), modseq)
            self.touched += ((modseq, uid, before, flags) for uid, before in changing.items())


@given(STEPS, st.integers(0, 14), st.integers(0, 1))
def test_nothing_that_was_touched_is_left_alone(
    steps: list[tuple[str, frozenset[int], int]], since: int, bit: int
) -> None:
    """What is said to be untouched was; and what nobody looked at since is said to be, as far as is remembered."""
    state = MailboxState(MAILBOX)
    state.extend((uid, 1, 0, 1) for uid in range(1, 7))
    state.modseq = ModSeq(1)
    history = History(state)
    for step in steps:
        history.take(*step)

    def touches(before: int, after: int) -> bool:
        return bool((before ^ after) >> bit & 1)

    uids = RangeSet.of(state.uids)
    untouched = set(state.untouched_since(uids, ModSeq(since), touches))
    later = [each for each in history.touched if each[0] > since]
    assert not untouched & {uid for _, uid, before, after in later if before < 0 or touches(before, after)}
    if since >= 1 and steps:
        assert untouched >= set(uids) - {uid for _, uid, _, _ in later}


def test_what_is_not_remembered_is_not_sure() -> None:
    """Of a state that was just loaded nothing is said, and after many changes nothing about the first ones."""
    state = MailboxState(MAILBOX)
    state.extend((uid, 1, 0, 1) for uid in range(1, 7))
    state.modseq = ModSeq(1)
    uids = RangeSet([(1, 6)])
    assert not state.untouched_since(uids, ModSeq(1), lambda _before, _after: True)
    for modseq in range(2, 1000):
        state.change_flags(RangeSet([(1, 1)]), {modseq % 2: (modseq + 1) % 2}, ModSeq(modseq))
    assert not state.untouched_since(uids, ModSeq(1), lambda _before, _after: True)
    assert state.untouched_since(uids, ModSeq(990), lambda _before, _after: True) == RangeSet([(2, 6)])
