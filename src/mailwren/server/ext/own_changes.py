"""What a session changed itself, so that its client is not told of it as of somebody else's doing.

"The server SHOULD omit notifying the client if the event is caused by this client" (RFC 5465 §5). Never is more left
out than that: what others did to the same mailbox at the same time is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap import names
from mailwren.server.digest import NameChanges, Names, renamings_above
from mailwren.store import operations as ops
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.operations import Operation, Outcome
from mailwren.store.values import Mailbox

if TYPE_CHECKING:
    from mailwren.store.api import Account

_REMEMBERED: Final = 1000
"""Mailboxes that are remembered one by one."""


@dataclass(frozen=True, slots=True)
class Added:
    """Messages that the session added to a mailbox, up to a mod-sequence."""

    modseq: ModSeq
    uids: RangeSet


@dataclass(slots=True)
class OwnChanges:
    """One session's doings in one account that its client has not been told of, nor will be."""

    name_of: Callable[[str], str] = str
    """What the client calls a mailbox that is called so in the account."""
    added: dict[MailboxId, Added] = field(default_factory=dict)
    known: dict[MailboxId, ModSeq] = field(default_factory=dict)
    """Up to where the client knows a mailbox that it had selected."""
    annotated: set[ModSeq] = field(default_factory=set)
    """When the session itself set or removed annotations."""
    _created: dict[str, int] = field(default_factory=dict)
    """Names that came into being, whether or not they are there still: the list may have been read in between."""
    _there: dict[str, int] = field(default_factory=dict)
    """Those of them that the session itself has neither deleted nor renamed."""
    _deleted: dict[str, int] = field(default_factory=dict)
    _renamed: dict[tuple[str, str], int] = field(default_factory=dict)
    """From which name to which, also in several steps."""
    _subscribed: dict[str, tuple[bool, int]] = field(default_factory=dict)

    def note(self, operation: Operation, outcome: Outcome, reading: int) -> None:
        """The session has done this, seen by every reading of the list of mailboxes with a larger number."""
        for remembered in (self.added, self.known, self.annotated, self._created, self._deleted, self._renamed):
            if len(remembered) > _REMEMBERED:
                remembered.clear()  # the client is told of its own doing, which does no harm
        match operation, outcome:
            case ops.Append(), ops.Appended():
                self._add(operation.mailbox, outcome.modseq, RangeSet.of((outcome.uid,)))
            case ops.Copy() | ops.Move(), ops.Copied():
                self._add(operation.target, outcome.modseq, outcome.target_uids)
            case ops.CreateMailbox(), _:
                self._note_created(operation.name, reading)
            case ops.DeleteMailbox(), _:
                self._note_deleted(self.name_of(operation.name), reading)
            case ops.RenameMailbox(), _:
                self._note_renamed(self.name_of(operation.old), self.name_of(operation.new), reading)
                self._note_created(operation.new, reading)
            case ops.SetMetadata(), ops.MetadataSet():
                self.annotated.add(outcome.modseq)
            case ops.SetSubscription(), _:
                self._subscribed[operation.name] = (operation.subscribed, reading)
            case _:
                pass

    def take_added(self, mailbox: MailboxId) -> RangeSet:
        """The messages that the session added to a mailbox, once."""
        added = self.added.pop(mailbox, None)
        return added.uids if added is not None else RangeSet()

    def knows(self, mailbox: MailboxId, modseq: ModSeq | None) -> None:
        """The client has had the mailbox selected, and knows all of it up to a mod-sequence, or has not asked to."""
        self.added.pop(mailbox, None)
        if modseq is not None:
            self.known[mailbox] = modseq

    async def explains(self, account: "Account", before: Mailbox | None, now: Mailbox) -> bool:
        """Whether the client knows what happened to a mailbox: from when it had it selected, or as its own doing.

        Raises:
            StoreError: it cannot be found out.
        """
        if now.highest_modseq <= self.known.pop(now.id, ModSeq(0)):
            return True
        added = self.added.pop(now.id, None)
        if added is None or before is None or now.highest_modseq != added.modseq:
            return False
        try:
            changes = await account.changes_since(now.id, before.highest_modseq)
        except NoSuchMailbox:
            return True  # deleted at this moment, which is told as such
        return not changes.expunged and not changes.changed.difference(added.uids)

    def _add(self, mailbox: MailboxId, modseq: ModSeq, uids: RangeSet) -> None:
        before = self.added.get(mailbox)
        self.added[mailbox] = Added(modseq, uids if before is None else before.uids.union(uids))

    def _note_created(self, name: str, reading: int) -> None:
        """What is missing above a mailbox comes into being with it."""
        for each in (name, *names.parents(name)):
            self._created[self.name_of(each)] = self._there[self.name_of(each)] = reading

    def _note_deleted(self, name: str, reading: int) -> None:
        self._there.pop(name, None)
        self._deleted[name] = reading
        for old, new in self._renamed:
            if _is_at_or_below(name, new):
                self._deleted[old + name[len(new) :]] = reading

    def _note_renamed(self, old: str, new: str, reading: int) -> None:
        for name in [each for each in self._there if _is_at_or_below(each, old)]:
            del self._there[name]
            moved = new + name[len(old) :]
            self._created[moved] = self._there[moved] = reading
        for first, then in list(self._renamed):
            if _is_at_or_below(then, old):
                self._renamed[first, new + then[len(old) :]] = reading
            elif _is_at_or_below(old, then):
                self._renamed[first + old[len(then) :], new] = reading
        self._renamed[old, new] = reading

    def undecided(self, seen: int) -> bool:
        """Whether the session made mailboxes that the last reading of the list ought to have seen."""
        return any(reading < seen for reading in self._there.values())

    def without_own(self, changes: NameChanges, before: Names, now: Names, seen: int) -> NameChanges:
        """The changes of the list between two readings, the second with this number, that others made."""
        self._forget(before.number)
        # What others have deleted meanwhile: to the client it is there until it is told.
        lost = [name for name, reading in self._there.items() if reading < seen and name not in now.mailboxes]
        result = NameChanges(
            tuple(each for each in changes.created if not self._has_created(each, before, now)),
            tuple(dict.fromkeys((*(each for each in changes.deleted if each not in self._deleted), *lost))),
            tuple(each for each in changes.renamed if self._renamed.keys().isdisjoint((each, *renamings_above(*each)))),
            tuple(each for each in changes.subscriptions if not self._has_subscribed(each, now)),
        )
        self._forget(seen)
        return result

    def _has_created(self, name: str, before: Names, now: Names) -> bool:
        if name in self._created:
            return True
        # A name that was only implied by those below it is a mailbox once they are renamed.
        if not any(_is_at_or_below(name, new) for _, new in self._renamed):
            return False
        below = [each for each in now.by_id if _is_at_or_below(now.by_id[each], name) and now.by_id[each] != name]
        return any(each in before.by_id or now.by_id[each] in self._created for each in below)

    def _has_subscribed(self, name: str, now: Names) -> bool:
        own = self._subscribed.get(name)
        return own is not None and own[0] == (name in now.subscribed)

    def _forget(self, number: int) -> None:
        """Everything that a reading of the list has seen."""
        self._created = {name: reading for name, reading in self._created.items() if reading >= number}
        self._there = {name: reading for name, reading in self._there.items() if reading >= number}
        self._deleted = {name: reading for name, reading in self._deleted.items() if reading >= number}
        self._renamed = {pair: reading for pair, reading in self._renamed.items() if reading >= number}
        self._subscribed = {name: mark for name, mark in self._subscribed.items() if mark[1] >= number}


def _is_at_or_below(name: str, top: str) -> bool:
    return name == top or name.startswith(top + names.SEPARATOR)


def moves(operations: Sequence[Operation], mailbox: MailboxId) -> bool:
    """Whether any of the operations adds messages to a mailbox or takes some away."""
    return any(_moves(operation, mailbox) for operation in operations)


def _moves(operation: Operation, mailbox: MailboxId) -> bool:
    match operation:
        case ops.Append() | ops.Expunge():
            return operation.mailbox == mailbox
        case ops.Move():
            return mailbox in (operation.source, operation.target)
        case ops.Copy():
            return operation.target == mailbox
        case _:
            return False
