"""From a stored message to its words, in memory that a large message does not grow.

Looks at exactly what a search looks at: small messages as :class:`mailwren.search.bodies.WholeMessage`, large ones part
by part as :func:`mailwren.search.bodies.large_texts`. The text of attached documents comes besides, where it is
read.
"""

from dataclasses import replace
from functools import partial

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.text import header_text, part_text
from mailwren.search.attached.extracting import Extractor
from mailwren.search.attached.texts import attached_text
from mailwren.search.bodies import WholeMessage, all_parts, with_mime_header
from mailwren.search.index.zones import BODY, Document
from mailwren.store.errors import MessageDamaged
from mailwren.store.sqlite.index_source import IndexSource, StoredContent


def read_document(source: IndexSource, content: StoredContent, extractor: Extractor | None = None) -> Document:
    """A message's words, with those of attached documents if something reads them.

    Raises:
        StoreError, OSError: not only this message cannot be read.
    """
    document = Document(content.id, content.email_id)
    try:
        root = source.structure(content)
        if root.body_end <= limits.SEARCH_WHOLE:
            _add_whole(document, source.read(content, 0, content.size), root)
        else:
            _add_parts(document, source, content, root)
        if extractor is not None and (text := attached_text(partial(source.read, content), root, extractor)):
            document.add_attached(text)
    except MessageDamaged:
        document.give_up()
    return document


def _add_whole(document: Document, octets: bytes, root: Part) -> None:
    message = WholeMessage(octets, root)
    own, *others = message.blocks()
    document.add_header(own)
    for block in others:
        document.add_block(block)
    document.add_texts(message.texts())


def _add_parts(document: Document, source: IndexSource, content: StoredContent, root: Part) -> None:
    document.add_header(_header(source, content, root))
    for part in with_mime_header(root):
        document.add_block(_header(source, content, part))
    for part in all_parts(root):
        if BODY in document.unsure:
            return
        if part.file_name:
            document.add_texts([part.file_name])
        if part.is_readable:
            _add_text(document, source, content, part)
        elif part.is_message:
            document.add_texts([header_text(_header(source, content, part.children[0]))])


def _add_text(document: Document, source: IndexSource, content: StoredContent, part: Part) -> None:
    length = part.body_end - part.body_start
    if length > limits.SEARCH_PART:
        document.unsure.add(BODY)  # searched window by window, each of which can be decoded in another way
        return
    data = source.read(content, part.body_start, length)
    document.add_texts([part_text(data, replace(part, header_start=0, body_start=0, body_end=len(data), children=[]))])


def _header(source: IndexSource, content: StoredContent, part: Part) -> bytes:
    length = min(part.body_start - part.header_start, limits.HEADER_PARSED)
    return source.read(content, part.header_start, length) if length else b""
