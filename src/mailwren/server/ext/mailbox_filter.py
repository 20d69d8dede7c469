"""Which mailboxes a ``filter-mailboxes`` names (RFC 5465 §6, RFC 7377 §2.2): asked for one name at a time."""

from collections.abc import Collection
from typing import Final

from mailwren.imap import names
from mailwren.imap.ext.mailbox_filter import MailboxFilter
from mailwren.server.namespaces import take_apart


class Filter:
    """A filter ready to be asked often, however many names it has."""

    __slots__ = ("_kind", "_names")

    def __init__(self, mailboxes: MailboxFilter) -> None:
        """Ask what the client wrote."""
        self._kind: Final = mailboxes.kind
        self._names: Final = frozenset(mailboxes.names)

    @property
    def reaches_others(self) -> bool:
        """Whether it can name mailboxes of other users and teams."""
        return self._kind == "SUBSCRIBED" or any(not name or take_apart(name) is not None for name in self._names)

    def has(self, name: str, *, personal: bool, subscribed: Collection[str]) -> bool:
        """Whether the filter names this mailbox; those of the selected mailbox name none.

        Args:
            name: as the user sees it.
            personal: the mailbox is the user's own. Mail can be delivered to any of these, so that INBOXES means them
                all (RFC 5465 §6.3).
            subscribed: the user's subscriptions.
        """
        match self._kind:
            case "PERSONAL" | "INBOXES":
                return personal
            case "SUBSCRIBED":
                return name in subscribed
            case "MAILBOXES":
                return name in self._names
            case "SUBTREE":
                # the empty name stands above everything
                return "" in self._names or not self._names.isdisjoint((name, *names.parents(name)))
            case "SUBTREE-ONE":
                return not self._names.isdisjoint((name, name.rpartition(names.SEPARATOR)[0]))
            case _:
                return False
