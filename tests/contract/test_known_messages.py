"""Flag changes of mailboxes that are in memory do the same as those that ask the database."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import FlagMode, SetFlags
from mailwren.store.sqlite.quick_flags import QuickFlags
from mailwren.store.sqlite.states import States
from mailwren.store.sqlite.writer import Writer
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


async def _one_by_one(folder: Path, steps: Sequence[tuple[int, FlagMode, tuple[str, ...]]]) -> object:
    """Carry out changes of single messages twice, over files; everything that came of it."""
    async with Mail(folder) as mail:
        await mail.fill(3, "\\Seen")
        await mail.fill(2)
        told: list[int] = []
        mail.account.watch(told.append)
        outcomes: list[object] = []
        for uid, mode, flags in [*steps, *steps]:
            uids = RangeSet([(uid, uid + uid % 2)])
            outcomes += await mail.apply(SetFlags(await mail.id("INBOX"), uids, mode, flags))
            await mail.state()
        rows = mail.sql("SELECT m.uid, m.modseq, f.names FROM message m JOIN flag_set f ON f.id = m.flags")
        return outcomes, rows, await mail.box(), mail.sql("SELECT modseq, kind, uids FROM change"), told


SINGLE = st.tuples(st.integers(1, 6), st.sampled_from(FlagMode), FLAGS.map(tuple))


@settings(deadline=None, max_examples=20)
@given(st.lists(SINGLE, max_size=10))
def test_the_quick_way_does_the_same(steps: list[tuple[int, FlagMode, tuple[str, ...]]]) -> None:
    """Outcomes, rows, counters, the log and who is told are the same."""
    with TemporaryDirectory() as folder, patch("mailwren.store.sqlite.mailbox_rows.secrets.token_hex", str):
        quick = asyncio.run(_one_by_one(Path(folder, "quick"), steps))
        with patch.object(QuickFlags, "apply", return_value=None):
            assert asyncio.run(_one_by_one(Path(folder, "general"), steps)) == quick


async def test_the_quick_way_is_taken(file_mail: Mail) -> None:
    """It is, once a change is known; with nothing to change it begins no transaction; never with a state behind."""
    await file_mail.fill(3)
    await file_mail.state()
    for number in range(2):
        await file_mail.flag("1", FlagMode.ADD, "\\Flagged")
        await file_mail.flag("1", FlagMode.REMOVE, "\\Flagged")
        await file_mail.state()
        with patch.object(Writer, "_begin", side_effect=AssertionError) if number else nullcontext():
            changed = await file_mail.flag("2", FlagMode.ADD, "\\Flagged")
            await file_mail.state()
            again = await file_mail.flag("2", FlagMode.ADD, "\\Flagged")
        assert (str(changed.changed), str(again.changed), again.modseq) == ("2", "", changed.modseq)
        await file_mail.flag("2", FlagMode.REMOVE, "\\Flagged")


async def test_the_quick_way_waits_for_nobody(tmp_path: Path) -> None:
    """Where another process writes, the change goes to the thread and is carried out when it is through."""
    async with Mail(tmp_path) as here, Mail(tmp_path) as there:
        await here.fill(2)
        for mode in (FlagMode.ADD, FlagMode.REMOVE):
            await here.flag("1", mode, "\\Flagged")
        await here.state()
        other = there.account._writer._connection
        other.execute("BEGIN IMMEDIATE")
        change = asyncio.ensure_future(here.flag("1", FlagMode.ADD, "\\Flagged"))
        await asyncio.sleep(0)
        assert not change.done()
        other.execute("ROLLBACK")
        assert str((await change).changed) == "1"


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
