"""MESSAGELIMIT and SAVELIMIT (RFC 9738): how many messages one command may work on, and two search keys."""

from typing import Final

from mailwren.imap.core.search import key_with_number
from mailwren.imap.scanner import Scanner

SEARCH_KEYS: Final = tuple(key_with_number(name, "9738 §3.2", Scanner.nz_number) for name in ("UIDAFTER", "UIDBEFORE"))
"""Messages whose UID is greater, or less, than the one named."""


def message_limit_code(limit: int, lowest_uid: int | None = None) -> bytes:
    """``"MESSAGELIMIT" SP message-limit [SP uniqueid]``: the limit, and the last message that was worked on."""
    return b"MESSAGELIMIT %d" % limit + (b"" if lowest_uid is None else b" %d" % lowest_uid)


def parse_message_limit(scanner: Scanner) -> tuple[int, int | None]:
    """What follows ``MESSAGELIMIT``."""
    scanner.space()
    limit = scanner.nz_number()
    if scanner.at_end() or scanner.at(b"]"):
        return limit, None
    scanner.space()
    return limit, scanner.nz_number()
