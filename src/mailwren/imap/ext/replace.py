"""REPLACE: a new message in the place of an old one, in one step (RFC 8508)."""

from mailwren.imap import wire
from mailwren.imap.core.append import parse_message, write_message
from mailwren.imap.core.arguments import Replace
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.sequence_set import SequenceSet
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter


def parse_replace(scanner: Scanner) -> Replace:
    """``replace = "REPLACE" SP seq-number SP mailbox append-message`` (RFC 8508 §5)."""
    message = parse_replaced(scanner)
    scanner.space()
    mailbox = scanner.mailbox()
    replacement = parse_message(scanner)
    scanner.end()
    return Replace(message, mailbox, replacement)


def parse_replaced(scanner: Scanner) -> SequenceSet:
    """``SP seq-number``: exactly one message, without a range."""
    scanner.space()
    message = scanner.sequence_set()
    if message.saved or len(message.ranges) != 1 or message.ranges[0][0] != message.ranges[0][1]:
        raise BadCommand("REPLACE takes the number of one message")
    return message


def write_replace(arguments: Replace, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_replace`."""
    writer.raw(b" " + wire.sequence_set(arguments.message) + b" ")
    writer.mailbox(arguments.mailbox)
    write_message(arguments.replacement, writer)


REPLACE = Syntax(b"REPLACE", "8508 §3.2", parse_replace, write_replace)
