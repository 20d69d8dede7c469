"""PREVIEW (RFC 8970), and its earlier drafts as Dovecot has them: PREVIEW=FUZZY and SNIPPET=FUZZY.

The drafts name an algorithm, ``FUZZY``, and repeat it in the response: ``SNIPPET (FUZZY "text")``. ``LAZY`` asks for
what can be had at once; the drafts write it ``LAZY=FUZZY``.
"""

from typing import Final

from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Row
from mailwren.imap.wire import CommandWriter

LAZY: Final = "LAZY"
FUZZY: Final = "FUZZY"
LAZY_FUZZY: Final = "LAZY=FUZZY"
_OF_PREVIEW: Final = frozenset({LAZY, FUZZY, LAZY_FUZZY})
_OF_SNIPPET: Final = frozenset({FUZZY, LAZY_FUZZY})


def _row(name: str, rfc: str, known: frozenset[str]) -> Row[FetchItem]:
    """``name [SP "(" modifier *(SP modifier) ")"]`` (RFC 8970 §6, fetch-att)."""

    def parse(scanner: Scanner) -> FetchItem:
        if not scanner.at_list():
            return FetchItem(name)
        scanner.space()
        words = tuple(dict.fromkeys(scanner.parenthesised(lambda: _modifier(scanner, known))))
        return FetchItem(name, modifiers=words)

    return Row(name, rfc, parse, _write)


def _modifier(scanner: Scanner, known: frozenset[str]) -> str:
    word = scanner.atom().decode("ascii").upper()
    if word not in known:
        raise BadCommand(f"unknown modifier {word[:40]}")
    return word


def _write(item: FetchItem, writer: CommandWriter) -> None:
    if item.modifiers:
        writer.raw(b" (" + " ".join(item.modifiers).encode("ascii") + b")")


FETCH_ITEMS: Final = (
    _row("PREVIEW", "8970 §3.1", _OF_PREVIEW),
    _row("SNIPPET", "8970 §3.1", _OF_SNIPPET),
)


def form_of(item: FetchItem) -> tuple[bytes, bytes]:
    """What stands before and behind the text in the response: the drafts repeat the algorithm (RFC 8970 §6)."""
    name = item.name.encode("ascii")
    if item.name == "SNIPPET" or not {FUZZY, LAZY_FUZZY}.isdisjoint(item.modifiers):
        return name + b" (FUZZY ", b")"
    return name + b" ", b""
