"""EXPUNGE and UID EXPUNGE."""

from mailwren.imap import wire
from mailwren.imap.core.arguments import UidExpunge
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter


def parse_expunge(scanner: Scanner) -> UidExpunge:
    """``"EXPUNGE"``, which takes no messages (RFC 9051 §9)."""
    scanner.end()
    return UidExpunge()


def parse_uid_expunge(scanner: Scanner) -> UidExpunge:
    """``uid-expunge = "EXPUNGE" SP sequence-set`` (RFC 9051 §9, RFC 4315 §4)."""
    scanner.space()
    uids = scanner.sequence_set()
    scanner.end()
    return UidExpunge(uids)


def write_expunge(arguments: UidExpunge, writer: CommandWriter) -> None:
    """The counterpart of both."""
    if arguments.uids is not None:
        writer.raw(b" " + wire.sequence_set(arguments.uids))


EXPUNGE = Syntax(b"EXPUNGE", "9051 §6.4.3", parse_expunge, write_expunge)
UID_EXPUNGE = Syntax(b"UID EXPUNGE", "9051 §6.4.9", parse_uid_expunge, write_expunge)
