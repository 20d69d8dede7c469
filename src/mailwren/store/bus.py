"""Hints between processes: "this mailbox of this account is at this mod-sequence now".

A lost hint costs latency, never correctness: every session looks again at its next command and at a slow
heartbeat. Inside one process the store tells its own watchers; a bus only reaches the others.
"""

from collections.abc import Callable
from typing import Protocol

from mailwren.base.ids import MailboxId

HintCallback = Callable[[str, MailboxId], None]
"""Called on the event loop with the account's id and the mailbox (or ``ALL_MAILBOXES``)."""


class Bus(Protocol):
    """Carries hints to the other processes that serve the same data folder."""

    def publish(self, account_id: str, mailbox: MailboxId) -> None:
        """Tell the other processes; never blocks, never raises."""
        ...

    def listen(self, callback: HintCallback) -> None:
        """Call back for every hint of another process, from now on."""
        ...

    def close(self) -> None:
        """Stop listening and let go of what the bus holds."""
        ...


class Audience(Protocol):
    """What the processes of one server know of each other: who need not be told, as nobody there waits for it."""

    def join(self, process: str) -> None:
        """The own process has this name on the bus."""
        ...

    def hears(self, process: str, account_id: str) -> bool:
        """Whether a process is to be told of changes in an account; also where that is not known.

        Whoever wants to hear from now on says so first, and looks then.
        """
        ...


class NoBus:
    """For a single process: there is nobody else to tell."""

    def publish(self, account_id: str, mailbox: MailboxId) -> None:
        """Nobody to tell."""

    def listen(self, callback: HintCallback) -> None:
        """Nobody will call."""

    def close(self) -> None:
        """Nothing to let go of."""
