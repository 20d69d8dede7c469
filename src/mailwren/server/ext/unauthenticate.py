"""UNAUTHENTICATE (RFC 8437): the session ends, and another one begins on the same connection.

Nothing of the first can be left over in the second, whatever extensions come to remember, because it is a new object.
"""

from typing import TYPE_CHECKING

from mailwren.base.logs import log
from mailwren.imap.core.arguments import NoArguments
from mailwren.imap.errors import BadCommand
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_unauthenticate(session: "Session", _arguments: NoArguments, request: Request) -> Completion | None:
    """Log out and be as before the login; only TLS and what the client said of itself with ID stay (RFC 8437 §4.1)."""
    name = session.user.name if session.user is not None else ""
    if "UNAUTHENTICATE" in session.context.config.hidden_for(name):
        # "MUST provide a way to disable it" (RFC 8437 §8): a proxy may have let only this user through.
        raise BadCommand("Unknown command UNAUTHENTICATE")
    session.say(b"OK", "You are logged out", tag=request.tag)
    await session.flush()
    session.connection.end_compression()
    log.info("unauthenticated", user=name, address=session.connection.peer)
    session.begin_anew()
    return Completion(silent=True)
