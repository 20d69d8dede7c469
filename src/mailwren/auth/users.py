"""The users of one data folder: names, aliases, quotas and password hashes in ``users.sqlite3``.

Owns the file and its schema. Several processes use it at once (server workers, the command line while the server
runs): every answer reflects what any process committed before. Changes are synced to disk before they return.
Calls are short and synchronous: a lookup costs microseconds, a change one disk sync.

Rules for editors: every name a user can be found by stands once in ``names``, so that no alias can ever shadow a
user. ``find`` answers from memory only after asking SQLite whether another connection changed the file; changes
through this connection clear the memory themselves, so one directory belongs to one thread.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw

from mailwren.auth.errors import DirectoryUnavailable, InvalidUserName, NoSuchUser, UserExists
from mailwren.auth.preparation import prepare_user_name
from mailwren.base import limits

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE users (
    account_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    quota_octets INTEGER,
    quota_messages INTEGER,
    password_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE names (
    name TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_account ON names (account_id);
PRAGMA user_version = 1;
"""
_COLUMNS: Final = "account_id, users.name, created, enabled, quota_octets, quota_messages, password_hash"
_BUSY_MILLISECONDS: Final = 5000
"""How long to wait for another process's change, which takes one disk sync."""
_BUSY_PAUSE_SECONDS: Final = 0.005
"""Between attempts to open, where SQLite does not wait by itself."""


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


class UserDirectory:
    """All users of a data folder.

    Args:
        path: the database, made with its folders when absent; ``None`` keeps everything in memory.
        clock: seconds since the epoch.

    Raises:
        DirectoryUnavailable: the file cannot be opened, or a newer version of the program wrote it. Every method
            may raise it.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._clock: Final = clock
        self._cache: Final[dict[str, User]] = {}
        self._cache_version = -1
        with _unavailable("opened"):
            self._database: Final = _open(path)

    def add(
        self,
        name: str,
        password_hash: str,
        *,
        quota_octets: int | None = None,
        quota_messages: int | None = None,
        aliases: Iterable[str] = (),
    ) -> User:
        """Make a user with a new account. Raises UserExists, InvalidUserName."""
        name = prepare_user_name(name)
        account_id = secrets.token_hex(16)
        row = (account_id, name, int(self._clock()), quota_octets, quota_messages, password_hash)
        with self._change():
            self._take_name(name, account_id)
            self._database.execute("INSERT INTO users VALUES (?, ?, ?, 1, ?, ?, ?)", row)
            self._take_aliases(aliases, name, account_id)
            return self._load("account_id = ?", account_id)[0]

    def remove(self, name: str) -> User:
        """Forget a user; the mail is the store's business. Returns what was there. Raises NoSuchUser."""
        with self._change():
            user = self._require(name)
            self._database.execute("DELETE FROM users WHERE account_id = ?", (user.account_id,))
            return user

    def set_password_hash(self, name: str, password_hash: str) -> User:
        """Give a user another password. Raises NoSuchUser."""
        return self._set(name, password_hash=password_hash)

    def set_enabled(self, name: str, enabled: bool) -> User:
        """Allow or forbid a user to log in. Raises NoSuchUser."""
        return self._set(name, enabled=int(enabled))

    def set_quota(self, name: str, *, octets: int | None, messages: int | None) -> User:
        """Limit what a user may keep; ``None`` is no limit. Raises NoSuchUser."""
        return self._set(name, quota_octets=octets, quota_messages=messages)

    def set_aliases(self, name: str, aliases: Iterable[str]) -> User:
        """Replace the other names of a user. Raises NoSuchUser, UserExists, InvalidUserName."""
        with self._change():
            user = self._require(name)
            self._database.execute("DELETE FROM names WHERE account_id = ? AND name != ?", (user.account_id, user.name))
            self._take_aliases(aliases, user.name, user.account_id)
            return self._load("account_id = ?", user.account_id)[0]

    def replace_password_hash(self, user: User, password_hash: str) -> bool:
        """Store the same password hashed anew, unless it was changed since ``user`` was read."""
        with self._change():
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
        with _unavailable("read"):
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
        with _unavailable("read"):
            found = self._load("account_id = ?", account_id)
        return found[0] if found else None

    def users(self) -> list[User]:
        """Everybody, sorted by name."""
        with _unavailable("read"):
            return self._load("1")

    def close(self) -> None:
        """Let go of the file. Nothing else may be called afterwards."""
        self._database.close()

    def _refresh_cache(self) -> None:
        """Forget everything when another connection changed the file; own changes do so themselves."""
        with _unavailable("read"):
            version = self._database.pragma("data_version")
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
        with self._change():
            account_id = self._require(name).account_id
            self._database.execute(
                f"UPDATE users SET {assignments} WHERE account_id = ?",  # noqa: S608 (own column names only)
                (*values.values(), account_id),
            )
            return self._load("account_id = ?", account_id)[0]

    def _take_aliases(self, aliases: Iterable[str], name: str, account_id: str) -> None:
        """Give a user other names; its own name and repetitions are not counted."""
        prepared = {prepare_user_name(alias) for alias in aliases} - {name}
        if len(prepared) > limits.USER_ALIASES:
            raise InvalidUserName(f"A user has at most {limits.USER_ALIASES} aliases.")
        for alias in sorted(prepared):
            self._take_name(alias, account_id)

    def _take_name(self, name: str, account_id: str) -> None:
        """Reserve a prepared name for an account."""
        taken = self._database.execute(
            "SELECT users.name FROM names JOIN users USING (account_id) WHERE names.name = ?", (name,)
        ).get
        if taken is not None:
            what = "a user" if taken == name else f'an alias of "{taken}"'
            raise UserExists(f'The name "{name}" is taken: it is {what}.')
        self._database.execute("INSERT INTO names VALUES (?, ?)", (name, account_id))

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction that starts by waiting for its turn to write; the cache is forgotten afterwards."""
        with _unavailable("changed"):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            finally:
                self._cache.clear()


def _user(row: "tuple[apsw.SQLiteValue, ...]") -> User:
    """A row of ``_load`` as a value."""
    account_id, name, created, enabled, quota_octets, quota_messages, password_hash, aliases = row
    assert isinstance(created, int)
    assert quota_octets is None or isinstance(quota_octets, int)
    assert quota_messages is None or isinstance(quota_messages, int)
    return User(
        name=str(name),
        account_id=str(account_id),
        created=created,
        enabled=bool(enabled),
        quota_octets=quota_octets,
        quota_messages=quota_messages,
        password_hash=str(password_hash),
        aliases=tuple(sorted(str(aliases).split("\n"))) if aliases else (),
    )


def _open(path: Path | None) -> apsw.Connection:
    """A connection to a database of the current schema."""
    if path is not None:
        _create_private(path)
    give_up = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            return _connect(path)
        except apsw.BusyError:
            # Of processes that open a new database together, one changes it to WAL, for which the others cannot wait.
            if time.monotonic() >= give_up:
                raise
            time.sleep(_BUSY_PAUSE_SECONDS)


def _create_private(path: Path) -> None:
    """Make the file for the owner alone; SQLite gives its other files the same mode.

    A file that is there is not opened: closing it would take the locks of this process's other connections to it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _connect(path: Path | None) -> apsw.Connection:
    """One attempt to open the database."""
    database = apsw.Connection(":memory:" if path is None else str(path))
    try:
        database.set_busy_timeout(_BUSY_MILLISECONDS)
        database.pragma("journal_mode", "wal")
        database.pragma("synchronous", "full")
        database.pragma("foreign_keys", True)
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _migrate(database: apsw.Connection) -> None:
    """Bring the schema up to date; processes that start together wait for each other."""
    if database.pragma("user_version") == _SCHEMA_VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    version = database.pragma("user_version")
    if version == 0:
        database.execute(_SCHEMA)
    elif version != _SCHEMA_VERSION:
        raise DirectoryUnavailable(f"The user database has version {version}, this program knows {_SCHEMA_VERSION}.")
    database.execute("COMMIT")


@contextmanager
def _unavailable(what: str) -> Iterator[None]:
    """Faults of the file become this project's own error."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise DirectoryUnavailable(f"The user database cannot be {what}: {error}") from error
