"""An open account as one of its members has it: implements store.api.Account with the help of the owner's."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

import apsw

from mailwren.base.ids import ContentId, FlagSetId, MailboxId, ModSeq, Uid
from mailwren.message.api import Part
from mailwren.store.errors import AccountDamaged
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import FlagsSet, Operation, Outcome, SetFlags
from mailwren.store.sqlite.failures import translated
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.mailbox_view import MailboxView
from mailwren.store.sqlite.member_reading import MemberReading
from mailwren.store.sqlite.merged_flags import MergedFlags
from mailwren.store.sqlite.message_annotations import read_changed_annotations, read_message_annotations
from mailwren.store.sqlite.states import StateCache
from mailwren.store.values import (
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

if TYPE_CHECKING:
    from mailwren.store.sqlite.account import SqliteAccount


class MemberAccount:
    """An account's mail with a member's own flags. It is open as long as the account is.

    Attributes:
        id: the account's stable key.
        member: the member's identifier.
    """

    __slots__ = ("_account", "_flags", "_reader", "_view", "id", "member")

    def __init__(
        self, account: "SqliteAccount", member: str, reader: apsw.Connection, flags: FlagSets, cache: StateCache
    ) -> None:
        """Show ``account``, read through ``reader``, to a member."""
        self.id: Final = account.id
        self.member: Final = member
        self._account: Final = account
        self._reader: Final = reader
        self._flags: Final = MergedFlags(flags, self._flags_in_use)
        self._view: Final = MailboxView(reader, account.in_thread, cache, MemberReading(member, self._flags))

    def _flags_in_use(self) -> set[int]:
        return set().union(*(state.flags for state in self._view.states.live()))

    def gone(self, mailboxes: Sequence[MailboxId]) -> None:
        """Mailboxes have been deleted."""
        self._view.states.gone(mailboxes)

    def clear(self) -> None:
        """Let go of everything; the account is closed."""
        self._view.states.clear()

    def for_member(self, member: str) -> "SqliteAccount | MemberAccount":
        """The same account as another user has it."""
        return self._account.for_member(member)

    # --- what is the member's own -------------------------------------------------------------------------------
    async def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Carry out operations as one transaction. See store.api.Account. Raises StoreError."""
        return await self._account.apply_for(self.member, operations)

    def set_flags_at_once(self, operation: SetFlags) -> FlagsSet | None:
        """A member's flags are changed in the general way."""

    async def mailboxes(self) -> dict[str, Mailbox]:
        """All mailboxes by name, in the order of names."""
        return await self._view.mailboxes()

    async def mailbox(self, name: str) -> Mailbox:
        """One mailbox as it is now. Raises NoSuchMailbox."""
        return self._view.mailbox(name)

    async def some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """These mailboxes as they are now, without those that are no more."""
        return await self._view.some_mailboxes(mailboxes)

    async def open_mailbox(self, mailbox: MailboxId, known: Mailbox | None = None) -> MailboxState:
        """The member's state of a mailbox, with every committed change. See store.api.Account."""
        state = await self._view.states.open(mailbox, known)
        self._flags.tidy()
        return state

    async def changes_since(self, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        """What changed after ``modseq``. Raises NoSuchMailbox."""
        return await self._view.changes_since(mailbox, modseq)

    def flag_set(self, flags: FlagSetId) -> FlagSet:
        """The flags behind an id that one of the member's states holds. Raises AccountDamaged."""
        return self._flag_set(flags)

    @translated
    def _flag_set(self, flags: FlagSetId) -> FlagSet:
        try:
            return self._flags.find(self._reader, flags)
        except KeyError as error:
            raise AccountDamaged("a message has flags that are not stored") from error

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
        return read_message_annotations(self._reader, self.member, mailbox, uids, entries)

    @translated
    def _changed_annotations(self, mailbox: MailboxId, uids: Sequence[Uid], modseq: ModSeq) -> list[ChangedAnnotation]:
        return read_changed_annotations(self._reader, self.member, mailbox, uids, modseq)

    # --- what is the same for all -------------------------------------------------------------------------------
    async def subscriptions(self) -> frozenset[str]:
        """The names subscribed to, existing or not."""
        return await self._account.subscriptions()

    async def annotations(self, mailbox: MailboxId, question: AnnotationQuestion) -> list[Annotation]:
        """Annotations of a mailbox or of the account. See store.api.Account."""
        return await self._account.annotations(mailbox, question)

    async def last_annotation_change(self) -> ModSeq:
        """The mod-sequence of the last annotation that was set or removed; 0 where there is none."""
        return await self._account.last_annotation_change()

    async def annotation_changes(self, modseq: ModSeq, member: str) -> list[AnnotationChange]:
        """What was set or removed after ``modseq``, but for the private ones of others."""
        return await self._account.annotation_changes(modseq, member)

    async def saved_dates(self, mailbox: MailboxId, uids: Sequence[Uid]) -> list[int | None]:
        """When messages came into the mailbox, in the order asked; ``None``: not there."""
        return await self._account.saved_dates(mailbox, uids)

    async def facts(self, contents: Sequence[ContentId]) -> list[ContentFacts]:
        """Sizes, dates and object ids, in the order asked. Raises MessageDamaged."""
        return await self._account.facts(contents)

    async def sizes_and_dates(self, contents: Sequence[ContentId]) -> list[tuple[int, int, int]]:
        """Size, internal date (seconds since the epoch) and its zone (minutes) of each, in the order asked."""
        return await self._account.sizes_and_dates(contents)

    async def sorting(self, contents: Sequence[ContentId]) -> list[ContentSorting]:
        """What SORT and THREAD compare, in the order asked. Raises MessageDamaged."""
        return await self._account.sorting(contents)

    async def wire(self, contents: Sequence[ContentId]) -> list[ContentWire]:
        """Ready ENVELOPE, BODY and BODYSTRUCTURE, in the order asked. Raises MessageDamaged."""
        return await self._account.wire(contents)

    async def structure(self, content: ContentId) -> Part:
        """The part tree with offsets into the octets. Raises MessageDamaged."""
        return await self._account.structure(content)

    async def headers(self, contents: Sequence[ContentId]) -> list[bytes]:
        """The top header blocks with their blank line, in the order asked. Raises MessageDamaged."""
        return await self._account.headers(contents)

    async def previews(self, contents: Sequence[ContentId]) -> list[str]:
        """The beginnings of the readable texts, in the order asked."""
        return await self._account.previews(contents)

    async def small_wire(self, contents: Sequence[ContentId], largest: int) -> Sequence[SmallWire]:
        """As :meth:`wire`, with nothing for what has more than ``largest`` octets. Raises MessageDamaged."""
        return await self._account.small_wire(contents, largest)

    async def small_octets(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Whole messages of no more than ``largest`` octets, else ``None``."""
        return await self._account.small_octets(contents, largest)

    async def small_sections(
        self, contents: Sequence[ContentId], section: SectionOctets, largest: int
    ) -> list[bytes | Absent | None]:
        """A section of messages of no more than ``largest`` octets, else ``None``. Raises MessageDamaged."""
        return await self._account.small_sections(contents, section, largest)

    async def small_headers(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """As :meth:`headers`, with ``None`` for those of more than ``largest`` octets. Raises MessageDamaged."""
        return await self._account.small_headers(contents, largest)

    async def header_fields(
        self, contents: Sequence[ContentId], names: Collection[bytes], largest: int
    ) -> list[bytes | None]:
        """The fields of these names, as select_fields gives them; ``None`` for headers beyond ``largest`` octets."""
        return await self._account.header_fields(contents, names, largest)

    async def read(self, content: ContentId, start: int = 0, length: int | None = None) -> bytes:
        """Octets of a message from ``start`` on; reads only what is needed. Raises MessageDamaged."""
        return await self._account.read(content, start, length)

    async def last_content(self) -> ContentId:
        """The last content id given out."""
        return await self._account.last_content()

    async def email_ids(self, contents: Sequence[ContentId]) -> dict[ContentId, str]:
        """The object ids of those of some contents that are still stored."""
        return await self._account.email_ids(contents)

    async def access_key(self, scope: str) -> bytes | None:
        """The account's secret for URLs of a mailbox, if there is one."""
        return await self._account.access_key(scope)

    async def usage(self) -> Usage:
        """What the account holds and may hold."""
        return await self._account.usage()

    def watch(self, callback: Callable[[MailboxId], None]) -> Callable[[], None]:
        """Be called on the event loop, soon after any process changed a mailbox. Returns what ends it."""
        return self._account.watch(callback)
