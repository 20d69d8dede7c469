"""Messages with NUL on their way in: what came as literal8 is stored in a form that IMAP can send (RFC 3516).

Other literals may hold no NUL, but old and damaged mail does, and programs move it as it is. It is kept, as mail that
was delivered is: to lose a message is worse than an octet that the syntax does not know, and every client reads it.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from mailwren.imap.core.arguments import AppendMessage, CatenateText
from mailwren.imap.errors import Refused
from mailwren.message.binary_parts import NotEncodable, encode_binary
from mailwren.store.errors import StoreUnavailable
from mailwren.store.octets import MessageSource, Spool, viewed

if TYPE_CHECKING:
    from mailwren.server.session import Session

_AT_ONCE: Final = 2 * 1024 * 1024
"""Octets that are looked through faster than another thread takes over."""


async def without_nul(
    session: "Session", message: AppendMessage, source: MessageSource, spools: list[Spool]
) -> MessageSource:
    """The message itself where it holds no NUL, as nearly all, else one with its binary parts in base64.

    It is left as it is also where NUL stands where nothing can be encoded, such as in a header.

    Args:
        session: whose client adds it.
        message: what the client sent.
        source: its octets.
        spools: takes what was written for it, to be closed afterwards.

    Raises:
        Refused: the message would become too large.
    """
    if not _is_binary(message):
        return source
    at_once = isinstance(source, bytes) or source.size <= _AT_ONCE
    if not (_has_nul(source) if at_once else await asyncio.to_thread(_has_nul, source)):
        return source
    spool = Spool(session.context.config.data)
    spools.append(spool)
    try:
        await asyncio.to_thread(_encode, source, spool, session.context.config.message_size_limit)
    except NotEncodable:
        return source
    except OSError as error:
        raise StoreUnavailable("No room to encode your message now, try again later") from error
    return spool


def _is_binary(message: AppendMessage) -> bool:
    if message.parts:
        return any(isinstance(part, CatenateText) and (part.binary or part.utf8) for part in message.parts)
    return message.binary or message.utf8


def _has_nul(source: MessageSource) -> bool:
    with viewed(source) as octets:
        return octets.find(b"\0") >= 0


def _encode(source: MessageSource, spool: Spool, limit: int) -> None:
    with viewed(source) as octets:
        for piece in encode_binary(octets):
            spool.write(piece)
            if spool.size > limit:
                raise Refused(f"In base64 the message would be larger than {limit} octets", b"TOOBIG")
