"""Who shares mailboxes with whom: an index over the access control lists of all accounts.

The lists themselves stand in the accounts. The index may say too much, never too little: a grant is noted here before
the list says so, and forgotten only when no list of the account has said so for a while. So LIST opens the accounts
that share something with a user, and no others.

Identifiers are account ids of users, ids of groups, and ``anyone``: names come and go, and a name that is given to
somebody else must not take rights with it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from mailwren.auth.database import Database, unavailable
from mailwren.base import limits

ANYONE: Final = "anyone"
"""Everybody (RFC 4314 §2)."""


@dataclass(frozen=True, slots=True)
class Sharer:
    """A user or a team whose mailboxes somebody else may look for."""

    name: str
    account_id: str
    is_team: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user is to others' access control lists, as of the moment of asking."""

    identifiers: frozenset[str]
    """Those that mean this user: the own account id, groups, and ``anyone``."""
    users: dict[str, Sharer]
    """Other users who share something, by name. Not to be changed."""
    teams: dict[str, Sharer]
    """Teams that the user belongs to, or that share something with him, by name. Not to be changed."""
    accounts: frozenset[str]
    """The accounts of all of them."""


_SHARERS: Final = """
SELECT users.name, users.account_id, 0 FROM grants JOIN users USING (account_id)
WHERE identifier IN (SELECT group_id FROM members WHERE account_id = :me UNION ALL VALUES (:me), (:anyone))
AND users.account_id != :me
UNION SELECT groups.name, groups.group_id, 1 FROM grants JOIN groups ON groups.group_id = grants.account_id
WHERE identifier IN (SELECT group_id FROM members WHERE account_id = :me UNION ALL VALUES (:me), (:anyone))
AND has_mailbox
UNION SELECT groups.name, groups.group_id, 1 FROM members JOIN groups USING (group_id)
WHERE members.account_id = :me AND has_mailbox
ORDER BY 3, 1
"""


class GrantIndex:
    """The index; part of the directory of users. Every method may raise DirectoryUnavailable."""

    def __init__(self, file: Database, clock: Callable[[], float]) -> None:
        """Use the open ``file``; ``clock`` tells seconds since the epoch."""
        self._file: Final = file
        self._database: Final = file.connection
        self._clock: Final = clock
        self._cache: Final[dict[str, Standing]] = {}
        self._cache_version = (-1, 0)

    def standing(self, account_id: str) -> Standing:
        """What the user of an account is to others; costs a microsecond while nothing changes."""
        version = self._file.version()
        if version != self._cache_version:
            self._cache.clear()
            self._cache_version = version
        known = self._cache.get(account_id)
        if known is None:
            if len(self._cache) >= limits.USERS_CACHED:
                self._cache.clear()
            known = self._cache[account_id] = self._read(account_id)
        return known

    def _read(self, account_id: str) -> Standing:
        with unavailable("read"):
            groups = self._database.execute("SELECT group_id FROM members WHERE account_id = ?", (account_id,))
            identifiers = frozenset({account_id, ANYONE, *(str(group) for (group,) in groups)})
            rows = self._database.execute(_SHARERS, {"me": account_id, "anyone": ANYONE})
            sharers = [Sharer(str(name), str(other), bool(is_team)) for name, other, is_team in rows]
        return Standing(
            identifiers,
            {sharer.name: sharer for sharer in sharers if not sharer.is_team},
            {sharer.name: sharer for sharer in sharers if sharer.is_team},
            frozenset(sharer.account_id for sharer in sharers),
        )

    def note(self, account_id: str, identifiers: Collection[str]) -> None:
        """An account is about to share something with these identifiers."""
        now = int(self._clock())
        with self._file.change():
            self._database.executemany(
                "INSERT INTO grants VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET granted = excluded.granted",
                [(identifier, account_id, now) for identifier in identifiers],
            )

    def forget(self, account_id: str, present: Collection[str]) -> None:
        """No list of an account names others than ``present``: forget those, unless they were noted just now."""
        with self._file.change():
            rows = self._database.execute(
                "SELECT identifier FROM grants WHERE account_id = ? AND granted < ?",
                (account_id, int(self._clock() - limits.GRANT_SECONDS)),
            ).fetchall()
            self._database.executemany(
                "DELETE FROM grants WHERE account_id = ? AND identifier = ?",
                [(account_id, identifier) for (identifier,) in rows if identifier not in present],
            )

    def accounts(self) -> list[str]:
        """Every account that may share something."""
        with unavailable("read"):
            rows = self._database.execute("SELECT DISTINCT account_id FROM grants ORDER BY 1").fetchall()
        return [str(account_id) for (account_id,) in rows]

    def noted(self, account_id: str) -> frozenset[str]:
        """With whom an account may share something."""
        with unavailable("read"):
            rows = self._database.execute("SELECT identifier FROM grants WHERE account_id = ?", (account_id,))
            return frozenset(str(identifier) for (identifier,) in rows)
