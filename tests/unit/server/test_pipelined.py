"""EXPUNGE and the commands that a client has sent behind it in the same packet (RFC 9051 §5.5, §6.4.3)."""

import asyncio

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.server.features import Features


def _answers(before: bytes, packet: bytes, last: bytes, *, by_other: bool = False) -> bytes:
    """The answers to a packet in a mailbox of three messages, after a command of this session or of another one."""

    async def run() -> bytes:
        async with server_context() as context:
            client, other = Client(context, Features()), Client(context, Features())
            for each in (client, other):
                await each.login()
                await each.command(b"SELECT INBOX")
            for _ in range(3):
                await client.command(b"APPEND INBOX {1+}\r\nx")
            await client.command(b"STORE 2 +FLAGS.SILENT (\\Deleted)")
            await other.command(b"NOOP")
            if before:
                await (other if by_other else client).command(before)
            client.send(packet)
            answers = b""
            while not answers.endswith(b"\r\n") or last not in answers:
                answers += await client.line()
            for each in (client, other):
                await each.close()
            return answers

    return asyncio.run(run())


@pytest.mark.parametrize("command", [b"EXPUNGE", b"UID EXPUNGE 2"])
@pytest.mark.parametrize(
    "behind",
    [
        b"FETCH 1:2 UID",
        b"SEARCH ALL",
        b"STORE 2 +FLAGS (x)",
        b"COPY 1 INBOX",
        b"UID SEARCH 1:2",
        b"SORT (SIZE) UTF-8 ALL",
    ],
)
def test_an_expunge_is_told_before_its_ok(command: bytes, behind: bytes) -> None:
    """ "Before returning an OK to the client, an untagged EXPUNGE response is sent" (RFC 9051 §6.4.3)."""
    answers = _answers(b"", b"x %b\r\ny %b\r\n" % (command, behind), b"\r\ny OK")
    assert answers.index(b"* 2 EXPUNGE\r\n") < answers.index(b"x OK") < answers.index(b"y OK")
    assert b"EXPUNGEISSUED" not in answers


def test_what_others_expunge_waits_for_the_numbers_in_the_packet() -> None:
    """A NOOP with message numbers behind it tells of nothing that would change them (RFC 9051 §5.5)."""
    answers = _answers(b"EXPUNGE", b"x NOOP\r\ny FETCH 3 UID\r\nz NOOP\r\n", b"\r\nz OK", by_other=True)
    assert answers.index(b"* 3 FETCH (UID 3)") < answers.index(b"y OK") < answers.index(b"* 2 EXPUNGE")
