"""SEARCH and UID SEARCH (RFC 9051 §6.4.4): old and new answers, and the saved result ``$``."""

from typing import TYPE_CHECKING

from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import Search
from mailwren.imap.core.search import write_esearch, write_search
from mailwren.imap.errors import ImapError, Refused
from mailwren.search.plan import QueryTooDeep
from mailwren.server.core.search_query import to_query
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_search(session: "Session", arguments: Search, request: Request) -> Completion | None:
    """Find messages and answer as the client asked."""
    selected = session.mailbox
    returns = arguments.returns
    if returns is None and session.rev2:
        returns = frozenset({"ALL"})  # ESEARCH replaces SEARCH once IMAP4rev2 is enabled (RFC 9051 §7.3.4)
    try:
        query = to_query(arguments.key, selected.view, session.saved)
        positions = await session.context.search.search(
            session.account, selected.state, query, selected.view.uids, selected.view.count
        )
    except QueryTooDeep as error:
        raise Refused(str(error), b"LIMIT") from error
    except ImapError:
        _forget_saved(session, returns)
        raise
    uids = selected.view.uids
    numbers = [uids[position] for position in positions] if request.by_uid else [each + 1 for each in positions]
    if returns is None:
        session.send(write_search(numbers))
        return None
    if "SAVE" in returns:
        session.saved = _saved([uids[position] for position in positions], returns)
        if returns == {"SAVE"}:
            return None
    session.send(write_esearch(request.tag, request.by_uid, _values(numbers, returns)))
    return None


def _forget_saved(session: "Session", returns: frozenset[str] | None) -> None:
    """A SEARCH with SAVE that is refused empties the saved result (RFC 9051 §6.4.4.1)."""
    if returns is not None and "SAVE" in returns:
        session.saved = RangeSet()


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
    """With only MIN or MAX asked for, only those are saved (RFC 9051 §6.4.4.4, the table of SAVE)."""
    if not uids or returns & {"ALL", "COUNT"} or not returns & {"MIN", "MAX"}:
        return RangeSet.of_sorted(uids)
    chosen: list[int] = []
    if "MIN" in returns:
        chosen.append(uids[0])
    if "MAX" in returns:
        chosen.append(uids[-1])
    return RangeSet.of(chosen)
