"""The mailboxes that every new account starts with."""

from collections.abc import Sequence
from typing import Protocol

from mailwren.store.api import Account
from mailwren.store.operations import CreateMailbox, SetSubscription
from mailwren.store.values import INBOX


class DefaultMailbox(Protocol):
    """A mailbox to start with, as the configuration names it."""

    @property
    def name(self) -> str:
        """Its full name."""
        ...

    @property
    def special_use(self) -> str | None:
        """Such as ``\\Sent`` (RFC 6154 §2)."""
        ...

    @property
    def subscribed(self) -> bool:
        """Whether the user is subscribed to it from the start."""
        ...


async def ensure_default_mailboxes(account: Account, mailboxes: Sequence[DefaultMailbox]) -> None:
    """Create the mailboxes to start with in an account that has none but INBOX; others are left as they are.

    INBOX is subscribed to with them: some programs show nothing else but what is.
    """
    if not mailboxes or set(await account.mailboxes()) != {INBOX}:
        return
    created = [
        CreateMailbox(
            mailbox.name,
            special_use=(mailbox.special_use,) if mailbox.special_use else (),
            exist_ok=True,
            subscribe=mailbox.subscribed,
        )
        for mailbox in mailboxes
    ]
    await account.apply([SetSubscription(INBOX, True), *created])
