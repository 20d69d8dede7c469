"""COMPARATOR (RFC 5255 §4.7)."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mailwren.imap.errors import Refused
from mailwren.imap.ext.i18n import Comparator, write_comparator
from mailwren.search.collation import COLLATIONS, Collation
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_comparator(session: "Session", arguments: Comparator, _request: Request) -> Completion | None:
    """Say which collation is in use, or use another one from now on.

    Until a client names one, SORT and THREAD compare by the default, and SEARCH finds what that finds and more.
    """
    matches = [(order, collation) for order in arguments.orders for collation in _matching(order)]
    if arguments.orders and not matches:
        raise Refused("None of these comparators is supported", b"BADCOMPARATOR")
    names: list[str] = []
    if matches:
        order, collation = matches[0]
        session.comparator = (
            None if order.lower() == "default" else replace(collation, descending=order.startswith("-"))
        )
        names = list(dict.fromkeys(each.name for _order, each in matches))
    active = collation_of(session)
    session.send(write_comparator("-" * active.descending + active.name, names))
    return Completion(text=f"Will use {active.name} for collation") if matches else None


def collation_of(session: "Session") -> Collation:
    """How SORT and THREAD compare texts (RFC 5255 §4.2)."""
    return session.comparator or COLLATIONS[0]


def _matching(order: str) -> list[Collation]:
    """The collations that an argument means, the more useful ones first."""
    wanted = order.lstrip("+-").lower()
    if wanted == "default":
        return [COLLATIONS[0]]
    return [each for each in COLLATIONS if _fits(wanted, each.name)]


def _fits(pattern: str, name: str) -> bool:
    """Whether a name is what a pattern says, where ``*`` stands for any characters; linear time."""
    first, *others = pattern.split("*")
    if not others:
        return name == first
    last = others.pop()
    position = len(first)
    if not name.startswith(first):
        return False
    for part in others:
        found = name.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return len(name) - len(last) >= position and name.endswith(last)
