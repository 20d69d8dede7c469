"""PARTIAL of UID FETCH (RFC 9394 §3.3): some of the messages that a set of UIDs names."""

from collections.abc import Iterable

from mailwren.imap.core.arguments import Fetch
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.partial import PartialRange
from mailwren.server.table import Request
from mailwren.server.view import Span


def page(arguments: Fetch, request: Request, spans: list[Span]) -> list[Span]:
    """Those of the messages at positions that PARTIAL lets through; all of them without it.

    Raises:
        BadCommand: PARTIAL without UID.
    """
    wanted = dict(arguments.modifiers).get("PARTIAL")
    if not isinstance(wanted, PartialRange):
        return spans
    if not request.by_uid:
        raise BadCommand("PARTIAL is a modifier of UID FETCH")
    return cut(spans, *wanted.span(count(spans)))


def count(spans: Iterable[Span]) -> int:
    """How many positions there are."""
    return sum(stop - start for start, stop in spans)


def cut(spans: Iterable[Span], first: int, last: int) -> list[Span]:
    """The positions from the ``first`` of them up to the ``last``, half open from 0."""
    result: list[Span] = []
    passed = 0
    for start, stop in spans:
        low, high = max(first - passed, 0) + start, min(last - passed + start, stop)
        if low < high:
            result.append((low, high))
        passed += stop - start
    return result
