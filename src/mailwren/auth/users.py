"""The users of one data folder: names, aliases, quotas and password hashes in ``users.sqlite3``.

Several processes use it at once (server workers, the command line while the server runs): every answer reflects what
any process committed before. Changes are synced to disk before they return. Calls are short and synchronous: a lookup
costs microseconds, a change one disk sync.

Rule for editors: ``find`` answers from memory only after asking SQLite whether any connection changed the file; one
directory belongs to one thread.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw

from mailwren.auth.database import Database, new_id, number, unavailable
from mailwren.auth.errors import InvalidUserName, NoSuchUser
from mailwren.auth.grants import GrantIndex
from mailwren.auth.groups import GroupDirectory
from mailwren.auth.names import prepare_aliases, take_names
from mailwren.auth.preparation import prepare_user_name
from mailwren.auth.secrets_directory import SecretDirectory
from mailwren.base import limits

_COLUMNS: Final = (
    "account_id, users.name, created, enabled, quota_octets, quota_messages, quota_mailboxes, quota_annotations, "
    "password_hash"
)


@dataclass(frozen=True, slots=True)
class User:
    """A user as of the moment of asking."""

    name: str
    """Prepared, see :mod:`mailwren.auth.preparation`."""
    account_id: str
    """32 random hexadecimal digits: the key of the user's mail, never used again."""
    created: int
    """Seconds since the epoch."""
    enabled: bool
    """Whether the user may log in."""
    quota_octets: int | None
    quota_messages: int | None
    password_hash: str = field(repr=False)
    aliases: tuple[str, ...] = ()
    """Other names that find this user, sorted."""
    quota_mailboxes: int | None = None
    quota_annotations: int | None = None
    """Octets of annotations."""


class UserDirectory:
    """All users of a data folder.

    Args:
        path: the database, made with its folders when absent; ``None`` keeps everything in memory.
        clock: seconds since the epoch.
        new_id: makes up the key of a new user or group.

    Attributes:
        groups: the groups of users, in the same file.
        grants: who shares mailboxes with whom, in the same file.
        secrets: what passwords leave behind for mechanisms that never send them, in the same file.

    Raises:
        DirectoryUnavailable: the file cannot be opened, or a newer version of the program wrote it. Every method
            may raise it.
    """

    def __init__(
        self,
        path: Path | None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = new_id,
    ) -> None:
        self._clock: Final = clock
        self._cache: Final[dict[str, User]] = {}
        self._cache_version = (-1, 0)
        self._new_id: Final = new_id
        self._file: Final = Database(path)
        self._database: Final = self._file.connection
        self.groups: Final = GroupDirectory(self._file, clock, new_id)
        self.grants: Final = GrantIndex(self._file, clock)
        self.secrets: Final = SecretDirectory(self._file)

    def add(
        self,
        name: str,
        password_hash: str,
        *,
        quota_octets: int | None = None,
        quota_messages: int | None = None,
        quota_mailboxes: int | None = None,
        quota_annotations: int | None = None,
        aliases: Iterable[str] = (),
    ) -> User:
        """Make a user with a new account. Raises UserExists, InvalidUserName."""
        name = prepare_user_name(name)
        account_id = self._new_id()
        quota = (quota_octets, quota_messages, quota_mailboxes, quota_annotations)
        row = (account_id, name, int(self._clock()), *quota, password_hash)
        with self._file.change():
            take_names(self._database, (name,), account_id=account_id)
            self._database.execute(
                "INSERT INTO users(account_id, name, created, enabled, quota_octets, quota_messages, quota_mailboxes, "
                "quota_annotations, password_hash) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)",
                row,
            )
            self._take_aliases(aliases, name, account_id)
            return self._load("account_id = ?", account_id)[0]

    def remove(self, name: str) -> User:
        """Forget a user; the mail is the store's business. Returns what was there. Raises NoSuchUser."""
        with self._file.change():
            user = self._require(name)
            self._database.execute("DELETE FROM users WHERE account_id = ?", (user.account_id,))
            self._database.execute("DELETE FROM grants WHERE ? IN (identifier, account_id)", (user.account_id,))
            return user

    def set_password_hash(self, name: str, password_hash: str) -> User:
        """Give a user another password. Raises NoSuchUser."""
        return self._set(name, password_hash=password_hash)

    def set_enabled(self, name: str, enabled: bool) -> User:
        """Allow or forbid a user to log in. Raises NoSuchUser."""
        return self._set(name, enabled=int(enabled))

    def set_quota(
        self,
        name: str,
        *,
        octets: int | None,
        messages: int | None,
        mailboxes: int | None = None,
        annotations: int | None = None,
    ) -> User:
        """Limit what a user may keep; ``None`` is the configuration's limit. Raises NoSuchUser."""
        return self._set(
            name,
            quota_octets=octets,
            quota_messages=messages,
            quota_mailboxes=mailboxes,
            quota_annotations=annotations,
        )

    def set_aliases(self, name: str, aliases: Iterable[str]) -> User:
        """Replace the other names of a user. Raises NoSuchUser, UserExists, InvalidUserName."""
        with self._file.change():
            user = self._require(name)
            self._database.execute("DELETE FROM names WHERE account_id = ? AND name != ?", (user.account_id, user.name))
            self._take_aliases(aliases, user.name, user.account_id)
            return self._load("account_id = ?", user.account_id)[0]

    def replace_password_hash(self, user: User, password_hash: str) -> bool:
        """Store the same password hashed anew, unless it was changed since ``user`` was read."""
        with self._file.change():
            self._database.execute(
                "UPDATE users SET password_hash = ? WHERE account_id = ? AND password_hash = ?",
                (password_hash, user.account_id, user.password_hash),
            )
            return self._database.changes() == 1

    def find(self, name: str) -> User | None:
        """The user with this name or alias, in any case; a text that cannot be a name finds nobody."""
        self._refresh_cache()
        user = self._cache.get(name)
        if user is not None:
            return user
        try:
            prepared = prepare_user_name(name)
        except InvalidUserName:
            return None
        with unavailable("read"):
            found = self._load("account_id = (SELECT account_id FROM names WHERE name = ?)", prepared)
        if not found:
            return None
        if len(self._cache) >= limits.USERS_CACHED:
            self._cache.clear()
        self._cache[name] = found[0]
        return found[0]

    def get(self, name: str) -> User:
        """As :meth:`find`, or NoSuchUser."""
        user = self.find(name)
        if user is None:
            raise NoSuchUser(f'There is no user "{name}".')
        return user

    def find_account(self, account_id: str) -> User | None:
        """The user that an account belongs to."""
        with unavailable("read"):
            found = self._load("account_id = ?", account_id)
        return found[0] if found else None

    def users(self) -> list[User]:
        """Everybody, sorted by name."""
        with unavailable("read"):
            return self._load("1")

    def version(self) -> tuple[int, int]:
        """Another one whenever anything in the file changed: users, groups or grants."""
        return self._file.version()

    def close(self) -> None:
        """Let go of the file. Nothing else may be called afterwards."""
        self._database.close()

    def _refresh_cache(self) -> None:
        """Forget everything when any connection changed the file."""
        version = self._file.version()
        if version != self._cache_version:
            self._cache.clear()
            self._cache_version = version

    def _load(self, condition: str, *values: str) -> list[User]:
        """Users with their aliases in one query; ``condition`` is one of this module's own."""
        query = (
            f"SELECT {_COLUMNS}, (SELECT group_concat(names.name, '\n') FROM names"  # noqa: S608 (own constants only)
            " WHERE names.account_id = users.account_id AND names.name != users.name)"
            f" FROM users WHERE {condition} ORDER BY users.name"
        )
        return [_user(row) for row in self._database.execute(query, values)]

    def _require(self, name: str) -> User:
        """The user of a name, read inside the running transaction."""
        try:
            prepared = prepare_user_name(name)
        except InvalidUserName:
            prepared = ""
        found = self._load("account_id = (SELECT account_id FROM names WHERE name = ?)", prepared)
        if not found:
            raise NoSuchUser(f'There is no user "{name}".')
        return found[0]

    def _set(self, name: str, **values: str | int | None) -> User:
        """Change columns, which are named by this module's own calls."""
        assignments = ", ".join(f"{column} = ?" for column in values)
        with self._file.change():
            account_id = self._require(name).account_id
            self._database.execute(
                f"UPDATE users SET {assignments} WHERE account_id = ?",  # noqa: S608 (own column names only)
                (*values.values(), account_id),
            )
            return self._load("account_id = ?", account_id)[0]

    def _take_aliases(self, aliases: Iterable[str], name: str, account_id: str) -> None:
        """Give a user other names."""
        take_names(self._database, prepare_aliases(aliases, name), account_id=account_id)


def _user(row: "tuple[apsw.SQLiteValue, ...]") -> User:
    """A row of ``_load`` as a value."""
    account_id, name, created, enabled, octets, messages, mailboxes, annotations, password_hash, aliases = row
    assert isinstance(created, int)
    return User(
        name=str(name),
        account_id=str(account_id),
        created=created,
        enabled=bool(enabled),
        quota_octets=number(octets),
        quota_messages=number(messages),
        quota_mailboxes=number(mailboxes),
        quota_annotations=number(annotations),
        password_hash=str(password_hash),
        aliases=tuple(sorted(str(aliases).split("\n"))) if aliases else (),
    )
