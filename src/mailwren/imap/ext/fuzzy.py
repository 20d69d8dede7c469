"""FUZZY and RELEVANCY (RFC 6203): searches for what resembles a text, and how well it does."""

from typing import Final

from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.search import KeyReader, KeyRow, KeyWriter
from mailwren.imap.errors import BadCommand
from mailwren.imap.syntax import no_value

RELEVANCY: Final = "RELEVANCY"
"""The name of the return option and of the sort key."""
RETURN_OPTIONS: Final = (no_value(RELEVANCY, "6203 §4"),)


def _parse(reader: KeyReader) -> SearchKey:
    """``"FUZZY" SP search-key``."""
    reader.scanner.space()
    return reader.inside("FUZZY")


def _write(key: SearchKey, writer: KeyWriter) -> None:
    writer.command.raw(b" ")
    writer.keys(key.keys)


SEARCH_KEYS: Final = (KeyRow("FUZZY", "6203 §3", _parse, _write),)


def searches_fuzzily(key: SearchKey) -> bool:
    """Whether a search has FUZZY anywhere."""
    return key.name == "FUZZY" or any(map(searches_fuzzily, key.keys))


def require_fuzzy(key: SearchKey) -> None:
    """ "The RELEVANCY return option MUST NOT be used unless a FUZZY search key is also given" (RFC 6203 §4).

    Raises:
        BadCommand: there is none.
    """
    if not searches_fuzzily(key):
        raise BadCommand("RELEVANCY needs a FUZZY search key")
