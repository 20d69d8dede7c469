"""Who may use mailboxes, what they are used as, and how many there may be."""

import pytest

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.store.errors import CannotChange, InvalidName, LimitReached, NoSuchMailbox, OverQuota
from mailwren.store.operations import (
    Append,
    CreateMailbox,
    DeleteMailbox,
    MailboxChanged,
    Operation,
    RenameMailbox,
    SetAcl,
    SetMetadata,
    SetPrivateFlags,
    SetQuota,
    SetSpecialUse,
)
from mailwren.store.quota import keep_quota
from mailwren.store.values import ALL_MAILBOXES, Resource, Usage
from tests.contract.harness import Mail, message


# --- access control lists ---------------------------------------------------------------------------------------
async def test_an_access_control_list(mail: Mail) -> None:
    """Entries come, change and go; letters that come twice are kept once."""
    assert dict((await mail.box()).acl) == {}
    assert dict((await mail.acl("INBOX", "ann", "lrsl")).acl) == {"ann": "lrs"}
    await mail.acl("INBOX", "-ben", "w")
    await mail.acl("INBOX", "anyone", "")
    await mail.acl("INBOX", "Zoë \\ \ud800", "l")
    assert dict((await mail.acl("INBOX", "ann", "x")).acl) == {
        "-ben": "w",
        "Zoë \\ \ud800": "l",
        "ann": "x",
        "anyone": "",
    }
    for gone in ("ann", "-ben", "anyone", "Zoë \\ \ud800", "never there"):
        await mail.acl("INBOX", gone, None)
    assert dict((await mail.box()).acl) == {}
    with pytest.raises(TypeError):
        (await mail.box()).acl["ann"] = "l"  # type: ignore[index] # nobody may
    hash(await mail.box())


async def test_refused_entries(mail: Mail) -> None:
    """No name, one that is too long, too many of them, no mailbox."""
    inbox = await mail.id("INBOX")
    for wrong in ("", "ä" * (limits.ACL_IDENTIFIER // 2 + 1)):
        with pytest.raises(InvalidName):
            await mail.acl("INBOX", wrong, "l")
    await mail.apply(*(SetAcl(inbox, f"user{number}", "l") for number in range(limits.ACL_IDENTIFIERS)))
    with pytest.raises(LimitReached):
        await mail.acl("INBOX", "one more", "l")
    await mail.acl("INBOX", "user7", "lr")
    assert len((await mail.box()).acl) == limits.ACL_IDENTIFIERS
    none = MailboxId(99)
    for operation in (SetAcl(none, "ann", "l"), SetPrivateFlags(none, frozenset()), SetSpecialUse(none, ())):
        with pytest.raises(NoSuchMailbox):
            await mail.apply(operation)


async def test_sharing_is_told(mail: Mail) -> None:
    """The list of mailboxes changes; the mail in it does not, and what stays the same is not told."""
    heard: list[int] = []
    mail.account.watch(heard.append)
    before = (await mail.box()).highest_modseq
    await mail.acl("INBOX", "ann", "l")
    assert heard == [ALL_MAILBOXES]
    assert (await mail.state()).mailbox.acl == {"ann": "l"}
    await mail.acl("INBOX", "ann", "ll")
    await mail.acl("INBOX", "ben", None)
    assert heard == [ALL_MAILBOXES]
    assert (await mail.box()).highest_modseq == before
    state = await mail.member("ann").state()
    await mail.acl("INBOX", "ann", None)
    assert (await mail.member("ann").state()) is state
    assert state.mailbox.acl == {}


async def test_new_mailboxes_are_shared_like_the_one_above(mail: Mail) -> None:
    """Also those in between; not those beside (RFC 4314 §3)."""
    await mail.create("a")
    await mail.acl("a", "ann", "lr")
    await mail.apply(SetPrivateFlags(await mail.id("a"), frozenset({"\\Flagged"})))
    await mail.create("a/b/c")
    await mail.create("d")
    for name in ("a/b", "a/b/c"):
        box = await mail.box(name)
        assert (dict(box.acl), set(box.private_flags)) == ({"ann": "lr"}, {"\\Flagged"})
    await mail.acl("a", "ann", None)
    assert dict((await mail.box("a/b")).acl) == {"ann": "lr"}
    renamed = await mail.rename("a", "d/a")
    assert (dict(renamed.acl), set(renamed.private_flags)) == ({}, {"\\Flagged"})
    assert dict((await mail.box("d/a/b")).acl) == {"ann": "lr"}


async def test_a_deleted_mailbox_keeps_its_list_for_being_restored(mail: Mail) -> None:
    """A new mailbox of the same name begins anew."""
    await mail.create("a")
    await mail.acl("a", "ann", "lr")
    await mail.apply(SetPrivateFlags(await mail.id("a"), frozenset()))
    await mail.delete("a")
    assert mail.sql("SELECT name, acl, private_flags FROM deleted_mailbox") == [("a", '{"ann":"lr"}', "")]
    assert dict((await mail.create("a")).acl) == {}


# --- special uses -----------------------------------------------------------------------------------------------
async def test_a_mailbox_gets_another_use(mail: Mail) -> None:
    """One mailbox for each use; the same use again is no change."""
    sent = await mail.create("Sent", "\\Sent")
    other = await mail.create("Other")
    with pytest.raises(CannotChange):
        await mail.apply(SetSpecialUse(other.id, ("\\Drafts", "\\Sent")))
    (changed,) = await mail.apply(SetSpecialUse(sent.id, ("\\Sent", "\\Important")))
    assert isinstance(changed, MailboxChanged)
    assert changed.mailbox.special_use == ("\\Sent", "\\Important")
    await mail.apply(SetSpecialUse(sent.id, ()), SetSpecialUse(other.id, ("\\Sent",)))
    assert (await mail.box("Other")).special_use == ("\\Sent",)
    assert (await mail.box("Sent")).special_use == ()


async def test_a_new_mailbox_is_shared_like_another_one(mail: Mail) -> None:
    """In the same change, so that nobody creates what he cannot see; what stands above it comes first."""
    inbox = await mail.id("INBOX")
    await mail.create("own")
    await mail.apply(SetAcl(inbox, "ben", "lrk"), SetPrivateFlags(inbox, frozenset({"\\Flagged"})))
    await mail.apply(CreateMailbox("a/b", shared_like="inbox"), CreateMailbox("own/c", shared_like="INBOX"))
    await mail.apply(CreateMailbox("d", shared_like="nothing"))
    boxes = {name: await mail.box(name) for name in ("a", "a/b", "own/c", "d")}
    assert {name: dict(box.acl) for name, box in boxes.items()} == {
        "a": {"ben": "lrk"},
        "a/b": {"ben": "lrk"},
        "own/c": {},
        "d": {},
    }
    assert boxes["a/b"].private_flags == {"\\Flagged"}


# --- quota ------------------------------------------------------------------------------------------------------
async def test_a_quota_of_mailboxes(mail: Mail) -> None:
    """A request that would leave more than allowed is refused, all of it; one that leaves as many is not."""
    await mail.apply(SetQuota(None, None, mailboxes=3))
    await mail.create("a")
    with pytest.raises(OverQuota) as refused:
        await mail.create("b/c")
    assert refused.value.resource is Resource.MAILBOX
    assert await mail.names() == ["INBOX", "a"]
    await mail.create("b")
    await mail.apply(DeleteMailbox("a"), CreateMailbox("c"))
    with pytest.raises(OverQuota):
        await mail.apply(RenameMailbox("c", "d/c"))
    await mail.apply(SetQuota(None, None, mailboxes=1))
    await mail.rename("c", "e")
    await mail.delete("e")
    usage = await mail.account.usage()
    assert (usage.mailboxes, usage.mailboxes_limit) == (2, 1)


async def test_each_quota_says_which_it_is(mail: Mail) -> None:
    """Storage, messages, mailboxes and annotations."""
    inbox = await mail.id("INBOX")
    operations: tuple[Operation, ...] = (
        Append(inbox, message()),
        Append(inbox, message()),
        CreateMailbox("a"),
        SetMetadata(inbox, (("/shared/comment", b"text"),), "ann"),
    )
    for number, (operation, resource) in enumerate(zip(operations, Resource, strict=True)):
        await mail.apply(SetQuota(*(0 if each == number else None for each in range(4))))
        with pytest.raises(OverQuota) as refused:
            await mail.apply(operation)
        assert refused.value.resource is resource
    await keep_quota(mail.account, 1, 2, 3, 4)
    await keep_quota(mail.account, 1, 2, 3, 4)
    assert await mail.account.usage() == Usage(0, 0, 1, 2, 1, 3, 0, 4)
    await keep_quota(mail.account, None, None)
    assert await mail.account.usage() == Usage(0, 0, None, None, 1, None, 0, None)


async def test_annotations_are_counted_with_their_change(mail: Mail) -> None:
    """Octets of values; less is always allowed, and what goes with its mailbox is counted as gone."""
    await mail.create("a")
    box = await mail.id("a")
    await mail.apply(SetMetadata(box, (("/shared/comment", b"12345"),), "ann"))
    assert (await mail.account.usage()).annotation_octets == 5
    await mail.apply(SetQuota(None, None, annotation_octets=4))
    await mail.apply(SetMetadata(box, (("/shared/comment", b"123"),), "ann"))
    with pytest.raises(OverQuota):
        await mail.apply(SetMetadata(box, (("/shared/comment", b"12345"),), "ann"))
    await mail.delete("a")
    assert (await mail.account.usage()).annotation_octets == 0
