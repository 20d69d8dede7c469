"""A message's envelope, and the trace fields that final delivery puts in front of the message.

Pure: the time is an argument.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from mailwren.delivery.addresses import Address

# What a client may call itself in Received: Domain, address literal, and the underscores that occur in practice.
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}|\[[A-Za-z0-9.:]{1,64}\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is known of a message beside its octets."""

    sender: Address
    id: str
    """Of this transaction; in the log, in the Received field and in the reply."""
    host: str = ""
    """The server that received it. Empty: not received over a connection, no Received field is written."""
    client: str = ""
    """What the client called itself."""
    peer: str = ""
    """The client's IP address; empty for a UNIX socket."""
    protocol: str = "LMTP"
    """As registered for ``with`` (RFC 3848, RFC 6531 §4.3)."""


def protocol_name(*, utf8: bool, secure: bool) -> str:
    """The registered name for ``with`` in Received (RFC 3848, RFC 6531 §4.3)."""
    return ("UTF8" if utf8 else "") + "LMTP" + ("S" if secure else "")


def trace_header(envelope: Envelope, recipient: Address, now: datetime) -> bytes:
    """Return-Path, Delivered-To and Received, to stand in front of the message (RFC 5321 §4.4).

    Fields of these names that the message has already are left alone: its octets come back as they came in.
    """
    lines = f"Return-Path: <{envelope.sender}>\r\nDelivered-To: {recipient}\r\n"
    if envelope.host:
        lines += _received(envelope, recipient, now)
    return lines.encode()


def _received(envelope: Envelope, recipient: Address, now: datetime) -> str:
    client = envelope.client if _HOST.fullmatch(envelope.client) else "unknown"
    peer = f" ({_address_literal(envelope.peer)})" if envelope.peer else ""
    return (
        f"Received: from {client}{peer}\r\n"
        f"\tby {envelope.host} with {envelope.protocol} id {envelope.id}\r\n"
        f"\tfor <{recipient}>;\r\n"
        f"\t{format_datetime(now)}\r\n"
    )


def _address_literal(peer: str) -> str:
    """An IP address as RFC 5321 §4.1.3 writes it, without the zone of a link-local one."""
    return f"[IPv6:{peer.partition('%')[0]}]" if ":" in peer else f"[{peer}]"
