"""An open write transaction: the rows that operations change, the log, and going back to before a refused request.

Rules for whoever edits this file or the operations:

1. ``meta`` and ``mailbox`` rows are read once, changed in memory and written by :meth:`Transaction.flush`.
2. Whatever an operation keeps in memory must be covered by :meth:`Transaction.mark` and :meth:`Transaction.back_to`.
3. Every change of messages is counted (MailboxRow.count), logged (:meth:`Transaction.log`) and told to
   :meth:`Transaction.delta`, in the same operation.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.blobs.api import BlobStore
from mailwren.store.errors import NoSuchMailbox, OverQuota
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.sqlite.delta import Delta
from mailwren.store.sqlite.flag_sets import FlagSets, FlagSetWriter
from mailwren.store.sqlite.mailbox_rows import Held, MailboxRow, MetaRow
from mailwren.store.sqlite.schema import LOG_CHANGED
from mailwren.store.values import Resource

States: TypeAlias = Callable[[MailboxId, ModSeq], MailboxState | None]
"""The messages of a mailbox as of a mod-sequence, if they are in memory so."""


def no_states(_mailbox: MailboxId, _modseq: ModSeq) -> MailboxState | None:
    """Nothing is in memory."""
    return None


class Rows(NamedTuple):
    """Rows that are held during a transaction, as the database has them before or after it."""

    meta: MetaRow
    mailboxes: dict[MailboxId, MailboxRow]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A row of the log that is not written yet."""

    mailbox: MailboxId
    kind: int
    first: ModSeq
    last: ModSeq
    uids: RangeSet


@dataclass(slots=True)
class _Mark:
    meta: MetaRow
    mailboxes: dict[MailboxId, MailboxRow]
    log: list[LogEntry]
    deltas: dict[MailboxId, Delta]
    hinted: set[MailboxId]
    list_changed: bool
    flags: tuple[int, ...]


class Transaction:
    """Between BEGIN and COMMIT. Operations call the methods; the writer calls :meth:`flush` before COMMIT.

    Attributes:
        connection: where statements run.
        meta: the account's row.
        flags: flag sets, found and added.
        blobs: where large messages are.
        now: seconds since the epoch, whole.
        deltas: what changed, by mailbox.
        hinted: mailboxes where a member has changed what is his own.
        member: who the request that is carried out acts for; ``None`` is the account's owner.
        list_changed: whether mailboxes or subscriptions came, went or were renamed.
    """

    __slots__ = (
        "_dirty",
        "_log",
        "_mailboxes",
        "_states",
        "blobs",
        "connection",
        "deltas",
        "flags",
        "hinted",
        "list_changed",
        "member",
        "meta",
        "now",
    )

    def __init__(
        self,
        connection: apsw.Connection,
        flags: FlagSets,
        blobs: BlobStore,
        now: float,
        *,
        states: States = no_states,
        rows: Rows | None = None,
    ) -> None:
        self.connection: Final = connection
        self.blobs: Final = blobs
        self.now: Final = int(now)
        self.flags: Final[FlagSetWriter] = flags.transaction(connection)
        if rows is None:
            rows = Rows(MetaRow.load(connection), {})
        self.meta, self._mailboxes = rows
        self.deltas: dict[MailboxId, Delta] = {}
        self.hinted: set[MailboxId] = set()
        self.list_changed = False
        self.member: str | None = None
        self._states: Final = states
        self._log: list[LogEntry] = []

    # --- rows ---------------------------------------------------------------------------------------------------
    def execute(self, statement: str, bindings: tuple[Any, ...] = ()) -> apsw.Cursor:
        """Run a statement. Any: what SQLite takes has no common type."""
        return self.connection.execute(statement, bindings)

    def mailbox(self, mailbox: MailboxId) -> MailboxRow:
        """A mailbox's row. Raises NoSuchMailbox."""
        row = self._mailboxes.get(mailbox)
        if row is None:
            row = MailboxRow.load(self.connection, mailbox)
            if row is None:
                raise NoSuchMailbox("the mailbox does not exist any more")
            self._mailboxes[mailbox] = row
        return row

    def rows(self) -> Rows:
        """What is held of the database's rows; after :meth:`flush` they are the same."""
        return Rows(self.meta, self._mailboxes)

    def state_of(self, box: MailboxRow) -> MailboxState | None:
        """The mailbox's messages as they are now in the transaction, as its owner has them, if they are in memory.

        To be read only: they may be asked for in any thread.
        """
        return self._states(box.id, box.highest_modseq)

    def forget(self, mailbox: MailboxId) -> None:
        """The mailbox's row is deleted, so it needs no log any more."""
        del self._mailboxes[mailbox]
        self._log = [entry for entry in self._log if entry.mailbox != mailbox]

    def next_modseq(self) -> ModSeq:
        """Take the account's next mod-sequence."""
        self.meta.modseq += 1
        return ModSeq(self.meta.modseq)

    # --- the log ------------------------------------------------------------------------------------------------
    def changed(self, box: MailboxRow, modseq: ModSeq, kind: int, uids: RangeSet) -> Delta:
        """Log UIDs of a mailbox that came, changed or went with a mod-sequence; the delta that wants the steps."""
        delta = self.touched(box)
        box.highest_modseq = modseq
        if uids.range_count > limits.DELTA_RANGES:
            delta.complete = False
        last = self._log[-1] if self._log else None
        if last is not None and kind == LOG_CHANGED == last.kind and last.mailbox == box.id and _follows(last, uids):
            # A run of new messages is one row, whatever their number.
            self._log[-1] = replace(last, last=modseq, uids=RangeSet([(last.uids.first, uids.last)]))
        else:
            self._log.append(LogEntry(box.id, kind, modseq, modseq, uids))
        return delta

    def touched(self, box: MailboxRow) -> Delta:
        """The mailbox's row changes: others are to be told."""
        delta = self.deltas.get(box.id)
        if delta is None:
            delta = self.deltas[box.id] = Delta(box.highest_modseq)
        return delta

    # --- requests -----------------------------------------------------------------------------------------------
    def mark(self) -> _Mark:
        """Where we stand, for :meth:`back_to`."""
        return _Mark(
            replace(self.meta),
            {mailbox: replace(row) for mailbox, row in self._mailboxes.items()},
            self._log.copy(),
            {mailbox: replace(delta, steps=delta.steps.copy()) for mailbox, delta in self.deltas.items()},
            self.hinted.copy(),
            self.list_changed,
            self.flags.mark(),
        )

    def back_to(self, mark: _Mark) -> None:
        """Forget what came after a mark, because the database has forgotten it."""
        self.meta, self._mailboxes, self.deltas, self._log = mark.meta, mark.mailboxes, mark.deltas, mark.log
        self.hinted, self.list_changed = mark.hinted, mark.list_changed
        self.flags.back_to(mark.flags)

    def check_quota(self, before: Held) -> None:
        """Judge a whole request by what it added to what was held. Raises OverQuota."""
        meta = self.meta
        octets, messages, mailboxes, annotation_octets = before
        if meta.octets_limit is not None and meta.octets > max(meta.octets_limit, octets):
            raise OverQuota("the account's quota of storage is used up", Resource.STORAGE)
        if meta.messages_limit is not None and meta.messages > max(meta.messages_limit, messages):
            raise OverQuota("the account's quota of messages is used up", Resource.MESSAGE)
        if meta.mailboxes_limit is not None and meta.mailboxes > max(meta.mailboxes_limit, mailboxes):
            raise OverQuota("the account's quota of mailboxes is used up", Resource.MAILBOX)
        limit = meta.annotation_octets_limit
        if limit is not None and meta.annotation_octets > max(limit, annotation_octets):
            raise OverQuota("the account's quota of annotations is used up", Resource.ANNOTATION_STORAGE)

    def flush(self) -> None:
        """Write what is held in memory; COMMIT comes next."""
        for entry in self._log:
            self.execute(
                "INSERT INTO change VALUES(?, ?, ?, ?, ?)",
                (entry.mailbox, entry.last, entry.kind, entry.first, str(entry.uids)),
            )
        self._log.clear()
        for mailbox, delta in self.deltas.items():
            row = self._mailboxes.get(mailbox)
            if row is not None:
                row.save(self.connection)
                delta.mailbox = row.value()
        self.meta.save(self.connection)


def _follows(entry: LogEntry, uids: RangeSet) -> bool:
    return entry.uids.range_count == uids.range_count == 1 and entry.uids.last + 1 == uids.first
