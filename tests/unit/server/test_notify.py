"""NOTIFY where transcripts do not reach: overflow, pauses, lost hints, clients that do not read, and its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
from tests.support.inprocess import Client, OpenDoor, server_context

from mailwren.base import limits
from mailwren.server.context import ServerContext
from mailwren.server.features import Features
from mailwren.store import operations as ops
from mailwren.store.api import Account

EVERYTHING = b"(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)"
Test = Callable[[ServerContext, Client, Account], Awaitable[None]]


def run(test: Test, user: str = "anna") -> None:
    """Run a test with a client that has logged in, and the account of anna."""

    async def main() -> None:
        async with server_context() as context:
            account = await context.store.account(b"anna".hex())
            client = Client(context, Features())
            await client.login(user)
            await test(context, client, account)
            await client.close()
            assert not context.digests._digests
            await context.store.release(account)

    asyncio.run(main())


async def append(account: Account, name: str, *flags: str) -> None:
    """A message more, by somebody else."""
    await account.apply([ops.Append((await account.mailbox(name)).id, b"x\r\n", flags)])


@pytest.mark.parametrize(
    ("limit", "command"),
    [
        ("NOTIFY_MAILBOXES", b"NOTIFY SET (mailboxes (a b) (MailboxName)) (subtree (c d) (MailboxName))"),
        ("NOTIFY_GROUPS", b"NOTIFY SET" + b" (personal (MailboxName))" * 4),
    ],
)
def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, limit: str, command: bytes) -> None:
    """``NO [NOTIFICATIONOVERFLOW]`` (RFC 5465 §3.1); what held before still holds."""

    async def test(_context: ServerContext, client: Client, account: Account) -> None:
        assert b" OK " in await client.command(b"NOTIFY SET (personal (SubscriptionChange))")
        monkeypatch.setattr(limits, limit, 3)
        assert b" NO [NOTIFICATIONOVERFLOW] " in await client.command(command)
        await account.apply([ops.SetSubscription("x", subscribed=True)])
        assert (await client.line()).startswith(b"* LIST ")

    run(test)


def test_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many names at once: ``OK [NOTIFICATIONOVERFLOW]``, and then as after NOTIFY NONE (RFC 5465 §5.8)."""
    monkeypatch.setattr(limits, "NOTIFY_NAMES", 5)

    async def test(context: ServerContext, client: Client, account: Account) -> None:
        assert b" OK " in await client.command(b"NOTIFY SET (personal %b)" % EVERYTHING)
        await account.apply([ops.CreateMailbox(f"box{number}") for number in range(6)])
        assert (await client.line()).startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
        assert not context.digests._digests
        await append(account, "INBOX")
        assert b" OK " in await client.command(b"SELECT INBOX")
        await append(account, "INBOX")
        assert b"EXISTS" not in await client.command(b"NOOP")
        assert b" OK " in await client.command(b"NOTIFY SET (personal %b)" % EVERYTHING)
        await account.apply([ops.CreateMailbox("one more")])
        assert (await client.line()).startswith(b"* LIST ")

    run(test)


def test_names_wait_for_what_belongs_to_them() -> None:
    """A mailbox and its subscription come in one response; mail in a new mailbox does not wait, and comes after it."""

    async def test(context: ServerContext, client: Client, account: Account) -> None:
        context.names_pause = 0.3
        assert b" OK " in await client.command(b"NOTIFY SET (personal %b)" % EVERYTHING)
        await account.apply([ops.CreateMailbox("News")])
        assert b"LIST" not in await client.command(b"NOOP")
        await account.apply([ops.SetSubscription("News", subscribed=True)])
        assert await client.line() == b'* LIST (\\HasNoChildren \\Subscribed) "/" News\r\n'
        context.names_pause = 1000.0
        await account.apply([ops.CreateMailbox("Filled")])
        await append(account, "Filled")
        assert await client.line() == b'* LIST (\\HasNoChildren) "/" Filled\r\n'
        assert (await client.line()).startswith(b"* STATUS Filled (MESSAGES 1 ")

    run(test)


def test_a_lost_hint_costs_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the heartbeat everything is looked at again."""

    async def test(context: ServerContext, client: Client, account: Account) -> None:
        monkeypatch.setattr(type(account), "hint", lambda _self, _mailbox: None)
        assert b" OK " in await client.command(b"NOTIFY SET (personal %b)" % EVERYTHING)
        await append(account, "INBOX")
        await account.apply([ops.CreateMailbox("News")])
        assert b"STATUS" not in await client.command(b"NOOP")
        context.digests.look_again()
        told = {await client.line() for _ in range(2)}
        assert {line.split(b" ")[1] for line in told} == {b"LIST", b"STATUS"}

    run(test)


def test_somebody_begins_to_share() -> None:
    """Nobody tells of that; the heartbeat finds it, and it is like a mailbox that was created (RFC 5465 §5.4)."""

    async def test(context: ServerContext, client: Client, _account: Account) -> None:
        owner = Client(context, Features())
        await owner.login("anna")
        assert b" OK " in await client.command(b'NOTIFY SET (subtree "" (MessageNew MessageExpunge MailboxName))')
        assert b" OK " in await owner.command(b"SETACL INBOX ben lr")
        assert b" OK " in await client.command(b"NOOP")
        (session,) = (each for each in context.sessions if each.user is not None and each.user.name == "ben")
        session.heartbeat(context.clock())
        assert await client.line() == b'* LIST (\\NonExistent \\Noselect \\HasChildren) "/" "Other Users"\r\n'
        assert await client.line() == b'* LIST (\\HasNoChildren) "/" "Other Users/anna"\r\n'
        assert b" OK " in await owner.command(b"APPEND INBOX {3+}\r\none")
        assert (await client.line()).startswith(b'* STATUS "Other Users/anna" (MESSAGES 1 ')
        await owner.close()

    run(test, "ben")


def test_a_client_that_listens_is_not_silent() -> None:
    """With events to hear of a session does not end for silence, as in IDLE; with NOTIFY NONE it does."""

    async def test(context: ServerContext, client: Client, _account: Account) -> None:
        (session,) = context.sessions
        long_after = context.clock() + 10 * context.config.idle_timeout
        assert b" OK " in await client.command(b"NOTIFY SET (personal %b)" % EVERYTHING)
        session.heartbeat(long_after)
        assert b" OK " in await client.command(b"NOTIFY NONE")
        session.heartbeat(long_after)
        session.heartbeat(3 * long_after)
        assert (await client.line()).startswith(b"* BYE ")

    run(test)


def test_many_changes_are_told_once() -> None:
    """While a client does not read, nothing is kept for each event: then it is told where the mailbox stands."""

    async def test(context: ServerContext, client: Client, account: Account) -> None:
        assert b" OK " in await client.command(b"NOTIFY SET (personal %b)" % EVERYTHING)
        client.protocol.pause_writing()
        for _ in range(300):
            await append(account, "INBOX")
            for digest in context.digests._digests.values():
                await digest.refresh()
            await asyncio.sleep(0)
        assert client.pending.count(b"\n") < 10
        client.protocol.resume_writing()
        lines = [await client.line()]
        while b"MESSAGES 300 " not in lines[-1]:
            lines.append(await client.line())
        assert len(lines) < 10

    run(test)


def test_a_team_is_renamed() -> None:
    """Its mailboxes are gone under the old name and there under the new one."""

    async def test(context: ServerContext, client: Client, _account: Account) -> None:
        door = cast("OpenDoor", context.passwords)
        door.add_group("crew", "ben", has_mailbox=True)
        assert b" OK " in await client.command(b"NOTIFY SET (subtree Shared (MessageNew MessageExpunge MailboxName))")
        context.users.groups.rename("crew", "team")
        (session,) = context.sessions
        session.heartbeat(context.clock())
        told = [await client.line() for _ in range(4)]
        assert b'* LIST (\\NonExistent \\Noselect \\NoAccess) "/" Shared/crew\r\n' in told
        assert b'* LIST (\\HasNoChildren) "/" Shared/team\r\n' in told

    run(test, "ben")


def test_nothing_is_watched_when_the_session_ends_meanwhile() -> None:
    """The selected mailbox is gone when NOTIFY tells what is new: BYE, and the digest goes with the session."""

    async def test(context: ServerContext, client: Client, account: Account) -> None:
        await account.apply([ops.CreateMailbox("box")])
        assert b" OK " in await client.command(b"SELECT box")
        await account.apply([ops.DeleteMailbox("box")])
        with pytest.raises(ConnectionError, match="was deleted"):
            await client.command(b"NOTIFY SET (personal (MessageNew MessageExpunge))")
        async with asyncio.timeout(10):
            while context.sessions:
                await asyncio.sleep(0)
        assert not context.digests._digests

    run(test)
