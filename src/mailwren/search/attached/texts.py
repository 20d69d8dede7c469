"""The text of all documents of a message, within bounds."""

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.stream_decoder import StreamDecoder, UnknownEncoding
from mailwren.search.attached.extracting import Extractor
from mailwren.search.attached.kinds import kind_of, may_be_document
from mailwren.search.bodies import all_parts

Read = Callable[[int, int], bytes]
"""Gives octets of the message: where they begin, and how many. May raise MessageDamaged, StoreError."""
_ENCODED: Final = 1.4
"""Octets of base64 for one, line ends included."""


def attached_text(read: Read, root: Part, extractor: Extractor) -> str:
    """The text of the documents attached to a message, also to messages enclosed in it; empty without any.

    Raises:
        MessageDamaged, StoreError, OSError: as they come.
    """
    room = limits.DOCUMENTS_TEXT
    end = monotonic() + limits.DOCUMENTS_SECONDS
    texts: list[str] = []
    for part in all_parts(root):
        if room > 0 and monotonic() < end and may_be_document(part):
            text = _text(read, part, extractor, room)
            if text:
                texts.append(text)
                room -= len(text) + 1
    return "\n".join(texts)


def _text(read: Read, part: Part, extractor: Extractor, room: int) -> str:
    if part.body_end - part.body_start > _ENCODED * limits.DOCUMENT_OCTETS:
        return ""
    pieces = _decoded(read, part)
    beginning = next(pieces, b"")
    kind = kind_of(beginning)
    return "" if kind is None else extractor.text(kind, _joined(beginning, pieces), room)


def _joined(beginning: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield beginning
    yield from pieces


def _decoded(read: Read, part: Part) -> Iterator[bytes]:
    """The octets of a part; none in an unknown encoding."""
    try:
        decoder = StreamDecoder(part.encoding)
    except UnknownEncoding:
        return
    for start in range(part.body_start, part.body_end, limits.SEARCH_WINDOW):
        piece = decoder.feed(read(start, min(limits.SEARCH_WINDOW, part.body_end - start)))
        if piece:
            yield piece
    yield decoder.finish()
