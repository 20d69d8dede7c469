"""Changing flags."""

import pytest

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import InvalidName
from mailwren.store.operations import ClaimRecent, FlagMode, FlagsSet, RecentClaimed, SetFlags
from tests.contract.harness import Mail, uids

ADD, REMOVE, REPLACE = FlagMode.ADD, FlagMode.REMOVE, FlagMode.REPLACE


async def test_add_remove_replace(mail: Mail) -> None:
    """The three ways to change flags, over several messages with different flags."""
    await mail.fill(2, "\\Seen", "one")
    await mail.fill(2, "two")
    await mail.flag("1:3", ADD, "\\Flagged", "two")
    assert await mail.flags() == {
        1: "\\Flagged \\Seen one two",
        2: "\\Flagged \\Seen one two",
        3: "\\Flagged two",
        4: "two",
    }
    await mail.flag("2:4", REMOVE, "two", "\\Seen", "never-there")
    assert await mail.flags() == {1: "\\Flagged \\Seen one two", 2: "\\Flagged one", 3: "\\Flagged", 4: ""}
    await mail.flag("1,3", REPLACE, "\\Draft")
    assert await mail.flags() == {1: "\\Draft", 2: "\\Flagged one", 3: "\\Draft", 4: ""}
    await mail.flag("1:4", REPLACE)
    assert set((await mail.flags()).values()) == {""}


async def test_only_real_changes_take_a_mod_sequence(mail: Mail) -> None:
    """Messages that have the flags already keep their mod-sequence; nothing to change changes nothing."""
    await mail.fill(3)
    first = await mail.flag("1", ADD, "\\Seen")
    second = await mail.flag("1:3", ADD, "\\Seen")
    assert second.changed == uids("2:3")
    assert (await mail.state()).modseqs[0] == first.modseq
    third = await mail.flag("1:3", ADD, "\\Seen")
    assert (third.changed, third.modseq) == (RangeSet(), second.modseq)
    assert (await mail.box()).highest_modseq == second.modseq
    assert (await mail.flag("1:3", REMOVE, "other")).changed == RangeSet()


async def test_unknown_uids_are_passed_over(mail: Mail) -> None:
    """UIDs without a message do nothing, whatever the set."""
    await mail.fill(3)
    await mail.expunge("2")
    assert (await mail.flag("2", ADD, "\\Seen")).changed == RangeSet()
    assert (await mail.flag("1:4294967295", ADD, "\\Seen")).changed == uids("1,3")
    many = ",".join(str(number) for number in range(1, 60, 2)) + ",4000000000:4294967295"
    assert (await mail.flag(many, ADD, "\\Draft")).changed == uids("1,3")
    assert (await mail.flag(many, ADD, "\\Draft")).changed == RangeSet()


async def test_names_keep_the_first_spelling(mail: Mail) -> None:
    """Keywords and system flags are the same in any case; the account's first spelling stays."""
    await mail.fill(1, "$Forwarded", "\\seen", "\\SEEN")
    await mail.flag("1", ADD, "$forwarded", "\\Answered", "JUNK")
    await mail.fill(1, "junk", "\\ANSWERED")
    assert await mail.flags() == {1: "\\Answered \\Seen $Forwarded JUNK", 2: "\\Answered JUNK"}
    await mail.flag("1:2", REMOVE, "Junk", "\\answered")
    assert await mail.flags() == {1: "\\Seen $Forwarded", 2: ""}
    seen = mail.account.flag_set((await mail.state()).flags_of(0))
    assert (seen.seen, seen.deleted, seen.names) == (True, False, frozenset({"\\Seen", "$Forwarded"}))


async def test_counters_follow(mail: Mail) -> None:
    """Unseen and deleted messages and sizes are right after each change."""
    await mail.fill(4)
    size = (await mail.box()).size // 4
    await mail.flag("1:2", ADD, "\\Seen", "\\Deleted")
    await mail.flag("2:3", ADD, "\\Deleted", "x")
    box = await mail.box()
    assert (box.messages, box.unseen, box.deleted, box.deleted_size) == (4, 2, 3, 3 * size)
    await mail.flag("1:4", REPLACE, "\\Seen")
    box = await mail.box()
    assert (box.unseen, box.deleted, box.deleted_size, box.size) == (0, 0, 0, 4 * size)


async def test_unchanged_since(mail: Mail) -> None:
    """Messages changed later are left alone and told; the others change."""
    await mail.fill(4)
    since = (await mail.box()).highest_modseq
    await mail.flag("2", ADD, "a")
    result = await mail.flag("1:3,9", ADD, "b", unchanged_since=since)
    assert (result.changed, result.refused) == (uids("1,3"), uids("2"))
    assert await mail.flags() == {1: "b", 2: "a", 3: "b", 4: ""}
    result = await mail.flag("1:4", ADD, "c", unchanged_since=0)
    assert (result.changed, result.refused) == (RangeSet(), uids("1:4"))
    assert result.modseq == (await mail.box()).highest_modseq
    many = ",".join(str(number) for number in range(1, 60))
    result = await mail.flag(many.replace("2,", ""), ADD, "d", unchanged_since=since)
    assert result.refused == uids("1,3")


async def test_flags_differ_over_many_ranges(mail: Mail) -> None:
    """Scattered UIDs with mixed flags change rightly, in the database and in memory."""
    await mail.fill(200)
    odd = ",".join(str(uid) for uid in range(1, 201, 2))
    third = ",".join(str(uid) for uid in range(1, 201, 3))
    await mail.state()
    await mail.flag(odd, ADD, "odd")
    result = await mail.flag(third, ADD, "third", "\\Seen")
    assert result.changed == RangeSet.of(range(1, 201, 3))
    flags = await mail.flags()
    for uid in range(1, 201):
        names = {name for name in flags[uid].split(" ") if name}
        assert names == ({"odd"} if uid % 2 else set()) | ({"third", "\\Seen"} if uid % 3 == 1 else set())
    assert (await mail.box()).unseen == 200 - 67


async def test_refused_flags_change_nothing(mail: Mail) -> None:
    """A bad name refuses the whole change, with others in the same transaction."""
    await mail.fill(2)
    inbox = await mail.id("INBOX")
    before = await mail.box()
    with pytest.raises(InvalidName):
        await mail.apply(SetFlags(inbox, uids("1"), ADD, ("fine",)), SetFlags(inbox, uids("2"), ADD, ("not fine",)))
    assert await mail.flags() == {1: "", 2: ""}
    assert await mail.box() == before
    await mail.flag("1", ADD, "other")
    assert await mail.flags() == {1: "other", 2: ""}


async def test_ids_of_a_refused_transaction_are_not_remembered(mail: Mail) -> None:
    """A flag set that a refused transaction made is not taken for another one that comes later."""
    await mail.fill(2)
    inbox = await mail.id("INBOX")
    for number in range(3):
        with pytest.raises(InvalidName):
            await mail.apply(
                SetFlags(inbox, uids("1"), REPLACE, (f"refused{number}",)), SetFlags(inbox, uids("2"), ADD, ("",))
            )
    await mail.flag("1", REPLACE, "kept")
    await mail.flag("2", REPLACE, "refused0")
    assert await mail.flags() == {1: "kept", 2: "refused0"}


async def test_each_operation_takes_the_next_mod_sequence(mail: Mail) -> None:
    """Operations of one list have mod-sequences of their own, in order, which messages changed together share."""
    await mail.fill(3)
    inbox = await mail.id("INBOX")
    outcomes = await mail.apply(
        SetFlags(inbox, uids("1:2"), ADD, ("a",)),
        SetFlags(inbox, uids("2:3"), ADD, ("b",)),
        SetFlags(inbox, uids("3"), ADD, ("b",)),
    )
    first, second, third = (each for each in outcomes if isinstance(each, FlagsSet))
    assert second.modseq == first.modseq + 1
    assert third.changed == RangeSet()
    assert list((await mail.state()).modseqs) == [first.modseq, second.modseq, second.modseq]


async def test_recent_messages_belong_to_one_session(mail: Mail) -> None:
    """Each message is claimed once, by whoever comes first; claiming changes no mod-sequence."""
    await mail.fill(2)
    inbox = await mail.id("INBOX")
    modseq = (await mail.box()).highest_modseq
    assert await mail.apply(ClaimRecent(inbox)) == [RecentClaimed(first=1)]  # type: ignore[arg-type] # a plain number
    assert await mail.apply(ClaimRecent(inbox)) == [RecentClaimed(first=3)]  # type: ignore[arg-type] # as above
    assert (await mail.box()).first_recent == 3
    assert (await mail.state()).mailbox.first_recent == 3
    assert (await mail.box()).highest_modseq == modseq
    await mail.fill(1)
    assert await mail.apply(ClaimRecent(inbox)) == [RecentClaimed(first=3)]  # type: ignore[arg-type] # as above


async def test_many_uids_at_once(mail: Mail) -> None:
    """More UIDs than run on the event loop, dense and scattered."""
    number = limits.FLAGS_AT_ONCE * 3
    await mail.fill(number)
    assert (await mail.flag(f"1:{number}", ADD, "a")).changed == uids(f"1:{number}")
    await mail.expunge(",".join(str(uid) for uid in range(3, number, 7)))
    left = await mail.uids()
    assert (await mail.flag(f"1:{number}", ADD, "b")).changed == RangeSet.of(left)
    assert set((await mail.flags()).values()) == {"a b"}
