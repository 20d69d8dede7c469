"""URLs that let others read: what the transcripts cannot show (RFC 4467)."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.server.context import ServerContext
from mailwren.server.ext.url_keys import is_token, token
from mailwren.server.features import Features

BODY = b"Subject: x\r\n\r\nSi vis pacem, para bellum.\r\n"


def _play(test: Callable[[ServerContext, Client, Client], Awaitable[None]]) -> None:
    """With anna, who has a message, and ben."""

    async def run() -> None:
        async with server_context() as context:
            anna, ben = Client(context, Features()), Client(context, Features())
            await anna.login()
            await ben.login("ben")
            anna.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(BODY), BODY))
            assert b"a OK" in await anna.line()
            await test(context, anna, ben)
            for client in (anna, ben):
                await client.close()

    asyncio.run(run())


async def _authorize(client: Client, ending: bytes, mailbox: bytes = b"INBOX") -> bytes:
    url = b"imap://anna@test.example/%b/;uid=1/;section=TEXT%b" % (mailbox, ending)
    answer = await client.command(b'GENURLAUTH "%b" INTERNAL' % url)
    match = re.search(rb'GENURLAUTH "([^"]+)"', answer)
    assert match is not None, answer
    return match[1]


async def _readable(client: Client, url: bytes) -> bool:
    answer = await client.command(b'URLFETCH "%b"' % url)
    assert b"OK URLFETCH completed" in answer
    return b"Si vis pacem" in answer


def test_an_expired_url() -> None:
    """After EXPIRE a URL MUST be rejected (RFC 4467 §3)."""

    async def test(context: ServerContext, anna: Client, ben: Client) -> None:
        url = await _authorize(anna, b";expire=2030-01-01T00:00:00Z;urlauth=anonymous")
        context.wall_clock = lambda: 1893455999.0
        assert await _readable(ben, url)
        context.wall_clock = lambda: 1893456001.0
        assert not await _readable(ben, url)

    _play(test)


def test_submission_servers() -> None:
    """``submit+`` is for the configured users only, whomever they act for (RFC 4467 §3)."""

    async def test(context: ServerContext, anna: Client, ben: Client) -> None:
        url = await _authorize(anna, b";urlauth=submit+anna")
        assert not await _readable(ben, url)
        assert not await _readable(anna, url)
        context.config = replace(context.config, submission_users=("ben",))
        assert await _readable(ben, url)

    _play(test)


def test_no_octet_of_the_url_may_change() -> None:
    """Neither what it names nor the token, nor the case of anything in front of it (RFC 4467 §6)."""

    async def test(_context: ServerContext, anna: Client, ben: Client) -> None:
        url = await _authorize(anna, b";urlauth=authuser")
        assert await _readable(ben, url)
        assert not await _readable(ben, url.replace(b"TEXT", b"HEADER"))
        assert not await _readable(ben, url.replace(b"uid=1", b"uid=2"))
        assert not await _readable(ben, url.replace(b"authuser", b"anonymous"))
        assert not await _readable(ben, url.replace(b"imap://", b"IMAP://"))
        assert not await _readable(ben, url.replace(b"INBOX", b"%49NBOX"))
        assert not await _readable(ben, url[:-1] + (b"0" if url[-1:] != b"0" else b"1"))
        assert not await _readable(ben, url.replace(b"anna", b"nobody"))
        assert not await _readable(ben, url.replace(b"INBOX", b"Nowhere"))
        assert not await _readable(ben, url.replace(b"test.example", b"other.example"))

    _play(test)


def test_a_key_belongs_to_the_mailbox_not_to_its_name() -> None:
    """What was authorized ends with the mailbox, also where another one takes its name."""

    async def test(_context: ServerContext, anna: Client, ben: Client) -> None:
        await anna.command(b"CREATE Work")
        anna.send(b"b APPEND Work {%d+}\r\n%b\r\n" % (len(BODY), BODY))
        await anna.line()
        url = await _authorize(anna, b";urlauth=anonymous", b"Work")
        assert await _readable(ben, url)
        await anna.command(b"DELETE Work")
        assert not await _readable(ben, url)
        await anna.command(b"CREATE Work")
        anna.send(b"c APPEND Work {%d+}\r\n%b\r\n" % (len(BODY), BODY))
        await anna.line()
        assert not await _readable(ben, url)

    _play(test)


def test_the_access_is_the_owners() -> None:
    """A URL of a shared mailbox reads with what its owner may read at that time (RFC 4467 §7)."""

    async def test(_context: ServerContext, anna: Client, ben: Client) -> None:
        cleo_url = b"imap://ben@test.example/Other%20Users/anna/INBOX/;uid=1/;section=TEXT;urlauth=user+anna"
        assert b"BAD" in await ben.command(b'GENURLAUTH "%b" INTERNAL' % cleo_url)
        await anna.command(b"SETACL INBOX ben lr")
        answer = await ben.command(b'GENURLAUTH "%b" INTERNAL' % cleo_url)
        match = re.search(rb'GENURLAUTH "([^"]+)"', answer)
        assert match is not None, answer
        assert await _readable(anna, match[1])
        await anna.command(b"SETACL INBOX ben l")
        assert not await _readable(anna, match[1])

    _play(test)


def test_many_urls() -> None:
    """Large values and many of them are streamed; too many URLs at once are refused."""

    async def test(_context: ServerContext, anna: Client, _ben: Client) -> None:
        large = b"Subject: x\r\n\r\n" + b"0123456789abcde\r\n" * 10_000
        anna.send(b"l APPEND INBOX {%d+}\r\n%b\r\n" % (len(large), large))
        assert b"l OK" in await anna.line()
        url = await _authorize(anna, b";urlauth=anonymous")
        answer = await anna.command(b"GENURLAUTH imap://anna@test.example/INBOX/;uid=2;urlauth=anonymous INTERNAL")
        match = re.search(rb'GENURLAUTH "([^"]+)"', answer)
        assert match is not None
        answer = await anna.command(b"URLFETCH " + b" ".join([match[1], url] * 5))
        assert answer.count(large) == answer.count(b"para bellum.\r\n") == 5
        assert b"NO [LIMIT]" in await anna.command(b"URLFETCH" + b" x" * 1001)
        assert b"NO [LIMIT]" in await anna.command(b"GENURLAUTH" + b" x INTERNAL" * 1001)

    _play(test)


@pytest.mark.parametrize("key", [None, b"k" * 32])
def test_tokens(key: bytes | None) -> None:
    """Hexadecimal in any case, and never right without a key (RFC 4467 §3, §6)."""
    right = token(b"k" * 32, "imap://x")
    assert re.fullmatch("[0-9a-f]{66}", right)
    assert is_token(key, "imap://x", right.upper()) == (key is not None)
    assert not is_token(key, "imap://y", right)
    assert not is_token(key, "imap://x", "")


@pytest.mark.parametrize(
    ("sockname", "host", "known"),
    [
        (("127.0.0.1", 1143), b"127.0.0.1", True),
        (("127.0.0.1", 1143), b"localhost", True),
        (("::ffff:127.0.0.1", 1143, 0, 0), b"LOCALHOST:1143", True),
        (("::1", 1143, 0, 0), b"[::1]", True),
        (("::1", 1143, 0, 0), b"localhost", True),
        (("192.0.2.9", 143), b"192.0.2.9", True),
        (("192.0.2.9", 143), b"localhost", False),
        (("192.0.2.9", 143), b"127.0.0.1", False),
        (("192.0.2.9", 143), b"other.example", False),
        ("/run/imap.sock", b"localhost", False),
    ],
)
def test_the_server_as_the_client_has_reached_it(sockname: object, host: bytes, *, known: bool) -> None:
    """A URL names the server by the address that the client has connected to, too (RFC 4467 §7, RFC 4469 §3)."""

    async def test(context: ServerContext, anna: Client, ben: Client) -> None:
        del context
        anna.transport.sockname = ben.transport.sockname = sockname
        url = b"imap://anna@%b/INBOX/;uid=1/;section=TEXT" % host
        answer = await anna.command(b'GENURLAUTH "%b;urlauth=anonymous" INTERNAL' % url)
        generated = re.search(rb'GENURLAUTH "([^"]+)"', answer)
        assert (generated is not None) == known
        if generated is not None:
            assert await _readable(ben, generated[1])
        answer = await anna.command(b'APPEND INBOX CATENATE (URL "%b")' % url)
        assert (b"OK [APPENDUID" in answer) == known

    _play(test)
