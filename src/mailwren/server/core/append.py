"""APPEND of one or several messages (RFC 9051 §6.3.12, RFC 3502)."""

from typing import TYPE_CHECKING, cast

from mailwren.base.ranges import RangeSet
from mailwren.imap.core import arguments as imap
from mailwren.imap.core.append import append_uid_code
from mailwren.imap.errors import Refused
from mailwren.imap.framing import Literal
from mailwren.server.core.list import tell_old_name
from mailwren.server.table import Completion, Request
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.operations import Append, Appended

if TYPE_CHECKING:
    from mailwren.server.session import Session
    from mailwren.store.octets import MessageSource


async def run_append(session: "Session", arguments: imap.Append, request: Request) -> Completion | None:
    """Add messages, all or none, and answer once they are on disk."""
    account = session.account
    try:
        mailbox = await account.mailbox(arguments.mailbox)
    except NoSuchMailbox as error:
        raise Refused(str(error), b"TRYCREATE") from error
    outcomes = await account.apply(
        [Append(mailbox.id, _source(message), message.flags, message.internal_date) for message in arguments.messages]
    )
    appended = [outcome for outcome in outcomes if isinstance(outcome, Appended)]
    uids = RangeSet.of(outcome.uid for outcome in appended)
    await tell_old_name(session, arguments.mailbox, request.denormalized.get(arguments.mailbox))
    return Completion(code=append_uid_code(appended[0].uid_validity, uids))


def _source(message: imap.AppendMessage) -> "MessageSource":
    literal = message.literal
    return cast("MessageSource", literal.octets if isinstance(literal, Literal) else literal)
