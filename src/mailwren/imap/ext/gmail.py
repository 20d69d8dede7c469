"""X-GM-EXT-1: Gmail's own items and search keys, for programs that know them (developers.google.com/gmail/imap).

Message and thread ids are 64-bit numbers. A label is written as a mailbox name, those of the system as ``\\Inbox``.
"""

import re
from collections.abc import Iterable
from typing import Final, cast

from mailwren.base import limits
from mailwren.imap import names, wire
from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.fetch import plain_item
from mailwren.imap.core.search import KeyReader, KeyRow
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row
from mailwren.imap.wire import CommandWriter

FETCH_ITEMS: Final = tuple(plain_item(name, "Gmail") for name in ("X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS"))
_SYSTEM: Final = re.compile(rb"\\[A-Za-z]{1,30}")
_LARGEST: Final = 2**64 - 1


# --- search keys --------------------------------------------------------------------------------------------
def _number_key(name: str) -> KeyRow:
    def parse(reader: KeyReader) -> SearchKey:
        reader.scanner.space()
        number = reader.scanner.astring("a number").decode("ascii", "replace")
        if not re.fullmatch(r"[0-9]{1,20}", number) or int(number) > _LARGEST:
            raise BadCommand(f"{name} takes a number of up to 64 bits")
        return SearchKey(name, number=int(number))

    return KeyRow(name, "Gmail", parse, lambda key, writer: writer.command.raw(b" %d" % key.number))


SEARCH_KEYS: Final = (
    _number_key("X-GM-MSGID"),
    _number_key("X-GM-THRID"),
    KeyRow(
        "X-GM-LABELS",
        "Gmail",
        lambda reader: SearchKey("X-GM-LABELS", text=_label_after_space(reader.scanner)),
        lambda key, writer: _write_label_after_space(key.text, writer.command),
    ),
    KeyRow(
        "X-GM-RAW",
        "Gmail",
        lambda reader: SearchKey("X-GM-RAW", text=_raw(reader)),
        lambda key, writer: writer.text(key.text),
    ),
)


def _raw(reader: KeyReader) -> str:
    """A search as people type it. Raises BadCommand."""
    text = reader.text()
    if len(text) > limits.GMAIL_SEARCH:
        raise BadCommand(f"X-GM-RAW takes up to {limits.GMAIL_SEARCH} characters")
    return text


# --- labels -------------------------------------------------------------------------------------------------
def parse_label(scanner: Scanner) -> str:
    """``\\Inbox`` or a mailbox name, as an astring."""
    if scanner.at(b"\\"):
        return scanner.match(_SYSTEM, "a label")[0].decode("ascii")
    return scanner.mailbox()


def write_label(label: str, utf8: bool) -> bytes:
    """The counterpart of :func:`parse_label`; in quotes as Gmail has them."""
    if label.startswith("\\"):
        return wire.quoted(label.encode("ascii"))
    return wire.string(names.encode(label, utf8), utf8)


def _label_after_space(scanner: Scanner) -> str:
    scanner.space()
    return parse_label(scanner)


def _write_label_after_space(label: str, writer: CommandWriter) -> None:
    writer.raw(b" ")
    if label.startswith("\\"):
        writer.raw(label.encode("ascii"))
    else:
        writer.mailbox(label)


def _parse_labels(scanner: Scanner) -> object:
    """``SP "(" [label *(SP label)] ")"``, or one label by itself."""
    scanner.space()
    if not scanner.at(b"("):
        return (parse_label(scanner),)
    labels = tuple(dict.fromkeys(scanner.parenthesised(lambda: parse_label(scanner), at_least=0)))
    if len(labels) > limits.LABELS:
        raise BadCommand(f"more than {limits.LABELS} labels")
    return labels


def _write_labels(value: object, writer: CommandWriter) -> None:
    writer.raw(b" (")
    for index, label in enumerate(cast("tuple[str, ...]", value)):
        writer.raw(b" " * bool(index))
        if label.startswith("\\"):
            writer.raw(label.encode("ascii"))
        else:
            writer.mailbox(label)
    writer.raw(b")")


STORE_ATTRIBUTES: Final[tuple[Row[object], ...]] = (Row("X-GM-LABELS", "Gmail", _parse_labels, _write_labels),)
"""What STORE changes besides flags."""


def write_labels(labels: Iterable[str], utf8: bool) -> bytes:
    """``X-GM-LABELS (label …)``."""
    return b"X-GM-LABELS (" + b" ".join(write_label(label, utf8) for label in labels) + b")"
