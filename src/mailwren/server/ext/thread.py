"""THREAD and UID THREAD (RFC 5256 §3)."""

from typing import TYPE_CHECKING

from mailwren.imap.errors import Refused
from mailwren.imap.ext.thread import Thread, write_thread
from mailwren.search.plan import QueryTooDeep
from mailwren.search.sorting import Algorithm
from mailwren.server.ext.i18n import collation_of
from mailwren.server.ext.sort import missing, query_of, scope, searched
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_thread(session: "Session", arguments: Thread, request: Request) -> Completion | None:
    """Find messages and answer with their threads."""
    uids = session.mailbox.view.uids
    query = query_of(session, await searched(session, arguments.key, arguments.charset))
    algorithm = Algorithm(arguments.algorithm)
    try:
        threads = await session.context.sorter.thread(scope(session), query, algorithm, collation_of(session))
    except QueryTooDeep as error:
        raise Refused(str(error), b"LIMIT") from error
    positions = threads.messages
    numbers = [uids[position] for position in positions] if request.by_uid else [each + 1 for each in positions]
    session.send(write_thread(numbers, threads.brackets))
    return missing(session, request)
