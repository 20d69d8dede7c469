"""Pages of messages and of results (RFC 9394)."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.imap.ext.partial import PartialRange
from mailwren.search.evaluate import SearchEngine
from mailwren.server.ext.partial import count, cut
from mailwren.server.features import Features

POSITIONS = st.sets(st.integers(1, 60)).map(
    lambda found: [(low - 1, high) for low, high in RangeSet.of(found).ranges()]
)


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        (PartialRange(1, 3), (0, 3)),
        (PartialRange(3, 1), (0, 3)),
        (PartialRange(9, 12), (8, 10)),
        (PartialRange(11, 12), (10, 10)),
        (PartialRange(1, 3, from_end=True), (7, 10)),
        (PartialRange(2, 2, from_end=True), (8, 9)),
        (PartialRange(9, 12, from_end=True), (0, 2)),
        (PartialRange(11, 12, from_end=True), (0, 0)),
    ],
)
def test_places_of_ten_results(wanted: PartialRange, span: tuple[int, int]) -> None:
    """Counted from the first or from the last one; beyond them there is nothing."""
    assert wanted.span(10) == span


@given(POSITIONS, st.integers(0, 70), st.integers(0, 70))
def test_a_cut_is_a_slice(spans: list[tuple[int, int]], first: int, last: int) -> None:
    """Cutting spans is slicing the positions in them."""
    positions = [each for start, stop in spans for each in range(start, stop)]
    assert count(spans) == len(positions)
    cuts = cut(spans, first, last)
    assert [each for start, stop in cuts for each in range(start, stop)] == positions[first:last]
    assert all(start < stop for start, stop in cuts)


class CountingSearch:
    """A search engine that counts the messages it is to look at."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine
        self.looked_at = 0

    async def search(self, *arguments: Any, among: RangeSet | None = None, **options: Any) -> list[int]:
        """Search as the engine does."""
        assert among is not None
        self.looked_at += len(among)
        return await self._engine.search(*arguments, among=among, **options)


@pytest.mark.parametrize("key", [b"UNSEEN", b"SEEN", b"ALL", b"UID 5:*", b"DELETED"])
def test_pages_are_slices_of_the_whole(monkeypatch: pytest.MonkeyPatch, key: bytes) -> None:
    """However few messages a page needs to be searched, it is the same page; and few they are where a page is full."""
    monkeypatch.setattr(limits, "PARTIAL_PIECE", 2)

    async def play() -> None:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            for _ in range(12):
                client.send(b"a APPEND INBOX {3+}\r\na\r\n\r\n")
                await client.line()
            await client.command(b"SELECT INBOX")
            await client.command(b"STORE 2,3,7,11 +FLAGS.SILENT (\\Seen)")
            whole = [int(each) for each in (await client.command(b"UID SEARCH " + key)).split(b"\r\n")[0].split()[2:]]
            engine = context.search
            for first, last in ((1, 1), (1, 3), (2, 4), (4, 20), (13, 14)):
                for from_end in (False, True):
                    wanted = PartialRange(first, last, from_end)
                    start, stop = wanted.span(len(whole))
                    counting = CountingSearch(engine)
                    context.search = counting  # type: ignore[assignment] # as much of it as SEARCH asks for
                    answer = await client.command(b"UID SEARCH RETURN (PARTIAL %b) %b" % (str(wanted).encode(), key))
                    context.search = engine
                    page = str(RangeSet.of(whole[start:stop])) or "NIL"
                    assert f" UID PARTIAL ({wanted} {page})\r\n".encode() in answer
                    if key == b"ALL" and last == 1:
                        assert counting.looked_at == 2
            await client.close()

    asyncio.run(play())
