"""From an IMAP URL to the octets it names, as far as this session's user may read them (RFC 5092, RFC 4469, RFC 4467).

Whatever the reason, a URL that leads nowhere leads nowhere in the same words: a mailbox that the user may not know of
is not told from one that is not there.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailwren.base.ids import ContentId, Uid
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.errors import Refused
from mailwren.imap.ext.url import BadUrl, ImapUrl, parse_url
from mailwren.server.core.fetch_octets import WHOLE, OctetItem
from mailwren.store.api import Account
from mailwren.store.errors import NoSuchMailbox

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.server.session import Session

_NOTHING = "it names no message or part that you can read"


@dataclass(frozen=True, slots=True)
class UrlTarget:
    """A stored message that a URL names."""

    account: Account
    content: ContentId
    url: ImapUrl

    @property
    def item(self) -> FetchItem:
        """The FETCH item that gives the same octets (RFC 5092 §6)."""
        partial = None
        if self.url.partial is not None:
            first, length = self.url.partial
            partial = (first, WHOLE if length is None else length)
        return FetchItem("BODY[]", self.url.section, True, partial)

    async def octets(self) -> tuple[int, AsyncGenerator[bytes, None]]:
        """How many octets, and the octets piece by piece. Raises BadUrl: no such part; StoreError."""
        found = await OctetItem(self.item, b"", self.url.section).octets(self.account, self.content)
        if found is None:
            raise BadUrl(_NOTHING)
        return found


def read_url(session: "Session", text: str) -> ImapUrl:
    """A URL of a message on this server, of the session's own user (RFC 4469 §3).

    Relative URLs are as good as absolute ones that name this server and this user.

    Raises:
        BadUrl: anything else.
    """
    url = parse_url(text, "" if session.selected is None else session.selected.name)
    if url.uid is None:
        raise BadUrl("it does not name a message")
    if url.host and not is_here(session, url):
        raise BadUrl("it is of another server")
    if url.user and (session.user is None or url.user != session.user.name):
        raise BadUrl("it is of another user")
    if url.access:
        raise BadUrl("it is an authorized URL, which only URLFETCH takes")
    return url


def is_here(session: "Session", url: ImapUrl) -> bool:
    """Whether an absolute URL names this server: as it names itself, or as this client has reached it."""
    if url.host == session.context.config.server_name.lower():
        return True
    here = session.connection.here
    return here != "" and (
        url.host in (here, f"[{here}]") or (url.host == "localhost" and (here == "::1" or here.startswith("127.")))
    )


async def find_message(session: "Session", url: ImapUrl) -> UrlTarget:
    """The message of a URL. Raises BadUrl: there is none, or the user may not read it; StoreError."""
    try:
        place = await session.places.find(url.mailbox)
    except (NoSuchMailbox, Refused) as error:
        raise BadUrl(_NOTHING) from error
    if "r" not in place.rights:
        raise BadUrl(_NOTHING)
    return await message_in(place, url)


async def message_in(place: "Place", url: ImapUrl) -> UrlTarget:
    """The message of a URL in its mailbox. Raises BadUrl, StoreError."""
    if url.uid_validity is not None and url.uid_validity != place.mailbox.uid_validity:
        raise BadUrl(_NOTHING)
    try:
        state = await place.account.open_mailbox(place.mailbox.id)
    except NoSuchMailbox as error:
        raise BadUrl(_NOTHING) from error
    index = state.index(Uid(url.uid or 0))
    if index is None:
        raise BadUrl(_NOTHING)
    return UrlTarget(place.account, ContentId(state.contents[index]), url)
