"""RLIST and RLSUB: the lists that show the mailboxes of other servers too (RFC 2193 §5)."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from mailwren.imap import names
from mailwren.imap.core import arguments as imap
from mailwren.imap.core.list import write_list_row
from mailwren.server.core.list import names_matching, run_list, run_lsub
from mailwren.server.ext.referrals import hide_remote
from mailwren.server.table import Completion, Request
from mailwren.store.values import SEPARATOR

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_remote_list(session: "Session", arguments: imap.List, request: Request) -> Completion | None:
    """As LIST, and the mailboxes of other servers (RFC 2193 §5.1)."""
    await run_list(session, arguments, replace(request, name=b"LIST"))
    if arguments.patterns != ("",):
        local = await session.places.all()
        await _send_remote(session, arguments, b"LIST", frozenset(session.context.config.mailbox_referrals), local)
    return None


async def run_remote_lsub(session: "Session", arguments: imap.List, request: Request) -> Completion | None:
    """As LSUB, and the mailboxes of other servers that the user has subscribed to (RFC 2193 §5.2)."""
    await run_lsub(session, arguments, request)
    subscribed = await session.account.subscriptions()
    remote = subscribed - hide_remote(session, subscribed)
    await _send_remote(session, arguments, b"LSUB", remote, subscribed - remote)
    return None


async def _send_remote(
    session: "Session", arguments: imap.List, command: bytes, remote: frozenset[str], shown: Collection[str]
) -> None:
    """Rows of remote mailboxes, and of what stands above them and is not shown anyway."""
    above = {parent for name in remote for parent in names.parents(name)} - remote
    above -= {parent for name in shown for parent in (name, *names.parents(name))}
    for name in await names_matching(session, sorted(remote | above), arguments):
        children = any(other.startswith(name + SEPARATOR) for other in remote)
        attributes = ["\\Noselect"] if name in above else []
        attributes.append("\\HasChildren" if children else "\\HasNoChildren")
        session.send(write_list_row(tuple(attributes), name, session.utf8, command=command))
