"""What a digest remembers of an account, and what a session leaves out as its own doing (RFC 5465 §5)."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from mailwren.base import limits
from mailwren.server.digest import Digest, Digests, NameChanges, Names
from mailwren.server.ext.own_changes import OwnChanges, moves
from mailwren.store import operations as ops
from mailwren.store.api import Account
from mailwren.store.errors import StoreError, StoreUnavailable
from mailwren.store.sqlite.store import SqliteMailStore
from mailwren.store.values import ALL_MAILBOXES, Mailbox


@asynccontextmanager
async def watched_account() -> AsyncIterator[tuple[Account, Digest, list[int]]]:
    """An account in memory, its digest, and an entry for each call of a watcher."""
    store = SqliteMailStore(None)
    account = await store.account("61")
    digests = Digests()
    calls: list[int] = []
    digest, leave = await digests.watch(account, lambda: calls.append(1))
    calls.clear()
    yield account, digest, calls
    leave()
    assert not digests._digests
    await store.close()


def run(test: Callable[[Account, Digest, list[int]], Awaitable[None]]) -> None:
    """Run a test with an account of its own."""

    async def main() -> None:
        async with watched_account() as (account, digest, calls):
            await test(account, digest, calls)

    asyncio.run(main())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses."""
    for name in ("NOTIFY_PAUSE_SECONDS", "NOTIFY_PAUSE_EACH", "NOTIFY_RETRY_SECONDS"):
        monkeypatch.setattr(limits, name, 0.0)


async def create(account: Account, name: str) -> Mailbox:
    """A mailbox more."""
    (outcome,) = await account.apply([ops.CreateMailbox(name)])
    assert isinstance(outcome, ops.MailboxChanged)
    return outcome.mailbox


def test_versions_and_earlier_states() -> None:
    """A mailbox is given as it was at an earlier version, up to a few; those that changed come in order."""

    async def test(account: Account, digest: Digest, calls: list[int]) -> None:
        one, two = await create(account, "One"), await create(account, "Two")
        await digest.refresh()
        first = digest.version
        assert digest.changed_since(first) == []
        for number in range(1, 6):
            await account.apply([ops.Append(two.id, b"x\r\n"), ops.Append(one.id, b"y\r\n")])
            await digest.refresh()
            await account.apply([ops.Append(two.id, b"z\r\n")])
            await digest.refresh()
            assert [record.mailbox.name for record in digest.changed_since(first)] == ["One", "Two"]
            assert digest.version == first + 2 * number
        record = digest.record(two.id)
        assert record is not None
        known = [record.at(version) for version in range(first, digest.version + 1)]
        assert [each and each.messages for each in known] == [*[None] * 7, 7, 8, 9, 10]
        assert len(calls) >= 10

    run(test)


def test_hints_are_enough() -> None:
    """Without being asked, the digest looks when something happens, and calls its watchers."""

    async def test(account: Account, digest: Digest, calls: list[int]) -> None:
        version = digest.version
        inbox = await account.mailbox("INBOX")
        await account.apply([ops.Append(inbox.id, b"x\r\n")])
        while not calls:
            await asyncio.sleep(0)
        assert digest.version == version + 1
        await create(account, "Gone")
        while "Gone" not in digest.names.mailboxes:
            await asyncio.sleep(0)
        await account.apply([ops.DeleteMailbox("Gone")])
        while "Gone" in digest.names.mailboxes:
            await asyncio.sleep(0)

    run(test)


def test_a_store_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be read is read later; nothing is forgotten."""

    async def test(account: Account, digest: Digest, calls: list[int]) -> None:
        failures = 3

        async def fail(_ids: object) -> list[Mailbox]:
            nonlocal failures
            failures -= 1
            if failures == 0:
                monkeypatch.undo()
            raise StoreUnavailable("not now")

        inbox = await account.mailbox("INBOX")
        monkeypatch.setattr(type(account), "some_mailboxes", lambda _self, ids: fail(ids))
        await account.apply([ops.Append(inbox.id, b"x\r\n")])
        while not calls:
            await asyncio.sleep(0)
        record = digest.record(inbox.id)
        assert record is not None
        assert record.mailbox.messages == 1

    run(test)


def test_changes_of_names() -> None:
    """Created, deleted, renamed (children only follow) and subscribed; the attributes of LIST."""

    async def test(account: Account, digest: Digest, _calls: list[int]) -> None:
        for name in ("a/b/c", "d", "e/f"):
            await create(account, name)
        await digest.refresh()
        before = digest.names
        await account.apply(
            [
                ops.RenameMailbox("a", "x"),
                ops.RenameMailbox("e/f", "e/g"),
                ops.DeleteMailbox("d"),
                ops.CreateMailbox("d"),
                ops.SetSubscription("x", subscribed=True),
            ]
        )
        await digest.refresh()
        changes = digest.changes_of_names(before)
        assert changes == NameChanges(("d",), ("d",), (("a", "x"), ("e/f", "e/g")), ("x",))
        assert digest.changes_of_names(before) is changes
        assert digest.names.attributes("x", subscribed={"x"}) == ("\\HasChildren", "\\Subscribed")
        assert digest.names.attributes("a", subscribed=()) == ("\\NonExistent", "\\Noselect")
        assert digest.names.attributes("e/g", subscribed=()) == ("\\HasNoChildren",)
        version, names = digest.version, digest.names
        digest.look_again()
        await digest.refresh()
        assert (digest.version, digest.names) == (version, names)
        assert digest.names is names

    run(test)


def test_own_changes_are_left_out_but_nothing_else() -> None:
    """What the session did is not told; what others did to the same names and mailboxes is."""

    async def test(account: Account, digest: Digest, _calls: list[int]) -> None:
        own = OwnChanges()

        async def do(*operations: ops.Operation) -> None:
            outcomes = await account.apply(operations)
            for operation, outcome in zip(operations, outcomes, strict=True):
                own.note(operation, outcome, digest.reading)

        async def told(before: Names) -> NameChanges:
            await digest.refresh()
            return own.without_own(digest.names.changes_since(before), before, digest.names, digest.seen)

        before = digest.names
        await do(ops.CreateMailbox("p/q/r"), ops.RenameMailbox("p/q", "p/s"), ops.SetSubscription("p", subscribed=True))
        await account.apply([ops.CreateMailbox("other"), ops.SetSubscription("other", subscribed=True)])
        assert await told(before) == NameChanges(created=("other",), subscriptions=("other",))
        before = digest.names
        await do(ops.DeleteMailbox("p/s/r"), ops.CreateMailbox("mine"))
        await account.apply([ops.DeleteMailbox("mine"), ops.SetSubscription("p", subscribed=False)])
        assert await told(before) == NameChanges(deleted=("mine",), subscriptions=("p",))
        assert await told(digest.names) == NameChanges()
        await account.apply([ops.CreateMailbox("mine")])
        before = digest.names
        assert await told(before) == NameChanges(created=("mine",))

    run(test)


@pytest.mark.parametrize("seed", range(60))
def test_own_changes_are_left_out_whenever_the_list_is_read(seed: int) -> None:
    """Whether the list is read before, amid or after what the session does to it: it is told what others did alone."""
    choose = random.Random(seed)

    async def test(account: Account, digest: Digest, _calls: list[int]) -> None:
        own, expected = OwnChanges(), list[str]()
        before = digest.names
        for step in range(60):
            operations: tuple[ops.Operation, ...] = (
                ops.CreateMailbox(choose.choice(("a", "a/b", "a/b/c", "d"))),
                ops.DeleteMailbox(choose.choice(("a", "a/b", "d", "e/c", "f"))),
                ops.RenameMailbox(choose.choice(("a", "a/b", "d", "e")), choose.choice(("d", "e", "f", "a/b"))),
            )
            operation = choose.choice(operations)
            with suppress(StoreError):
                (outcome,) = await account.apply([operation])
                if choose.random() < 0.4:
                    await digest.refresh()
                own.note(operation, outcome, digest.reading)
            if choose.random() < 0.1:
                await create(account, f"other{step}")
                expected.append(f"other{step}")
            if choose.random() < 0.4:
                await digest.refresh()
            if choose.random() < 0.2:
                changes = own.without_own(digest.names.changes_since(before), before, digest.names, digest.seen)
                before = digest.names
                seen = [name for name in expected if name in before.mailboxes]
                assert changes == NameChanges(created=tuple(sorted(seen)))
                expected = [name for name in expected if name not in seen]

    run(test)


def test_own_messages_explain_a_change() -> None:
    """A mailbox that grew by the session's own messages alone is nothing to tell, with others' messages it is."""

    async def test(account: Account, digest: Digest, _calls: list[int]) -> None:
        own, inbox = OwnChanges(), (await account.mailboxes())["INBOX"]
        append = ops.Append(inbox.id, b"x\r\n")

        async def explained(*, others_first: bool, others_last: bool) -> bool:
            before = await account.mailbox("INBOX")
            if others_first:
                await account.apply([append])
            for _ in range(2):
                (outcome,) = await account.apply([append])
                own.note(append, outcome, digest.reading)
            if others_last:
                await account.apply([append])
            return await own.explains(account, before, await account.mailbox("INBOX"))

        assert await explained(others_first=False, others_last=False)
        assert not await explained(others_first=True, others_last=False)
        assert not await explained(others_first=False, others_last=True)
        now = await account.mailbox("INBOX")
        own.knows(inbox.id, now.highest_modseq)
        assert await own.explains(account, inbox, now)
        assert not await own.explains(account, inbox, now)
        assert moves([append], inbox.id)
        assert not moves([append], ALL_MAILBOXES)

    run(test)
