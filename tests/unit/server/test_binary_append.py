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


def test_refused() -> None:
    """A literal may hold no NUL, and a literal8 none where nothing can be encoded; nothing is added (RFC 9051 §9)."""
    answers = _run(
        [
            b"APPEND INBOX " + _literal(HEADER + b"a\0b", b""),
            b"APPEND INBOX " + _literal(b"Subject: a\0b\r\n\r\n"),
            b"APPEND INBOX CATENATE (TEXT %b TEXT %b)" % (_literal(HEADER), _literal(b"\0", b"")),
            b"APPEND INBOX CATENATE (TEXT %b TEXT %b)" % (_literal(HEADER), _literal(b"\0")),
            b"STATUS INBOX (MESSAGES)",
        ]
    )
    assert b" BAD " in answers[0]
    assert b" NO [UNKNOWN-CTE] " in answers[1]
    assert b" BAD " in answers[2]
    assert b" OK [APPENDUID " in answers[3]
    assert b"(MESSAGES 1)" in answers[4]


def test_too_large_when_encoded() -> None:
    """The limit holds for what is stored (RFC 7889 §5)."""
    (answer,) = _run([b"APPEND INBOX " + _literal(HEADER + b"\0" * 900)], message_size_limit=1000)
    assert b" NO [TOOBIG] " in answer
