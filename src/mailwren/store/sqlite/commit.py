"""Carrying out several requests in one transaction. Synchronous; runs in any thread, one at a time per account."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import apsw

from mailwren.base.ids import MailboxId
from mailwren.store.blobs.api import BlobStore
from mailwren.store.sqlite.delta import Delta
from mailwren.store.sqlite.failures import FAILURES, as_store_error
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.requests import Request
from mailwren.store.sqlite.transaction import Rows, States, Transaction, no_states


@dataclass(slots=True)
class Committed:
    """What a commit did, for whoever must be told."""

    deltas: dict[MailboxId, Delta] = field(default_factory=dict)
    hinted: set[MailboxId] = field(default_factory=set)
    """Mailboxes where a member has changed what is his own."""
    list_changed: bool = False
    synced: bool = True
    disk_failed: bool = False
    """The disk has refused to write or to sync: what the write-ahead log holds can no longer be trusted."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction in which everything has been done but COMMIT.

    Attributes:
        requests: those that were carried out; others were refused and have their error.
        transaction: the open transaction.
        synced: whether the disk must have it before the answers.
    """

    requests: Sequence[Request]
    transaction: Transaction
    synced: bool


class Committer:
    """Carries out requests in transactions of one connection; used by one thread at a time."""

    __slots__ = ("_blobs", "_connection", "_flags", "_rows", "_states", "_synced", "_version")

    def __init__(
        self, connection: apsw.Connection, flags: FlagSets, blobs: BlobStore, states: States = no_states
    ) -> None:
        """Write through ``connection``."""
        self._connection: Final = connection
        self._flags: Final = flags
        self._blobs: Final = blobs
        self._states: Final = states
        self._synced: bool | None = None
        """Whether the connection syncs its commits; ``None`` where somebody else may have changed that."""
        self._rows: Rows | None = None
        """The rows that the last transaction left, if all it did was to add messages."""
        self._version = 0
        """The database's version then: another one after any commit, whoever's."""

    def set_synced(self, synced: bool) -> None:
        """Sync commits from here on, or no longer: asked each time, SQLite would take as long as for a row."""
        if synced is not self._synced:
            self._synced = None
            self._connection.execute("PRAGMA synchronous = FULL" if synced else "PRAGMA synchronous = NORMAL")
            self._synced = synced

    def used_elsewhere(self) -> None:
        """Somebody else has had the connection, and may have changed its settings."""
        self._synced = None
        self._rows = None

    def commit(self, requests: Sequence[Request], now: float) -> Committed:
        """Carry out requests in one transaction; a refused one is as if it had never been.

        Each gets outcomes or an error.

        Raises:
            apsw.BusyError: another process is writing; nothing was done, the requests may be tried again.
        """
        prepared = self.prepare(requests, now)
        return prepared if isinstance(prepared, Committed) else self.complete(prepared)

    def prepare(self, requests: Sequence[Request], now: float, *, synced_apart: bool = False) -> Prepared | Committed:
        """Do everything but COMMIT, unless nothing is left to commit. Raises as :meth:`commit`.

        Args:
            requests: what to do.
            now: seconds since the epoch.
            synced_apart: the caller brings the log to the disk after COMMIT.
        """
        for request in requests:
            try:
                request.stage(self._connection, self._blobs)
            except Exception as error:  # noqa: BLE001 - it is told to the request's owner, the others go on
                request.error = _refusal(error)
        waiting = [request for request in requests if request.error is None]
        if not waiting:
            return Committed()
        synced = any(request.synced for request in waiting)
        self.set_synced(synced and not synced_apart)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            tx = Transaction(
                self._connection, self._flags, self._blobs, now, states=self._states, rows=self._known_rows()
            )
            _run_all(tx, waiting)
        except Exception as error:  # noqa: BLE001 - as above
            return _give_up(self._connection, waiting, error)
        return Prepared(waiting, tx, synced)

    def _known_rows(self) -> Rows | None:
        """The rows as the transaction that has begun finds them, if they are known; they are its own from now on."""
        rows, self._rows = self._rows, None
        return rows if rows is not None and self._connection.data_version() == self._version else None

    def complete(self, prepared: Prepared) -> Committed:
        """COMMIT. Needs no lock of Python's while it writes and waits for the disk."""
        tx = prepared.transaction
        try:
            self._connection.execute("COMMIT")
            if all(request.only_adds for request in prepared.requests):
                self._rows, self._version = tx.rows(), self._connection.data_version()
        except Exception as error:  # noqa: BLE001 - as above
            return _give_up(self._connection, prepared.requests, error)
        tx.flags.committed()
        return Committed(tx.deltas, tx.hinted, tx.list_changed, prepared.synced)


def _run_all(tx: Transaction, requests: Sequence[Request]) -> None:
    if len(requests) == 1:
        requests[0].run(tx)
    else:
        for request in requests:
            _run_apart(tx, request)
    tx.flush()


def _run_apart(tx: Transaction, request: Request) -> None:
    """Carry out one of several requests: refused, it leaves no trace and the others go on."""
    mark = tx.mark()
    tx.execute("SAVEPOINT request")
    try:
        request.run(tx)
    except Exception as error:
        if not tx.connection.in_transaction:
            # SQLite has given up the whole transaction, as it does when the disk is full.
            raise
        tx.execute("ROLLBACK TO request")
        tx.back_to(mark)
        request.error = _refusal(error)
    tx.execute("RELEASE request")


def _give_up(connection: apsw.Connection, requests: Sequence[Request], error: Exception) -> Committed:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    for request in requests:
        if request.error is None:
            request.error = _refusal(error)
    return Committed(disk_failed=isinstance(error, apsw.IOError))


def _refusal(error: Exception) -> Exception:
    return as_store_error(error) if isinstance(error, FAILURES) else error
