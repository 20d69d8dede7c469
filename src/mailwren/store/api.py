"""The store's interface: what the server, the delivery and the tools may ask of it. No SQL, no protocol words.

One awaited call is one transaction. Everything here is called on the event loop; an implementation decides what
leaves it. ``tests/contract`` holds for every implementation.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from mailwren.base.ids import ContentId, FlagSetId, MailboxId, ModSeq, Uid
from mailwren.message.api import Part
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import FlagsSet, Operation, Outcome, SetFlags
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


class Account(Protocol):
    """One account's mail, open in this process and shared by all its sessions."""

    @property
    def id(self) -> str:
        """The account's stable key."""
        ...

    def for_member(self, member: str) -> "Account":
        """The same account as another user sees and changes it: flags that are private in a mailbox are the member's.

        What the member has is the message's flags without the private ones, and his own private ones. Mailboxes'
        counters, mod-sequences and recent messages, states, changes and outcomes are the member's, too; everything
        else is the same for all. The owner, for whom this is the account itself, has the message's own flags.

        Args:
            member: the user's account id, or any other name that stays the same.

        The view is good as long as the account is; it is the account that is to be released.
        """
        ...

    async def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Carry out operations as one transaction and answer once it is as durable as the contract says.

        Adding, copying, moving and expunging mail and changing mailboxes are synced to disk before this returns;
        flag changes survive a kill of the process at once and reach the disk within a second (always synced with
        durability "strict").

        Raises:
            StoreError: the transaction did not happen; see the operation's own list.
        """
        ...

    def set_flags_at_once(self, operation: SetFlags) -> FlagsSet | None:
        """Change few flags at once where nothing needs to be waited for; ``None``: nothing was done, use :meth:`apply`.

        Afterwards the mailbox's state is as of the change, and nobody else has changed the mailbox before it since.

        Raises:
            StoreError: as :meth:`apply`.
        """
        ...

    async def mailboxes(self) -> dict[str, Mailbox]:
        """All mailboxes by name, in the order of names."""
        ...

    async def mailbox(self, name: str) -> Mailbox:
        """One mailbox as it is now. Raises NoSuchMailbox."""
        ...

    async def some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """These mailboxes as they are now, all at the same moment, in any order; without those that are no more."""
        ...

    async def subscriptions(self) -> frozenset[str]:
        """The names subscribed to, existing or not."""
        ...

    async def open_mailbox(self, mailbox: MailboxId, known: Mailbox | None = None) -> MailboxState:
        """The shared in-memory state of a mailbox, brought up to date with every committed change.

        The same object for all callers in this process; cheap when nothing changed, and more so for who has read the
        mailbox just now and wants its state as of then (``known``). Raises NoSuchMailbox.
        """
        ...

    async def changes_since(self, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        """What changed after ``modseq``: one indexed query. Raises NoSuchMailbox."""
        ...

    def flag_set(self, flags: FlagSetId) -> FlagSet:
        """The flags behind an id that a :class:`MailboxState` holds."""
        ...

    async def facts(self, contents: Sequence[ContentId]) -> list[ContentFacts]:
        """Sizes, dates and object ids, in the order asked."""
        ...

    async def saved_dates(self, mailbox: MailboxId, uids: Sequence[Uid]) -> list[int | None]:
        """When messages came into the mailbox (seconds since the epoch), in the order asked; ``None``: not there."""
        ...

    async def sizes_and_dates(self, contents: Sequence[ContentId]) -> list[tuple[int, int, int]]:
        """Size, internal date (seconds since the epoch) and its zone (minutes) of each, in the order asked."""
        ...

    async def sorting(self, contents: Sequence[ContentId]) -> list[ContentSorting]:
        """What SORT and THREAD compare, in the order asked."""
        ...

    async def wire(self, contents: Sequence[ContentId]) -> list[ContentWire]:
        """Ready ENVELOPE, BODY and BODYSTRUCTURE, in the order asked."""
        ...

    async def structure(self, content: ContentId) -> Part:
        """The part tree with offsets into the octets."""
        ...

    async def headers(self, contents: Sequence[ContentId]) -> list[bytes]:
        """The top header blocks with their blank line, in the order asked."""
        ...

    async def previews(self, contents: Sequence[ContentId]) -> list[str]:
        """The beginnings of the readable texts, at most ``limits.PREVIEW`` characters each, in the order asked."""
        ...

    async def small_wire(self, contents: Sequence[ContentId], largest: int) -> Sequence[SmallWire]:
        """As :meth:`wire`, with nothing for what has more than ``largest`` octets: many at once in bounded memory."""
        ...

    async def small_octets(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Whole messages of no more than ``largest`` octets, in the order asked; ``None`` for larger ones.

        A store may answer ``None`` for any message: :meth:`read` has them all.
        """
        ...

    async def small_sections(
        self, contents: Sequence[ContentId], section: SectionOctets, largest: int
    ) -> list[bytes | Absent | None]:
        """Octets of a section of messages of no more than ``largest`` octets, in the order asked.

        ``None`` for larger messages, and for any other of which the store says so: :meth:`read` has them all.
        """
        ...

    async def small_headers(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """As :meth:`headers`, with ``None`` for those of more than ``largest`` octets."""
        ...

    async def header_fields(
        self, contents: Sequence[ContentId], names: Collection[bytes], largest: int
    ) -> list[bytes | None]:
        """The fields of these names, as select_fields gives them; ``None`` for headers beyond ``largest`` octets."""
        ...

    async def read(self, content: ContentId, start: int = 0, length: int | None = None) -> bytes:
        """Octets of a message from ``start`` on; never more than are there. Reads only what is needed.

        Large messages are to be read in pieces (see ``limits.OUTPUT_CHUNK``), which is cheap.
        """
        ...

    async def last_content(self) -> ContentId:
        """The last content id given out: those of messages that come in later are higher."""
        ...

    async def email_ids(self, contents: Sequence[ContentId]) -> dict[ContentId, str]:
        """The object ids of those of some contents that are still stored."""
        ...

    async def access_key(self, scope: str) -> bytes | None:
        """The account's secret for URLs of a mailbox, if there is one; see ``operations.GiveAccessKey``."""
        ...

    async def usage(self) -> Usage:
        """What the account holds and may hold."""
        ...

    async def annotations(self, mailbox: MailboxId, question: AnnotationQuestion) -> list[Annotation]:
        """Annotations of a mailbox, or of the account (``ALL_MAILBOXES``), that are asked for and set, each once."""
        ...

    async def last_annotation_change(self) -> ModSeq:
        """The mod-sequence of the last annotation that was set or removed; 0 where there is none."""
        ...

    async def annotation_changes(self, modseq: ModSeq, member: str) -> list[AnnotationChange]:
        """What was set or removed after ``modseq``, but for the private ones of others; some removals are forgotten."""
        ...

    async def message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], entries: Sequence[str] | None = None
    ) -> list[MessageAnnotation]:
        """What messages are annotated with, shared and of whoever asks, by UID and entry; ``None`` is every entry.

        A mailbox whose ``annotations`` are 0 has none. All those of an account fit into memory.
        """
        ...

    async def changed_message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], modseq: ModSeq
    ) -> list[ChangedAnnotation]:
        """The same that were set or removed after ``modseq``, each once; some removals are forgotten."""
        ...

    def watch(self, callback: Callable[[MailboxId], None]) -> Callable[[], None]:
        """Be called on the event loop, soon after any process changed a mailbox (``ALL_MAILBOXES``: the list).

        Only a hint: calls can be lost or come twice. Returns the function that ends it.
        """
        ...


class MailStore(Protocol):
    """All accounts of one data folder."""

    async def account(self, account_id: str) -> Account:
        """Open an account (created empty with INBOX when it is not there yet); shared and counted.

        Raises:
            AccountDamaged: it cannot be used; the log says why.
        """
        ...

    async def release(self, account: Account) -> None:
        """Give back what :meth:`account` returned; the last one lets it be closed after a while."""
        ...

    async def remove(self, account_id: str) -> None:
        """Delete an account's mail for good. It must not be in use in this process."""
        ...

    async def close(self) -> None:
        """Finish what is under way, sync and close everything."""
        ...
