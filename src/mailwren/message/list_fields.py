"""The header fields that lists of messages show, cut out at arrival: programs ask for them of whole mailboxes. Pure.

The order of names is stored with every message: names are only ever added at the end of :data:`_NOTED`, and only
together with a migration that makes all rows anew.
"""

from collections.abc import Collection
from typing import Final

from mailwren.message.header import blank_line, whole_fields

_LISTED: Final = (
    *(b"from", b"to", b"cc", b"bcc", b"subject", b"date", b"message-id", b"references", b"in-reply-to"),
    *(b"content-type", b"reply-to", b"newsgroups", b"priority", b"x-priority"),
)
"""The fields that are kept: all that Thunderbird asks for, most of what others do."""
_NOTED: Final = (
    *(b"sender", b"list-id", b"list-post", b"list-unsubscribe", b"list-subscribe", b"importance", b"lines"),
    *(b"disposition-notification-to", b"x-label", b"x-original-to", b"content-description", b"x-k9mail-identity"),
    *(b"chat-version", b"autocrypt-setup-message", b"x-uniform-type-identifier", b"mail-followup-to"),
)
"""Fields that some programs ask for as well and few messages have: whether they are there is kept, not what is in them.
"""
_BITS: Final = {name: 1 << place for place, name in enumerate((*_LISTED, *_NOTED))}
_NAME_END: Final = b" \t\r\f\v"
"""What may stand between a name and its colon (RFC 5322 §4.5)."""
LISTED: Final = (1 << len(_LISTED)) - 1
"""The bits of the fields that are kept."""
_LARGEST: Final = 4096
"""Octets of fields that are kept ready; with more of them the header is asked."""


def bits_of(names: Collection[bytes]) -> int | None:
    """One bit for each of some names (in any case), ``None`` where nothing is known of one of them."""
    known = [_BITS.get(name.lower()) for name in names]
    return None if None in known else sum({bit for bit in known if bit is not None})


def list_fields(block: bytes) -> tuple[int, bytes | None]:
    """The bits of the known fields that a header has, and the listed ones as select_fields gives them.

    From these the same is selected as from the whole header. ``None`` where they are too many, or the header's lines
    are not lines as usual.
    """
    if not block.endswith(b"\n"):
        return 0, None
    present = 0
    kept: list[bytes] = []
    for field in whole_fields(block):
        bit = _BITS.get(field.partition(b":")[0].rstrip(_NAME_END).lower(), 0)
        if bit:
            present |= bit
            if bit <= LISTED:
                kept.append(field)
    kept.append(blank_line(block))
    result = b"\n".join(kept)
    return present, result if len(result) <= _LARGEST else None
