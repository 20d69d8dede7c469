"""An account's mailboxes as one user sees them: the owner, or a member. Little is read at once, much in a thread."""

from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol, TypeVar

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.sqlite.failures import translated
from mailwren.store.sqlite.log_reading import Reading
from mailwren.store.sqlite.names import canonical
from mailwren.store.sqlite.rows import fetch_value
from mailwren.store.sqlite.states import StateCache, States
from mailwren.store.values import Changes, Mailbox

R = TypeVar("R")


class RunInThread(Protocol):
    """Reads much with a connection of its own, in a thread."""

    def __call__(self, read: Callable[[apsw.Connection], R]) -> Awaitable[R]:
        """Do it, and answer what it answers."""
        ...


class MailboxView:
    """What one user sees. Everything here is called on the event loop.

    Attributes:
        states: the mailboxes in memory.
    """

    __slots__ = ("_in_thread", "_named", "_reader", "_reading", "states")

    def __init__(self, reader: apsw.Connection, in_thread: RunInThread, cache: StateCache, reading: Reading) -> None:
        """Read little through ``reader``, much through ``in_thread``, all of it as ``reading`` has it."""
        self._reader: Final = reader
        self._in_thread: Final = in_thread
        self._reading: Final = reading
        self._named: Final[dict[str, tuple[int, Mailbox]]] = {}
        """Mailboxes asked for by name lately, with the version of the database that their rows are as of."""
        self.states: Final = States(reader, in_thread, cache, reading)

    async def mailboxes(self) -> dict[str, Mailbox]:
        """All mailboxes by name, in the order of names."""
        if self._has_many_mailboxes():
            return await self._in_thread(self._mailboxes)
        return self._mailboxes(self._reader)

    @translated
    def _has_many_mailboxes(self) -> bool:
        statement = "SELECT 1 FROM mailbox LIMIT 1 OFFSET ?"
        return fetch_value(self._reader, statement, (limits.ROWS_AT_ONCE,)) is not None

    @translated
    def _mailboxes(self, connection: apsw.Connection) -> dict[str, Mailbox]:
        return {mailbox.name: mailbox for mailbox in self._reading.mailboxes(connection)}

    async def some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """These mailboxes as they are now, without those that are no more."""
        if len(mailboxes) > limits.ROWS_AT_ONCE:
            wanted = frozenset(mailboxes)
            return [each for each in (await self.mailboxes()).values() if each.id in wanted]
        return self._some_mailboxes(mailboxes)

    @translated
    def _some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        return self._reading.some_mailboxes(self._reader, mailboxes)

    def mailbox(self, name: str) -> Mailbox:
        """One mailbox as it is now. Raises NoSuchMailbox."""
        return self._mailbox(canonical(name))

    @translated
    def _mailbox(self, name: str) -> Mailbox:
        version = self.states.version()  # first: what is committed from here on makes another one
        found = self._named.get(name)
        if found is not None and found[0] == version:
            return found[1]
        mailbox = self._reading.mailbox_by_name(self._reader, name)
        if mailbox is None:
            raise NoSuchMailbox("the mailbox does not exist")
        if len(self._named) >= limits.NAMED_MAILBOXES:
            self._named.clear()
        self._named[name] = version, mailbox
        return mailbox

    async def changes_since(self, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        """What changed after ``modseq``. Raises NoSuchMailbox."""
        if self._is_short(mailbox, modseq):
            return self._changes(self._reader, mailbox, modseq)
        return await self._in_thread(lambda connection: self._changes(connection, mailbox, modseq))

    @translated
    def _is_short(self, mailbox: MailboxId, modseq: ModSeq) -> bool:
        return self._reading.log_length(self._reader, mailbox, modseq) <= limits.LOG_OCTETS_AT_ONCE

    @translated
    def _changes(self, connection: apsw.Connection, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        connection.execute("BEGIN")
        try:
            box = self._reading.mailbox(connection, mailbox)
            if box is None:
                raise NoSuchMailbox("the mailbox does not exist any more")
            return self._reading.changes(connection, box, modseq)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
