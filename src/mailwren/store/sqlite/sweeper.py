"""Sweeping an account from time to time while it is open: see sweeping.py for what is removed and why that is safe."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import apsw

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.store.blobs.api import BlobHash
from mailwren.store.errors import StoreError
from mailwren.store.sqlite import sort_rows, sweeping
from mailwren.store.sqlite.account import SqliteAccount
from mailwren.store.sqlite.failures import FAILURES


@dataclass(slots=True)
class Swept:
    """What a sweep removed."""

    expunged: int = 0
    """Messages that can no longer be restored."""
    contents: int = 0
    files: int = 0


async def sweep_regularly(account: SqliteAccount, clock: Callable[[], float], restorable: float) -> None:
    """Sweep whenever it is due, until cancelled; of several processes one does it. Failures are logged.

    Args:
        account: an open account.
        clock: the time in seconds since the epoch.
        restorable: seconds for which expunged messages are kept.
    """
    await asyncio.sleep(limits.SWEEP_FIRST_SECONDS)
    while True:
        try:
            await sort_earlier(account)
            due = partial(sweeping.claim, now=clock(), every=limits.SWEEP_SECONDS)
            if await account.run_in_writer(due):
                swept = await sweep(account, clock(), restorable=restorable)
                log.debug("account swept", account=account.id, expunged=swept.expunged, files=swept.files)
        except (StoreError, *FAILURES) as error:
            log.warning("an account could not be swept", account=account.id, reason=str(error))
        await asyncio.sleep(limits.SWEEP_SECONDS)


async def sweep(
    account: SqliteAccount,
    now: float,
    *,
    restorable: float = limits.RESTORABLE_SECONDS,
    orphans_before: float | None = None,
) -> Swept:
    """Remove at once what is due, letting other requests through in between.

    Args:
        account: an open account.
        now: seconds since the epoch.
        restorable: seconds for which expunged messages are kept.
        orphans_before: files without a row that were written before this are leftovers of a crash.

    Raises:
        StoreError, apsw.Error, OSError: as they come; what was done stays done.
    """
    result = Swept()
    expunged_before = now - restorable
    while number := await account.run_in_writer(partial(sweeping.purge, before=expunged_before)):
        result.expunged += number
    await account.run_in_writer(partial(sweeping.forget_mailboxes, before=expunged_before))
    while await account.run_in_writer(sweeping.forget_annotations):
        pass
    await _contents(account, result)
    await _orphans(account, now - limits.ORPHAN_SECONDS if orphans_before is None else orphans_before, result)
    for mailbox in await account.in_thread(sweeping.long_logs):
        await account.run_in_writer(partial(sweeping.shorten_log, mailbox=mailbox))
    return result


async def sort_earlier(account: SqliteAccount) -> None:
    """Have the sort keys of messages that came in before those were kept. Raises StoreError, apsw.Error, OSError."""
    while True:
        contents, rows = await account.in_thread(sort_rows.pending)
        if not contents:
            return
        await account.run_in_writer(partial(sort_rows.store, contents=contents, rows=rows))
        await asyncio.sleep(limits.SORT_PAUSE)


async def _contents(account: SqliteAccount, result: Swept) -> None:
    before = result.contents
    while True:
        unused, used = await account.in_thread(sweeping.candidates)
        if used:
            await account.run_in_writer(partial(sweeping.keep, contents=used))
        for start in range(0, len(unused), limits.SWEEP_ROWS):
            some = unused[start : start + limits.SWEEP_ROWS]
            hashes = await account.run_in_writer(partial(sweeping.remove_contents, contents=some))
            result.contents += len(some)
            await _files(account, hashes, result)
        if not unused and not used:
            break
    if result.contents > before:
        keys, last = await account.in_thread(sweeping.dead_threads)
        for start in range(0, len(keys), limits.SWEEP_ROWS):
            some = keys[start : start + limits.SWEEP_ROWS]
            await account.run_in_writer(partial(sweeping.forget_threads, keys=some, last=last))


async def _orphans(account: SqliteAccount, before: float, result: Swept) -> None:
    def find(connection: apsw.Connection) -> list[BlobHash]:
        return sweeping.orphans(connection, account.blobs, before)

    hashes = await account.in_thread(find)
    for start in range(0, len(hashes), limits.SWEEP_ROWS):
        await _files(account, hashes[start : start + limits.SWEEP_ROWS], result)


async def _files(account: SqliteAccount, hashes: list[BlobHash], result: Swept) -> None:
    if hashes:
        remove = partial(sweeping.remove_files, blobs=account.blobs, hashes=hashes)
        result.files += await account.run_in_writer(remove)
