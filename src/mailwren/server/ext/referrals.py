"""LOGIN-REFERRALS and MAILBOX-REFERRALS: users and mailboxes that the configuration places on other servers.

Mailboxes of other servers are in no list but RLIST and RLSUB, where those count as subscribed that the user has
subscribed to here (RFC 2193 §3, §5). Who logs in is only sent elsewhere once the password was right: nobody else is to
learn who has moved.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from mailwren.imap import names
from mailwren.imap.errors import Refused
from mailwren.imap.ext.url import ImapUrl, parse_url, write_url

if TYPE_CHECKING:
    from mailwren.config.settings import Config
    from mailwren.server.places import Seeker
    from mailwren.server.session import Session


# --- users --------------------------------------------------------------------------------------------------
def login_referrals_offered(session: "Session") -> bool:
    """Whether any user is elsewhere."""
    return bool(session.context.config.login_referrals)


def refer_user(config: "Config", name: str) -> None:
    """Send a user whose mail is on another server there (RFC 2221 §4.1). Raises Refused."""
    server = config.login_referrals.get(name)
    if server is not None:
        url = write_url(replace(parse_url(server), user=name))
        raise Refused("Your mail is on another server", b"REFERRAL " + url.encode("ascii"))


# --- mailboxes ----------------------------------------------------------------------------------------------
def mailbox_referrals_offered(session: "Session") -> bool:
    """Whether any mailbox is elsewhere."""
    return bool(session.context.config.mailbox_referrals)


def check_here(session: "Seeker", *mailboxes: str) -> None:
    """Send the client to another server for a mailbox there (RFC 2193 §4).

    Args:
        session: whose client names the mailboxes.
        mailboxes: one, or the old and the new name of RENAME: then both are told, wherever they are (§4.3).

    Raises:
        Refused: one of them is elsewhere.
    """
    if not session.context.config.mailbox_referrals:
        return
    urls = [_elsewhere(session, name) for name in mailboxes]
    if any(urls):
        told = [url or _here(session, name) for url, name in zip(urls, mailboxes, strict=True)]
        text = "The mailbox is on another server" if len(urls) == 1 else "A mailbox cannot be renamed across servers"
        raise Refused(text, b" ".join([b"REFERRAL", *told]))


def _elsewhere(session: "Seeker", name: str) -> bytes | None:
    """The URL of a mailbox on another server, or below one."""
    places = session.context.config.mailbox_referrals
    for root in (name, *reversed(names.parents(name))):
        if root in places:
            url = parse_url(places[root])
            return _url(session, replace(url, mailbox=(url.mailbox or root) + name[len(root) :]))
    return None


def _here(session: "Seeker", name: str) -> bytes:
    return _url(session, ImapUrl(session.context.config.server_name.lower(), mailbox=name))


def _url(session: "Seeker", url: ImapUrl) -> bytes:
    user = session.user.name if session.user is not None else ""
    return write_url(replace(url, user=user)).encode("ascii")


def hide_remote(session: "Session", subscribed: frozenset[str]) -> frozenset[str]:
    """Without the mailboxes of other servers, which LSUB does not show (RFC 2193 §3)."""
    if not session.context.config.mailbox_referrals:
        return subscribed
    return frozenset(name for name in subscribed if _elsewhere(session, name) is None)
