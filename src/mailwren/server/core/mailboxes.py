"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8)."""

from typing import TYPE_CHECKING, Final

from mailwren.imap import names
from mailwren.imap.core.arguments import Create, MailboxName, Rename
from mailwren.imap.errors import Refused
from mailwren.imap.ext.objectid import mailbox_id_code
from mailwren.server.core.list import tell_old_name
from mailwren.server.table import Completion, Request
from mailwren.store.errors import CannotChange
from mailwren.store.operations import CreateMailbox, DeleteMailbox, MailboxChanged, RenameMailbox, SetSubscription

if TYPE_CHECKING:
    from mailwren.server.session import Session

_VIRTUAL: Final = frozenset({"\\All", "\\Flagged"})
"""Special uses that promise to show messages of other mailboxes (RFC 6154 §2)."""


async def run_create(session: "Session", arguments: Create, request: Request) -> Completion | None:
    """Create a mailbox and the missing names above it."""
    name = arguments.mailbox
    names.check(name)
    for use in arguments.special_use:
        if use in _VIRTUAL:
            raise Refused(f"{use} would be a view of other mailboxes, which there is not", b"USEATTR")
    try:
        home = await session.places.home(name)
        (outcome,) = await home.account.apply([CreateMailbox(home.name, arguments.special_use)])
    except CannotChange as error:
        # All that cannot be changed while creating is the use (RFC 6154 §3).
        raise Refused(str(error), b"USEATTR") from error
    await tell_old_name(session, name, request.denormalized.get(name))
    assert isinstance(outcome, MailboxChanged)
    return Completion(code=mailbox_id_code(outcome.mailbox.object_id))


async def run_delete(session: "Session", arguments: MailboxName, request: Request) -> Completion | None:
    """Delete a mailbox; its children stay. A client that deletes what it has selected is left with nothing selected."""
    name = arguments.mailbox
    home = await session.places.home(name)
    (outcome,) = await home.account.apply([DeleteMailbox(home.name)])
    assert isinstance(outcome, MailboxChanged)
    selected = session.selected
    if selected is not None and (selected.account, selected.id) == (home.account, outcome.mailbox.id):
        session.select(None)
        if session.rev2:
            session.say(b"OK", "The selected mailbox was deleted", b"CLOSED")
    await tell_old_name(session, name, request.denormalized.get(name))
    return None


async def run_rename(session: "Session", arguments: Rename, request: Request) -> Completion | None:
    """Rename a mailbox with its children; INBOX gives its messages away and stays."""
    old, new = arguments.old, arguments.new
    names.check(new)
    source, target = await session.places.home(old), await session.places.home(new)
    if source.account is not target.account:
        raise Refused("A mailbox cannot move to another account; copy its messages", b"CANNOT")
    await source.account.apply([RenameMailbox(source.name, target.name)])
    if request.denormalized:
        # "the OLDNAME value being the supplied existing mailbox name" (RFC 9051 §6.3.6), whichever was not normal
        await tell_old_name(session, new, request.denormalized.get(old, old))
    return None


async def run_subscribe(session: "Session", arguments: MailboxName, request: Request) -> Completion | None:
    """Subscribe to a name or end that; the mailbox need not exist (RFC 9051 §6.3.7)."""
    subscribe = request.name == b"SUBSCRIBE"
    if subscribe:
        names.check(arguments.mailbox)
    await session.account.apply([SetSubscription(arguments.mailbox, subscribe)])
    return None
