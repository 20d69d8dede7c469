"""A recipient whose user is known."""

from dataclasses import dataclass

from mailwren.config.values import NO_LIMITS, QuotaLimits
from mailwren.delivery.addresses import Address


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a message is to go."""

    address: Address
    """As the envelope has it."""
    user: str
    """The user's name, for the log."""
    account_id: str
    detail: str = ""
    """What stood behind the delimiter: the name of a mailbox, if there is one of that name."""
    limits: QuotaLimits = NO_LIMITS
    """What the account may hold; ``None`` is no limit."""
