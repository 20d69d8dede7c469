"""Every message of the corpus through the server: stored, fetched in every way, and read by an independent parser."""

import asyncio
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import pytest
from imapclient.response_parser import parse_fetch_response
from imapclient.response_types import Envelope
from tests.corpus.test_message_corpus import CORPUS, FOLDERS, _messages
from tests.support.inprocess import Client, literal_size, server_context, split_responses

from mailwren.server.features import Features

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDERS, reason=f"no message corpus at {CORPUS}; set MAILWREN_CORPUS"),
]
_ANSWER = re.compile(rb"t\d+ (OK|NO \[UNKNOWN-CTE\])")


def _pieces(response: bytes) -> Iterator[bytes | tuple[bytes, bytes]]:
    """A response as imapclient's parser takes it: text, and pairs of text and literal."""
    rest = response
    while (end := rest.find(b"\r\n")) >= 0 and (size := literal_size(rest[:end])) is not None:
        yield rest[:end], rest[end + 2 : end + 2 + size]
        rest = rest[end + 2 + size :]
    yield rest


def _parsed(response: bytes) -> dict[bytes, Any]:
    """One FETCH response through imapclient's parser."""
    text = re.sub(rb"\A\* (\d+) FETCH ", rb"\1 ", response)
    ((_, row),) = parse_fetch_response(list(_pieces(text)), uid_is_key=False).items()
    return dict(row)


def _parts(body: Any) -> list[Any]:
    """The parts of a parsed multipart, empty for anything else; nested in a message they stand side by side."""
    if isinstance(body[0], list):
        return list(body[0])
    return list(takewhile(lambda each: isinstance(each, tuple), body))


def _leaves(body: Any, prefix: str = "") -> Iterator[str]:
    """The section numbers of the parts that are no multiparts, from a parsed BODYSTRUCTURE."""
    for number, part in enumerate(_parts(body), 1):
        yield from _leaves(part, f"{prefix}{number}.")
    if _parts(body):
        return
    own = prefix or "1."
    yield own[:-1]
    encoded = body[5].lower() not in (b"7bit", b"8bit", b"binary")  # a message within an encoding is a leaf
    if body[0].lower() == b"message" and body[1].lower() in (b"rfc822", b"global") and len(body) > 8 and not encoded:
        yield from _leaves(body[8], own if _parts(body[8]) else f"{own}1.")


async def _check(client: Client, number: int, name: str, octets: bytes) -> None:
    answer = await client.command(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))  # a literal8 is encoded
    assert b"OK [APPENDUID" in answer, name
    output = await client.command(b"FETCH %d (RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY BODY.PEEK[])" % number)
    (response,) = [each for each in split_responses(output)[0] if b" FETCH (" in each[:40]]
    row = _parsed(response)
    assert row[b"BODY[]"] == octets, name
    assert row[b"RFC822.SIZE"] == len(octets), name
    assert isinstance(row[b"ENVELOPE"], Envelope), name
    for section in _leaves(row[b"BODYSTRUCTURE"]):
        part = section.encode()
        for item in (b"BODY.PEEK[%b]" % part, b"BODY.PEEK[%b.MIME]" % part, b"BINARY.SIZE[%b]" % part):
            answer = await client.command(b"FETCH %d %b" % (number, item))
            assert _ANSWER.search(answer), (name, section, answer[-200:])
            assert b"] NIL" not in answer[:200] or item.endswith(b"MIME]"), (name, section, answer[:200])
        size = re.search(rb"BINARY\.SIZE\[[\d.]+\] (\d+)", answer)
        answer = await client.command(b"FETCH %d BINARY.PEEK[%b]" % (number, part))
        assert _ANSWER.search(answer), (name, section, answer[-200:])
        if size is not None:
            assert b"{%b}" % size[1] in answer[:200], (name, section)


async def _run(folder: str) -> None:
    features = Features()
    async with server_context() as context:
        client = Client(context, features)
        await client.login()
        await client.command(b"SELECT INBOX")
        for number, (name, octets) in enumerate(_messages(folder), 1):
            await _check(client, number, name, octets)
        await client.close()


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_message_comes_back(folder: str) -> None:
    """Octets and sizes are exact, every structure parses, every leaf part is there, also through BINARY."""
    asyncio.run(_run(folder))
