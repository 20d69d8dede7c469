"""Mailboxes that several use: what each has for himself, and what all share."""

import asyncio

import pytest

from mailwren.base import limits
from mailwren.base.ids import FlagSetId, MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import AccountDamaged, CannotChange, InvalidName, LimitReached, NoSuchMailbox
from mailwren.store.octets import Spool
from mailwren.store.operations import (
    Append,
    Appended,
    ClaimRecent,
    CreateMailbox,
    DeleteMailbox,
    Expunge,
    FlagMode,
    MailboxChanged,
    RecentClaimed,
    SetFlags,
    SetPrivateFlags,
)
from mailwren.store.sqlite.sweeper import sweep
from mailwren.store.values import ALL_KEYWORDS, PRIVATE_FLAGS, Mailbox
from tests.contract.harness import Mail, message, uids

ADD, REMOVE, REPLACE = FlagMode.ADD, FlagMode.REMOVE, FlagMode.REPLACE


async def private(mail: Mail, *flags: str, name: str = "INBOX") -> Mailbox:
    """Say which flags are private."""
    (outcome,) = await mail.apply(SetPrivateFlags(await mail.id(name), frozenset(flags)))
    assert isinstance(outcome, MailboxChanged)
    return outcome.mailbox


async def recent(mail: Mail) -> int:
    """Claim what is recent."""
    (outcome,) = await mail.apply(ClaimRecent(await mail.id("INBOX")))
    assert isinstance(outcome, RecentClaimed)
    return outcome.first


# --- flags ------------------------------------------------------------------------------------------------------
async def test_seen_is_the_members_own(mail: Mail) -> None:
    """Each member has his own \\Seen; everything else is everybody's."""
    await mail.fill(3)
    ann, ben = mail.member("ann"), mail.member("ben")
    changed = await ann.flag("1:2", ADD, "\\Seen", "\\Flagged")
    assert changed.changed == uids("1:2")
    assert await ann.flags() == {1: "\\Flagged \\Seen", 2: "\\Flagged \\Seen", 3: ""}
    assert await ben.flags() == await mail.flags() == {1: "\\Flagged", 2: "\\Flagged", 3: ""}
    await mail.flag("3", ADD, "\\Seen")
    assert (await mail.flags())[3] == "\\Seen"
    assert (await ann.flags())[3] == (await ben.flags())[3] == ""
    assert [(await each.box()).unseen for each in (mail, ann, ben)] == [2, 1, 3]
    await ann.flag("1:3", REPLACE, "todo")
    assert await ann.flags() == {1: "todo", 2: "todo", 3: "todo"}
    assert await mail.flags() == {1: "todo", 2: "todo", 3: "\\Seen todo"}
    assert (await ann.box()).unseen == 3


async def test_names_are_told_apart_without_regard_to_case(mail: Mail) -> None:
    """\\SEEN is private as \\Seen is, and comes out in its own spelling."""
    await mail.fill(1)
    ann = mail.member("ann")
    await ann.flag("1", ADD, "\\SEEN", "\\flagged")
    assert await ann.flags() == {1: "\\Flagged \\Seen"}
    assert await mail.flags() == {1: "\\Flagged"}
    await private(mail, "\\flagged", "WORK")
    await ann.flag("1", REPLACE, "\\FLAGGED", "Work")
    assert await ann.flags() == {1: "\\Flagged WORK"}
    assert await mail.flags() == {1: "\\Flagged"}
    await ann.flag("1", REMOVE, "work")
    assert await ann.flags() == {1: "\\Flagged"}


async def test_what_changes_nothing_takes_no_mod_sequence(mail: Mail) -> None:
    """Neither a shared flag that is there nor an own one; what one removes need not be there."""
    await mail.fill(2, "\\Flagged")
    ann = mail.member("ann")
    first = await ann.flag("1", ADD, "\\Seen")
    again = await ann.flag("1", ADD, "\\Seen", "\\Flagged")
    assert (again.changed, again.modseq) == (RangeSet(), first.modseq)
    assert (await ann.flag("2", REMOVE, "\\Seen", "never")).changed == RangeSet()
    assert mail.sql("SELECT uid FROM member_flags") == [(1,)]
    partly = await ann.flag("1:2", ADD, "\\Seen")
    assert (partly.changed, partly.refused) == (uids("2"), RangeSet())
    assert (await ann.state()).modseqs.tolist() == [first.modseq, partly.modseq]


async def test_unchanged_since_is_judged_by_what_the_member_sees(mail: Mail) -> None:
    """A member's own change refuses his later ones, not those of others; a shared change refuses all."""
    await mail.fill(2)
    ann, ben = mail.member("ann"), mail.member("ben")
    before = (await mail.box()).highest_modseq
    own = await ann.flag("1", ADD, "\\Seen")
    refused = await ann.flag("1:2", ADD, "\\Flagged", unchanged_since=before)
    assert (refused.refused, refused.changed) == (uids("1"), uids("2"))
    assert (await ben.flag("1", ADD, "\\Seen", unchanged_since=before)).changed == uids("1")
    assert (await ben.flag("2", ADD, "\\Seen", unchanged_since=before)).refused == uids("2")
    assert (await ann.flag("1", REMOVE, "\\Seen", unchanged_since=own.modseq)).changed == uids("1")


async def test_others_do_not_notice_own_changes(mail: Mail) -> None:
    """A member's own change moves no mod-sequence of anybody else's, and is in nobody else's changes."""
    await mail.fill(3)
    ann, ben = mail.member("ann"), mail.member("ben")
    before = await mail.box()
    state = await ben.state()
    change = await ann.flag("2", ADD, "\\Seen")
    assert change.modseq > before.highest_modseq
    assert await mail.box() == before
    assert (await ann.box()).highest_modseq == change.modseq == (await ann.state()).modseq
    assert (await ben.state()).modseq == before.highest_modseq
    assert await ben.state() is state
    assert (await ann.changes(before.highest_modseq)).changed == uids("2")
    assert (await ann.changes(change.modseq)).changed == RangeSet()
    for each in (mail, ben):
        assert (await each.changes(before.highest_modseq)).changed == RangeSet()
    shared = await mail.flag("3", ADD, "\\Flagged")
    assert shared.modseq > change.modseq
    assert (await ann.changes(change.modseq)).changed == uids("3")
    assert (await ann.changes(before.highest_modseq)).changed == uids("2:3")


async def test_a_flag_taken_away_is_told_too(mail: Mail) -> None:
    """A row without flags stays for its mod-sequence, and goes with the message."""
    await mail.fill(2)
    ann = mail.member("ann")
    seen = await ann.flag("1:2", ADD, "\\Seen")
    await ann.flag("1", REMOVE, "\\Seen")
    assert (await ann.changes(seen.modseq)).changed == uids("1")
    assert (await ann.box()).unseen == 1
    await mail.expunge("1")
    changes = await ann.changes(seen.modseq)
    assert (changes.changed, changes.expunged) == (RangeSet(), uids("1"))
    assert mail.sql("SELECT uid FROM member_flags") == [(2,)]


@pytest.mark.parametrize("number", [limits.FLAGS_AT_ONCE + 1, limits.ROWS_AT_ONCE * 3])
async def test_many_messages(mail: Mail, number: int) -> None:
    """Large mailboxes are read in a thread, with every second message seen, and follow all changes."""
    await mail.fill(number)
    ann = mail.member("ann")
    every_second = RangeSet.of(range(1, number + 1, 2))
    changed = await ann.flag(str(every_second), ADD, "\\Seen")
    assert changed.changed == every_second
    assert (await ann.box()).unseen == number // 2
    assert [flags for _, flags in sorted((await ann.flags()).items())][:3] == ["\\Seen", "", "\\Seen"]
    await ann.flag(f"1:{number}", REPLACE, "\\Seen", "k")
    assert set((await ann.flags()).values()) == {"\\Seen k"}
    assert set((await mail.flags()).values()) == {"k"}
    assert (await ann.box()).unseen == 0
    await mail.expunge(f"2:{number}")
    assert (await ann.box()).messages == 1
    assert await ann.flags() == {1: "\\Seen k"}


async def test_new_messages(mail: Mail) -> None:
    """Whoever adds a message has its private flags; all have the others."""
    ann = mail.member("ann")
    appended = await ann.append(message(1), "\\Seen", "\\Flagged", "k")
    assert await ann.flags() == {1: "\\Flagged \\Seen k"}
    assert await mail.flags() == {1: "\\Flagged k"}
    assert [(await each.box()).unseen for each in (mail, ann)] == [1, 0]
    assert (await ann.box()).highest_modseq == appended.modseq
    await mail.append(message(2), "\\Seen")
    assert await ann.flags() == {1: "\\Flagged \\Seen k", 2: ""}
    await ann.append(message(3), "k")
    assert mail.sql("SELECT uid FROM member_flags") == [(1,)]


# --- what is private --------------------------------------------------------------------------------------------
async def test_all_keywords_can_be_private(mail: Mail) -> None:
    """With the star every keyword, but no system flag."""
    await mail.fill(1)
    assert (await private(mail, ALL_KEYWORDS, "\\Seen", "\\Draft")).private_flags == {"*", "\\Seen", "\\Draft"}
    ann = mail.member("ann")
    await ann.flag("1", ADD, "mine", "\\Flagged", "\\Draft")
    assert await ann.flags() == {1: "\\Flagged \\Draft mine"}
    assert await mail.flags() == {1: "\\Flagged"}
    await mail.flag("1", ADD, "ours")
    assert await ann.flags() == {1: "\\Flagged \\Draft mine"}


async def test_changing_what_is_private(mail: Mail) -> None:
    """What looks different counts as changed; what was one's own is kept out of sight and comes back."""
    await mail.fill(3)
    ann = mail.member("ann")
    await ann.flag("1", ADD, "\\Seen")
    await mail.flag("2", ADD, "\\Seen")
    before = (await ann.box()).highest_modseq
    mailbox = await private(mail)
    assert mailbox.private_flags == frozenset()
    assert mailbox.highest_modseq > before
    assert await ann.flags() == await mail.flags() == {1: "", 2: "\\Seen", 3: ""}
    assert (await ann.box()).unseen == 2
    assert (await ann.changes(before)).changed == (await mail.changes(before)).changed == uids("1:2")
    await ann.flag("3", REPLACE, "\\Seen")
    assert (await mail.flags())[3] == "\\Seen"
    before = (await ann.box()).highest_modseq
    await private(ann, *PRIVATE_FLAGS)
    assert await ann.flags() == {1: "\\Seen", 2: "", 3: ""}
    assert (await ann.changes(before)).changed == uids("1:3")
    before = (await ann.box()).highest_modseq
    assert (await private(ann, "\\SEEN")).highest_modseq == before


async def test_what_cannot_be_private(mail: Mail) -> None:
    """\\Deleted and \\Recent are nobody's own, and what is no flag is refused."""
    for flag in ("\\Deleted", "\\DELETED", "\\Recent"):
        with pytest.raises(CannotChange):
            await private(mail, "\\Seen", flag)
    with pytest.raises(InvalidName):
        await private(mail, "two words")
    with pytest.raises(LimitReached):
        await private(mail, "k" * (limits.KEYWORD + 1))
    assert (await mail.box()).private_flags == PRIVATE_FLAGS


async def test_deleted_is_everybodys(mail: Mail) -> None:
    """The same EXPUNGE removes the same messages, whoever asks."""
    await mail.fill(3)
    ann, ben = mail.member("ann"), mail.member("ben")
    await ann.flag("1,3", ADD, "\\Deleted", "\\Seen")
    (expunged,) = await ben.apply(Expunge(await ben.id("INBOX"), uids("1:2")))
    assert await ann.uids() == [2, 3]
    assert (await ann.box()).deleted == 1
    await mail.expunge()
    assert mail.sql("SELECT seen FROM member_state") == [(0,)]
    del expunged


# --- copies and moves -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("which", ["1:20", "1,3,5,7,9,11,13,15,17,19"])
async def test_a_copy_has_what_the_member_saw(mail: Mail, which: str) -> None:
    """For him; the others see it without what they had of their own."""
    await mail.create("Other")
    await mail.fill(20, "k")
    ann, ben = mail.member("ann"), mail.member("ben")
    await ann.flag("3:9", ADD, "\\Seen")
    await ben.flag("1:20", ADD, "\\Seen")
    copied = await ann.copy(which, "Other")
    seen = await ann.flags()
    copies = await ann.flags("Other")
    for old, new in zip(copied.source_uids, copied.target_uids, strict=True):
        assert copies[new] == seen[old]
    assert set((await ben.flags("Other")).values()) == {"k"}
    assert (await ann.box("Other")).unseen == list(copies.values()).count("k")
    await mail.copy("3", "Other")
    assert list((await ann.flags("Other")).values())[-1] == "k"


@pytest.mark.parametrize("which", ["1:20", "1,3,5,7,9,11,13,15,17,19"])
@pytest.mark.parametrize("mover", ["owner", "ann", "eve"])
async def test_a_move_keeps_what_each_member_has(mail: Mail, which: str, mover: str) -> None:
    """Whoever moves; also within a mailbox."""
    await mail.create("Other")
    await mail.fill(20)
    ann, ben = mail.member("ann"), mail.member("ben")
    await ann.flag("3:9", ADD, "\\Seen")
    await ben.flag("2,5,8,20", ADD, "\\Seen")
    await mail.flag("7:8", ADD, "\\Seen")
    before = [await each.flags() for each in (mail, ann, ben)]
    who = mail if mover == "owner" else mail.member(mover)
    moved = await who.move(which, "Other")
    for each, flags in zip((mail, ann, ben), before, strict=True):
        after = await each.flags("Other")
        assert [after[uid] for uid in moved.target_uids] == [flags[uid] for uid in moved.source_uids]
    moved = await who.move(f"{moved.target_uids}", "Other", "Other")
    for each, flags in zip((mail, ann, ben), before, strict=True):
        assert list((await each.flags("Other")).values()) == [flags[int(uid)] for uid in uids(which)]


async def test_moved_to_where_other_flags_are_private(mail: Mail) -> None:
    """The member who moves sees the same as before: what was his own and is shared there is everybody's."""
    await mail.create("Other")
    await private(mail, "k", "\\Answered", name="Other")
    await mail.fill(4, "\\Answered")
    ann = mail.member("ann")
    await mail.flag("4", ADD, "\\Seen")
    await ann.flag("1,3", ADD, "\\Seen", "k")
    before = list((await ann.flags()).values())
    await ann.copy("1:4", "Other")
    assert list((await ann.flags("Other")).values()) == before
    assert await mail.flags("Other") == {
        1: "\\Answered \\Seen k",
        2: "\\Answered",
        3: "\\Answered \\Seen k",
        4: "\\Answered",
    }
    assert (await mail.box("Other")).unseen == (await ann.box("Other")).unseen == 2
    await ann.move("1:4", "Other")
    assert list((await ann.flags("Other")).values()) == before * 2
    assert set((await mail.member("ben").flags("Other")).values()) == {"\\Seen", ""}


async def test_each_copy_has_its_originals_flags(mail: Mail) -> None:
    """Also where other flags are private in the target and there are holes between the originals."""
    await mail.create("Other")
    await private(mail, "k", name="Other")
    await mail.fill(30)
    ann = mail.member("ann")
    await ann.flag("3,8:12,20", ADD, "\\Seen")
    await ann.flag("8,9,25", ADD, "k")
    for which in ("3:4,8:9,11,25", "1,3,5,7,9,11,13,15,17,19,20,21,23,25"):
        before = await ann.flags()
        copied = await ann.copy(which, "Other")
        after = await ann.flags("Other")
        assert [after[uid] for uid in copied.target_uids] == [before[uid] for uid in copied.source_uids]


async def test_renaming_inbox_keeps_what_each_member_has(mail: Mail) -> None:
    """The new mailbox has INBOX's members, private flags and list of rights."""
    await mail.fill(3)
    await private(mail, "\\Flagged")
    await mail.acl("INBOX", "ann", "lr")
    ann = mail.member("ann")
    await ann.flag("2", ADD, "\\Flagged", "\\Seen")
    (renamed,) = [await ann.rename("INBOX", "Old/Mail")]
    assert (set(renamed.private_flags), dict(renamed.acl)) == ({"\\Flagged"}, {"ann": "lr"})
    assert renamed.unseen == 2
    assert await ann.flags("Old/Mail") == {1: "", 2: "\\Flagged \\Seen", 3: ""}
    assert (await mail.box("Old")).private_flags == PRIVATE_FLAGS
    assert await ann.uids() == []


# --- mailboxes --------------------------------------------------------------------------------------------------
async def test_what_a_member_is_told_of_mailboxes(mail: Mail) -> None:
    """By name, by key and in the list, and in outcomes: his counters everywhere."""
    await mail.fill(3)
    ann = mail.member("ann")
    await ann.flag("1", ADD, "\\Seen")
    box = await ann.box()
    assert box.unseen == 2
    assert (await ann.account.mailboxes())["INBOX"] == box == (await ann.state()).mailbox
    assert await ann.account.some_mailboxes([box.id, MailboxId(99)]) == [box]
    (created,) = await ann.apply(CreateMailbox("INBOX", exist_ok=True))
    assert isinstance(created, MailboxChanged)
    assert created.mailbox == box
    with pytest.raises(NoSuchMailbox):
        await ann.box("Other")
    with pytest.raises(NoSuchMailbox):
        await ann.account.open_mailbox(MailboxId(99))
    with pytest.raises(NoSuchMailbox):
        await ann.account.changes_since(MailboxId(99), ModSeq(1))
    assert (await ann.account.usage()).messages == 3
    assert await ann.octets() == await mail.octets()


async def test_recent_is_each_members_own(mail: Mail) -> None:
    """What one was told of is still new to the others."""
    await mail.fill(3)
    ann, ben = mail.member("ann"), mail.member("ben")
    assert await recent(ann) == 1
    assert await recent(ann) == 4
    await mail.fill(1)
    assert [await recent(each) for each in (ann, ben, mail)] == [4, 1, 1]
    assert (await ann.box()).first_recent == 5


async def test_a_deleted_mailbox_leaves_nothing(mail: Mail) -> None:
    """Rows go, and a member's state is told so."""
    await mail.create("Other")
    await mail.fill(2, to="Other")
    ann = mail.member("ann")
    await ann.flag("1", ADD, "\\Seen", to="Other")
    state = await ann.state("Other")
    await mail.delete("Other")
    assert state.deleted
    assert mail.sql("SELECT * FROM member_flags") == mail.sql("SELECT * FROM member_state") == []
    await sweep(mail.account, mail.clock())
    assert mail.sql("SELECT * FROM member") == []


async def test_views(mail: Mail) -> None:
    """A member's sessions share one view; the owner's is the account itself."""
    view = mail.account.for_member("ann")
    assert view.for_member("ann") is mail.account.for_member("ann") is view
    assert view.for_member(mail.account_id) is mail.account
    assert view.id == mail.account_id
    assert await view.open_mailbox(await mail.id("INBOX")) is await view.open_mailbox(await mail.id("INBOX"))
    with pytest.raises(AccountDamaged):
        view.flag_set(FlagSetId(2**31 + 12345))
    assert await view.apply([]) == []


async def test_hints_reach_everybody(mail: Mail) -> None:
    """Also those of a member's own changes: his other sessions need them."""
    await mail.fill(1)
    ann = mail.member("ann")
    inbox = await mail.id("INBOX")
    heard: list[int] = []
    stop = ann.account.watch(heard.append)
    await ann.flag("1", ADD, "\\Seen")
    assert heard == [inbox]
    heard.clear()
    await ann.flag("1", ADD, "\\Seen")
    assert heard == []
    await mail.flag("1", ADD, "\\Flagged")
    assert heard == [inbox]
    stop()
    await ann.flag("1", REMOVE, "\\Seen")
    assert heard == [inbox]


# --- requests ---------------------------------------------------------------------------------------------------
async def test_a_refused_request_leaves_nothing(mail: Mail) -> None:
    """Alone or among others that share its commit."""
    await mail.fill(2)
    ann = mail.member("ann")
    inbox = await mail.id("INBOX")
    seen = SetFlags(inbox, uids("1"), ADD, ("\\Seen",))
    with pytest.raises(NoSuchMailbox):
        await ann.apply(seen, DeleteMailbox("none"))
    assert mail.sql("SELECT * FROM member_flags") == mail.sql("SELECT * FROM member_state") == []
    results = await ann.together(
        [seen, DeleteMailbox("none")],
        [SetFlags(inbox, uids("2"), ADD, ("\\Seen",))],
        [Append(inbox, message(3), ("\\Seen",)), DeleteMailbox("none")],
    )
    assert [isinstance(each, NoSuchMailbox) for each in results] == [True, False, True]
    assert await ann.flags() == {1: "", 2: "\\Seen"}


async def test_requests_of_several_members_in_one_commit(mail: Mail) -> None:
    """Each acts for whom it came from."""
    await mail.fill(1)
    ann, ben = mail.member("ann"), mail.member("ben")
    inbox = await mail.id("INBOX")
    await asyncio.gather(
        ann.apply(SetFlags(inbox, uids("1"), ADD, ("\\Seen",)), CreateMailbox("a")),
        mail.apply(SetFlags(inbox, uids("1"), ADD, ("k",)), CreateMailbox("b")),
        ben.apply(SetFlags(inbox, uids("1"), ADD, ("\\Seen", "l")), CreateMailbox("c")),
    )
    assert [await each.flags() for each in (mail, ann, ben)] == [{1: "k l"}, {1: "\\Seen k l"}, {1: "\\Seen k l"}]


async def test_everything_is_there_after_a_restart(file_mail: Mail) -> None:
    """On the disk."""
    await file_mail.fill(3)
    await private(file_mail, "\\Seen", "k")
    await file_mail.member("ann").flag("2", ADD, "\\Seen", "k")
    await recent(file_mail.member("ann"))
    before = await file_mail.member("ann").box()
    await file_mail.close()
    await file_mail.open()
    ann = file_mail.member("ann")
    assert await ann.box() == before
    assert await ann.flags() == {1: "", 2: "\\Seen k", 3: ""}


# --- between accounts -------------------------------------------------------------------------------------------
async def test_a_large_message_goes_to_another_account_in_pieces(file_mail: Mail) -> None:
    """Read in pieces into a spool, which is a file beyond what memory is to hold, and added from there."""
    octets = message(1, limits.LITERAL_IN_MEMORY * 2)
    await file_mail.append(octets, "\\Seen")
    (content,) = await file_mail.contents()
    spool = Spool(file_mail.folder)
    position = 0
    while piece := await file_mail.account.read(content, position, limits.OUTPUT_CHUNK):
        spool.write(piece)
        position += len(piece)
    other = await file_mail.store.account("d4e5f6")
    inbox = await other.mailbox("INBOX")
    (appended,) = await other.apply([Append(inbox.id, spool, ("\\Seen",))])
    spool.close()
    assert isinstance(appended, Appended)
    state = await other.open_mailbox(inbox.id)
    assert await other.read(state.content_of(0)) == octets
    await file_mail.store.release(other)
