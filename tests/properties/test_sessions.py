"""Several sessions of one mailbox: whatever they do, each client's picture of it is right (RFC 9051 §5.2, §7.4, §7.5).

Each client keeps what any client keeps: the number of messages, and what it was told of each number. The server may
never tell it anything that does not fit, and after a NOOP its picture is the truth.
"""

import asyncio
import re
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.inprocess import Client, end_of_response, server_context, split_responses

from mailwren.server.features import Features

_NUMBERED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH)(?: \((.*)\))?", re.DOTALL)
_UID = re.compile(rb"\bUID (\d+)")
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_HOLDS_EXPUNGE = (b"FETCH", b"STORE", b"SEARCH")


@dataclass
class Known:
    """What a client knows of one message."""

    uid: int | None = None
    flags: frozenset[bytes] | None = None


@dataclass
class Picture:
    """A client that believes what it is told, and objects to what cannot be."""

    client: Client
    rev2: bool
    messages: list[Known] = field(default_factory=list)
    idling: bytes = b""

    async def select(self, how: bytes = b"SELECT") -> None:
        """Open INBOX anew, and learn what is in it."""
        self.messages = []
        await self.run(how + b" INBOX")
        await self.run(b"UID FETCH 1:* (FLAGS)")

    async def run(self, command: bytes) -> bool:
        """Send a command and take its answers; whether it was carried out."""
        tag = self.client.tag()
        self.client.send(tag + b" " + command + b"\r\n")
        return await self.finish(tag, command)

    async def finish(self, tag: bytes, command: bytes) -> bool:
        """Take everything up to a tagged answer."""
        output = await self.client.until(lambda data: end_of_response(data, tag))
        lines = split_responses(output)[0]
        for line in lines:
            self.hear(line, command)
        return lines[-1].startswith(tag + b" OK")

    async def store_silently(self, number: int, sign: bytes, flag: bytes) -> None:
        """Change a flag and take it for done, unless told otherwise (RFC 9051 §6.4.6)."""
        known = self.messages[number - 1] if number <= len(self.messages) else Known()
        before = known.flags
        if before is not None:
            known.flags = before | {flag} if sign == b"+" else before - {flag}
        guess = known.flags
        if not await self.run(b"STORE %d %bFLAGS.SILENT (%b)" % (number, sign, flag)) and known.flags is guess:
            known.flags = before

    async def idle(self) -> None:
        """Begin to idle, or end it."""
        if self.idling:
            self.client.send(b"DONE\r\n")
            tag, self.idling = self.idling, b""
            await self.finish(tag, b"IDLE")
        else:
            self.idling = self.client.tag()
            self.client.send(self.idling + b" IDLE\r\n")

    def hear(self, line: bytes, command: bytes) -> None:
        """Take one response."""
        match = _NUMBERED.match(line)
        if match is None:
            return
        number, kind = int(match[1]), match[2]
        if kind == b"EXISTS":
            opening = command.startswith((b"SELECT", b"EXAMINE"))
            assert number > len(self.messages) or opening, (line, len(self.messages))
            self.messages += [Known() for _ in range(number - len(self.messages))]
        elif kind == b"EXPUNGE":
            assert not command.startswith(_HOLDS_EXPUNGE), (line, command)
            assert 1 <= number <= len(self.messages), (line, len(self.messages))
            del self.messages[number - 1]
        elif kind == b"FETCH":
            self.hear_fetch(number, match[3], asked=b"FETCH" in command or b"STORE" in command)

    def hear_fetch(self, number: int, items: bytes, *, asked: bool) -> None:
        """Take a FETCH response."""
        assert 1 <= number <= len(self.messages), (number, len(self.messages))
        message = self.messages[number - 1]
        if uid := _UID.search(items):
            assert message.uid in (None, int(uid[1])), (number, items, message)
            message.uid = int(uid[1])
        else:
            assert asked or not self.rev2, items
        if flags := _FLAGS.search(items):
            message.flags = frozenset(flags[1].split()) - {b"\\Recent"}

    async def verify(self) -> None:
        """After a NOOP everything that was told is true, and everything that is new was told."""
        if self.idling:
            await self.idle()
        await self.run(b"NOOP")
        told = [(message.uid, message.flags) for message in self.messages]
        if told:
            await self.run(b"FETCH 1:* (UID FLAGS)")
        for (uid, flags), message in zip(told, self.messages, strict=True):
            assert uid in (None, message.uid)
            assert flags in (None, message.flags), (uid, flags, message)
        uids = [message.uid or 0 for message in self.messages]
        assert uids == sorted(set(uids))


COMMANDS = st.sampled_from(
    [
        b"NOOP",
        b"IDLE",
        b"APPEND INBOX {3+}\r\none",
        b"APPEND INBOX (\\Seen \\Deleted) {3+}\r\none {3+}\r\ntwo",
        b"EXPUNGE",
        b"FETCH 1:* (FLAGS)",
        b"FETCH 1 BODY[]",
        b"UID FETCH 1:* (FLAGS)",
        b"SEARCH ALL",
        b"STORE 1 +FLAGS (\\Deleted)",
        b"STORE 2 FLAGS (\\Flagged)",
        b"silently + \\Seen 1",
        b"silently - \\Seen 2",
        b"silently + \\Deleted 2",
        b"STORE * -FLAGS (\\Deleted)",
        b"UID STORE 2:4 +FLAGS (\\Deleted work)",
        b"COPY 1:2 INBOX",
        b"UID MOVE 1:3 Trash",
        b"MOVE 1 INBOX",
        b"UID EXPUNGE 1:3",
        b"STATUS INBOX (MESSAGES)",
        b"SELECT",
        b"EXAMINE",
        b"RENAME INBOX Away",
    ]
)


async def _do(picture: Picture, command: bytes) -> None:
    if command == b"IDLE" or picture.idling:
        await picture.idle()
    elif command.startswith(b"silently"):
        await picture.store_silently(int(command[-1:]), command[9:10], command[11:-2])
    elif command in (b"SELECT", b"EXAMINE"):
        await picture.select(command)
    else:
        await picture.run(command)


async def _play(rounds: list[list[tuple[int, bytes]]]) -> None:
    async with server_context() as context:
        pictures = []
        for number in range(3):
            picture = Picture(Client(context, Features()), rev2=number == 1)
            await picture.client.login()
            if picture.rev2:
                await picture.run(b"ENABLE IMAP4rev2")
            await picture.run(b"APPEND INBOX {3+}\r\none {3+}\r\ntwo")
            pictures.append(picture)
        for picture in pictures:
            await picture.select()
        for together in rounds:
            chosen = dict(together)  # one command of each session at the same time
            await asyncio.gather(*(_do(pictures[number], command) for number, command in chosen.items()))
        for picture in pictures:
            await picture.verify()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(st.tuples(st.integers(0, 2), COMMANDS), min_size=1, max_size=3), max_size=25))
def test_every_client_has_the_right_picture(rounds: list[list[tuple[int, bytes]]]) -> None:
    """Numbers fit, EXISTS only grows, no EXPUNGE where none may be, and in the end all were told all."""
    asyncio.run(_play(rounds))
