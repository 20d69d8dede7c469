"""What SASL mechanisms are, and the server's side of those that send a secret: PLAIN, LOGIN, tokens, EXTERNAL.

Pure: octets in, challenges or claims out. Whether a password or token is right is for :mod:`mailwren.auth.passwords`
and :mod:`mailwren.auth.tokens`; SCRAM and CRAM-MD5 have modules of their own and judge by themselves. Base64, the
lengths of lines and ``*`` (the client gives up) are the server's job. Which mechanisms there are stands in
:mod:`mailwren.auth.mechanisms`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

from mailwren.auth.errors import MalformedExchange
from mailwren.base import limits


@dataclass(frozen=True, slots=True)
class Challenge:
    """What to send to the client, before base64; its answer goes to the next ``step``."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the client claims to be, still to be checked. Empty texts are possible and never right."""

    authorization: str
    """The identity to act as; empty for the user's own."""
    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """Who the client has proved to be, or tried to; whether that user may log in is still to be asked."""

    authorization: str
    """The identity to act as; empty for the user's own."""
    user_name: str
    right: bool = True
    """Whether the proof is good."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that an authorization server gave the client, still to be checked."""

    user_name: str
    """Who the client says it is for; may be empty."""
    token: str = field(repr=False)
    """Empty when the client has none."""


Outcome = Challenge | Credentials | Proven | Token
"""What a step of an exchange leads to."""


@dataclass(frozen=True, slots=True)
class SaslSurroundings:
    """What mechanisms may ask of the server around them."""

    server_name: str
    secret: Callable[[str, str], str | None] = field(repr=False)
    """What is kept for a user name and a kind of secret; ``None`` also for users who may not log in."""
    decoy_key: bytes = field(repr=False)
    """Makes up what unknown users' secrets seem to be; the same for all processes."""
    channel_bindings: Mapping[str, bytes] = field(default_factory=dict)
    """What binds to this TLS connection, by type (RFC 5929 §2)."""
    certificate_names: tuple[str, ...] = ()
    """Whom the client's verified certificate names, the best first."""


class Mechanism(Protocol):
    """One exchange of one connection; made anew for every attempt."""

    user_name: str
    """Who the client says to be, where a further step judges that; empty before."""

    def step(self, response: bytes | None) -> Outcome:
        """Take the next response; first the initial one, or ``None`` when the client sent none.

        Raises:
            MalformedExchange: the response breaks the mechanism's rules; the exchange is over.
        """
        ...


class Plain:
    """PLAIN: everything in one message (RFC 4616 §2)."""

    name: ClassVar[str] = "PLAIN"
    user_name = ""

    def step(self, response: bytes | None) -> Outcome:
        """``message = [authzid] UTF8NUL authcid UTF8NUL passwd``."""
        if response is None:
            return Challenge(b"")
        if response.count(b"\0") != 2:
            raise MalformedExchange("PLAIN takes [authorization] NUL user NUL password.")
        authorization, user_name, password = response.split(b"\0")
        return Credentials(
            _text(authorization, limits.USER_NAME, "authorization identity"),
            _text(user_name, limits.USER_NAME, "user name"),
            _text(password, limits.PASSWORD, "password"),
        )


class Login:
    """LOGIN: the user name, then the password, each asked for. Never standardised, but Outlook needs it."""

    name: ClassVar[str] = "LOGIN"
    user_name = ""

    def __init__(self) -> None:
        self._started = False
        self._user_name: str | None = None

    def step(self, response: bytes | None) -> Outcome:
        """Ask for the user name, unless it came as the initial response, then for the password."""
        started, self._started = self._started, True
        # An empty initial response ("=") is how some clients say that they have none.
        if response is None or (not started and not response):
            return Challenge(b"Username:" if self._user_name is None else b"Password:")
        if self._user_name is None:
            self._user_name = _text(response, limits.USER_NAME, "user name")
            return Challenge(b"Password:")
        return Credentials("", self._user_name, _text(response, limits.PASSWORD, "password"))


_BEARER: Final = re.compile(rb"[ny],(?:a=(?P<user>[^,\x01]*))?,\x01(?P<pairs>.*)\x01\x01", re.DOTALL)
_XOAUTH2: Final = re.compile(rb"user=(?P<user>[^\x01]*)\x01(?P<pairs>.*)\x01\x01", re.DOTALL)
_AUTHORIZATION: Final = re.compile(rb"bearer ++([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)


class OAuthBearer:
    """OAUTHBEARER: an OAuth 2.0 token in one message (RFC 7628 §3.1)."""

    name: ClassVar[str] = "OAUTHBEARER"
    user_name = ""
    _message: ClassVar[re.Pattern[bytes]] = _BEARER

    def step(self, response: bytes | None) -> Outcome:
        """``gs2-header kvsep *(key "=" value kvsep) kvsep``."""
        if response is None:
            return Challenge(b"")
        match = self._message.fullmatch(response)
        if match is None or len(response) > limits.TOKEN:
            raise MalformedExchange(f"{self.name} takes a user and auth=Bearer TOKEN.")
        user_name = (match["user"] or b"").replace(b"=2C", b",").replace(b"=3D", b"=")
        values = [pair[5:] for pair in match["pairs"].split(b"\x01") if pair[:5].lower() == b"auth="]
        if len(values) != 1:
            raise MalformedExchange(f"{self.name} takes auth=Bearer TOKEN.")
        # What is no token is no right one: so clients ask where they get one (RFC 7628 §4.3).
        found = _AUTHORIZATION.fullmatch(values[0])
        token = "" if found is None else found[1].decode("ascii")
        return Token(_text(user_name, limits.USER_NAME, "user name"), token)


class XOAuth2(OAuthBearer):
    """XOAUTH2: the same as Google began with it."""

    name: ClassVar[str] = "XOAUTH2"
    _message: ClassVar[re.Pattern[bytes]] = _XOAUTH2


class External:
    """EXTERNAL: the client's TLS certificate says who it is (RFC 4422 §A)."""

    name: ClassVar[str] = "EXTERNAL"
    user_name = ""

    def __init__(self, surroundings: SaslSurroundings) -> None:
        self._surroundings: Final = surroundings

    def step(self, response: bytes | None) -> Outcome:
        """``[authorization]``: empty is the identity that the certificate has."""
        if response is None:
            return Challenge(b"")
        names = self._surroundings.certificate_names
        authorization = _text(response, limits.USER_NAME, "authorization identity")
        return Proven(authorization, names[0]) if names else Proven(authorization, "", right=False)


def encode_plain(user_name: str, password: str, authorization: str = "") -> bytes:
    """The client's one message of PLAIN, before base64 (RFC 4616 §2)."""
    return f"{authorization}\0{user_name}\0{password}".encode()


def _text(octets: bytes, limit: int, what: str) -> str:
    """One value as text: UTF-8, of bounded length, without NUL."""
    if len(octets) > limit:
        raise MalformedExchange(f"The {what} is too long.")
    if b"\0" in octets:
        raise MalformedExchange(f"The {what} contains NUL.")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise MalformedExchange(f"The {what} is not UTF-8.") from None
