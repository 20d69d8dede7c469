"""SEARCH and the sets of UIDs and numbers at their edges: many keys, large sets, charsets, hostile headers."""

import asyncio
import tracemalloc
from pathlib import Path

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.server.context import ServerContext
from mailwren.server.features import Features

MESSAGE = b"From: Ann Example <ann@example.org>\r\nSubject: =?utf-8?q?M=C3=BCnchen_%d?=\r\n\r\nThis is message %d.\r\n"
COUNT = 120


async def with_messages(context: ServerContext, count: int = COUNT) -> Client:
    """A client that has selected an INBOX of some messages."""
    client = Client(context, Features())
    await client.login()
    for number in range(1, count + 1):
        octets = MESSAGE % (number, number)
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
        await client.line()
    await client.command(b"SELECT INBOX")
    return client


def ask(*commands: bytes) -> list[bytes]:
    """What the server answers to each of several commands."""

    async def run() -> list[bytes]:
        async with server_context() as context:
            client = await with_messages(context)
            answers = [await client.command(command) for command in commands]
            await client.close()
            return answers

    return asyncio.run(run())


def numbers(*found: int) -> bytes:
    """The answer of a search."""
    return b" ".join((b"* SEARCH", *(b"%d" % number for number in found))) + b"\r\n"


def test_a_thousand_alternatives() -> None:
    """Clients write "any of these thousand" as a chain of ORs; it costs what its keys cost."""
    chain = b"OR SUBJECT nothing " * 999 + b'SUBJECT "chen 7"'
    (answer,) = ask(b"SEARCH " + chain)
    assert answer.startswith(numbers(7, *range(70, 80)))


def test_keys_nested_as_deep_as_they_may_be() -> None:
    """NOT and parentheses fifty deep are answered, deeper ones are the client's mistake and change nothing."""
    for prefix, suffix in ((b"NOT ", b""), (b"(", b")"), (b"NOT (OR 1 ", b")")):
        depth = 50 if suffix != b")" or prefix == b"(" else 49
        answers = ask(
            b"SEARCH RETURN (SAVE) 3",
            b"SEARCH " + prefix * depth + b"2" + suffix * depth,
            b"SEARCH RETURN (SAVE) " + prefix * (depth + 2) + b"2" + suffix * (depth + 2),
            b"SEARCH $",
        )
        assert b" OK " in answers[1]
        assert b" BAD " in answers[2]
        assert answers[3].startswith(numbers(3))


def test_more_keys_than_anybody_needs() -> None:
    """Ten thousand keys are the limit."""
    answers = ask(b"SEARCH " + b"ALL " * 9999 + b"1", b"SEARCH " + b"ALL " * 10_000 + b"1")
    assert answers[0].startswith(numbers(1))
    assert b" BAD " in answers[1]


def test_huge_sets() -> None:
    """Clients do not split their sets; a set of a hundred thousand members, or of the same one, is quickly read."""
    odd = b",".join(b"%d" % number for number in range(1, 100_000, 2))
    high = b",".join(b"%d" % (2**32 - 1 - number) for number in range(50_000))
    everything = b",".join([b"1:*"] * 100_000)
    answers = ask(
        b"UID SEARCH UID " + odd,
        b"UID FETCH " + high + b" UID",
        b"FETCH " + everything + b" UID",
        b"UID STORE " + odd + b" +FLAGS.SILENT (\\Deleted)",
        b"UID EXPUNGE " + odd,
    )
    assert answers[0].startswith(numbers(*range(1, COUNT, 2)))
    assert answers[1].count(b"FETCH (") == 0
    assert answers[2].count(b"FETCH (") == COUNT
    assert answers[4].count(b" EXPUNGE\r\n") == COUNT // 2
    assert answers[4].startswith(b"* 1 EXPUNGE\r\n* 2 EXPUNGE\r\n* 3 EXPUNGE\r\n")


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        (b"ISO-8859-1", "münchen 9"),
        (b"iso8859-15", "MÜNCHEN 9"),
        (b"windows-1252", "München 9"),
        (b"UTF-8", "mÜnChEn 9"),
        (b"utf8", "CHEN 9"),
        (b"IBM850", "nchen 9"),
    ],
)
def test_charsets(charset: bytes, text: str) -> None:
    """The search's own charset is taken off before text is compared without regard to case."""
    octets = text.encode(charset.decode())
    (answer,) = ask(b"SEARCH CHARSET %b SUBJECT {%d+}\r\n%b SMALLER 1000" % (charset, len(octets), octets))
    assert answer.startswith(numbers(9, *range(90, 100)))


def test_text_that_is_not_in_its_charset() -> None:
    """That is the client's mistake, and ``$`` stays."""
    answers = ask(
        b"SEARCH RETURN (SAVE) 3",
        b"SEARCH RETURN (SAVE) CHARSET EUC-JP SUBJECT {2+}\r\n\xff\xff",
        b"SEARCH $",
    )
    assert b" BAD " in answers[1]
    assert answers[2].startswith(numbers(3))


def test_a_thousand_keywords() -> None:
    """Each message has its own ten: all are announced, kept, found and told to a session that comes later."""
    names = [b"k%d-%d" % (number, each) for number in range(1, 101) for each in range(10)]

    async def run() -> None:
        async with server_context() as context:
            client = await with_messages(context)
            for number in range(1, 101):
                mine = b" ".join(names[number * 10 - 10 : number * 10])
                answer = await client.command(b"STORE %d FLAGS (%b)" % (number, mine))
                assert answer.startswith(b"* FLAGS (")
                assert b"* %d FETCH (FLAGS (%b" % (number, mine.split(b" ")[0]) in answer
            assert (await client.command(b"SEARCH KEYWORD K77-3")).startswith(numbers(77))
            answer = await client.command(b"SELECT INBOX")
            flags = next(line for line in answer.split(b"\r\n") if line.startswith(b"* FLAGS ("))
            assert set(names) <= set(flags[len(b"* FLAGS (") : -1].split())
            answer = await client.command(b"STORE 1 FLAGS (%b)" % b" ".join(names[:501]))
            assert b"NO [LIMIT]" in answer
            answer = await client.command(b"STORE 1 FLAGS (%b)" % b" ".join(names[:500]))
            assert b" OK " in answer
            await client.close()

    asyncio.run(run())


def test_searching_copies_of_a_monstrous_header(tmp_path: Path) -> None:
    """Large headers are read one at a time, also after many small ones: an attacker's upload is not multiplied."""

    async def run() -> int:
        async with server_context(tmp_path) as context:
            client = await with_messages(context, 300)
            octets = b"".join(b"X-Field-%06d: %b\r\n" % (number, b"x" * 80) for number in range(30_000))
            client.send(b"b APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
            await client.until(lambda data: len(data) if b"b OK" in data else None)
            for _ in range(5):
                await client.command(b"COPY 301:* INBOX")
            tracemalloc.start()
            answer = await client.command(b"SEARCH HEADER X-Field-000007 xxx")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert answer.startswith(numbers(*range(301, 333)))
            await client.close()
            return peak

    assert asyncio.run(run()) < 40 * 1024 * 1024
