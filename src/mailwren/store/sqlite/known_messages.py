"""Messages that are in memory as the transaction has them: what a flag change asks of them needs no statement."""

from collections.abc import Collection, Mapping
from itertools import compress
from typing import Final

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.flag_columns import Column, compact, counts, distinct, marks
from mailwren.store.mailbox_state import MailboxState, joined, uid_runs


class KnownMessages:
    """Those of some UIDs that exist; read only, in any thread.

    Attributes:
        wanted: a set that names them, and perhaps some that do not exist.
        uids: those that do.
    """

    __slots__ = ("_flags", "_spans", "_state", "uids", "wanted")

    def __init__(self, state: MailboxState, wanted: RangeSet) -> None:
        """Look for the messages in ``state``, which is as of the transaction."""
        self._state: Final = state
        self._flags: Column | None = None
        self.wanted = wanted
        self._spans = list(state.spans(wanted))
        everything = sum(stop - start for start, stop in self._spans) == len(wanted)
        self.uids = wanted if everything else self._uids()

    def _uids(self) -> RangeSet:
        uids = self._state.uids
        return RangeSet(run for start, stop in self._spans for run in uid_runs(uids, start, stop))

    def without_changed_after(self, modseq: ModSeq | None) -> RangeSet:
        """Leave out those that changed after a mod-sequence; which these are."""
        if modseq is None or modseq >= self._state.modseq:
            return RangeSet()
        uids, modseqs = self._state.uids, self._state.modseqs
        changed = RangeSet.of_sorted(
            uids[index] for start, stop in self._spans for index in range(start, stop) if modseqs[index] > modseq
        )
        if changed:
            self.wanted = self.uids = self.uids.difference(changed)
            self._spans = list(self._state.spans(self.uids))
        return changed

    def _column(self) -> Column:
        if self._flags is None:
            self._flags = compact(joined(self._state.flags, self._spans))
        return self._flags

    def flag_sets(self) -> set[int]:
        """The different flag sets that they have."""
        return distinct(self._column())

    def counts(self) -> Mapping[int, int]:
        """How many have which flag set."""
        return counts(self._column())

    def with_flags(self, flag_sets: Collection[int]) -> RangeSet:
        """The UIDs of those that have one of some flag sets."""
        uids = joined(self._state.uids, self._spans)
        return RangeSet.of_sorted(compress(uids, marks(self._column(), flag_sets)))
