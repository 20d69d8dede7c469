"""Whatever several sessions do, a result that is kept up to date is what the same search finds anew (RFC 5267 §4.3)."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.inprocess import Client, end_of_response, server_context, split_responses

from mailwren.server.features import Features

_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "(\w+)"\)( UID)?((?: (?:ADDTO|REMOVEFROM) \([\d:, ]+\))+)$')
_PART = re.compile(rb"(ADDTO|REMOVEFROM) \(([\d:, ]+)\)")
_PAIR = re.compile(rb"(\d+) ([\d:,]+)")
_ALL = re.compile(rb'\* ESEARCH \(TAG "\w+"\)(?: UID)?(?: ALL ([\d:,]+))?\r\n')
_NUMBERED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE)$")
PROGRAMS = (b"DELETED", b"UNSEEN KEYWORD a", b"NOT SUBJECT two", b"UID 3:99", b"OR FLAGGED LARGER 100", b"ALL")


@dataclass
class Watcher:
    """A client that keeps results by what it is told, and objects to what cannot be."""

    client: Client
    count: int = 0
    kept: dict[bytes, list[int]] = field(default_factory=dict)
    programs: dict[bytes, tuple[bool, bytes, bytes]] = field(default_factory=dict)

    async def run(self, command: bytes) -> bytes:
        """Send a command, and take in its answers."""
        tag = self.client.tag()
        self.client.send(tag + b" " + command + b"\r\n")
        output = await self.client.until(lambda data: end_of_response(data, tag))
        for line in split_responses(output)[0]:
            self.hear(line)
        return output

    async def keep(self, program: bytes, order: bytes, *, by_uid: bool) -> None:
        """Begin to keep a result, in an order of its own or the mailbox's."""
        tag = b"t%d" % (self.client._tags + 1)
        self.kept[tag], self.programs[tag] = [], (by_uid, program, order)
        self.kept[tag][:0] = await self.find(b"UPDATE ALL", program, order, by_uid=by_uid)

    async def find(self, returns: bytes, program: bytes, order: bytes, *, by_uid: bool) -> list[int]:
        """What a search finds, in its order."""
        command = b"SORT RETURN (%b) (%b) UTF-8 %b" if order else b"SEARCH RETURN (%b)%b %b"
        output = await self.run((b"UID " if by_uid else b"") + command % (returns, order, program))
        found = _ALL.search(output)
        assert found is not None
        return _numbers(found[1] or b"")

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
            by_uid, _program, order = self.programs[told[1]]
            assert by_uid == bool(told[2])
            for kind, pairs in _PART.findall(told[3]):
                for place, numbers in _PAIR.findall(pairs):
                    assert bool(order) == bool(int(place))
                    self.take(told[1], kind, int(place), _numbers(numbers))

    def take(self, tag: bytes, kind: bytes, place: int, numbers: list[int]) -> None:
        """Take numbers into a result or out of it; those that are there come only once."""
        kept = self.kept[tag]
        if kind == b"ADDTO":
            assert not set(numbers) & set(kept)
            at = place - 1 if place else len(kept)
            assert at <= len(kept)
            kept[at:at] = numbers
            if not place:
                kept.sort()
        elif place:
            assert kept[place - 1 : place - 1 + len(numbers)] == numbers
            del kept[place - 1 : place - 1 + len(numbers)]
        else:
            assert set(numbers) <= set(kept)
            kept[:] = [each for each in kept if each not in numbers]
        if not self.programs[tag][0]:
            assert max(kept, default=0) <= self.count

    def renumber(self, gone: int) -> None:
        """A message number went away: it may be in no result any more."""
        for tag, kept in self.kept.items():
            if not self.programs[tag][0]:
                assert gone not in kept
                self.kept[tag] = [each - (each > gone) for each in kept]

    async def verify(self) -> None:
        """After a NOOP every result is what the search finds."""
        await self.run(b"NOOP")
        for tag, (by_uid, program, order) in self.programs.items():
            assert await self.find(b"ALL", program, order, by_uid=by_uid) == self.kept[tag], (program, order)


def _numbers(text: bytes) -> list[int]:
    """A set's numbers in its order."""
    result: list[int] = []
    for part in filter(None, text.decode().split(",")):
        start, _, stop = part.partition(":")
        result.extend(range(int(start), int(stop or start) + 1))
    return result


ORDERS = st.sampled_from((b"", b"", b"REVERSE ARRIVAL", b"SUBJECT REVERSE SIZE", b"SIZE", b"REVERSE SUBJECT"))
COMMANDS = st.sampled_from(
    [
        b"NOOP",
        b"APPEND INBOX {3+}\r\none",
        b"APPEND INBOX {15+}\r\nSubject: ab\r\n\r\n",
        b"APPEND INBOX (a \\Deleted) {16+}\r\nSubject: two\r\n\r\n {3+}\r\nxyz",
        b"EXPUNGE",
        b"FETCH 1 FLAGS",
        b"STORE 1:2 +FLAGS (\\Deleted)",
        b"STORE 1,3,5 +FLAGS.SILENT (\\Deleted)",
        b"STORE * -FLAGS (\\Deleted)",
        b"UID STORE 2:4 +FLAGS.SILENT (\\Flagged a)",
        b"UID STORE 1:9 -FLAGS (\\Flagged)",
        b"STORE 2 FLAGS (\\Seen)",
        b"COPY 1:2 INBOX",
        b"MOVE 1 INBOX",
        b"UID EXPUNGE 1:3",
    ]
)
Kept: TypeAlias = tuple[bytes, bytes, bool]
Step: TypeAlias = tuple[int, bytes] | Kept
KEPT: st.SearchStrategy[Kept] = st.tuples(st.sampled_from(PROGRAMS), ORDERS, st.booleans())
DONE = st.tuples(st.integers(0, 1), COMMANDS)
STEPS: st.SearchStrategy[list[Step]] = st.builds(
    lambda kept, steps: [*kept, *steps],
    st.lists(KEPT, min_size=1, max_size=4),
    st.lists(st.one_of(DONE, DONE, DONE, KEPT), min_size=5, max_size=25),
)


async def _play(steps: list[Step], *, rev2: bool) -> None:
    features = Features()
    async with server_context() as context:
        watchers = [Watcher(Client(context, features)) for _ in range(2)]
        for watcher in watchers:
            await watcher.client.login()
            if rev2:
                await watcher.run(b"ENABLE IMAP4rev2")
            await watcher.run(b"SELECT INBOX")
        for subject in (b"b", b"a", b"d", b"c", b"a", b"e"):
            await watchers[1].run(b"APPEND INBOX {14+}\r\nSubject: %b\r\n\r\n" % subject)
        for step in steps:
            if len(step) == 3:
                await watchers[0].keep(step[0], step[1], by_uid=step[2])
            else:
                await watchers[step[0]].run(step[1])
        await watchers[0].verify()
        for watcher in watchers:
            await watcher.client.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, rev2=st.booleans())
def test_a_result_that_is_kept_is_what_is_found(steps: list[Step], rev2: bool) -> None:
    """ADDTO and REMOVEFROM add up to the search's result, in numbers that are true when they come."""
    asyncio.run(_play(steps, rev2=rev2))
