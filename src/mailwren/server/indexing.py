"""Keeps search indexes up to date: notes which accounts have new mail, and has a process of its own index them.

Nothing here is in the way of a delivery or a session: noting an account is one entry in a dictionary, and the work is
done by another process, of low priority. Searches are complete meanwhile, as they look at what is not indexed.
Several workers have such a process each, of which one works at a time; what it did for one worker is done for all.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.search.index.folder import complete_to, index_folder
from mailwren.store.api import Account
from mailwren.store.errors import StoreError
from mailwren.store.sqlite.folders import account_folder


@dataclass(slots=True)
class _Noted:
    """An account that may have something to index."""

    since: float
    due: float
    account: Account | None
    """To be asked whether there is anything; ``None``: there is."""


class IndexKeeper:
    """Keeps the indexes of the accounts that a process opens.

    Args:
        data: the data folder.
        log_level: what the indexing process logs.
        log_form: and how.
        clock: monotonic seconds.
        pause: seconds from a change until it is looked at.
    """

    def __init__(
        self,
        data: Path,
        log_level: str,
        log_form: str,
        clock: Callable[[], float],
        pause: float = limits.INDEX_SECONDS,
    ) -> None:
        self._data: Final = data
        self._command: Final = ("-m", "mailwren.server.index_process", str(data), log_level, log_form)
        self._clock: Final = clock
        self._pause: Final = pause
        self._noted: Final[dict[str, _Noted]] = {}
        self._changed: Final = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    def watch(self, account: Account) -> None:
        """From now on take care of an account that was just opened."""
        account.watch(lambda _mailbox: self._note(account.id, account))
        self._note(account.id, account)

    def want(self, account_id: str) -> None:
        """An account's index lacks something that it had."""
        self._noted.pop(account_id, None)
        self._note(account_id, None)

    def _note(self, account_id: str, account: Account | None) -> None:
        if account_id not in self._noted:
            now = self._clock()
            self._noted[account_id] = _Noted(now, now + self._pause, account)
            self._changed.set()

    async def run(self) -> None:
        """Index what is due, one account after the other, until cancelled."""
        try:
            while True:
                account_id = await self._next()
                noted = self._noted.pop(account_id)
                try:
                    if self._is_to_wait(noted, behind := await self._behind(account_id, noted)):
                        noted.due = noted.since + limits.INDEX_FEW_SECONDS
                        self._noted.setdefault(account_id, noted)
                    elif behind:
                        await self._index(account_id)
                except OSError as error:
                    log.warning("mail cannot be indexed now", account=account_id, reason=str(error))
                    self._again(account_id)
        finally:
            await self._end()

    async def _next(self) -> str:
        """Wait until an account is due; the process is let go when there is no work for long."""
        while True:
            self._changed.clear()
            now = self._clock()
            due = min(self._noted, key=lambda each: self._noted[each].due, default=None)
            if due is not None and self._noted[due].due <= now:
                return due
            wait = limits.INDEX_IDLE_SECONDS if due is None else self._noted[due].due - now
            try:
                async with asyncio.timeout(None if due is None and self._process is None else wait):
                    await self._changed.wait()
            except TimeoutError:
                if due is None:
                    await self._end()

    async def _behind(self, account_id: str, noted: _Noted) -> int:
        """How many content ids are not indexed; 1 where that cannot be told."""
        if noted.account is None:
            return 1
        try:
            last = await noted.account.last_content()
        except StoreError:
            return 1  # it was closed meanwhile
        return max(last - complete_to(index_folder(account_folder(self._data, account_id))), 0)

    def _is_to_wait(self, noted: _Noted, behind: int) -> bool:
        waited = self._clock() - noted.since
        return noted.account is not None and 0 < behind < limits.INDEX_FEW and waited < limits.INDEX_FEW_SECONDS

    def _again(self, account_id: str) -> None:
        now = self._clock()
        self._noted.setdefault(account_id, _Noted(now, now + limits.INDEX_RETRY_SECONDS, None))

    # --- the process --------------------------------------------------------------------------------------------
    async def _index(self, account_id: str) -> None:
        process = self._process
        if process is None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{account_id}\n".encode())
        await process.stdin.drain()
        answer = (await process.stdout.readline()).strip()
        if not answer:
            await self._end()
            log.warning("the indexing process ended by itself", account=account_id)
        if answer != b"done":
            self._again(account_id)

    async def _end(self) -> None:
        """Let the process go, whatever it does: an index that is not finished is continued by the next one."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
