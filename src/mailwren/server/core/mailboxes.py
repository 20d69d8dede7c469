"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8)."""

from typing import TYPE_CHECKING

from mailwren.imap import names
from mailwren.imap.core.arguments import Create, MailboxName, Rename
from mailwren.imap.errors import Refused
from mailwren.imap.ext.objectid import mailbox_id_code
from mailwren.server.core.list import tell_old_name
from mailwren.server.ext.mailboxes_elsewhere import create_elsewhere, refuse_taken
from mailwren.server.ext.referrals import check_here
from mailwren.server.places import Home
from mailwren.server.special_uses import check_special_use
from mailwren.server.table import Completion, Request
from mailwren.store.errors import CannotChange, MailboxExists, NoSuchMailbox
from mailwren.store.operations import CreateMailbox, DeleteMailbox, MailboxChanged, RenameMailbox, SetSubscription
from mailwren.store.values import INBOX, Mailbox

if TYPE_CHECKING:
    from mailwren.server.session import Session
    from mailwren.store.api import Account


async def run_create(session: "Session", arguments: Create, request: Request) -> Completion | None:
    """Create a mailbox and the missing names above it."""
    name = arguments.mailbox
    names.check(name)
    check_special_use(arguments.special_use)
    home = await session.places.check_new(name)
    if home.sharer is not None:
        created = await create_elsewhere(session, home, arguments)
    else:
        try:
            created = await _change(session, home.account, CreateMailbox(home.name, arguments.special_use))
        except CannotChange as error:
            # All that cannot be changed while creating is the use (RFC 6154 §3).
            raise Refused(str(error), b"USEATTR") from error
    await tell_old_name(session, name, request.denormalized.get(name))
    return Completion(code=mailbox_id_code(created.object_id))


async def run_delete(session: "Session", arguments: MailboxName, request: Request) -> Completion | None:
    """Delete a mailbox; its children stay. A client that deletes what it has selected is left with nothing selected."""
    name = arguments.mailbox
    home = await _home_of(session, name)
    deleted = await _change(session, home.account, DeleteMailbox(home.name))
    selected = session.selected
    if selected is not None and (selected.account, selected.id) == (home.account, deleted.id):
        session.select(None)
        if session.rev2:
            session.say(b"OK", "The selected mailbox was deleted", b"CLOSED")
    await tell_old_name(session, name, request.denormalized.get(name))
    return None


async def run_rename(session: "Session", arguments: Rename, request: Request) -> Completion | None:
    """Rename a mailbox with its children; INBOX gives its messages away and stays."""
    old, new = arguments.old, arguments.new
    names.check(new)
    check_here(session, old, new)
    source = await _home_of(session, old)
    target = await session.places.check_new(new)
    if source.account is not target.account:
        raise Refused("A mailbox cannot move to another account; copy its messages", b"CANNOT")
    if source.sharer is not None and source.name == INBOX:
        raise Refused("The INBOX of somebody else cannot be renamed", b"CANNOT")
    try:
        await _change(session, source.account, RenameMailbox(source.name, target.name))
    except MailboxExists as error:
        await refuse_taken(session, target, new, error)
    if request.denormalized:
        # "the OLDNAME value being the supplied existing mailbox name" (RFC 9051 §6.3.6), whichever was not normal
        await tell_old_name(session, new, request.denormalized.get(old, old))
    return None


async def _home_of(session: "Session", name: str) -> Home:
    """Where a mailbox is that is to go away or be renamed, for which ``x`` is needed (RFC 4314 §4).

    Raises:
        Refused: the user may not; NoSuchMailbox: of somebody else's mailbox that he may not know of. Of what the user
        himself does not have, the store knows what to say.
    """
    home = await session.places.home(name)
    try:
        (await session.places.find(name)).require("x")
    except NoSuchMailbox:
        if home.sharer is not None:
            raise
    return home


async def _change(
    session: "Session", account: "Account", operation: CreateMailbox | DeleteMailbox | RenameMailbox
) -> Mailbox:
    (outcome,) = await session.apply(account, [operation])
    assert isinstance(outcome, MailboxChanged)
    return outcome.mailbox


async def run_subscribe(session: "Session", arguments: MailboxName, request: Request) -> Completion | None:
    """Subscribe to a name or end that; the mailbox need not exist (RFC 9051 §6.3.7)."""
    subscribe = request.name == b"SUBSCRIBE"
    if subscribe:
        names.check(arguments.mailbox)
    await session.apply(session.account, [SetSubscription(arguments.mailbox, subscribe)])
    return None
