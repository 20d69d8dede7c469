"""OBJECTID (RFC 8474): ids of messages, conversations and mailboxes that stay the same wherever those go."""

import re
from typing import Final

from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.core.fetch import plain_item
from mailwren.imap.core.search import KeyReader, KeyRow
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner

_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}")

FETCH_ITEMS: Final = (plain_item("EMAILID", "8474 §5.3"), plain_item("THREADID", "8474 §5.3"))
STATUS_ITEMS: Final = ("MAILBOXID",)


def parse_object_id(scanner: Scanner) -> str:
    """``objectid = 1*255(ALPHA / DIGIT / "_" / "-")``; case matters. In quotes it is taken too."""
    data = scanner.astring("an object id")
    if _OBJECT_ID.fullmatch(data) is None:
        raise BadCommand("an object id is 1 to 255 letters, digits, - and _")
    return data.decode("ascii")


def _key(name: str) -> KeyRow:
    def parse(reader: KeyReader) -> SearchKey:
        reader.scanner.space()
        return SearchKey(name, text=parse_object_id(reader.scanner))

    return KeyRow(name, "8474 §6", parse, lambda key, writer: writer.command.raw(b" " + key.text.encode("ascii")))


SEARCH_KEYS: Final = (_key("EMAILID"), _key("THREADID"))


def mailbox_id_code(object_id: str) -> bytes:
    """``"MAILBOXID" SP "(" objectid ")"``, the response code of CREATE, SELECT and EXAMINE (RFC 8474 §4.1, §4.2)."""
    return b"MAILBOXID (" + object_id.encode("ascii") + b")"


def parse_mailbox_id(scanner: Scanner) -> str:
    """What follows ``MAILBOXID``."""
    scanner.space()
    scanner.open()
    object_id = parse_object_id(scanner)
    scanner.close()
    return object_id
