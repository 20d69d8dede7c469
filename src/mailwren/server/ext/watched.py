"""One account that a session watches for NOTIFY: up to where its client was told, and what the user may see there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mailwren.auth.grants import Sharer, Standing
from mailwren.base.ids import MailboxId, ModSeq
from mailwren.imap.ext import notify as syntax
from mailwren.imap.ext.notify import EventGroup
from mailwren.server.digest import Digest, NameChanges, Names
from mailwren.server.ext.mailbox_filter import Filter
from mailwren.server.ext.own_changes import OwnChanges
from mailwren.server.places import Places
from mailwren.store.values import ALL_MAILBOXES, AnnotationChange, Mailbox

NO_EVENTS: Final[frozenset[str]] = frozenset()
MESSAGES: Final = frozenset(syntax.MESSAGE_EVENTS)


class Wishes:
    """What a client wants to be told of mailboxes that are not selected."""

    def __init__(self, groups: list[EventGroup]) -> None:
        """Take the groups of NOTIFY SET that are not for the selected mailbox."""
        self._groups: Final = [(Filter(group.mailboxes), frozenset(group.events)) for group in groups if group.events]
        self.events: Final[frozenset[str]] = NO_EVENTS.union(*(events for _, events in self._groups))
        self.reaches_others: Final = any(each.reaches_others for each, events in self._groups)

    def __bool__(self) -> bool:
        return bool(self._groups)

    def of(self, name: str, *, personal: bool, subscribed: frozenset[str]) -> frozenset[str]:
        """The events of a mailbox: those of all groups that it is in (RFC 5465 §6)."""
        found = [events for each, events in self._groups if each.has(name, personal=personal, subscribed=subscribed)]
        return found[0] if len(found) == 1 else NO_EVENTS.union(*found)


@dataclass(slots=True, eq=False)
class Watched:
    """An account, and up to where the client was told of it.

    Attributes:
        digest: what happens there.
        leave: ends watching it.
        places: what the user may see.
        sharer: whose it is; ``None``: the user's own.
        version: the digest's, as far as mailboxes were told.
        annotated: the mod-sequence up to which annotations were told.
        own: what the session did there itself.
    """

    digest: Digest
    leave: Callable[[], None]
    places: Places
    sharer: Sharer | None
    version: int
    annotated: ModSeq
    own: OwnChanges
    told: Names = field(init=False)
    """The list that the client was told."""
    _current: Names | None = None
    _made_of: tuple[Names, Standing] | None = None

    def __post_init__(self) -> None:
        self.told = self.current()

    @property
    def personal(self) -> bool:
        """Whether it is the user's own."""
        return self.sharer is None

    def current(self) -> Names:
        """The mailboxes that the user may know of, by the names that he sees."""
        names = self.digest.names
        if self.sharer is None:
            return names
        made_of = (names, self.places.standing())
        if (
            self._current is None
            or self._made_of is None
            or any(one is not other for one, other in zip(self._made_of, made_of, strict=True))
        ):
            self._made_of = made_of
            self._current = self._visible(names)
        return self._current

    def _visible(self, names: Names) -> Names:
        assert self.sharer is not None
        places = [self.places.place(self.digest.account, each, self.sharer) for each in names.mailboxes.values()]
        # What others use their mailboxes for does not concern this user's programs, nor whether they are subscribed.
        mailboxes = {place.name: replace(place.mailbox, special_use=()) for place in places if "l" in place.rights}
        return Names(mailboxes, frozenset(), names.number)

    def may_read(self, mailbox: Mailbox) -> bool:
        """Whether the user may see what is in a mailbox: "require the 'l' and 'r' rights" (RFC 5465 §5)."""
        return self.places.rights_in(self.digest.account, mailbox) >= {"l", "r"}

    def is_here(self, account: object, mailbox: MailboxId) -> bool:
        """Whether a mailbox of an account is in this one."""
        return account is self.digest.account and self.digest.record(mailbox) is not None

    def group_annotations(self, changes: Sequence[AnnotationChange]) -> dict[str, list[str]]:
        """The entries that others changed, by the mailbox's name; that of the account itself is empty.

        Those of somebody else's account are not the server's.
        """
        found: dict[str, list[str]] = {}
        for each in changes:
            account = each.mailbox == ALL_MAILBOXES
            name = "" if account and self.personal else self.current().by_id.get(each.mailbox)
            if each.modseq not in self.own.annotated and name is not None:
                found.setdefault(name, []).append(each.entry)
        self.own.annotated = {modseq for modseq in self.own.annotated if modseq > self.annotated}
        return found

    @property
    def names_pending(self) -> bool:
        """Whether something may be told of the list."""
        return self.current() is not self.told or self.own.undecided(self.digest.seen)

    def take_changes_of_names(self) -> NameChanges:
        """What others did to the list since it was told; from now on the list as it is counts as told."""
        before, now = self.told, self.current()
        self.told = now
        changes = self.digest.changes_of_names(before) if self.personal else now.changes_since(before)
        return self.own.without_own(changes, before, now, self.digest.seen)
