"""LANGUAGE (RFC 5255 §3)."""

from typing import TYPE_CHECKING

from mailwren.imap.errors import Refused
from mailwren.imap.ext.language import Language, write_language
from mailwren.server import languages
from mailwren.server.core.list import send_namespace
from mailwren.server.table import Completion, Request, State

if TYPE_CHECKING:
    from mailwren.server.session import Session


async def run_language(session: "Session", arguments: Language, _request: Request) -> Completion | None:
    """Say which languages there are, or write in another one from now on."""
    if not arguments.ranges:
        session.send(write_language(languages.LANGUAGES))
        return None
    tag = languages.negotiate(arguments.ranges, session.context.config.language)
    if tag is None:
        raise Refused("None of these languages is supported", b"CANNOT")
    session.language = tag
    session.send(write_language((tag,)))
    if State.LOGGED_IN & session.state:
        send_namespace(session)  # whose prefixes have translations (RFC 5255 §3.4)
    return None
