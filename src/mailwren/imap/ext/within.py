"""WITHIN (RFC 5032): messages that came in less, or more, than so many seconds ago."""

from typing import Final

from mailwren.imap.core.search import key_with_number
from mailwren.imap.scanner import Scanner

SEARCH_KEYS: Final = tuple(key_with_number(name, "5032 §3", Scanner.nz_number) for name in ("OLDER", "YOUNGER"))
"""``("OLDER" / "YOUNGER") SP nz-number``."""
