"""Flag changes of mailboxes that are in memory do the same as those that ask the database."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import FlagMode, SetFlags
from mailwren.store.sqlite.states import States
from tests.contract.harness import Mail

_MESSAGES = 40
FLAGS = st.lists(st.sampled_from(["\\Seen", "\\Deleted", "\\Flagged", "One", "two"]), max_size=2, unique=True)
UIDS = st.one_of(
    st.just(RangeSet([(1, 2**32 - 1)])),
    st.lists(st.integers(1, _MESSAGES + 5), min_size=1, max_size=12).map(RangeSet.of),
    st.lists(st.integers(1, _MESSAGES), min_size=20, max_size=30, unique=True).map(RangeSet.of),
)
STEPS = st.lists(
    st.tuples(UIDS, st.sampled_from(FlagMode), FLAGS.map(tuple), st.one_of(st.none(), st.integers(0, 12))), max_size=8
)


async def _history(steps: Sequence[tuple[RangeSet, FlagMode, tuple[str, ...], int | None]], *, known: bool) -> object:
    """Carry out a history in a mailbox that is in memory all the time, or is not; everything that came of it."""
    async with Mail(None) as mail:
        await mail.fill(_MESSAGES // 2, "\\Seen")
        await mail.fill(_MESSAGES // 2, "One")
        await mail.expunge("3,17:19")
        state, first = await mail.state(), ModSeq((await mail.box()).highest_modseq)
        outcomes: list[object] = []
        for uids, mode, flags, since in steps:
            if known:
                assert mail.account._states.known(await mail.id("INBOX"), state.modseq) is state
            unchanged_since = None if since is None else ModSeq(first + since)
            outcomes += await mail.apply(SetFlags(await mail.id("INBOX"), uids, mode, flags, unchanged_since))
        box = await mail.box()
        rows = mail.sql("SELECT m.uid, m.modseq, f.names FROM message m JOIN flag_set f ON f.id = m.flags")
        counters = (box.messages, box.unseen, box.deleted, box.size, box.deleted_size, box.highest_modseq)
        return outcomes, rows, counters, mail.sql("SELECT modseq, kind, uids FROM change")


@settings(deadline=None, max_examples=40)
@given(STEPS)
def test_the_same_comes_of_it(steps: list[tuple[RangeSet, FlagMode, tuple[str, ...], int | None]]) -> None:
    """Outcomes, rows, counters and the log are the same, whatever is changed."""
    known = asyncio.run(_history(steps, known=True))
    with patch.object(States, "known", return_value=None):
        assert asyncio.run(_history(steps, known=False)) == known


async def test_what_another_process_did_is_seen(tmp_path: Path) -> None:
    """A state that is behind is not believed."""
    async with Mail(tmp_path) as here, Mail(tmp_path) as there:
        await here.fill(3)
        state = await here.state()
        await there.flag("2", FlagMode.ADD, "\\Seen")
        await there.fill(1)
        changed = await here.flag("1:4", FlagMode.ADD, "\\Seen")
        assert str(changed.changed) == "1,3:4"
        assert (await here.box()).unseen == 0
        assert list((await here.state()).modseqs) == [changed.modseq, state.modseq - 2, changed.modseq, changed.modseq]
