"""UTF-8 on the wire: what cannot be written down in a transcript, which is UTF-8 itself (RFC 9755)."""

import asyncio

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.imap.core.nested import parse_nested
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.message.parse import parse_message
from mailwren.server.ext.utf8 import utf8_envelope
from mailwren.server.features import Features


def test_only_utf8_once_it_is_enabled() -> None:
    """8-bit octets in quoted strings that are no UTF-8: BAD after ENABLE, taken before (RFC 9755 §3)."""
    fragments = (b'"caf\xe9"',)
    assert Scanner(fragments).quoted() == b"caf\xe9"
    with pytest.raises(BadCommand):
        Scanner(fragments, utf8=True).quoted()
    assert Scanner((b'"caf\xc3\xa9"',), utf8=True).quoted() == b"caf\xc3\xa9"


def test_bad_for_the_whole_command() -> None:
    """Wherever the string stands. Controls and separators of lines are UTF-8, but nothing for names."""

    async def run() -> None:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            assert b"OK" in await client.command(b"ENABLE UTF8=ACCEPT")
            await client.command(b"SELECT INBOX")
            for command in (b'CREATE "caf\xe9"', b'SEARCH SUBJECT "\xff"', b'ID ("name" "\xc3")'):
                assert b" BAD " in await client.command(command)
            for unfit in ("a\u2028b", "a\u2029b", "a\x7fb", "a\x85b", "a\x01b"):
                assert b"NO [CANNOT]" in await client.command(b'CREATE "%b"' % unfit.encode())
            await client.close()

    asyncio.run(run())


def _envelope(header: str) -> bytes:
    return utf8_envelope(parse_message(header.encode() + b"\r\n\r\n").envelope)


def test_addresses_in_an_envelope() -> None:
    """A local part in UTF-8 is told as it is; names, subjects and ASCII addresses as before."""
    assert b'"=?utf-8?' in _envelope("From: Jürgen <j@example.org>\r\nSubject: Grüße").lower()
    assert b'NIL "j" "example.org"' in _envelope("From: Jürgen <j@example.org>\r\nSubject: Grüße")
    several = _envelope("To: a@b, 用户@例え.jp, Ü <ü@example.org>\r\nSubject: ü")
    assert 'NIL "用户" "xn--r8jz45g.jp"'.encode() in several
    assert 'NIL "ü" "example.org"'.encode() in several
    assert b'(NIL NIL "a" "b")' in several
    assert several.lower().startswith(b'(nil "=?utf-8?')


def test_an_envelope_stays_well_formed() -> None:
    """Nothing that a sender writes gets out of its string."""
    odd = _envelope('From: "x" <"ü\\" (\\\\"@example.org>\r\nMessage-ID: <ü" "@x>\r\nIn-Reply-To: <ö>')
    items = parse_nested(odd).items
    assert items is not None
    assert len(items) == 10
