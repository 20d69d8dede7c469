"""What SORT and THREAD compare of a message (RFC 5256 §3, RFC 5957 §3), extracted from its header at arrival. Pure.

Texts stay as they are: which of them are equal and which come first is the collation's business, and differs with the
comparator that a client chose (RFC 5255 §4.7) and with the Unicode version of the program that compares.

Text in an unknown charset, or not valid in its own, is compared octet by octet and comes behind all other text
(RFC 5255 §4.6). So each of its octets stands as a character that no collation changes and no other text has, in their
order.
"""

from functools import lru_cache
from typing import Final

from mailwren.base import limits
from mailwren.message import charsets
from mailwren.message.address import Address, first_address
from mailwren.message.api import SortKeys
from mailwren.message.base_subject import BaseSubject, base_subject
from mailwren.message.encoded_words import read_header
from mailwren.message.header import Header, unfold
from mailwren.message.message_ids import thread_identifiers
from mailwren.message.text import header_charset

_UNREADABLE: Final = {octet: 0xF0000 + octet for octet in range(256)}
"""Characters for private use in place of octets."""
_LOOKED_AT: Final = 16 * limits.SORT_TEXT
"""Octets of a value that are decoded: enough for so many characters, however they are encoded."""


def sort_keys(header: Header, hint: str = "") -> SortKeys:
    """Extract everything from a header.

    Args:
        header: the message's header.
        hint: charset that 8-bit octets of the header are tried in when they are not UTF-8.
    """
    subject = _subject((header.get(b"subject") or b"")[:_LOOKED_AT], hint)
    sender, display_sender = _first(header, b"from", hint)
    recipient, display_recipient = _first(header, b"to", hint)
    own, references = thread_identifiers(
        header.get(b"message-id"), header.get(b"references"), header.get(b"in-reply-to")
    )
    return SortKeys(
        subject.text,
        subject.is_reply,
        _first(header, b"cc", hint)[0],
        sender,
        display_sender,
        recipient,
        display_recipient,
        own,
        references,
    )


def sort_keys_of(block: bytes) -> SortKeys:
    """The same out of a header block, for messages that came in before their keys were kept."""
    header = Header(block)
    return sort_keys(header, header_charset(header, block))


def _subject(value: bytes, hint: str) -> BaseSubject:
    text = read_header(value, hint)
    if isinstance(text, str):
        return base_subject(text)
    found = base_subject(text.decode("latin-1"))
    return BaseSubject(found.text.translate(_UNREADABLE), found.is_reply)


def _first(header: Header, name: bytes, hint: str) -> tuple[str, str]:
    """Mailbox and display sort value of the first entry of the list that ENVELOPE shows.

    Where a group is first, that is its name.
    """
    values = header.all(name)
    if not values:
        return "", ""
    value = unfold(values[0]) if len(values) == 1 else b",".join([unfold(value) for value in values])
    return _remembered(value, hint) if len(value) <= limits.ADDRESSES_REPEATED else _compared(value, hint)


def _compared(value: bytes, hint: str) -> tuple[str, str]:
    address = first_address(value)
    return _mailbox(address, hint), _display(address, hint)


_remembered: Final = lru_cache(maxsize=limits.ADDRESSES_REMEMBERED)(_compared)


def _mailbox(address: Address | None, hint: str) -> str:
    return _text(address.mailbox, hint) if address is not None and address.mailbox else ""


def _display(address: Address | None, hint: str) -> str:
    """The display sort value (RFC 5957 §3): the decoded name, else the address."""
    if address is None:
        return ""
    name = _name(address.name, hint)[: limits.SORT_TEXT] if address.name else ""
    if name or not address.mailbox:
        return name
    mailbox = _text(address.mailbox, hint)
    return mailbox if address.host is None else f"{mailbox}@{_text(address.host, hint)}"


def _name(value: bytes, hint: str) -> str:
    text = read_header(value[:_LOOKED_AT], hint)
    return text if isinstance(text, str) else _unreadable(text)


def _text(octets: bytes, hint: str) -> str:
    text = octets.decode("ascii") if octets.isascii() else charsets.read_unlabelled(octets, hint)
    return (_unreadable(octets) if text is None else text)[: limits.SORT_TEXT]


def _unreadable(octets: bytes) -> str:
    return octets.decode("latin-1").translate(_UNREADABLE)
