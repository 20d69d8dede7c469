"""The FILTER search key: a search program that is kept on the server under a name (RFC 5466)."""

import re
from typing import Final

from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.search import KeyReader, KeyRow, KeyWriter

_NAME: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]/]+")
"""``filter-name = 1*<any ATOM-CHAR except "/">``."""


def _parse(reader: KeyReader) -> SearchKey:
    """``"FILTER" SP filter-name``; the name's case does not matter, as that of entries does not (RFC 5464 §3.2)."""
    reader.scanner.space()
    return SearchKey("FILTER", text=reader.scanner.match(_NAME, "a filter's name")[0].decode("ascii"))


def _write(key: SearchKey, writer: KeyWriter) -> None:
    writer.command.raw(b" " + key.text.encode("ascii"))


SEARCH_KEYS: Final = (KeyRow("FILTER", "5466 §3.1", _parse, _write),)


def undefined_filter_code(name: str) -> bytes:
    """``UNDEFINED-FILTER`` (RFC 5466 §3.1)."""
    return b"UNDEFINED-FILTER " + name.encode("ascii")


def is_filter_name(name: str) -> bool:
    """Whether a filter can have this name."""
    return _NAME.fullmatch(name.encode("utf-8")) is not None
