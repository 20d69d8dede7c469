"""Searches that nobody waits for any more."""

import asyncio

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.server.features import Features
from mailwren.server.turns import Turns


@pytest.mark.parametrize(
    "command",
    [b"SEARCH %b", b"SORT (SUBJECT) UTF-8 %b", b"THREAD REFERENCES UTF-8 %b", b"ESEARCH IN (personal) %b"],
    ids=["search", "sort", "thread", "multisearch"],
)
def test_a_search_ends_with_its_connection(command: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for much and hangs up leaves no work behind: the search ends at its next pause."""
    paused = 0

    async def abandon() -> None:
        nonlocal paused
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            await client.command(b"APPEND INBOX {14+}\r\nSubject: a\r\n\r\n")
            await client.command(b"SELECT INBOX")

            async def hang_up(_turns: Turns) -> None:
                nonlocal paused
                paused += 1
                client.protocol.connection_lost(None)

            monkeypatch.setattr(Turns, "rest", hang_up)
            monkeypatch.setattr(context.search, "_slice", 0.0)  # each key has a pause behind it
            keys = b" ".join(b"OR SUBJECT x%d" % number for number in range(500)) + b" SUBJECT y"
            client.send(b"a " + command % keys + b"\r\n")
            async with asyncio.timeout(20):
                while context.sessions:
                    await asyncio.sleep(0)
            assert not client.pending

    asyncio.run(abandon())
    assert 0 < paused < 5  # of 500 keys
