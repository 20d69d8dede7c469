"""The file ``users.sqlite3``: its tables, how an older file becomes a newer one, and transactions on it.

Rules for editors: a migration that was released is never edited; a change is one more entry at the end. Every name
that somebody can be found by stands once in ``names``, so that no alias can ever shadow a user or a group.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from mailwren.auth.errors import DirectoryUnavailable

_BUSY_MILLISECONDS: Final = 5000
"""How long to wait for another process's change, which takes one disk sync."""
_BUSY_PAUSE_SECONDS: Final = 0.005
"""Between attempts to open, where SQLite does not wait by itself."""

_FIRST: Final = """
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
"""
_GROUPS: Final = """
CREATE TABLE groups (
    group_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    has_mailbox INTEGER NOT NULL,
    quota_octets INTEGER,
    quota_messages INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE members (
    group_id TEXT NOT NULL REFERENCES groups ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (group_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_account ON members (account_id);
CREATE TABLE grants (
    identifier TEXT NOT NULL,
    account_id TEXT NOT NULL,
    granted INTEGER NOT NULL,
    PRIMARY KEY (identifier, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_account ON grants (account_id);
DROP INDEX names_by_account;
ALTER TABLE names RENAME TO names_of_users;
CREATE TABLE names (
    name TEXT PRIMARY KEY,
    account_id TEXT REFERENCES users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    group_id TEXT REFERENCES groups ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    CHECK ((account_id IS NULL) != (group_id IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO names SELECT name, account_id, NULL FROM names_of_users;
DROP TABLE names_of_users;
CREATE INDEX names_by_account ON names (account_id);
CREATE INDEX names_by_group ON names (group_id);
"""
# grants: whose account (a user's, or a group's under the group's id) shares something with whom (account id, group id
#   or ``anyone``). A hint that may say too much and never too little; ``granted`` is when it was last said.
_QUOTAS: Final = """
ALTER TABLE users ADD COLUMN quota_mailboxes INTEGER;
ALTER TABLE users ADD COLUMN quota_annotations INTEGER;
ALTER TABLE groups ADD COLUMN quota_mailboxes INTEGER;
ALTER TABLE groups ADD COLUMN quota_annotations INTEGER;
"""
_SECRETS: Final = """
CREATE TABLE secrets (
    account_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    kind TEXT NOT NULL,
    password BLOB NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account_id, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE keys (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO keys VALUES ('decoy', randomblob(32));
"""
# secrets: ``password`` tells which password hash of the user's the secret stands beside. keys: random, of this file.
_MIGRATIONS: Final = (_FIRST, _GROUPS, _QUOTAS, _SECRETS)


class Database:
    """One connection to the file, with its transactions.

    Args:
        path: the file, made with its folders when absent; ``None`` keeps everything in memory.

    Raises:
        DirectoryUnavailable: it cannot be opened, or a newer version of the program wrote it.
    """

    __slots__ = ("connection",)

    def __init__(self, path: Path | None) -> None:
        with unavailable("opened"):
            self.connection: Final = _open(path)

    def version(self) -> tuple[int, int]:
        """Another one whenever any connection changed the file: for what is remembered of it."""
        with unavailable("read"):
            version = self.connection.execute("PRAGMA data_version").get
            assert isinstance(version, int)
            return version, self.connection.total_changes()

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction that starts by waiting for its turn to write."""
        with unavailable("changed"):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise


def new_id() -> str:
    """The key of a new user or group: 32 random hexadecimal digits, never used again."""
    return secrets.token_hex(16)


def number(value: "apsw.SQLiteValue") -> int | None:
    """A column that holds a number or nothing."""
    assert value is None or isinstance(value, int)
    return value


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Faults of the file become this project's own error."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise DirectoryUnavailable(f"The user database cannot be {what}: {error}") from error


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
    if database.pragma("user_version") == len(_MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    version = database.pragma("user_version")
    if version > len(_MIGRATIONS):
        raise DirectoryUnavailable(f"The user database has version {version}, this program knows {len(_MIGRATIONS)}.")
    for script in _MIGRATIONS[version:]:
        database.execute(script)
    database.pragma("user_version", len(_MIGRATIONS))
    database.execute("COMMIT")
