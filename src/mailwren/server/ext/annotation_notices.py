"""Telling a client which annotations somebody else has changed: METADATA responses without values (RFC 5464 §4.4.2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import ModSeq
from mailwren.imap.ext.metadata import write_changed
from mailwren.store.errors import StoreError
from mailwren.store.values import ALL_MAILBOXES, AnnotationChange

if TYPE_CHECKING:
    from mailwren.server.session import Session
    from mailwren.store.api import Account

READING: Final = frozenset("rswip")
"""Rights one of which lets a user, beside lookup, read a mailbox's entries (RFC 5464 §3.3)."""
_ENABLED: Final = frozenset({"METADATA", "METADATA-SERVER"})
_AT_ONCE: Final = 100
"""Entries in one response that tells of changes."""


def member(session: "Session") -> str:
    """Whose private entries a session's user has."""
    assert session.user is not None
    return session.user.account_id


@dataclass(slots=True)
class AnnotationWatch:
    """Up to where a client that enabled METADATA was told of changes (RFC 5464 §4.4)."""

    told: dict[str, ModSeq] = field(default_factory=dict)
    """The last change, by account."""
    own: set[ModSeq] = field(default_factory=set)
    """Changes of this session, which it is not told of."""


def watches(session: "Session") -> bool:
    """Whether the client wants to be told."""
    return not _ENABLED.isdisjoint(session.enabled)


async def tell_changes(session: "Session") -> None:
    """Send METADATA responses for what others changed in the user's account and in the selected mailbox's."""
    if session.annotations is None:
        session.annotations = AnnotationWatch()
    accounts = {session.account.id: session.account}
    if session.selected is not None:
        accounts.setdefault(session.selected.account.id, session.selected.account)
    for account in accounts.values():
        try:
            await _tell_account(session, session.annotations, account)
        except StoreError:
            continue  # told the next time


async def _tell_account(session: "Session", watch: AnnotationWatch, account: "Account") -> None:
    last = await account.last_annotation_change()
    told = watch.told.get(account.id)
    if told is None or last <= told:
        watch.told[account.id] = max(last, told or ModSeq(0))
        return
    changes = await account.annotation_changes(told, member(session))
    watch.told[account.id] = last
    changes = [change for change in changes if change.modseq not in watch.own]
    watch.own.clear()
    if changes:
        await _send_changes(session, account, changes)


async def _send_changes(session: "Session", account: "Account", changes: Iterable[AnnotationChange]) -> None:
    names = {
        place.mailbox.id: name
        for name, place in (await session.places.all()).items()
        if place.account.id == account.id and place.rights & READING
    }
    if account is session.account:
        names[ALL_MAILBOXES] = ""
    entries: dict[str, list[str]] = {}
    for change in changes:
        if change.mailbox in names:
            entries.setdefault(names[change.mailbox], []).append(change.entry)
    for name, changed in entries.items():
        send_changed(session, name, changed)
        await session.breathe()


def send_changed(session: "Session", name: str, entries: Sequence[str]) -> None:
    """Send METADATA responses for entries of one mailbox that were changed."""
    for start in range(0, len(entries), _AT_ONCE):
        session.send(write_changed(name, entries[start : start + _AT_ONCE], session.utf8))
