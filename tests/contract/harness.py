"""A store under test: short words for what the tests do, and a thorough check at the end of each."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from copy import copy
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from mailwren.base.ids import ContentId, FlagSetId, MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.bus import Bus
from mailwren.store.check import check_account
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.octets import MessageSource
from mailwren.store.operations import (
    Append,
    Appended,
    Copied,
    Copy,
    CreateMailbox,
    DeleteMailbox,
    Expunge,
    Expunged,
    FlagMode,
    FlagsSet,
    MailboxChanged,
    Move,
    Operation,
    Outcome,
    RenameMailbox,
    SetAcl,
    SetFlags,
)
from mailwren.store.sqlite.account import SqliteAccount
from mailwren.store.sqlite.check_rules import RULES
from mailwren.store.sqlite.store import Durability, SqliteMailStore
from mailwren.store.values import Changes, Mailbox

ACCOUNT = "a1b2c3"
NOW = 1_763_900_000


class Clock:
    """A clock that stands still until told otherwise."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now


def message(number: int = 1, size: int = 0, **fields: str) -> bytes:
    """A message with its number in it, of at least ``size`` octets, and more header fields."""
    header = f"From: a@example.org\r\nSubject: message {number}\r\nMessage-ID: <{number}@example.org>\r\n"
    header += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    octets = f"{header}\r\nThis is message {number}.\r\n".encode()
    line = b"0123456789 %07d\r\n"
    return octets + b"".join(line % each for each in range(max(0, size - len(octets)) // 19 + bool(size)))


def uids(text: str) -> RangeSet:
    """A set of UIDs in its notation."""
    return RangeSet.parse(text)


def _merged(private: frozenset[str], shared: list[str], own: list[str]) -> frozenset[str]:
    def is_private(name: str) -> bool:
        return name in private or ("*" in private and not name.startswith("\\"))

    return frozenset([each for each in shared if not is_private(each)] + [each for each in own if is_private(each)])


class Mail:
    """An account of a store, open for the length of a test."""

    def __init__(
        self,
        folder: Path | None,
        clock: Clock | None = None,
        *,
        account: str = ACCOUNT,
        durability: Durability = "normal",
        bus: Bus | None = None,
    ) -> None:
        self.folder = folder
        self.clock = clock or Clock()
        self.account_id = account
        self.durability: Durability = durability
        self.bus = bus
        self.check_at_end = True

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.close)
            if error is None and self.check_at_end:
                await self.verify()
        if error is None and self.check_at_end and self.folder is not None:
            assert check_account(self.account_folder) == []

    @property
    def account_folder(self) -> Path:
        """Where the account's files are."""
        assert self.folder is not None
        return self.folder / "accounts" / self.account_id[:2] / self.account_id

    async def open(self) -> None:
        """Open store and account."""
        self.store = SqliteMailStore(self.folder, clock=self.clock, durability=self.durability, bus=self.bus)
        self.account: SqliteAccount = await self.store.account(self.account_id)
        self.owner = self.account

    async def close(self) -> None:
        """Close store and account."""
        await self.store.release(self.account)
        await self.store.close()

    async def verify(self) -> None:
        """The database obeys its rules, and what is in memory equals what is stored."""
        for rule in RULES:
            rows = self.sql(rule.query)
            assert not rows, rule.what.format(*rows[0])
        for mailbox in (await self.account.mailboxes()).values():
            state = await self.account.open_mailbox(mailbox.id)
            rows = self.sql(
                "SELECT uid, content, flags, modseq FROM message WHERE mailbox = ? ORDER BY uid", mailbox.id
            )
            assert list(zip(state.uids, state.contents, state.flags, state.modseqs, strict=True)) == rows
            assert state.mailbox == mailbox
            assert state.modseq == mailbox.highest_modseq
            assert not state.deleted
        for (identifier,) in self.sql("SELECT identifier FROM member"):
            await self.member(identifier).verify_member(identifier)

    async def verify_member(self, identifier: str) -> None:
        """What a member sees is what his rows and the messages' make together."""
        for mailbox in (await self.account.mailboxes()).values():
            state = await self.account.open_mailbox(mailbox.id)
            rows = self.sql(
                "SELECT m.uid, m.content, s.names, coalesce(o.names, ''), max(m.modseq, coalesce(f.modseq, 0)) "
                "FROM message m JOIN flag_set s ON s.id = m.flags LEFT JOIN member_flags f ON f.mailbox = m.mailbox "
                "AND f.uid = m.uid AND f.member = (SELECT id FROM member WHERE identifier = ?) "
                "LEFT JOIN flag_set o ON o.id = f.flags WHERE m.mailbox = ? ORDER BY m.uid",
                identifier,
                mailbox.id,
            )
            seen = [self.account.flag_set(FlagSetId(each)) for each in state.flags]
            merged = [_merged(mailbox.private_flags, shared.split(), own.split()) for _, _, shared, own, _ in rows]
            assert [each.names for each in seen] == merged
            assert list(zip(state.uids, state.contents, state.modseqs, strict=True)) == [
                (uid, content, modseq) for uid, content, _, _, modseq in rows
            ]
            assert state.mailbox == mailbox == await self.account.mailbox(mailbox.name)
            assert state.modseq == mailbox.highest_modseq >= max(state.modseqs, default=1)
            assert mailbox.unseen == sum(not each.seen for each in seen)
            assert mailbox.deleted == sum(each.deleted for each in seen)

    def member(self, identifier: str) -> "Mail":
        """The same account as a member has it; not to be opened or closed."""
        view = copy(self)
        # Tests ask a member's account for nothing but what the interface has.
        view.account = cast("SqliteAccount", self.account.for_member(identifier))
        return view

    # --- doing --------------------------------------------------------------------------------------------------
    async def apply(self, *operations: Operation) -> list[Outcome]:
        """Carry out operations."""
        return await self.account.apply(operations)

    async def id(self, name: str) -> MailboxId:
        """A mailbox's key."""
        return (await self.account.mailbox(name)).id

    async def box(self, name: str = "INBOX") -> Mailbox:
        """A mailbox as it is."""
        return await self.account.mailbox(name)

    async def create(self, name: str, *special_use: str) -> Mailbox:
        """Create a mailbox."""
        (outcome,) = await self.apply(CreateMailbox(name, special_use))
        assert isinstance(outcome, MailboxChanged)
        return outcome.mailbox

    async def delete(self, name: str) -> Mailbox:
        """Delete a mailbox."""
        (outcome,) = await self.apply(DeleteMailbox(name))
        assert isinstance(outcome, MailboxChanged)
        return outcome.mailbox

    async def rename(self, old: str, new: str) -> Mailbox:
        """Rename a mailbox."""
        (outcome,) = await self.apply(RenameMailbox(old, new))
        assert isinstance(outcome, MailboxChanged)
        return outcome.mailbox

    async def acl(self, name: str, identifier: str, rights: str | None) -> Mailbox:
        """Share a mailbox, or no longer."""
        (outcome,) = await self.apply(SetAcl(await self.id(name), identifier, rights))
        assert isinstance(outcome, MailboxChanged)
        return outcome.mailbox

    async def append(
        self,
        octets: MessageSource | None = None,
        *flags: str,
        to: str = "INBOX",
        date: datetime | None = None,
        key: str = "",
    ) -> Appended:
        """Add a message."""
        source = message() if octets is None else octets
        (outcome,) = await self.apply(Append(await self.id(to), source, flags, date, key))
        assert isinstance(outcome, Appended)
        return outcome

    async def fill(self, number: int, *flags: str, to: str = "INBOX") -> None:
        """Add messages, all in one transaction."""
        mailbox = await self.id(to)
        await self.apply(*(Append(mailbox, message(each), flags) for each in range(1, number + 1)))

    async def flag(
        self,
        which: str,
        mode: FlagMode,
        *flags: str,
        to: str = "INBOX",
        unchanged_since: int | None = None,
    ) -> FlagsSet:
        """Change flags."""
        since = None if unchanged_since is None else ModSeq(unchanged_since)
        (outcome,) = await self.apply(SetFlags(await self.id(to), uids(which), mode, flags, since))
        assert isinstance(outcome, FlagsSet)
        return outcome

    async def copy(self, which: str, target: str, source: str = "INBOX") -> Copied:
        """Copy messages."""
        (outcome,) = await self.apply(Copy(await self.id(source), uids(which), await self.id(target)))
        assert isinstance(outcome, Copied)
        return outcome

    async def move(self, which: str, target: str, source: str = "INBOX") -> Copied:
        """Move messages."""
        (outcome,) = await self.apply(Move(await self.id(source), uids(which), await self.id(target)))
        assert isinstance(outcome, Copied)
        return outcome

    async def expunge(self, which: str | None = None, *, only_deleted: bool = False, source: str = "INBOX") -> Expunged:
        """Remove messages."""
        chosen = None if which is None else uids(which)
        (outcome,) = await self.apply(Expunge(await self.id(source), chosen, only_deleted))
        assert isinstance(outcome, Expunged)
        return outcome

    def sql(self, statement: str, *bindings: Any) -> list[Any]:
        """Rows of the account's database. Any: rows have no static types."""
        return self.owner._reader.execute(statement, bindings).fetchall()

    async def together(self, *lists: Sequence[Operation]) -> list[list[Outcome] | BaseException]:
        """Lists of operations that surely share one commit (in memory they cannot): outcomes or errors."""
        if self.folder is None:
            return await asyncio.gather(*map(self.account.apply, lists), return_exceptions=True)
        go_on = threading.Event()
        held = asyncio.ensure_future(self.owner.run_in_writer(lambda _connection: go_on.wait(10)))
        waiting = asyncio.gather(*map(self.account.apply, lists), return_exceptions=True)
        while len(self.owner._writer._queue) < len(lists):
            await asyncio.sleep(0)
        go_on.set()
        await held
        return await waiting

    # --- looking ------------------------------------------------------------------------------------------------
    async def state(self, name: str = "INBOX") -> MailboxState:
        """A mailbox's state, up to date."""
        return await self.account.open_mailbox(await self.id(name))

    async def uids(self, name: str = "INBOX") -> list[int]:
        """The UIDs of a mailbox."""
        return list((await self.state(name)).uids)

    async def flags(self, name: str = "INBOX") -> dict[int, str]:
        """The flags of a mailbox's messages."""
        state = await self.state(name)
        return {uid: self.account.flag_set(state.flags_of(index)).text.decode() for index, uid in enumerate(state.uids)}

    async def contents(self, name: str = "INBOX") -> list[ContentId]:
        """The contents of a mailbox's messages."""
        return [ContentId(each) for each in (await self.state(name)).contents]

    async def octets(self, name: str = "INBOX") -> list[bytes]:
        """The messages of a mailbox."""
        return [await self.account.read(each) for each in await self.contents(name)]

    async def changes(self, since: int, name: str = "INBOX") -> Changes:
        """What the log tells."""
        return await self.account.changes_since(await self.id(name), ModSeq(since))

    async def names(self) -> Sequence[str]:
        """The mailboxes' names in their order."""
        return list(await self.account.mailboxes())
