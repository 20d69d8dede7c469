"""Text as SEARCH compares it: without case and composition, so that ``fold(needle) in fold(text)`` is a match."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_ASCII: Final = re.compile("[\0-\x7f]")
_PIECE: Final = 64 * 1024
"""Characters folded at a time, about, so that large texts let other threads run."""


def fold(text: str) -> str:
    """Compatibility decomposition without case, much like i;unicode-casemap (RFC 5051 §2); idempotent.

    Accents become characters of their own, so a needle without them is found in text with them, not the reverse.
    """
    if text.isascii():
        return text.lower()
    return "".join([_fold(piece) for piece in _pieces(text)])


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())


def _pieces(text: str) -> Iterator[str]:
    """Cut behind ASCII characters only: no combining sequence reaches across such a place."""
    start = 0
    while start < len(text):
        cut = _ASCII.search(text, start + _PIECE)
        stop = cut.end() if cut else len(text)
        yield text[start:stop]
        start = stop
