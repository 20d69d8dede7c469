"""What another session does between a command's look at the mailbox and its change."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base.ids import Uid
from mailwren.base.ranges import RangeSet
from mailwren.server import notices
from mailwren.server.core import fetch_plan, store
from mailwren.server.features import Features
from mailwren.server.session import Session
from mailwren.store.operations import (
    Copy,
    DeleteMailbox,
    Expunge,
    FlagMode,
    Move,
    Operation,
    SetFlags,
)
from mailwren.store.sqlite.account import SqliteAccount

Meanwhile = Callable[[SqliteAccount, Operation], Sequence[Operation]]


def race(monkeypatch: pytest.MonkeyPatch, kind: type[Any], meanwhile: Meanwhile, command: bytes) -> bytes:
    """The answer to a command when others commit something just before its own operation of that kind."""
    apply = SqliteAccount.apply
    raced: list[Operation] = []

    async def racing(account: SqliteAccount, operations: Sequence[Operation]) -> Any:
        if isinstance(operations[0], kind) and not raced:
            raced.append(operations[0])
            await apply(account, meanwhile(account, operations[0]))
        return await apply(account, operations)

    async def run() -> bytes:
        async with server_context() as context:
            client = Client(context, Features())
            await client.login()
            await client.command(b"SELECT INBOX")
            for _ in range(3):
                await client.command(b"APPEND INBOX {1+}\r\nx")
            monkeypatch.setattr(SqliteAccount, "apply", racing)
            answer = await client.command(command)
            monkeypatch.undo()
            assert raced
            assert b"OK NOOP" in (await client.command(b"NOOP"))
            await client.close()
            return answer

    return asyncio.run(run())


def flag(name: str, mode: FlagMode = FlagMode.ADD) -> Meanwhile:
    """Somebody changes the flags of the first message."""
    return lambda _account, operation: [SetFlags(operation.mailbox, RangeSet.of([1]), mode, (name,))]  # type: ignore[union-attr] # tests race operations on messages


def test_a_silent_change_tells_what_others_changed_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client could not work this out by itself (RFC 9051 §6.4.6)."""
    answer = race(monkeypatch, SetFlags, flag("\\Flagged"), b"STORE 1:2 +FLAGS.SILENT (\\Seen)")
    assert answer.count(b"FETCH") == 1
    assert b"* 1 FETCH (FLAGS (\\Flagged \\Seen \\Recent))" in answer


def test_a_silent_replacement_is_what_the_client_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it was before, the client knows what it is now: nothing is to be told."""
    answer = race(monkeypatch, SetFlags, flag("\\Flagged"), b"STORE 1:2 FLAGS.SILENT (\\Seen)")
    assert b"FETCH" not in answer


def test_a_message_removed_at_the_same_time_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """STORE by number still tells no EXPUNGE, and answers for what is left."""
    answer = race(
        monkeypatch,
        SetFlags,
        lambda _account, operation: [Expunge(operation.mailbox, RangeSet.of([Uid(1)]), only_deleted=False)],  # type: ignore[union-attr] # as above
        b"STORE 1:2 +FLAGS (\\Seen)",
    )
    assert b"EXPUNGE\r\n" not in answer
    assert b"* 2 FETCH (FLAGS (\\Seen \\Recent))" in answer
    assert b"NO [EXPUNGEISSUED]" in answer


@pytest.mark.parametrize(("command", "kind"), [(b"COPY 1:2 Trash", Copy), (b"UID MOVE 1:2 Trash", Move)])
def test_a_target_removed_at_the_same_time(monkeypatch: pytest.MonkeyPatch, command: bytes, kind: type[Any]) -> None:
    """TRYCREATE as if it had never been there, and nothing moved (RFC 9051 §6.4.7)."""
    answer = race(monkeypatch, kind, lambda _account, _operation: [DeleteMailbox("Trash")], command)
    assert b"NO [TRYCREATE]" in answer
    assert b"EXPUNGE" not in answer


def test_a_message_removed_while_it_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """COPYUID tells which ones were there to be copied (RFC 2180 §4.4.2)."""
    answer = race(
        monkeypatch,
        Copy,
        lambda _account, operation: [Expunge(operation.source, RangeSet.of([Uid(1)]), only_deleted=False)],  # type: ignore[union-attr] # as above
        b"COPY 1:2 Trash",
    )
    assert b"* 1 EXPUNGE" in answer
    assert b" 2 1] COPY completed" in answer


@pytest.mark.parametrize("command", [b"FETCH 1:* (FLAGS)", b"STORE 1:* +FLAGS (\\Seen)", b"NOOP"])
def test_a_keyword_that_comes_meanwhile_is_told_before_messages_that_have_it(
    command: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever tells flags in several pieces tells of keywords that came up between them."""

    async def play() -> bytes:
        async with server_context() as context:
            first, second = Client(context, Features()), Client(context, Features())
            for client in (first, second):
                await client.login()
                await client.command(b"APPEND INBOX {3+}\r\none {3+}\r\ntwo")
                await client.command(b"SELECT INBOX")
            await first.command(b"NOOP")
            await second.command(b"STORE 1:* FLAGS (\\Flagged)")
            breathe, session = Session.breathe, first.protocol.session

            async def let_the_other(each: Session) -> None:
                if each is session:
                    monkeypatch.setattr(Session, "breathe", breathe)
                    await second.command(b"STORE 4 +FLAGS (meanwhile)")
                await breathe(each)

            monkeypatch.setattr(Session, "breathe", let_the_other)
            return await first.command(command)

    for module, name in ((fetch_plan, "_BATCH"), (notices, "_AT_ONCE"), (store, "_AT_ONCE")):
        monkeypatch.setattr(module, name, 1)
    fetch_plan._known.clear()
    answer = asyncio.run(play())
    fetch_plan._known.clear()
    assert re.search(rb"\* FLAGS \([^)]*meanwhile.*\* 4 FETCH \(FLAGS \([^)]*meanwhile", answer, re.DOTALL), answer
