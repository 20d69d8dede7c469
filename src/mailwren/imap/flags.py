"""Flags: the system flags in their canonical case, and keywords (RFC 9051 §2.3.2)."""

import re
from typing import Final

from mailwren.base import limits
from mailwren.imap.errors import BadCommand

SYSTEM_FLAGS: Final = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
"""The flags that every mailbox has, in the order in which FLAGS lists them."""
RECENT: Final = "\\Recent"
"""Set by the server alone, for IMAP4rev1 (RFC 3501 §2.3.2)."""

_CANONICAL: Final = {flag.lower().encode("ascii"): flag for flag in SYSTEM_FLAGS}
_KEYWORD: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")


def parse_flag(data: bytes) -> str:
    """A flag that a client wants to set: a system flag in canonical case, or a keyword as it was written.

    ``flag = "\\Answered" / "\\Flagged" / "\\Deleted" / "\\Seen" / "\\Draft" / flag-keyword / flag-extension``
    (RFC 9051 §9). No flag-extension is known.

    Raises:
        BadCommand: ``\\Recent``, an unknown system flag, or no valid keyword.
    """
    system = _CANONICAL.get(data.lower())
    if system is not None:
        return system
    if data.startswith(b"\\"):
        if data.lower() == b"\\recent":
            raise BadCommand("\\Recent is set by the server alone")
        raise BadCommand(f"unknown system flag {data[:40].decode('ascii', 'replace')}")
    return parse_keyword(data)


def parse_keyword(data: bytes) -> str:
    """A keyword: an atom.

    Raises:
        BadCommand: octets that an atom cannot have, or more than ``KEYWORD`` of them.
    """
    if not _KEYWORD.fullmatch(data):
        raise BadCommand("a keyword is an atom: no blanks, quotes, brackets or 8-bit characters")
    if len(data) > limits.KEYWORD:
        raise BadCommand(f"keyword longer than {limits.KEYWORD} octets")
    return data.decode("ascii")
