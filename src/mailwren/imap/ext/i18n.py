"""COMPARATOR (RFC 5255 §4.7): which collation SEARCH, SORT and THREAD compare texts by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter

_ORDER: Final = re.compile(r"[+-]?(?:\*|[A-Za-z]\*?)(?:[A-Za-z0-9;=.-]\*?)*")
"""``collation-order = ["+" / "-"] collation-wild`` (RFC 4790 §3.2, §3.3)."""
_LONGEST: Final = 255
"""Characters of an identifier and the sign before it (RFC 4790 §3.1)."""


@dataclass(frozen=True, slots=True)
class Comparator:
    """COMPARATOR: the collations that the client would like, the best first; none asks which one is in use."""

    orders: tuple[str, ...]
    """Identifiers, perhaps with ``*`` for any characters and a sign before them; or ``default``."""


def _parse(scanner: Scanner) -> Comparator:
    """``comparator-cmd = "COMPARATOR" *(SP comp-order-quoted)`` (RFC 5255 §4.10)."""
    orders: list[str] = []
    while not scanner.at_end():
        scanner.space()
        text = scanner.astring("a comparator").decode("utf-8", "replace")
        if len(text) > _LONGEST or _ORDER.fullmatch(text) is None:
            raise BadCommand("a comparator is such as i;unicode-casemap, i;* or default")
        orders.append(text)
        if len(orders) > limits.COMPARATORS:
            raise BadCommand(f"more than {limits.COMPARATORS} comparators")
    return Comparator(tuple(orders))


def _write(arguments: Comparator, writer: CommandWriter) -> None:
    for each in arguments.orders:
        writer.raw(b" ")
        writer.astring(each.encode("ascii"))


COMPARATOR: Final = Syntax(b"COMPARATOR", "5255 §4.7", _parse, _write)


def write_comparator(active: str, matching: Sequence[str] = ()) -> bytes:
    """``* COMPARATOR active [(matching …)]`` (RFC 5255 §4.8).

    Args:
        active: the collation in use.
        matching: what else could have been meant, if more than one could.
    """
    names = b" ".join(wire.astring(each.encode("ascii")) for each in matching)
    listed = b" (" + names + b")" if len(matching) > 1 else b""
    return b"* COMPARATOR " + wire.astring(active.encode("ascii")) + listed + b"\r\n"


def parse_comparator(scanner: Scanner) -> tuple[str, tuple[str, ...]]:
    """What follows ``* COMPARATOR``: the active collation, and those that match if there are several."""
    scanner.space()
    active = scanner.text("a comparator")
    matching: list[str] = []
    if scanner.at_list():
        scanner.space()
        matching = scanner.parenthesised(lambda: scanner.text("a comparator"))
    scanner.end()
    return active, tuple(matching)
