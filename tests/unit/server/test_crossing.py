"""Copying between accounts: in batches, all or nothing, never losing a message."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.server.context import ServerContext
from mailwren.server.features import Features
from mailwren.store.errors import StoreUnavailable
from mailwren.store.operations import Expunge, SetQuota

LARGE = b"Subject: large\r\n\r\n" + b"x" * (limits.LITERAL_IN_MEMORY + 5) + b"\r\n"


async def _two(context: ServerContext) -> tuple[Client, Client]:
    """anna, who shares Archive with ben, and ben, whose INBOX has a small, a large and a small message."""
    anna, ben = (Client(context, Features()) for _ in range(2))
    await anna.login("anna")
    await ben.login("ben")
    assert b" OK " in await anna.command(b"SETACL Archive ben lrswite")
    for octets in (b"one", LARGE, b"three"):
        assert b" OK " in await ben.command(b"APPEND INBOX (\\Flagged) {%d+}\r\n%b" % (len(octets), octets))
    assert b" OK " in await ben.command(b"SELECT INBOX")
    return anna, ben


async def _octets(client: Client, mailbox: bytes) -> list[bytes]:
    """The messages of a mailbox."""
    assert b" OK " in await client.command(b"EXAMINE " + mailbox)
    account = client.protocol.session.mailbox.account  # type: ignore[union-attr] # logged in
    state = client.protocol.session.mailbox.state  # type: ignore[union-attr]
    return [await account.read(ContentId(content)) for content in state.contents]


def test_small_and_large_messages_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many batches it takes, the answer is one and the messages arrive in order, octet for octet."""
    monkeypatch.setattr(limits, "CARRIED_OCTETS", 4)

    async def play() -> None:
        async with server_context() as context:
            anna, ben = await _two(context)
            answer = await ben.command(b'COPY 1:3 "Other Users/anna/Archive"')
            assert b" 1:3 1:3] COPY completed" in answer
            assert await _octets(anna, b"Archive") == [b"one", LARGE, b"three"]
            answer = await ben.command(b'MOVE 1:3 "Other Users/anna/Archive"')
            assert b" 1:3 4:6] Moved" in answer
            assert answer.count(b"EXPUNGE") == 3
            assert await _octets(anna, b"Archive") == [b"one", LARGE, b"three"] * 2

    asyncio.run(play())


@pytest.mark.parametrize("verb", [b"COPY", b"MOVE"])
def test_a_refused_batch_takes_the_others_back(monkeypatch: pytest.MonkeyPatch, verb: bytes) -> None:
    """When the quota of the other account ends it, nothing has been copied and nothing is gone."""
    monkeypatch.setattr(limits, "CARRIED_OCTETS", 4)

    async def play() -> None:
        async with server_context() as context:
            anna, ben = await _two(context)
            account = await context.store.account(b"anna".hex())
            await account.apply([SetQuota(1000, None)])
            assert b"NO [OVERQUOTA]" in await ben.command(verb + b' 1:3 "Other Users/anna/Archive"')
            assert await _octets(anna, b"Archive") == []
            assert await _octets(ben, b"INBOX") == [b"one", LARGE, b"three"]
            await context.store.release(account)

    asyncio.run(play())


def test_what_cannot_be_removed_is_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A MOVE whose second half fails leaves every message in both places: never in none."""

    async def play() -> None:
        async with server_context() as context:
            anna, ben = await _two(context)
            session = ben.protocol.session
            assert session is not None
            apply = session.apply

            async def failing(account: Any, operations: Sequence[Any]) -> Any:
                if isinstance(operations[0], Expunge):
                    raise StoreUnavailable("the disk is full")
                return await apply(account, operations)

            monkeypatch.setattr(session, "apply", failing)
            assert b"NO [UNAVAILABLE]" in await ben.command(b'MOVE 1:3 "Other Users/anna/Archive"')
            assert len(await _octets(anna, b"Archive")) == len(await _octets(ben, b"INBOX")) == 3

    asyncio.run(play())
