"""SEARCH and UID SEARCH (RFC 9051 §6.4.4): old and new answers, and the saved result ``$``."""

from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.imap import charsets
from mailwren.imap.core.arguments import Search, SearchKey
from mailwren.imap.core.search import SEARCH_BEGIN, write_esearch, write_search_end, written_numbers
from mailwren.imap.errors import Refused
from mailwren.imap.ext.condstore import searches_modseq
from mailwren.imap.ext.context import update_items
from mailwren.imap.ext.fuzzy import RELEVANCY, require_fuzzy
from mailwren.imap.ext.partial import PartialRange
from mailwren.search.plan import QueryTooDeep
from mailwren.server.core.search_answer import Found, return_data, saved
from mailwren.server.core.search_query import lasting_query, to_query
from mailwren.server.ext import condstore, context, filters, gmail, messagelimit
from mailwren.server.ext.utf8 import check_charset
from mailwren.server.table import Completion, Request
from mailwren.store.errors import StoreError

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_search(session: "Session", arguments: Search, request: Request) -> Completion | None:
    """Find messages and answer as the client asked."""
    check_charset(session, arguments.charset)
    selected = session.mailbox
    view = selected.view
    returns = arguments.returns
    if returns is None and session.rev2:
        returns = frozenset({"ALL"})  # ESEARCH replaces SEARCH once IMAP4rev2 is enabled (RFC 9051 §7.3.4)
    context.check_tag(selected, request, returns or frozenset())
    try:
        key = await gmail.resolve(session, await filters.resolve(session, arguments.key, arguments.charset))
        if searches_modseq(key):
            condstore.enable(session)
        relevancies = relevancies_of(key, returns or frozenset())
        among = messagelimit.searched(session, selected, key)
        wanted = dict(arguments.return_values).get("PARTIAL")
        if isinstance(wanted, PartialRange) and returns is not None and returns <= {"PARTIAL", "SAVE"}:
            positions = await _find_page(session, key, arguments.charset, wanted, among)
        else:
            positions = await find(session, key, arguments.charset, among=among, relevancies=relevancies)
    except (Refused, StoreError):
        # "A SEARCH command with the SAVE result option that caused the server to return the NO tagged response sets
        # the value of the search result variable to the empty sequence" (RFC 9051 §6.4.4.1); after BAD it is kept.
        if returns is not None and "SAVE" in returns:
            session.saved = RangeSet()
        raise
    # Most of what is found is told by its number, and nothing else is to be worked out then.
    named = request.by_uid or (returns is not None and not returns.isdisjoint(("SAVE", "UPDATE")))
    uids = await _uids(session, positions) if named else []
    modseqs = condstore.found_modseqs(view, selected.state, key, positions)
    if returns is None:
        numbers, first = (uids, 0) if request.by_uid else (positions, 1)
        parts = [b"".join(written_numbers(some, first)) async for some in _parts(session, numbers)]
        session.send(b"".join((SEARCH_BEGIN, *parts, write_search_end(max(modseqs, default=0)))))
    else:
        numbers = uids if request.by_uid else await _numbers(session, positions)
        if "UPDATE" in returns:  # first: SAVE may give ``$`` another meaning
            query = lasting_query(key, view, session.saved, session.context.wall_clock, session.comparator)
            context.keep(session, request, query, uids, attributes=update_items(arguments.return_values))
        scores = [relevancies[each] for each in positions] if relevancies is not None else ()
        values = dict(arguments.return_values)
        _answer(session, request, Found(numbers, uids, returns, values, modseqs, relevancies=scores))
    # A message that went away is not found, yet the client still counts it (RFC 2180 §4.3, RFC 5530 §3).
    return Completion(code=b"EXPUNGEISSUED") if view.stale and not request.by_uid else None


_AT_ONCE: Final = 8192
"""Messages found that are numbered before others have their turn."""


async def _parts(session: "Session", found: list[int]) -> AsyncIterator[list[int]]:
    if len(found) <= _AT_ONCE:
        yield found
        return
    for start in range(0, len(found), _AT_ONCE):
        if start:
            await session.breathe()
        yield found[start : start + _AT_ONCE]


async def _uids(session: "Session", positions: list[int]) -> list[int]:
    uids = session.mailbox.view.uids
    return [uids[each] async for some in _parts(session, positions) for each in some]


async def _numbers(session: "Session", positions: list[int]) -> list[int]:
    return [each + 1 async for some in _parts(session, positions) for each in some]


def _answer(session: "Session", request: Request, found: Found) -> None:
    if found.returns != {"SAVE"}:
        session.send(write_esearch(request.tag, request.by_uid, return_data(found)))
    if "SAVE" in found.returns:
        session.saved = saved(found)


async def _find_page(
    session: "Session", key: SearchKey, charset: str, wanted: PartialRange, among: RangeSet | None
) -> list[int]:
    """The results up to the last one of a page, and not many more: searched from its side, in growing pieces.

    Raises as :func:`find`.
    """
    view = session.mailbox.view
    found: list[int] = []
    low, high, size = 0, view.count, limits.PARTIAL_PIECE
    if not high:
        return await find(session, key, charset)  # which complains of what is wrong
    while low < high and len(found) < max(wanted.start, wanted.stop):
        span = (max(low, high - size), high) if wanted.from_end else (low, min(high, low + size))
        piece = view.uids_of([span])
        positions = await find(session, key, charset, among=piece if among is None else piece.intersection(among))
        found = [*positions, *found] if wanted.from_end else [*found, *positions]
        low, high = (low, span[0]) if wanted.from_end else (span[1], high)
        size *= 2
    return found


def relevancies_of(key: SearchKey, names: Collection[str]) -> dict[int, int] | None:
    """Where to note how well messages fit, if return options or sort keys ask for it. Raises BadCommand."""
    if RELEVANCY not in names:
        return None
    require_fuzzy(key)
    return {}


async def find(
    session: "Session",
    key: SearchKey,
    charset: str,
    *,
    among: RangeSet | None = None,
    relevancies: dict[int, int] | None = None,
) -> list[int]:
    """The positions in the view of the selected mailbox's messages that match, ascending.

    Args:
        session: whose mailbox it is.
        key: what to look for.
        charset: the charset that the client named, or none.
        among: only these UIDs are looked at.
        relevancies: takes how well messages fit, by position.

    Raises:
        Refused: an unknown charset, or keys nested too deep.
        StoreError: as it comes.
    """
    charsets.require(charset)
    selected = session.mailbox
    query = to_query(key, selected.view, session.saved, session.context.wall_clock, session.comparator)
    try:
        return await session.context.search.search(
            selected.account,
            selected.state,
            query,
            selected.view.uids,
            selected.view.count,
            among=among,
            progress=session.progress.report,
            relevancies=relevancies,
            others=session.give_way,
        )
    except QueryTooDeep as error:
        raise Refused(str(error), b"LIMIT") from error
