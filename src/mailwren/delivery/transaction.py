"""One mail transaction of an LMTP session: from MAIL to the last reply about its message (RFC 5321 §3.3).

Pure bookkeeping; the session decides what to answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from mailwren.delivery.envelope import Envelope
from mailwren.delivery.incoming import IncomingMessage
from mailwren.delivery.parameters import MailParameters
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.status import DeliveryStatus
from mailwren.store.octets import Spool


@dataclass(slots=True)
class Transaction:
    """What has been agreed on so far."""

    envelope: Envelope
    parameters: MailParameters
    recipients: list[Recipient] = field(default_factory=list)
    """One for each RCPT that succeeded, in order, repeated ones included: each gets its reply (RFC 2033 §4.2)."""
    message: IncomingMessage | None = None
    failure: DeliveryStatus | None = None
    """After commands that contradict each other nothing but RSET helps (RFC 3030 §2)."""
    answered: int = 0
    """How many recipients have had their reply to the message."""

    def begin_message(self, new_spool: Callable[[], Spool], limit: int) -> IncomingMessage:
        """The message of this transaction, made when its first octets come."""
        if self.message is None:
            self.message = IncomingMessage(new_spool, limit)
        return self.message

    def close(self) -> None:
        """Let go of the message."""
        if self.message is not None:
            self.message.close()
