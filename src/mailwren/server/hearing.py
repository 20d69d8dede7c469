"""Of which accounts a session wants to hear at once what other processes change: of none, as long as it does not wait.

A session that neither idles nor has asked for notifications looks by itself at its next command. So whoever begins to
hear looks once more afterwards: what was changed before then nobody may have told.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailwren.server.session import Session


class Hearing:
    """What one session is counted for, among those whom other workers tell of changes."""

    __slots__ = ("_accounts",)

    def __init__(self) -> None:
        self._accounts: frozenset[str] = frozenset()

    def update(self, session: "Session") -> bool:
        """Count the session anew, as it has begun or ceased to wait; whether it is to look once more."""
        accounts: frozenset[str] = frozenset()
        if session.idling or session.notifications is not None:
            selected = session.account if session.selected is None else session.selected.account
            accounts = frozenset({session.account.id, selected.id})
        before, self._accounts = self._accounts, accounts
        for account_id in accounts - before:
            session.context.count_hearing(account_id, 1)
        for account_id in before - accounts:
            session.context.count_hearing(account_id, -1)
        return not accounts <= before
