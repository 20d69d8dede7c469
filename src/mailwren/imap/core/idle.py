"""IDLE: the server tells what happens until the client says DONE."""

from mailwren.imap.errors import BadCommand
from mailwren.imap.syntax import without_arguments

IDLE = without_arguments(b"IDLE", "9051 §6.3.13")


def check_done(line: bytes) -> None:
    """Whether the line that ends IDLE is ``DONE``, in any case: ``idle = "IDLE" CRLF "DONE"``.

    Raises:
        BadCommand: it is something else; IDLE ends all the same.
    """
    if line.strip().upper() != b"DONE":
        raise BadCommand("expected DONE")
