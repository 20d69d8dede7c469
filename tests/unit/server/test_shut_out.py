"""Sessions of users who are disabled or removed meanwhile, and groups that change under a session."""

import asyncio
from typing import cast

from tests.support.inprocess import Client, OpenDoor, server_context

from mailwren.base import limits
from mailwren.server.context import ServerContext
from mailwren.server.features import Features


def _later(context: ServerContext, seconds: float = limits.DIRECTORY_CHECK_SECONDS + 1) -> None:
    """Let time go by as the server sees it."""
    before = context.clock
    context.clock = lambda: before() + seconds


def test_the_next_command_of_a_disabled_user_is_the_last() -> None:
    """A disabled or removed user hears BYE; nobody else does."""

    async def play() -> None:
        async with server_context() as context:
            clients = [Client(context, Features()) for _ in range(3)]
            for client, name in zip(clients, ("anna", "ben", "cleo"), strict=True):
                await client.login(name)
            context.users.set_enabled("ben", False)
            context.users.remove("cleo")
            _later(context)
            assert b" OK " in await clients[0].command(b"NOOP")
            for client in clients[1:]:
                client.send(b"a NOOP\r\n")
                assert (await client.line()).startswith(b"* BYE [CONTACTADMIN]")

    asyncio.run(play())


def test_who_idles_is_told_as_well() -> None:
    """The heartbeat ends sessions that wait for nothing but changes, and those between commands."""

    async def play() -> None:
        async with server_context() as context:
            idle, quiet, other = (Client(context, Features()) for _ in range(3))
            for client, name in ((idle, "ben"), (quiet, "ben"), (other, "anna")):
                await client.login(name)
            await idle.command(b"SELECT INBOX")
            idle.send(b"a IDLE\r\n")
            assert await idle.line() == b"+ idling\r\n"
            context.users.set_enabled("ben", False)
            _later(context)
            heartbeat = asyncio.create_task(context.heartbeat(0))
            assert (await idle.line()).startswith(b"* BYE [CONTACTADMIN]")
            assert (await quiet.line()).startswith(b"* BYE [CONTACTADMIN]")
            heartbeat.cancel()
            assert b" OK " in await other.command(b"NOOP")

    asyncio.run(play())


def test_leaving_a_group_ends_its_rights_at_once() -> None:
    """Who is in a team's mailbox when he stops being a member has it closed by his next command."""

    async def play() -> None:
        async with server_context() as context:
            door = cast("OpenDoor", context.passwords)
            door.add_group("desk", "anna", "ben", has_mailbox=True)
            anna, ben = (Client(context, Features()) for _ in range(2))
            await anna.login("anna")
            await ben.login("ben")
            await ben.command(b"ENABLE IMAP4rev2")
            for client in (anna, ben):
                assert b"OK [READ-WRITE]" in await client.command(b"SELECT Shared/desk")
            door.users.groups.remove_members("desk", ["anna", "ben"])
            anna.send(b"a FETCH 1:* FLAGS\r\n")
            assert (await anna.line()).startswith(b"* BYE")
            answer = await ben.command(b"NOOP")
            assert b"* OK [CLOSED] You may not read the selected mailbox any more" in answer
            assert b"NO [NONEXISTENT]" in await ben.command(b"SELECT Shared/desk")
            assert b"LIST" not in (await ben.command(b'LIST "" Shared*')).partition(b" OK ")[0]

    asyncio.run(play())


def test_whoever_shared_is_gone() -> None:
    """A removed user's mailbox, and that of a team that has none any more, end for those who are in them."""

    async def play() -> None:
        async with server_context() as context:
            door = cast("OpenDoor", context.passwords)
            door.add_group("desk", "ben", has_mailbox=True)
            anna, ben, other = (Client(context, Features()) for _ in range(3))
            for client, name in ((anna, "anna"), (ben, "ben"), (other, "ben")):
                await client.login(name)
                await client.command(b"ENABLE IMAP4rev2")
            await anna.command(b"SETACL INBOX ben lrswite")
            assert b"OK [READ-WRITE]" in await ben.command(b'SELECT "Other Users/anna"')
            assert b"OK [READ-WRITE]" in await other.command(b"SELECT Shared/desk")
            context.users.remove("anna")
            context.users.groups.set_mailbox("desk", False)
            for client in (ben, other):
                assert b"* OK [CLOSED]" in await client.command(b"NOOP")

    asyncio.run(play())


def test_accounts_of_others_are_given_back() -> None:
    """What a session opened of others' accounts is released when it ends."""

    async def play() -> None:
        async with server_context() as context:
            door = cast("OpenDoor", context.passwords)
            desk = door.add_group("desk", "anna", has_mailbox=True)
            client = Client(context, Features())
            await client.login("anna")
            await client.command(b"SELECT Shared/desk")
            entries = context.store._entries  # type: ignore[attr-defined] # the store's own count
            assert entries[desk.group_id].users == 1
            assert b" OK " in await client.command(b"UNAUTHENTICATE")
            assert entries[desk.group_id].users == 0
            assert b" OK " in await client.command(b"LOGIN anna secret")
            await client.command(b"SELECT Shared/desk")
            assert entries[desk.group_id].users == 1
            await client.close()
            assert entries[desk.group_id].users == 0

    asyncio.run(play())
