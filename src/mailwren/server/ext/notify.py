"""NOTIFY (RFC 5465): one session's wishes, and telling its client what is new.

What happens in the selected mailbox goes the way that it always goes (``notices.py``), with the client's wishes as a
sieve. For all other mailboxes the accounts' digests are compared with what this session told its client last.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from mailwren.auth.grants import Sharer
from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.logs import log
from mailwren.base.ranges import RangeSet
from mailwren.imap import names
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.core.list import write_list_row
from mailwren.imap.core.status import write_status_row
from mailwren.imap.errors import Refused
from mailwren.imap.ext import notify as syntax
from mailwren.imap.ext.mailbox_filter import SELECTED
from mailwren.imap.ext.notify import EventGroup, Notify
from mailwren.server.core.fetch import send_unasked
from mailwren.server.core.status import ITEMS
from mailwren.server.digest import NameChanges, Names, Record
from mailwren.server.ext import annotation_notices
from mailwren.server.ext.own_changes import OwnChanges
from mailwren.server.ext.watched import MESSAGES, NO_EVENTS, Watched, Wishes
from mailwren.server.table import Completion, Request
from mailwren.store.errors import StoreError
from mailwren.store.values import Mailbox

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session
    from mailwren.store.api import Account
    from mailwren.store.operations import Operation, Outcome

_COUNTERS: Final = ("MESSAGES", "UIDNEXT", "UIDVALIDITY")
_CHANGES: Final = frozenset({syntax.FLAG_CHANGE, syntax.ANNOTATION_CHANGE})
_ANNOTATIONS: Final = frozenset({syntax.MAILBOX_METADATA_CHANGE, syntax.SERVER_METADATA_CHANGE})
_NAMES: Final = frozenset({syntax.MAILBOX_NAME, syntax.SUBSCRIPTION_CHANGE})


async def run_notify(session: "Session", arguments: Notify, _request: Request) -> Completion | None:
    """Tell what has accumulated, then tell what is asked for from now on."""
    groups = arguments.groups
    if any(not set(group.events) <= set(syntax.EVENTS) for group in groups):
        raise Refused("There are no such events", syntax.bad_event_code())
    if (
        len(groups) > limits.NOTIFY_GROUPS
        or sum(len(group.mailboxes.names) for group in groups) > limits.NOTIFY_MAILBOXES
    ):
        raise Refused("Too many mailboxes to watch them one by one", syntax.NOTIFICATION_OVERFLOW)
    notifications = Notifications(session, groups)
    try:
        await notifications.start()
        await notifications.tell_first(status=arguments.status)
        if groups:
            # "a successful NOTIFY SET command implies an implicit NOOP command" (RFC 5465 §3.1)
            session.notify(None)
            await session.tell(may_expunge=True)
    except BaseException:
        notifications.close()
        raise
    session.notify(notifications)
    return None


class Notifications:
    """What one session's client wants to be told of, and how far it was told.

    Attributes:
        due: there may be something to tell of other mailboxes.
        delayed: EXPUNGE waits for a command that allows it (RFC 5465 §6.1.2).
    """

    def __init__(self, session: "Session", groups: Sequence[EventGroup] = ()) -> None:
        """Without groups nothing is told at all (NOTIFY NONE)."""
        self._session: Final = session
        selected = next((group for group in groups if group.mailboxes.kind in SELECTED), None)
        self._selected: Final = frozenset(selected.events) if selected is not None else NO_EVENTS
        self.delayed: Final = selected is not None and selected.mailboxes.kind == "SELECTED-DELAYED"
        self._attributes: Final = selected.attributes if selected is not None else ()
        self._wishes: Final = Wishes([group for group in groups if group.mailboxes.kind not in SELECTED])
        self.due = False
        self._watched: list[Watched] = []
        self._names_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._arrived = RangeSet()
        self._closed = False

    @property
    def listening(self) -> bool:
        """Whether the client wants to hear of anything."""
        return bool(self._selected or self._wishes)

    # --- the selected mailbox -------------------------------------------------------------------------------
    @property
    def selected_events(self) -> bool:
        """Whether the client wants to hear of the selected mailbox."""
        return bool(self._selected)

    @property
    def flags(self) -> bool:
        """Whether it wants to hear of flags there."""
        return not self._selected.isdisjoint(_CHANGES)

    def note_arrived(self, uids: RangeSet) -> None:
        """New messages of the selected mailbox were told with EXISTS: their attributes are to follow."""
        if self._attributes:
            self._arrived = self._arrived.union(uids)

    def take_arrived(self, uids: RangeSet) -> tuple[RangeSet, tuple[FetchItem, ...]]:
        """Those of new messages whose attributes are still to follow, and which: somebody else sends them."""
        arrived = self._arrived.intersection(uids)
        self._arrived = self._arrived.difference(arrived)
        return arrived, self._attributes

    async def tell_attributes(self, selected: "Selected") -> None:
        """Send what the client asked for of new messages, without those that it added itself (RFC 5465 §5.2)."""
        arrived, self._arrived = self._arrived, RangeSet()
        for watched in self._watched:
            if watched.is_here(selected.account, selected.id):
                arrived = arrived.difference(watched.own.take_added(selected.id))
        if arrived:
            await send_unasked(self._session, selected, selected.view_spans(arrived), self._attributes)

    # --- what is watched ------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Begin to watch. Raises StoreError."""
        if self._wishes or self._attributes:
            await self._watch(self._session.account, None)
            await self._watch_others()

    async def _watch(self, account: "Account", sharer: Sharer | None) -> Watched:
        session = self._session
        digest, leave = await session.context.digests.watch(account, self._changed)
        name_of = str if sharer is None else session.places.namer(sharer)
        own = OwnChanges(name_of)
        watched = Watched(digest, leave, session.places, sharer, digest.version, digest.annotated, own)
        self._watched.append(watched)
        return watched

    async def _watch_others(self) -> list[Watched]:
        """Watch those who share something with the user, and no others any more; those that are new."""
        if not self._wishes.reaches_others:
            return []
        standing = self._session.places.standing()
        sharers = (*standing.users.values(), *standing.teams.values())
        known = {watched.sharer for watched in self._watched}
        new: list[Watched] = []
        for watched in [each for each in self._watched if not each.personal and each.sharer not in sharers]:
            lost = NameChanges(deleted=tuple(watched.told.mailboxes))
            watched.told = Names({}, frozenset())
            self._send_names(watched, lost)
            watched.leave()
            self._watched.remove(watched)
        for sharer in sharers:
            if sharer not in known:
                try:
                    new.append(await self._watch(await self._session.places.account_of(sharer), sharer))
                except StoreError as error:
                    log.error("shared mailboxes not watched", account=sharer.account_id, reason=str(error))
        return new

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
        if self._wishes and not self._closed:
            self.due = True
            self._session.connection.wake()

    def suspect(self) -> None:
        """The heartbeat: there may be somebody else who shares something, which nobody tells us of."""
        if self._wishes.reaches_others:
            self._changed()

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
            if watched.is_here(selected.account, selected.id):
                watched.own.knows(selected.id, selected.view.complete if self.flags else None)

    # --- telling --------------------------------------------------------------------------------------------
    async def tell_first(self, *, status: bool) -> None:
        """Tell how the mailboxes stand, if that is wanted, and which of them may not be read (RFC 5465 §3.1)."""
        for watched in self._watched:
            for name, mailbox in watched.told.mailboxes.items():
                wanted = self._wanted(watched, name)
                if wanted and not watched.may_read(mailbox):
                    self._send_list(watched, name, ("\\NoAccess",))
                elif status and wanted & MESSAGES and not self._is_selected(watched, mailbox.id):
                    record = watched.digest.record(mailbox.id)
                    assert record is not None
                    # "If either AnnotationChange or FlagChange are included", whether CONDSTORE is enabled or not
                    self._send_status(record, name, wanted, modseq=not wanted.isdisjoint(_CHANGES))
                await self._session.breathe()

    def _wanted(self, watched: Watched, name: str) -> frozenset[str]:
        return self._wishes.of(name, personal=watched.personal, subscribed=self._watched[0].told.subscribed)

    async def tell(self) -> None:
        """Tell what is new in mailboxes that are not selected."""
        self.due = False
        new = await self._watch_others()
        for watched in list(self._watched):
            if watched in new:
                self._send_names(watched, NameChanges(created=tuple(watched.told.mailboxes)))
            await self._tell_account(watched)
            if self._closed:
                return

    async def _tell_account(self, watched: Watched) -> None:
        digest = watched.digest
        version, records = digest.version, digest.changed_since(watched.version)
        if watched.names_pending and self._names_are_due(watched, records):
            before = self._watched[0].told.subscribed
            self._send_names(watched, watched.take_changes_of_names(), before)
            if self._closed:
                return
        try:
            for record in records:
                await self._tell_mailbox(watched, record)
                await self._session.breathe()
            await self._tell_annotations(watched)
        except StoreError as error:
            # The next change brings us here again, and nothing has been taken for told.
            log.warning("changes not told", account=digest.account.id, reason=str(error))
            return
        watched.version = version

    def _is_selected(self, watched: Watched, mailbox: MailboxId) -> bool:
        selected = self._session.selected
        return selected is not None and selected.id == mailbox and selected.account is watched.digest.account

    # --- messages -------------------------------------------------------------------------------------------
    async def _tell_mailbox(self, watched: Watched, record: Record) -> None:
        mailbox = record.mailbox
        name = watched.current().by_id.get(mailbox.id)
        if name is None or self._is_selected(watched, mailbox.id):
            return
        wanted = self._wanted(watched, name)
        if wanted.isdisjoint(MESSAGES) or not watched.may_read(mailbox):
            return
        before = record.at(watched.version)
        modseq = self._session.condstore
        if before is not None and not _is_news(before, mailbox, flags=not wanted.isdisjoint(_CHANGES), modseq=modseq):
            return
        if not await watched.own.explains(watched.digest.account, before, mailbox):
            self._send_status(record, name, wanted, modseq=modseq)

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
    def _names_are_due(self, watched: Watched, records: Iterable[Record]) -> bool:
        """Whether it is time to tell of the list: not before what belongs together has had time to come together.

        Unless there is something to tell of mailboxes that the client has not heard of.
        """
        if self._wishes.events.isdisjoint(_NAMES):
            return True
        loop = asyncio.get_running_loop()
        if self._names_at is None:
            self._names_at = loop.time() + self._session.context.names_pause
        filled = {each.mailbox.id for each in records if each.mailbox.messages}
        if loop.time() >= self._names_at or not watched.told.by_id.keys() >= filled:
            self._names_at = None
            return True
        if self._timer is None:
            self._timer = loop.call_at(self._names_at, self._names_waited)
        return False

    def _names_waited(self) -> None:
        self._timer = None
        self._changed()

    def _send_names(
        self, watched: Watched, changes: NameChanges, subscribed_before: frozenset[str] = frozenset()
    ) -> None:
        rows = self._affected(watched, changes, subscribed_before | self._watched[0].told.subscribed)
        if len(rows) > limits.NOTIFY_NAMES:
            self._session.say(b"OK", "Too much to tell: notifications are off", syntax.NOTIFICATION_OVERFLOW)
            self._session.notify(Notifications(self._session))
            return
        for name, old_name in rows.items():
            # Whether somebody else's mailbox is gone or hidden must not be told apart.
            lost = not watched.personal and name in changes.deleted
            self._send_list(watched, name, ("\\NoAccess",) if lost else (), old_name)

    def _send_list(self, watched: Watched, name: str, more: tuple[str, ...], old_name: str | None = None) -> None:
        shown = next((each.told for each in self._watched if name in each.told.mailboxes), watched.told)
        attributes = shown.attributes(name, subscribed=self._watched[0].told.subscribed)
        self._session.send(write_list_row((*attributes, *more), name, self._session.utf8, old_name=old_name))

    def _affected(self, watched: Watched, changes: NameChanges, subscribed: frozenset[str]) -> dict[str, str | None]:
        """The names to tell, each with the name it had before if it was renamed."""

        def wants(name: str, event: str = syntax.MAILBOX_NAME) -> bool:
            wanted = self._wishes.of(name, personal=watched.personal, subscribed=subscribed)
            # Of others' mailboxes that come into view or vanish any client is told that wanted to hear of them
            # (RFC 5465 §5.9).
            return event in wanted or (bool(wanted) and not watched.personal)

        rows = {new: old for old, new in changes.renamed if wants(new) or wants(old)}
        result: dict[str, str | None] = dict(rows)
        for name in (*changes.created, *changes.deleted):
            # "the mailbox itself and its direct parent (whether it is an existing mailbox or not)" (RFC 5465 §5.4)
            for each in (name.rpartition(names.SEPARATOR)[0], name):
                if each and wants(each):
                    result.setdefault(each, None)
        for name in changes.subscriptions:
            if wants(name, syntax.SUBSCRIPTION_CHANGE):
                result.setdefault(name, None)
        return result

    # --- annotations ----------------------------------------------------------------------------------------
    async def _tell_annotations(self, watched: Watched) -> None:
        since, watched.annotated = watched.annotated, watched.digest.annotated
        if since == watched.annotated or self._wishes.events.isdisjoint(_ANNOTATIONS):
            return
        if annotation_notices.watches(self._session):
            return  # told the other way, to clients that enabled METADATA
        changes = await watched.digest.account.annotation_changes(since, self._session.account.id)
        for name, entries in watched.group_annotations(changes).items():
            if name:
                wanted = syntax.MAILBOX_METADATA_CHANGE in self._wanted(watched, name)
            else:
                wanted = syntax.SERVER_METADATA_CHANGE in self._wishes.events
            if wanted:
                annotation_notices.send_changed(self._session, name, entries)


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
