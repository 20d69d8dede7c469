"""Which mailboxes a ``filter-mailboxes`` names (RFC 5465 §6, RFC 7377 §2.2): asked for one name at a time."""

from collections.abc import Collection

from mailwren.imap.ext.mailbox_filter import MailboxFilter
from mailwren.store.values import SEPARATOR


def names_mailbox(each: MailboxFilter, name: str, *, personal: bool, subscribed: Collection[str]) -> bool:
    """Whether a filter other than the selected mailbox's names this mailbox.

    Args:
        each: the filter.
        name: as the user sees it.
        personal: the mailbox is the user's own. Mail can be delivered to any of these, so that INBOXES means them all
            (RFC 5465 §6.3).
        subscribed: the user's subscriptions.
    """
    match each.kind:
        case "PERSONAL" | "INBOXES":
            return personal
        case "SUBSCRIBED":
            return name in subscribed
        case "MAILBOXES":
            return name in each.names
        case "SUBTREE":
            return any(_below(name, root) for root in each.names)
        case "SUBTREE-ONE":
            return any(_below(name, root) and _levels_below(name, root) <= 1 for root in each.names)
        case _:
            return False


def _below(name: str, root: str) -> bool:
    """Whether a name is the root of a subtree or below it; the empty name stands above everything."""
    return not root or name == root or name.startswith(root + SEPARATOR)


def _levels_below(name: str, root: str) -> int:
    if name == root:
        return 0
    return 1 + name.count(SEPARATOR, len(root) + 1 if root else 0)
