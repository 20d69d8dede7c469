"""ENVELOPE as ready wire bytes (RFC 9051 §7.5.2)."""

from functools import lru_cache
from typing import Final

from mailwren.base import limits
from mailwren.message.address import Address, parse_addresses
from mailwren.message.header import Header, unfold
from mailwren.message.quoted import NIL, nstring, quoted


def build_envelope(header: Header, hint: str = "") -> bytes:
    """The envelope of a message, in parentheses, pure ASCII.

    Args:
        header: the message's header.
        hint: charset of the message's text, in which 8-bit octets of the header are tried when they are not UTF-8.
    """
    sender = _addresses(header, b"from", hint)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        _text(header, b"date", hint),
        _text(header, b"subject", hint),
        sender,
        _addresses(header, b"sender", hint, default=sender),
        _addresses(header, b"reply-to", hint, default=sender),
        _addresses(header, b"to", hint),
        _addresses(header, b"cc", hint),
        _addresses(header, b"bcc", hint),
        _text(header, b"in-reply-to", hint),
        _text(header, b"message-id", hint),
    )


EMPTY_ENVELOPE = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
"""Of a message whose header cannot be read."""


def _text(header: Header, name: bytes, hint: str) -> bytes:
    value = header.get(name)
    return NIL if value is None else quoted(unfold(value), hint)


def _addresses(header: Header, name: bytes, hint: str, default: bytes = NIL) -> bytes:
    """An address list; fields that occur several times are one list (RFC 5322 §4.5.3)."""
    values = header.all(name)
    if not values:
        return default
    value = unfold(values[0]) if len(values) == 1 else b",".join([unfold(value) for value in values])
    written = _remembered(value, hint) if len(value) <= limits.ADDRESSES_REPEATED else _written(value, hint)
    return written or default


def _written(value: bytes, hint: str) -> bytes:
    """An address list in parentheses; nothing where there are none."""
    addresses = parse_addresses(value)
    return b"(%b)" % b"".join([_address(address, hint) for address in addresses]) if addresses else b""


_remembered: Final = lru_cache(maxsize=limits.ADDRESSES_REMEMBERED)(_written)
"""Mail of an account comes from the same few and goes to the same few."""


def _address(address: Address, hint: str) -> bytes:
    name, route, mailbox, host = address
    return b"(%b %b %b %b)" % (
        nstring(name, hint),
        nstring(route, hint),
        nstring(mailbox, hint),
        _host(host, hint),
    )


def _host(host: bytes | None, hint: str) -> bytes:
    """A domain; one in UTF-8 is written in its ASCII form (RFC 5890 §2.3.2.1), as that is the same domain."""
    if host is None or host.isascii() or len(host) > 255:
        return nstring(host, hint)
    try:
        return quoted(host.decode("utf-8").encode("idna"))
    except UnicodeError:
        return quoted(host, hint)
