"""APPEND of messages that hold NUL (RFC 3516 §4.4, §6, RFC 9051 §4.3.1)."""

import asyncio
import re
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.server.features import Features

HEADER = b"Subject: a\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n"


def _run(commands: list[bytes], **settings: Any) -> list[bytes]:
    async def play() -> list[bytes]:
        async with server_context(**settings) as context:
            client = Client(context, Features())
            await client.login()
            answers = [await client.command(command) for command in [b"SELECT INBOX", *commands]]
            await client.close()
            return answers[1:]

    return asyncio.run(play())


def _literal(octets: bytes, mark: bytes = b"~") -> bytes:
    return b"%b{%d+}\r\n%b" % (mark, len(octets), octets)


@pytest.mark.parametrize("size", [5, limits.LITERAL_IN_MEMORY + 1])
def test_literal8(size: int) -> None:
    """BINARY gives what was sent; BODYSTRUCTURE and BODY[] are as if the client had encoded it."""
    binary = (b"a\0b\r\n" * size)[:size]
    appended, told, body = _run(
        [
            b"APPEND INBOX " + _literal(HEADER + binary),
            b"FETCH 1 (BODYSTRUCTURE BINARY.SIZE[1] BINARY.PEEK[1])",
            b"FETCH 1 BODY.PEEK[]",
        ]
    )
    assert b" OK [APPENDUID " in appended
    assert b' "base64" ' in told
    assert b"BINARY.SIZE[1] %d BINARY[1] ~{%d}\r\n%b)" % (size, size, binary) in told
    assert b"\0" not in body
    assert re.search(rb"BODY\[\] \{\d+\}\r\nContent-Transfer-Encoding: base64\r\nSubject: a\r\n", body)


@pytest.mark.parametrize(
    ("octets", "mark"),
    [
        (HEADER + b"a\0b\r\n", b""),
        (b"Subject: a\0b\r\n\r\nc\r\n", b"~"),
        (b"Subject: a\0b\r\n\r\nc\r\n", b""),
    ],
)
def test_damaged_mail_is_kept(octets: bytes, mark: bytes) -> None:
    """What is no literal8, or has NUL where nothing can be encoded, comes back octet for octet."""
    appended, body = _run([b"APPEND INBOX " + _literal(octets, mark), b"FETCH 1 BODY.PEEK[]"])
    assert b" OK [APPENDUID " in appended
    assert octets in body


@pytest.mark.parametrize("mark", [b"~", b""])
def test_catenate(mark: bytes) -> None:
    """Where one piece is a literal8, the whole is encoded."""
    parts = (_literal(HEADER, b""), _literal(b"\0" * 9, mark))
    appended, body = _run([b"APPEND INBOX CATENATE (TEXT %b TEXT %b)" % parts, b"FETCH 1 BODY.PEEK[]"])
    assert b" OK [APPENDUID " in appended
    assert (b"\0" in body) is (mark == b"")


def test_too_large_when_encoded() -> None:
    """The limit holds for what is stored (RFC 7889 §5)."""
    (answer,) = _run([b"APPEND INBOX " + _literal(HEADER + b"\0" * 900)], message_size_limit=1000)
    assert b" NO [TOOBIG] " in answer
