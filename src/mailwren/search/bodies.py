"""What of a message SEARCH looks at: header blocks as octets, texts decoded. Large messages come piece by piece.

The meaning is :func:`mailwren.message.text.body_texts`, and for TEXT the headers besides: the message's own and the
MIME headers of its parts (RFC 9051 §6.4.4). A text part larger than ``limits.SEARCH_PART`` is decoded window by window:
there, HTML that is hidden or a tag that is cut at a window's end can show as text, which is the price of memory.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Final
from unicodedata import combining

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.message import charsets
from mailwren.message.api import Part
from mailwren.message.html_text import strip_html
from mailwren.message.stream_decoder import StreamDecoder, UnknownEncoding
from mailwren.message.text import body_texts, header_text, part_text
from mailwren.search.needle import ACCENTS
from mailwren.store.api import Account


class WholeMessage:
    """A message in memory, whose texts are decoded when they are first asked for."""

    __slots__ = ("_octets", "_root", "_texts", "size")

    def __init__(self, octets: bytes, root: Part) -> None:
        self._octets: Final = octets
        self._root: Final = root
        self._texts: list[str] | None = None
        self.size: Final = 2 * len(octets)
        """About how many octets of memory this takes, its texts included."""

    def blocks(self) -> Iterator[bytes]:
        """Its header, then the MIME headers of its parts."""
        yield self._octets[: self._root.body_start]
        for part in with_mime_header(self._root):
            yield self._octets[part.header_start : part.body_start]

    def texts(self) -> list[str]:
        """What :func:`mailwren.message.text.body_texts` makes of its body."""
        if self._texts is None:
            self._texts = list(body_texts(self._octets, self._root))
        return self._texts


async def large_blocks(account: Account, content: ContentId, root: Part) -> AsyncIterator[bytes]:
    """The header blocks of a large message, each as far as headers are looked into."""
    for part in (root, *with_mime_header(root)):
        length = min(part.body_start - part.header_start, limits.HEADER_PARSED)
        if length:
            yield await account.read(content, part.header_start, length)


async def large_texts(account: Account, content: ContentId, root: Part, overlap: int) -> AsyncIterator[str]:
    """The texts of a large message's body, the long ones in pieces.

    Args:
        account: whose message it is.
        content: the message.
        root: its parts.
        overlap: how many characters of a piece come again with the next one.
    """
    for part in all_parts(root):
        if part.file_name:
            yield part.file_name
        if part.is_readable:
            tail = ""
            async for text in _part_texts(account, content, part):
                for piece in pieces(tail + text, overlap):
                    yield piece
                tail = (tail + text)[-overlap:] if overlap else ""
        elif part.is_message:
            child = part.children[0]
            length = min(child.body_start - child.header_start, limits.HEADER_PARSED)
            yield header_text(await account.read(content, child.header_start, length))


async def _part_texts(account: Account, content: ContentId, part: Part) -> AsyncIterator[str]:
    """The text of a text part, or, where that is too large, of one window after the other."""
    length = part.body_end - part.body_start
    if length <= limits.SEARCH_PART:
        data = await account.read(content, part.body_start, length)
        yield part_text(data, replace(part, header_start=0, body_start=0, body_end=len(data), children=[]))
        return
    charset = dict(part.parameters).get("charset", "")
    async for data in _windows(account, content, part):
        text = charsets.decode(data, charset)
        yield strip_html(text) if part.subtype == "html" else text


def pieces(text: str, overlap: int) -> Iterator[str]:
    """A text in pieces of about ``limits.SEARCH_WINDOW`` characters.

    Each begins with the last ``overlap`` characters of the one before, or with some more: no accent is cut off.
    """
    start, length = 0, len(text)
    while True:
        stop = start + limits.SEARCH_WINDOW + overlap
        stop += _accents(text[stop : stop + ACCENTS])
        yield text[start:stop]
        if stop >= length:
            return
        start = stop - overlap
        start -= _accents(text[max(start - ACCENTS, 0) : start + 1][::-1])


def _accents(text: str) -> int:
    """How many accents a text begins with."""
    return next((place for place, character in enumerate(text) if not combining(character)), len(text))


async def _windows(account: Account, content: ContentId, part: Part) -> AsyncIterator[bytes]:
    """The decoded octets of a part, with whole characters; none in an unknown encoding."""
    try:
        decoder = StreamDecoder(part.encoding)
    except UnknownEncoding:
        return
    pending = b""
    for start in range(part.body_start, part.body_end, limits.SEARCH_WINDOW):
        length = min(limits.SEARCH_WINDOW, part.body_end - start)
        pending += decoder.feed(await account.read(content, start, length))
        cut = _cut(pending)
        if cut:
            yield pending[:cut]
            pending = pending[cut:]
    pending += decoder.finish()
    if pending:
        yield pending


def _cut(octets: bytes) -> int:
    """How many octets to decode now: up to the last line end, in UTF-16 and UTF-32 whole characters."""
    whole = len(octets) - len(octets) % 4
    if b"\0" in octets:
        return whole
    line_end = octets.rfind(b"\n") + 1
    return line_end if line_end or len(octets) < limits.SEARCH_WINDOW else whole


def all_parts(root: Part) -> Iterator[Part]:
    """The parts in the message's order; no recursion, whatever the nesting."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        waiting.extend(reversed(part.children))
        yield part


def with_mime_header(root: Part) -> Iterator[Part]:
    """The parts that have a MIME header: all but the message itself and the messages enclosed in it."""
    enclosed = {id(root)}
    for part in all_parts(root):
        if part.is_message:
            enclosed.add(id(part.children[0]))
        if id(part) not in enclosed:
            yield part
