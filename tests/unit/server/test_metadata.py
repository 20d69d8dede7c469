"""Annotations over the wire: their limits, what the operator sets for everybody, and filters kept there."""

import asyncio
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.server.features import Features


def _run(commands: list[bytes], **settings: Any) -> list[bytes]:
    """The answers to commands, each whole."""

    async def play() -> list[bytes]:
        async with server_context(**settings) as context:
            client = Client(context, Features())
            await client.login()
            answers = [await client.command(command) for command in commands]
            await client.close()
            return answers

    return asyncio.run(play())


@pytest.mark.parametrize("before", [b"{65537+}\r\n", b"~{65537+}\r\n", b'"'])
def test_a_value_that_is_too_large(before: bytes) -> None:
    """However it is sent, the refusal says how large it may be, and the connection goes on (RFC 5464 §4.3)."""
    value = before + b"x" * (limits.ANNOTATION_VALUE + 1) + (b'"' if before == b'"' else b"")
    largest = b"y" * limits.ANNOTATION_VALUE
    refused, taken, told = _run(
        [
            b"SETMETADATA INBOX (/private/comment " + value + b")",
            b"SETMETADATA INBOX (/private/comment {%d+}\r\n%b)" % (len(largest), largest),
            b"GETMETADATA INBOX /private/comment",
        ]
    )
    assert b" NO [METADATA MAXSIZE %d] " % limits.ANNOTATION_VALUE in refused
    assert b" OK " in taken
    assert largest in told


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One annotation more than a mailbox may have is refused, with all that came with it (RFC 5464 §4.3)."""
    monkeypatch.setattr(limits, "ANNOTATIONS_PER_MAILBOX", 2)
    answers = _run(
        [
            b'SETMETADATA INBOX (/private/a "1" /shared/b "2")',
            b'SETMETADATA INBOX (/private/a "new" /private/c "3")',
            b"GETMETADATA INBOX (/private/a /private/c)",
        ]
    )
    assert b" OK " in answers[0]
    assert b" NO [METADATA TOOMANY] " in answers[1]
    assert answers[2].startswith(b'* METADATA INBOX (/private/a "1" /private/c NIL)\r\n')


def test_octets_that_hold_nul() -> None:
    """A value with NUL comes back as literal8."""
    answers = _run([b"SETMETADATA INBOX (/shared/bits ~{3+}\r\na\0b)", b"GETMETADATA INBOX /shared/bits"])
    assert answers[1].startswith(b"* METADATA INBOX (/shared/bits ~{3}\r\na\0b)\r\n")


def test_what_the_operator_sets_for_everybody() -> None:
    """The server's shared entries come from the configuration, filters too (RFC 5464 §3.2.1.1, RFC 5466 §3.1)."""
    settings = {
        "annotations": {
            "/shared/admin": "mailto:postmaster@example.org",
            "/shared/filters/values/new": "UNSEEN",
            "/shared/filters/values/bad": "OR SEEN",
        }
    }
    told, deep, found, broken, own = _run(
        [
            b'GETMETADATA (MAXSIZE 20) "" (/shared/admin /shared/comment)',
            b'GETMETADATA (DEPTH infinity) "" /shared/filters',
            b"SELECT INBOX",
            b"SEARCH FILTER bad",
            b'SETMETADATA "" (/private/filters/values/bad "ALL")',
        ],
        **settings,
    )
    assert told.startswith(b'* METADATA "" (/shared/comment NIL)\r\n')
    assert b"[METADATA LONGENTRIES 29]" in told
    assert deep.startswith(
        b'* METADATA "" (/shared/filters/values/new "UNSEEN" /shared/filters/values/bad "OR SEEN")\r\n'
    )
    assert b" OK " in found
    assert b" NO [UNDEFINED-FILTER bad] " in broken
    assert b" OK " in own


def test_a_private_filter_stands_before_the_shared_one() -> None:
    """Of two filters of one name the user's own is taken (RFC 5466 §3.1)."""
    message = b"hello\r\n"
    answers = _run(
        [
            b"APPEND INBOX (\\Seen) {%d+}\r\n%b" % (len(message), message),
            b"SELECT INBOX",
            b"SEARCH FILTER x",
            b'SETMETADATA "" (/private/filters/values/X "SEEN")',
            b"SEARCH FILTER x",
        ],
        annotations={"/shared/filters/values/x": "UNSEEN"},
    )
    assert answers[2].startswith(b"* SEARCH\r\n")
    assert answers[4].startswith(b"* SEARCH 1\r\n")


def test_filters_that_grow_out_of_bounds() -> None:
    """Filters that double at each level end the search with LIMIT, soon."""
    doubling = (
        b'SETMETADATA "" ('
        + b" ".join(
            b'/private/filters/values/f%d "FILTER f%d FILTER f%d FILTER f%d FILTER f%d"' % (each, *(each + 1,) * 4)
            for each in range(9)
        )
        + b' /private/filters/values/f9 "'
        + b"SEEN " * 9000
        + b'SEEN")'
    )
    answers = _run([doubling, b"SELECT INBOX", b"SEARCH FILTER f0", b"SEARCH FILTER f9"])
    assert b" NO [LIMIT] " in answers[2]
    assert b" OK " in answers[3]


def test_commands_are_refused_for_what_is_wrong_before_login() -> None:
    """METADATA needs a user (RFC 5464 §4.2)."""

    async def play() -> bytes:
        async with server_context() as context:
            client = Client(context, Features())
            await client.line()
            answer = await client.command(b'GETMETADATA "" /shared/comment')
            await client.close()
            return answer

    assert b" BAD " in asyncio.run(play())
