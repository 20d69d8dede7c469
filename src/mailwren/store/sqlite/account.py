"""One account open in this process: what sessions ask goes to the parts that know; implements store.api.Account.

An account has three connections to its database, each used in one place at a time: the writer's, the reader's on the
event loop, and one for long reads in a thread, opened when first needed. In memory all three are one, and nothing
leaves the event loop.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import apsw

from mailwren.base import limits
from mailwren.base.ids import ContentId, FlagSetId, MailboxId, ModSeq, Uid
from mailwren.base.logs import log
from mailwren.message.api import Part
from mailwren.store.blobs.api import BlobStore
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.bus import Bus
from mailwren.store.errors import AccountDamaged, NoSuchMailbox
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import Operation, Outcome
from mailwren.store.sqlite.annotations import read_annotation_changes, read_annotations
from mailwren.store.sqlite.commit import Committed
from mailwren.store.sqlite.contents import Contents
from mailwren.store.sqlite.database import open_reader
from mailwren.store.sqlite.failures import FAILURES, as_store_error, translated
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.log_reading import log_length, read_changes, read_mailbox
from mailwren.store.sqlite.mailbox_rows import MAILBOX_BY_NAME, MAILBOXES, MAILBOXES_BY_ID, mailbox_of
from mailwren.store.sqlite.names import canonical
from mailwren.store.sqlite.rows import fetch, fetch_one, fetch_value
from mailwren.store.sqlite.states import StateCache, States
from mailwren.store.sqlite.writer import Writer
from mailwren.store.values import (
    ALL_MAILBOXES,
    Annotation,
    AnnotationChange,
    AnnotationQuestion,
    Changes,
    ContentFacts,
    ContentWire,
    FlagSet,
    Mailbox,
    Usage,
)

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Shared:
    """What the accounts of a store have in common."""

    bus: Bus
    executor: Executor
    octets: OctetCache
    states: StateCache
    clock: Callable[[], float]
    strict: bool


class SqliteAccount:
    """An account's mail in an SQLite database. Everything here is called on the event loop.

    Attributes:
        id: the account's stable key.
        path: its database; ``None`` in memory.
    """

    __slots__ = (
        "_bulk",
        "_bulk_lock",
        "_contents",
        "_flags",
        "_reader",
        "_shared",
        "_states",
        "_watchers",
        "_writer",
        "blobs",
        "id",
        "path",
    )

    def __init__(
        self, account_id: str, path: Path | None, connection: apsw.Connection, blobs: BlobStore, shared: Shared
    ) -> None:
        """Serve the account whose prepared database ``connection`` is open to."""
        self.id: Final = account_id
        self.path: Final = path
        self.blobs: Final = blobs
        self._shared: Final = shared
        self._flags: Final = FlagSets()
        self._reader: Final = connection if path is None else open_reader(path)
        self._bulk: apsw.Connection | None = None
        self._bulk_lock: Final = asyncio.Lock()
        self._states: Final = States(self._reader, self.in_thread, shared.states)
        executor = None if path is None else shared.executor
        self._contents: Final = Contents(account_id, self._reader, blobs, executor, shared.octets)
        self._watchers: Final[dict[object, Callable[[MailboxId], None]]] = {}
        self._writer: Final = Writer(
            connection,
            path,
            executor=shared.executor,
            flags=self._flags,
            blobs=blobs,
            clock=shared.clock,
            on_commit=self._committed,
            strict=shared.strict,
        )

    # --- writing ------------------------------------------------------------------------------------------------
    async def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Carry out operations as one transaction. See store.api.Account. Raises StoreError."""
        return await self._writer.apply(operations) if operations else []

    async def run_in_writer(self, work: Callable[[apsw.Connection], R]) -> R:
        """Let the sweeper have the writer's connection between transactions. Raises what it raises."""
        return await self._writer.run(work)

    def _committed(self, committed: Committed) -> None:
        self._states.committed(committed.deltas)
        hints = [mailbox for mailbox, delta in committed.deltas.items() if delta.steps or not delta.complete]
        hints += [mailbox for mailbox, delta in committed.deltas.items() if delta.mailbox is None]
        if committed.list_changed:
            hints.append(ALL_MAILBOXES)
        for mailbox in hints:
            self.hint(mailbox)
            self._shared.bus.publish(self.id, mailbox)

    # --- mailboxes ----------------------------------------------------------------------------------------------
    async def mailboxes(self) -> dict[str, Mailbox]:
        """All mailboxes by name, in the order of names."""
        if self._has_many_mailboxes():
            return await self.in_thread(_mailboxes)
        return _mailboxes(self._reader)

    @translated
    def _has_many_mailboxes(self) -> bool:
        statement = "SELECT 1 FROM mailbox LIMIT 1 OFFSET ?"
        return fetch_value(self._reader, statement, (limits.ROWS_AT_ONCE,)) is not None

    async def mailbox(self, name: str) -> Mailbox:
        """One mailbox as it is now. Raises NoSuchMailbox."""
        return self._mailbox(canonical(name))

    @translated
    def _mailbox(self, name: str) -> Mailbox:
        rows = fetch(self._reader, MAILBOX_BY_NAME, (name,))
        if not rows:
            raise NoSuchMailbox("the mailbox does not exist")
        return mailbox_of(rows[0])

    async def some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """These mailboxes as they are now, without those that are no more."""
        if len(mailboxes) > limits.ROWS_AT_ONCE:
            wanted = frozenset(mailboxes)
            return [each for each in (await self.mailboxes()).values() if each.id in wanted]
        return self._some_mailboxes(mailboxes)

    @translated
    def _some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        rows = json.loads(fetch_value(self._reader, MAILBOXES_BY_ID, (json.dumps(list(mailboxes)),)))
        return [mailbox_of(row) for row in rows]

    async def subscriptions(self) -> frozenset[str]:
        """The names subscribed to, existing or not."""
        return self._subscriptions()

    @translated
    def _subscriptions(self) -> frozenset[str]:
        return frozenset(name for (name,) in fetch(self._reader, "SELECT name FROM subscription"))

    async def annotations(self, mailbox: MailboxId, question: AnnotationQuestion) -> list[Annotation]:
        """Annotations of a mailbox or of the account. See store.api.Account."""
        return self._annotations(mailbox, question)

    @translated
    def _annotations(self, mailbox: MailboxId, question: AnnotationQuestion) -> list[Annotation]:
        return read_annotations(self._reader, mailbox, question)

    async def annotation_changes(self, modseq: ModSeq, member: str) -> list[AnnotationChange]:
        """What was set or removed after ``modseq``, but for the private ones of others."""
        return self._annotation_changes(modseq, member)

    @translated
    def _annotation_changes(self, modseq: ModSeq, member: str) -> list[AnnotationChange]:
        return read_annotation_changes(self._reader, modseq, member)

    async def open_mailbox(self, mailbox: MailboxId) -> MailboxState:
        """The shared in-memory state of a mailbox, with every committed change. Raises NoSuchMailbox."""
        return await self._states.open(mailbox)

    async def changes_since(self, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        """What changed after ``modseq``. Raises NoSuchMailbox."""
        if self._is_short(mailbox, modseq):
            return _changes(self._reader, mailbox, modseq)
        return await self.in_thread(lambda connection: _changes(connection, mailbox, modseq))

    @translated
    def _is_short(self, mailbox: MailboxId, modseq: ModSeq) -> bool:
        return log_length(self._reader, mailbox, modseq) <= limits.LOG_OCTETS_AT_ONCE

    def flag_set(self, flags: FlagSetId) -> FlagSet:
        """The flags behind an id that a state holds. Raises AccountDamaged."""
        return self._flag_set(flags)

    @translated
    def _flag_set(self, flags: FlagSetId) -> FlagSet:
        try:
            return self._flags.find(self._reader, flags)
        except KeyError as error:
            raise AccountDamaged("a message has flags that are not stored") from error

    # --- contents -----------------------------------------------------------------------------------------------
    async def saved_dates(self, mailbox: MailboxId, uids: Sequence[Uid]) -> list[int | None]:
        """When messages came into the mailbox, in the order asked; ``None``: not there."""
        return await self._contents.saved_dates(mailbox, uids)

    async def facts(self, contents: Sequence[ContentId]) -> list[ContentFacts]:
        """Sizes, dates and object ids, in the order asked. Raises MessageDamaged."""
        return await self._contents.facts(contents)

    async def wire(self, contents: Sequence[ContentId]) -> list[ContentWire]:
        """Ready ENVELOPE, BODY and BODYSTRUCTURE, in the order asked. Raises MessageDamaged."""
        return await self._contents.wire(contents)

    async def structure(self, content: ContentId) -> Part:
        """The part tree with offsets into the octets. Raises MessageDamaged."""
        return await self._contents.structure(content)

    async def headers(self, contents: Sequence[ContentId]) -> list[bytes]:
        """The top header blocks with their blank line, in the order asked. Raises MessageDamaged."""
        return await self._contents.headers(contents)

    async def small_wire(self, contents: Sequence[ContentId], largest: int) -> list[ContentWire | None]:
        """As :meth:`wire`, with ``None`` for what has more than ``largest`` octets. Raises MessageDamaged."""
        return await self._contents.small_wire(contents, largest)

    async def small_octets(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Whole messages of no more than ``largest`` octets, else ``None``."""
        return await self._contents.small_octets(contents, largest)

    async def small_headers(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """As :meth:`headers`, with ``None`` for those of more than ``largest`` octets. Raises MessageDamaged."""
        return await self._contents.small_headers(contents, largest)

    async def read(self, content: ContentId, start: int = 0, length: int | None = None) -> bytes:
        """Octets of a message from ``start`` on; reads only what is needed. Raises MessageDamaged."""
        return await self._contents.read(content, start, length)

    async def usage(self) -> Usage:
        """What the account holds and may hold."""
        return self._usage()

    @translated
    def _usage(self) -> Usage:
        return Usage(*fetch_one(self._reader, "SELECT octets, messages, octets_limit, messages_limit FROM meta"))

    # --- hints --------------------------------------------------------------------------------------------------
    def watch(self, callback: Callable[[MailboxId], None]) -> Callable[[], None]:
        """Be called on the event loop, soon after any process changed a mailbox. Returns what ends it."""
        key = object()
        self._watchers[key] = callback
        return lambda: self._watchers.pop(key, None) and None

    def hint(self, mailbox: MailboxId) -> None:
        """Tell the watchers; one that fails does not keep the others from being told."""
        for callback in list(self._watchers.values()):
            try:
                callback(mailbox)
            except Exception as error:  # noqa: BLE001 - a session's fault must not undo a commit
                log.error("a watcher failed", account=self.id, reason=repr(error))

    # --- the life of the account --------------------------------------------------------------------------------
    async def in_thread(self, read: Callable[[apsw.Connection], R]) -> R:
        """Read much, in a thread, one such read at a time. Raises StoreError, and what ``read`` raises."""
        if self.path is None:
            return _read(lambda: self._reader, read)
        async with self._bulk_lock:
            loop = asyncio.get_running_loop()
            # Shielded: whoever waits may give up, but the connection is in use until the thread is through.
            work = loop.run_in_executor(self._shared.executor, _read, self._bulk_connection, read)
            try:
                return await asyncio.shield(work)
            finally:
                while not work.done():
                    with suppress(asyncio.CancelledError):
                        await asyncio.wait([work])

    def _bulk_connection(self) -> apsw.Connection:
        if self._bulk is None:
            assert self.path is not None
            self._bulk = open_reader(self.path, busy_seconds=limits.DATABASE_BUSY_SECONDS)
        return self._bulk

    async def close(self) -> None:
        """Finish what is under way, bring everything to the disk, close the database."""
        async with self._bulk_lock:
            await self._writer.close()
            self._states.clear()
            if self.path is not None:
                self._reader.close()
            if self._bulk is not None:
                self._bulk.close()


@translated
def _changes(connection: apsw.Connection, mailbox: MailboxId, modseq: ModSeq) -> Changes:
    connection.execute("BEGIN")
    try:
        row = read_mailbox(connection, mailbox)
        if row is None:
            raise NoSuchMailbox("the mailbox does not exist any more")
        return read_changes(connection, row, modseq)
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@translated
def _mailboxes(connection: apsw.Connection) -> dict[str, Mailbox]:
    rows = json.loads(fetch_value(connection, MAILBOXES))
    return {mailbox.name: mailbox for mailbox in map(mailbox_of, rows)}


def _read(connection: Callable[[], apsw.Connection], read: Callable[[apsw.Connection], R]) -> R:
    try:
        return read(connection())
    except FAILURES as error:
        raise as_store_error(error) from error
