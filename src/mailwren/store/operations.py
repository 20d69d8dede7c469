"""Changes to an account as values. A list of them is one transaction: all of it happens or nothing.

Every operation has its outcome, which tells what really happened. Each operation takes the next mod-sequence of
the account; all messages that it changes share it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from mailwren.base.ids import MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.store.octets import MessageSource
from mailwren.store.values import AnnotationValue, Mailbox


class FlagMode(Enum):
    """How :class:`SetFlags` changes flags."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Append:
    """Add one message. Outcome: :class:`Appended`.

    Args:
        mailbox: the mailbox's key.
        message: its octets, kept exactly as they are.
        flags: any order and case of system flags; never ``\\Recent``.
        internal_date: aware; the time zone is kept. ``None`` is now, UTC.
        import_key: when not empty, a message appended before with the same key in this mailbox makes this a
            no-operation whose outcome says ``duplicate`` (also after it was expunged or moved away).
        annotations: what the message is annotated with.

    Raises:
        OverQuota: too many octets of annotations in the account.
    """

    mailbox: MailboxId
    message: MessageSource
    flags: tuple[str, ...] = ()
    internal_date: datetime | None = None
    import_key: str = ""
    annotations: tuple[AnnotationValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """Outcome of :class:`Append`. For a duplicate ``uid`` is 0."""

    uid: Uid
    uid_validity: UidValidity
    modseq: ModSeq
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class SetFlags:
    """Change flags of messages. UIDs that do not exist are passed over. Outcome: :class:`FlagsSet`.

    Messages whose flags already are what is asked for keep their mod-sequence. Messages whose mod-sequence is above
    ``unchanged_since`` are left alone and reported as ``refused`` (RFC 7162 §3.1.3). REPLACE leaves flags in ``keep``
    as they are; ``ALL_KEYWORDS`` among them stands for all keywords.
    """

    mailbox: MailboxId
    uids: RangeSet
    mode: FlagMode
    flags: tuple[str, ...]
    unchanged_since: ModSeq | None = None
    keep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FlagsSet:
    """Outcome of :class:`SetFlags`; ``modseq`` is that of the change, or the mailbox's where nothing changed."""

    changed: RangeSet
    refused: RangeSet
    modseq: ModSeq


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy messages to the end of another (or the same) mailbox. Outcome: :class:`Copied`.

    Flags, keywords and internal date are kept. UIDs that do not exist are passed over. Of private flags a copy has
    those of whoever makes it; a move keeps those of every member. Of annotations both take along those of whoever acts,
    and the shared ones if ``shared_annotations`` (RFC 5257 §4.6).

    Raises:
        OverQuota: too many octets of annotations in the account.
    """

    source: MailboxId
    uids: RangeSet
    target: MailboxId
    shared_annotations: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """Move messages: a copy, and the originals are gone in the same transaction. Outcome: :class:`Copied`."""

    source: MailboxId
    uids: RangeSet
    target: MailboxId
    shared_annotations: bool = True


@dataclass(frozen=True, slots=True)
class Copied:
    """Outcome of :class:`Copy` and :class:`Move`: ``source_uids`` ascend, ``target_uids`` in the same order."""

    source_uids: RangeSet
    target_uids: RangeSet
    uid_validity: UidValidity
    modseq: ModSeq


@dataclass(frozen=True, slots=True)
class Expunge:
    """Remove messages. With ``only_deleted`` only those flagged ``\\Deleted``. Outcome: :class:`Expunged`.

    ``uids`` of ``None`` means every message. What is removed stays restorable for a time.

    Raises:
        MessageGone: with ``all_or_none``, one of ``uids`` does not exist.
    """

    mailbox: MailboxId
    uids: RangeSet | None = None
    only_deleted: bool = True
    all_or_none: bool = False


@dataclass(frozen=True, slots=True)
class Expunged:
    """Outcome of :class:`Expunge`."""

    uids: RangeSet
    modseq: ModSeq


@dataclass(frozen=True, slots=True)
class CreateMailbox:
    """Create a mailbox, and the missing names above it as mailboxes too. Outcome: :class:`MailboxChanged`.

    A name that stood before (deleted since) gets a larger UIDVALIDITY than any it had. With ``exist_ok`` an existing
    mailbox is the outcome.

    The access control list and the private flags are those of the mailbox above it (RFC 4314 §4), and where there is
    none above those of ``shared_like``, if that is given.

    Raises:
        MailboxExists, InvalidName, LimitReached, CannotChange (a special use that another mailbox has).
    """

    name: str
    special_use: tuple[str, ...] = ()
    exist_ok: bool = False
    subscribe: bool = False
    shared_like: str = ""


@dataclass(frozen=True, slots=True)
class DeleteMailbox:
    """Delete a mailbox and its messages (restorable for a time). Outcome: :class:`MailboxChanged`.

    Children stay; the name stays as a ``\\Noselect`` one as long as it has children: then it is not among the
    mailboxes but implied by their names (RFC 9051 §6.3.5).

    Raises:
        NoSuchMailbox; CannotChange: INBOX; MailboxHasChildren: the name is only implied by its children.
    """

    name: str


@dataclass(frozen=True, slots=True)
class RenameMailbox:
    """Rename a mailbox with its children; renaming INBOX moves its messages into a new mailbox and leaves INBOX
    empty, its children where they are (RFC 9051 §6.3.6). Outcome: :class:`MailboxChanged`. Missing names above the
    new one are created. Subscriptions do not follow.

    Raises:
        NoSuchMailbox, MailboxExists, InvalidName, CannotChange (below itself), LimitReached.
    """

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class MailboxChanged:
    """Outcome of the mailbox operations: the mailbox as it is now (for a deleted one: as it was)."""

    mailbox: Mailbox


@dataclass(frozen=True, slots=True)
class SetSubscription:
    """Subscribe to a name, or no longer; the mailbox need not exist. Outcome: :class:`Done`."""

    name: str
    subscribed: bool


@dataclass(frozen=True, slots=True)
class ClaimRecent:
    """Take every message that no read-write session was told of yet. Outcome: :class:`RecentClaimed`. Not synced."""

    mailbox: MailboxId


@dataclass(frozen=True, slots=True)
class RecentClaimed:
    """Outcome of :class:`ClaimRecent`: messages from ``first`` on (up to UIDNEXT then) are this session's."""

    first: Uid


@dataclass(frozen=True, slots=True)
class SetQuota:
    """Limit the account, ``None`` for no limit; what it holds already may be more. Outcome: :class:`Done`."""

    octets: int | None
    messages: int | None
    mailboxes: int | None = None
    annotation_octets: int | None = None


@dataclass(frozen=True, slots=True)
class SetAcl:
    """Give an identifier rights in a mailbox, or take its entry away with ``None``. Outcome:
    :class:`MailboxChanged`.

    The store keeps the letters and knows nothing of their meaning (RFC 4314 §2); what is more than a letter's once is
    left out.

    Raises:
        NoSuchMailbox, LimitReached (too many identifiers); InvalidName (an empty or overlong identifier).
    """

    mailbox: MailboxId
    identifier: str
    rights: str | None


@dataclass(frozen=True, slots=True)
class SetPrivateFlags:
    """Say which flags of a mailbox every member has for himself. Outcome: :class:`MailboxChanged`.

    Messages that look different to anyone afterwards count as changed. What members had under flags that are shared
    from now on is kept out of sight, and comes back when they are private again.

    Args:
        mailbox: the mailbox's key.
        flags: system flags and keywords, or :data:`~mailwren.store.values.ALL_KEYWORDS`.

    Raises:
        NoSuchMailbox; CannotChange (``\\Deleted`` and ``\\Recent`` are nobody's own); InvalidName, LimitReached.
    """

    mailbox: MailboxId
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Set or remove annotations (RFC 5464 §4.3). Outcome: :class:`MetadataSet`.

    Args:
        mailbox: the mailbox's key, or ``ALL_MAILBOXES`` for the account.
        values: entry names in lower case, with a value, or ``None`` to remove it.
        member: whose they are where the name begins with ``/private``: an account's key.

    Raises:
        NoSuchMailbox; LimitReached: too many annotations here; OverQuota: too many octets of them in the account.
    """

    mailbox: MailboxId
    values: tuple[tuple[str, bytes | None], ...]
    member: str


@dataclass(frozen=True, slots=True)
class MetadataSet:
    """Outcome of :class:`SetMetadata`."""

    modseq: ModSeq


@dataclass(frozen=True, slots=True)
class SetMessageAnnotations:
    """Annotate messages (RFC 5257 §4.5). UIDs that do not exist are passed over. Outcome: :class:`AnnotationsSet`.

    What is private belongs to whoever acts. Messages whose annotations already are what is asked for keep their
    mod-sequence. Messages whose mod-sequence is above ``unchanged_since`` are left alone and reported as ``refused``
    (RFC 7162 §3.1.3).

    Args:
        mailbox: the mailbox's key.
        uids: the messages.
        values: each entry once for what is shared and once for what is private.
        unchanged_since: see above.

    Raises:
        NoSuchMailbox; LimitReached: too many annotations of a message; OverQuota: too many octets in the account.
    """

    mailbox: MailboxId
    uids: RangeSet
    values: tuple[AnnotationValue, ...]
    unchanged_since: ModSeq | None = None


@dataclass(frozen=True, slots=True)
class AnnotationsSet:
    """Outcome of :class:`SetMessageAnnotations`; ``modseq`` as in :class:`FlagsSet`."""

    changed: RangeSet
    refused: RangeSet
    modseq: ModSeq


@dataclass(frozen=True, slots=True)
class SetSpecialUse:
    """Give an existing mailbox other special uses (RFC 6154 §4). Outcome: :class:`MailboxChanged`.

    Raises:
        NoSuchMailbox; CannotChange: another mailbox has one of the uses.
    """

    mailbox: MailboxId
    special_use: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GiveAccessKey:
    """The account's secret for URLs of one mailbox, its own or of others (RFC 4467 §2.2). Outcome: :class:`AccessKey`.

    Args:
        scope: any name that stands for the mailbox for ever.
        fresh: a new secret, for where there is none yet.
        replace: the new secret replaces one that is there, so that what the old one authorized no longer counts.
    """

    scope: str
    fresh: bytes = field(repr=False)
    replace: bool = False


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Outcome of :class:`GiveAccessKey`: the secret that counts now."""

    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetAccessKeys:
    """Forget all of the account's secrets for URLs (RFC 4467 §7, RESETKEY). Outcome: :class:`Done`."""


@dataclass(frozen=True, slots=True)
class EmptyAccount:
    """Remove all that the account holds: an empty INBOX stays, which nobody else has rights in. Outcome:
    :class:`Done`.

    The account stays in use, so that sessions and deliveries that have it open go on as they should. Messages are
    restorable for a time.
    """


@dataclass(frozen=True, slots=True)
class Done:
    """Outcome of operations that have nothing to tell."""


Operation: TypeAlias = (
    Append
    | SetFlags
    | Copy
    | Move
    | Expunge
    | CreateMailbox
    | DeleteMailbox
    | RenameMailbox
    | SetSubscription
    | ClaimRecent
    | SetQuota
    | SetMetadata
    | SetMessageAnnotations
    | SetSpecialUse
    | SetAcl
    | SetPrivateFlags
    | GiveAccessKey
    | ForgetAccessKeys
    | EmptyAccount
)
Outcome: TypeAlias = (
    Appended
    | FlagsSet
    | Copied
    | Expunged
    | MailboxChanged
    | RecentClaimed
    | MetadataSet
    | AnnotationsSet
    | AccessKey
    | Done
)
