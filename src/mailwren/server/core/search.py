"""SEARCH and UID SEARCH (RFC 9051 §6.4.4): old and new answers, and the saved result ``$``."""

from typing import TYPE_CHECKING

from mailwren.base.ranges import RangeSet
from mailwren.imap import charsets
from mailwren.imap.core.arguments import Search
from mailwren.imap.core.search import write_esearch, write_search
from mailwren.imap.errors import Refused
from mailwren.search.plan import QueryTooDeep
from mailwren.server.core.search_query import to_query
from mailwren.server.table import Completion, Request
from mailwren.store.errors import StoreError

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_search(session: "Session", arguments: Search, request: Request) -> Completion | None:
    """Find messages and answer as the client asked."""
    view = session.mailbox.view
    returns = arguments.returns
    if returns is None and session.rev2:
        returns = frozenset({"ALL"})  # ESEARCH replaces SEARCH once IMAP4rev2 is enabled (RFC 9051 §7.3.4)
    try:
        positions = await _find(session, arguments)
    except (Refused, StoreError):
        # "A SEARCH command with the SAVE result option that caused the server to return the NO tagged response sets
        # the value of the search result variable to the empty sequence" (RFC 9051 §6.4.4.1); after BAD it is kept.
        if returns is not None and "SAVE" in returns:
            session.saved = RangeSet()
        raise
    uids = view.uids
    numbers = [uids[position] for position in positions] if request.by_uid else [each + 1 for each in positions]
    if returns is None:
        session.send(write_search(numbers))
    else:
        if "SAVE" in returns:
            session.saved = _saved([uids[position] for position in positions], returns)
        if returns != {"SAVE"}:
            session.send(write_esearch(request.tag, request.by_uid, _values(numbers, returns)))
    # A message that went away is not found, yet the client still counts it (RFC 2180 §4.3, RFC 5530 §3).
    return Completion(code=b"EXPUNGEISSUED") if view.stale and not request.by_uid else None


async def _find(session: "Session", arguments: Search) -> list[int]:
    """The positions in the view of the messages that match, ascending.

    Raises:
        BadCommand: a message number that does not exist.
        Refused: an unknown charset, or keys nested too deep.
        StoreError: as it comes.
    """
    charsets.require(arguments.charset)
    selected = session.mailbox
    query = to_query(arguments.key, selected.view, session.saved)
    try:
        return await session.context.search.search(
            selected.account, selected.state, query, selected.view.uids, selected.view.count
        )
    except QueryTooDeep as error:
        raise Refused(str(error), b"LIMIT") from error


def _values(numbers: list[int], returns: frozenset[str]) -> list[tuple[str, int | RangeSet]]:
    values: list[tuple[str, int | RangeSet]] = []
    if numbers and "MIN" in returns:
        values.append(("MIN", numbers[0]))
    if numbers and "MAX" in returns:
        values.append(("MAX", numbers[-1]))
    if numbers and "ALL" in returns:
        values.append(("ALL", RangeSet.of_sorted(numbers)))
    if "COUNT" in returns:
        values.append(("COUNT", len(numbers)))
    return values


def _saved(uids: list[int], returns: frozenset[str]) -> RangeSet:
    """With only MIN or MAX asked for, only those are saved (RFC 9051 §6.4.4.1, Table 4)."""
    if not uids or returns & {"ALL", "COUNT"} or not returns & {"MIN", "MAX"}:
        return RangeSet.of_sorted(uids)
    chosen: list[int] = []
    if "MIN" in returns:
        chosen.append(uids[0])
    if "MAX" in returns:
        chosen.append(uids[-1])
    return RangeSet.of(chosen)
