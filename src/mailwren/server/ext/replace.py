"""REPLACE and UID REPLACE: a message goes and another comes, in one transaction (RFC 8508)."""

from typing import TYPE_CHECKING, Final

from mailwren.imap.core import arguments as imap
from mailwren.imap.errors import Refused
from mailwren.imap.ext.replace import parse_replaced
from mailwren.imap.scanner import Scanner
from mailwren.server.core.append import check_before_message, code_of, target, to_append
from mailwren.server.core.list import tell_old_name
from mailwren.server.table import Completion, Request
from mailwren.store.operations import Append, Appended, Expunge

if TYPE_CHECKING:
    from mailwren.base.ranges import RangeSet
    from mailwren.server.places import Place
    from mailwren.server.session import Session

_REMOVING: Final = frozenset("te")
"""The rights that STORE of ``\\Deleted`` and UID EXPUNGE ask for (RFC 8508 §4.1, RFC 4314 §4)."""


async def run_replace(session: "Session", arguments: imap.Replace, request: Request) -> Completion | None:
    """Add the new message and remove the old one; what goes is judged by the quota together with what comes."""
    selected = session.mailbox
    selected.require(*_REMOVING)
    await session.refresh()
    place = await target(session, arguments.mailbox)
    uids = _replaced(session, arguments, request)
    async with to_append(session, place, (arguments.replacement,)) as operations:
        appended = await _apply(session, place, operations, uids)
    await tell_old_name(session, arguments.mailbox, request.denormalized.get(arguments.mailbox))
    # "in an untagged OK before sending the EXPUNGE" (RFC 8508 §4.3): the notices come behind this.
    if code := code_of(place, appended):
        session.say(b"OK", "Replacement message ready", code)
    return None


def _replaced(session: "Session", arguments: imap.Replace, request: Request) -> "RangeSet":
    """The UID of the message that goes. Raises Refused: there is none; BadCommand: no such number."""
    view = session.mailbox.view
    spans = view.resolve(arguments.message, session.saved, by_uid=request.by_uid)
    if not spans:
        raise Refused("There is no such message to replace")
    if session.mailbox.lacks(spans):
        raise Refused("The message to replace no longer exists", b"EXPUNGEISSUED")
    return view.uids_of(spans)


async def _apply(session: "Session", place: "Place", operations: list[Append], uids: "RangeSet") -> list[Appended]:
    """Both in one transaction, or in two where the mailboxes are of two accounts: then nothing is ever lost."""
    selected = session.mailbox
    removal = Expunge(selected.id, uids, only_deleted=False, all_or_none=True)
    if place.account.id == selected.account.id:
        outcomes = await session.apply(selected.account, [*operations, removal])
    else:
        outcomes = await session.apply(place.account, operations)
        await session.apply(selected.account, [Expunge(selected.id, uids, only_deleted=False)])
    return [outcome for outcome in outcomes if isinstance(outcome, Appended)]


async def check_before_replacement(session: "Session", scanner: Scanner) -> None:
    """Whether a replacement that the client waits to send could be added. Raises BadCommand, Refused."""
    parse_replaced(scanner)
    session.mailbox.require_write()
    await check_before_message(session, scanner)
