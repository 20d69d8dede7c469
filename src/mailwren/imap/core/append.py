"""APPEND of one or several messages, sent whole or put together by CATENATE, and the code that tells their UIDs."""

from datetime import datetime

from mailwren.base.ranges import RangeSet
from mailwren.imap import dates, wire
from mailwren.imap.core.arguments import (
    AnnotationSetting,
    Append,
    AppendMessage,
    CatenatePart,
    CatenateText,
    CatenateUrl,
)
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.annotate import parse_settings, write_settings
from mailwren.imap.frames import Literal
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter


def parse_append(scanner: Scanner) -> Append:
    """``append = "APPEND" SP mailbox 1*append-message`` (RFC 3502 §6.3.11, RFC 9051 §9)."""
    scanner.space()
    mailbox = scanner.mailbox()
    messages = [parse_message(scanner)]
    while not scanner.at_end():
        messages.append(parse_message(scanner))
    return Append(mailbox, tuple(messages))


def check_message_to_come(scanner: Scanner) -> list[str]:
    """What stands before a message that the client is about to send, and the messages before that one.

    Returns:
        The URLs of CATENATE so far.

    Raises:
        BadCommand: wrong already.
    """
    urls: list[str] = []
    while True:
        _flags_and_date(scanner)
        if _waits_inside_annotations(scanner):
            return urls
        if scanner.take_word(b"CATENATE"):
            scanner.open()
            if _waits_inside_catenate(scanner, urls):
                return urls
        else:
            utf8 = _open_utf8(scanner)
            if scanner.at_end():
                return urls
            scanner.literal()
            if utf8:
                scanner.close()


def _waits_inside_annotations(scanner: Scanner) -> bool:
    """Pass over the annotations of a message; whether what waits is one of their values. Raises BadCommand, Refused."""
    try:
        _annotations(scanner)
    except BadCommand:
        if scanner.at_end():
            return True
        raise
    return False


def _waits_inside_catenate(scanner: Scanner, urls: list[str]) -> bool:
    """Collect the URLs of pieces; whether what waits is one of the pieces."""
    while True:
        if scanner.take_word(b"URL"):
            if scanner.at_end():
                return True
            urls.append(scanner.text("a URL"))
        else:
            utf8 = _open_text(scanner)
            if scanner.at_end():
                return True
            scanner.literal()
            if utf8:
                scanner.close()
        if scanner.take_close():
            return False
        scanner.space()


def parse_message(scanner: Scanner) -> AppendMessage:
    """``append-message = [SP flag-list] [SP date-time] [SP append-ext] SP append-data`` (RFC 4466 §2.6).

    ``append-ext = "ANNOTATION" SP "(" entry-att *(SP entry-att) ")"`` (RFC 5257 §5).

    ``append-data = literal / literal8 / "CATENATE" SP "(" cat-part *(SP cat-part) ")" / "UTF8" SP "(" literal8 ")"``
    (RFC 4469 §5, RFC 6855 §4).
    """
    flags, date = _flags_and_date(scanner)
    annotations = _annotations(scanner)
    if scanner.take_word(b"CATENATE"):
        parts = tuple(scanner.parenthesised(lambda: _part(scanner)))
        return AppendMessage(flags, date, b"", parts=parts, annotations=annotations)
    utf8 = _open_utf8(scanner)
    literal = scanner.literal()
    if utf8:
        scanner.close()
    return AppendMessage(flags, date, literal.octets, literal.binary, utf8, annotations=annotations)


def _part(scanner: Scanner) -> CatenatePart:
    """``cat-part = "TEXT" SP literal / "URL" SP astring / "UTF8" SP "(" literal8 ")"``."""
    if scanner.take_word(b"URL"):
        return CatenateUrl(scanner.text("a URL"))
    utf8 = _open_text(scanner)
    literal = scanner.literal()
    if utf8:
        scanner.close()
    return CatenateText(literal.octets, literal.binary, utf8)


def _open_text(scanner: Scanner) -> bool:
    """``"TEXT" SP``, or ``"UTF8" SP "("``; whether it was the latter."""
    if scanner.take_word(b"TEXT"):
        return False
    if not _open_utf8(scanner):
        raise scanner.failure("TEXT or URL")
    return True


def _open_utf8(scanner: Scanner) -> bool:
    """``["UTF8" SP "("]``; whether it was there."""
    if not scanner.take_word(b"UTF8"):
        return False
    scanner.open()
    return True


def _flags_and_date(scanner: Scanner) -> tuple[tuple[str, ...], datetime | None]:
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


def _annotations(scanner: Scanner) -> tuple[AnnotationSetting, ...]:
    if not scanner.take_word(b"ANNOTATION"):
        return ()
    annotations = parse_settings(scanner)
    scanner.space()
    return annotations


def write_append(arguments: Append, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_append`, for messages in memory or as a :class:`Literal` of known size."""
    writer.raw(b" ")
    writer.mailbox(arguments.mailbox)
    for message in arguments.messages:
        write_message(message, writer)


def write_message(message: AppendMessage, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_message`."""
    if message.flags:
        writer.raw(b" " + wire.flag_list(message.flags))
    if message.internal_date is not None:
        writer.raw(b" " + dates.write_date_time(message.internal_date))
    if message.annotations:
        writer.raw(b" ANNOTATION ")
        write_settings(message.annotations, writer)
    writer.raw(b" ")
    if not message.parts:
        _write_literal(message, b"", writer)
        return
    for index, part in enumerate(message.parts):
        writer.raw(b" " if index else b"CATENATE (")
        if isinstance(part, CatenateUrl):
            writer.raw(b"URL ")
            writer.astring(part.url.encode("utf-8"))
        else:
            _write_literal(part, b"TEXT ", writer)
    writer.raw(b")")


def _write_literal(text: AppendMessage | CatenateText, prefix: bytes, writer: CommandWriter) -> None:
    octets = text.literal
    if not isinstance(octets, Literal):
        assert isinstance(octets, bytes)
        octets = Literal(len(octets), octets, text.binary)
    writer.raw(b"UTF8 (" if text.utf8 else prefix)
    writer.literal(octets)
    if text.utf8:
        writer.raw(b")")


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
