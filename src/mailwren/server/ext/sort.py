"""SORT and UID SORT (RFC 5256 §3), with RETURN options (RFC 5267 §3)."""

from array import array
from typing import TYPE_CHECKING

from mailwren.base.ranges import RangeSet
from mailwren.imap import charsets
from mailwren.imap.core.arguments import FetchItem, SearchKey
from mailwren.imap.core.search import write_esearch
from mailwren.imap.errors import Refused
from mailwren.imap.ext.annotate import SHARED
from mailwren.imap.ext.condstore import searches_modseq
from mailwren.imap.ext.context import no_update_code, update_items
from mailwren.imap.ext.sort import Sort, SortCriterion, write_sort
from mailwren.search.plan import QueryTooDeep
from mailwren.search.sort_columns import SortField
from mailwren.search.sort_order import AnnotationKey, Criterion, Order
from mailwren.search.sorting import Scope
from mailwren.server.core.search import relevancies_of
from mailwren.server.core.search_answer import Found, return_data, saved
from mailwren.server.core.search_query import lasting_query, to_query
from mailwren.server.ext import condstore, context, filters, gmail
from mailwren.server.ext.context_order import Arrangement
from mailwren.server.ext.i18n import collation_of
from mailwren.server.ext.utf8 import check_charset
from mailwren.server.table import Completion, Request
from mailwren.store.errors import StoreError

if TYPE_CHECKING:
    from mailwren.search.query import Query
    from mailwren.server.session import Session


async def run_sort(session: "Session", arguments: Sort, request: Request) -> Completion | None:
    """Find messages and answer in the order that the client asked for."""
    view = session.mailbox.view
    returns = arguments.returns
    context.check_tag(session.mailbox, request, returns or frozenset())
    order = Order(tuple(map(_criterion, arguments.criteria)), collation_of(session))
    try:
        key = await searched(session, arguments.key, arguments.charset)
        relevancies = relevancies_of(key, [*(returns or ()), *(each.key for each in arguments.criteria)])
        positions = await _sorted(session, key, order, relevancies)
    except (Refused, StoreError):
        if returns is not None and "SAVE" in returns:
            session.saved = RangeSet()  # as SEARCH does (RFC 9051 §6.4.4.1)
        raise
    uids = [view.uids[position] for position in positions]
    numbers = uids if request.by_uid else [each + 1 for each in positions]
    modseqs = condstore.found_modseqs(view, session.mailbox.state, key, positions)
    if returns is None:
        session.send(write_sort(numbers, max(modseqs, default=0)))
    else:
        if "UPDATE" in returns:  # first: SAVE may give ``$`` another meaning
            _keep(session, request, key, order, uids, attributes=update_items(arguments.return_values))
        scores = [relevancies[each] for each in positions] if relevancies is not None else ()
        values = dict(arguments.return_values)
        _answer(session, request, Found(numbers, uids, returns, values, modseqs, is_sorted=True, relevancies=scores))
    return missing(session, request)


def _answer(session: "Session", request: Request, found: Found) -> None:
    if found.returns != {"SAVE"}:
        session.send(write_esearch(request.tag, request.by_uid, return_data(found)))
    if "SAVE" in found.returns:
        session.saved = saved(found)


def _keep(
    session: "Session",
    request: Request,
    key: SearchKey,
    order: Order,
    uids: list[int],
    *,
    attributes: tuple[FetchItem, ...],
) -> None:
    """Keep the client told of the result (RFC 5267 §4.3)."""
    if any(criterion.changes for criterion in order.program):
        session.say(b"NO", "Sorted by what changes, a result has no lasting order", no_update_code(request.tag))
        return
    query = lasting_query(key, session.mailbox.view, session.saved, session.context.wall_clock, session.comparator)

    async def sort(positions: list[int]) -> list[int]:
        return await session.context.sorter.in_order(scope(session), positions, order)

    context.keep(session, request, query, sorted(uids), Arrangement(array("I", uids), sort), attributes=attributes)


async def _sorted(session: "Session", key: SearchKey, order: Order, relevancies: dict[int, int] | None) -> list[int]:
    """The positions in the view of the messages that match, in the order asked for.

    Raises:
        Refused: keys nested too deep.
        StoreError: as it comes.
    """
    try:
        return await session.context.sorter.sort(scope(session), query_of(session, key), order, relevancies)
    except QueryTooDeep as error:
        raise Refused(str(error), b"LIMIT") from error


def _criterion(criterion: SortCriterion) -> Criterion:
    if criterion.entry:
        return Criterion(AnnotationKey(criterion.entry, criterion.attribute.endswith(SHARED)), criterion.reverse)
    return Criterion(SortField(criterion.key), criterion.reverse)


# --- what THREAD has in common ------------------------------------------------------------------------------
def scope(session: "Session") -> Scope:
    """The selected mailbox as the client knows it."""
    selected = session.mailbox
    view = selected.view
    return Scope(selected.account, selected.state, view.uids, view.count, session.progress.report, session.give_way)


async def searched(session: "Session", key: SearchKey, charset: str) -> SearchKey:
    """The search program with its filters put in; one that asks for mod-sequences turns CONDSTORE on.

    Raises:
        BadCommand: filters in another charset than theirs.
        Refused: an unknown charset, or a filter that there is not.
    """
    check_charset(session, charset, mandatory=True)
    charsets.require(charset)
    resolved = await gmail.resolve(session, await filters.resolve(session, key, charset))
    if searches_modseq(resolved):
        condstore.enable(session)
    return resolved


def query_of(session: "Session", key: SearchKey) -> "Query":
    """What is looked for in the selected mailbox."""
    return to_query(key, session.mailbox.view, session.saved, session.context.wall_clock, session.comparator)


def missing(session: "Session", request: Request) -> Completion | None:
    """A message that went away is not found, yet the client still counts it (RFC 2180 §4.3, RFC 5530 §3)."""
    return Completion(code=b"EXPUNGEISSUED") if session.mailbox.view.stale and not request.by_uid else None
