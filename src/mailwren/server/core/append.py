"""APPEND of one or several messages (RFC 9051 §6.3.12, RFC 3502)."""

from typing import TYPE_CHECKING, cast

from mailwren.base.ranges import RangeSet
from mailwren.imap.core import arguments as imap
from mailwren.imap.core.append import append_uid_code, check_message_to_come
from mailwren.imap.errors import Refused
from mailwren.imap.framing import Literal
from mailwren.imap.scanner import Scanner
from mailwren.server.core.list import tell_old_name
from mailwren.server.table import Completion, Request
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.operations import Append, Appended

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.session import Session
    from mailwren.store.octets import MessageSource


async def run_append(session: "Session", arguments: imap.Append, request: Request) -> Completion | None:
    """Add messages, all or none, and answer once they are on disk."""
    if any(message.literal == b"" for message in arguments.messages):
        # "A zero-length message literal argument is an error … used to cancel the append" (RFC 3502 §6.3.11)
        raise Refused("A message without a single octet cancels the APPEND")
    place = await _target(session, arguments.mailbox)
    outcomes = await place.account.apply(
        [
            Append(place.mailbox.id, _source(message), message.flags, message.internal_date)
            for message in arguments.messages
        ]
    )
    appended = [outcome for outcome in outcomes if isinstance(outcome, Appended)]
    uids = RangeSet.of(outcome.uid for outcome in appended)
    await tell_old_name(session, arguments.mailbox, request.denormalized.get(arguments.mailbox))
    return Completion(code=append_uid_code(appended[0].uid_validity, uids))


async def check_before_message(session: "Session", scanner: Scanner) -> None:
    """Whether a message that the client waits to send could be added: nobody is to send megabytes in vain.

    Raises:
        BadCommand, Refused: no.
    """
    scanner.space()
    if scanner.at_end():
        return  # what waits is the mailbox's name
    mailbox = scanner.mailbox()
    check_message_to_come(scanner)
    await _target(session, mailbox)


async def _target(session: "Session", name: str) -> "Place":
    try:
        place = await session.places.find(name)
    except NoSuchMailbox as error:
        raise Refused(str(error), b"TRYCREATE") from error
    place.require("i")
    return place


def _source(message: imap.AppendMessage) -> "MessageSource":
    literal = message.literal
    return cast("MessageSource", literal.octets if isinstance(literal, Literal) else literal)
