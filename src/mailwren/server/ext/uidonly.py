"""UIDONLY (RFC 9586): a client that neither sends nor is sent message numbers.

What it means stands where it matters: how FETCH responses begin in ``server/fetch_form.py``, VANISHED in
``server/notices.py``, which commands are refused in ``server/features.py``.
"""

from typing import TYPE_CHECKING

from mailwren.imap.errors import BadCommand
from mailwren.imap.ext.context import no_update_code

if TYPE_CHECKING:
    from mailwren.server.session import Session


class UidRequired(BadCommand):
    """Message numbers from a client that has given them up (RFC 9586 §3)."""

    def __init__(self) -> None:
        super().__init__("Message numbers are not allowed once UIDONLY is enabled", b"UIDREQUIRED")


def forget_numbers(session: "Session") -> None:
    """End what would go on sending message numbers: searches by number that are kept up to date (RFC 5267 §4.3.1)."""
    contexts = session.selected.contexts if session.selected is not None else None
    if contexts is None:
        return
    for tag, context in list(contexts.by_tag.items()):
        if not context.by_uid:
            del contexts.by_tag[tag]
            session.say(b"NO", "Message numbers are not allowed once UIDONLY is enabled", no_update_code(tag))
