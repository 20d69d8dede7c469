"""CATENATE: messages put together from what the client sends and what is stored already (RFC 4469)."""

import mmap
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.imap.core.arguments import CatenatePart, CatenateUrl
from mailwren.imap.errors import Refused
from mailwren.imap.ext.url import BadUrl, bad_url_code
from mailwren.server.ext.message_urls import find_message, read_url
from mailwren.store.errors import StoreUnavailable
from mailwren.store.octets import Spool, viewed

if TYPE_CHECKING:
    from mailwren.server.session import Session

_PIECE = 4 * limits.OUTPUT_CHUNK
"""Octets that are copied together."""


def check_url(session: "Session", url: str) -> None:
    """Whether a URL could name a message at all: asked before more of the command is sent (RFC 4469 §A, example 4).

    Raises:
        Refused: it could not.
    """
    try:
        read_url(session, url)
    except BadUrl as error:
        raise _refusal(url, error) from error


async def put_together(session: "Session", parts: Sequence[CatenatePart], room: int) -> Spool:
    """All parts one after the other, to be closed after use. Large ones never stand in memory.

    Args:
        session: whose client asks.
        parts: what the message is made of.
        room: octets that the message may have.

    Raises:
        Refused: BADURL names the first URL that leads nowhere; TOOBIG.
        StoreError: a message cannot be read, or there is no room for the new one.
    """
    spool = Spool(session.context.config.data)
    try:
        for part in parts:
            await _add(session, part, spool, room)
            await session.breathe()
    except OSError as error:
        spool.close()
        log.error("no room for a message", reason=str(error))
        raise StoreUnavailable("No room to put your message together now, try again later") from error
    except BaseException:
        spool.close()
        raise
    return spool


async def _add(session: "Session", part: CatenatePart, spool: Spool, room: int) -> None:
    if isinstance(part, CatenateUrl):
        await _add_url(session, part.url, spool, room)
        return
    assert isinstance(part.literal, bytes | Spool)
    with viewed(part.literal) as octets:
        _check_room(spool, len(octets), room)
        for piece in _pieces(octets):
            spool.write(piece)
            await session.breathe()


async def _add_url(session: "Session", url: str, spool: Spool, room: int) -> None:
    try:
        target = await find_message(session, read_url(session, url))
        size, pieces = await target.octets()
    except BadUrl as error:
        raise _refusal(url, error) from error
    _check_room(spool, size, room)
    await _copy(session, pieces, spool)


async def _copy(session: "Session", pieces: AsyncGenerator[bytes, None], spool: Spool) -> None:
    async with aclosing(pieces):
        async for piece in pieces:
            spool.write(piece)
            await session.breathe()


def _pieces(octets: bytes | mmap.mmap) -> Iterator[bytes]:
    for start in range(0, len(octets), _PIECE):
        yield octets[start : start + _PIECE]


def _check_room(spool: Spool, size: int, room: int) -> None:
    if spool.size + size > room:
        raise Refused(f"The message would be larger than {room} octets", b"TOOBIG")


def _refusal(url: str, error: BadUrl) -> Refused:
    return Refused(f"The URL cannot be used: {error}", bad_url_code(url))
