"""Sections of many messages at once: the same octets as message by message."""

import asyncio
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.imap.commands import COMMANDS
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.scanner import Scanner
from mailwren.server.core import fetch_columns
from mailwren.server.core.fetch_columns import Batch, column_of
from mailwren.server.features import Features

INNER = b"Subject: inner\r\nContent-Type: text/plain\r\n\r\ninner text\r\n"
MIXED = (
    b"Subject: mixed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\n%b\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n--b--\r\n"
)
MAIL = (
    b"Subject: plain\r\n\r\n" + b"line of text\r\n" * 20,
    MIXED % b"first part",
    MIXED % (b"many lines like this one\r\n" * 400),
    b"Subject: empty\r\n\r\n",
    b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * (limits.BLOB_IN_DATABASE // 16),
    MIXED % (b"and another that is large\r\n" * (limits.BLOB_IN_DATABASE // 20)),
)
SECTIONS = (
    "BODY[]", "BODY[1]", "BODY[2]", "BODY[3]", "BODY[2.1]", "BODY[2.HEADER]", "BODY[2.TEXT]", "BODY[1.MIME]",
    "BODY[TEXT]", "BODY[HEADER]", "BODY[HEADER.FIELDS (Subject)]", "BODY[HEADER.FIELDS.NOT (Subject)]",
    "BODY[2.HEADER.FIELDS (Subject)]", "RFC822.TEXT", "RFC822.HEADER", "RFC822",
)  # fmt: skip
PARTIALS = ("", "<0.10>", "<5.20>", "<0.2048>", "<3000.100000>", "<9999999.5>", "<0.9223372036854775807>")


def item_of(text: str) -> FetchItem:
    """The FETCH item written so."""
    syntax = next(command for command in COMMANDS if command.name == b"FETCH")
    item: FetchItem = syntax.parse(Scanner((b" 1 " + text.encode(),))).items[0]
    return item


@pytest.mark.parametrize("section", SECTIONS)
def test_many_at_once_are_the_same_as_one_by_one(section: str) -> None:
    """Parts that are not there, partial ones, and messages that are too large to be read with others included."""

    async def run() -> None:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            for each in MAIL:
                assert b" OK " in await client.command(b"APPEND INBOX {%d+}\r\n%b" % (len(each), each))
            await client.command(b"SELECT INBOX")
            session: Any = client.protocol.session
            batch = Batch.of(session, session.mailbox, range(len(MAIL)))
            for partial in PARTIALS if section.startswith("BODY") else ("",):
                column = column_of(item_of(section + partial))
                cells = await column.values(batch)
                for index, cell in enumerate(cells):
                    single = await column.single(batch.account, batch.contents[index], 10 * len(MAIL[-1]))
                    assert cell is None or cell == single
                    assert isinstance(single, bytes)
                if section == "BODY[1]":
                    assert [cell is None for cell in cells] == [len(each) > limits.BLOB_IN_DATABASE for each in MAIL]

    asyncio.run(run())


def test_parts_of_no_message_are_nil() -> None:
    """Where a message has no such part, beside others that have it (RFC 9051 §7.5.2)."""

    async def run() -> bytes:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            for each in MAIL[:3]:
                await client.command(b"APPEND INBOX {%d+}\r\n%b" % (len(each), each))
            await client.command(b"SELECT INBOX")
            return await client.command(b"FETCH 1:* (UID BODY.PEEK[2.TEXT])")

    answer = asyncio.run(run())
    assert b"* 1 FETCH (UID 1 BODY[2.TEXT] NIL)\r\n* 2 FETCH (UID 2 BODY[2.TEXT] {12}\r\ninner text\r\n)\r\n" in answer


def test_long_parts_weigh_more_than_short_ones() -> None:
    """What takes much memory is held of few messages at a time, and not kept."""
    short, long = (column_of(item_of(text)) for text in ("BODY[1]<0.2048>", "BODY[1]"))
    assert short.lasting
    assert not long.lasting
    assert long.weight == column_of(item_of("BODY[]")).weight == fetch_columns._HEAVIEST
    assert short.weight < long.weight


@pytest.mark.parametrize("items", ["BODY.PEEK[]", "BODY.PEEK[1]", "BODY.PEEK[TEXT] UID"])
def test_octets_stand_beside_what_is_too_large_for_its_row(items: str) -> None:
    """A message with a very large structure is answered by itself, and has all of what was asked for."""
    parts = b"".join(
        b"--b\r\nContent-Type: text/plain; name=part%d\r\nContent-Description: %b\r\n\r\nx\r\n" % (number, b"w" * 1000)
        for number in range(20)
    )
    head = b"Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    mail = head + parts + b"--b--\r\n"

    async def run() -> None:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            assert b" OK " in await client.command(b"APPEND INBOX {%d+}\r\n%b" % (len(mail), mail))
            await client.command(b"SELECT INBOX")
            wanted = items.encode()
            alone = await client.command(b"FETCH 1 (%b)" % wanted)
            structure = await client.command(b"FETCH 1 BODYSTRUCTURE")
            assert len(structure) > fetch_columns._ROW
            both = await client.command(b"FETCH 1 (BODYSTRUCTURE %b)" % wanted)
            text = structure.split(b"FETCH (", 1)[1].rsplit(b")\r\n", 1)[0]
            assert b"BODY[" in alone
            assert alone.split(b"FETCH (", 1)[1].rsplit(b"\r\n", 2)[0] == (
                both.split(b"FETCH (", 1)[1].rsplit(b"\r\n", 2)[0].replace(text + b" ", b"", 1)
            )
            await client.close()

    asyncio.run(run())
