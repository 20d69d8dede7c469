"""COPY and MOVE with their UID forms (RFC 9051 §6.4.7, §6.4.8)."""

from typing import TYPE_CHECKING

from mailwren.imap.core import arguments as imap
from mailwren.imap.core.copy import copy_uid_code
from mailwren.imap.errors import Refused
from mailwren.server.ext.crossing import carry, crosses
from mailwren.server.ext.messagelimit import check_copy, newest
from mailwren.server.table import Completion, Request
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.operations import Copied, Copy, Move

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.session import Session


async def run_copy(session: "Session", arguments: imap.Copy, request: Request) -> Completion | None:
    """Copy messages to another mailbox, wholly or not at all."""
    outcome = await _transfer(session, arguments, request, Copy)
    return Completion(code=_copy_uid(*outcome)) if outcome is not None else None


async def run_move(session: "Session", arguments: imap.Copy, request: Request) -> Completion | None:
    """Move messages: COPYUID comes untagged before the EXPUNGEs (RFC 9051 §6.4.8)."""
    session.mailbox.require("t", "e")  # besides ``i`` there (RFC 6851 §4.2)
    outcome = await _transfer(session, arguments, request, Move)
    if outcome is not None and (code := _copy_uid(*outcome)):
        session.say(b"OK", "Moved", code)
    return None


async def _transfer(
    session: "Session", arguments: imap.Copy, request: Request, kind: type[Copy] | type[Move]
) -> "tuple[Place, Copied] | None":
    selected = session.mailbox
    await session.refresh()
    spans = selected.view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    try:
        target = await session.places.find(arguments.mailbox)
        target.require("i")
        if not request.by_uid and selected.lacks(spans):
            # RFC 2180 §4.4.1; which ones went is told with this answer
            raise Refused("Some of the messages no longer exist", b"EXPUNGEISSUED")
        if kind is Copy:
            check_copy(session, spans)
        else:
            spans = newest(session, spans)
        uids = selected.view.uids_of(spans)
        if not uids:
            return None
        if crosses(selected, target):
            carried = await carry(session, target, uids, remove=kind is Move)
            return (target, carried) if carried is not None else None
        (outcome,) = await session.apply(
            selected.account, [kind(selected.id, uids, target.mailbox.id, "n" in target.rights)]
        )
    except NoSuchMailbox as error:
        # "the server MUST send the response code [TRYCREATE]" (RFC 9051 §6.4.7)
        raise Refused(str(error), b"TRYCREATE") from error
    assert isinstance(outcome, Copied)
    return (target, outcome) if outcome.source_uids else None


def _copy_uid(target: "Place", outcome: Copied) -> bytes:
    """``COPYUID``; nothing where the user may not select the target: it would tell of it (RFC 9051 §6.4.7)."""
    if "r" not in target.rights:
        return b""
    return copy_uid_code(outcome.uid_validity, outcome.source_uids, outcome.target_uids)
