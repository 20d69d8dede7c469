"""LOGIN, AUTHENTICATE and STARTTLS (RFC 9051 §6.2)."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from mailwren.auth.errors import (
    AuthenticationFailed,
    AuthenticationUnavailable,
    AuthorizationRefused,
)
from mailwren.base.logs import log
from mailwren.imap.core.arguments import Login, NoArguments
from mailwren.imap.errors import BadCommand, Refused
from mailwren.server.ext.referrals import refer_user
from mailwren.server.languages import DEFAULT
from mailwren.server.protocol import ConnectionClosed
from mailwren.server.table import Completion, Request
from mailwren.store.defaults import ensure_default_mailboxes
from mailwren.store.errors import StoreUnavailable
from mailwren.store.quota import keep_quota

if TYPE_CHECKING:
    from mailwren.auth.users import User
    from mailwren.config.settings import Config
    from mailwren.imap.scanner import Scanner
    from mailwren.server.session import Session
    from mailwren.store.api import Account


Wait = Callable[[str], Awaitable[None]]
"""Called with a user name, it waits as long as failed logins demand."""
Identify = Callable[[Wait], Awaitable["User"]]
"""Finds out who the client is. Raises AuthError."""


def login_allowed(session: "Session") -> bool:
    """Whether passwords may cross this connection."""
    return session.connection.secure or session.context.config.allow_plaintext_login


async def check_before_password(session: "Session", _scanner: "Scanner") -> None:
    """Ask for no user name and no password that may not cross this connection. Raises Refused."""
    require_privacy(session)


async def run_login(session: "Session", arguments: Login, _request: Request) -> Completion | None:
    """Log in with a user name and a password (RFC 9051 §6.2.3)."""
    require_privacy(session)

    async def identify(wait: Wait) -> "User":
        await wait(arguments.user_name)
        return await session.context.passwords.check(arguments.user_name, arguments.password)

    return await log_in(session, identify)


async def run_starttls(session: "Session", _arguments: NoArguments, request: Request) -> Completion | None:
    """Turn TLS on; nothing received before it is read as a command afterwards (RFC 9051 §6.2.1)."""
    if session.context.tls is None:
        raise BadCommand("STARTTLS is not offered on this connection")
    if session.connection.secure:
        raise BadCommand("TLS is already on")
    session.send(request.tag + b" OK Begin TLS negotiation now\r\n")
    await session.flush()
    # At the last moment: whatever came while the client was slow to read is gone too.
    session.connection.framer.discard_buffer()
    await session.connection.start_tls(session.context.tls(), session.context.config.login_timeout)
    session.client_id = {}
    session.language = DEFAULT  # whoever stood between may have chosen it (RFC 5255 §3.1)
    return Completion(silent=True)


def require_privacy(session: "Session") -> None:
    """Raise Refused where passwords may not cross the connection."""
    if not login_allowed(session):
        raise Refused(
            "Turn on TLS first: passwords are not accepted over a connection in the clear", b"PRIVACYREQUIRED"
        )


async def _prepare(config: "Config", user: "User", account: "Account") -> None:
    try:
        await keep_quota(
            account,
            *config.quota_for(user.quota_octets, user.quota_messages, user.quota_mailboxes, user.quota_annotations),
        )
        await ensure_default_mailboxes(account, config.default_mailboxes)
    except StoreUnavailable as error:
        # Such as a full disk: who is to make room must be let in. The next login tries again.
        log.warning("account not prepared", user=user.name, reason=str(error))


async def log_in(session: "Session", identify: Identify) -> Completion:
    """Let the user in whom ``identify`` finds, unless there were too many failures lately.

    Raises:
        Refused: with the code that says why (RFC 5530 §3).
        BadCommand: the client broke the rules of its exchange.
    """
    context, address, names = session.context, session.connection.peer, [""]

    async def wait(name: str) -> None:
        names[0] = name
        delay = context.throttle.delay(address, name, context.clock())
        if delay:
            await asyncio.sleep(delay)
            if session.connection.closed:
                raise ConnectionClosed  # nobody waits for the answer: it is not worth a password's computing

    try:
        user = await identify(wait)
    except AuthenticationUnavailable as error:
        raise Refused(str(error), b"UNAVAILABLE") from error
    except AuthenticationFailed as error:
        context.throttle.failed(address, names[0], context.clock())
        log.warning("login failed", user=names[0], address=address)
        refused = isinstance(error, AuthorizationRefused)
        raise Refused(str(error), b"AUTHORIZATIONFAILED" if refused else b"AUTHENTICATIONFAILED") from error
    context.throttle.succeeded(address, names[0], context.clock())
    refer_user(context.config, user.name)
    await session.logged_in(user, partial(_prepare, context.config, user))
    log.info("login", user=user.name, address=address, tls=session.connection.secure)
    capabilities = session.features.capability_text(session)
    # Several clients overlook the response code, others the untagged line: both are sent.
    session.send(b"* CAPABILITY " + capabilities + b"\r\n")
    return Completion(code=b"CAPABILITY " + capabilities, text="Logged in")
