"""What SELECT says is kept, and said again only while it is true."""

import asyncio
import re

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.server.core.introductions import Introductions
from mailwren.server.features import Features
from mailwren.server.selected import Selected

_CHANGES = (
    b"NOOP",
    b"APPEND INBOX {3+}\r\n1\r\n",
    b"APPEND INBOX (\\Seen) {3+}\r\n2\r\n",
    b"STORE 1 +FLAGS.SILENT (\\Seen word)",
    b"STORE 2 +FLAGS.SILENT (\\Deleted)",
    b"EXPUNGE",
    b'SETMETADATA INBOX (/private/comment "c")',
)
_ASKING = (b"SELECT INBOX", b"SELECT INBOX", b"EXAMINE INBOX", b"SELECT INBOX", b"SELECT inbox (CONDSTORE)")
_FORMS = (b"NOOP", b"LANGUAGE de", b"ENABLE UIDONLY")


async def _answers() -> list[bytes]:
    """What clients are told that select again and again while another changes the mailbox."""
    async with server_context() as context:
        writer, *readers = [Client(context, Features()) for _ in range(1 + len(_FORMS))]
        await writer.login()
        await writer.command(b"SELECT INBOX")
        for reader, form in zip(readers, _FORMS, strict=True):
            await reader.login()
            await reader.command(form)
        answers = []
        for change in _CHANGES:
            await writer.command(change)
            answers += [await reader.command(asking) for reader in readers for asking in _ASKING]
        return [re.sub(rb"UIDVALIDITY \d+|MAILBOXID \(\S+\)", b"", answer) for answer in answers]


def test_nothing_is_said_that_is_not_true_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through arrivals, flags and expunges, in every language and form, as if nothing were kept."""
    said: list[bool] = []
    say = Introductions.say

    def count(self: Introductions, *arguments: object) -> bool:
        said.append(say(self, *arguments))  # type: ignore[arg-type] # as it was called
        return said[-1]

    monkeypatch.setattr(Introductions, "say", count)
    kept = asyncio.run(_answers())
    assert sum(said) > len(said) / 4
    monkeypatch.setattr(Introductions, "say", lambda *_: False)
    assert kept == asyncio.run(_answers())


def test_what_comes_while_recent_messages_are_claimed_is_hidden_from_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mailbox that changes while it is being selected is introduced as it was, and the next time as it is."""
    claim_recent = Selected.claim_recent

    async def run() -> list[bytes]:
        async with server_context() as context:
            writer, one, two, three = [Client(context, Features()) for _ in range(4)]
            for client in (writer, one, two, three):
                await client.login()
            await writer.command(b"APPEND INBOX {3+}\r\n1\r\n")

            async def claim(selected: Selected) -> None:
                monkeypatch.setattr(Selected, "claim_recent", claim_recent)
                await writer.command(b"APPEND INBOX {3+}\r\n2\r\n")
                await three.command(b"SELECT INBOX")
                await claim_recent(selected)

            monkeypatch.setattr(Selected, "claim_recent", claim)
            return [await one.command(b"SELECT INBOX"), await two.command(b"SELECT INBOX")]

    first, second = (re.findall(rb"(\d+) EXISTS", answer) for answer in asyncio.run(run()))
    assert first == [b"1", b"2"]
    assert second == [b"2"]


def test_only_so_many_are_kept() -> None:
    """Beyond the limit the one that was used longest ago is made anew."""

    async def run() -> tuple[bytes, int]:
        async with server_context() as context:
            context.introductions = Introductions(1)
            client = Client(context, Features())
            await client.login()
            await client.command(b"CREATE Other")
            answers = [await client.command(b"SELECT " + name) for name in (b"INBOX", b"Other", b"INBOX")]
            return answers[-1], len(context.introductions._entries)

    answer, count = asyncio.run(run())
    assert b"* 0 EXISTS" in answer
    assert count == 1


def test_a_long_introduction_is_not_kept() -> None:
    """Thousands of mailboxes with thousands of keywords each would take gigabytes."""

    async def run() -> None:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            await client.command(b"APPEND INBOX {3+}\r\n1\r\n")
            for mailbox in (b"INBOX", b"INBOX"):
                await client.command(b"SELECT " + mailbox)
            kept = len(context.introductions._entries)
            assert kept
            for number in range(20):
                words = b" ".join(b"k%020d" % (number * 100 + each) for each in range(100))
                assert b" OK " in await client.command(b"STORE 1 FLAGS.SILENT (%b)" % words)
            for mailbox in (b"", b"INBOX", b"INBOX"):
                await client.command(b"EXAMINE " + mailbox)
            assert all(len(each.octets) <= limits.INTRODUCTION for each in context.introductions._entries.values())
            assert len(context.introductions._entries) <= kept + 1

    asyncio.run(run())
