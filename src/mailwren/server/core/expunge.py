"""EXPUNGE, UID EXPUNGE, CLOSE and UNSELECT (RFC 9051 §6.4.1 to §6.4.3, §6.4.9)."""

from typing import TYPE_CHECKING

from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import NoArguments, UidExpunge
from mailwren.server.ext.messagelimit import newest_deleted
from mailwren.server.table import Completion, Request
from mailwren.store.operations import Expunge

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_expunge(session: "Session", arguments: UidExpunge, request: Request) -> Completion | None:
    """Remove messages flagged \\Deleted, all or those named; the notices say which went."""
    selected = session.mailbox
    selected.require("e")
    uids: RangeSet | None = None
    if arguments.uids is not None:
        spans = selected.view.resolve(arguments.uids, session.saved, by_uid=request.by_uid)
        uids = selected.view.uids_of(newest_deleted(session, selected, spans))
        if not uids:
            return None
    await session.apply(selected.account, [Expunge(selected.id, uids)])
    return None


async def run_close(session: "Session", _arguments: NoArguments, _request: Request) -> Completion | None:
    """Remove messages flagged \\Deleted without telling, and leave the mailbox."""
    selected = session.mailbox
    await session.refresh()
    # "the server MUST ignore the expunge request" where the user has not the right to it (RFC 4314 §4).
    may = not selected.read_only and "e" in selected.rights
    if may and not selected.state.deleted and selected.state.mailbox.deleted:
        await selected.account.apply([Expunge(selected.id)])
    session.select(None)
    return None


async def run_unselect(session: "Session", _arguments: NoArguments, _request: Request) -> Completion | None:
    """Leave the mailbox and remove nothing."""
    session.select(None)
    return None
