"""APPEND of one or several messages, and the response code that tells their UIDs."""

from datetime import datetime

from mailwren.base.ranges import RangeSet
from mailwren.imap import dates, wire
from mailwren.imap.core.arguments import Append, AppendMessage
from mailwren.imap.frames import Literal
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter


def parse_append(scanner: Scanner) -> Append:
    """``append = "APPEND" SP mailbox 1*append-message`` (RFC 3502 §6.3.11, RFC 9051 §9)."""
    scanner.space()
    mailbox = scanner.mailbox()
    messages = [_message(scanner)]
    while not scanner.at_end():
        messages.append(_message(scanner))
    return Append(mailbox, tuple(messages))


def check_message_to_come(scanner: Scanner) -> None:
    """What stands before a message that the client is about to send, and the messages before that one.

    Raises:
        BadCommand: wrong already.
    """
    _message_options(scanner)
    while not scanner.at_end():
        scanner.literal()
        _message_options(scanner)


def _message(scanner: Scanner) -> AppendMessage:
    """``append-message = [SP flag-list] [SP date-time] SP (literal / literal8)``."""
    flags, date = _message_options(scanner)
    literal = scanner.literal()
    return AppendMessage(flags, date, literal.octets, literal.binary)


def _message_options(scanner: Scanner) -> tuple[tuple[str, ...], datetime | None]:
    scanner.space()
    flags: tuple[str, ...] = ()
    if scanner.at(b"("):
        flags = scanner.flag_list()
        scanner.space()
    date = None
    if scanner.at(b'"'):
        date = scanner.date_time()
        scanner.space()
    return flags, date


def write_append(arguments: Append, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_append`, for messages in memory or as a :class:`Literal` of known size."""
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)
    for message in arguments.messages:
        if message.flags:
            writer.raw(b" " + wire.flag_list(message.flags))
        if message.internal_date is not None:
            writer.raw(b" " + dates.write_date_time(message.internal_date))
        writer.raw(b" ")
        writer.literal(_as_literal(message))


def _as_literal(message: AppendMessage) -> Literal:
    octets = message.literal
    if isinstance(octets, Literal):
        return octets
    assert isinstance(octets, bytes)
    return Literal(len(octets), octets, message.binary)


APPEND = Syntax(b"APPEND", "9051 §6.3.12", parse_append, write_append)


def append_uid_code(uid_validity: int, uids: RangeSet) -> bytes:
    """``APPENDUID`` with the new messages' UIDs (RFC 9051 §7.1, RFC 4315 §3)."""
    return b"APPENDUID %d %b" % (uid_validity, wire.number_set(uids))


def parse_append_uid(scanner: Scanner) -> tuple[int, RangeSet]:
    """What follows ``APPENDUID``: UIDVALIDITY and UIDs."""
    scanner.space()
    uid_validity = scanner.nz_number()
    scanner.space()
    return uid_validity, scanner.uid_set()
