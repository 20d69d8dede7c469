"""What the store can refuse. No protocol words: the server and the delivery turn these into their answers.

StoreError
├── NoSuchMailbox        no mailbox of that name or key (any more)
├── MessageGone          a message that was to be removed is not there any more
├── MailboxExists        the name is taken
├── MailboxHasChildren   a name cannot be removed while others stand below it
├── InvalidName          a name that no mailbox can have
├── CannotChange         INBOX cannot be deleted, a mailbox cannot move below itself …
├── OverQuota            the account's quota would be exceeded
├── LimitReached         one of base/limits.py
├── MessageDamaged       one message's octets cannot be read; the rest of the account can
├── AccountDamaged       the account's database cannot be used; `mailwren check` says what to do
└── StoreUnavailable     temporary: disk full, database locked for too long
"""

from mailwren.store.values import Resource


class StoreError(Exception):
    """Base of all refusals of the store; the text is fit for users."""


class NoSuchMailbox(StoreError):
    """No mailbox of that name or key, or not any more."""


class MessageGone(StoreError):
    """A message that was to be removed is not there any more."""


class MailboxExists(StoreError):
    """The name is taken."""


class MailboxHasChildren(StoreError):
    """The name has no mailbox of its own to remove, only children."""


class InvalidName(StoreError):
    """A name that no mailbox can have; the text says why."""


class CannotChange(StoreError):
    """The change is never possible for this mailbox."""


class OverQuota(StoreError):
    """The account's quota would be exceeded: that of ``resource``."""

    def __init__(self, text: str, resource: Resource = Resource.STORAGE) -> None:
        super().__init__(text)
        self.resource = resource


class LimitReached(StoreError):
    """One of the limits in base/limits.py would be exceeded."""


class MessageDamaged(StoreError):
    """One message's octets are missing or damaged; everything else in the account goes on."""


class AccountDamaged(StoreError):
    """The account's database cannot be used."""


class StoreUnavailable(StoreError):
    """A temporary fault: the disk is full, the database was locked for too long."""
