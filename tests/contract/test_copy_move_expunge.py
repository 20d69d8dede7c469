"""Copying, moving and removing messages."""

import pytest

from mailwren.base.ids import MailboxId, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import MessageGone, NoSuchMailbox
from mailwren.store.operations import Append, Copied, Copy, Expunge, Expunged, FlagMode, Move, SetQuota
from tests.contract.harness import NOW, Mail, message, uids

SCATTERED = ",".join(str(uid) for uid in range(2, 60, 3))


async def test_a_copy_has_everything_of_the_original(mail: Mail) -> None:
    """Octets, flags and internal date are kept; UIDs are new, in the same order; the original stays."""
    await mail.fill(3, "\\Flagged", "k")
    await mail.flag("2", FlagMode.ADD, "\\Deleted", "\\Seen")
    target = await mail.create("Target")
    await mail.append(message(9), to="Target")
    copied = await mail.copy("3,1:2", "Target")
    assert copied == Copied(uids("1:3"), uids("2:4"), target.uid_validity, copied.modseq)
    assert (await mail.octets("Target"))[1:] == await mail.octets()
    assert (await mail.flags("Target"))[3] == "\\Flagged \\Deleted \\Seen k"
    box = await mail.box("Target")
    assert (box.messages, box.unseen, box.deleted, box.highest_modseq) == (4, 3, 1, copied.modseq)
    contents = list((await mail.state()).contents)
    assert list((await mail.state("Target")).contents)[1:] == contents


async def test_copies_within_a_mailbox(mail: Mail) -> None:
    """Source and target may be the same mailbox."""
    await mail.fill(3, "x")
    copied = await mail.copy("1,3", "INBOX")
    assert (copied.source_uids, copied.target_uids) == (uids("1,3"), uids("4:5"))
    moved = await mail.move("1:2,4", "INBOX")
    assert (moved.source_uids, moved.target_uids) == (uids("1:2,4"), uids("6:8"))
    assert await mail.uids() == [3, 5, 6, 7, 8]
    assert [octets == message(number) for octets, number in zip(await mail.octets(), [3, 3, 1, 2, 1], strict=True)]
    usage = await mail.account.usage()
    assert usage.messages == 5


@pytest.mark.parametrize("which", ["1:60", SCATTERED, "5,10:20,70,1:2"])
async def test_copy_and_move_of_many(mail: Mail, which: str) -> None:
    """Dense, scattered and partly absent UIDs are copied and moved in order."""
    await mail.fill(60)
    await mail.flag("1:30", FlagMode.ADD, "\\Seen")
    await mail.flag("20:40", FlagMode.ADD, "\\Deleted")
    await mail.create("Target")
    expected = [uid for uid in range(1, 61) if uid in uids(which)]
    copied = await mail.copy(which, "Target")
    moved = await mail.move(which, "Target")
    assert list(copied.source_uids) == list(moved.source_uids) == expected
    assert copied.target_uids == uids(f"1:{len(expected)}")
    assert moved.target_uids == uids(f"{len(expected) + 1}:{2 * len(expected)}")
    assert await mail.octets("Target") == [message(uid) for uid in expected] * 2
    assert await mail.uids() == [uid for uid in range(1, 61) if uid not in uids(which)]


async def test_a_move_is_logged_in_both_mailboxes(mail: Mail) -> None:
    """The source's log tells of UIDs gone, the target's of UIDs new, with one mod-sequence."""
    await mail.fill(3)
    await mail.create("Target")
    before = (await mail.box()).highest_modseq
    moved = await mail.move("2", "Target")
    changes = await mail.changes(before)
    assert (changes.modseq, changes.expunged, changes.changed) == (moved.modseq, uids("2"), RangeSet())
    assert (await mail.changes(before, "Target")).changed == uids("1")
    assert (await mail.box("Target")).highest_modseq == moved.modseq
    assert mail.sql("SELECT count(*) FROM expunged") == [(0,)]


async def test_nothing_to_copy_changes_nothing(mail: Mail) -> None:
    """UIDs without messages are no error and take no mod-sequence."""
    await mail.create("Target")
    before = await mail.box("Target")
    for outcome in (await mail.copy("1:9", "Target"), await mail.move("1:9", "Target")):
        assert outcome == Copied(RangeSet(), RangeSet(), before.uid_validity, before.highest_modseq)
    assert await mail.box("Target") == before


async def test_expunge_by_flag_by_uid_and_all(mail: Mail) -> None:
    """Only flagged messages, only given ones, both, or everything."""
    await mail.fill(8)
    await mail.flag("2,4,6", FlagMode.ADD, "\\Deleted")
    assert (await mail.expunge("1:4", only_deleted=True)).uids == uids("2,4")
    assert (await mail.expunge("1:3", only_deleted=False)).uids == uids("1,3")
    assert (await mail.expunge(only_deleted=True)).uids == uids("6")
    before = await mail.box()
    assert (await mail.expunge(only_deleted=True)) == Expunged(RangeSet(), before.highest_modseq)
    assert await mail.box() == before
    assert (await mail.expunge(only_deleted=False)).uids == uids("5,7:8")
    box = await mail.box()
    assert (box.messages, box.size, box.uid_next) == (0, 0, 9)


async def test_uids_are_never_used_again(mail: Mail) -> None:
    """After everything is gone the next message gets a new UID."""
    await mail.fill(3)
    await mail.expunge()
    assert (await mail.append()).uid == 4


async def test_expunged_messages_stay_restorable(mail: Mail) -> None:
    """What was expunged is kept aside with its UID and flags."""
    await mail.fill(3, "x")
    await mail.expunge("2:3")
    rows = mail.sql("SELECT uid, expunged_at FROM expunged ORDER BY uid")
    assert rows == [(2, int(mail.clock.now)), (3, int(mail.clock.now))]
    assert await mail.account.usage() == (await mail.account.usage())
    assert (await mail.account.usage()).messages == 1


async def test_a_state_that_is_held_keeps_its_numbers(mail: Mail) -> None:
    """An array that a session holds is not changed by expunges, only replaced."""
    await mail.fill(5)
    state = await mail.state()
    held = state.uids
    await mail.expunge("2:3")
    await mail.append()
    assert list(held)[:5] == [1, 2, 3, 4, 5]
    assert list(state.uids) == [1, 4, 5, 6]


async def test_a_failing_operation_undoes_a_move(mail: Mail) -> None:
    """A move followed by a refusal has not happened, in the database and in memory."""
    await mail.fill(4)
    target = await mail.create("Target")
    inbox = await mail.id("INBOX")
    before = await mail.box()
    await mail.state()
    with pytest.raises(NoSuchMailbox):
        await mail.apply(
            Move(inbox, uids("1:2"), target.id),
            Expunge(inbox, only_deleted=False),
            Copy(target.id, uids("1"), MailboxId(99)),
        )
    assert await mail.box() == before
    assert await mail.uids() == [1, 2, 3, 4]
    assert await mail.uids("Target") == []


@pytest.mark.parametrize("gone", ["source", "target"])
async def test_mailboxes_that_are_gone(mail: Mail, gone: str) -> None:
    """Source and target must exist."""
    await mail.fill(1)
    inbox, missing = await mail.id("INBOX"), MailboxId(4711)
    source, target = (missing, inbox) if gone == "source" else (inbox, missing)
    for kind in (Copy, Move):
        with pytest.raises(NoSuchMailbox):
            await mail.apply(kind(source, uids("1"), target))
    with pytest.raises(NoSuchMailbox):
        await mail.apply(Expunge(missing))


async def test_copies_keep_ids_and_get_dates_of_their_own(mail: Mail) -> None:
    """EMAILID and THREADID go along; the date of saving is that of the copy, and stays as it is (RFC 8514 §3)."""
    await mail.append(message(1))
    await mail.append(message(2))
    other = (await mail.create("Other")).id
    inbox = await mail.id("INBOX")
    mail.clock.now += 100
    await mail.copy("1", "Other")
    await mail.move("2", "Other")
    mail.clock.now += 100
    assert await mail.account.saved_dates(inbox, [Uid(2), Uid(1)]) == [None, NOW]
    assert await mail.account.saved_dates(other, [Uid(1), Uid(2)]) == [NOW + 100, NOW + 100]
    first = (await mail.account.facts([(await mail.state()).content_of(0)]))[0]
    copied = (await mail.account.facts([(await mail.state("Other")).content_of(0)]))[0]
    assert (first.email_id, first.thread_id) == (copied.email_id, copied.thread_id)


async def test_a_replacement_happens_wholly_or_not_at_all(mail: Mail) -> None:
    """What is to be replaced must be there; the quota judges what comes and what goes together."""
    await mail.fill(2)
    box = (await mail.box()).id
    size = (await mail.account.usage()).octets
    await mail.apply(SetQuota(size, 2))
    addition = Append(box, message(3))
    gone = Expunge(box, uids("7"), only_deleted=False, all_or_none=True)
    with pytest.raises(MessageGone):
        await mail.apply(addition, gone)
    assert await mail.uids() == [1, 2]
    outcome = (await mail.apply(addition, Expunge(box, uids("1"), only_deleted=False, all_or_none=True)))[1]
    assert isinstance(outcome, Expunged)
    assert outcome.uids == uids("1")
    assert await mail.uids() == [2, 3]
    await mail.apply(Expunge(box, uids("2:3"), only_deleted=False, all_or_none=True))
    with pytest.raises(MessageGone):
        await mail.apply(Expunge(box, uids("2"), only_deleted=False, all_or_none=True))
