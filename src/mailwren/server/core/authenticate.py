"""AUTHENTICATE: SASL exchanges (RFC 9051 §6.2.2), and which mechanisms a connection is offered."""

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mailwren.auth.cram_md5 import KIND as CRAM_MD5
from mailwren.auth.errors import AuthenticationFailed, AuthenticationUnavailable, MalformedExchange
from mailwren.auth.mechanisms import MECHANISMS, TOKENS
from mailwren.auth.sasl import Challenge, Credentials, Mechanism, Proven, SaslSurroundings, Token
from mailwren.imap.core.arguments import Authenticate
from mailwren.imap.core.login import decode_base64
from mailwren.imap.errors import BadCommand, Refused
from mailwren.server.core.login import Wait, log_in, login_allowed, require_privacy
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailwren.auth.users import User
    from mailwren.server.session import Session


def offers(name: str) -> "Callable[[Session], bool]":
    """Whether a mechanism is to be had on a connection: what its ``AUTH=`` capability depends on."""

    def offered(session: "Session") -> bool:
        if not login_allowed(session):
            return False
        if name in TOKENS:
            return session.context.tokens is not None
        if name == "EXTERNAL":
            return bool(_certificate_names(session))
        if name.endswith("-PLUS"):
            return bool(_channel_bindings(session))
        return name != CRAM_MD5 or session.context.config.cram_md5

    return offered


async def run_authenticate(session: "Session", arguments: Authenticate, _request: Request) -> Completion | None:
    """Log in through a SASL mechanism (RFC 9051 §6.2.2)."""
    require_privacy(session)
    make = MECHANISMS.get(arguments.mechanism)
    if make is None or not offers(arguments.mechanism)(session):
        raise Refused("That authentication mechanism is not offered", b"CANNOT")
    try:
        mechanism = make(_surroundings(session))
    except AuthenticationUnavailable as error:
        raise Refused(str(error), b"UNAVAILABLE") from error
    exchange = _Exchange(session, mechanism, arguments)
    return await log_in(session, exchange.user)


class _Exchange:
    """One exchange: the mechanism is asked until it knows who the client says to be, then that is checked."""

    def __init__(self, session: "Session", mechanism: Mechanism, arguments: Authenticate) -> None:
        self._session = session
        self._mechanism = mechanism
        self._arguments = arguments

    async def user(self, wait: Wait) -> "User":
        """The user; ``wait`` is to be awaited with the name before anything is checked.

        Raises:
            BadCommand: the client broke the rules, or gave up.
            AuthError: as the checks do.
        """
        passwords = self._session.context.passwords
        claim = await self._claim(wait)
        if isinstance(claim, Credentials):
            return await passwords.check(claim.user_name, claim.password, claim.authorization)
        if isinstance(claim, Proven):
            if not claim.right:
                raise AuthenticationFailed
            return await passwords.accept(claim)
        return await self._check_token(claim)

    async def _claim(self, wait: Wait) -> Credentials | Proven | Token:
        response = self._arguments.initial_response
        waited = False
        try:
            while True:
                if self._mechanism.user_name and not waited:
                    await wait(self._mechanism.user_name)  # the next step tells whether the proof is right
                    waited = True
                outcome = self._mechanism.step(response)
                if not isinstance(outcome, Challenge):
                    if not waited:
                        await wait(outcome.user_name)
                    return outcome
                response = await self._ask(outcome.octets)
        except MalformedExchange as error:
            raise BadCommand(str(error)) from error

    async def _ask(self, challenge: bytes) -> bytes:
        self._session.send(b"+ " + base64.b64encode(challenge) + b"\r\n")
        line = await self._session.read_line()
        if line == b"*":
            raise BadCommand("Authentication cancelled")
        return decode_base64(line)

    async def _check_token(self, token: Token) -> "User":
        tokens = self._session.context.tokens
        assert tokens is not None
        try:
            return await tokens.check(token)
        except AuthenticationFailed:
            # The client is told why in a challenge, which it answers with nothing of interest (RFC 7628 §3.2.3).
            problem = {"status": "invalid_token", "schemes": "bearer"}
            await self._ask(json.dumps(problem | {"openid-configuration": tokens.settings.discovery}).encode())
            raise


def _surroundings(session: "Session") -> SaslSurroundings:
    """Raises AuthenticationUnavailable."""
    passwords = session.context.passwords
    return SaslSurroundings(
        session.context.config.server_name,
        passwords.secret,
        passwords.decoy_key(),
        _channel_bindings(session),
        _certificate_names(session),
    )


def _channel_bindings(session: "Session") -> Mapping[str, bytes]:
    """What binds to this TLS connection (RFC 5929 §3, §4; RFC 9266 §3: ``tls-unique`` ends with TLS 1.2)."""
    tls = session.connection.tls
    if tls is None:
        return {}
    bindings: dict[str, bytes] = {}
    if session.context.end_point is not None and (end_point := session.context.end_point()) is not None:
        bindings["tls-server-end-point"] = end_point
    unique = tls.get_channel_binding("tls-unique") if tls.version() == "TLSv1.2" else None
    if unique:
        bindings["tls-unique"] = unique
    return bindings


def _certificate_names(session: "Session") -> tuple[str, ...]:
    """Whom the client's certificate names, which the TLS library has verified: e-mail addresses, then common names."""
    tls = session.connection.tls
    certificate: Mapping[str, Any] = (tls.getpeercert() if tls is not None else None) or {}
    emails = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "email"]
    names = [value for rdn in certificate.get("subject", ()) for kind, value in rdn if kind == "commonName"]
    return (*emails, *names)
