"""Creating, deleting and renaming mailboxes, and subscriptions."""

import pytest

from mailwren.base import limits
from mailwren.store.errors import (
    CannotChange,
    InvalidName,
    LimitReached,
    MailboxExists,
    MailboxHasChildren,
    NoSuchMailbox,
)
from mailwren.store.operations import CreateMailbox, DeleteMailbox, MailboxChanged, RenameMailbox, SetSubscription
from tests.contract.harness import Mail, message, uids


async def test_a_new_account_has_an_empty_inbox(mail: Mail) -> None:
    """INBOX and nothing else, with its numbers at their beginning."""
    assert await mail.names() == ["INBOX"]
    box = await mail.box()
    assert (box.uid_next, box.highest_modseq, box.first_recent, box.messages) == (1, 1, 1, 0)
    assert box.uid_validity > 0
    assert box.object_id
    assert await mail.account.subscriptions() == frozenset()


async def test_some_mailboxes(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those asked for as they are now, and nothing for those that are no more; few and many alike."""
    first, second = await mail.create("a"), await mail.create("b")
    await mail.apply(DeleteMailbox("b"), RenameMailbox("a", "c"))
    inbox = await mail.box()
    for _ in range(2):
        found = await mail.account.some_mailboxes([second.id, first.id, inbox.id, first.id])
        assert sorted(found, key=lambda each: each.name) == [inbox, await mail.box("c")]
        assert await mail.account.some_mailboxes([second.id]) == []
        monkeypatch.setattr(limits, "ROWS_AT_ONCE", 0)


async def test_create_makes_the_names_above(mail: Mail) -> None:
    """Missing parents become mailboxes; names come in order; every mailbox has its own numbers."""
    await mail.create("b/c/d")
    await mail.create("a")
    assert await mail.names() == ["INBOX", "a", "b", "b/c", "b/c/d"]
    boxes = (await mail.account.mailboxes()).values()
    assert len({box.uid_validity for box in boxes}) == len({box.object_id for box in boxes}) == 5


async def test_inbox_in_any_case(mail: Mail) -> None:
    """INBOX is one mailbox however it is spelled, also above others; other names are case-sensitive."""
    assert await mail.box("inbox") == await mail.box("InBoX") == await mail.box("INBOX")
    with pytest.raises(MailboxExists):
        await mail.create("Inbox")
    assert (await mail.create("inbox/Child")).name == "INBOX/Child"
    assert (await mail.box("InBox/Child")).name == "INBOX/Child"
    await mail.create("inboxes")
    await mail.create("Child")
    await mail.create("child")
    assert await mail.names() == ["Child", "INBOX", "INBOX/Child", "child", "inboxes"]


async def test_existing_names(mail: Mail) -> None:
    """A taken name is refused, or is the outcome where that is wanted."""
    first = await mail.create("a")
    with pytest.raises(MailboxExists):
        await mail.create("a")
    outcomes = await mail.apply(CreateMailbox("a", exist_ok=True, subscribe=True))
    assert outcomes == [MailboxChanged(first)]
    assert await mail.account.subscriptions() == {"a"}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "a\x00b",
        "a\nb",
        "a\x7f",
        "a\x85",
        "a\u2028b",
        "a\ud800",
        "é" * 501,
        "/".join("a" * 51),
    ],
)
async def test_impossible_names(mail: Mail, name: str) -> None:
    """Names that no mailbox can have are refused everywhere a name is given anew."""
    await mail.create("there")
    with pytest.raises(InvalidName):
        await mail.create(name)
    with pytest.raises(InvalidName):
        await mail.rename("there", name)
    with pytest.raises(InvalidName):
        await mail.apply(SetSubscription(name, subscribed=True))
    with pytest.raises(NoSuchMailbox):
        await mail.box(name)
    assert await mail.names() == ["INBOX", "there"]


async def test_names_of_all_kinds(mail: Mail) -> None:
    """Everything else is a name: blanks, wildcards, quotes, all of Unicode."""
    names = ["a b", "%", "*", '"', "\\", "&", "Entwürfe", "收件箱", "😀/ü", "a" * 1000, "INBOX ", "x'y"]
    for name in names:
        await mail.create(name)
    assert set(names) < set(await mail.names())


async def test_special_use(mail: Mail) -> None:
    """A special use is kept, and only one mailbox has it."""
    assert (await mail.create("Sent", "\\Sent")).special_use == ("\\Sent",)
    with pytest.raises(CannotChange):
        await mail.create("Sent Items", "\\Junk", "\\Sent")
    await mail.delete("Sent")
    assert (await mail.create("Sent Items", "\\Sent")).name == "Sent Items"


async def test_delete_keeps_children(mail: Mail) -> None:
    """A deleted name stays implied by its children; without any it is gone."""
    await mail.create("a/b")
    deleted = await mail.delete("a")
    assert deleted.name == "a"
    assert await mail.names() == ["INBOX", "a/b"]
    with pytest.raises(MailboxHasChildren):
        await mail.delete("a")
    await mail.delete("a/b")
    for name in ("a", "a/b", "never"):
        with pytest.raises(NoSuchMailbox):
            await mail.delete(name)
    with pytest.raises(CannotChange):
        await mail.delete("inbox")


async def test_deleting_removes_messages_and_state(mail: Mail) -> None:
    """The messages count no more, whoever has the mailbox open learns of it, and it cannot be used again."""
    await mail.create("a")
    await mail.fill(3, to="a")
    state = await mail.state("a")
    key = state.mailbox.id
    await mail.delete("a")
    assert state.deleted
    assert (await mail.account.usage()).messages == 0
    for ask in (mail.account.open_mailbox(key), mail.account.changes_since(key, state.modseq)):
        with pytest.raises(NoSuchMailbox):
            await ask
    assert mail.sql("SELECT count(*) FROM expunged") == [(3,)]
    assert mail.sql("SELECT name FROM deleted_mailbox") == [("a",)]


async def test_a_name_that_comes_back_is_another_mailbox(mail: Mail) -> None:
    """A recreated mailbox has a larger UIDVALIDITY, even within the same second, and another key and object id."""
    first = await mail.create("a")
    await mail.fill(2, to="a")
    await mail.delete("a")
    second = await mail.create("a")
    assert second.uid_validity > first.uid_validity
    assert second.id != first.id
    assert second.object_id != first.object_id
    assert await mail.uids("a") == []
    assert second.highest_modseq > first.highest_modseq


async def test_rename_takes_children_along(mail: Mail) -> None:
    """The mailbox keeps everything but its name; children follow; missing names above the new one are created."""
    await mail.create("a/b/c")
    await mail.create("ab")
    await mail.fill(2, "x", to="a/b")
    before = await mail.box("a/b")
    after = await mail.rename("a", "x/y")
    assert after.name == "x/y"
    assert await mail.names() == ["INBOX", "ab", "x", "x/y", "x/y/b", "x/y/b/c"]
    box = await mail.box("x/y/b")
    assert (box.id, box.object_id, box.uid_validity) == (before.id, before.object_id, before.uid_validity)
    assert await mail.flags("x/y/b") == {1: "x", 2: "x"}


async def test_rename_refusals(mail: Mail) -> None:
    """Taken names, missing mailboxes and places below itself are refused, and nothing moves."""
    await mail.create("a/b")
    await mail.create("c")
    await mail.create("d/b")
    await mail.delete("d")
    names = await mail.names()
    for old, new, error in (
        ("a", "c", MailboxExists),
        ("a", "d", MailboxExists),
        ("a", "inbox", MailboxExists),
        ("a", "a", MailboxExists),
        ("a", "a/x", CannotChange),
        ("never", "x", NoSuchMailbox),
        ("a", "x/" * 49 + "y", InvalidName),
    ):
        with pytest.raises(error):
            await mail.rename(old, new)
    assert await mail.names() == names


async def test_rename_of_an_implied_name(mail: Mail) -> None:
    """A name that only its children imply can be renamed; the new one is a mailbox above them."""
    await mail.create("a/b")
    await mail.delete("a")
    assert (await mail.rename("a", "z")).name == "z"
    assert await mail.names() == ["INBOX", "z", "z/b"]


async def test_rename_upwards_through_itself(mail: Mail) -> None:
    """Children may move to where their own parents come from."""
    await mail.create("a/b/b/c")
    await mail.create("a/b/c")
    await mail.delete("a")
    await mail.rename("a/b", "a")
    assert await mail.names() == ["INBOX", "a", "a/b", "a/b/c", "a/c"]


async def test_rename_of_inbox_moves_its_messages(mail: Mail) -> None:
    """INBOX stays, empty, with its numbers going on; its children stay where they are."""
    await mail.fill(3, "\\Seen")
    await mail.create("INBOX/child")
    before = await mail.box()
    renamed = await mail.rename("INBOX", "old/mail")
    assert (renamed.name, renamed.messages) == ("old/mail", 3)
    assert await mail.names() == ["INBOX", "INBOX/child", "old", "old/mail"]
    inbox = await mail.box()
    assert (inbox.id, inbox.object_id, inbox.uid_validity) == (before.id, before.object_id, before.uid_validity)
    assert (inbox.messages, inbox.uid_next) == (0, 4)
    assert await mail.flags("old/mail") == {1: "\\Seen", 2: "\\Seen", 3: "\\Seen"}
    await mail.rename("inbox", "INBOX/older")
    assert await mail.names() == ["INBOX", "INBOX/child", "INBOX/older", "old", "old/mail"]


async def test_uid_validity_grows_under_every_name(mail: Mail) -> None:
    """An older mailbox renamed to a name that has had a younger one gets a new UIDVALIDITY; going back does not."""
    old = await mail.create("old")
    await mail.fill(1, to="old")
    young = await mail.create("young")
    await mail.delete("young")
    renamed = await mail.rename("old", "young")
    assert renamed.uid_validity > young.uid_validity > old.uid_validity
    assert await mail.uids("young") == [1]
    assert (await mail.state("young")).mailbox.uid_validity == renamed.uid_validity
    away = await mail.rename("young", "elsewhere")
    assert away.uid_validity == renamed.uid_validity
    assert (await mail.rename("elsewhere", "young")).uid_validity == renamed.uid_validity


async def test_uid_validity_grows_under_a_name_that_was_renamed_away(mail: Mail) -> None:
    """A name that a younger mailbox left by being renamed is remembered as well."""
    old = await mail.create("old")
    young = await mail.create("young")
    await mail.rename("young", "gone/elsewhere")
    assert (await mail.rename("old", "young")).uid_validity > young.uid_validity > old.uid_validity


async def test_uid_validity_grows_when_the_clock_stands_or_goes_back(mail: Mail) -> None:
    """Values are never given out twice, whatever the clock says."""
    values = [(await mail.create("a")).uid_validity]
    for step in (0, -1_000_000, 5, 10_000_000):
        mail.clock.now += step
        await mail.delete("a")
        values.append((await mail.create("a")).uid_validity)
    assert values == sorted(set(values))


async def test_subscriptions_outlive_mailboxes(mail: Mail) -> None:
    """Names are subscribed to, existing or not; deleting and renaming does not change that."""
    await mail.create("a")
    for name in ("a", "never", "inbox"):
        await mail.apply(SetSubscription(name, subscribed=True))
    await mail.apply(SetSubscription("a", subscribed=True))
    await mail.rename("a", "b")
    await mail.delete("b")
    assert await mail.account.subscriptions() == {"a", "never", "INBOX"}
    await mail.apply(SetSubscription("a", subscribed=False), SetSubscription("missing", subscribed=False))
    assert await mail.account.subscriptions() == {"never", "INBOX"}


async def test_limits_of_an_account(mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mailboxes and subscriptions are bounded."""
    monkeypatch.setattr(limits, "MAILBOXES_PER_ACCOUNT", 3)
    monkeypatch.setattr(limits, "SUBSCRIPTIONS_PER_ACCOUNT", 2)
    with pytest.raises(LimitReached):
        await mail.create("a/b/c")
    await mail.create("a/b")
    with pytest.raises(LimitReached):
        await mail.rename("a/b", "x/y")
    await mail.apply(SetSubscription("1", subscribed=True), SetSubscription("2", subscribed=True))
    with pytest.raises(LimitReached):
        await mail.apply(SetSubscription("3", subscribed=True))
    assert await mail.names() == ["INBOX", "a", "a/b"]


async def test_lists_of_mailbox_operations_are_atomic(mail: Mail) -> None:
    """Creating, renaming and deleting in one list happens wholly or not at all."""
    await mail.create("keep")
    await mail.append(message(), to="keep")
    with pytest.raises(MailboxExists):
        await mail.apply(
            CreateMailbox("new"), RenameMailbox("keep", "kept"), DeleteMailbox("kept"), CreateMailbox("INBOX")
        )
    assert await mail.names() == ["INBOX", "keep"]
    assert await mail.uids("keep") == [1]
    await mail.apply(CreateMailbox("new"), RenameMailbox("keep", "new/kept"), DeleteMailbox("new"))
    assert await mail.names() == ["INBOX", "new/kept"]


async def test_states_follow_a_renaming(mail: Mail) -> None:
    """A mailbox that is open stays open under its new name."""
    await mail.create("a")
    await mail.fill(2, to="a")
    state = await mail.state("a")
    await mail.rename("a", "b")
    assert await mail.account.open_mailbox(state.mailbox.id) is state
    assert state.mailbox.name == "b"
    assert list(state.uids) == list(uids("1:2"))
