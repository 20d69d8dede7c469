"""Creating mailboxes in somebody else's account: what they inherit, and that names tell nothing (RFC 4314 §4)."""

from typing import TYPE_CHECKING, NoReturn

from mailwren.imap import names
from mailwren.imap.errors import Refused
from mailwren.server.places import no_place
from mailwren.store.errors import MailboxExists, NoSuchMailbox
from mailwren.store.operations import CreateMailbox, MailboxChanged, Operation, SetAcl, SetPrivateFlags
from mailwren.store.values import INBOX, Mailbox

if TYPE_CHECKING:
    from mailwren.imap.core.arguments import Create
    from mailwren.server.places import Home
    from mailwren.server.session import Session
    from mailwren.store.api import Account


async def create_elsewhere(session: "Session", home: "Home", arguments: "Create") -> Mailbox:
    """Create a mailbox where the user may. Raises Refused, StoreError."""
    if arguments.special_use:
        raise Refused("Special uses are for mailboxes of your own", b"USEATTR")
    before = set(await home.account.mailboxes())
    try:
        (outcome,) = await session.apply(home.account, [CreateMailbox(home.name)])
    except MailboxExists as error:
        await refuse_taken(session, home, arguments.mailbox, error)
    assert isinstance(outcome, MailboxChanged)
    new = [name for name in (*names.parents(home.name), home.name) if name not in before]
    if new and new[0] == next(iter(names.parents(home.name)), home.name):
        await _inherit(home.account, new)
    return outcome.mailbox


async def _inherit(account: "Account", created: list[str]) -> None:
    """Give mailboxes that have none above them what the INBOX has, which others see above them.

    "When a new mailbox is created, it SHOULD inherit the ACL from the parent mailbox" (RFC 4314 §4). Whoever created
    it could not see it otherwise.
    """
    mailboxes = await account.mailboxes()
    parent = mailboxes[INBOX]
    operations: list[Operation] = []
    for mailbox in (mailboxes[name] for name in created if name in mailboxes):
        operations += [SetAcl(mailbox.id, identifier, rights) for identifier, rights in parent.acl.items()]
        if mailbox.private_flags != parent.private_flags:
            operations.append(SetPrivateFlags(mailbox.id, parent.private_flags))
    await account.apply(operations)


async def refuse_taken(session: "Session", home: "Home", name: str, error: MailboxExists) -> NoReturn:
    """Say that a name is taken, but only to those who may know the mailbox that has it."""
    if home.sharer is not None:
        try:
            await session.places.find(name)
        except NoSuchMailbox:
            raise no_place() from error
    raise error
