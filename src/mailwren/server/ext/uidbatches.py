"""UIDBATCHES for the selected mailbox (RFC 10022)."""

from array import array
from typing import TYPE_CHECKING

from mailwren.base import limits
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.ext.uidbatches import UidBatches, write_uid_batches
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_uid_batches(session: "Session", arguments: UidBatches, request: Request) -> Completion | None:
    """Cut the mailbox into batches, the newest messages first; ``$`` stays as it is."""
    if arguments.size < limits.UID_BATCH:
        raise Refused(f"A batch has at least {limits.UID_BATCH} messages", b"TOOFEW")
    uids = session.mailbox.state.uids
    # no batch of more messages than one command may work on (RFC 9738 §3.1)
    size = min(arguments.size, session.context.config.message_limit or arguments.size)
    first, last = arguments.batches or (1, max(1, -(-len(uids) // size)))
    if first > last:
        raise BadCommand("The first batch comes before the last one", b"CLIENTBUG")
    if last - first >= limits.UID_BATCHES:
        raise Refused(f"Ask for no more than {limits.UID_BATCHES} batches at once", b"TOOMANY")
    session.send(write_uid_batches(request.tag, batches(uids, size, first, last)))
    return None


def batches(uids: "array[int]", size: int, first: int, last: int) -> list[tuple[int, int]]:
    """The highest and the lowest UID of batches, from ``first`` to ``last`` counted from 1.

    Together they leave no UID out: each begins right below the one before it, and the oldest ends with 1, so that
    whatever comes between is found whichever way a client asks.
    """
    result: list[tuple[int, int]] = []
    stop = len(uids) - (first - 1) * size
    while stop > 0 and len(result) <= last - first:
        start = stop - size
        high = uids[stop - 1] if stop == len(uids) else uids[stop] - 1
        result.append((high, uids[start] if start > 0 else 1))
        stop = start
    return result
