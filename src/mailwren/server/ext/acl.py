"""Who may do what with a mailbox: SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §3).

Lists hold account ids, group ids and ``anyone``, clients see names: the two are translated here, by
``server/identifiers.py``.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailwren.auth.errors import DirectoryUnavailable
from mailwren.auth.grants import ANYONE
from mailwren.imap.core.arguments import MailboxName
from mailwren.imap.errors import Refused
from mailwren.imap.ext.acl import (
    MailboxAndIdentifier,
    SetAcl,
    write_acl,
    write_list_rights,
    write_my_rights,
)
from mailwren.imap.rights import ALL_RIGHTS, REVEALING, changed_rights
from mailwren.server.identifiers import Owner, change_entry, entries, entry_of, identify
from mailwren.server.table import Completion, Request
from mailwren.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mailwren.server.places import Place
    from mailwren.server.session import Session


async def run_set_acl(session: "Session", arguments: SetAcl, _request: Request) -> Completion | None:
    """Give somebody rights, or take them away (RFC 4314 §3.1)."""
    place = await _administered(session, arguments.mailbox)
    with _directory():
        users, owner = session.context.users, _owner(session, place)
        identifier = identify(users, arguments.identifier)
        before = entry_of(place.mailbox.acl, identifier, owner)
        rights = changed_rights(before, arguments.sign, arguments.rights)
        if identifier == ANYONE and not (rights <= before or session.context.config.sharing_anyone):
            raise Refused("Nothing is shared with everybody here", b"NOPERM")
        await change_entry(users, place.account, place.mailbox, owner, identifier=identifier, rights=rights)
    return None


async def run_delete_acl(session: "Session", arguments: MailboxAndIdentifier, _request: Request) -> Completion | None:
    """Take somebody's entry away (RFC 4314 §3.2)."""
    place = await _administered(session, arguments.mailbox)
    with _directory():
        users, owner = session.context.users, _owner(session, place)
        identifier = identify(users, arguments.identifier)
        await change_entry(users, place.account, place.mailbox, owner, identifier=identifier, rights=frozenset())
    return None


async def run_get_acl(session: "Session", arguments: MailboxName, _request: Request) -> Completion | None:
    """Tell a mailbox's list (RFC 4314 §3.3)."""
    place = await _administered(session, arguments.mailbox)
    with _directory():
        found = entries(session.context.users, place.mailbox.acl, _owner(session, place))
    session.send(write_acl(place.name, found, session.utf8))
    return None


async def run_list_rights(session: "Session", arguments: MailboxAndIdentifier, _request: Request) -> Completion | None:
    """Tell which rights somebody can be given (RFC 4314 §3.4); nothing is tied together."""
    place = await _administered(session, arguments.mailbox)
    with _directory():
        owner = _owner(session, place)
        identifier = identify(session.context.users, arguments.identifier)
        required = owner.always if identifier == owner.identifier else ()
        nobody = identifier == ANYONE and not session.context.config.sharing_anyone
    optional = frozenset() if nobody else ALL_RIGHTS.difference(required)
    session.send(write_list_rights(place.name, arguments.identifier, required, optional, session.utf8))
    return None


async def run_my_rights(session: "Session", arguments: MailboxName, _request: Request) -> Completion | None:
    """Tell what the user may do with a mailbox (RFC 4314 §3.5)."""
    place = await session.places.find(arguments.mailbox)
    if place.rights.isdisjoint(REVEALING):  # the user's own mailbox, whose list he cannot lose, has them always
        raise place.refusal()
    send_my_rights(session, place)
    return None


def send_my_rights(session: "Session", place: "Place") -> None:
    """Send the MYRIGHTS response for a mailbox."""
    session.send(write_my_rights(place.name, place.rights, session.utf8))


async def _administered(session: "Session", name: str) -> "Place":
    place = await session.places.find(name)
    place.require("a")
    return place


def _owner(session: "Session", place: "Place") -> Owner:
    return Owner.of(session.account.id if place.sharer is None else place.sharer.account_id, place.sharer)


@contextmanager
def _directory() -> "Iterator[None]":
    """Faults of the directory are faults of the store to a client."""
    try:
        yield
    except DirectoryUnavailable as error:
        raise StoreUnavailable(str(error)) from error
