"""ESEARCH, which searches several mailboxes (RFC 7377)."""

import re
from dataclasses import dataclass
from typing import Final

from mailwren.base import limits
from mailwren.imap.core.arguments import Search
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.mailbox_filter import KINDS, MailboxFilter, parse_filter, write_filter
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter

SOURCES: Final = KINDS - {"SELECTED-DELAYED"}
"""What may stand behind IN (RFC 7377 §2.2)."""
_IN: Final = re.compile(rb" +IN ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MultiSearch:
    """ESEARCH (RFC 7377 §2)."""

    search: Search
    """What to look for; message numbers are each mailbox's own."""
    sources: tuple[MailboxFilter, ...] = ()
    """Where; nothing named is the selected mailbox."""


def multisearch_syntax(search: Syntax[Search]) -> Syntax[MultiSearch]:
    """ESEARCH with the keys and return options of SEARCH.

    ``esearch = "ESEARCH" [SP "IN" SP "(" source-mbox ")"] [SP search-return-opts] SP search-program`` (RFC 7377 §4).
    """

    def parse(scanner: Scanner) -> MultiSearch:
        sources: tuple[MailboxFilter, ...] = ()
        if scanner.at_match(_IN):
            scanner.space()
            scanner.take_word(b"IN")
            sources = tuple(dict.fromkeys(scanner.parenthesised(lambda: parse_filter(scanner, SOURCES))))
        if sum(max(len(each.names), 1) for each in sources) > limits.SEARCH_SOURCES:
            raise BadCommand(f"more than {limits.SEARCH_SOURCES} mailboxes or groups of them")
        return MultiSearch(search.parse(scanner), sources)

    def write(arguments: MultiSearch, writer: CommandWriter) -> None:
        for index, each in enumerate(arguments.sources):
            writer.raw(b" " if index else b" IN (")
            write_filter(each, writer)
        if arguments.sources:
            writer.raw(b")")
        search.write(arguments.search, writer)

    return Syntax(b"ESEARCH", "7377 §2", parse, write)
