"""What of a message SEARCH looks at: header blocks as octets, texts decoded. Large messages come piece by piece.

The meaning is :func:`mailwren.message.text.body_texts`, and for TEXT the headers besides: the message's own and the
MIME headers of its parts (RFC 9051 §6.4.4). Of a text part larger than ``limits.SEARCH_WHOLE`` each window's text is
searched by itself, together with the end of the one before it.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import NamedTuple

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.message import charsets
from mailwren.message.api import Part
from mailwren.message.html_text import strip_html
from mailwren.message.stream_decoder import StreamDecoder, UnknownEncoding
from mailwren.message.text import body_texts, header_text, part_text
from mailwren.store.api import Account


class Texts(NamedTuple):
    """What there is to search in one message."""

    blocks: list[bytes]
    """Its header, then the MIME headers of its parts."""
    texts: list[str]
    """What :func:`mailwren.message.text.body_texts` makes of its body."""

    @property
    def size(self) -> int:
        """About how many octets of memory this takes."""
        return sum(map(len, self.blocks)) + sum(map(len, self.texts))


def whole_texts(octets: bytes, root: Part) -> Texts:
    """What there is to search in a message that is in memory."""
    blocks = [octets[part.header_start : part.body_start] for part in _with_mime_header(root)]
    return Texts([octets[: root.body_start], *blocks], list(body_texts(octets, root)))


async def large_blocks(account: Account, content: ContentId, root: Part) -> AsyncIterator[bytes]:
    """The header blocks of a large message, each as far as headers are looked into."""
    for part in (root, *_with_mime_header(root)):
        length = min(part.body_start - part.header_start, limits.HEADER_PARSED)
        if length:
            yield await account.read(content, part.header_start, length)


async def large_texts(account: Account, content: ContentId, root: Part, overlap: int) -> AsyncIterator[str]:
    """The texts of a large message's body, windows of it where a part is large itself.

    Args:
        account: whose message it is.
        content: the message.
        root: its parts.
        overlap: how many characters of a window come again with the next one.
    """
    for part in _all_parts(root):
        if part.file_name:
            yield part.file_name
        if part.type == "text":
            async for text in _part_texts(account, content, part, overlap):
                yield text
        elif part.is_message:
            child = part.children[0]
            length = min(child.body_start - child.header_start, limits.HEADER_PARSED)
            yield header_text(await account.read(content, child.header_start, length))


async def _part_texts(account: Account, content: ContentId, part: Part, overlap: int) -> AsyncIterator[str]:
    length = part.body_end - part.body_start
    if length <= limits.SEARCH_WHOLE:
        data = await account.read(content, part.body_start, length)
        yield part_text(data, replace(part, header_start=0, body_start=0, body_end=len(data)))
        return
    charset = dict(part.parameters).get("charset", "")
    tail = ""
    async for data in _windows(account, content, part):
        text = charsets.decode(data, charset)
        text = tail + (strip_html(text) if part.subtype == "html" else text)
        yield text
        tail = text[-overlap:] if overlap else ""


async def _windows(account: Account, content: ContentId, part: Part) -> AsyncIterator[bytes]:
    """The decoded octets of a part, cut behind line ends so that no character is cut; none in an unknown encoding."""
    try:
        decoder = StreamDecoder(part.encoding)
    except UnknownEncoding:
        return
    pending = b""
    for start in range(part.body_start, part.body_end, limits.SEARCH_WINDOW):
        length = min(limits.SEARCH_WINDOW, part.body_end - start)
        pending += decoder.feed(await account.read(content, start, length))
        cut = pending.rfind(b"\n") + 1
        if not cut and len(pending) >= limits.SEARCH_WINDOW:
            cut = len(pending) - len(pending) % 4  # a line without end; the widest charsets take four octets
        if cut:
            yield pending[:cut]
            pending = pending[cut:]
    pending += decoder.finish()
    if pending:
        yield pending


def _all_parts(root: Part) -> Iterator[Part]:
    """The parts in the message's order; no recursion, whatever the nesting."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        waiting.extend(reversed(part.children))
        yield part


def _with_mime_header(root: Part) -> Iterator[Part]:
    """The parts that have a MIME header: all but the message itself and the messages enclosed in it."""
    enclosed = {id(root)}
    for part in _all_parts(root):
        if part.is_message:
            enclosed.add(id(part.children[0]))
        if id(part) not in enclosed:
            yield part
