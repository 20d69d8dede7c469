"""LOGIN, AUTHENTICATE and STARTTLS (RFC 9051 §6.2)."""

import asyncio
import base64
from functools import partial
from typing import TYPE_CHECKING

from mailwren.auth.errors import (
    AuthenticationFailed,
    AuthenticationUnavailable,
    AuthorizationRefused,
    MalformedExchange,
)
from mailwren.auth.sasl import MECHANISMS, Challenge, Credentials, Mechanism
from mailwren.base.logs import log
from mailwren.imap.core.arguments import Authenticate, Login, NoArguments
from mailwren.imap.core.login import decode_base64
from mailwren.imap.errors import BadCommand, Refused
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


def login_allowed(session: "Session") -> bool:
    """Whether passwords may cross this connection."""
    return session.connection.secure or session.context.config.allow_plaintext_login


async def check_before_password(session: "Session", _scanner: "Scanner") -> None:
    """Ask for no user name and no password that may not cross this connection. Raises Refused."""
    _require_privacy(session)


async def run_login(session: "Session", arguments: Login, _request: Request) -> Completion | None:
    """Log in with a user name and a password (RFC 9051 §6.2.3)."""
    _require_privacy(session)
    return await _log_in(session, Credentials("", arguments.user_name, arguments.password))


async def run_authenticate(session: "Session", arguments: Authenticate, _request: Request) -> Completion | None:
    """Log in through a SASL mechanism (RFC 9051 §6.2.2)."""
    _require_privacy(session)
    kind = MECHANISMS.get(arguments.mechanism)
    if kind is None:
        raise Refused("That authentication mechanism is not offered", b"CANNOT")
    credentials = await _exchange(session, kind(), arguments.initial_response)
    return await _log_in(session, credentials)


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


def _require_privacy(session: "Session") -> None:
    if not login_allowed(session):
        raise Refused(
            "Turn on TLS first: passwords are not accepted over a connection in the clear", b"PRIVACYREQUIRED"
        )


async def _exchange(session: "Session", mechanism: Mechanism, initial: bytes | None) -> Credentials:
    response = initial
    try:
        while True:
            outcome = mechanism.step(response)
            if not isinstance(outcome, Challenge):
                return outcome
            session.send(b"+ " + base64.b64encode(outcome.octets) + b"\r\n")
            line = await session.read_line()
            if line == b"*":
                raise BadCommand("Authentication cancelled")
            response = decode_base64(line)
    except MalformedExchange as error:
        raise BadCommand(str(error)) from error


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


async def _log_in(session: "Session", credentials: Credentials) -> Completion:
    context, address, name = session.context, session.connection.peer, credentials.user_name
    delay = context.throttle.delay(address, name, context.clock())
    if delay:
        await asyncio.sleep(delay)
        if session.connection.closed:
            raise ConnectionClosed  # nobody waits for the answer: it is not worth a password's computing
    try:
        user = await context.passwords.check(name, credentials.password, credentials.authorization)
    except AuthenticationUnavailable as error:
        raise Refused(str(error), b"UNAVAILABLE") from error
    except AuthenticationFailed as error:
        context.throttle.failed(address, name, context.clock())
        log.warning("login failed", user=name, address=address)
        refused = isinstance(error, AuthorizationRefused)
        raise Refused(str(error), b"AUTHORIZATIONFAILED" if refused else b"AUTHENTICATIONFAILED") from error
    context.throttle.succeeded(address, name, context.clock())
    await session.logged_in(user, partial(_prepare, context.config, user))
    log.info("login", user=user.name, address=address, tls=session.connection.secure)
    capabilities = session.features.capability_text(session)
    # Several clients overlook the response code, others the untagged line: both are sent.
    session.send(b"* CAPABILITY " + capabilities + b"\r\n")
    return Completion(code=b"CAPABILITY " + capabilities, text="Logged in")
