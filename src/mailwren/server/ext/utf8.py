"""UTF8=ACCEPT and UTF8=ONLY (RFC 9755): what a client's word that it knows UTF-8 changes, and what its silence does.

Mailbox names and quoted strings are the wire layer's; ``Session.utf8`` says whether they may hold UTF-8. What stands
ready for FETCH is ASCII, so that it suits every client: 8-bit texts of a header became encoded words on arrival.
"""

import re
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.errors import BadCommand, Refused
from mailwren.message.encoded_words import decode_words
from mailwren.store.octets import MessageSource, viewed

if TYPE_CHECKING:
    from mailwren.server.session import Session

_ACCEPT: Final = "UTF8=ACCEPT"
_PLAIN: Final = frozenset(
    b"CAPABILITY NOOP LOGOUT ID ENABLE COMPRESS UNAUTHENTICATE LANGUAGE STARTTLS LOGIN AUTHENTICATE".split()
)
"""Commands that never need UTF-8."""
_LOCAL_PART: Final = re.compile(
    rb'(?<=[L"] )"(=\?utf-8\?[bq]\?[^" ]+\?=(?: =\?utf-8\?[bq]\?[^" ]+\?=)*+)"(?= ")', re.IGNORECASE
)
"""In an ENVELOPE: a text of encoded words between the route and the host of an address, or before the message-id."""
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")


def is_accept_offered(session: "Session") -> bool:
    """Whether clients may know UTF-8 and need not."""
    return not session.context.config.utf8_only


def is_only_offered(session: "Session") -> bool:
    """Whether clients must know UTF-8."""
    return session.context.config.utf8_only


def require_enabled(session: "Session", name: bytes) -> None:
    """On a server for UTF-8 only, a command of a client that has not said that it knows it (RFC 9755 §7).

    Raises:
        Refused: the command might need UTF-8.
    """
    if session.context.config.utf8_only and _ACCEPT not in session.enabled and name not in _PLAIN:
        raise Refused("This server is for programs that know UTF-8: ENABLE UTF8=ACCEPT comes first", b"CANNOT")


def check_charset(session: "Session", charset: str, *, mandatory: bool = False) -> None:
    """A charset beside the one that was enabled (RFC 9755 §3).

    Raises:
        BadCommand: the client named one; ``mandatory``: one that is not UTF-8.
    """
    if charset and _ACCEPT in session.enabled and not (mandatory and charset == "UTF-8"):
        raise BadCommand("After ENABLE UTF8=ACCEPT strings are in UTF-8, no charset is named")


def check_header(session: "Session", source: MessageSource) -> None:
    """A header with 8-bit octets from a client that has not said that it knows UTF-8 (RFC 9755 §4).

    Raises:
        Refused: where the configuration wants it.
    """
    if session.context.config.eight_bit_headers or session.utf8:
        return
    with viewed(source) as octets:
        end = _HEADER_END.search(octets, 0, limits.HEADER_PARSED)
        header = octets[: min(len(octets), limits.HEADER_PARSED) if end is None else end.end()]
    if not header.isascii():
        raise Refused("The message's header is not ASCII: ENABLE UTF8=ACCEPT comes first", b"CANNOT")


def utf8_envelope(envelope: bytes) -> bytes:
    """An ENVELOPE for a client that knows UTF-8: addresses as they are (RFC 6532), not as encoded words."""
    return _LOCAL_PART.sub(_decoded, envelope) if b'"=?' in envelope else envelope


def _decoded(match: re.Match[bytes]) -> bytes:
    text = decode_words(match[1].decode("ascii")).encode("utf-8", "replace")
    return wire.quoted(text) if wire.may_quote(text, utf8=True) else match[0]
