"""What is known of a message once it is parsed: the values that arrival computes and the store keeps.

Pure. See :func:`mailwren.message.parse.parse_message`, which makes these and never raises, whatever the octets.
"""

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class Part:
    """One MIME part with its place in the message's octets.

    Offsets count from the message's first octet; ``header_start <= body_start <= body_end``. For the top-level part
    the header is the message's own. The blank line after a header belongs to the header.
    """

    header_start: int
    body_start: int
    body_end: int
    type: str = "text"
    """Lower case."""
    subtype: str = "plain"
    """Lower case."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Content-Type parameters, decoded (RFC 2231 and RFC 2047 in values understood), names in lower case."""
    encoding: str = "7bit"
    """Content-Transfer-Encoding in lower case, as written; unknown ones included."""
    disposition: str = ""
    """Lower case, empty where there is none."""
    file_name: str = ""
    """Decoded name of an attachment, from Content-Disposition or Content-Type."""
    lines: int = 0
    """Lines of the encoded body (RFC 9051 §7.5.2, body-fld-lines)."""
    children: "list[Part]" = field(default_factory=list)
    """The parts of a multipart; for message/rfc822 exactly one: the enclosed message."""

    @property
    def is_multipart(self) -> bool:
        """Whether the children are numbered parts."""
        return self.type == "multipart"

    @property
    def is_message(self) -> bool:
        """Whether the only child is an enclosed message (message/rfc822 or message/global)."""
        return self.type == "message" and bool(self.children)

    @property
    def is_readable(self) -> bool:
        """Whether the content is text that a search looks at: a text part, or lines such as a delivery status."""
        return self.type == "text" or (self.type == "message" and not self.children)


class SortKeys(NamedTuple):
    """What SORT and THREAD compare of a message (RFC 5256 §3, RFC 5957 §3); empty where it lacks the field."""

    subject: str
    """The base subject (RFC 5256 §2.1)."""
    is_reply: bool
    """Whether the subject is a reply's or a forward's."""
    cc: str
    """The mailbox (``addr-mailbox``) of the first address."""
    sender: str
    """The same of From."""
    display_sender: str
    """The name or address that DISPLAYFROM compares (RFC 5957 §3)."""
    recipient: str
    """The mailbox of the first address of To."""
    display_recipient: str
    message_id: str
    """Normalised; empty without a valid one."""
    references: tuple[str, ...]
    """The ancestors by message-id, the parent last."""


@dataclass(slots=True)
class ParsedMessage:
    """Everything computed once at arrival."""

    size: int
    """Octets of the whole message."""
    root: Part
    envelope: bytes
    """ENVELOPE as ready wire bytes, parentheses included, pure ASCII (RFC 9051 §7.5.2). Literals never occur:
    octets that a quoted string cannot hold are encoded or replaced."""
    body: bytes
    """BODY (without extension data) as ready wire bytes."""
    body_structure: bytes
    """BODYSTRUCTURE as ready wire bytes."""
    header_size: int
    """Octets of the top header with its blank line: ``BODY[HEADER]`` is the first so many octets."""
    sent_date: int | None
    """Day of the Date header as its own time zone saw it, in days since 1970-01-01 (what SENTON asks)."""
    sent_time: int | None
    """The Date header as seconds since the epoch, UTC (what SORT DATE asks)."""
    message_id: str
    """Without angle brackets, empty where there is none."""
    references: tuple[str, ...]
    """Message-IDs of References, then In-Reply-To, without angle brackets, without repeats."""
    subject: str
    """Decoded."""
    sort_keys: SortKeys
    """What SORT and THREAD compare."""
    preview: str
    """The beginning of the readable text, white space folded, at most 256 characters (RFC 8970 §2)."""
