"""Creating mailboxes in somebody else's account: what they inherit, and that names tell nothing (RFC 4314 §4)."""

from typing import TYPE_CHECKING, NoReturn

from mailwren.imap.errors import Refused
from mailwren.server.places import no_place
from mailwren.store.errors import MailboxExists, NoSuchMailbox
from mailwren.store.operations import CreateMailbox, MailboxChanged
from mailwren.store.values import INBOX, Mailbox

if TYPE_CHECKING:
    from mailwren.imap.core.arguments import Create
    from mailwren.server.places import Home
    from mailwren.server.session import Session


async def create_elsewhere(session: "Session", home: "Home", arguments: "Create") -> Mailbox:
    """Create a mailbox where the user may. Raises Refused, StoreError."""
    if arguments.special_use:
        raise Refused("Special uses are for mailboxes of your own", b"USEATTR")
    # "When a new mailbox is created, it SHOULD inherit the ACL from the parent mailbox" (RFC 4314 §4). What has none
    # above it has the INBOX, as others see it: whoever created it could not see it otherwise.
    try:
        (outcome,) = await session.apply(home.account, [CreateMailbox(home.name, shared_like=INBOX)])
    except MailboxExists as error:
        await refuse_taken(session, home, arguments.mailbox, error)
    assert isinstance(outcome, MailboxChanged)
    return outcome.mailbox


async def refuse_taken(session: "Session", home: "Home", name: str, error: MailboxExists) -> NoReturn:
    """Say that a name is taken, but only to those who may know the mailbox that has it."""
    if home.sharer is not None:
        try:
            await session.places.find(name)
        except NoSuchMailbox:
            raise no_place() from error
    raise error
