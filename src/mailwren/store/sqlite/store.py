"""All accounts of a data folder: opened when asked for, closed a while after their last use. Implements MailStore."""

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.logs import log
from mailwren.store.api import Account
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.blobs.folder import FolderBlobs
from mailwren.store.blobs.memory import MemoryBlobs
from mailwren.store.bus import Bus, NoBus
from mailwren.store.durable import make_folder, sync_folder
from mailwren.store.errors import AccountDamaged, StoreUnavailable
from mailwren.store.sqlite.account import Shared, SqliteAccount
from mailwren.store.sqlite.apart_syncs import ApartSyncs
from mailwren.store.sqlite.commit_threads import CommitThreads
from mailwren.store.sqlite.database import open_writer, prepare
from mailwren.store.sqlite.failures import FAILURES, as_store_error
from mailwren.store.sqlite.folders import BLOBS_NAME, DATABASE_NAME, account_folder, check_account_id
from mailwren.store.sqlite.kept_rows import KeptRows
from mailwren.store.sqlite.states import StateCache
from mailwren.store.sqlite.sweeper import Swept, sweep, sweep_regularly
from mailwren.store.sqlite.threads import CountedThreads

Durability = Literal["normal", "strict"]
"""``normal``: flag changes reach the disk within a second of their answer. ``strict``: before it."""


class _Entry:
    """An account that is open or about to be."""

    __slots__ = ("account", "opening", "sweeper", "timer", "users")

    def __init__(self, opening: "asyncio.Task[SqliteAccount]") -> None:
        self.opening: Final = opening
        self.account: SqliteAccount | None = None
        self.users = 0
        self.sweeper: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class SqliteMailStore:
    """The accounts of one data folder, or in memory. Everything here is called on one event loop."""

    __slots__ = ("_closed", "_closings", "_entries", "_executor", "_folder", "_opened", "_restorable", "_shared")

    def __init__(
        self,
        folder: Path | None,
        *,
        bus: Bus | None = None,
        durability: Durability = "normal",
        restorable: float = limits.RESTORABLE_SECONDS,
        clock: Callable[[], float] = time.time,
        processes: int = 1,
        opened: Callable[[SqliteAccount], None] | None = None,
    ) -> None:
        """Serve the accounts below ``folder``; with ``None`` everything is in memory and gone at the end.

        Args:
            folder: the data folder; created when the first account is opened.
            bus: tells other processes of changes, and us of theirs.
            durability: see :data:`Durability`.
            restorable: seconds for which expunged messages are kept.
            clock: the time in seconds since the epoch.
            processes: how many of them share the memory that is meant for caches.
            opened: told of each account that is opened on the disk.
        """
        self._folder: Final = folder
        self._restorable: Final = restorable
        self._opened: Final = opened
        self._executor: Final = CountedThreads(limits.STORE_THREADS, "store")
        self._shared: Final = Shared(
            bus or NoBus(),
            self._executor,
            CommitThreads(limits.COMMIT_THREADS),
            ApartSyncs(),
            OctetCache(limits.BLOB_CACHE // processes),
            KeptRows(limits.ROWS_CACHE // processes),
            StateCache(limits.STATES_CACHE // processes),
            clock,
            durability == "strict",
        )
        self._entries: Final[dict[str, _Entry]] = {}
        self._closings: Final[set[asyncio.Task[None]]] = set()
        self._closed = False
        self._shared.bus.listen(self._hinted)

    @property
    def working(self) -> bool:
        """Whether any thread of the store has work, or the system has a file to sync."""
        shared = self._shared
        return self._executor.working or shared.threads.working or shared.apart.syncs.working

    def _hinted(self, account_id: str, mailbox: MailboxId) -> None:
        entry = self._entries.get(account_id)
        if entry is not None and entry.account is not None:
            entry.account.hint(mailbox)

    async def account(self, account_id: str) -> SqliteAccount:
        """Open an account, created empty with INBOX when it is new; give it back with :meth:`release`.

        Raises:
            ValueError: not an account id.
            AccountDamaged: it cannot be used.
            StoreUnavailable: not now.
        """
        check_account_id(account_id)
        if self._closed:
            raise StoreUnavailable("the mail store is closed")
        entry = self._entries.get(account_id)
        if entry is None:
            entry = _Entry(asyncio.ensure_future(self._open(account_id)))
            self._entries[account_id] = entry
        entry.users += 1
        if entry.timer is not None:
            entry.timer.cancel()
        try:
            # Shielded: others may wait for the same opening.
            entry.account = await asyncio.shield(entry.opening)
            self._sweep(entry, entry.account)
        except asyncio.CancelledError:
            self._leave(account_id, entry)
            raise
        except Exception:
            if self._entries.get(account_id) is entry:
                del self._entries[account_id]
            raise
        return entry.account

    async def _open(self, account_id: str) -> SqliteAccount:
        if self._folder is None:
            connection = _open_prepared(None, self._shared.clock())
            return SqliteAccount(account_id, None, connection, MemoryBlobs(), self._shared)
        folder = account_folder(self._folder, account_id)
        path = folder / DATABASE_NAME
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(self._executor, _open_prepared, path, self._shared.clock())
        blobs = FolderBlobs(folder / BLOBS_NAME, self._shared.octets)
        try:
            return SqliteAccount(account_id, path, connection, blobs, self._shared)
        except FAILURES as error:  # such as no descriptor left for its second connection
            connection.close()
            raise as_store_error(error) from error

    def _sweep(self, entry: _Entry, account: SqliteAccount) -> None:
        if entry.sweeper is None and self._folder is not None:
            entry.sweeper = asyncio.ensure_future(sweep_regularly(account, self._shared.clock, self._restorable))
            if self._opened is not None:
                self._opened(account)

    async def sweep(self, account_id: str, *, restorable: float | None = None) -> Swept:
        """Remove at once what no message of an account needs any more; otherwise that happens by itself.

        Args:
            account_id: whose mail.
            restorable: seconds for which expunged messages are kept, if other than always; -1: not even of now.

        Raises:
            StoreError: it is not possible now.
        """
        account = await self.account(account_id)
        try:
            kept = self._restorable if restorable is None else restorable
            return await sweep(account, self._shared.clock(), restorable=kept)
        except FAILURES as error:
            raise as_store_error(error) from error
        finally:
            await self.release(account)

    async def release(self, account: Account) -> None:
        """Give back what :meth:`account` returned; the last one lets it be closed after a while."""
        entry = self._entries.get(account.id)
        if entry is not None and entry.account is account:
            self._leave(account.id, entry)

    def _leave(self, account_id: str, entry: _Entry) -> None:
        entry.users -= 1
        if entry.users == 0 and self._folder is not None and not self._closed:
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_later(limits.ACCOUNT_IDLE_SECONDS, self._expire, account_id, entry)

    def _expire(self, account_id: str, entry: _Entry) -> None:
        if entry.users == 0 and self._entries.get(account_id) is entry:
            del self._entries[account_id]
            self._closings.add(task := asyncio.ensure_future(_close(entry)))
            task.add_done_callback(self._closings.discard)

    async def remove(self, account_id: str) -> None:
        """Delete an account's mail for good. Raises ValueError, StoreUnavailable (it is in use)."""
        check_account_id(account_id)
        entry = self._entries.get(account_id)
        if entry is not None:
            if entry.users:
                raise StoreUnavailable("the account is in use")
            del self._entries[account_id]
            await _close(entry)
        if self._closings:
            await asyncio.wait(list(self._closings))
        if self._folder is not None:
            folder = account_folder(self._folder, account_id)
            await asyncio.get_running_loop().run_in_executor(self._executor, _remove, folder)

    async def close(self) -> None:
        """Finish what is under way, sync and close everything."""
        self._closed = True
        entries = list(self._entries.values())
        self._entries.clear()
        # Side by side: each waits for the disk, and a server has thousands.
        await asyncio.gather(*map(_close, entries))
        if self._closings:
            await asyncio.wait(list(self._closings))
        self._shared.threads.close()
        self._shared.apart.syncs.close()
        self._executor.shutdown()


async def _close(entry: _Entry) -> None:
    if entry.timer is not None:
        entry.timer.cancel()
    if entry.sweeper is not None:
        entry.sweeper.cancel()
        await asyncio.wait([entry.sweeper])
    try:
        account = await entry.opening
    except Exception as error:  # noqa: BLE001 - whoever opened it was told
        log.debug("an account that could not be opened needs no closing", reason=str(error))
        return
    try:
        await account.close()
    except FAILURES as error:
        log.error("an account could not be closed in order", account=account.id, reason=str(error))


def _open_prepared(path: Path | None, now: float) -> apsw.Connection:
    try:
        if path is not None:
            _refuse_if_lost(path)
            make_folder(path.parent)
        connection = open_writer(path)
        try:
            prepare(connection, path, now)
        except BaseException:
            connection.close()
            raise
    except FAILURES as error:
        raise as_store_error(error) from error
    return connection


def _refuse_if_lost(path: Path) -> None:
    """Messages' files without their database are a loss to be mended, not a new account. Raises AccountDamaged."""
    blobs = path.parent / BLOBS_NAME
    if not path.exists() and blobs.is_dir() and any(blobs.iterdir()):
        raise AccountDamaged(
            "the mail of this account cannot be used: its database is lost; put it back from a backup, or take its "
            "folder away to begin anew"
        )


def _remove(folder: Path) -> None:
    # The name goes first, so that a crash leaves either the whole account or something that is none.
    aside = folder.with_name(f".removed-{secrets.token_hex(8)}")
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return
    except OSError as error:
        raise as_store_error(error) from error
    sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)
