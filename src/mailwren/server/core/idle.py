"""IDLE: changes are pushed until the client says DONE (RFC 9051 §6.3.13)."""

from typing import TYPE_CHECKING

from mailwren.imap.core.arguments import NoArguments
from mailwren.imap.errors import BadCommand
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_idle(session: "Session", _arguments: NoArguments, _request: Request) -> Completion | None:
    """Push changes; there is no time limit, and DONE may share its packet with the next command."""
    session.connection.framer.expect_line()
    shared_news = session.context.shared_news
    session.idling = True
    session.hearing.update(session)  # before looking: what is changed from here on is told
    session.send(b"+ idling\r\n")
    try:
        line: bytes | None = None
        while line is None:
            await session.context.turns.begin()  # one change can wake hundreds of sessions
            standing = shared_news.standing(session)
            await session.tell(may_expunge=True)
            session.tell_modseq()
            await session.tell_others()
            shared_news.keep(session, standing)
            await session.flush()
            line = await session.wait_for_line()
    finally:
        session.idling = False
        session.hearing.update(session)
    if line.strip().upper() != b"DONE":
        raise BadCommand("IDLE ends with DONE")
    return Completion(text="IDLE terminated")
