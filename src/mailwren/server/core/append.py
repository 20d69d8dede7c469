"""APPEND of one or several messages, sent whole or put together (RFC 9051 §6.3.12, RFC 3502, RFC 4469)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.imap.core import arguments as imap
from mailwren.imap.core.append import append_uid_code, check_message_to_come
from mailwren.imap.errors import Refused
from mailwren.imap.framing import Literal
from mailwren.imap.rights import permitted_flags
from mailwren.imap.scanner import Scanner
from mailwren.server.core.binary_source import without_nul
from mailwren.server.core.list import tell_old_name
from mailwren.server.ext import annotate, annotation_items
from mailwren.server.ext.catenate import check_url, put_together
from mailwren.server.ext.messagelimit import check_append
from mailwren.server.ext.utf8 import check_header
from mailwren.server.table import Completion, Request
from mailwren.store.errors import NoSuchMailbox
from mailwren.store.octets import MessageSource, Spool
from mailwren.store.operations import Append, Appended

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.session import Session


async def run_append(session: "Session", arguments: imap.Append, request: Request) -> Completion | None:
    """Add messages, all or none, and answer once they are on disk."""
    place = await target(session, arguments.mailbox)
    check_append(session, len(arguments.messages))
    async with to_append(session, place, arguments.messages) as operations:
        outcomes = await session.apply(place.account, operations)
    appended = [outcome for outcome in outcomes if isinstance(outcome, Appended)]
    await tell_old_name(session, arguments.mailbox, request.denormalized.get(arguments.mailbox))
    return Completion(code=code_of(place, appended))


def code_of(place: "Place", appended: Sequence[Appended]) -> bytes:
    """``APPENDUID`` of messages that were added to one mailbox; nothing where the user may not select it.

    It "would disclose information about the mailbox" (RFC 9051 §6.3.12, RFC 4315 §3).
    """
    if "r" not in place.rights:
        return b""
    return append_uid_code(appended[0].uid_validity, RangeSet.of(outcome.uid for outcome in appended))


async def check_before_message(session: "Session", scanner: Scanner) -> None:
    """Whether a message that the client waits to send could be added: nobody is to send megabytes in vain.

    The scanner stands before the mailbox's name.

    Raises:
        BadCommand, Refused: no.
    """
    scanner.space()
    if scanner.at_end():
        return  # what waits is the mailbox's name
    mailbox = scanner.mailbox()
    urls = check_message_to_come(scanner)
    await target(session, mailbox)
    for url in urls:
        check_url(session, url)


async def target(session: "Session", name: str) -> "Place":
    """The mailbox that messages are added to. Raises Refused."""
    try:
        place = await session.places.find(name)
        place.require("i")
    except NoSuchMailbox as error:
        raise Refused(str(error), b"TRYCREATE") from error
    return place


@asynccontextmanager
async def to_append(
    session: "Session", place: "Place", messages: Sequence[imap.AppendMessage]
) -> AsyncIterator[list[Append]]:
    """The store's operations for what the client wants to add; what had to be put together goes afterwards.

    Raises:
        Refused: a message cannot be added.
    """
    if len(messages) > limits.LITERALS_PER_COMMAND:
        raise Refused(f"More than {limits.LITERALS_PER_COMMAND} messages at once", b"LIMIT")
    spools: list[Spool] = []
    try:
        operations: list[Append] = []
        for message in messages:
            source = await _source(session, message, spools)
            source = await without_nul(session, message, source, spools)
            check_header(session, source)
            flags = permitted_flags(place.rights, message.flags)
            annotate.require_rights(place.rights, message.annotations)
            await annotation_items.check_new_parts(source, [each.entry for each in message.annotations])
            annotations = annotate.to_values(message.annotations)
            operations.append(Append(place.mailbox.id, source, flags, message.internal_date, annotations=annotations))
        yield operations
    finally:
        for spool in spools:
            spool.close()


async def _source(session: "Session", message: imap.AppendMessage, spools: list[Spool]) -> MessageSource:
    if message.parts:
        room = limits.COMMAND_SPOOLED - sum(spool.size for spool in spools)
        spool = await put_together(session, message.parts, min(session.context.config.message_size_limit, room))
        spools.append(spool)
        empty = not spool.size
        source: MessageSource = spool
    else:
        literal = message.literal
        source = cast("MessageSource", literal.octets if isinstance(literal, Literal) else literal)
        empty = source == b""
    if empty:
        # "A zero-length message literal argument is an error … used to cancel the append" (RFC 3502 §6.3.11)
        raise Refused("A message without a single octet cancels the APPEND")
    return source
