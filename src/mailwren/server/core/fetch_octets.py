"""FETCH items that need a message's octets: BODY[section], BINARY[section], BINARY.SIZE, RFC822 and RFC822.TEXT.

Small values are put together in memory, large ones are streamed: a client that fetches gigabytes or stops reading
costs one piece of memory.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.imap.core.arguments import FetchItem, Section, SectionText
from mailwren.imap.core.fetch import section_label
from mailwren.imap.errors import Refused
from mailwren.message.api import Part
from mailwren.message.header import select_fields
from mailwren.message.sections import SectionPiece, find_part, section_range
from mailwren.message.stream_decoder import StreamDecoder, UnknownEncoding
from mailwren.server.failures import log_fault
from mailwren.server.protocol import ConnectionClosed
from mailwren.store.api import Account
from mailwren.store.errors import StoreError
from mailwren.store.octets import Spool

if TYPE_CHECKING:
    from mailwren.server.session import Session

_IN_MEMORY = 4 * limits.OUTPUT_CHUNK
"""Values up to this size are not streamed."""
_PIECES = {
    SectionText.ALL: SectionPiece.ALL,
    SectionText.HEADER: SectionPiece.HEADER,
    SectionText.TEXT: SectionPiece.TEXT,
    SectionText.MIME: SectionPiece.MIME,
}
"""What a section without field names asks of the message layer."""


@dataclass(slots=True)
class Streamed:
    """A value too large to hold: its label, its size, and its octets to come."""

    label: bytes
    size: int
    octets: AsyncIterator[bytes]

    async def send(self, session: "Session") -> None:
        """Send it piece by piece, waiting for the client.

        Raises:
            ConnectionClosed: also when the octets cannot be read to the end: the size was announced already, and a
                client must never take something else for the rest.
        """
        session.send(b"%b {%d}\r\n" % (self.label, self.size))
        sent = 0
        try:
            async for piece in self.octets:
                session.send(piece)
                sent += len(piece)
                await session.flush()
        except StoreError as error:
            if session.user is not None:
                log_fault(error, user=session.user.name, account=session.user.account_id)
            session.connection.abort()
            raise ConnectionClosed from error
        if sent != self.size:
            session.connection.abort()
            raise ConnectionClosed


class OctetItem:
    """One item of a FETCH command that is answered message by message."""

    def __init__(self, item: FetchItem, label: bytes, section: Section) -> None:
        self.item = item
        self.label = label
        self.section = section

    async def value(self, account: Account, content: ContentId) -> bytes | Streamed:
        """The item's text for one message.

        Raises:
            StoreError: the octets cannot be read.
            Refused: BINARY of a part with an unknown encoding (RFC 9051 §6.4.5.3).
        """
        if self.item.name == "BINARY[]":
            return await self._binary(account, content)
        if self.item.name == "BINARY.SIZE[]":
            return await self._binary_size(account, content)
        return await self._body(account, content)

    async def _body(self, account: Account, content: ContentId) -> bytes | Streamed:
        section = self.section
        if section.fields:
            return await self._fields(account, content)
        if not section.part and section.text is SectionText.ALL:
            start, stop = 0, (await account.facts([content]))[0].size
        else:
            root = await account.structure(content)
            found = section_range(root, section.part, _PIECES[section.text])
            if found is None:
                return self.label + b" NIL"
            start, stop = found
        if self.item.partial is not None:
            first, length = self.item.partial
            start = min(start + first, stop)
            stop = min(start + length, stop)
        if stop - start <= _IN_MEMORY:
            octets = await account.read(content, start, stop - start)
            return b"%b {%d}\r\n%b" % (self.label, len(octets), octets)
        return Streamed(self.label, stop - start, _read_pieces(account, content, start, stop))

    async def _fields(self, account: Account, content: ContentId) -> bytes:
        section = self.section
        found = section_range(await account.structure(content), section.part, SectionPiece.HEADER)
        if found is None:
            return self.label + b" NIL"
        block = await account.read(content, found[0], found[1] - found[0])
        value = select_fields(block, section.fields, exclude=section.text is SectionText.HEADER_FIELDS_NOT)
        if self.item.partial is not None:
            first, length = self.item.partial
            value = value[first : first + length]
        return b"%b {%d}\r\n%b" % (self.label, len(value), value)

    async def _binary(self, account: Account, content: ContentId) -> bytes | Streamed:
        part = await self._binary_part(account, content)
        if part is None:
            return self.label + b" NIL"
        decoded = await self._decoded(account, content, part)
        if isinstance(decoded, bytes):
            if self.item.partial is not None:
                first, length = self.item.partial
                decoded = decoded[first : first + length]
            # literal8 only where it must be: most client libraries read the plain literal better
            return b"%b %b{%d}\r\n%b" % (self.label, b"~" if b"\0" in decoded else b"", len(decoded), decoded)
        first, length = self.item.partial or (0, decoded.size)
        start = min(first, decoded.size)
        stop = min(start + length, decoded.size)
        return Streamed(self.label + b" ~", stop - start, _spool_pieces(decoded, start, stop))

    async def _binary_size(self, account: Account, content: ContentId) -> bytes:
        part = await self._binary_part(account, content)
        if part is None:
            return self.label + b" 0"
        decoded = await self._decoded(account, content, part)
        if isinstance(decoded, bytes):
            return b"%b %d" % (self.label, len(decoded))
        size = decoded.size
        decoded.close()
        return b"%b %d" % (self.label, size)

    async def _binary_part(self, account: Account, content: ContentId) -> Part | None:
        root = await account.structure(content)
        if not self.section.part:
            return Part(0, 0, (await account.facts([content]))[0].size, encoding="binary")
        return find_part(root, self.section.part)

    async def _decoded(self, account: Account, content: ContentId, part: Part) -> bytes | Spool:
        """A part's octets without their transfer encoding, in a spool when they are many."""
        try:
            # what encloses other parts has no encoding of its own to take off
            decoder = StreamDecoder("binary" if part.children else part.encoding)
        except UnknownEncoding as error:
            raise Refused(str(error), b"UNKNOWN-CTE") from error
        length = part.body_end - part.body_start
        if length <= _IN_MEMORY:
            octets = await account.read(content, part.body_start, length)
            return decoder.feed(octets) + decoder.finish()
        spool = Spool()
        async for piece in _read_pieces(account, content, part.body_start, part.body_end):
            spool.write(await asyncio.to_thread(decoder.feed, piece))
        spool.write(decoder.finish())
        return spool


def octet_item(item: FetchItem) -> OctetItem:
    """The answerer of an item that rows cannot answer."""
    if item.name == "RFC822":
        return OctetItem(item, b"RFC822", Section())
    if item.name == "RFC822.TEXT":
        return OctetItem(item, b"RFC822.TEXT", Section(text=SectionText.TEXT))
    return OctetItem(item, section_label(item), item.section or Section())


async def _read_pieces(account: Account, content: ContentId, start: int, stop: int) -> AsyncIterator[bytes]:
    while start < stop:
        piece = await account.read(content, start, min(_IN_MEMORY, stop - start))
        yield piece
        start += len(piece)
        if not piece:
            return


async def _spool_pieces(spool: Spool, start: int, stop: int) -> AsyncIterator[bytes]:
    view = spool.view()
    try:
        for first in range(start, stop, _IN_MEMORY):
            yield bytes(view[first : min(first + _IN_MEMORY, stop)])
    finally:
        if not isinstance(view, bytes):
            view.close()
        spool.close()
