"""Clients that wait long hear how far their command is (RFC 9585), and never before, or inside another response."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.server.context import ServerContext
from mailwren.server.features import Features


class Clock:
    """The time, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


class SlowSearch:
    """Stands for the search engine: says how far it is, and waits for the test."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.progress: Callable[[int, int], None] = lambda _done, _goal: None

    async def search(self, *_arguments: object, progress: Callable[[int, int], None], **_options: object) -> list[int]:
        """Find nothing."""
        self.progress = progress
        self.begun.set()
        await self.go_on.wait()
        return []


class Scene:
    """A client whose SEARCH does not end, and the clock."""

    def __init__(self, context: ServerContext, client: Client, clock: Clock, search: SlowSearch) -> None:
        self.client = client
        self.context = context
        self.clock = clock
        self.search = search
        self.session = client.protocol.session

    def after(self, seconds: float) -> bytes:
        """What the client hears in some seconds, ticks coming as they do."""
        before = len(self.client.pending)
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(self.clock.now + limits.PROGRESS_TICK_SECONDS, end)
            self.context.tell_progress()
        return self.client.pending[before:]


@asynccontextmanager
async def searching(tag: bytes = b"A001", **settings: Any) -> AsyncIterator[Scene]:
    """A client in the middle of a long SEARCH; at its end the search is over too."""
    async with server_context(**settings) as context:
        clock, search = Clock(), SlowSearch()
        context.clock = clock
        client = Client(context, Features())
        await client.login()
        await client.command(b"SELECT INBOX")
        context.search = search  # type: ignore[assignment] # as much of it as SEARCH asks for
        client.send(tag + b" SEARCH TEXT slow\r\n")
        async with asyncio.timeout(20):
            await search.begun.wait()
        yield Scene(context, client, clock, search)
        search.go_on.set()
        await client.until(lambda data: data.index(tag) if b" OK SEARCH completed\r\n" in data else None)
        assert not context.working
        await client.close()


def run(scene: Callable[[], Any]) -> None:
    """Play a scene."""
    asyncio.run(scene())


def test_a_client_hears_every_ten_seconds() -> None:
    """Not before ten seconds have passed, then every ten, with what is done (RFC 9585 §4, first example)."""

    async def play() -> None:
        async with searching() as scene:
            scene.search.progress(0, 1000)
            assert scene.after(10) == b""
            scene.search.progress(454, 1000)
            assert scene.after(2) == b'* OK [INPROGRESS ("A001" 454 1000)] Still working\r\n'
            scene.search.progress(999, 1000)
            assert scene.after(10) == b""
            assert scene.after(2) == b'* OK [INPROGRESS ("A001" 999 1000)] Still working\r\n'

    run(play)


def test_done_is_never_all() -> None:
    """ "GOAL … MUST be greater than PROGRESS" (RFC 9585 §4)."""

    async def play() -> None:
        async with searching() as scene:
            scene.search.progress(1000, 1000)
            assert scene.after(12) == b'* OK [INPROGRESS ("A001" 999 1000)] Still working\r\n'

    run(play)


def test_a_tag_with_a_bracket_is_not_told() -> None:
    """ "if it contains the "]" character, it MUST be set to NIL" (RFC 9585 §4); nothing is known of what is done."""

    async def play() -> None:
        async with searching(b"A]1") as scene:
            assert scene.after(12) == b"* OK [INPROGRESS (NIL NIL NIL)] Still working\r\n"

    run(play)


def test_nothing_is_said_inside_a_response_or_to_a_client_that_does_not_read() -> None:
    """A line in the middle of a literal would become part of it."""

    async def play() -> None:
        async with searching() as scene:
            assert scene.session is not None
            scene.session.in_literal = True
            assert scene.after(60) == b""
            scene.session.in_literal = False
            scene.client.protocol.pause_writing()
            assert scene.after(60) == b""
            scene.client.protocol.resume_writing()
            assert scene.after(10) == b""
            assert scene.after(2) == b'* OK [INPROGRESS ("A001" NIL NIL)] Still working\r\n'

    run(play)


def test_output_is_progress_enough() -> None:
    """Whoever hears something need not be told that there is progress."""

    async def play() -> None:
        async with searching() as scene:
            assert scene.session is not None
            for _ in range(5):
                assert scene.after(8) == b""
                scene.session.send(b"* 1 EXISTS\r\n")
                scene.session.hand_over()
            assert scene.after(12).startswith(b"* OK [INPROGRESS ")

    run(play)


def test_a_client_that_is_not_to_know_of_it_hears_nothing() -> None:
    """Whoever hides the capability hides the responses."""

    async def play() -> None:
        async with searching(hidden_capabilities=("INPROGRESS",)) as scene:
            assert scene.after(60) == b""

    run(play)


@pytest.mark.parametrize("command", [b"IDLE", b"AUTHENTICATE PLAIN"])
def test_waiting_for_the_client_is_no_work(command: bytes) -> None:
    """While the server waits for a line of the client nothing is in progress."""

    async def play() -> None:
        async with server_context() as context:
            clock = context.clock = Clock()
            client = Client(context, Features())
            if command == b"IDLE":
                await client.login()
            else:
                await client.line()
            client.send(b"a " + command + b"\r\n")
            assert (await client.line()).startswith(b"+")
            for _ in range(20):
                clock.now += 2
                context.tell_progress()
            assert client.pending == b""
            await client.close()

    run(play)


def test_fetch_and_store_say_how_far_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both count the messages they name."""
    told: list[tuple[int, int | None]] = []

    async def play() -> None:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            for _ in range(3):
                client.send(b"a APPEND INBOX {3+}\r\na\r\n\r\n")
                await client.line()
            await client.command(b"SELECT INBOX")
            session = client.protocol.session
            assert session is not None
            monkeypatch.setattr(
                type(session.progress), "report", lambda _self, done, goal=None: told.append((done, goal))
            )
            await client.command(b"FETCH 2:3 FLAGS")
            await client.command(b"STORE 1:3 +FLAGS (\\Seen)")
            await client.command(b"SEARCH SEEN")
            await client.close()

    run(play)
    assert told == [(0, 2), (0, 3), (0, 3)]
