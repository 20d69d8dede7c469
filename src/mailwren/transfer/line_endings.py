"""The line endings of messages in files, and what they become: CRLF, as IMAP has it (RFC 5322 §2.1).

The rule, decided for each message by its own first line: a message whose first line ends in CRLF is kept octet for
octet; one whose first line ends in LF gets CRLF at every line; one without any LF whose lines end in bare CR (old
Mac files) gets CRLF at every CR. So what comes out depends on the message alone, and a second import finds it again.
"""

import re

_BARE_RETURN = re.compile(rb"\r\n?|\n")


def to_crlf(octets: bytes, from_mac_file: bool = False) -> bytes:
    """The message as it is stored.

    Args:
        octets: the message as the file has it.
        from_mac_file: the file's lines end in bare CR, whatever stands in this message.
    """
    newline = octets.find(b"\n")
    if from_mac_file or newline < 0:
        return _BARE_RETURN.sub(b"\r\n", octets)
    if newline > 0 and octets[newline - 1] == 13:
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def has_only_crlf(octets: bytes) -> bool:
    """Whether every LF has its CR before it, so that LF alone can stand for the line ending without loss."""
    return octets.count(b"\n") == octets.count(b"\r\n")


def to_lf(octets: bytes) -> bytes:
    """The message with LF at each line; :func:`from_lf` undoes it where :func:`has_only_crlf` holds."""
    return octets.replace(b"\r\n", b"\n")


def from_lf(octets: bytes) -> bytes:
    """Every LF as CRLF: the inverse of :func:`to_lf`, also for CRs that stood alone."""
    return octets.replace(b"\n", b"\r\n")
