"""The server's side of the SASL mechanisms PLAIN and LOGIN. Pure: octets in, challenges or credentials out.

A mechanism only reads what the client sends; whether the credentials are right is for
:mod:`mailwren.auth.passwords`. Base64, the lengths of lines and ``*`` (the client gives up) are the server's job.
"""

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


class Mechanism(Protocol):
    """One exchange of one connection; made anew for every attempt."""

    name: ClassVar[str]
    """As in ``AUTH=`` capabilities (RFC 4422 §3.1)."""

    def step(self, response: bytes | None) -> Challenge | Credentials:
        """Take the next response; first the initial one, or ``None`` when the client sent none.

        Raises:
            MalformedExchange: the response breaks the mechanism's rules; the exchange is over.
        """
        ...


class Plain:
    """PLAIN: everything in one message (RFC 4616 §2)."""

    name: ClassVar[str] = "PLAIN"

    def step(self, response: bytes | None) -> Challenge | Credentials:
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

    def __init__(self) -> None:
        self._started = False
        self._user_name: str | None = None

    def step(self, response: bytes | None) -> Challenge | Credentials:
        """Ask for the user name, unless it came as the initial response, then for the password."""
        started, self._started = self._started, True
        # An empty initial response ("=") is how some clients say that they have none.
        if response is None or (not started and not response):
            return Challenge(b"Username:" if self._user_name is None else b"Password:")
        if self._user_name is None:
            self._user_name = _text(response, limits.USER_NAME, "user name")
            return Challenge(b"Password:")
        return Credentials("", self._user_name, _text(response, limits.PASSWORD, "password"))


MECHANISMS: Final[dict[str, type[Plain] | type[Login]]] = {"PLAIN": Plain, "LOGIN": Login}
"""By their names, the better ones first. Both send the password as it is: only over TLS, unless allowed otherwise."""


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
