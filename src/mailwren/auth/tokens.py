"""Checking OAuth 2.0 tokens: signed ones with the authority's keys (RFC 7519), others by asking it (RFC 7662).

Rules for editors: the network and the computing happen in threads, bounded in number, in time and in octets; a token
is known to the cache only by a keyed digest; what is wrong with a token is for the log at most, clients are told that
it is not right.
"""

import asyncio
import base64
import hmac
import http.client
import json
import secrets
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from mailwren.auth.errors import AuthenticationFailed, AuthenticationUnavailable, DirectoryUnavailable
from mailwren.auth.sasl import Token
from mailwren.auth.users import User, UserDirectory
from mailwren.base import limits
from mailwren.base.logs import log

_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with public keys only: a key that everybody knows must not be taken for a shared secret."""
_SECONDS: Final = 5.0
"""For an answer of the authorization server; a client waits meanwhile."""
_KEYS_SECONDS: Final = 3600.0
_KEYS_AGAIN_SECONDS: Final = 30.0
"""Between looks for a key that is not known: made-up key ids must not become a flood of questions."""
_LEEWAY_SECONDS: Final = 30
_THREADS: Final = 4

Claims = Mapping[str, Any]
"""What a token says; Any: JSON."""


class InvalidToken(Exception):
    """A token that is not right; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """Whose tokens are taken, and how they are checked."""

    issuer: str
    """The authority, as ``iss`` names it; its discovery document says where its keys are."""
    audience: str
    """Whom tokens must be for; empty for anybody."""
    keys: str
    """The path or the address of its key set; empty: as the discovery document says."""
    introspection: str
    """Where to ask about tokens that are not signed; empty: such tokens are refused."""
    client_id: str
    client_secret: str = field(repr=False)
    user_claim: str
    """The claim that names the user here."""

    @property
    def discovery(self) -> str:
        """The address of the discovery document (RFC 8414 §3)."""
        return self.issuer.rstrip("/") + "/.well-known/openid-configuration"


class Checker(Protocol):
    """One way to check tokens, in a worker thread."""

    def claims(self, token: str) -> Claims:
        """What the token says. Raises InvalidToken, OSError (cannot be checked now)."""
        ...


class SignedTokens:
    """Tokens that carry their proof: a JSON Web Signature over the claims."""

    def __init__(self, settings: OAuthSettings, fetch: "Fetch", clock: Callable[[], float]) -> None:
        from joserfc.jwk import KeySet
        from joserfc.jwt import JWTClaimsRegistry

        wanted: dict[str, Any] = {"iss": {"essential": True, "value": settings.issuer}, "exp": {"essential": True}}
        if settings.audience:
            wanted["aud"] = {"essential": True, "value": settings.audience}
        self._rules: Final = JWTClaimsRegistry(lambda: int(clock()), _LEEWAY_SECONDS, **wanted)
        self._settings: Final = settings
        self._fetch: Final = fetch
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched = -_KEYS_SECONDS

    def claims(self, token: str) -> Claims:
        """The claims behind a good signature. Raises InvalidToken, OSError."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        for fresh in (False, True):
            keys = self._key_set(fresh=fresh)
            try:
                decoded = jwt.decode(token, keys, algorithms=list(_ALGORITHMS))
                self._rules.validate(decoded.claims)
            except (JoseError, ValueError, TypeError) as error:
                if not fresh and _wants_other_key(error):
                    continue
                raise InvalidToken(f"{type(error).__name__}: {error}") from error
            return decoded.claims
        raise AssertionError("the second round returns or raises")

    def _key_set(self, *, fresh: bool) -> Any:  # joserfc's KeySet, which is imported only where it is used
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        with self._lock:
            age = self._clock() - self._fetched
            if self._keys is None or age > _KEYS_SECONDS or (fresh and age > _KEYS_AGAIN_SECONDS):
                self._fetched = self._clock()
                try:
                    self._keys = KeySet.import_key_set(self._fetch.json(self._address()))
                except (JoseError, KeyError, TypeError, ValueError) as error:
                    raise OSError(f"the key set cannot be used: {error}") from error
            return self._keys

    def _address(self) -> str:
        if self._settings.keys:
            return self._settings.keys
        address = self._fetch.json(self._settings.discovery).get("jwks_uri")
        if not isinstance(address, str) or not address.startswith("https://"):
            raise OSError("the discovery document names no key set")
        return address


def _wants_other_key(error: Exception) -> bool:
    """Whether a key that came up lately could make it right."""
    from joserfc.errors import BadSignatureError, InvalidKeyIdError

    return isinstance(error, InvalidKeyIdError | BadSignatureError | ValueError)


class AskedTokens:
    """Tokens that only the authority understands (RFC 7662)."""

    def __init__(self, settings: OAuthSettings, fetch: "Fetch", clock: Callable[[], float]) -> None:
        self._settings: Final = settings
        self._fetch: Final = fetch
        self._clock: Final = clock

    def claims(self, token: str) -> Claims:
        """What the authority says of it. Raises InvalidToken, OSError."""
        settings = self._settings
        form = {"token": token, "token_type_hint": "access_token"}
        claims: Claims = self._fetch.json(settings.introspection, form, (settings.client_id, settings.client_secret))
        if claims.get("active") is not True:
            raise InvalidToken("the authority does not know it as active")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if settings.audience and settings.audience not in audiences:
            raise InvalidToken("it is for somebody else")
        if claims.get("iss", settings.issuer) != settings.issuer:
            raise InvalidToken("it is of another issuer")
        expires = claims.get("exp")
        if isinstance(expires, int | float) and expires + _LEEWAY_SECONDS < self._clock():
            raise InvalidToken("it has expired")
        return claims


class Fetch:
    """JSON documents from files and web servers, bounded in size and time."""

    def json(self, place: str, form: Mapping[str, str] | None = None, login: tuple[str, str] | None = None) -> Any:
        """The object at a path or an address, perhaps the answer to a form. Raises OSError. Any: JSON."""
        octets = self._web(place, form, login) if place.startswith(("http://", "https://")) else _file(place)
        try:
            document = json.loads(octets)
        except ValueError as error:
            raise OSError(f"{place}: no JSON") from error
        if not isinstance(document, dict):
            raise OSError(f"{place}: no JSON object")
        return document

    def _web(self, address: str, form: Mapping[str, str] | None, login: tuple[str, str] | None) -> bytes:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(address, data, {"Accept": "application/json"})  # noqa: S310 - http(s) above
        if login is not None and login[0]:
            pair = ":".join(urllib.parse.quote(each, safe="") for each in login)
            request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode("ascii"))
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - http(s) above
                octets: bytes = answer.read(limits.TOKEN_ANSWER + 1)
        except http.client.HTTPException as error:
            raise OSError(f"{address}: {type(error).__name__} {error}") from error
        if len(octets) > limits.TOKEN_ANSWER:
            raise OSError(f"{address}: the answer is too long")
        return octets


def _file(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(limits.TOKEN_ANSWER)


class TokenChecker:
    """Answers whose a token is. One per process, used on its event loop.

    Args:
        settings: whose tokens are taken.
        directory: the users.
        clock: seconds since the epoch.
        fetch: gets documents.
    """

    def __init__(
        self,
        settings: OAuthSettings,
        directory: UserDirectory,
        clock: Callable[[], float] = time.time,
        fetch: Fetch | None = None,
    ) -> None:
        fetch = fetch or Fetch()
        self.settings: Final = settings
        self._directory: Final = directory
        self._clock: Final = clock
        self._signed: Final = SignedTokens(settings, fetch, clock)
        self._asked: Final = AskedTokens(settings, fetch, clock) if settings.introspection else None
        self._key: Final = secrets.token_bytes(32)
        self._known: Final[dict[bytes, tuple[str, float]]] = {}
        self._threads: Final = ThreadPoolExecutor(_THREADS, "token")
        self._waiting = 0

    async def check(self, token: Token) -> User:
        """The user whose token it is.

        Raises:
            AuthenticationFailed: not right, not for a user here, or not for the one that the client named.
            AuthenticationUnavailable: cannot be checked now.
        """
        if not token.token:
            raise AuthenticationFailed("The token is not right.")
        digest = hmac.digest(self._key, token.token.encode(), "sha256")
        name, until = self._known.get(digest, ("", 0.0))
        if until <= self._clock():
            claims = await self._ask(token.token)
            name = self._name(claims)
            self._remember(digest, name, claims)
        return self._user(name, token.user_name)

    def close(self) -> None:
        """Forget everything."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._known.clear()

    async def _ask(self, token: str) -> Claims:
        if self._waiting >= limits.TOKEN_CHECKS_WAITING:
            raise AuthenticationUnavailable
        self._waiting += 1
        checker: Checker = self._signed if token.count(".") == 2 or self._asked is None else self._asked
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, checker.claims, token)
        except InvalidToken as error:
            log.info("token refused", reason=str(error))
            raise AuthenticationFailed("The token is not right.") from error
        except OSError as error:
            log.error("tokens cannot be checked", reason=str(error))
            raise AuthenticationUnavailable from error
        finally:
            self._waiting -= 1

    def _name(self, claims: Claims) -> str:
        name = claims.get(self.settings.user_claim)
        if not isinstance(name, str) or (self.settings.user_claim == "email" and claims.get("email_verified") is False):
            log.info("token refused", reason=f"it has no {self.settings.user_claim} to go by")
            raise AuthenticationFailed("The token is not right.")
        return name

    def _remember(self, digest: bytes, name: str, claims: Claims) -> None:
        now = self._clock()
        expires = claims.get("exp")
        until = min(now + limits.TOKEN_CACHE_SECONDS, expires if isinstance(expires, int | float) else now)
        while len(self._known) >= limits.TOKEN_CACHE:
            del self._known[next(iter(self._known))]
        self._known[digest] = (name, until)

    def _user(self, name: str, wanted: str) -> User:
        try:
            user = self._directory.find(name)
            other = self._directory.find(wanted) if wanted else user
        except DirectoryUnavailable as error:
            raise AuthenticationUnavailable from error
        if user is None or not user.enabled or other is None or other.account_id != user.account_id:
            raise AuthenticationFailed("The token is not right.")
        return user
