"""NOTIFY (RFC 5465): one session's wishes, what it was told last, and telling it what is new.

What happens in the selected mailbox goes the way that it always goes (``notices.py``), with the client's wishes as a
sieve. For all other mailboxes the account's digest is compared with what this session told its client last.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.logs import log
from mailwren.base.ranges import RangeSet
from mailwren.imap import names
from mailwren.imap.core.list import write_list_row
from mailwren.imap.core.status import write_status_row
from mailwren.imap.errors import Refused
from mailwren.imap.ext import notify as syntax
from mailwren.imap.ext.mailbox_filter import SELECTED
from mailwren.imap.ext.notify import EventGroup, Notify
from mailwren.server.core.fetch import send_unasked
from mailwren.server.core.status import ITEMS
from mailwren.server.digest import Digest, NameChanges, Names, Record
from mailwren.server.ext.mailbox_filter import Filter
from mailwren.server.ext.own_changes import OwnChanges
from mailwren.server.table import Completion, Request
from mailwren.store.errors import NoSuchMailbox, StoreError
from mailwren.store.values import Mailbox

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session
    from mailwren.store.api import Account
    from mailwren.store.operations import Operation, Outcome

_NO_EVENTS: Final[frozenset[str]] = frozenset()
_MESSAGES: Final = frozenset(syntax.MESSAGE_EVENTS)
_COUNTERS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY")
_CHANGES: Final = frozenset({syntax.FLAG_CHANGE, syntax.ANNOTATION_CHANGE})


async def run_notify(session: "Session", arguments: Notify, _request: Request) -> Completion | None:
    """Tell what has accumulated, then tell what is asked for from now on."""
    for group in arguments.groups:
        if not set(group.events) <= set(syntax.EVENTS):
            raise Refused("There are no such events", syntax.bad_event_code())
    if (
        len(arguments.groups) > limits.NOTIFY_GROUPS
        or sum(len(group.mailboxes.names) for group in arguments.groups) > limits.NOTIFY_MAILBOXES
    ):
        raise Refused("Too many mailboxes to watch them one by one", syntax.NOTIFICATION_OVERFLOW)
    notifications = Notifications(session, arguments.groups)
    try:
        await notifications.start()
        if arguments.status:
            await notifications.tell_status()
    except BaseException:
        notifications.close()
        raise
    if arguments.groups:
        # "a successful NOTIFY SET command implies an implicit NOOP command" (RFC 5465 §3.1)
        session.notify(None)
        await session.tell(may_expunge=True)
    session.notify(notifications)
    return None


@dataclass(slots=True)
class _Group:
    """Mailboxes other than the selected one, and what is to be told of them."""

    mailboxes: Filter
    events: frozenset[str]


@dataclass(slots=True)
class _Watched:
    """One account, and up to where the client was told of it."""

    digest: Digest
    leave: Callable[[], None]
    version: int
    names: Names
    personal: bool
    own: OwnChanges = field(default_factory=OwnChanges)


class Notifications:
    """What one session's client wants to be told of, and how far it was told.

    Attributes:
        due: there may be something to tell of other mailboxes.
        delayed: EXPUNGE waits for a command that allows it (RFC 5465 §6.1.2).
    """

    def __init__(self, session: "Session", groups: Sequence[EventGroup]) -> None:
        """Without groups nothing is told at all (NOTIFY NONE)."""
        self._session: Final = session
        selected = next((group for group in groups if group.mailboxes.kind in SELECTED), None)
        self._selected: Final = frozenset(selected.events) if selected is not None else _NO_EVENTS
        self.delayed: Final = selected is not None and selected.mailboxes.kind == "SELECTED-DELAYED"
        self._attributes: Final = selected.attributes if selected is not None else ()
        self._groups: Final = [
            _Group(Filter(group.mailboxes), frozenset(group.events))
            for group in groups
            if group.mailboxes.kind not in SELECTED and group.events
        ]
        self._wanted: Final = frozenset().union(*(group.events for group in self._groups))
        self.due = False
        self._watched: list[_Watched] = []
        self._names_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived = RangeSet()
        self._closed = False

    # --- the selected mailbox -------------------------------------------------------------------------------
    @property
    def selected_events(self) -> bool:
        """Whether the client wants to hear of the selected mailbox."""
        return bool(self._selected)

    @property
    def listening(self) -> bool:
        """Whether the client wants to hear of anything."""
        return bool(self._selected or self._groups)

    @property
    def flags(self) -> bool:
        """Whether it wants to hear of flags there."""
        return not self._selected.isdisjoint(_CHANGES)

    def note_arrived(self, uids: RangeSet) -> None:
        """New messages of the selected mailbox were told with EXISTS: their attributes are to follow."""
        if self._attributes:
            self._arrived = self._arrived.union(uids)

    async def tell_attributes(self, selected: "Selected") -> None:
        """Send what the client asked for of new messages, without those that it added itself (RFC 5465 §5.2)."""
        arrived, self._arrived = self._arrived, RangeSet()
        if not arrived:
            return
        for watched in self._watched:
            own = watched.own.added.get(selected.id) if watched.digest.account is selected.account else None
            arrived = arrived.difference(own.uids) if own is not None else arrived
        await send_unasked(self._session, selected, selected.view_spans(arrived), self._attributes)

    # --- the other mailboxes --------------------------------------------------------------------------------
    async def start(self) -> None:
        """Begin to watch. Raises StoreError."""
        if self._groups or self._attributes:
            await self._watch(self._session.account, personal=True)

    async def _watch(self, account: "Account", *, personal: bool) -> None:
        digest, leave = await self._session.context.digests.watch(account, self._changed)
        self._watched.append(_Watched(digest, leave, digest.version, digest.names, personal))

    def close(self) -> None:
        """The client wants to hear no more of this, or is gone."""
        self._closed = True
        self.due = False
        if self._timer is not None:
            self._timer.cancel()
        for watched in self._watched:
            watched.leave()
        self._watched.clear()

    def _changed(self) -> None:
        if self._groups and not self._closed:
            self.due = True
            self._session.connection.wake()

    def wanted(self, name: str, *, personal: bool, subscribed: Iterable[str]) -> frozenset[str]:
        """The events that the client wants to hear of a mailbox that is not selected."""
        known = frozenset(subscribed)
        found = [
            group.events for group in self._groups if group.mailboxes.has(name, personal=personal, subscribed=known)
        ]
        return found[0] if len(found) == 1 else _NO_EVENTS.union(*found)

    def caused(self, account: "Account", operations: Sequence["Operation"], outcomes: Sequence["Outcome"]) -> None:
        """The session itself has done this."""
        for watched in self._watched:
            if watched.digest.account is account:
                for operation, outcome in zip(operations, outcomes, strict=True):
                    watched.own.note(operation, outcome, watched.digest.reading)

    def left(self, selected: "Selected") -> None:
        """A mailbox is selected no longer; what its client knows of it need not be told again."""
        self._arrived = RangeSet()
        for watched in self._watched:
            if watched.digest.account is selected.account:
                watched.own.added.pop(selected.id, None)
                if not selected.view.stale and self.flags:
                    watched.own.known[selected.id] = selected.view.told

    async def tell_status(self) -> None:
        """Tell how the mailboxes stand that are to be watched (RFC 5465 §3.1)."""
        for watched in self._watched:
            for name, mailbox in watched.names.mailboxes.items():
                wanted = self.wanted(name, personal=watched.personal, subscribed=watched.names.subscribed) & _MESSAGES
                record = watched.digest.record(mailbox.id)
                if wanted and record is not None and not self._is_selected(watched, mailbox.id):
                    # "If either AnnotationChange or FlagChange are included", whether CONDSTORE is enabled or not
                    self._send_status(record, name, wanted, modseq=not wanted.isdisjoint(_CHANGES))
                await self._session.breathe()

    async def tell(self) -> None:
        """Tell what is new in mailboxes that are not selected."""
        self.due = False
        for watched in list(self._watched):
            await self._tell_account(watched)

    async def _tell_account(self, watched: _Watched) -> None:
        digest = watched.digest
        version, records = digest.version, digest.changed_since(watched.version)
        if digest.names is not watched.names and self._names_are_due(watched, records):
            await self._tell_names(watched)
            if self._closed:
                return
        try:
            for record in records:
                await self._tell_mailbox(watched, record)
                await self._session.breathe()
        except StoreError as error:
            # The next change brings us here again, and nothing has been taken for told.
            log.warning("changes not told", account=digest.account.id, reason=str(error))
            return
        watched.version = version

    def _is_selected(self, watched: _Watched, mailbox: MailboxId) -> bool:
        selected = self._session.selected
        return selected is not None and selected.id == mailbox and selected.account is watched.digest.account

    # --- messages -------------------------------------------------------------------------------------------
    async def _tell_mailbox(self, watched: _Watched, record: Record) -> None:
        mailbox = record.mailbox
        name = watched.digest.names.by_id.get(mailbox.id)
        if name is None or self._is_selected(watched, mailbox.id):
            return
        subscribed = watched.digest.names.subscribed
        wanted = self.wanted(name, personal=watched.personal, subscribed=subscribed) & _MESSAGES
        if not wanted:
            return
        before = record.at(watched.version)
        modseq = self._session.condstore
        flags = not wanted.isdisjoint(_CHANGES)
        if before is not None and not _is_news(before, mailbox, flags=flags, modseq=modseq):
            return
        if not await self._is_known(watched, before, mailbox):
            self._send_status(record, name, wanted, modseq=modseq)

    async def _is_known(self, watched: _Watched, before: Mailbox | None, mailbox: Mailbox) -> bool:
        """Whether the client knows all of it: from when it had the mailbox selected, or because it did it itself."""
        own = watched.own
        if mailbox.highest_modseq <= own.known.pop(mailbox.id, ModSeq(0)):
            return True
        added = own.added.pop(mailbox.id, None)
        if added is None or before is None or mailbox.highest_modseq != added.modseq:
            return False
        try:
            changes = await watched.digest.account.changes_since(mailbox.id, before.highest_modseq)
        except NoSuchMailbox:
            return True  # deleted at this moment, which is told as such
        return not changes.expunged and not changes.changed.difference(added.uids)

    def _send_status(self, record: Record, name: str, wanted: frozenset[str], *, modseq: bool) -> None:
        unseen = syntax.FLAG_CHANGE in wanted
        key = (name, unseen, modseq, self._session.utf8)
        line = record.lines.get(key)
        if line is None:
            values = [(item, ITEMS[item](record.mailbox)) for item in (*_COUNTERS, *("UNSEEN",) * unseen)]
            values += [("HIGHESTMODSEQ", record.mailbox.highest_modseq)] * modseq
            line = record.lines[key] = write_status_row(name, values, self._session.utf8)
        self._session.send(line)

    # --- names ----------------------------------------------------------------------------------------------
    def _names_are_due(self, watched: _Watched, records: Iterable[Record]) -> bool:
        """Whether it is time to tell of the list: not before what belongs together has had time to come together.

        Unless there is something to tell of mailboxes that the client has not heard of.
        """
        loop = asyncio.get_running_loop()
        if self._wanted.isdisjoint({syntax.MAILBOX_NAME, syntax.SUBSCRIPTION_CHANGE}):
            return True
        if self._names_at is None:
            self._names_at = loop.time() + self._session.context.names_pause
        filled = {each.mailbox.id for each in records if each.mailbox.messages}
        if loop.time() >= self._names_at or not watched.names.by_id.keys() >= filled:
            self._names_at = None
            return True
        if self._timer is None:
            self._timer = loop.call_at(self._names_at, self._names_waited)
        return False

    def _names_waited(self) -> None:
        self._timer = None
        self._changed()

    async def _tell_names(self, watched: _Watched) -> None:
        before, now = watched.names, watched.digest.names
        changes = watched.own.without_own(watched.digest.changes_of_names(before), before, now)
        watched.names = now
        rows = self._affected(changes, before, now, personal=watched.personal)
        if len(rows) > limits.NOTIFY_NAMES:
            self._session.send(syntax.write_overflow())
            self._session.notify(Notifications(self._session, ()))
            return
        for name, old_name in rows.items():
            self._session.send(write_list_row(now.attributes(name), name, self._session.utf8, old_name=old_name))
            await self._session.breathe()

    def _affected(self, changes: NameChanges, before: Names, now: Names, *, personal: bool) -> dict[str, str | None]:
        """The names to tell, each with the name it had before if it was renamed."""
        subscribed = before.subscribed | now.subscribed

        def wants(name: str, event: str) -> bool:
            return event in self.wanted(name, personal=personal, subscribed=subscribed)

        rows: dict[str, str | None] = {
            new: old
            for old, new in changes.renamed
            if wants(new, syntax.MAILBOX_NAME) or wants(old, syntax.MAILBOX_NAME)
        }
        for name in (*changes.created, *changes.deleted):
            # "the mailbox itself and its direct parent (whether it is an existing mailbox or not)" (RFC 5465 §5.4)
            for each in (name.rpartition(names.SEPARATOR)[0], name):
                if each and wants(each, syntax.MAILBOX_NAME):
                    rows.setdefault(each, None)
        for name in changes.subscriptions:
            if wants(name, syntax.SUBSCRIPTION_CHANGE):
                rows.setdefault(name, None)
        return rows


def _is_news(before: Mailbox, now: Mailbox, *, flags: bool, modseq: bool) -> bool:
    """Whether what happened between two states is what the client wants to hear of.

    Args:
        before: the state that it was told.
        now: the present state.
        flags: it wants to hear of flags as well.
        modseq: it understands HIGHESTMODSEQ; otherwise all that it can be told of flags is how many are unseen.
    """
    if (before.messages, before.uid_next, before.uid_validity) != (now.messages, now.uid_next, now.uid_validity):
        return True
    return flags and (before.unseen != now.unseen or (modseq and before.highest_modseq != now.highest_modseq))
