"""A small account in memory, and ways to look into any account."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailwren.base.ids import ContentId, FlagSetId, MailboxId, ModSeq, Uid, UidValidity
from mailwren.message.api import Part
from mailwren.store.api import Account
from mailwren.store.errors import CannotChange, NoSuchMailbox, OverQuota, StoreError
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import (
    Append,
    Appended,
    CreateMailbox,
    Done,
    FlagsSet,
    MailboxChanged,
    Operation,
    Outcome,
    SetFlags,
    SetSubscription,
)
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


@dataclass
class FakeAccount:
    """As much of an account as import and export use; a transaction that fails changes nothing."""

    id: str = "fake"
    boxes: dict[str, Mailbox] = field(default_factory=dict)
    states: dict[int, MailboxState] = field(default_factory=dict)
    stored: list[tuple[bytes, int, int]] = field(default_factory=list)
    flag_sets: list[frozenset[str]] = field(default_factory=lambda: [frozenset()])
    keys: set[tuple[int, str]] = field(default_factory=set)
    subscribed: set[str] = field(default_factory=set)
    octets_limit: int | None = None
    refused: Callable[[Append], StoreError | None] = lambda _: None
    batch_sizes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._create(CreateMailbox("INBOX"))

    def set_flags_at_once(self, operation: SetFlags) -> FlagsSet | None:
        """Everything goes through :meth:`apply`."""

    async def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """One transaction, or the error that a test asked for."""
        appends = [operation for operation in operations if isinstance(operation, Append)]
        self.batch_sizes.append(len(appends))
        for append in appends:
            error = self.refused(append)
            if error is not None:
                raise error
        held = sum(len(octets) for octets, _, _ in self.stored)
        new = sum(len(append.message) for append in appends if isinstance(append.message, bytes))
        if self.octets_limit is not None and held + new > self.octets_limit:
            raise OverQuota("the account is full")
        return [self._apply(operation) for operation in operations]

    def _apply(self, operation: Operation) -> Outcome:
        if isinstance(operation, CreateMailbox):
            return self._create(operation)
        if isinstance(operation, SetSubscription):
            (self.subscribed.add if operation.subscribed else self.subscribed.discard)(operation.name)
            return Done()
        assert isinstance(operation, Append)
        return self._append(operation)

    def _create(self, operation: CreateMailbox) -> MailboxChanged:
        used = {use for box in self.boxes.values() for use in box.special_use}
        if used & set(operation.special_use):
            raise CannotChange("another mailbox has that use")
        number = len(self.states) + 1
        if operation.name not in self.boxes:
            box = Mailbox(
                MailboxId(number), operation.name, f"m{number}", UidValidity(1), Uid(1), ModSeq(1), Uid(1),
                operation.special_use, 0, 0, 0, 0, 0,
            )  # fmt: skip
            self.boxes[operation.name] = box
            self.states[number] = MailboxState(box)
        if operation.subscribe:
            self.subscribed.add(operation.name)
        return MailboxChanged(self.boxes[operation.name])

    def _append(self, operation: Append) -> Appended:
        key = (int(operation.mailbox), operation.import_key)
        if operation.import_key and key in self.keys:
            return Appended(Uid(0), UidValidity(1), ModSeq(1), duplicate=True)
        self.keys.add(key)
        date = operation.internal_date or datetime.now(UTC)
        offset = date.utcoffset()
        assert offset is not None
        assert isinstance(operation.message, bytes)
        seconds = (date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
        self.stored.append((operation.message, int(seconds // 1), int(offset.total_seconds() // 60)))
        flags = frozenset(operation.flags)
        if flags not in self.flag_sets:
            self.flag_sets.append(flags)
        state = self.states[int(operation.mailbox)]
        uid = len(state) + 1
        state.extend([(uid, len(self.stored) - 1, self.flag_sets.index(flags), 1)])
        box = self.boxes[state.mailbox.name]
        self.boxes[box.name] = replace(box, messages=uid)
        return Appended(Uid(uid), UidValidity(1), ModSeq(1))

    def for_member(self, member: str) -> "FakeAccount":
        """Members have nothing of their own here."""
        return self

    async def mailboxes(self) -> dict[str, Mailbox]:
        """By name."""
        return dict(sorted(self.boxes.items()))

    async def mailbox(self, name: str) -> Mailbox:
        """Or NoSuchMailbox."""
        if name not in self.boxes:
            raise NoSuchMailbox(name)
        return self.boxes[name]

    async def some_mailboxes(self, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """By key."""
        return [each for each in self.boxes.values() if each.id in mailboxes]

    async def last_content(self) -> ContentId:
        """The last one added."""
        return ContentId(0)

    async def email_ids(self, contents: Sequence[ContentId]) -> dict[ContentId, str]:
        """Nobody asks."""
        del contents
        return {}

    async def access_key(self, scope: str) -> bytes | None:
        """There are none."""
        del scope
        return None

    async def subscriptions(self) -> frozenset[str]:
        """Names subscribed to."""
        return frozenset(self.subscribed)

    async def open_mailbox(self, mailbox: MailboxId, known: Mailbox | None = None) -> MailboxState:
        """The arrays themselves."""
        return self.states[mailbox]

    def flag_set(self, flags: FlagSetId) -> FlagSet:
        """The flags behind a key."""
        names = self.flag_sets[flags]
        return FlagSet(flags, names, " ".join(sorted(names)).encode(), "\\Seen" in names, "\\Deleted" in names)

    async def facts(self, contents: Sequence[ContentId]) -> list[ContentFacts]:
        """Size and date are true, the rest is empty."""
        rows = [self.stored[content] for content in contents]
        return [ContentFacts(len(octets), date, zone, None, None, "", "") for octets, date, zone in rows]

    async def header_fields(
        self, contents: Sequence[ContentId], names: Collection[bytes], largest: int
    ) -> list[bytes | None]:
        """Not used."""
        raise NotImplementedError

    async def sizes_and_dates(self, contents: Sequence[ContentId]) -> list[tuple[int, int, int]]:
        """Not used."""
        raise NotImplementedError

    async def read(self, content: ContentId, start: int = 0, length: int | None = None) -> bytes:
        """Octets of a message."""
        octets = self.stored[content][0]
        return octets[start : None if length is None else start + length]

    async def changes_since(self, mailbox: MailboxId, modseq: ModSeq) -> Changes:
        """Not used by import and export, as all that follow."""
        raise NotImplementedError

    async def wire(self, contents: Sequence[ContentId]) -> list[ContentWire]:
        """Not used."""
        raise NotImplementedError

    async def saved_dates(self, mailbox: MailboxId, uids: Sequence[Uid]) -> list[int | None]:
        """Not used."""
        raise NotImplementedError

    async def previews(self, contents: Sequence[ContentId]) -> list[str]:
        """Not used."""
        raise NotImplementedError

    async def structure(self, content: ContentId) -> Part:
        """Not used."""
        raise NotImplementedError

    async def sorting(self, contents: Sequence[ContentId]) -> list[ContentSorting]:
        """Not used."""
        raise NotImplementedError

    async def headers(self, contents: Sequence[ContentId]) -> list[bytes]:
        """Not used."""
        raise NotImplementedError

    async def small_wire(self, contents: Sequence[ContentId], largest: int) -> list[SmallWire]:
        """Not used."""
        raise NotImplementedError

    async def small_sections(
        self, contents: Sequence[ContentId], section: SectionOctets, largest: int
    ) -> list[bytes | Absent | None]:
        """Not used."""
        raise NotImplementedError

    async def small_octets(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Not asked for by imports and exports."""
        raise NotImplementedError

    async def small_headers(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Not used."""
        raise NotImplementedError

    async def annotations(self, mailbox: MailboxId, question: AnnotationQuestion) -> list[Annotation]:
        """Not used."""
        raise NotImplementedError

    async def last_annotation_change(self) -> ModSeq:
        """Not used."""
        raise NotImplementedError

    async def annotation_changes(self, modseq: ModSeq, member: str) -> list[AnnotationChange]:
        """Not used."""
        raise NotImplementedError

    async def message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], entries: Sequence[str] | None = None
    ) -> list[MessageAnnotation]:
        """Not used."""
        raise NotImplementedError

    async def changed_message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], modseq: ModSeq
    ) -> list[ChangedAnnotation]:
        """Not used."""
        raise NotImplementedError

    async def usage(self) -> Usage:
        """Not used."""
        raise NotImplementedError

    def watch(self, callback: Callable[[MailboxId], None]) -> Callable[[], None]:
        """Not used."""
        raise NotImplementedError


Stored = tuple[bytes, frozenset[str], int, int]
"""Octets, flags, seconds since the epoch, minutes east of UTC."""


async def contents(account: Account) -> dict[str, list[Stored]]:
    """Every message of an account, by mailbox, in the order of UIDs."""
    result: dict[str, list[Stored]] = {}
    for name, mailbox in (await account.mailboxes()).items():
        state = await account.open_mailbox(mailbox.id)
        keys = [ContentId(content) for content in state.contents]
        facts = await account.facts(keys)
        result[name] = [
            (await account.read(key), account.flag_set(FlagSetId(flags)).names, fact.internal_date, fact.internal_zone)
            for key, flags, fact in zip(keys, state.flags, facts, strict=True)
        ]
    return result


@pytest.fixture
def account() -> FakeAccount:
    """An empty account."""
    return FakeAccount()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Writes a file below the test's folder and answers the path of what was named first."""

    def write_file(name: str, octets: bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
        return tmp_path / name.split("/", maxsplit=1)[0]

    return write_file
