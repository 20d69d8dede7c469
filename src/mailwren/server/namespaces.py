"""The names of other people's mailboxes: "Other Users/ann/Work" and "Shared/support/Done" (RFC 2342). Pure.

A user's or team's name alone stands for the INBOX there; ``…/INBOX`` means the same.
"""

from typing import Final, NamedTuple

from mailwren.store.values import INBOX, SEPARATOR

OTHER_USERS: Final = "Other Users"
"""Below it each user who shares something."""
SHARED: Final = "Shared"
"""Below it each team."""
ROOTS: Final = (OTHER_USERS, SHARED)


class ForeignName(NamedTuple):
    """A name below one of the namespaces, taken apart."""

    root: str
    owner: str
    """A user's or a team's name; empty for the root itself."""
    mailbox: str
    """The name within the owner's account."""


def take_apart(name: str) -> ForeignName | None:
    """A canonical name's parts, or ``None`` for a name of the user's own."""
    root, _, rest = name.partition(SEPARATOR)
    if root not in ROOTS:
        return None
    owner, _, mailbox = rest.partition(SEPARATOR)
    head, separator, below = mailbox.partition(SEPARATOR)
    if head.isascii() and head.upper() == INBOX:
        mailbox = INBOX + separator + below
    return ForeignName(root, owner, mailbox or INBOX)


def put_together(root: str, owner: str, mailbox: str) -> str:
    """The full name of a mailbox in somebody else's account."""
    above = root + SEPARATOR + owner
    return above if mailbox == INBOX else above + SEPARATOR + mailbox
