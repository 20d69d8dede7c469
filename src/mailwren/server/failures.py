"""The store's refusals in protocol words: one place, one table (RFC 5530). And in the log, where the fault is ours."""

from mailwren.base.logs import log
from mailwren.imap.errors import Refused
from mailwren.imap.framing import CommandFrame
from mailwren.store import errors

_CODES: tuple[tuple[type[errors.StoreError], bytes], ...] = (
    (errors.NoSuchMailbox, b"NONEXISTENT"),
    (errors.MessageGone, b"EXPUNGEISSUED"),
    (errors.MailboxExists, b"ALREADYEXISTS"),
    (errors.MailboxHasChildren, b"HASCHILDREN"),
    (errors.InvalidName, b"CANNOT"),
    (errors.CannotChange, b"CANNOT"),
    (errors.OverQuota, b"OVERQUOTA"),
    (errors.LimitReached, b"LIMIT"),
    (errors.AccountDamaged, b"CONTACTADMIN"),
    (errors.MessageDamaged, b"CORRUPTION"),
    (errors.StoreUnavailable, b"UNAVAILABLE"),
)

_FAULTS: tuple[tuple[type[errors.StoreError], str], ...] = (
    (errors.AccountDamaged, "account damaged"),
    (errors.MessageDamaged, "message damaged"),
    (errors.StoreUnavailable, "store unavailable"),
)
"""What the operator has to hear of; everything else answers what a client asked for."""


def log_fault(error: errors.StoreError, *, user: str, account: str) -> None:
    """Say in the log whose mail cannot be used, and why, where that is no client's doing."""
    for kind, event in _FAULTS:
        if isinstance(error, kind):
            log.error(event, user=user, account=account, error=str(error))
            return


def refusal(error: errors.StoreError, *, missing: bytes = b"NONEXISTENT") -> Refused:
    """The answer to a refusal of the store.

    Args:
        error: what the store raised.
        missing: the code for a mailbox that is not there; TRYCREATE where creating it would help.
    """
    for kind, code in _CODES:
        if isinstance(error, kind):
            return Refused(str(error), missing if kind is errors.NoSuchMailbox else code)
    return Refused(str(error), b"SERVERBUG")


def first_words(frame: CommandFrame) -> str:
    """The command's name for the log, never its arguments."""
    first = frame.fragments[0] if frame.fragments else b""
    words = first.split(b" ", 3)[1:3] if isinstance(first, bytes) else []
    return (
        b" ".join(words).decode("ascii", "replace")[:40]
        if words and words[0].upper() == b"UID"
        else (words[0].decode("ascii", "replace")[:40] if words else "")
    )
