"""Text as SEARCH compares it: without case and composition, so that ``fold(needle) in fold(text)`` is a match."""

import unicodedata


def fold(text: str) -> str:
    """Compatibility decomposition without case, much like i;unicode-casemap (RFC 5051 §2).

    Accents become characters of their own, so a needle without them is found in text with them, not the reverse.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
