"""QRESYNC (RFC 7162 §3.2): what it adds to SELECT and UID FETCH, and the response VANISHED."""

from dataclasses import dataclass
from typing import Final, cast

from mailwren.base.ranges import RangeSet
from mailwren.imap import wire
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row, no_value
from mailwren.imap.wire import CommandWriter


@dataclass(frozen=True, slots=True)
class Resync:
    """What a client that was away knows of a mailbox: the value of ``QRESYNC`` (RFC 7162 §3.2.5)."""

    uid_validity: int
    modseq: int
    """0 is taken too: nothing is known."""
    known_uids: RangeSet | None = None
    """``None``: all that there were."""
    known_numbers: RangeSet | None = None
    """Message numbers whose UIDs, in step, are ``their_uids``; ``None`` without such data (RFC 7162 §3.2.5.2)."""
    their_uids: RangeSet = RangeSet()  # noqa: RUF009 - immutable


def _parse(scanner: Scanner) -> object:
    """``"(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"``."""
    scanner.space()
    scanner.open()
    uid_validity = scanner.number()
    scanner.space()
    modseq = scanner.number64()
    if scanner.take_close():
        return Resync(uid_validity, modseq)
    known_uids: RangeSet | None = None
    if not scanner.at_list():
        scanner.space()
        known_uids = scanner.uid_set()
        if scanner.take_close():
            return Resync(uid_validity, modseq, known_uids)
    scanner.space()
    scanner.open()
    known_numbers = scanner.uid_set()
    scanner.space()
    their_uids = scanner.uid_set()
    scanner.close()
    scanner.close()
    return Resync(uid_validity, modseq, known_uids, known_numbers, their_uids)


def _write(value: object, writer: CommandWriter) -> None:
    resync = cast("Resync", value)
    writer.raw(b" (%d %d" % (resync.uid_validity, resync.modseq))
    if resync.known_uids is not None:
        writer.raw(b" " + wire.number_set(resync.known_uids))
    if resync.known_numbers is not None:
        writer.raw(b" (" + wire.number_set(resync.known_numbers) + b" " + wire.number_set(resync.their_uids) + b")")
    writer.raw(b")")


QRESYNC: Final[Row[object]] = Row("QRESYNC", "7162 §3.2.5", _parse, _write)
"""The parameter of SELECT and EXAMINE."""
VANISHED: Final = no_value("VANISHED", "7162 §3.2.6")
"""The modifier of UID FETCH."""


def write_vanished(uids: RangeSet, *, earlier: bool = False) -> bytes:
    """``* VANISHED [(EARLIER)] uids``: messages that are there no more (RFC 7162 §3.2.10)."""
    return b"* VANISHED " + b"(EARLIER) " * earlier + wire.number_set(uids) + b"\r\n"


def parse_vanished(scanner: Scanner) -> tuple[RangeSet, bool]:
    """What follows ``* VANISHED``: the UIDs, and whether it is EARLIER."""
    scanner.space()
    earlier = scanner.take(b"(EARLIER) ")
    uids = scanner.uid_set()
    scanner.end()
    return uids, earlier
