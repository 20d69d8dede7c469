"""UIDs in SQL mean what they mean in Python, whatever the set."""

from collections.abc import Iterator

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.ranges import RangeSet
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.database import open_writer, prepare

PRESENT = [*range(1, 40), *range(50, 90, 2), 1000, 2**31 - 1, 2**31, 2**32 - 2]
BOX = MailboxId(1)
large_numbers = st.one_of(st.integers(1, 100), st.integers(2**31 - 3, 2**31 + 3), st.integers(2**32 - 5, 2**32 - 1))
sets = st.lists(st.tuples(large_numbers, large_numbers), max_size=20).map(RangeSet)
scattered = st.sets(large_numbers, max_size=60).map(RangeSet.of)


@pytest.fixture(scope="module")
def database() -> Iterator[apsw.Connection]:
    """A mailbox with messages whose mod-sequence is their UID, and flags that alternate."""
    connection = open_writer(None)
    prepare(connection, None, 0)
    connection.execute("INSERT INTO flag_set VALUES(1, '\\Deleted', 0, 1)")
    connection.executemany(
        "INSERT INTO message VALUES(1, ?, ?, ?, ?, 0, 10)", ((uid, uid, uid % 2, uid) for uid in PRESENT)
    )
    yield connection
    connection.close()


@given(wanted=st.one_of(sets, scattered), since=st.integers(0, 100))
def test_present(database: apsw.Connection, wanted: RangeSet, since: int) -> None:
    """The UIDs that exist, that changed after a mod-sequence, and that are deleted."""
    there = [uid for uid in PRESENT if uid in wanted]
    assert list(selection.EXISTING.present(database, BOX, wanted)) == there
    changed = selection.CHANGED_AFTER.present(database, BOX, wanted, since)
    assert list(changed) == [uid for uid in there if uid > since]
    assert list(selection.DELETED.present(database, BOX, wanted)) == [uid for uid in there if uid % 2]
    assert not selection.EXISTING.present(database, MailboxId(2), wanted)


@given(uids=st.sets(st.sampled_from(PRESENT)).map(RangeSet.of))
def test_over_uids(database: apsw.Connection, uids: RangeSet) -> None:
    """A statement over UIDs touches just these; sums by flags are those of the messages."""
    chosen = selection.OverUids("SELECT uid FROM message WHERE mailbox = ? AND $UIDS ORDER BY uid")
    assert [uid for (uid,) in chosen.run(database, uids, 1)] == list(uids)
    expected = {flags: (number, 10 * number) for flags in (0, 1) if (number := sum(uid % 2 == flags for uid in uids))}
    assert selection.by_flags(database, BOX, uids) == expected


def test_the_largest_uids_in_many_ranges(database: apsw.Connection) -> None:
    """UIDs of the full 32 bits are found when there are too many ranges to ask for one by one."""
    wanted = RangeSet.of([1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1])
    assert wanted.range_count > limits.RANGES_ONE_BY_ONE
    found = selection.EXISTING.present(database, BOX, wanted)
    assert list(found) == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 2**31 - 1, 2**31, 2**32 - 2]
    wide = RangeSet([*((uid, uid) for uid in range(2, 40, 2)), (2**31, 2**32 - 1)])
    assert list(selection.EXISTING.present(database, BOX, wide))[-2:] == [2**31, 2**32 - 2]


def test_scope_means_the_same_messages(database: apsw.Connection) -> None:
    """Few ranges stand for many UIDs only where they name no other message."""
    wanted = RangeSet([(1, 2**32 - 1)])
    there = selection.EXISTING.present(database, BOX, wanted)
    assert there.range_count > limits.RANGES_ONE_BY_ONE
    assert selection.scope(wanted, there) == RangeSet([(1, 2**32 - 2)])
    few = RangeSet([(1, 3), (60, 60)])
    assert selection.scope(wanted, few) is few
    single = RangeSet.of(range(50, 90, 2))
    assert selection.scope(single, single) is single
