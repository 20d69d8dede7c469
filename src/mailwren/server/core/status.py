"""STATUS (RFC 9051 §6.3.11): one row's counters, whatever the size of the mailbox."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from mailwren.imap.core.arguments import Status
from mailwren.imap.core.status import StatusValue, write_status_row
from mailwren.server.ext import condstore
from mailwren.server.table import Completion, Request
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.values import Mailbox

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.session import Session
    from mailwren.store.api import Account

ITEMS: dict[str, Callable[[Mailbox], StatusValue]] = {
    "MESSAGES": lambda mailbox: mailbox.messages,
    "UIDNEXT": lambda mailbox: mailbox.uid_next,
    "UIDVALIDITY": lambda mailbox: mailbox.uid_validity,
    "UNSEEN": lambda mailbox: mailbox.unseen,
    "DELETED": lambda mailbox: mailbox.deleted,
    "DELETED-STORAGE": lambda mailbox: mailbox.deleted_size,
    "SIZE": lambda mailbox: mailbox.size,
    "MAILBOXID": lambda mailbox: mailbox.object_id,
    "HIGHESTMODSEQ": lambda mailbox: mailbox.highest_modseq,
}
"""What the row of a mailbox holds, by name; RECENT has to be counted, and APPENDLIMIT is configured."""


async def run_status(session: "Session", arguments: Status, _request: Request) -> Completion | None:
    """Tell a mailbox's counters without selecting it."""
    place = await session.places.find(arguments.mailbox)
    place.require("r")
    await send_status(session, place, arguments.items)
    return None


async def send_status(session: "Session", place: "Place", items: Sequence[str]) -> None:
    """Send the STATUS response of one mailbox, items in the order asked."""
    if "HIGHESTMODSEQ" in items:
        condstore.enable(session)
    values = [(item, await _value(session, place, item)) for item in items]
    session.send(write_status_row(place.name, values, session.utf8))


async def _value(session: "Session", place: "Place", item: str) -> StatusValue:
    if item == "RECENT":
        return await _recent(place.account, place.mailbox)
    if item == "APPENDLIMIT":
        return session.context.config.message_size_limit  # the same for all (RFC 7889 §3)
    return ITEMS[item](place.mailbox)


async def _recent(account: "Account", mailbox: Mailbox) -> int:
    """Messages that no session was told of yet (RFC 3501 §6.3.10)."""
    if not mailbox.messages or mailbox.first_recent >= mailbox.uid_next:
        return 0
    try:
        state = await account.open_mailbox(mailbox.id)
    except NoSuchMailbox:
        return 0  # deleted at this moment
    return len(state.uids) - bisect_left(state.uids, mailbox.first_recent)
