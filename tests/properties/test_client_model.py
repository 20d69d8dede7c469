"""Two sessions against a client that computes silent changes itself: it always ends up with the mailbox's flags.

The client believes every untagged answer, and after ``STORE … .SILENT`` and a literal's implicit ``\\Seen`` what it
works out by itself (RFC 9051 §6.4.6). Whenever all is quiet it must know exactly what a fresh session fetches.
"""

import asyncio
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.inprocess import Client, server_context, split_responses

from mailwren.base.ranges import RangeSet
from mailwren.server.context import ServerContext
from mailwren.server.features import Features

NUMBERED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \((.*)\))?", re.DOTALL)
UID = re.compile(rb"\bUID (\d+)")
FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
FOUND = re.compile(rb"\* ESEARCH .* ALL ([\d:,]+)")


@dataclass
class Known:
    """What the client knows of one message."""

    uid: int = 0
    flags: frozenset[bytes] | None = None


@dataclass
class Model:
    """A client with its picture of INBOX and of ``$``."""

    client: Client
    messages: list[Known] = field(default_factory=list)
    saved: set[int] = field(default_factory=set)

    async def run(self, command: bytes) -> list[bytes]:
        """Send a command, take its answers, and look at what is new."""
        answers = await self.exchange(command)
        while unknown := [number for number, each in enumerate(self.messages, 1) if not each.uid]:
            answer = (await self.exchange(b"FETCH %d:* (UID FLAGS)" % unknown[0]))[-1]
            if b" NO [EXPUNGEISSUED]" in answer:  # it went away before anybody could look at it
                await self.exchange(b"NOOP")
        return answers

    async def exchange(self, command: bytes) -> list[bytes]:
        """Send a command and take its answers."""
        answers = split_responses(await self.client.command(command))[0]
        for answer in answers:
            self.hear(answer)
        return answers

    def hear(self, answer: bytes) -> None:
        """Believe one untagged response."""
        match = NUMBERED.match(answer)
        if match is None:
            return
        number = int(match[1])
        if match[2] == b"EXISTS":
            assert number >= len(self.messages)
            self.messages += [Known() for _ in range(number - len(self.messages))]
        elif match[2] == b"EXPUNGE":
            del self.messages[number - 1]
        else:
            message = self.messages[number - 1]
            if uid := UID.search(match[3]):
                assert message.uid in (0, int(uid[1]))
                message.uid = int(uid[1])
            if flags := FLAGS.search(match[3]):
                message.flags = frozenset(flags[1].split()) - {b"\\Recent"}

    # --- commands -------------------------------------------------------------------------------------------
    async def store(self, picks: list[int], mode: bytes, flags: tuple[bytes, ...], how: str) -> None:
        """Change flags by number, by UID or by ``$``; the client works out what a silent change does."""
        chosen = self.chosen(picks, how)
        if not chosen and how != "saved":
            return
        for message in chosen:
            if mode.endswith(b".SILENT") and message.flags is not None:
                message.flags = changed(message.flags, mode, frozenset(flags))
        command = b"STORE %b %b (%b)" % (self.name_of(chosen, how), mode, b" ".join(flags))
        await self.run(b"UID " + command if how == "uid" else command)

    def chosen(self, picks: list[int], how: str) -> list[Known]:
        """The messages that a command is about."""
        if how == "saved":
            return [each for each in self.messages if each.uid in self.saved]
        places = {pick % len(self.messages) for pick in picks} if self.messages else set()
        return [self.messages[place] for place in sorted(places)]

    def name_of(self, chosen: list[Known], how: str) -> bytes:
        """How a command names them."""
        if how == "saved":
            return b"$"
        numbers = [each.uid for each in chosen] if how == "uid" else [self.messages.index(each) + 1 for each in chosen]
        return str(RangeSet.of(numbers)).encode()

    async def search(self, key: bytes) -> None:
        """Save what is found, and remember it as UIDs."""
        answers = await self.run(b"UID SEARCH RETURN (SAVE ALL) " + key)
        (found,) = [FOUND.match(answer) for answer in answers if answer.startswith(b"* ESEARCH")]
        self.saved = set(RangeSet.parse(found[1].decode())) if found else set()

    async def on_messages(self, picks: list[int], command: bytes, how: str) -> None:
        """FETCH, COPY or MOVE."""
        chosen = self.chosen(picks, how)
        if chosen or how == "saved":
            text = command % self.name_of(chosen, how)
            await self.run(b"UID " + text if how == "uid" else text)


def changed(before: frozenset[bytes], mode: bytes, flags: frozenset[bytes]) -> frozenset[bytes]:
    """What STORE makes of flags."""
    if mode.startswith(b"+"):
        return before | flags
    return before - flags if mode.startswith(b"-") else flags


PICKS = st.lists(st.integers(0, 4), min_size=1, max_size=3)
HOW = st.sampled_from(["number", "uid", "saved"])
MODES = st.sampled_from(
    [sign + b"FLAGS" + silent for sign in (b"", b"+", b"-") for silent in (b"", b".SILENT", b".SILENT")]
)
SOME_FLAGS = st.lists(st.sampled_from([b"\\Seen", b"\\Deleted", b"\\Flagged", b"work"]), max_size=2).map(tuple)
STORE = st.tuples(st.just("store"), PICKS, MODES, SOME_FLAGS, HOW)
ACTIONS = st.one_of(
    STORE,
    st.tuples(
        st.just("on_messages"),
        PICKS,
        st.sampled_from(
            [
                b"FETCH %b FLAGS",
                b"FETCH %b BODY[]",
                b"FETCH %b (FLAGS BODY[HEADER.FIELDS (Subject)])",
                b"FETCH %b UID",
                b"COPY %b INBOX",
                b"COPY %b Trash",
                b"MOVE %b INBOX",
                b"MOVE %b Trash",
            ]
        ),
        HOW,
    ),
    st.tuples(st.just("search"), st.sampled_from([b"UNSEEN", b"DELETED", b"1", b"NOT FLAGGED", b"SUBJECT hello"])),
    st.tuples(
        st.just("run"),
        st.sampled_from(
            [b"NOOP", b"EXPUNGE", b"UID EXPUNGE $", b"APPEND INBOX (\\Deleted) {17+}\r\nSubject: hello\r\n\r\n"]
        ),
    ),
)
TURN = st.none() | STORE | ACTIONS
ROUNDS = st.lists(st.tuples(TURN, TURN), min_size=2, max_size=15)


async def fresh_picture(context: ServerContext) -> list[tuple[int, frozenset[bytes] | None]]:
    """What a session that has just selected the mailbox fetches."""
    model = Model(Client(context, Features()))
    await model.client.login()
    await model.run(b"EXAMINE INBOX")
    await model.client.close()
    return [(each.uid, each.flags) for each in model.messages]


async def check(context: ServerContext, models: list[Model]) -> None:
    """After a NOOP each client has the fresh picture; after one more there is nothing left to tell."""
    for model in models:
        await model.run(b"NOOP")
    expected = await fresh_picture(context)
    for model in models:
        assert [(each.uid, each.flags) for each in model.messages] == expected
        (answer,) = await model.run(b"NOOP")
        assert b"OK NOOP" in answer


async def play(rounds: list[tuple[Any, Any]], folder: Path | None) -> None:
    """Both clients do one thing at a time, at the same time; after every third round all is compared."""
    async with server_context(folder) as context:
        models = [Model(Client(context, Features())) for _ in range(2)]
        for number, model in enumerate(models):
            await model.client.login()
            if number:
                await model.run(b"ENABLE IMAP4rev2")
            await model.run(b"SELECT INBOX")
        for _ in range(4):
            await models[0].run(b"APPEND INBOX {17+}\r\nSubject: hello\r\n\r\n")
        for turn, actions in enumerate(rounds):
            await asyncio.gather(
                *(
                    getattr(model, action[0])(*action[1:])
                    for model, action in zip(models, actions, strict=True)
                    if action is not None and not (action[0] == "search" and not model.messages)
                )
            )
            if turn % 3 == 2:
                await check(context, models)
        await check(context, models)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROUNDS)
def test_the_client_knows_the_flags(rounds: list[tuple[Any, Any]]) -> None:
    """Silent changes, implicit flags, moves and expunges of two sessions at once leave no client behind."""
    asyncio.run(play(rounds, None))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROUNDS)
def test_the_client_knows_the_flags_with_threads(rounds: list[tuple[Any, Any]]) -> None:
    """The same over files, where what two sessions ask for is committed by threads, in groups."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(rounds, Path(folder)))
