"""UIDBATCHES (RFC 10022): ranges of UIDs that cut a mailbox into batches of about the same number of messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mailwren.imap import wire
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter


@dataclass(frozen=True, slots=True)
class UidBatches:
    """The command: how many messages a batch is to have, and which batches are wanted."""

    size: int
    batches: tuple[int, int] | None = None
    """First and last batch, from 1, the newest messages first; ``None``: all."""


def _parse(scanner: Scanner) -> UidBatches:
    """``"UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]``."""
    scanner.space()
    size = scanner.nz_number()
    if scanner.at_end():
        scanner.end()
        return UidBatches(size)
    scanner.space()
    first = scanner.nz_number()
    scanner.expect(b":")
    last = scanner.nz_number()
    scanner.end()
    return UidBatches(size, (first, last))


def _write(arguments: UidBatches, writer: CommandWriter) -> None:
    writer.raw(b" %d" % arguments.size)
    if arguments.batches is not None:
        writer.raw(b" %d:%d" % arguments.batches)


UIDBATCHES: Final = Syntax(b"UIDBATCHES", "10022 §3.1", _parse, _write)


def write_uid_batches(tag: bytes, ranges: Iterable[tuple[int, int]]) -> bytes:
    """``* UIDBATCHES (TAG "tag") high:low,…``; no ranges for an empty mailbox."""
    text = ",".join(f"{high}:{low}" for high, low in ranges).encode("ascii")
    return b"* UIDBATCHES (TAG " + wire.quoted(tag) + b")" + b" " * bool(text) + text + b"\r\n"


def parse_uid_batches(scanner: Scanner) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """What follows ``* UIDBATCHES``: the tag of the command, and the ranges from the newest to the oldest."""
    scanner.space()
    scanner.open()
    if not scanner.take_word(b"TAG"):
        raise scanner.failure("TAG")
    tag = scanner.astring()
    scanner.close()
    if scanner.at_end():
        return tag, ()
    scanner.space()
    ranges = scanner.sequence_set().ranges
    scanner.end()
    return tag, ranges
