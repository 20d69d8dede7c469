"""The mailboxes that a process has in memory: loaded once, then kept up to date by deltas of our own commits and by
asking the log for everybody else's.

Whoever opens a mailbox gets it as of a moment after the call: the database's version tells whether anything happened in
the account, one point read whether it happened in the mailbox.
What is little is read at once on the event loop; what is much is read in a thread from one snapshot, and applied only
if the state still stands where the thread began, else it is read again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from itertools import count
from typing import Final, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.sqlite.delta import Added, Delta, Flagged, Removed
from mailwren.store.sqlite.failures import translated
from mailwren.store.sqlite.log_reading import Known, Reading, Refreshed
from mailwren.store.values import Mailbox

R = TypeVar("R")
RunInThread = Callable[[Callable[[apsw.Connection], R]], Awaitable[R]]
_versions: Final = count(1)
_WITHOUT_LIMIT: Final = 1 << 62
_IN_THREAD: Final = 1_000_000
"""Octets of log, and messages, beyond which the whole mailbox is quicker to read."""


class _Loading(NamedTuple):
    """A mailbox that is being read in the thread."""

    version: int
    """The database's when the reading began."""
    future: "asyncio.Future[Refreshed | None]"


class StateCache:
    """Keeps the states used last alive, of all accounts of a process, up to a number of messages."""

    __slots__ = ("_limit", "_states")

    def __init__(self, limit: int = limits.STATES_CACHE) -> None:
        """Keep up to ``limit`` messages."""
        self._limit: Final = limit
        self._states: Final[OrderedDict[int, MailboxState]] = OrderedDict()

    def touch(self, state: MailboxState) -> None:
        """The state was used now."""
        key = id(state)
        if key in self._states:
            self._states.move_to_end(key)
            return
        self._states[key] = state
        total = sum(map(len, self._states.values()))
        while total > self._limit and len(self._states) > 1:
            total -= len(self._states.popitem(last=False)[1])

    def drop(self, state: MailboxState) -> None:
        """The state is of no use any more."""
        self._states.pop(id(state), None)


class States:
    """The states of one account's mailboxes as one user sees them. Everything here happens on the event loop."""

    __slots__ = ("_cache", "_current", "_in_thread", "_loading", "_reader", "_reading", "_shares", "_states")

    def __init__(
        self,
        reader: apsw.Connection,
        in_thread: "RunInThread[Refreshed | None]",
        cache: StateCache,
        reading: Reading,
    ) -> None:
        """Read little through ``reader``, much through ``in_thread``."""
        self._reader: Final = reader
        self._reading: Final = reading
        self._in_thread: Final = in_thread
        self._cache: Final = cache
        self._states: Final[WeakValueDictionary[MailboxId, MailboxState]] = WeakValueDictionary()
        self._loading: Final[dict[MailboxId, _Loading]] = {}
        self._shares: Final = bool(reader.filename)
        """In memory the reader is the writer, and sees its own changes without knowing of any."""
        self._current: Final[dict[MailboxId, int]] = {}
        """In which version of the database a state was found to be up to date."""

    async def open(self, mailbox: MailboxId, known: Mailbox | None = None) -> MailboxState:
        """The state with every change that was committed before the call, or before ``known`` was read.

        Raises NoSuchMailbox.
        """
        while True:
            state = self._states.get(mailbox)
            if state is not None and known is not None and _is_as_of(state, known):
                state.mailbox = known  # the very same compares sooner
                self._cache.touch(state)
                return state
            version = self.version()  # first: what is committed from here on makes another one
            if state is not None and self._current.get(mailbox) == version:
                self._cache.touch(state)
                return state
            if state is not None and self._is_unchanged(state):
                self._current[mailbox] = version
                self._cache.touch(state)
                return state
            read, refreshed = version, self._little(mailbox, state)
            if refreshed is None:
                read, refreshed = await self._much(mailbox, state, version)
            state = self._take(mailbox, refreshed)
            if state is not None and read == version:  # else others began to read before what we are to see
                self._current[mailbox] = version
                self._cache.touch(state)
                return state

    @translated
    def version(self) -> int:
        """Changes with every commit of any other connection: where it did not, there is nothing to look for."""
        return self._reader.execute("PRAGMA data_version").get if self._shares else next(_versions)

    @translated
    def _little(self, mailbox: MailboxId, state: MailboxState | None) -> Refreshed | None:
        """What is new, if that is little."""
        known = None if state is None else _known(state)
        return self._reading.refreshed(self._reader, mailbox, known, within=limits.ROWS_AT_ONCE)

    @translated
    def _is_unchanged(self, state: MailboxState) -> bool:
        """Take in the mailbox's row, where that is all that can be new: the usual case, and one point read."""
        now = self._reading.mailbox(self._reader, state.mailbox.id)
        if now is None or now.highest_modseq != state.modseq:
            return False
        state.mailbox = now
        return True

    async def _much(self, mailbox: MailboxId, state: MailboxState | None, version: int) -> tuple[int, Refreshed | None]:
        """What is new, read in the thread, once for all who wait for it; and as of which version at least."""
        loading = self._loading.get(mailbox)
        if loading is None or loading.future.done():  # done: to await it would not even let the loop go on
            future = asyncio.ensure_future(self._read_much(mailbox, None if state is None else _known(state)))
            loading = self._loading[mailbox] = _Loading(version, future)
            future.add_done_callback(partial(self._has_read, mailbox))
        return loading.version, await asyncio.shield(loading.future)

    def _has_read(self, mailbox: MailboxId, future: "asyncio.Future[Refreshed | None]") -> None:
        loading = self._loading.get(mailbox)
        if loading is not None and loading.future is future:
            del self._loading[mailbox]
        if not future.cancelled():
            future.exception()  # an error is for those who wait; where nobody waits any more, nobody needs it

    async def _read_much(self, mailbox: MailboxId, known: Known | None) -> Refreshed | None:
        def read(connection: apsw.Connection) -> Refreshed | None:
            refreshed = None
            if known is not None:
                refreshed = self._reading.refreshed(connection, mailbox, known, within=_IN_THREAD)
            return refreshed or self._reading.refreshed(connection, mailbox, None, within=_WITHOUT_LIMIT)

        return await self._in_thread(read)

    def _take(self, key: MailboxId, refreshed: Refreshed | None) -> MailboxState | None:
        """Bring the state up to date; ``None`` when it has moved meanwhile, so that we must look again."""
        state = self._states.get(key)
        if refreshed is None or refreshed.mailbox is None:
            if state is not None:
                self._gone(state)
            raise NoSuchMailbox("the mailbox does not exist any more")
        mailbox, columns = refreshed.mailbox, refreshed.columns
        if refreshed.known is None:
            assert columns is not None
            if state is None:
                state = self._states[key] = MailboxState(mailbox)
            if state.modseq < mailbox.highest_modseq:
                state.replace(columns, mailbox)
            return state
        if state is None or _known(state) != refreshed.known:
            return None
        if mailbox.highest_modseq != state.modseq:
            state.refresh(refreshed.rows, refreshed.expunged, columns, mailbox)
        state.mailbox = mailbox
        return state

    def _gone(self, state: MailboxState) -> None:
        state.deleted = True
        self._current.pop(state.mailbox.id, None)
        self._states.pop(state.mailbox.id, None)
        self._cache.drop(state)

    def committed(self, deltas: dict[MailboxId, Delta]) -> None:
        """Take in what our own commit did, where it is told wholly and follows on what the state knows."""
        for mailbox, delta in deltas.items():
            state = self._states.get(mailbox)
            if state is None:
                continue
            if delta.mailbox is None:
                self._gone(state)
            elif delta.complete and state.modseq == delta.previous:
                _apply(state, delta)
                state.mailbox, state.modseq = delta.mailbox, delta.mailbox.highest_modseq

    def known(self, mailbox: MailboxId, modseq: ModSeq) -> MailboxState | None:
        """The state of a mailbox, if it is as of this mod-sequence.

        May be asked in the writer's thread during a transaction: where the mod-sequence is the mailbox's own, nothing
        is on its way to the state that would change it meanwhile.
        """
        state = self._states.get(mailbox)
        return state if state is not None and state.modseq == modseq else None

    def held(self, mailbox: MailboxId) -> MailboxState | None:
        """The state of a mailbox as it is in memory, up to date or not."""
        return self._states.get(mailbox)

    def latest(self, mailbox: MailboxId) -> MailboxState | None:
        """The state of a mailbox, if it is in memory and nothing new was committed there. Raises StoreError."""
        state = self._states.get(mailbox)
        if state is None:
            return None
        version = self.version()
        if self._current.get(mailbox) != version:
            if not self._is_unchanged(state):
                return None
            self._current[mailbox] = version
        return state

    def gone(self, mailboxes: Iterable[MailboxId]) -> None:
        """Mailboxes have been deleted."""
        for mailbox in mailboxes:
            state = self._states.get(mailbox)
            if state is not None:
                self._gone(state)

    def live(self) -> list[MailboxState]:
        """The states that are in use or kept."""
        return list(self._states.values())

    def clear(self) -> None:
        """Let go of everything; the account is closed."""
        for state in list(self._states.values()):
            self._cache.drop(state)
        self._states.clear()
        self._current.clear()


def _apply(state: MailboxState, delta: Delta) -> None:
    nothing = RangeSet()
    for step in delta.steps:
        match step:
            case Added(row):
                state.update([row], nothing, state.mailbox, ModSeq(row[3]))
            case Flagged(uids, changes, modseq):
                state.change_flags(uids, changes, modseq)
            case Removed(uids, modseq):
                state.update([], uids, state.mailbox, modseq)


def _is_as_of(state: MailboxState, mailbox: Mailbox) -> bool:
    """Whether a state has all that was there when a mailbox's row was read."""
    return state.modseq == mailbox.highest_modseq and (state.mailbox is mailbox or state.mailbox == mailbox)


def _known(state: MailboxState) -> Known:
    return Known(state.modseq, state.uids[-1] if state.uids else 0)
