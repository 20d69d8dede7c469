"""Opening an account's database: settings, migrations, and what must hold before anything else may happen.

**Mod-sequences after a power cut.** Flag changes are not synced to disk before they are answered, so a power cut can
lose up to a second of mod-sequences that a client has already been told. Were they given out again for other changes,
that client would miss those. Each database therefore remembers the machine's boot id; opened under another one (or
where there is none, at every first opening), the counter jumps far ahead in a synced transaction. ``kill -9`` loses
nothing that was committed and so needs no jump.

**UIDs likewise.** A message is answered once it is on the disk; but other sessions can see it some tenths of a
millisecond sooner, where several clients add messages at the same time. What a power cut takes in just that moment
nobody was promised, and still nobody may see its UID on another message. So the next UIDs jump as well, and the keys of
contents, which the search index and thread ids go by.
"""

import time
from pathlib import Path
from typing import Final

import apsw

from mailwren.base import limits
from mailwren.store.durable import sync_folder
from mailwren.store.errors import AccountDamaged
from mailwren.store.sqlite.mailbox_rows import UID_MAX, insert_mailbox
from mailwren.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from mailwren.store.values import INBOX

MODSEQ_JUMP: Final = 1 << 20
"""More changes than a machine makes in the second that a power cut can lose."""
UID_JUMP: Final = 1 << 12
"""More messages than a dozen processes can have committed that are not on the disk: see ``UNSYNCED_REQUESTS``."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_ATTEMPTS: Final = 200
_PAUSE: Final = 0.05


def boot_id() -> str:
    """What tells this run of the machine from every other; empty where the system does not say."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def open_writer(path: Path | None) -> apsw.Connection:
    """A connection for transactions, to the account at ``path`` or to a new database in memory.

    Raises:
        apsw.Error: as it comes.
        RuntimeError: SQLite was built without what we need.
    """
    if "ENABLE_CARRAY" not in apsw.compile_options:
        raise RuntimeError("this build of apsw has no carray: install the one from the Python Package Index")
    connection = apsw.Connection(":memory:" if path is None else str(path))
    connection.set_busy_timeout(int(limits.DATABASE_BUSY_SECONDS * 1000))
    if path is not None:
        _use_wal(connection)
        # Checkpoints are ours to run, where they hold up nobody: see writer.py.
        connection.execute(f"PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {limits.WAL_OCTETS}")
    connection.execute("PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF")
    return connection


def open_reader(path: Path, *, busy_seconds: float = 1.0) -> apsw.Connection:
    """A connection that only reads; it sees every committed change at once and never waits for a writer."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(int(busy_seconds * 1000))
    connection.execute("PRAGMA query_only = ON; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY")
    return connection


def _use_wal(connection: apsw.Connection) -> None:
    # Several processes may open a new database at the same time; switching to WAL does not wait for the others.
    for attempt in range(_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE)
        else:
            return


def prepare(connection: apsw.Connection, path: Path | None, now: float) -> None:
    """Bring a database up to date and make its mod-sequences safe; it is on the disk when this returns.

    Args:
        connection: a fresh connection of :func:`open_writer`.
        path: the database's file, ``None`` in memory.
        now: seconds since the epoch.

    Raises:
        AccountDamaged: a newer version of this program has changed the database.
        apsw.Error: as it comes.
    """
    if _version(connection) != len(MIGRATIONS):
        connection.execute("PRAGMA synchronous = FULL")
        # Under the write lock the version that we see is the one that we change.
        connection.execute("BEGIN IMMEDIATE")
        try:
            _migrate(connection, now)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        if path is not None:
            sync_folder(path.parent)
    if path is not None:
        _jump_after_power_cut(connection, boot_id())


def _version(connection: apsw.Connection) -> int:
    version = connection.pragma("user_version")
    if not isinstance(version, int) or version > len(MIGRATIONS):
        raise AccountDamaged("the account's database was written by a newer version of this program")
    return version


def _migrate(connection: apsw.Connection, now: float) -> None:
    version = _version(connection)
    for script in MIGRATIONS[version:]:
        connection.execute(script)
    if version == 0:
        validity = max(1, min(int(now), 2**32 - 2))
        connection.execute(
            "INSERT INTO meta(id, modseq, uid_validity, content, former_floor, boot_id, octets, messages, mailboxes, "
            "swept) VALUES(1, 1, ?, 0, 0, ?, 0, 0, 1, ?)",
            (validity, boot_id(), int(now)),
        )
        insert_mailbox(connection, INBOX, validity, 1)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _jump_after_power_cut(connection: apsw.Connection, current: str) -> None:
    (known,) = connection.execute("SELECT boot_id FROM meta").fetchall()[0]
    if current and known == current:
        return
    connection.execute("PRAGMA synchronous = FULL")
    # The condition is judged again under the write lock: another process may have been faster.
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "UPDATE meta SET modseq = modseq + ?, content = content + ?, boot_id = ? WHERE boot_id <> ? OR ? = ''",
            (MODSEQ_JUMP, UID_JUMP, current, current, current),
        )
        # Without a boot id nothing is synced apart from its commit.
        if current and connection.changes():
            connection.execute("UPDATE mailbox SET uid_next = min(uid_next + ?, ?)", (UID_JUMP, UID_MAX))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
