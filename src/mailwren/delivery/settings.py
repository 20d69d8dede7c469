"""What an operator may decide about mail in. Plain frozen values; whoever reads the configuration makes them."""

from dataclasses import dataclass
from pathlib import Path

from mailwren.base import limits
from mailwren.config.values import NO_LIMITS, QuotaLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Whose mail is taken, and where it goes."""

    accept_any_domain: bool = True
    """A user ``alice`` gets the mail of ``alice@`` any domain: the MTA in front has decided which domains are ours."""
    domains: frozenset[str] = frozenset()
    """Domains of plain user names where not any is accepted; lower case."""
    delimiters: str = "+"
    """Characters of which the first one in a local part begins the detail; empty: addresses have no detail."""
    detail_folders: bool = True
    """Whether ``user+Folder@…`` goes into that folder where it exists; otherwise all mail goes into INBOX."""
    limits: QuotaLimits = NO_LIMITS
    """What an account may hold that has no limits of its own."""
    over_quota_permanent: bool = False
    """Refuse mail over quota for good (552 5.2.2) rather than for now (452 4.2.2)."""
    spool_folder: Path | None = None
    """Where copies of large messages are made; ``None`` is the system's temporary folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LmtpSettings:
    """What the LMTP server allows."""

    host: str
    """This server's name, ASCII: in the greeting and in Received fields."""
    message_size: int = limits.MESSAGE
    """Octets of the largest message."""
    recipients: int = limits.LMTP_RECIPIENTS
    """Recipients of one message."""
    connections: int = limits.LMTP_CONNECTIONS
    """Connections at the same time."""
    idle_seconds: float = limits.LMTP_IDLE_SECONDS
    """Silence after which a connection is closed."""
    spool_folder: Path | None = None
    """Where large messages are collected; ``None`` is the system's temporary folder."""
