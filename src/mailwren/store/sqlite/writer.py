"""One account's writer: requests queue here and are committed together, so that they share one sync of the disk.

Flag changes need no sync and take a tenth of a millisecond: with nothing else waiting they run at once on the event
loop. So does the adding of small messages up to COMMIT, which writes and waits for the disk: on the loop as long as the
disk is quick, else in a thread, without any need for the interpreter. Where several clients add messages at the same
time, COMMIT only writes, and the system says when the disk has it; nobody is told before. Everything else goes to a
thread as a whole, and so does what finds the database locked by another process again and again. There is one job per
account at a time. The write-ahead log is folded into the database in the thread, too, after the answers are out; for
flag changes, most of it while they go on (see folding.py).
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import apsw

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.store.blobs.api import BlobStore
from mailwren.store.durable import sync_folder
from mailwren.store.errors import StoreUnavailable
from mailwren.store.operations import FlagsSet, Operation, Outcome, SetFlags
from mailwren.store.sqlite.apart_syncs import ApartSyncs
from mailwren.store.sqlite.commit import Committed, Committer, Prepared
from mailwren.store.sqlite.commit_threads import CommitThreads
from mailwren.store.sqlite.failures import FAILURES, as_store_error
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.folding import Folding
from mailwren.store.sqlite.quick_flags import Latest, QuickFlags, no_latest
from mailwren.store.sqlite.requests import Request
from mailwren.store.sqlite.transaction import States, no_states
from mailwren.store.sqlite.unsynced import Unsynced, Waiting

R = TypeVar("R")


class _Job:
    """Something else that needs the writer's connection, between transactions."""

    __slots__ = ("future", "work")

    def __init__(self, work: Callable[[], None], future: "asyncio.Future[None]") -> None:
        self.work: Final = work
        self.future: Final = future


class Writer:
    """Commits requests of one account. Its methods belong to the event loop."""

    __slots__ = (
        "_apart",
        "_blobs",
        "_busy",
        "_clock",
        "_closed",
        "_committer",
        "_connection",
        "_distrusted",
        "_executor",
        "_folding",
        "_idle",
        "_locked",
        "_loop",
        "_name_synced",
        "_on_commit",
        "_path",
        "_queue",
        "_quick_flags",
        "_strict",
        "_sync_timer",
        "_threads",
        "_tries",
        "_unsynced",
        "_wal_pages",
    )

    def __init__(
        self,
        connection: apsw.Connection,
        path: Path | None,
        *,
        executor: Executor,
        threads: CommitThreads,
        apart: ApartSyncs,
        flags: FlagSets,
        blobs: BlobStore,
        clock: Callable[[], float],
        on_commit: Callable[[Committed], None],
        strict: bool,
        states: States = no_states,
        held: Latest = no_latest,
        latest: Latest = no_latest,
    ) -> None:
        """Write through ``connection``, which nobody else may use; in memory (no path) everything runs at once."""
        self._connection: Final = connection
        self._executor: Final = None if path is None else executor
        self._threads: Final = threads
        self._apart: Final = apart
        self._path: Final = path
        self._committer: Final = Committer(connection, flags, blobs, states)
        self._quick_flags: Final = QuickFlags(connection, flags, held, latest, self._committer.set_synced)
        self._blobs: Final = blobs
        self._clock: Final = clock
        self._on_commit: Final = on_commit
        self._strict: Final = strict
        self._loop: Final = asyncio.get_running_loop()
        self._queue: Final[deque[Request | _Job]] = deque()
        self._busy = False
        self._closed = False
        self._locked = False
        """Another process was writing when that was tried just now."""
        self._tries = 0
        """How often in a row that was so."""
        self._idle: Final = asyncio.Event()
        self._idle.set()
        self._wal_pages = 0
        self._folding: Final = (
            None if path is None else Folding(path, executor, pages=self._logged_pages, ended=self._folded_ahead)
        )
        wal = None if path is None else Path(f"{path}-wal")
        self._unsynced: Final = Unsynced(wal, apart.syncs, self._told_apart)
        self._name_synced = False
        self._distrusted = False
        self._sync_timer: asyncio.TimerHandle | None = None
        connection.set_wal_hook(self._note_wal)

    def _note_wal(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _logged_pages(self) -> int:
        return self._wal_pages

    @property
    def _must_fold(self) -> bool:
        """Whether flag changes wait until the log is folded in, and not the other way round."""
        if self._wal_pages <= limits.WAL_PAGES:
            return False
        return self._folding is None or self._folding.done or self._wal_pages > limits.WAL_PAGES_AHEAD

    def _folded_ahead(self) -> None:
        """Most of the log is in the database: have the rest done as soon as nothing else is."""
        assert self._folding is not None
        self._distrusted |= self._folding.failed
        if self._wal_pages > limits.WAL_PAGES and not self._busy and not self._closed:
            self._run_in_thread(self._checkpoint_in_thread)

    async def apply(self, operations: Sequence[Operation], member: str | None = None) -> list[Outcome]:
        """Carry out operations as one transaction, for a member or (``None``) the owner. Raises StoreError."""
        if self._closed:
            raise StoreUnavailable("the account is closed")
        if len(operations) == 1 and member is None and isinstance(operations[0], SetFlags):
            outcome = self.set_flags_at_once(operations[0])
            if outcome is not None:
                return [outcome]
        request = Request(operations, self._loop.create_future(), member, strict=self._strict)
        if not self._at_once(request):
            self._enqueue(request)
        return await request.future

    async def run(self, work: Callable[[apsw.Connection], R]) -> R:
        """Do something else with the connection, between transactions, in the thread. Raises what it raises."""
        results: list[R] = []
        job = _Job(lambda: results.append(work(self._connection)), self._loop.create_future())
        self._enqueue(job)
        await job.future
        return results[0]

    # --- on the event loop --------------------------------------------------------------------------------------
    def _at_once(self, request: Request) -> bool:
        if self._executor is None:
            self._finish([request], self._commit([request]))
            return True
        if request.weight > limits.APPENDED_AT_ONCE:
            return False
        # Also where a commit is under way: it waits for the disk, and this one is ready when it is done.
        return request.stage_at_once(self._connection, self._blobs) and not self._busy and self._begin([request])

    def set_flags_at_once(self, operation: SetFlags) -> FlagsSet | None:
        """Carry out a change of few flags in the shortest way, if nothing stands in its way. Raises StoreError."""
        if self._strict or self._executor is None or self._closed:
            return None
        if self._busy or self._queue or self._distrusted or self._must_fold:
            return None
        self._connection.set_busy_timeout(0)
        try:
            done = self._quick_flags.apply(operation)
        except apsw.BusyError:
            return None
        except FAILURES as error:
            self._distrusted |= isinstance(error, apsw.IOError)
            raise as_store_error(error) from error
        finally:
            self._connection.set_busy_timeout(int(limits.DATABASE_BUSY_SECONDS * 1000))
        if done is None:
            return None
        outcome, delta = done
        if delta is not None:
            self._finish((), Committed({operation.mailbox: delta}, synced=False))
            if self._wal_pages > limits.WAL_PAGES and self._folding is not None:
                self._folding.begin()
        return outcome

    def _begin(self, requests: Sequence[Request]) -> bool:
        """Carry out requests here, and let a thread wait for the disk; False: not possible, nothing was done."""
        if self._distrusted or self._wal_pages > limits.WAL_PAGES:
            return False
        apart = self._may_sync_apart(requests)
        self._connection.set_busy_timeout(0)
        try:
            prepared = self._committer.prepare(requests, self._clock(), synced_apart=apart)
            if isinstance(prepared, Prepared) and (apart or not prepared.synced):
                prepared = self._committer.complete(prepared)
        except apsw.BusyError:
            self._locked = True
            return False
        except FAILURES as error:
            prepared = _failed(requests, error)
        finally:
            self._connection.set_busy_timeout(int(limits.DATABASE_BUSY_SECONDS * 1000))
        self._tries = 0
        if isinstance(prepared, Committed):
            if prepared.disk_failed:
                self._distrusted = True
            if apart and prepared.deltas:
                self._sync_apart(requests, prepared)
            else:
                self._finish(requests, prepared)
            return True
        committed = self._threads.here(partial(self._complete, requests, prepared))
        if committed is None:
            self._run_in_thread(partial(self._complete_in_thread, requests, prepared))
            return True
        try:
            self._finish(requests, committed)
        finally:
            if self._wal_pages > limits.WAL_PAGES:
                self._run_in_thread(self._checkpoint_in_thread)
        return True

    # --- synced apart from the commit ---------------------------------------------------------------------------
    def _may_sync_apart(self, requests: Sequence[Request]) -> bool:
        """Whether these are committed first, and synced while the event loop goes on: several clients add messages."""
        if not all(request.only_adds for request in requests):
            return False
        if not self._apart.wanted(self._loop) or not self._unsynced.has_room(len(requests)):
            return False
        if not self._name_synced and self._sync_timer is None:
            self._sync_timer = self._loop.call_later(0, self._sync_soon)
        return self._name_synced

    def _sync_apart(self, requests: Sequence[Request], committed: Committed) -> None:
        self._idle.clear()
        self._unsynced.add(requests, committed)
        if self._wal_pages > limits.WAL_PAGES:
            self._run_in_thread(self._checkpoint_in_thread)

    def _told_apart(self, waiting: Sequence[Waiting], error: int) -> None:
        if error:
            # The system may have forgotten it. What the database itself takes is safe all the same.
            self._distrusted = True
            log.error("messages are not on the disk yet", database=str(self._path), reason=os.strerror(error))
            job = _Job(self._trust_again, self._loop.create_future())
            job.future.add_done_callback(partial(self._tried_again, waiting))
            self._enqueue(job)
            return
        self._finish_all(waiting)

    def _finish_all(self, waiting: Sequence[Waiting]) -> None:
        with ExitStack() as last_to_first:  # all of them, also where one fails
            last_to_first.callback(self._note_idle)
            for requests, committed in reversed(waiting):
                last_to_first.callback(self._finish, requests, committed)

    def _trust_again(self) -> None:
        if self._distrusted:
            self._start_log_anew()

    def _tried_again(self, waiting: Sequence[Waiting], tried: "asyncio.Future[None]") -> None:
        error = tried.exception()
        if isinstance(error, Exception):
            for requests, _ in waiting:
                _failed(requests, error)
        self._finish_all(waiting)

    def _note_idle(self) -> None:
        if not self._busy and not self._unsynced.working:
            self._idle.set()

    def _run_in_thread(self, work: Callable[[], None]) -> None:
        """Let a commit's thread have the connection; it calls :meth:`_drained` when it needs it no more."""
        self._busy = True
        self._idle.clear()
        self._threads.run(work)

    def _enqueue(self, item: Request | _Job) -> None:
        self._queue.append(item)
        if not self._busy:
            self._start()

    def _start(self) -> None:
        if self._executor is None:
            self._drain()
            return
        self._busy = True
        self._idle.clear()
        if self._locked and self._tries < limits.LOCKED_TRIES:
            # It is done with that in a millisecond mostly; a thread would do nothing but sleep, too.
            self._tries += 1
            self._loop.call_later(limits.LOCKED_SECONDS, self._drained)
        else:
            self._executor.submit(self._drain_in_thread)
        self._locked = False

    def _drained(self) -> None:
        self._busy = False
        while self._queue and not self._busy:
            if not self._begin_waiting():
                self._start()
        self._note_idle()

    def _begin_waiting(self) -> bool:
        """Begin with what waits here, if that is little; else False."""
        weight = 0
        for item in self._queue:
            weight += item.weight if isinstance(item, Request) else 2 * limits.APPENDED_AT_ONCE + 1
            if weight > 2 * limits.APPENDED_AT_ONCE:
                return False
        requests = self._take()
        if not requests or self._begin(requests):
            return True
        self._queue.extendleft(reversed(requests))
        return False

    def _completed(self, requests: Sequence[Request], committed: Committed) -> None:
        try:
            self._finish(requests, committed)
        finally:
            self._drained()

    def _finish(self, requests: Sequence[Request], committed: Committed) -> None:
        """Tell everybody: first the shared state, then watchers, then those who wait."""
        if not committed.synced and self._sync_timer is None and self._path is not None:
            self._sync_timer = self._loop.call_later(limits.FLAGS_SYNC_SECONDS, self._sync_soon)
        try:
            if committed.deltas or committed.hinted or committed.list_changed:
                self._on_commit(committed)
        finally:
            for request in requests:
                request.close()
                _settle(request.future, request.outcomes, request.error)

    def _sync_soon(self) -> None:
        self._sync_timer = None
        assert self._executor is not None
        self._executor.submit(self.sync_wal)

    def sync_wal(self) -> None:
        """Bring to the disk what was committed without a sync. Runs in any thread."""
        assert self._path is not None
        try:
            _sync_file(f"{self._path}-wal")
            if not self._name_synced:
                sync_folder(self._path.parent)
                self._name_synced = True
        except FileNotFoundError:
            return
        except OSError as error:
            self._distrusted = True
            log.error("flag changes may not be on the disk", database=str(self._path), reason=str(error))

    async def close(self) -> None:
        """Finish what waits, bring everything to the disk, and close the connection."""
        self._closed = True
        await self._idle.wait()
        if self._folding is not None:
            await self._folding.end()
        if self._sync_timer is not None:
            self._sync_timer.cancel()
        self._unsynced.close()
        if self._executor is None:
            self._connection.close()
        else:
            await self._loop.run_in_executor(self._executor, self._close)

    # --- in the thread ------------------------------------------------------------------------------------------
    def _complete_in_thread(self, requests: Sequence[Request], prepared: Prepared) -> None:
        committed = Committed()
        try:
            committed = self._complete(requests, prepared)
        finally:
            if self._wal_pages <= limits.WAL_PAGES:
                self._call(self._completed, requests, committed)
            else:
                self._call(self._finish, requests, committed)
                self._checkpoint_in_thread()

    def _checkpoint_in_thread(self) -> None:
        try:
            self._checkpoint()
        finally:
            self._call(self._drained)

    def _complete(self, requests: Sequence[Request], prepared: Prepared) -> Committed:
        try:
            committed = self._committer.complete(prepared)
        except FAILURES as error:
            committed = _failed(requests, error)
        if committed.disk_failed:
            self._distrusted = True
        return committed

    def _close(self) -> None:
        self.sync_wal()
        self._connection.close()

    def _drain_in_thread(self) -> None:
        try:
            self._drain()
            self._checkpoint()
        finally:
            self._loop.call_soon_threadsafe(self._drained)

    def _drain(self) -> None:
        while self._queue:
            requests = self._take()
            if requests:
                self._call(self._finish, requests, self._commit(requests))
            elif self._queue:
                item = self._queue.popleft()
                assert isinstance(item, _Job)
                self._call(_settle, item.future, None, _run_job(item))
                self._committer.used_elsewhere()

    def _take(self) -> list[Request]:
        """Requests from the queue's head; those whose owner gave up waiting are dropped."""
        taken: list[Request] = []
        while self._queue and len(taken) < limits.GROUP_REQUESTS:
            item = self._queue[0]
            if isinstance(item, _Job):
                break
            self._queue.popleft()
            if item.future.cancelled():
                item.close()
            else:
                taken.append(item)
        return taken

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._executor is None:
            function(*arguments)
        else:
            self._loop.call_soon_threadsafe(partial(function, *arguments))

    def _commit(self, requests: Sequence[Request]) -> Committed:
        try:
            if self._distrusted:
                self._start_log_anew()
            committed = self._committer.commit(requests, self._clock())
        except FAILURES as error:
            return _failed(requests, error)
        if committed.disk_failed:
            self._distrusted = True
        return committed

    def _start_log_anew(self) -> None:
        """After a failed sync the system may forget what it could not write, and the next sync succeeds all the same.

        So nothing more is written behind such a place: first everything goes into the database, synced.

        Raises:
            apsw.Error: that is not possible (yet).
        """
        self._distrusted = False
        try:
            self._committer.set_synced(True)
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error:
            self._distrusted = True
            raise

    def _checkpoint(self) -> None:
        folding = self._folding
        if self._wal_pages <= limits.WAL_PAGES or (folding is not None and folding.running):
            return
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            log.warning("the write-ahead log could not be folded into the database", reason=str(error))
        self._wal_pages = 0
        if folding is not None:
            folding.done = False


def _sync_file(name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _failed(requests: Sequence[Request], error: Exception) -> Committed:
    for request in requests:
        request.error = request.error or as_store_error(error)
    return Committed()


def _run_job(job: _Job) -> Exception | None:
    try:
        job.work()
    except Exception as error:  # noqa: BLE001 - it is told to the job's owner
        return error
    return None


def _settle(future: "asyncio.Future[R]", result: R, error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
