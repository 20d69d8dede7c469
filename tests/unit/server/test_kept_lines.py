"""FETCH responses that are kept for the next time: never others than would be made now."""

import asyncio
import random
import re
from array import array
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.server.context import ServerContext
from mailwren.server.core.kept_lines import KeptLines, LinesKey, Origin
from mailwren.server.features import Features
from mailwren.store.sqlite.contents import Contents

MESSAGES = 600
LISTS = (
    b"UID FETCH 1:* FLAGS",
    b"FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
    b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (Subject From)])",
    b"FETCH 1:* BODY.PEEK[HEADER]",
    b"FETCH 200:* (UID EMAILID BODY)",
)


def origin(**changed: Any) -> Origin:
    """What the lines of three messages are made of."""
    usual: dict[str, Any] = {
        "uids": array("I", [1, 2, 3]),
        "contents": array("Q", [7, 8, 9]),
        "flags": array("I", [0, 1, 0]),
        "modseqs": array("Q", [5, 5, 5]),
        "recent": None,
    }
    return Origin(**{**usual, **changed})


KEY = LinesKey(1, "FLAGS", 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"uids": array("I", [1, 2, 4])},
        {"uids": array("I", [1, 2])},
        {"contents": array("Q", [7, 8, 10])},
        {"flags": array("I", [0, 0, 0])},
        {"flags": None},
        {"modseqs": array("Q", [5, 6, 5])},
        {"modseqs": None},
        {"recent": RangeSet([(2, 2)])},
    ],
)
def test_lines_of_another_origin_are_not_found(changed: dict[str, Any]) -> None:
    """Whatever differs, the lines are made anew."""
    kept = KeptLines(10_000)
    kept.keep(KEY, origin(), b"lines")
    assert kept.find(KEY, origin()) == b"lines"
    assert kept.find(KEY, origin(**changed)) is None
    kept.keep(KEY, origin(**changed), b"others")
    assert kept.find(KEY, origin(**changed)) == b"others"
    assert kept.find(KEY, origin()) is None


@pytest.mark.parametrize("other", [LinesKey(2, "FLAGS", 1), LinesKey(1, "UID", 1), LinesKey(1, "FLAGS", 2)])
def test_lines_under_another_key_are_not_found(other: LinesKey) -> None:
    """Another user's or mailbox's state, other items, other message numbers."""
    kept = KeptLines(10_000)
    kept.keep(KEY, origin(), b"lines")
    assert kept.find(other, origin()) is None


def test_what_was_used_longest_ago_goes_first() -> None:
    """The total stays within the limit; what is too large alone is not kept, nor what it replaces."""
    kept = KeptLines(20_000)
    for state in range(20):
        kept.keep(KEY._replace(state=state), origin(), bytes(1000))
        kept.find(KEY._replace(state=0), origin())
        assert kept.size <= 20_000
    found = [state for state in range(20) if kept.find(KEY._replace(state=state), origin()) is not None]
    assert found == [0, *range(21 - len(found), 20)]
    assert 10 < len(found) < 20
    for _ in range(100):
        kept.keep(KEY._replace(state=20), origin(), bytes(1000))
    assert sum(kept.find(KEY._replace(state=state), origin()) is not None for state in found) == len(found) - 1
    kept.keep(KEY, origin(), bytes(5000))
    assert kept.find(KEY, origin()) is None


def test_a_list_longer_than_the_memory_is_kept_in_part() -> None:
    """Asked for again and again, its beginning is found each time; another list takes its place."""
    kept, found = KeptLines(20_000), 0
    for _ in range(3):
        found = 0
        for first in range(30):
            key = KEY._replace(first=first)
            if kept.find(key, origin()) is None:
                kept.keep(key, origin(), bytes(1000))
            else:
                found += 1
            assert kept.size <= 20_000
    assert 10 < found < 20
    for first in range(30):
        kept.keep(KEY._replace(asked="UID", first=first), origin(), bytes(1000))
    assert sum(kept.find(KEY._replace(asked="UID", first=first), origin()) is not None for first in range(30)) == found
    assert not any(kept.find(KEY._replace(first=first), origin()) for first in range(30))


def test_what_nobody_asks_for_is_let_go_of() -> None:
    """Memory comes back after a while; what was used meanwhile stays as long again."""
    kept = KeptLines(10_000)
    for first in (1, 2):
        kept.keep(KEY._replace(first=first), origin(), b"lines")
    for _ in range(limits.LINES_PERIODS):
        kept.tick()
    assert kept.find(KEY._replace(first=1), origin()) == b"lines"
    kept.tick()
    assert kept.find(KEY._replace(first=2), origin()) is None
    assert kept.find(KEY._replace(first=1), origin()) == b"lines"
    for _ in range(limits.LINES_PERIODS + 1):
        kept.tick()
    assert kept.size == 0


async def prepared(context: ServerContext, *, mailbox: bytes = b"INBOX") -> Client:
    """A client of a user that has many small messages."""
    client = Client(context, Features())
    await client.login()
    for first in range(0, MESSAGES, 100):
        mail = [b"From: a@example.org\r\nSubject: number %d\r\n\r\ntext\r\n" % (first + each) for each in range(100)]
        answer = await client.command(b"APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(each), each) for each in mail))
        assert b" OK " in answer
    assert b" OK " in await client.command(b"SELECT " + mailbox)
    return client


def plain(answer: bytes) -> bytes:
    """An answer without what is told besides."""
    return re.sub(rb"(?m)^(?:t\d+ OK |\* OK ).*\r\n", b"", answer)


async def check(client: Client, context: ServerContext, command: bytes) -> None:
    """A list is the same with what is kept, with what was kept just now, and with nothing kept."""
    await client.command(b"NOOP")
    with_kept = plain(await client.command(command))
    again = plain(await client.command(command))
    kept, context.lines = context.lines, KeptLines(0)
    fresh = plain(await client.command(command))
    context.lines = kept
    assert with_kept == again == fresh
    assert fresh.count(b"FETCH (") >= MESSAGES // 3


def test_lists_are_what_they_would_be_with_nothing_kept() -> None:
    """After any changes by several sessions, also where message numbers and recent messages differ."""
    source = random.Random(11)

    async def run() -> None:
        async with server_context() as context:
            anna = await prepared(context)
            other = Client(context, Features())
            await other.login()
            await other.command(b"SELECT INBOX")
            for _ in range(15):
                number = source.randint(1, MESSAGES // 2)
                change = source.choice(
                    (
                        b"STORE %d:%d +FLAGS (\\Flagged work%d)" % (number, number + 20, number % 3),
                        b"STORE %d -FLAGS (\\Flagged)" % number,
                        b"UID EXPUNGE 1:*",
                        b"STORE %d +FLAGS.SILENT (\\Deleted)" % number,
                        b"APPEND INBOX {20+}\r\nSubject: new\r\n\r\ntext",
                        b"FETCH %d BODY[TEXT]" % number,
                    )
                )
                await other.command(change)
                await other.command(b"NOOP")
                for session in (anna, other):
                    await check(session, context, source.choice(LISTS))
            assert context.lines.size > 0

    asyncio.run(run())


def test_forms_of_a_list_do_not_mix() -> None:
    """UIDONLY, UTF8=ACCEPT and mod-sequences each have lines of their own."""

    async def run() -> None:
        async with server_context() as context:
            anna = await prepared(context)
            command = b"UID FETCH 1:* (FLAGS ENVELOPE)"
            await check(anna, context, command)
            for extension in (b"CONDSTORE", b"UTF8=ACCEPT"):
                other = Client(context, Features())
                await other.login()
                await other.command(b"ENABLE " + extension)
                await other.command(b"SELECT INBOX")
                await check(other, context, command)
                await check(other, context, b"UID FETCH 1:* (FLAGS MODSEQ)")
            last = Client(context, Features())
            await last.login()
            await last.command(b"ENABLE UIDONLY")
            await last.command(b"SELECT INBOX")
            first, again = [await last.command(command) for _ in range(2)]
            assert plain(first) == plain(again)
            assert first.count(b" UIDFETCH (") == MESSAGES
            await check(anna, context, command)

    asyncio.run(run())


def test_users_of_a_shared_mailbox_see_their_own_flags() -> None:
    """What one has seen is told to nobody else."""

    async def run() -> None:
        async with server_context() as context:
            anna = await prepared(context)
            bert = Client(context, Features())
            await bert.login("bert")
            await anna.command(b"SETACL INBOX bert lrs")
            assert b" OK " in await bert.command(b'SELECT "Other Users/anna/INBOX"')
            await anna.command(b"STORE 1:* +FLAGS (\\Seen)")
            for _ in range(2):
                assert (await anna.command(b"FETCH 1:* FLAGS")).count(b"\\Seen") == MESSAGES
                assert (await bert.command(b"FETCH 1:* FLAGS")).count(b"\\Seen") == 0

    asyncio.run(run())


def test_a_second_list_reads_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the messages that are not so many as are kept together are read again."""
    asked: list[int] = []
    real = Contents.small_wire

    async def counting(self: Contents, contents: Any, largest: int) -> Any:
        asked.append(len(contents))
        return await real(self, contents, largest)

    monkeypatch.setattr(Contents, "small_wire", counting)

    async def run() -> None:
        async with server_context() as context:
            anna = await prepared(context)
            await anna.command(LISTS[1])
            assert sum(asked) == MESSAGES
            asked.clear()
            await anna.command(LISTS[1])
            assert sum(asked) < 100
            asked.clear()
            await anna.command(b"STORE 100 +FLAGS (\\Answered)")
            await anna.command(LISTS[1])
            assert 0 < sum(asked) < 200

    asyncio.run(run())


def test_a_page_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages overlap, and only what no page before had is read; it is the same as one by one."""
    asked: list[int] = []
    real = Contents._slice

    def counting(self: Contents, contents: Any, *arguments: Any) -> Any:
        asked.append(len(contents))
        return real(self, contents, *arguments)

    async def run() -> None:
        async with server_context() as context:
            anna = await prepared(context)
            each = [await anna.command(b"FETCH %d (UID ENVELOPE)" % number) for number in range(1, 31)]
            lines = [line for answer in each for line in answer.splitlines() if line.startswith(b"* ")]
            monkeypatch.setattr(Contents, "_slice", counting)
            for page in (b"1:30", b"21:40", b"1:40"):
                answer = await anna.command(b"FETCH %b (UID ENVELOPE)" % page)
                if page == b"1:30":
                    assert [line for line in answer.splitlines() if line.startswith(b"* ")] == lines
            assert asked == [10]

    asyncio.run(run())


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many different lists leave no more behind than the limit says."""
    monkeypatch.setattr(limits, "LINES_CACHE", 400_000)

    async def run() -> None:
        async with server_context() as context:
            anna = await prepared(context)
            for first in range(1, 30):
                await anna.command(b"FETCH %d:* (UID ENVELOPE BODYSTRUCTURE)" % first)
                assert context.lines.size <= 400_000
            assert context.lines.size > 100_000

    asyncio.run(run())


def test_who_comes_back_again_is_told_the_same() -> None:
    """QRESYNC from one place says the same while nothing is new, with what was kept; then what is new as well."""

    async def run() -> None:
        async with server_context() as context:
            anna = await prepared(context)
            await anna.command(b"ENABLE QRESYNC")
            known = await anna.command(b"SELECT INBOX")
            validity = re.search(rb"UIDVALIDITY (\d+)", known)
            modseq = re.search(rb"HIGHESTMODSEQ (\d+)", known)
            assert validity is not None
            assert modseq is not None
            back = b"SELECT INBOX (QRESYNC (%b %b))" % (validity[1], modseq[1])
            for number in (5, 7, 300):
                await anna.command(b"STORE %d +FLAGS (\\Flagged)" % number)
            first = plain(await anna.command(back))
            assert first.count(b" FETCH ") == 3
            size = context.lines.size
            assert plain(await anna.command(back)) == first
            assert context.lines.size == size
            await anna.command(b"STORE 5 -FLAGS (\\Flagged)")
            second = plain(await anna.command(back))
            assert second.count(b" FETCH ") == 3
            assert second != first
            await anna.command(b"UID STORE 9 +FLAGS (\\Deleted)")
            await anna.command(b"UID EXPUNGE 9")
            for _ in range(2):
                assert b"VANISHED (EARLIER) 9" in await anna.command(back)

    asyncio.run(run())
