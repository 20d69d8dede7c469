"""Annotations of mailboxes and of the account: set, read, counted, and gone with what they belong to."""

import pytest

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.store.errors import CannotChange, LimitReached, NoSuchMailbox, OverQuota
from mailwren.store.operations import MailboxChanged, MetadataSet, SetMetadata, SetSpecialUse
from mailwren.store.values import ALL_MAILBOXES, AnnotationQuestion
from tests.contract.harness import Mail

ME = "me"
COMMENT = "/shared/comment"


async def put(mail: Mail, mailbox: MailboxId, member: str = ME, **values: bytes | None) -> ModSeq:
    """Set annotations whose names have ``_`` for ``/``."""
    entries = tuple(("/" + name.replace("_", "/"), value) for name, value in values.items())
    (outcome,) = await mail.apply(SetMetadata(mailbox, entries, member))
    assert isinstance(outcome, MetadataSet)
    return outcome.modseq


async def get(
    mail: Mail, mailbox: MailboxId, *entries: str, member: str = ME, depth: int | None = 0
) -> dict[str, bytes]:
    """The values of annotations."""
    found = await mail.account.annotations(mailbox, AnnotationQuestion(entries, member, depth))
    return {each.entry: each.value for each in found if each.value is not None}


async def test_set_read_and_remove(mail: Mail) -> None:
    """What was set is read, for a mailbox and for the account apart; any octets, also none."""
    inbox = await mail.id("INBOX")
    await put(mail, inbox, shared_comment=b"a\x00\xff", private_comment=b"")
    await put(mail, ALL_MAILBOXES, shared_comment=b"all")
    assert await get(mail, inbox, COMMENT, "/private/comment", "/x") == {COMMENT: b"a\x00\xff", "/private/comment": b""}
    assert await get(mail, ALL_MAILBOXES, COMMENT, "/private/comment") == {COMMENT: b"all"}
    await put(mail, inbox, shared_comment=None, shared_none=None)
    assert await get(mail, inbox, COMMENT) == {}


async def test_depth_and_size(mail: Mail) -> None:
    """Levels below an entry are told as asked for, never its neighbours; large values without the value."""
    inbox = await mail.id("INBOX")
    await put(mail, inbox, private_a=b"1", private_a_b=b"22", private_a_b_c=b"333", private_ab=b"x")
    assert list(await get(mail, inbox, "/private/a")) == ["/private/a"]
    assert list(await get(mail, inbox, "/private/a", depth=1)) == ["/private/a", "/private/a/b"]
    assert list(await get(mail, inbox, "/private/a", depth=None)) == ["/private/a", "/private/a/b", "/private/a/b/c"]
    assert len(await get(mail, inbox, "/private", "/private/a", depth=None)) == 4
    found = await mail.account.annotations(inbox, AnnotationQuestion(("/private/a",), ME, None, 2))
    assert [(each.size, each.value) for each in found] == [(1, b"1"), (2, b"22"), (3, None)]


async def test_private_ones_are_each_members_own(mail: Mail) -> None:
    """Shared values are everybody's, private ones are seen and removed by nobody else."""
    inbox = await mail.id("INBOX")
    await put(mail, inbox, "ann", shared_comment=b"s", private_comment=b"ann's")
    await put(mail, inbox, "bob", private_comment=b"bob's")
    assert await get(mail, inbox, "/private/comment", COMMENT, member="ann") == {
        "/private/comment": b"ann's",
        COMMENT: b"s",
    }
    await put(mail, inbox, "bob", private_comment=None, shared_comment=b"t")
    assert await get(mail, inbox, "/private/comment", COMMENT, member="bob") == {COMMENT: b"t"}
    assert await get(mail, inbox, "/private/comment", member="ann") == {"/private/comment": b"ann's"}


async def test_they_follow_the_mailbox(mail: Mail) -> None:
    """Renaming keeps them, renaming INBOX copies them, deleting removes them (RFC 5464 §4.1)."""
    box = await mail.create("a")
    await put(mail, box.id, shared_comment=b"mine")
    renamed = await mail.rename("a", "b")
    assert await get(mail, renamed.id, COMMENT) == {COMMENT: b"mine"}
    await mail.delete("b")
    again = await mail.create("b")
    assert await get(mail, again.id, COMMENT) == {}
    assert mail.sql("SELECT count(*) FROM annotation") == [(0,)]
    inbox = await mail.id("INBOX")
    await put(mail, inbox, "ann", shared_comment=b"in", private_comment=b"p")
    moved = await mail.rename("INBOX", "old")
    for mailbox in (inbox, moved.id):
        assert await get(mail, mailbox, COMMENT, "/private/comment", member="ann") == {
            COMMENT: b"in",
            "/private/comment": b"p",
        }
    assert mail.sql("SELECT annotation_octets FROM meta") == [(6,)]


async def test_refusals_change_nothing(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many, too large together, no such mailbox: all of the list or nothing."""
    inbox = await mail.id("INBOX")
    with pytest.raises(NoSuchMailbox):
        await put(mail, MailboxId(999), shared_comment=b"x")
    monkeypatch.setattr(limits, "ANNOTATIONS_PER_MAILBOX", 2)
    await put(mail, inbox, shared_a=b"1", shared_b=b"2")
    with pytest.raises(LimitReached):
        await put(mail, inbox, shared_a=b"new", shared_c=b"3")
    assert await get(mail, inbox, "/shared", depth=1) == {"/shared/a": b"1", "/shared/b": b"2"}
    await put(mail, inbox, shared_a=None, shared_c=b"3")
    monkeypatch.setattr(limits, "ANNOTATION_OCTETS", 10)
    with pytest.raises(OverQuota):
        await put(mail, inbox, shared_b=b"0123456789")
    await put(mail, inbox, shared_b=b"012345678")
    assert mail.sql("SELECT annotation_octets FROM meta") == [(10,)]


async def test_changes_are_told_by_mod_sequence(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set and removed after a mod-sequence, but for what is private to others; removals for a while."""
    inbox = await mail.id("INBOX")
    first = await put(mail, inbox, shared_a=b"1", private_b=b"2")
    second = await put(mail, ALL_MAILBOXES, "other", private_c=b"3", shared_d=b"4")
    assert second > first
    changes = await mail.account.annotation_changes(ModSeq(0), ME)
    assert [(each.mailbox, each.entry, each.modseq) for each in changes] == [
        (ALL_MAILBOXES, "/shared/d", second),
        (inbox, "/private/b", first),
        (inbox, "/shared/a", first),
    ]
    third = await put(mail, inbox, shared_a=None)
    assert [each.entry for each in await mail.account.annotation_changes(second, ME)] == ["/shared/a"]
    monkeypatch.setattr(limits, "ANNOTATIONS_REMOVED", 1)
    await put(mail, inbox, private_b=None)
    await put(mail, ALL_MAILBOXES, shared_d=None)
    assert [each.entry for each in await mail.account.annotation_changes(third, ME)] == ["/shared/d", "/private/b"]
    assert len(await mail.account.annotation_changes(second, ME)) == 2


async def test_special_uses_of_existing_mailboxes(mail: Mail) -> None:
    """A use can be given, changed and taken away; it belongs to one mailbox at a time (RFC 6154 §4)."""
    first, second = await mail.create("a"), await mail.create("b", "\\Sent")
    with pytest.raises(CannotChange):
        await mail.apply(SetSpecialUse(first.id, ("\\Sent",)))
    (outcome,) = await mail.apply(SetSpecialUse(second.id, ("\\Sent", "\\Archive")))
    assert isinstance(outcome, MailboxChanged)
    assert outcome.mailbox.special_use == ("\\Sent", "\\Archive")
    await mail.apply(SetSpecialUse(second.id, ()), SetSpecialUse(first.id, ("\\Sent",)))
    assert ((await mail.box("a")).special_use, (await mail.box("b")).special_use) == (("\\Sent",), ())
