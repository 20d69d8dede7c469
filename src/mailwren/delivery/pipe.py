"""Delivers one message that comes through a pipe, as MTAs and filters hand it to a delivery agent.

The caller is a program that understands exit statuses and at most one line of text, so the worst of all recipients'
statuses counts: hand over one recipient at a time where that matters.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from mailwren.base import limits
from mailwren.delivery.addresses import NULL_SENDER, Address, parse_address
from mailwren.delivery.delivery import Delivery
from mailwren.delivery.envelope import Envelope
from mailwren.delivery.incoming import IncomingMessage
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.status import DeliveryStatus, Refusal
from mailwren.store.octets import Spool

_PIECE = 64 * 1024
# "From sender date": the separator of mbox files that old MTAs put in front (RFC 4155 Appendix A).
_FROM_LINE = re.compile(rb"From (?:([^\r\n ]*) )?[^\r\n]*\r?\n")


class ExitStatus(IntEnum):
    """From sysexits.h, in the meaning that Postfix's pipe(8), Exim and procmail give them."""

    OK = 0
    USAGE = 64
    NO_MESSAGE = 65
    NO_USER = 67
    UNAVAILABLE = 69
    CANNOT_CREATE = 73
    TEMPORARY = 75
    NO_PERMISSION = 77


@dataclass(frozen=True, slots=True)
class PipeOutcome:
    """What became of the message."""

    exit_status: ExitStatus
    lines: tuple[str, ...]
    """For standard output: one for each recipient, enhanced status code first, which pipe(8) passes on."""


async def deliver_stream(
    stream: BinaryIO,
    delivery: Delivery,
    recipients: Sequence[str],
    *,
    sender: str | None = None,
    mailbox: str = "",
    message_size: int = limits.MESSAGE,
    spool_folder: Path | None = None,
) -> PipeOutcome:
    """Read a message to its end and deliver it. Lines that end with LF alone get CRLF; a ``From `` line goes.

    Args:
        stream: the message; reading may block, it is done in a thread.
        delivery: where to.
        recipients: envelope addresses or user names.
        sender: the envelope's sender, empty for none; ``None`` takes it from a ``From `` line.
        mailbox: an existing mailbox instead of INBOX; INBOX takes the message when there is no such mailbox.
        message_size: octets of the largest message.
        spool_folder: where a large message is collected; ``None`` is the system's temporary folder.
    """
    try:
        addresses = [_recipient(text) for text in recipients]
        given = None if sender is None else _sender(sender)
    except Refusal as refusal:
        return PipeOutcome(ExitStatus.USAGE, (_line(refusal.status),))
    message = IncomingMessage(lambda: Spool(spool_folder), message_size)
    try:
        reader = _Reader(stream, message)
        await asyncio.to_thread(reader.read_all)
        statuses = [message.failure] * len(addresses)
        if message.failure is None and not message.spool.size:
            return PipeOutcome(ExitStatus.NO_MESSAGE, ("5.6.0 There is no message on standard input",))
        if message.failure is None:
            envelope = Envelope(sender=given or reader.sender, id=secrets.token_hex(6))
            statuses = [*await _deliver(delivery, addresses, message.spool, envelope, mailbox)]
    finally:
        message.close()
    return _outcome([status for status in statuses if status is not None])


async def _deliver(
    delivery: Delivery, addresses: Sequence[Address], message: Spool, envelope: Envelope, mailbox: str
) -> list[DeliveryStatus]:
    results = [delivery.resolve(address) for address in addresses]
    known = [result for result in results if isinstance(result, Recipient)]
    if mailbox:
        known = [replace(recipient, detail=mailbox) for recipient in known]
    delivered = [status async for status in delivery.deliver_each(known, message, envelope)] if known else []
    answers = iter(delivered)
    statuses = [next(answers) if isinstance(result, Recipient) else result for result in results]
    return [status.about(str(address)) for status, address in zip(statuses, addresses, strict=True)]


class _Reader:
    """Copies the stream into the message; remembers the sender of a ``From `` line."""

    def __init__(self, stream: BinaryIO, message: IncomingMessage) -> None:
        self._read: Callable[[int], bytes] = stream.read
        self._message = message
        self.sender = NULL_SENDER

    def read_all(self) -> None:
        """To the end of the stream, even when the message is refused: the writer must not break off."""
        data = self._read(_PIECE)
        data = data[self._from_line(data) :]
        held = b""
        while data:
            data = held + data
            held = b"\r" if data.endswith(b"\r") else b""
            self._message.write(_with_crlf(data.removesuffix(b"\r")))
            data = self._read(_PIECE)
        self._message.write(held)

    def _from_line(self, data: bytes) -> int:
        """The length of the ``From `` line at the beginning, if there is one."""
        match = _FROM_LINE.match(data)
        if match is None:
            return 0
        try:
            self.sender = _sender((match[1] or b"").decode("ascii"))
        except (Refusal, UnicodeDecodeError):
            self.sender = NULL_SENDER  # MAILER-DAEMON, UUCP paths and the like are no addresses to return mail to
        return match.end()


def _with_crlf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _sender(text: str) -> Address:
    return parse_address(text) if text else NULL_SENDER


def _recipient(text: str) -> Address:
    address = parse_address(text)
    if not address.local:
        raise Refusal(501, "5.1.3", "A recipient's address is empty")
    return address


def _outcome(statuses: list[DeliveryStatus]) -> PipeOutcome:
    lines = tuple(_line(status) for status in statuses)
    if any(status.temporary for status in statuses):
        return PipeOutcome(ExitStatus.TEMPORARY, lines)
    refused = [
        _EXIT_STATUSES.get(status.enhanced, ExitStatus.UNAVAILABLE) for status in statuses if not status.accepted
    ]
    return PipeOutcome(refused[0] if refused else ExitStatus.OK, lines)


def _line(status: DeliveryStatus) -> str:
    return f"{status.enhanced} {status.text}"


_EXIT_STATUSES = {
    "5.1.1": ExitStatus.NO_USER,
    "5.1.2": ExitStatus.NO_USER,
    "5.2.1": ExitStatus.NO_PERMISSION,
    "5.2.2": ExitStatus.CANNOT_CREATE,
    "5.2.3": ExitStatus.CANNOT_CREATE,
}
