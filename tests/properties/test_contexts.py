"""Whatever several sessions do, a result that is kept up to date is what the same search finds anew (RFC 5267 §4.3)."""

import asyncio
import re
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.inprocess import Client, end_of_response, server_context, split_responses

from mailwren.base.ranges import RangeSet
from mailwren.server.features import Features

_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "(\w+)"\)( UID)?((?: (?:ADDTO|REMOVEFROM) \(0 [\d:,]+\))+)$')
_PART = re.compile(rb"(ADDTO|REMOVEFROM) \(0 ([\d:,]+)\)")
_ALL = re.compile(rb'\* ESEARCH \(TAG "\w+"\)(?: UID)?(?: ALL ([\d:,]+))?\r\n')
_NUMBERED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE)$")
PROGRAMS = (b"DELETED", b"UNSEEN KEYWORD a", b"NOT SUBJECT two", b"UID 3:99", b"OR FLAGGED LARGER 100", b"ALL")


@dataclass
class Watcher:
    """A client that keeps results by what it is told, and objects to what cannot be."""

    client: Client
    count: int = 0
    kept: dict[bytes, set[int]] = field(default_factory=dict)
    programs: dict[bytes, tuple[bool, bytes]] = field(default_factory=dict)

    async def run(self, command: bytes) -> bytes:
        """Send a command, and take in its answers."""
        tag = self.client.tag()
        self.client.send(tag + b" " + command + b"\r\n")
        output = await self.client.until(lambda data: end_of_response(data, tag))
        for line in split_responses(output)[0]:
            self.hear(line)
        return output

    async def keep(self, program: bytes, *, by_uid: bool) -> None:
        """Begin to keep a result."""
        command = b"UID SEARCH" if by_uid else b"SEARCH"
        tag = b"t%d" % (self.client._tags + 1)
        self.kept[tag], self.programs[tag] = set(), (by_uid, program)
        output = await self.run(command + b" RETURN (UPDATE ALL) " + program)
        found = _ALL.search(output)
        assert found is not None
        self.kept[tag] |= set(RangeSet.parse((found[1] or b"").decode()))

    def hear(self, line: bytes) -> None:
        """Take one response."""
        if numbered := _NUMBERED.match(line):
            number = int(numbered[1])
            if numbered[2] == b"EXISTS":
                self.count = number
            else:
                self.count -= 1
                self.renumber(number)
        elif told := _ESEARCH.match(line):
            by_uid, _program = self.programs[told[1]]
            assert by_uid == bool(told[2])
            for kind, text in _PART.findall(told[3]):
                self.take(told[1], kind, set(RangeSet.parse(text.decode())))

    def take(self, tag: bytes, kind: bytes, numbers: set[int]) -> None:
        """Take numbers into a result or out of it; those that are there come only once."""
        kept = self.kept[tag]
        if kind == b"ADDTO":
            assert not numbers & kept
            kept |= numbers
        else:
            assert numbers <= kept
            kept -= numbers
        if not self.programs[tag][0]:
            assert max(kept, default=0) <= self.count

    def renumber(self, gone: int) -> None:
        """A message number went away: it may be in no result any more."""
        for tag, kept in self.kept.items():
            if not self.programs[tag][0]:
                assert gone not in kept
                self.kept[tag] = {each - (each > gone) for each in kept}

    async def verify(self) -> None:
        """After a NOOP every result is what the search finds."""
        await self.run(b"NOOP")
        for tag, (by_uid, program) in self.programs.items():
            output = await self.run((b"UID " if by_uid else b"") + b"SEARCH RETURN (ALL) " + program)
            found = _ALL.search(output)
            assert found is not None
            assert set(RangeSet.parse((found[1] or b"").decode())) == self.kept[tag], program


COMMANDS = st.sampled_from(
    [
        b"NOOP",
        b"APPEND INBOX {3+}\r\none",
        b"APPEND INBOX (a \\Deleted) {16+}\r\nSubject: two\r\n\r\n {3+}\r\nxyz",
        b"EXPUNGE",
        b"FETCH 1 FLAGS",
        b"STORE 1:2 +FLAGS (\\Deleted)",
        b"STORE * -FLAGS (\\Deleted)",
        b"UID STORE 2:4 +FLAGS.SILENT (\\Flagged a)",
        b"UID STORE 1:9 -FLAGS (\\Flagged)",
        b"STORE 2 FLAGS (\\Seen)",
        b"COPY 1:2 INBOX",
        b"MOVE 1 INBOX",
        b"UID EXPUNGE 1:3",
    ]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 1), COMMANDS),
        st.tuples(st.sampled_from(PROGRAMS), st.booleans()),
    ),
    max_size=25,
)


async def _play(steps: list[tuple[int | bytes, bytes | bool]], *, rev2: bool) -> None:
    features = Features()
    async with server_context() as context:
        watchers = [Watcher(Client(context, features)) for _ in range(2)]
        for watcher in watchers:
            await watcher.client.login()
            if rev2:
                await watcher.run(b"ENABLE IMAP4rev2")
            await watcher.run(b"SELECT INBOX")
        for first, second in steps:
            if isinstance(first, bytes):
                await watchers[0].keep(first, by_uid=bool(second))
            else:
                assert isinstance(second, bytes)
                await watchers[first].run(second)
        await watchers[0].verify()
        for watcher in watchers:
            await watcher.client.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, rev2=st.booleans())
def test_a_result_that_is_kept_is_what_is_found(steps: list[tuple[int | bytes, bytes | bool]], rev2: bool) -> None:
    """ADDTO and REMOVEFROM add up to the search's result, in numbers that are true when they come."""
    asyncio.run(_play(steps, rev2=rev2))
