"""What became of a recipient or a command: reply code, enhanced status code and text, and its form on the wire.

Owns the wording of LMTP's fixed answers. Knows nothing of sessions or sockets.
"""

import re
from typing import NamedTuple

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class DeliveryStatus(NamedTuple):
    """One answer (RFC 5321 §4.2, RFC 3463 §2, RFC 5248)."""

    code: int
    """Three digits, such as 250."""
    enhanced: str
    """Such as ``2.1.5``; empty for the few replies that have none (RFC 2034 §4)."""
    text: str
    """For people; may be non-ASCII only for a transaction with SMTPUTF8."""

    @property
    def accepted(self) -> bool:
        """Whether this side took the responsibility."""
        return self.code < 400

    @property
    def temporary(self) -> bool:
        """Whether trying again later may help."""
        return 400 <= self.code < 500

    def about(self, address: str) -> "DeliveryStatus":
        """The same status with the address it speaks of in front of its text."""
        return self._replace(text=f"<{address}> {self.text}")

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


class Refusal(Exception):
    """A command or a recipient is refused; carries the answer."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.status = DeliveryStatus(code, enhanced, text)


def write_reply(status: DeliveryStatus, *, utf8: bool = False) -> bytes:
    """One reply line.

    Text that the client did not agree to (no SMTPUTF8 in the transaction, RFC 6531 §3.7.4.2) and control characters
    are replaced by question marks.
    """
    line = str(status)
    if not line.isascii() and utf8:
        return line.encode("utf-8", "replace").translate(_CONTROLS_AS_QUESTION_MARKS) + b"\r\n"
    return _UNPRINTABLE.sub("?", line).encode("ascii") + b"\r\n"


def write_lines(code: int, lines: list[str]) -> bytes:
    """A reply of several lines without enhanced codes, as LHLO and HELP have it (RFC 5321 §4.2.1)."""
    last = len(lines) - 1
    return b"".join(
        f"{code}{' ' if i == last else '-'}{line}\r\n".encode("ascii", "replace") for i, line in enumerate(lines)
    )


_CONTROLS_AS_QUESTION_MARKS = bytes(0x3F if octet < 0x20 or octet == 0x7F else octet for octet in range(256))

OK = DeliveryStatus(250, "2.0.0", "OK")
TOO_LARGE = DeliveryStatus(552, "5.3.4", "Message is larger than this server takes")
NO_STORAGE = DeliveryStatus(452, "4.3.1", "No space for the message at present, try again later")
TEMPORARY = DeliveryStatus(451, "4.3.0", "Temporary trouble on this server, try again later")
