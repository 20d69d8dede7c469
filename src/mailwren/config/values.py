"""The values that settings hold: listeners, default mailboxes and the choices."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple


class ListenProtocol(StrEnum):
    """What is spoken on a listener."""

    IMAP = "imap"
    """IMAP that offers STARTTLS."""
    IMAPS = "imaps"
    """IMAP inside TLS from the first octet."""
    LMTP = "lmtp"
    """Delivery of mail, RFC 2033."""


class Durability(StrEnum):
    """What is synced to disk before a command's OK."""

    NORMAL = "normal"
    """Mail and mailboxes; flags within a second."""
    STRICT = "strict"
    """Flags as well."""


class OverQuota(StrEnum):
    """What a sender hears when a mailbox is full."""

    TEMPORARY = "temporary"
    """Try again later: 452 4.2.2."""
    PERMANENT = "permanent"
    """The mail goes back: 552 5.2.2."""


class QuotaLimits(NamedTuple):
    """What an account may hold; ``None`` is no limit."""

    octets: int | None
    messages: int | None
    mailboxes: int | None
    annotation_octets: int | None


NO_LIMITS: Final = QuotaLimits(None, None, None, None)
"""As much as there is room for."""


class LogFormat(StrEnum):
    """How log lines look."""

    AUTO = "auto"
    """Text on a terminal, otherwise JSON."""
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important messages that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


SOCKET_MODE: Final = 0o660
"""The default permissions of a UNIX socket: its owner and group may connect."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where connections are taken.

    Args:
        protocol: what is spoken there.
        host: an address or a name; ``0.0.0.0`` and ``::`` are two listeners, the latter IPv6 only.
        port: 0 is any free port.
        path: a UNIX socket instead of host and port.
        mode: the permissions of that socket.
        fallback_port: taken when ``port`` may not be bound; only the automatic listeners have one, and all of them
            use it when one does, so that either 143 and 993 or 1143 and 1993 serve.
        optional: may be left out on a machine without this address family.
    """

    protocol: ListenProtocol
    host: str = ""
    port: int = 0
    path: Path | None = None
    mode: int = SOCKET_MODE
    fallback_port: int | None = None
    optional: bool = False

    @property
    def address(self) -> str:
        """The address as people write it: ``0.0.0.0:143``, ``[::]:993``, ``unix:/run/mailwren/lmtp.sock``."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Can only this machine connect?"""
        return self.path is not None or self.host in {"localhost", "::1"} or self.host.startswith("127.")


ALL_ADDRESSES: Final = (("0.0.0.0", False), ("::", True))  # noqa: S104 - a mail server is there to be reached; TLS is on
"""The hosts that ``*`` stands for, and whether each is optional."""

AUTOMATIC_LISTENERS: Final = tuple(
    Listener(protocol, host, port, fallback_port=port + 1000, optional=optional)
    for protocol, port in ((ListenProtocol.IMAP, 143), (ListenProtocol.IMAPS, 993))
    for host, optional in ALL_ADDRESSES
)
"""What serves when no listener is configured: IMAP and IMAPS on all addresses."""


@dataclass(frozen=True, slots=True)
class DefaultMailbox:
    """A mailbox that every account is given at its first login."""

    name: str
    special_use: str | None = None
    """Such as ``\\Sent`` (RFC 6154 §2)."""
    subscribed: bool = True


DEFAULT_MAILBOXES: Final = tuple(
    DefaultMailbox(name, f"\\{name}") for name in ("Drafts", "Sent", "Junk", "Trash", "Archive")
)
"""What ordinary clients look for, each with the special use of its name."""

SPECIAL_USES: Final = ("All", "Archive", "Drafts", "Flagged", "Junk", "Sent", "Trash", "Important")
"""RFC 6154 §2 and RFC 8457 §4, without their backslash."""
