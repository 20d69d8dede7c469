"""Annotations of messages over the wire: their size, what holds NUL, and those of many messages."""

import asyncio

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.server.features import Features

_MESSAGE = b"APPEND INBOX {6+}\r\nA: 1\r\n"


def _run(*commands: bytes) -> list[bytes]:
    """The answers to commands, each whole, after one message was added and INBOX selected."""

    async def play() -> list[bytes]:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            answers = [await client.command(command) for command in (_MESSAGE, b"SELECT INBOX", *commands)]
            await client.close()
            return answers[2:]

    return asyncio.run(play())


@pytest.mark.parametrize("before", [b"{65537+}\r\n", b"~{65537+}\r\n", b'"'])
def test_a_value_that_is_too_large(before: bytes) -> None:
    """However it is sent, the refusal says so, and the connection goes on (RFC 5257 §4.5)."""
    value = before + b"x" * (limits.ANNOTATION_VALUE + 1) + (b'"' if before == b'"' else b"")
    largest = b"y" * limits.ANNOTATION_VALUE
    refused, taken, told = _run(
        b"STORE 1 ANNOTATION (/comment (value.priv " + value + b"))",
        b"STORE 1 ANNOTATION (/comment (value.priv {%d+}\r\n%b))" % (len(largest), largest),
        b"FETCH 1 (ANNOTATION (/comment (value.priv size.priv)))",
    )
    assert b" NO [ANNOTATE TOOBIG] " in refused
    assert b" OK " in taken
    assert b'{65536}\r\n%b size.priv "65536")' % largest in told


def test_octets_that_hold_nul() -> None:
    """A value with NUL comes back as literal8 (RFC 5257 §3.2.2)."""
    answers = _run(
        b"STORE 1 ANNOTATION (/comment (value.shared ~{3+}\r\na\0b))",
        b"FETCH 1 (ANNOTATION (/comment value.shared))",
        b"SEARCH ANNOTATION /comment value.shared ~{2+}\r\n\0B",
    )
    assert answers[1].startswith(b"* 1 FETCH (ANNOTATION (/comment (value.shared ~{3}\r\na\0b)))\r\n")
    assert answers[2].startswith(b"* SEARCH 1\r\n")


def test_many_messages() -> None:
    """More than are read at a time: each with what is its own, for FETCH, SEARCH and SORT alike."""
    number = 600
    answers = _run(
        b"APPEND INBOX" + b" {6+}\r\nA: 1\r\n" * (number - 1),
        *(b'STORE %d ANNOTATION (/comment (value.shared "%03d"))' % (each, number - each) for each in range(1, 600, 7)),
        b"FETCH 1:* (ANNOTATION (/% value.shared))",
        b'SEARCH ANNOTATION /comment value.shared "9"',
        b"SORT (REVERSE ANNOTATION /comment value.shared) UTF-8 1:99",
    )
    noted = {each: b"%03d" % (number - each) for each in range(1, 600, 7)}
    lines = [b'* %d FETCH (ANNOTATION (/comment (value.shared "%b")))' % (each, value) for each, value in noted.items()]
    assert answers[-3].split(b"\r\n")[:-2] == lines
    found = [each for each, value in noted.items() if b"9" in value]
    assert answers[-2].split(b"\r\n")[0] == b" ".join([b"* SEARCH", *(b"%d" % each for each in found)])
    rest = [each for each in range(1, 100) if each not in noted]
    order = [each for each in noted if each < 100] + rest
    assert answers[-1].split(b"\r\n")[0] == b" ".join([b"* SORT", *(b"%d" % each for each in order)])
