"""What users' passwords leave behind for mechanisms that never send them, in ``users.sqlite3``.

A secret belongs to the password that it was derived from: the hash it was kept beside says which, so that a changed
password leaves no old way in, whoever changed it.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from mailwren.auth.database import Database, unavailable

_DECOY: Final = "decoy"


class SecretDirectory:
    """Secrets by account and kind, in the file of the users."""

    def __init__(self, file: Database) -> None:
        self._file: Final = file

    def find(self, account_id: str, password_hash: str, kind: str) -> str | None:
        """The secret that was derived from the password with this hash."""
        with unavailable("read"):
            row = self._file.connection.execute(
                "SELECT value FROM secrets WHERE account_id = ? AND kind = ? AND password = ?",
                (account_id, kind, _mark(password_hash)),
            ).fetchone()
        return None if row is None else str(row[0])

    def kinds(self, account_id: str, password_hash: str) -> set[str]:
        """Which secrets there are of that password."""
        with unavailable("read"):
            rows = self._file.connection.execute(
                "SELECT kind FROM secrets WHERE account_id = ? AND password = ?", (account_id, _mark(password_hash))
            )
            return {str(kind) for (kind,) in rows}

    def keep(self, account_id: str, password_hash: str, secrets: Mapping[str, str]) -> None:
        """Keep what a password left behind, unless the account is gone; other passwords' secrets go."""
        mark = _mark(password_hash)
        with self._file.change():
            execute = self._file.connection.execute
            execute("DELETE FROM secrets WHERE account_id = ? AND password != ?", (account_id, mark))
            for kind, value in secrets.items():
                execute(
                    "INSERT OR REPLACE INTO secrets SELECT account_id, ?, ?, ? FROM users WHERE account_id = ?",
                    (kind, mark, value, account_id),
                )

    def decoy_key(self) -> bytes:
        """Random octets, the same for all processes that use the file."""
        with unavailable("read"):
            row = self._file.connection.execute("SELECT value FROM keys WHERE name = ?", (_DECOY,)).fetchone()
        assert row is not None
        assert isinstance(row[0], bytes)
        return row[0]


def _mark(password_hash: str) -> bytes:
    """Tells one password's hash from another's and nothing of either."""
    return hashlib.sha256(password_hash.encode()).digest()
