"""FETCH items that need a message's octets: BODY[section], BINARY[section], BINARY.SIZE, RFC822 and RFC822.TEXT.

Small values are put together in memory, large ones are streamed: a client that fetches gigabytes or stops reading
costs one piece of memory.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.base.logs import log
from mailwren.imap.core.arguments import FetchItem, Section, SectionText
from mailwren.message.api import Part
from mailwren.message.header import blank_line, select_fields
from mailwren.message.line_ends import LineEnds
from mailwren.message.sections import SectionPiece, find_part, section_range
from mailwren.message.stream_decoder import StreamDecoder
from mailwren.server.failures import log_fault
from mailwren.server.protocol import ConnectionClosed
from mailwren.store.api import Account
from mailwren.store.errors import MessageDamaged, StoreError
from mailwren.store.values import Absent

if TYPE_CHECKING:
    from mailwren.server.session import Session

_PIECE = 4 * limits.OUTPUT_CHUNK
"""Octets that are read, decoded and handed on together."""
PIECES = {
    SectionText.ALL: SectionPiece.ALL,
    SectionText.HEADER: SectionPiece.HEADER,
    SectionText.TEXT: SectionPiece.TEXT,
    SectionText.MIME: SectionPiece.MIME,
}
"""What a section without field names asks of the message layer."""
WHOLE = 2**63
"""More octets than any part has."""
_LINES = frozenset({"", "7bit", "8bit", "7-bit", "8-bit", "quoted-printable"})
"""Encodings whose line ends are those of the text."""


@dataclass(slots=True)
class Streamed:
    """A value too large to hold: what comes before its octets, how many they are, and where they come from."""

    label: bytes
    size: int
    octets: AsyncGenerator[bytes, None]

    async def send(self, session: "Session") -> None:
        """Send it piece by piece, waiting for the client.

        Raises:
            ConnectionClosed: also when the octets cannot be read to the end: the size was announced already, and a
                client must never take something else for the rest.
        """
        session.send(b"%b{%d}\r\n" % (self.label, self.size))
        sent = 0
        session.in_literal = True
        try:
            async with aclosing(self.octets):
                async for piece in self.octets:
                    session.send(piece)
                    sent += len(piece)
                    await session.flush()
        except StoreError as error:
            if session.user is not None:
                log_fault(error, user=session.user.name, account=session.user.account_id)
            await _break_off(session)
        except ConnectionClosed:
            raise
        except Exception:  # noqa: BLE001 - our bug, and a tagged answer would become part of the literal
            log.exception("a message could not be sent to its end")
            await _break_off(session)
        finally:
            session.in_literal = False
        if sent != self.size:
            log.error("a message's octets are not as many as announced", announced=self.size, sent=sent)
            await _break_off(session)


async def _break_off(session: "Session") -> NoReturn:
    """End the connection inside a literal, once the client has everything that went before it."""
    await session.flush()
    session.connection.close()
    raise ConnectionClosed


class OctetItem:
    """One item of a FETCH command that is answered message by message."""

    def __init__(self, item: FetchItem, label: bytes, section: Section) -> None:
        self.item = item
        self.section = section
        self.label = label + b" "
        """What stands before the octets, or before their number."""

    def literals(self, values: Sequence[bytes | Absent | None]) -> list[bytes | None]:
        """The item's text of many messages with those octets of each; ``None`` stays as it is."""
        label = self.label
        return [
            b"%b{%d}\r\n%b" % (label, len(value), value)
            if isinstance(value, bytes)
            else None
            if value is None
            else label + b"NIL"
            for value in values
        ]

    def parts_of(self, values: Sequence[bytes | None]) -> Sequence[bytes | None]:
        """Of each message's octets those that are asked for."""
        if self.item.partial is None:
            return values
        return [None if value is None else self._part_of(value) for value in values]

    def _written(self, octets: bytes, sign: bytes = b"") -> bytes:
        return b"%b%b{%d}\r\n%b" % (self.label, sign, len(octets), octets)

    def _part_of(self, octets: bytes) -> bytes:
        if self.item.partial is None:
            return octets
        first, length = self.item.partial
        return octets[first : first + length]

    async def value(self, account: Account, content: ContentId, room: int) -> bytes | Streamed:
        """The item's text for one message.

        Args:
            account: whose message it is.
            content: the message.
            room: octets that may be held in memory; a longer value is streamed.

        Raises:
            StoreError: the octets cannot be read.
            UnknownEncoding: BINARY of a part that nobody can decode (RFC 9051 §7.5.2).
        """
        if self.item.name == "BINARY[]":
            return await self._binary(account, content, room)
        if self.item.name == "BINARY.SIZE[]":
            return await self._binary_size(account, content)
        return await self._body(account, content, room)

    # --- BODY -----------------------------------------------------------------------------------------------
    async def octets(self, account: Account, content: ContentId) -> tuple[int, AsyncGenerator[bytes, None]] | None:
        """What BODY[section] gives, for other uses than FETCH: how many octets, and the octets piece by piece.

        Returns:
            ``None`` where the message has no such part.

        Raises:
            StoreError: the octets cannot be read.
        """
        found = await self._found(account, content)
        if found is None:
            return None
        if self.section.fields:
            value = await self._selected_fields(account, content, found)
            return len(value), self._fields_later(account, content, found)
        start, stop = self._within(found)
        return stop - start, _read_pieces(account, content, start, stop)

    async def _body(self, account: Account, content: ContentId, room: int) -> bytes | Streamed:
        found = await self._found(account, content)
        if found is None:
            return self.label + b"NIL"
        if self.section.fields:
            return await self._fields(account, content, found, room)
        start, stop = self._within(found)
        if stop - start <= room:
            return self._written(await _read(account, content, start, stop))
        await _read(account, content, start, start + 1)  # one that is lost is refused before its size is told
        return Streamed(self.label, stop - start, _read_pieces(account, content, start, stop))

    async def _found(self, account: Account, content: ContentId) -> tuple[int, int] | None:
        """Where the section begins and ends in the message."""
        section = self.section
        if not section.part and section.text is SectionText.ALL:
            return 0, (await account.facts([content]))[0].size
        root = await account.structure(content)
        return section_range(root, section.part, PIECES.get(section.text, SectionPiece.HEADER))

    def _within(self, found: tuple[int, int]) -> tuple[int, int]:
        """The part of a section that the item asks for."""
        start, stop = found
        if self.item.partial is not None:
            first, length = self.item.partial
            start = min(start + first, stop)
            stop = min(start + length, stop)
        return start, stop

    async def _fields(
        self, account: Account, content: ContentId, header: tuple[int, int], room: int
    ) -> bytes | Streamed:
        value = await self._selected_fields(account, content, header)
        if len(value) <= room:
            return self._written(value)
        return Streamed(self.label, len(value), self._fields_later(account, content, header))

    async def _fields_later(
        self, account: Account, content: ContentId, header: tuple[int, int]
    ) -> AsyncGenerator[bytes, None]:
        yield await self._selected_fields(account, content, header)

    async def _selected_fields(self, account: Account, content: ContentId, header: tuple[int, int]) -> bytes:
        """Some fields of a header, as far as headers are looked into."""
        start, stop = header
        length = min(stop - start, limits.HEADER_PARSED)
        block = await _read(account, content, start, start + length)
        if length < stop - start:
            block = block[: block.rfind(b"\n") + 1] + blank_line(await account.read(content, stop - 4, 4))
        exclude = self.section.text is SectionText.HEADER_FIELDS_NOT
        if length <= limits.OUTPUT_CHUNK:
            return self._part_of(select_fields(block, self.section.fields, exclude=exclude))
        return self._part_of(await asyncio.to_thread(select_fields, block, self.section.fields, exclude=exclude))

    # --- BINARY ---------------------------------------------------------------------------------------------
    async def _binary(self, account: Account, content: ContentId, room: int) -> bytes | Streamed:
        part = await self._part(account, content)
        if part is None:
            return self.label + b"NIL"
        if part.body_end - part.body_start <= min(room, limits.OUTPUT_CHUNK):
            octets = self._part_of(await _decoded_whole(account, content, part))
            return self._written(octets, _sign(octets))
        start, length = self.item.partial or (0, WHOLE)
        stop = start + length
        if min(length, part.body_end - part.body_start) <= room:
            octets = b"".join([piece async for piece in _cut(_decoded(account, content, part), start, stop)])
            return self._written(octets, _sign(octets))
        size, sign = 0, b""
        async for piece in _cut(_decoded(account, content, part), start, stop):
            size += len(piece)
            sign = sign or _sign(piece)
        return Streamed(self.label + sign, size, _cut(_decoded(account, content, part), start, stop))

    async def _binary_size(self, account: Account, content: ContentId) -> bytes:
        part = await self._part(account, content)
        size = 0
        if part is not None:
            async for piece in _decoded(account, content, part):
                size += len(piece)
        return b"%b%d" % (self.label, size)

    async def _part(self, account: Account, content: ContentId) -> Part | None:
        """The part meant; without a number the whole message, as if it were a part that is not encoded."""
        if not self.section.part:
            return Part(0, 0, (await account.facts([content]))[0].size, type="message", encoding="binary")
        return find_part(await account.structure(content), self.section.part)


async def _read(account: Account, content: ContentId, start: int, stop: int) -> bytes:
    """Exactly these octets. Raises MessageDamaged also when there are fewer."""
    octets = await account.read(content, start, stop - start)
    if len(octets) != stop - start:
        raise MessageDamaged("a stored message is shorter than it should be")
    return octets


async def _read_pieces(account: Account, content: ContentId, start: int, stop: int) -> AsyncGenerator[bytes, None]:
    while start < stop:
        piece = await _read(account, content, start, min(start + _PIECE, stop))
        yield piece
        start += len(piece)


async def _decoded(account: Account, content: ContentId, part: Part) -> AsyncGenerator[bytes, None]:
    """A part's octets without their transfer encoding.

    "Servers MUST ensure that textual line-oriented sections are always transmitted using the IMAP CRLF line
    termination syntax" (RFC 9051 §7.5.2): LF alone becomes CRLF in texts, but not in base64, where line ends are the
    content's own. What encloses other parts has no encoding of its own to take off.
    """
    decoder, lines = _decoders(part)
    async for piece in _read_pieces(account, content, part.body_start, part.body_end):
        text = piece if lines is None else lines.feed(piece)
        yield decoder.feed(text) if len(text) <= limits.OUTPUT_CHUNK else await asyncio.to_thread(decoder.feed, text)
    yield decoder.finish()


async def _decoded_whole(account: Account, content: ContentId, part: Part) -> bytes:
    """The same in one piece, for a small part."""
    decoder, lines = _decoders(part)
    text = await _read(account, content, part.body_start, part.body_end)
    return decoder.feed(text if lines is None else lines.feed(text)) + decoder.finish()


def _decoders(part: Part) -> tuple[StreamDecoder, LineEnds | None]:
    """What takes off a part's encoding, and what mends the line ends before that."""
    lines = LineEnds() if part.type == "text" and part.encoding in _LINES else None
    return StreamDecoder("binary" if part.children else part.encoding), lines


async def _cut(pieces: AsyncGenerator[bytes, None], start: int, stop: int) -> AsyncGenerator[bytes, None]:
    """The octets from ``start`` up to ``stop``; no more pieces are taken than it needs."""
    position = 0
    async with aclosing(pieces):
        async for piece in pieces:
            first, position = position, position + len(piece)
            if position > start:
                yield piece[max(start - first, 0) : stop - first]
            if position >= stop:
                return


def _sign(octets: bytes) -> bytes:
    """What marks a literal8. It is sent only where it must be, so a client sees at once whether there is a NUL."""
    return b"~" if b"\0" in octets else b""
