"""A store and users that delivery tests can look into and make fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from mailwren.auth.users import UserDirectory
from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.delivery.delivery import Delivery
from mailwren.delivery.settings import DeliverySettings
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.octets import Spool
from mailwren.store.operations import Append, Appended
from mailwren.store.values import Mailbox, Usage

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def octets_of(source: bytes | Spool) -> bytes:
    """All octets of a message."""
    return source if isinstance(source, bytes) else bytes(source.view())


@dataclass
class FakeAccount:
    """Keeps what is appended."""

    id: str
    names: list[str] = field(default_factory=lambda: ["INBOX"])
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    transactions: int = 0
    octets_limit: int | None = None
    before_apply: Callable[[], None] | None = None
    """Called before each transaction; may raise."""

    async def mailboxes(self) -> dict[str, Mailbox]:
        """All mailboxes."""
        return {name: _mailbox(index, name) for index, name in enumerate(self.names)}

    async def mailbox(self, name: str) -> Mailbox:
        """One mailbox."""
        return (await self.mailboxes())[name]

    async def usage(self) -> Usage:
        """What it may hold."""
        return Usage(0, 0, self.octets_limit, None)

    async def apply(self, operations: Sequence[Append]) -> list[Appended]:
        """Keep messages, all or none."""
        if not all(isinstance(operation, Append) for operation in operations):
            return []  # its limits are as the test says
        if self.before_apply is not None:
            self.before_apply()
        if any(operation.mailbox > len(self.names) for operation in operations):
            raise NoSuchMailbox("it is gone")
        self.transactions += 1
        for operation in operations:
            self.messages.append((self.names[operation.mailbox - 1], octets_of(operation.message)))
        return [Appended(Uid(1), UidValidity(1), ModSeq(1)) for _ in operations]


def _mailbox(index: int, name: str) -> Mailbox:
    return Mailbox(
        MailboxId(index + 1), name, "", UidValidity(1), Uid(1), ModSeq(1), Uid(1), (), 0, 0, 0, 0, 0
    )  # fmt: skip


class FakeStore:
    """Accounts by user name; counts who uses them."""

    def __init__(self, users: UserDirectory) -> None:
        self._users = users
        self.accounts: dict[str, FakeAccount] = {}
        self.in_use = 0
        self.failure: Exception | None = None

    def of(self, name: str) -> FakeAccount:
        """The account of a user."""
        return self.accounts.setdefault(self._users.get(name).account_id, FakeAccount(name))

    async def account(self, account_id: str) -> FakeAccount:
        """Open it."""
        if self.failure is not None:
            raise self.failure
        self.in_use += 1
        return self.accounts.setdefault(account_id, FakeAccount(account_id))

    async def release(self, account: FakeAccount) -> None:
        """Give it back."""
        self.in_use -= 1


@pytest.fixture
def users() -> UserDirectory:
    """Two users with plain names, one with a whole address, one disabled."""
    directory = UserDirectory(None)
    for name in ("alice", "bob", "carol@example.org", "off", "with+plus"):
        directory.add(name, "!", aliases=("ally", "postmaster@example.org") if name == "alice" else ())
    directory.set_enabled("off", False)
    return directory


@pytest.fixture
def store(users: UserDirectory) -> FakeStore:
    """A store without mail."""
    return FakeStore(users)


@pytest.fixture
def make_delivery(store: FakeStore, users: UserDirectory) -> Callable[..., Delivery]:
    """Makes a delivery into the store with these settings."""

    def make(**settings: object) -> Delivery:
        made = DeliverySettings(**settings)  # type: ignore[arg-type] # tests name the fields they mean
        return Delivery(store, users, made, lambda: NOW)  # type: ignore[arg-type] # only the part that delivery uses

    return make


@pytest.fixture
def delivery(make_delivery: Callable[..., Delivery]) -> Delivery:
    """A delivery with default settings."""
    return make_delivery()
