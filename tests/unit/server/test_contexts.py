"""Bounds on results that are kept up to date (RFC 5267 §4.3.1), and what changes in them costs."""

import asyncio
from array import array
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.search.evaluate import SearchEngine
from mailwren.server.ext.context_order import Arrangement
from mailwren.server.features import Features

SORTED = b"UID SORT RETURN (UPDATE COUNT) (ARRIVAL) UTF-8 ALL"


def _answers(*commands: bytes) -> list[bytes]:
    """The answers to commands in a mailbox of three messages."""

    async def play() -> list[bytes]:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            for _ in range(3):
                await client.command(b"APPEND INBOX {5+}\r\nhello")
            await client.command(b"SELECT INBOX")
            answers = [await client.command(command) for command in commands]
            await client.close()
            return answers

    return asyncio.run(play())


def test_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One search more is answered, but not kept; after CANCELUPDATE there is room again."""
    monkeypatch.setattr(limits, "SEARCH_CONTEXTS", 2)
    search = b"SEARCH RETURN (UPDATE COUNT) SEEN"
    answers = _answers(search, search, search, b'CANCELUPDATE "t6"', search)
    assert [b"NOUPDATE" in answer for answer in answers] == [False, False, True, False, False]
    assert b"COUNT 0" in answers[2]
    assert b'* NO [NOUPDATE "t8"]' in answers[2]


def test_only_so_many_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first result is kept whatever its size, further ones while there is room."""
    monkeypatch.setattr(limits, "SEARCH_CONTEXT_MESSAGES", 4)
    everything = b"SEARCH RETURN (UPDATE COUNT) ALL"
    answers = _answers(everything, everything, b"SEARCH RETURN (UPDATE COUNT) 1")
    assert [b"NOUPDATE" in answer for answer in answers] == [False, True, False]


def test_sorted_results_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large sorted result is not kept, while an unsorted one is."""
    monkeypatch.setattr(limits, "SORTED_CONTEXT", 2)
    answers = _answers(SORTED, SORTED.replace(b"ALL", b"1:2"), b"SEARCH RETURN (UPDATE COUNT) ALL")
    assert [b"NOUPDATE" in answer for answer in answers] == [True, False, False]


def test_only_what_changed_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change has only its own messages searched again, and where flags do not matter only new ones."""
    looked_at: list[str] = []
    search = SearchEngine.search

    async def noting(self: SearchEngine, *arguments: Any, **options: Any) -> list[int]:
        if options.get("among") is not None:
            looked_at.append(str(options["among"]))
        return await search(self, *arguments, **options)

    monkeypatch.setattr(SearchEngine, "search", noting)
    _answers(
        b"SEARCH RETURN (UPDATE COUNT) SEEN",
        b"SEARCH RETURN (UPDATE COUNT) SUBJECT x",
        b"STORE 2 +FLAGS (\\Seen)",
        b"NOOP",
        b"APPEND INBOX {5+}\r\nhello",
    )
    assert looked_at == ["2", "4", "4"]


def test_an_order_that_is_another_one_is_told_anew() -> None:
    """Should what stays change its places after all, everything leaves and comes."""

    async def nothing(positions: list[int]) -> list[int]:
        return positions

    arrangement = Arrangement(array("I", [1, 2, 3]), nothing)
    assert arrangement.replace([3, 1, 4]) == ([(1, [1, 2, 3])], [(1, [3, 1, 4])])
    assert arrangement.replace([5, 3, 1, 6, 4]) == ([], [(1, [5]), (4, [6])])
    assert arrangement.take_out({5, 1, 6}) == [(1, [5]), (2, [1, 6])]
    assert arrangement.uids.tolist() == [3, 4]
