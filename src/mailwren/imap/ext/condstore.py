"""CONDSTORE (RFC 7162 §3.1): what it adds to SELECT, FETCH, STORE, SEARCH and STATUS, and its response codes."""

from typing import Final

from mailwren.imap import wire
from mailwren.imap.core.arguments import FetchItem, SearchKey
from mailwren.imap.core.search import KeyReader, KeyRow, KeyWriter
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner, decode_text
from mailwren.imap.sequence_set import SequenceSet
from mailwren.imap.syntax import Row, no_value
from mailwren.imap.wire import CommandWriter

STATUS_ITEMS: Final = ("HIGHESTMODSEQ",)
"""RFC 7162 §3.1.7."""
CONDSTORE: Final = no_value("CONDSTORE", "7162 §3.1.8")
"""The parameter of SELECT and EXAMINE."""
MODSEQ_ITEM: Final = FetchItem("MODSEQ")
FETCH_ITEMS: Final = (Row("MODSEQ", "7162 §3.1.4.2", lambda _scanner: MODSEQ_ITEM, lambda _item, _writer: None),)


# --- modifiers ----------------------------------------------------------------------------------------------
def _modifier(name: str, rfc: str) -> Row[object]:
    """``name SP mod-sequence-valzer``; 0 is taken for CHANGEDSINCE as well, phones send it."""

    def parse(scanner: Scanner) -> object:
        scanner.space()
        return scanner.number64()

    def write(value: object, writer: CommandWriter) -> None:
        assert isinstance(value, int)
        writer.raw(b" %d" % value)

    return Row(name, rfc, parse, write)


CHANGED_SINCE: Final = _modifier("CHANGEDSINCE", "7162 §3.1.4.1")
UNCHANGED_SINCE: Final = _modifier("UNCHANGEDSINCE", "7162 §3.1.3")


# --- the search key -----------------------------------------------------------------------------------------
_ENTRY_TYPES: Final = ("priv", "shared", "all")


def _parse_key(reader: KeyReader) -> SearchKey:
    """``"MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer``."""
    scanner = reader.scanner
    scanner.space()
    entry = entry_type = ""
    if scanner.at(b'"'):
        entry = decode_text(scanner.quoted())
        scanner.space()
        entry_type = scanner.name("priv, shared or all").lower()
        if entry_type not in _ENTRY_TYPES:
            raise BadCommand(f"expected priv, shared or all, found {entry_type[:40]}")
        scanner.space()
    return SearchKey("MODSEQ", number=scanner.number64(), text=entry, flag=entry_type)


def _write_key(key: SearchKey, writer: KeyWriter) -> None:
    if key.flag:
        writer.command.raw(b" " + wire.quoted(key.text.encode("utf-8")) + b" " + key.flag.encode("ascii"))
    writer.command.raw(b" %d" % key.number)


SEARCH_KEYS: Final = (KeyRow("MODSEQ", "7162 §3.1.5", _parse_key, _write_key),)


def searches_modseq(key: SearchKey) -> bool:
    """Whether the key MODSEQ stands anywhere in a search: then the answer tells a mod-sequence too."""
    return key.name == "MODSEQ" or any(map(searches_modseq, key.keys))


# --- response codes -----------------------------------------------------------------------------------------
def highest_modseq_code(modseq: int) -> bytes:
    """``HIGHESTMODSEQ`` (RFC 7162 §3.1.2.1)."""
    return b"HIGHESTMODSEQ %d" % modseq


def parse_highest_modseq(scanner: Scanner) -> int:
    """What follows ``HIGHESTMODSEQ``."""
    scanner.space()
    return scanner.number64()


def modified_code(messages: bytes) -> bytes:
    """``MODIFIED``: the messages, as a sequence set, that a conditional STORE left alone (RFC 7162 §3.1.3)."""
    return b"MODIFIED " + messages


def parse_modified(scanner: Scanner) -> SequenceSet:
    """What follows ``MODIFIED``."""
    scanner.space()
    return scanner.sequence_set()
