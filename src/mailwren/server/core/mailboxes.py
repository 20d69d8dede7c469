"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8)."""

from typing import TYPE_CHECKING

from mailwren.imap import names
from mailwren.imap.core.arguments import Create, MailboxName, Rename
from mailwren.imap.errors import Refused
from mailwren.server.table import Completion, Request
from mailwren.store.operations import CreateMailbox, DeleteMailbox, RenameMailbox, SetSubscription
from mailwren.store.values import INBOX, SEPARATOR

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_create(session: "Session", arguments: Create, _request: Request) -> Completion | None:
    """Create a mailbox and the missing names above it."""
    _check(arguments.mailbox)
    await session.account.apply([CreateMailbox(arguments.mailbox, arguments.special_use)])
    return None


async def run_delete(session: "Session", arguments: MailboxName, _request: Request) -> Completion | None:
    """Delete a mailbox; its children stay. A client that deletes what it has selected is left with nothing selected."""
    await session.account.apply([DeleteMailbox(arguments.mailbox)])
    if session.selected is not None and session.selected.state.mailbox.name == arguments.mailbox:
        session.select(None)
        if session.rev2:
            session.send(b"* OK [CLOSED] The selected mailbox was deleted\r\n")
    return None


async def run_rename(session: "Session", arguments: Rename, _request: Request) -> Completion | None:
    """Rename a mailbox with its children; INBOX gives its messages away and stays."""
    _check(arguments.new)
    await session.account.apply([RenameMailbox(arguments.old, arguments.new)])
    return None


async def run_subscribe(session: "Session", arguments: MailboxName, request: Request) -> Completion | None:
    """Subscribe to a name or end that; the mailbox need not exist (RFC 9051 §6.3.7)."""
    subscribe = request.name == b"SUBSCRIBE"
    if subscribe:
        names.check(arguments.mailbox)
    await session.account.apply([SetSubscription(arguments.mailbox, subscribe)])
    return None


def _check(name: str) -> None:
    """Refuse names that cannot be, and ``INBOX/INBOX``, which some clients make by mistake."""
    names.check(name)
    if name.upper() == INBOX + SEPARATOR + INBOX:
        raise Refused("INBOX below INBOX would only confuse", b"CANNOT")
