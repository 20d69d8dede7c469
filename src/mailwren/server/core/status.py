"""STATUS (RFC 9051 §6.3.11): one row's counters, whatever the size of the mailbox."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mailwren.imap.core.arguments import Status
from mailwren.imap.core.status import write_status_row
from mailwren.server.table import Completion, Request
from mailwren.store.values import Mailbox

if TYPE_CHECKING:
    from mailwren.server.session import Session

ITEMS: dict[str, Callable[[Mailbox], int]] = {
    "MESSAGES": lambda mailbox: mailbox.messages,
    "UIDNEXT": lambda mailbox: mailbox.uid_next,
    "UIDVALIDITY": lambda mailbox: mailbox.uid_validity,
    "UNSEEN": lambda mailbox: mailbox.unseen,
    "DELETED": lambda mailbox: mailbox.deleted,
    "SIZE": lambda mailbox: mailbox.size,
    # messages that no session was told of yet; at most those that are there (RFC 3501 §6.3.10)
    "RECENT": lambda mailbox: min(max(mailbox.uid_next - mailbox.first_recent, 0), mailbox.messages),
}
"""What STATUS can tell, by name."""


async def run_status(session: "Session", arguments: Status, _request: Request) -> Completion | None:
    """Tell a mailbox's counters without selecting it."""
    send_status(session, await session.account.mailbox(arguments.mailbox), arguments.items)
    return None


def send_status(session: "Session", mailbox: Mailbox, items: Sequence[str]) -> None:
    """Send the STATUS response of one mailbox, items in the order asked."""
    values = [(item, ITEMS[item](mailbox)) for item in items]
    session.send(write_status_row(mailbox.name, values, session.utf8))
