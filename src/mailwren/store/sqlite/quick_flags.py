"""Flag changes of a few messages whose mailbox is in memory: the usual ones, with no statement that only reads.

What the messages have and what becomes of it is known before the transaction. Its first statement changes the mailbox's
row only if the state was as of that row; if not, or where anything is out of the ordinary, nothing was done, and the
general way (flag_operations.py) is taken.
"""

from collections.abc import Callable
from typing import Final

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.operations import FlagsSet, SetFlags
from mailwren.store.sqlite.delta import Delta, Flagged
from mailwren.store.sqlite.flag_operations import ONE_CHANGE
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.known_messages import KnownMessages
from mailwren.store.sqlite.mailbox_rows import CHANGE_FLAGS, mailbox_of
from mailwren.store.sqlite.rows import fetch
from mailwren.store.sqlite.schema import LOG_CHANGED
from mailwren.store.values import Mailbox

Latest = Callable[[MailboxId], MailboxState | None]
"""The state of a mailbox that is in memory: as it is, or only if it is found to be up to date."""

_NOTHING: Final = RangeSet()


def no_latest(_mailbox: MailboxId) -> MailboxState | None:
    """Nothing is in memory."""
    return None


class QuickFlags:
    """Changes flags through the writer's connection. Belongs to the event loop."""

    __slots__ = ("_connection", "_flags", "_held", "_latest", "_set_synced")

    def __init__(
        self,
        connection: apsw.Connection,
        flags: FlagSets,
        held: Latest,
        latest: Latest,
        set_synced: Callable[[bool], None],
    ) -> None:
        """Change what is in memory.

        Args:
            connection: the writer's.
            flags: combinations of flags that are known.
            held: gives a state as it is.
            latest: gives only one that is up to date.
            set_synced: turns syncs of commits on and off.
        """
        self._connection: Final = connection
        self._flags: Final = flags
        self._held: Final = held
        self._latest: Final = latest
        self._set_synced: Final = set_synced

    def apply(self, operation: SetFlags) -> tuple[FlagsSet, Delta | None] | None:
        """Carry out the owner's operation and commit it, unsynced; ``None`` where the general way is to be taken.

        Raises:
            apsw.Error: as it comes; nothing was done.
        """
        if operation.keep or operation.unchanged_since is not None or len(operation.uids) > limits.FLAGS_AT_ONCE:
            return None
        state = self._held(operation.mailbox)  # whether it is up to date, the change itself finds out
        if state is None:
            return None
        uid = operation.uids.only
        place = None if uid is None else state.index(Uid(uid))
        if place is not None:  # the usual case
            return self._decide(state, operation, operation.uids, {state.flags[place]})
        known = KnownMessages(state, operation.uids)
        return self._decide(state, operation, known, known.flag_sets())

    def _decide(
        self, state: MailboxState, operation: SetFlags, messages: RangeSet | KnownMessages, flag_sets: set[int]
    ) -> tuple[FlagsSet, Delta | None] | None:
        """As :meth:`apply`, for messages that have these flag sets."""
        changes: dict[int, int] = {}
        for flags in flag_sets:
            new = self._flags.known_change(flags, operation.mode, operation.flags)
            if new is None:
                return None
            if new != flags:
                changes[flags] = new
        if not changes:
            if self._latest(operation.mailbox) is not state:
                return None
            return FlagsSet(_NOTHING, _NOTHING, state.modseq), None
        if len(changes) > 1:
            return None
        if isinstance(messages, KnownMessages):
            messages = messages.uids if len(flag_sets) == 1 else messages.with_flags(changes)
        return self._change(state, messages, changes)

    def _change(
        self, state: MailboxState, uids: RangeSet, changes: dict[int, int]
    ) -> tuple[FlagsSet, Delta | None] | None:
        """Write a change from one flag set to one other."""
        ((old, new),) = changes.items()
        before, after = self._flags.find(self._connection, old), self._flags.find(self._connection, new)
        if before.deleted != after.deleted:
            return None  # the messages' sizes are counted then
        unseen = len(uids) * (int(before.seen) - int(after.seen))
        self._set_synced(False)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            mailbox = self._write(state, uids, (old, new), unseen)
            self._connection.execute("ROLLBACK" if mailbox is None else "COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        if mailbox is None:
            return None
        modseq = mailbox.highest_modseq
        return FlagsSet(uids, _NOTHING, modseq), Delta(state.modseq, mailbox, [Flagged(uids, changes, modseq)])

    def _write(self, state: MailboxState, uids: RangeSet, change: tuple[int, int], unseen: int) -> Mailbox | None:
        """The mailbox after the change; ``None``: the state is not up to date."""
        connection, key, (old, new) = self._connection, state.mailbox.id, change
        rows = fetch(connection, CHANGE_FLAGS, (unseen, key, state.modseq))
        if not rows:
            return None
        mailbox = mailbox_of(rows[0])
        modseq: ModSeq = mailbox.highest_modseq
        connection.execute("UPDATE meta SET modseq = ?", (modseq,))
        ONE_CHANGE.run(connection, uids, new, modseq, key, old)
        connection.execute("INSERT INTO change VALUES(?, ?, ?, ?, ?)", (key, modseq, LOG_CHANGED, modseq, str(uids)))
        return mailbox
