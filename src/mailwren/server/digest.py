"""What happened in an account's mailboxes, kept once a process for all sessions that watch it.

Two hundred sessions that want to hear of twenty mailboxes would each ask the store the same thing at every delivery.
Here one reader asks, for all mailboxes that hints named, at once when it is quiet and at most so often in a flood, and
the sessions compare. What a session needs for that is one number: the digest's version when it last looked.

Rules for whoever edits this file:

1. A mailbox's counters tell what happened: UIDNEXT grows with every message, MESSAGES falls with every one that went,
   HIGHESTMODSEQ grows with everything. So nothing is kept for each event, and nothing grows in a flood.
2. ``Names`` is never changed once it is made: sessions keep the one that they told their client from.
3. Hints can be lost: :meth:`Digest.look_again` reads everything, at the server's slow heartbeat.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq, Uid
from mailwren.base.logs import log
from mailwren.imap import names
from mailwren.store.errors import StoreError
from mailwren.store.values import ALL_MAILBOXES, Mailbox

if TYPE_CHECKING:
    from mailwren.store.api import Account

_STATES_KEPT: Final = 3
"""Earlier states of each mailbox: sessions that are told in time are one or two behind."""


@dataclass(frozen=True, slots=True)
class NameChanges:
    """What happened to the list of mailboxes between two looks."""

    created: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    """Old and new name, without those that only followed a mailbox above them (RFC 5465 §5.4)."""
    subscriptions: tuple[str, ...] = ()
    """Names subscribed to, or no longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """The mailboxes and subscriptions of an account at one moment."""

    mailboxes: Mapping[str, Mailbox]
    """By name; the counters are those of that moment."""
    subscribed: frozenset[str]
    number: int = 0
    """Which time of reading the list it came from."""
    by_id: Mapping[MailboxId, str] = field(init=False)
    parents: frozenset[str] = field(init=False)
    """Names with mailboxes below them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {each.id: name for name, each in self.mailboxes.items()})
        object.__setattr__(
            self, "parents", frozenset(parent for name in self.mailboxes for parent in names.parents(name))
        )

    def attributes(self, name: str, *, subscribed: Collection[str]) -> tuple[str, ...]:
        """What LIST says of a name: whether it is there, has children and is subscribed to, and its special uses."""
        mailbox = self.mailboxes.get(name)
        found: list[str] = [] if mailbox is not None else ["\\NonExistent", "\\Noselect"]
        if mailbox is not None or name in self.parents:
            found.append("\\HasChildren" if name in self.parents else "\\HasNoChildren")
        if name in subscribed:
            found.append("\\Subscribed")
        return (*found, *(mailbox.special_use if mailbox is not None else ()))

    def changes_since(self, before: "Names") -> NameChanges:
        """What is other than it was."""
        created = [self.by_id[each] for each in self.by_id.keys() - before.by_id.keys()]
        deleted = [before.by_id[each] for each in before.by_id.keys() - self.by_id.keys()]
        moved = [
            (before.by_id[each], self.by_id[each])
            for each in self.by_id.keys() & before.by_id.keys()
            if self.by_id[each] != before.by_id[each]
        ]
        return NameChanges(
            tuple(sorted(created)),
            tuple(sorted(deleted)),
            tuple(_topmost(sorted(moved))),
            tuple(sorted(self.subscribed ^ before.subscribed)),
        )


def _topmost(moved: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Renamings without those that followed from that of a mailbox above."""
    pairs = set(moved)
    return [pair for pair in moved if not any(above in pairs for above in renamings_above(*pair))]


def renamings_above(old: str, new: str) -> list[tuple[str, str]]:
    """The renamings of mailboxes above that would have had this one as their consequence."""
    found: list[tuple[str, str]] = []
    while True:
        old, _, old_leaf = old.rpartition(names.SEPARATOR)
        new, _, new_leaf = new.rpartition(names.SEPARATOR)
        if not old or not new or old_leaf != new_leaf:
            return found
        found.append((old, new))


@dataclass(slots=True)
class Record:
    """A mailbox as it is now and as it was at a few versions before."""

    mailbox: Mailbox
    version: int
    earlier: deque[tuple[int, Mailbox]] = field(default_factory=lambda: deque(maxlen=_STATES_KEPT))
    lines: dict[object, bytes] = field(default_factory=dict)
    """Ready STATUS responses of the present state, by what they are for: equal for most sessions."""

    def take(self, mailbox: Mailbox, version: int) -> None:
        """The mailbox is another since this version."""
        self.earlier.append((self.version, self.mailbox))
        self.mailbox, self.version = mailbox, version
        self.lines.clear()

    def at(self, version: int) -> Mailbox | None:
        """The mailbox as it was at a version; ``None`` where that is too long ago."""
        if self.version <= version:
            return self.mailbox
        return next((mailbox for since, mailbox in reversed(self.earlier) if since <= version), None)


class Digest:
    """The mailboxes of one account, for the sessions of this process. Everything here is called on the event loop.

    Attributes:
        account: as the sessions' user sees it.
        names: the list of mailboxes as last read.
        version: grows whenever anything is other than it was.
        annotated: the mod-sequence of the last annotation that was set or removed.
        reading: how often the list was begun to be read: a change made before is in all ``Names`` of larger numbers.
        seen: how often it was read to the end.
    """

    def __init__(self, account: "Account") -> None:
        """Nothing is known before :meth:`start`."""
        self.account: Final = account
        self.annotated = ModSeq(0)
        self.names = Names({}, frozenset())
        self.version = 0
        self.reading = self.seen = 0
        self._loop: Final = asyncio.get_running_loop()
        self._records: Final[OrderedDict[MailboxId, Record]] = OrderedDict()
        self._watchers: Final[dict[object, Callable[[], None]]] = {}
        self._unwatch: Callable[[], None] | None = None
        self._dirty: set[MailboxId] = set()
        self._timer: asyncio.Handle | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock: Final = asyncio.Lock()
        self._not_before = 0.0
        self._differences: tuple[Names, Names, NameChanges] | None = None

    # --- for the sessions -----------------------------------------------------------------------------------
    async def start(self) -> None:
        """Read the mailboxes for the first time, and watch from then on. Raises StoreError."""
        if self._unwatch is None:
            self._unwatch = self.account.watch(self._hint)
            self._dirty.add(ALL_MAILBOXES)
        await self.refresh()

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Be called whenever the version has grown or the list was read. Returns what ends it."""
        key = object()
        self._watchers[key] = callback
        return lambda: self._watchers.pop(key, None) and None

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return bool(self._watchers)

    async def refresh(self) -> None:
        """Take in what hints have named so far. Raises StoreError; then it is tried again later."""
        async with self._lock:
            dirty, self._dirty = self._dirty, set()
            if not dirty:
                return
            try:
                told = await (self._read_all() if ALL_MAILBOXES in dirty else self._read_some(dirty))
            except BaseException:
                self._dirty |= dirty
                raise
        if told:
            for callback in list(self._watchers.values()):
                callback()

    def changed_since(self, version: int) -> list[Record]:
        """The mailboxes that are other than they were at a version, in the order of their last change."""
        found: list[Record] = []
        for record in reversed(self._records.values()):
            if record.version <= version:
                break
            found.append(record)
        return found[::-1]

    def record(self, mailbox: MailboxId) -> Record | None:
        """What is known of a mailbox."""
        return self._records.get(mailbox)

    def changes_of_names(self, before: Names) -> NameChanges:
        """What happened to the list since ``before``; found out once for all sessions that were told the same."""
        known = self._differences
        if known is None or known[0] is not before or known[1] is not self.names:
            known = self._differences = (before, self.names, self.names.changes_since(before))
        return known[2]

    def look_again(self) -> None:
        """Read everything anew: a hint may have been lost."""
        self._hint(ALL_MAILBOXES)

    def close(self) -> None:
        """Nobody watches any more."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        for waiting in (self._timer, self._task):
            if waiting is not None:
                waiting.cancel()

    # --- looking --------------------------------------------------------------------------------------------
    def _hint(self, mailbox: MailboxId) -> None:
        self._dirty.add(mailbox)
        if self._timer is None and self._task is None:
            self._timer = self._loop.call_at(max(self._not_before, self._loop.time()), self._begin)

    def _begin(self) -> None:
        self._timer = None
        self._task = self._loop.create_task(self._look())
        self._task.add_done_callback(self._looked)

    async def _look(self) -> None:
        try:
            await self.refresh()
        except StoreError as error:
            log.warning("mailboxes not looked at", account=self.account.id, reason=str(error))
            self._not_before = self._loop.time() + limits.NOTIFY_RETRY_SECONDS
        else:
            # The more there are to be woken, the more each look costs: so that looks never take all of the time.
            pause = limits.NOTIFY_PAUSE_SECONDS + len(self._watchers) * limits.NOTIFY_PAUSE_EACH
            self._not_before = self._loop.time() + pause

    def _looked(self, task: "asyncio.Task[None]") -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("mailboxes could not be looked at", account=self.account.id, reason=repr(error))
        if self._dirty and self._unwatch is not None:
            self._timer = self._loop.call_at(self._not_before, self._begin)

    async def _read_some(self, dirty: set[MailboxId]) -> bool:
        version = self.version + 1
        changed = False
        for mailbox in await self.account.some_mailboxes(dirty):
            if mailbox.id not in self._records:
                self._dirty.add(ALL_MAILBOXES)  # its name has to be known first
            elif mailbox != self._records[mailbox.id].mailbox:
                self._take(mailbox, version)
                changed = True
        self.version += changed
        return changed

    async def _read_all(self) -> bool:
        self.reading += 1
        number = self.reading
        mailboxes, subscribed = await self.account.mailboxes(), await self.account.subscriptions()
        version = self.version + 1
        changed = False
        for mailbox in mailboxes.values():
            record = self._records.get(mailbox.id)
            if record is None or record.mailbox != mailbox:
                self._take(mailbox, version)
                changed = True
        if subscribed != self.names.subscribed or _lines(mailboxes) != _lines(self.names.mailboxes):
            self.names = Names(mailboxes, subscribed, number)
            for gone in self._records.keys() - self.names.by_id.keys():
                del self._records[gone]
            changed = True
        self.annotated = await self.account.last_annotation_change()
        self.version += changed
        self.seen = number
        return True  # what a session did itself may have been undone

    def _take(self, mailbox: Mailbox, version: int) -> None:
        record = self._records.get(mailbox.id)
        if record is None:
            record = self._records[mailbox.id] = Record(mailbox, version)
            # What a mailbox holds that was not there before came in.
            record.earlier.append((0, _empty(mailbox)))
        else:
            record.take(mailbox, version)
        self._records.move_to_end(mailbox.id)


def _lines(mailboxes: Mapping[str, Mailbox]) -> dict[str, tuple[MailboxId, tuple[str, ...], Mapping[str, str]]]:
    """What of mailboxes is seen in LIST, and by whom."""
    return {name: (mailbox.id, mailbox.special_use, mailbox.acl) for name, mailbox in mailboxes.items()}


def _empty(mailbox: Mailbox) -> Mailbox:
    return replace(
        mailbox, uid_next=Uid(1), highest_modseq=ModSeq(1), messages=0, unseen=0, deleted=0, size=0, deleted_size=0
    )


class Digests:
    """The digests of one process, each as long as somebody watches it."""

    __slots__ = ("_count", "_digests")

    def __init__(self, count: Callable[[str, int], None] = lambda _account_id, _change: None) -> None:
        """``count`` is told of which accounts other processes are to tell changes, and of which no longer."""
        self._count: Final = count
        self._digests: Final[dict[Account, Digest]] = {}

    async def watch(self, account: "Account", callback: Callable[[], None]) -> tuple[Digest, Callable[[], None]]:
        """The digest of an account as a user sees it, up to date, and what ends watching it. Raises StoreError."""
        digest = self._digests.get(account)
        if digest is None:
            digest = self._digests[account] = Digest(account)
            self._count(account.id, 1)  # before looking: what is changed from here on is told
        unwatch = digest.watch(callback)

        def leave() -> None:
            unwatch()
            if not digest.watched and self._digests.get(account) is digest:
                del self._digests[account]
                self._count(account.id, -1)
                digest.close()

        try:
            await digest.start()
        except BaseException:
            leave()
            raise
        return digest, leave

    def look_again(self) -> None:
        """The heartbeat: hints may have been lost."""
        for digest in list(self._digests.values()):
            digest.look_again()
