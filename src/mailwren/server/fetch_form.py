"""How FETCH responses begin: asked here and nowhere else, since not every client knows message numbers."""

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from mailwren.server.session import Session


class FetchForm(NamedTuple):
    """How a session's FETCH responses look."""

    line: bytes
    """A template of the message's number, or its UID, and the items."""
    begin: bytes
    """The same up to the items."""
    by_uid: bool
    """The line begins with the UID (RFC 9586 §3.3)."""


_NUMBERED: Final = FetchForm(b"* %d FETCH (%b)\r\n", b"* %d FETCH (", by_uid=False)
_UID_ONLY: Final = FetchForm(b"* %d UIDFETCH (%b)\r\n", b"* %d UIDFETCH (", by_uid=True)


def fetch_form(session: "Session") -> FetchForm:
    """The form for a session as it is now."""
    return _UID_ONLY if session.uid_only else _NUMBERED
