"""Which special uses a mailbox can have here (RFC 6154)."""

from collections.abc import Iterable
from typing import Final

from mailwren.imap.errors import Refused

_VIRTUAL: Final = frozenset({"\\All", "\\Flagged"})
"""Special uses that promise to show messages of other mailboxes (RFC 6154 §2)."""


def check_special_use(uses: Iterable[str]) -> None:
    """Raise Refused where a mailbox is to have a use that none can have (RFC 6154 §3)."""
    for use in uses:
        if use in _VIRTUAL:
            raise Refused(f"{use} would be a view of other mailboxes, which there is not", b"USEATTR")
