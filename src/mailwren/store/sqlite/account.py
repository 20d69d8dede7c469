"""One account open in this process: what sessions ask goes to the parts that know; implements store.api.Account.

An account has three connections to its database, each used in one place at a time: the writer's, the reader's on the
event loop, and one for long reads in a thread, opened when first needed. In memory all three are one, and nothing
leaves the event loop.
"""

import asyncio
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
from mailwren.store.errors import AccountDamaged
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import FlagsSet, Operation, Outcome, SetFlags
from mailwren.store.sqlite.access_keys import read_access_key
from mailwren.store.sqlite.annotations import read_annotation_changes, read_annotations
from mailwren.store.sqlite.apart_syncs import ApartSyncs
from mailwren.store.sqlite.commit import Committed
from mailwren.store.sqlite.commit_threads import CommitThreads
from mailwren.store.sqlite.contents import Contents, read_email_ids
from mailwren.store.sqlite.database import open_reader
from mailwren.store.sqlite.failures import FAILURES, as_store_error, translated
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.kept_rows import KeptRows
from mailwren.store.sqlite.log_reading import Reading
from mailwren.store.sqlite.mailbox_view import MailboxView
from mailwren.store.sqlite.member_account import MemberAccount
from mailwren.store.sqlite.message_annotations import OWNER, read_changed_annotations, read_message_annotations
from mailwren.store.sqlite.rows import fetch, fetch_one, fetch_value
from mailwren.store.sqlite.states import StateCache
from mailwren.store.sqlite.writer import Writer
from mailwren.store.values import (
    ALL_MAILBOXES,
    Absent,
    Annotation,
    AnnotationChange,
    AnnotationQuestion,
    ChangedAnnotation,
    Changes,
    ContentFacts,
    ContentSorting,
    ContentWire,
    FlagSet,
    Mailbox,
    MessageAnnotation,
    SectionOctets,
    SmallWire,
    Usage,
)

R = TypeVar("R")
_USAGE: Final = (
    "SELECT octets, messages, octets_limit, messages_limit, mailboxes, mailboxes_limit, annotation_octets, "
    "annotation_octets_limit FROM meta"
)
"""In the order of :class:`Usage`."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the accounts of a store have in common."""

    bus: Bus
    executor: Executor
    threads: CommitThreads
    apart: ApartSyncs
    octets: OctetCache
    rows: KeptRows
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
        "_members",
        "_reader",
        "_shared",
        "_states",
        "_view",
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
        self._view: Final = MailboxView(self._reader, self.in_thread, shared.states, Reading())
        self._states: Final = self._view.states
        self._members: Final[dict[str, MemberAccount]] = {}
        executor = None if path is None else shared.executor
        self._contents: Final = Contents(
            account_id, self._reader, blobs, executor, cache=shared.octets, kept=shared.rows
        )
        self._watchers: Final[dict[object, Callable[[MailboxId], None]]] = {}
        self._writer: Final = Writer(
            connection,
            path,
            executor=shared.executor,
            threads=shared.threads,
            apart=shared.apart,
            flags=self._flags,
            blobs=blobs,
            clock=shared.clock,
            on_commit=self._committed,
            strict=shared.strict,
            states=self._states.known,
            held=self._states.held,
            latest=self._states.latest,
        )

    # --- writing ------------------------------------------------------------------------------------------------
    async def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Carry out operations as one transaction. See store.api.Account. Raises StoreError."""
        return await self._writer.apply(operations) if operations else []

    def set_flags_at_once(self, operation: SetFlags) -> FlagsSet | None:
        """Change few flags without waiting, where that can be. See store.api.Account. Raises StoreError."""
        return self._writer.set_flags_at_once(operation)

    async def apply_for(self, member: str, operations: Sequence[Operation]) -> list[Outcome]:
        """Carry out operations as one transaction for a member. Raises StoreError."""
        return await self._writer.apply(operations, member) if operations else []

    async def run_in_writer(self, work: Callable[[apsw.Connection], R]) -> R:
        """Let the sweeper have the writer's connection between transactions. Raises what it raises."""
        return await self._writer.run(work)

    def _committed(self, committed: Committed) -> None:
        self._states.committed(committed.deltas)
        if len(committed.deltas) == 1 and not committed.hinted and not committed.list_changed:
            ((mailbox, delta),) = committed.deltas.items()
            if delta.mailbox is not None and delta.steps:  # the usual commit
                self.hint(mailbox)
                self._shared.bus.publish(self.id, mailbox)
                return
        deleted = [mailbox for mailbox, delta in committed.deltas.items() if delta.mailbox is None]
        for member in self._members.values() if deleted else ():
            member.gone(deleted)
        hints = [mailbox for mailbox, delta in committed.deltas.items() if delta.steps or not delta.complete]
        hints += deleted
        hints += committed.hinted.difference(hints)
        if committed.list_changed:
            hints.append(ALL_MAILBOXES)
        for mailbox in hints:
            self.hint(mailbox)
            self._shared.bus.publish(self.id, mailbox)

    # --- members ------------------------------------------------------------------------------------------------
    def for_member(self, member: str) -> "SqliteAccount | MemberAccount":
        """The account as another user has it; the same for all his sessions."""
        if member == self.id:
            return self
        view = self._members.get(member)
        if view is None:
            view = self._members[member] = MemberAccount(self, member, self._reader, self._flags, self._shared.states)
        return view

    # --- mailboxes ----------------------------------------------------------------------------------------------
    async def mailboxes(self) -> dict[str, Mailbox]:
        """All mailboxes by name, in the order of names."""
        return await self._view.mailboxes()

    async def mailbox(self, name: str) -> Mailbox:
        """One mailbox as it is now. Raises NoSuchMailbox."""
        return self._view.mailbox(name)

    async def some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """These mailboxes as they are now, without those that are no more."""
        return await self._view.some_mailboxes(mailboxes)

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

    async def last_annotation_change(self) -> ModSeq:
        """The mod-sequence of the last annotation that was set or removed; 0 where there is none."""
        return self._last_annotation_change()

    @translated
    def _last_annotation_change(self) -> ModSeq:
        return ModSeq(fetch_value(self._reader, "SELECT coalesce(max(modseq), 0) FROM annotation"))

    async def annotation_changes(self, modseq: ModSeq, member: str) -> list[AnnotationChange]:
        """What was set or removed after ``modseq``, but for the private ones of others."""
        return self._annotation_changes(modseq, member)

    @translated
    def _annotation_changes(self, modseq: ModSeq, member: str) -> list[AnnotationChange]:
        return read_annotation_changes(self._reader, modseq, member)

    async def message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], entries: Sequence[str] | None = None
    ) -> list[MessageAnnotation]:
        """What messages are annotated with, by UID and entry. See store.api.Account."""
        return self._message_annotations(mailbox, uids, entries)

    async def changed_message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], modseq: ModSeq
    ) -> list[ChangedAnnotation]:
        """What of it was set or removed after ``modseq``. See store.api.Account."""
        return self._changed_annotations(mailbox, uids, modseq)

    @translated
    def _message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], entries: Sequence[str] | None
    ) -> list[MessageAnnotation]:
        return read_message_annotations(self._reader, OWNER, mailbox, uids, entries)

    @translated
    def _changed_annotations(self, mailbox: MailboxId, uids: Sequence[Uid], modseq: ModSeq) -> list[ChangedAnnotation]:
        return read_changed_annotations(self._reader, OWNER, mailbox, uids, modseq)

    async def open_mailbox(self, mailbox: MailboxId, known: Mailbox | None = None) -> MailboxState:
        """The shared in-memory state of a mailbox, with every committed change. See store.api.Account."""
        return await self._states.open(mailbox, known)

    async def changes_since(self, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        """What changed after ``modseq``. Raises NoSuchMailbox."""
        return await self._view.changes_since(mailbox, modseq)

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

    async def sizes_and_dates(self, contents: Sequence[ContentId]) -> list[tuple[int, int, int]]:
        """Size, internal date (seconds since the epoch) and its zone (minutes) of each, in the order asked."""
        return await self._contents.sizes_and_dates(contents)

    async def sorting(self, contents: Sequence[ContentId]) -> list[ContentSorting]:
        """What SORT and THREAD compare, in the order asked. Raises MessageDamaged."""
        return await self._contents.sorting(contents)

    async def wire(self, contents: Sequence[ContentId]) -> list[ContentWire]:
        """Ready ENVELOPE, BODY and BODYSTRUCTURE, in the order asked. Raises MessageDamaged."""
        return await self._contents.wire(contents)

    async def structure(self, content: ContentId) -> Part:
        """The part tree with offsets into the octets. Raises MessageDamaged."""
        return await self._contents.structure(content)

    async def headers(self, contents: Sequence[ContentId]) -> list[bytes]:
        """The top header blocks with their blank line, in the order asked. Raises MessageDamaged."""
        return await self._contents.headers(contents)

    async def previews(self, contents: Sequence[ContentId]) -> list[str]:
        """The beginnings of the readable texts, in the order asked. Raises MessageDamaged."""
        return await self._contents.previews(contents)

    async def small_wire(self, contents: Sequence[ContentId], largest: int) -> Sequence[SmallWire]:
        """As :meth:`wire`, with nothing for what has more than ``largest`` octets. Raises MessageDamaged."""
        return await self._contents.small_wire(contents, largest)

    async def small_octets(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Whole messages of no more than ``largest`` octets, else ``None``."""
        return await self._contents.small_octets(contents, largest)

    async def small_sections(
        self, contents: Sequence[ContentId], section: SectionOctets, largest: int
    ) -> list[bytes | Absent | None]:
        """A section of messages of no more than ``largest`` octets, else ``None``. Raises MessageDamaged."""
        return await self._contents.small_sections(contents, section, largest)

    async def small_headers(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """As :meth:`headers`, with ``None`` for those of more than ``largest`` octets. Raises MessageDamaged."""
        return await self._contents.small_headers(contents, largest)

    async def header_fields(
        self, contents: Sequence[ContentId], names: Collection[bytes], largest: int
    ) -> list[bytes | None]:
        """The fields of these names, as select_fields gives them; ``None`` for headers beyond ``largest`` octets."""
        return await self._contents.header_fields(contents, names, largest)

    async def read(self, content: ContentId, start: int = 0, length: int | None = None) -> bytes:
        """Octets of a message from ``start`` on; reads only what is needed. Raises MessageDamaged."""
        return await self._contents.read(content, start, length)

    async def last_content(self) -> ContentId:
        """The last content id given out."""
        return self._last_content()

    @translated
    def _last_content(self) -> ContentId:
        return ContentId(fetch_value(self._reader, "SELECT content FROM meta"))

    async def email_ids(self, contents: Sequence[ContentId]) -> dict[ContentId, str]:
        """The object ids of those of some contents that are still stored."""
        return self._email_ids(contents)

    @translated
    def _email_ids(self, contents: Sequence[ContentId]) -> dict[ContentId, str]:
        return read_email_ids(self._reader, contents)

    async def access_key(self, scope: str) -> bytes | None:
        """The account's secret for URLs of a mailbox, if there is one."""
        return self._access_key(scope)

    @translated
    def _access_key(self, scope: str) -> bytes | None:
        return read_access_key(self._reader, scope)

    async def usage(self) -> Usage:
        """What the account holds and may hold."""
        return self._usage()

    @translated
    def _usage(self) -> Usage:
        return Usage(*fetch_one(self._reader, _USAGE))

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
            self._contents.close()
            for member in self._members.values():
                member.clear()
            if self.path is not None:
                self._reader.close()
            if self._bulk is not None:
                self._bulk.close()


def _read(connection: Callable[[], apsw.Connection], read: Callable[[apsw.Connection], R]) -> R:
    try:
        return read(connection())
    except FAILURES as error:
        raise as_store_error(error) from error
