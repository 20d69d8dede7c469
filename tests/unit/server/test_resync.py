"""QRESYNC where others act at the same moment, and where much has changed (RFC 7162 §3.2)."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from unittest import mock

import pytest
from tests.support.inprocess import Client, server_context, split_responses

from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.server.context import ServerContext
from mailwren.server.ext.qresync import last_match
from mailwren.server.features import Features
from mailwren.server.selected import Selected
from mailwren.server.view import View
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import Append, Expunge, FlagMode, SetFlags
from mailwren.store.sqlite.account import SqliteAccount
from mailwren.store.values import Changes, Mailbox

VANISHED = re.compile(rb"\* VANISHED( \(EARLIER\))? ([\d:,]+)")


async def _filled(context: ServerContext, count: int) -> tuple[Client, MailboxId, bytes]:
    """A client that has enabled QRESYNC, a mailbox with messages, and what it is to say of it."""
    client = Client(context, Features())
    await client.login()
    assert client.protocol.session is not None
    account = client.protocol.session.account
    box = await account.mailbox("INBOX")
    await account.apply([Append(box.id, b"Subject: x\r\n\r\nx\r\n") for _ in range(count)])
    box = await account.mailbox("INBOX")
    await client.command(b"ENABLE QRESYNC")
    return client, box.id, b"SELECT INBOX (QRESYNC (%d %d))" % (box.uid_validity, box.highest_modseq)


def _vanished(answer: bytes, *, earlier: bool) -> RangeSet:
    found = [match for line in split_responses(answer)[0] if (match := VANISHED.match(line))]
    return RangeSet(
        run for match in found if bool(match[1]) == earlier for run in RangeSet.parse(match[2].decode()).ranges()
    )


Between = Callable[[SqliteAccount, MailboxId], Awaitable[object]]


def _in_between(act: Between) -> AbstractContextManager[object]:
    """Something happens just before the log is read for a client that comes back."""
    original = SqliteAccount.changes_since

    async def changes_since(self: SqliteAccount, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        await act(self, mailbox)
        return await original(self, mailbox, modseq)

    return mock.patch.object(SqliteAccount, "changes_since", changes_since)


async def _expunge(account: SqliteAccount, mailbox: MailboxId) -> None:
    await account.apply([Expunge(mailbox, RangeSet([(3, 3)]), only_deleted=False)])


async def _change(account: SqliteAccount, mailbox: MailboxId) -> None:
    await account.apply([SetFlags(mailbox, RangeSet([(4, 4)]), FlagMode.ADD, ("\\Seen",))])


async def _append(account: SqliteAccount, mailbox: MailboxId) -> None:
    await account.apply([Append(mailbox, b"Subject: y\r\n\r\ny\r\n")])


async def _select_while(act: Between) -> bytes:
    async with server_context() as context:
        client, box, command = await _filled(context, 5)
        assert client.protocol.session is not None
        await client.protocol.session.account.apply([Expunge(box, RangeSet([(1, 1)]), only_deleted=False)])
        with _in_between(act):
            answer = await client.command(command)
        await client.close()
        return answer


def test_what_goes_away_during_select_is_counted_down() -> None:
    """A message that EXISTS still counted is VANISHED without EARLIER, so that the client counts it down, and once."""
    answer = asyncio.run(_select_while(_expunge))
    assert b"* 4 EXISTS" in answer
    assert str(_vanished(answer, earlier=True)) == "1"
    assert str(_vanished(answer, earlier=False)) == "3"


def test_what_changes_during_select_is_told_once() -> None:
    """Flags that change meanwhile are told once, and not before the mailbox is introduced."""
    answer = asyncio.run(_select_while(_change))
    assert answer.count(b"* 3 FETCH (UID 4 FLAGS (\\Seen \\Recent) MODSEQ (") == 1
    assert answer.count(b" FETCH ") == 1


def test_what_comes_during_select_is_told_as_new() -> None:
    """A message that comes meanwhile is told with EXISTS, behind what the client was away for."""
    answer = asyncio.run(_select_while(_append))
    lines = split_responses(answer)[0]
    assert lines.index(b"* 4 EXISTS") < lines.index(b"* VANISHED (EARLIER) 1") < lines.index(b"* 5 EXISTS")
    assert b" FETCH " not in answer


def test_what_another_one_was_told_is_not_told_before_its_time() -> None:
    """Who comes back is not told of messages that came after its EXISTS was decided, though another one just was."""

    async def play() -> bytes:
        async with server_context() as context:
            client, box, command = await _filled(context, 3)
            other = Client(context, Features())
            await other.login()
            await other.command(b"ENABLE QRESYNC")
            assert client.protocol.session is not None
            account = client.protocol.session.account
            await account.apply([SetFlags(box, RangeSet([(1, 1)]), FlagMode.ADD, ("\\Seen",))])
            original = Selected.claim_recent
            acted: list[bool] = []

            async def claim_recent(self: Selected) -> None:
                if not acted:
                    acted.append(True)
                    await account.apply([Append(box, b"Subject: y\r\n\r\ny\r\n")])
                    for _ in range(2):
                        assert b"* 4 FETCH (UID 4 " in await other.command(command)
                await original(self)

            with mock.patch.object(Selected, "claim_recent", claim_recent):
                answer = await client.command(command)
            await client.close()
            await other.close()
            return answer

    answer = asyncio.run(play())
    assert b"* 3 EXISTS" in answer
    assert b"* 1 FETCH (UID 1 FLAGS (\\Seen" in answer
    assert b"* 4 FETCH" not in answer.partition(b"* 4 EXISTS")[0]


def test_many_that_went_away_come_in_several_lines() -> None:
    """Thousands of single UIDs do not make one endless line, with EARLIER and without."""

    async def play() -> None:
        async with server_context() as context:
            client, box, command = await _filled(context, 2500)
            watcher = Client(context, Features())
            await watcher.login()
            await watcher.command(b"ENABLE QRESYNC")
            await watcher.command(b"SELECT INBOX")
            odd = RangeSet.of(range(1, 2500, 2))
            assert client.protocol.session is not None
            await client.protocol.session.account.apply([Expunge(box, odd, only_deleted=False)])
            for answer, earlier in ((await client.command(command), True), (await watcher.command(b"NOOP"), False)):
                assert _vanished(answer, earlier=earlier) == odd
                assert _vanished(answer, earlier=not earlier) == RangeSet()
                assert max(map(len, answer.split(b"\r\n"))) < 10_000
            await watcher.close()
            await client.close()

    asyncio.run(play())


def test_a_client_far_behind_is_told_everything_once() -> None:
    """Everything changed: each message is told once, and nothing is left for later."""

    async def play() -> None:
        async with server_context() as context:
            client, box, command = await _filled(context, 3000)
            assert client.protocol.session is not None
            account = client.protocol.session.account
            await account.apply([SetFlags(box, RangeSet([(1, 3000)]), FlagMode.ADD, ("\\Seen",))])
            answer = await client.command(command)
            assert answer.count(b" FLAGS (\\Seen \\Recent) MODSEQ (") == 3000
            assert await client.command(b"NOOP") == b"t4 OK NOOP completed\r\n"
            await client.close()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("present", "numbers", "uids", "last"),
    [
        ([1, 2, 3, 4], "1:4", "1:4", 4),
        ([1, 2, 4, 5], "1:4", "1:4", 2),
        ([3, 6, 9, 12], "1,2,4", "3,6,12", 12),
        ([3, 6, 9, 12], "2,4", "6,15", 6),
        ([2, 4, 6], "1:3", "1:3", 0),
        ([5], "1:4294967295", "5:4294967295", 5),
        ([5, 6, 7, 20], "1:4294967295", "5:4294967295", 7),
        ([5, 6, 7, 20], "1:2,3:4", "5,6:7,20:30", 20),
        ([], "1:3", "1:3", 0),
        ([1, 2, 3], "7:9", "1:3", 0),
        ([1, 2, 3, 4, 5, 6], "1:2,4:6", "1:2,4:6", 6),
        ([1, 2, 3], "1:9", "1", 1),
    ],
)
def test_sequence_match(present: list[int], numbers: str, uids: str, last: int) -> None:
    """The last pair of a number and a UID that still belong together, however large the sets claim to be (§3.2.5.2)."""
    state = MailboxState(
        Mailbox(MailboxId(1), "INBOX", "F1", UidValidity(1), Uid(100), ModSeq(1), Uid(1), (), 0, 0, 0, 0, 0)
    )
    state.extend((uid, 1, 0, 1) for uid in present)
    assert last_match(View(state), RangeSet.parse(numbers), RangeSet.parse(uids)) == last
