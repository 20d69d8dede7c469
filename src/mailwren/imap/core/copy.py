"""COPY and MOVE, and the response code that tells which message became which."""

from mailwren.base.ranges import RangeSet
from mailwren.imap import wire
from mailwren.imap.core.arguments import Copy
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter


def parse_copy(scanner: Scanner) -> Copy:
    """``copy = "COPY" SP sequence-set SP mailbox``, and ``move`` alike (RFC 9051 §9)."""
    scanner.space()
    messages = scanner.sequence_set()
    scanner.space()
    mailbox = scanner.mailbox()
    scanner.end()
    return Copy(messages, mailbox)


def write_copy(arguments: Copy, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_copy`."""
    writer.raw(b" " + wire.sequence_set(arguments.messages) + b" ")
    writer.mailbox(arguments.mailbox)


COPY = Syntax(b"COPY", "9051 §6.4.7", parse_copy, write_copy)
MOVE = Syntax(b"MOVE", "9051 §6.4.8", parse_copy, write_copy)


def copy_uid_code(uid_validity: int, source: RangeSet, target: RangeSet) -> bytes:
    """``COPYUID``: the messages of ``source`` became those of ``target``, both ascending (RFC 9051 §7.1)."""
    return b"COPYUID %d %b %b" % (uid_validity, wire.number_set(source), wire.number_set(target))


def parse_copy_uid(scanner: Scanner) -> tuple[int, RangeSet, RangeSet]:
    """What follows ``COPYUID``: the target's UIDVALIDITY, the source's and the target's UIDs."""
    scanner.space()
    uid_validity = scanner.nz_number()
    scanner.space()
    source = scanner.uid_set()
    scanner.space()
    return uid_validity, source, scanner.uid_set()
