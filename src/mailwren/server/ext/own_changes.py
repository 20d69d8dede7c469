"""What a session changed itself, so that its client is not told of it as of somebody else's doing.

"The server SHOULD omit notifying the client if the event is caused by this client" (RFC 5465 §5). Never is more left
out than that: what others did to the same mailbox at the same time is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap import names
from mailwren.server.digest import NameChanges, Names, renamings_above
from mailwren.store import operations as ops
from mailwren.store.operations import Operation, Outcome


@dataclass(frozen=True, slots=True)
class Added:
    """Messages that the session added to a mailbox, up to a mod-sequence."""

    modseq: ModSeq
    uids: RangeSet


@dataclass(slots=True)
class OwnChanges:
    """One session's doings in one account that its client has not been told of, nor will be."""

    added: dict[MailboxId, Added] = field(default_factory=dict)
    known: dict[MailboxId, ModSeq] = field(default_factory=dict)
    """Up to where the client knows a mailbox that it had selected."""
    _created: dict[str, int] = field(default_factory=dict)
    _deleted: dict[str, int] = field(default_factory=dict)
    _renamed: dict[tuple[str, str], int] = field(default_factory=dict)
    _subscribed: dict[str, tuple[bool, int]] = field(default_factory=dict)

    def note(self, operation: Operation, outcome: Outcome, reading: int) -> None:
        """The session has done this, seen by every reading of the list of mailboxes with a larger number."""
        match operation, outcome:
            case ops.Append(), ops.Appended():
                self._add(operation.mailbox, outcome.modseq, RangeSet.of((outcome.uid,)))
            case ops.Copy() | ops.Move(), ops.Copied():
                self._add(operation.target, outcome.modseq, outcome.target_uids)
            case ops.CreateMailbox(), _:
                self._note_created(operation.name, reading)
            case ops.DeleteMailbox(), _:
                self._deleted[operation.name] = reading
            case ops.RenameMailbox(), _:
                self._renamed[operation.old, operation.new] = reading
                self._note_created(operation.new, reading)
            case ops.SetSubscription(), _:
                self._subscribed[operation.name] = (operation.subscribed, reading)
            case _:
                pass

    def _add(self, mailbox: MailboxId, modseq: ModSeq, uids: RangeSet) -> None:
        before = self.added.get(mailbox)
        self.added[mailbox] = Added(modseq, uids if before is None else before.uids.union(uids))

    def _note_created(self, name: str, reading: int) -> None:
        """What is missing above a mailbox comes into being with it."""
        for each in (name, *names.parents(name)):
            self._created[each] = reading

    def without_own(self, changes: NameChanges, before: Names, now: Names) -> NameChanges:
        """The changes of the list between two readings that are not this session's doing."""
        self._forget(before.number)
        # What others have deleted meanwhile: to the client it is there until it is told.
        lost = [name for name, reading in self._created.items() if reading < now.number and name not in now.mailboxes]
        result = NameChanges(
            tuple(each for each in changes.created if each not in self._created),
            tuple(dict.fromkeys((*(each for each in changes.deleted if each not in self._deleted), *lost))),
            tuple(each for each in changes.renamed if self._renamed.keys().isdisjoint((each, *renamings_above(*each)))),
            tuple(each for each in changes.subscriptions if not self._has_subscribed(each, now)),
        )
        self._forget(now.number)
        return result

    def _has_subscribed(self, name: str, now: Names) -> bool:
        own = self._subscribed.get(name)
        return own is not None and own[0] == (name in now.subscribed)

    def _forget(self, number: int) -> None:
        """Everything that a reading of the list has seen."""
        self._created = {name: reading for name, reading in self._created.items() if reading >= number}
        self._deleted = {name: reading for name, reading in self._deleted.items() if reading >= number}
        self._renamed = {pair: reading for pair, reading in self._renamed.items() if reading >= number}
        self._subscribed = {name: mark for name, mark in self._subscribed.items() if mark[1] >= number}


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
