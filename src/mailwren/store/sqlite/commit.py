"""Carrying out several requests in one transaction. Synchronous; runs in any thread, one at a time per account."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw

from mailwren.base.ids import MailboxId
from mailwren.store.blobs.api import BlobStore
from mailwren.store.sqlite.delta import Delta
from mailwren.store.sqlite.failures import FAILURES, as_store_error
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.requests import Request
from mailwren.store.sqlite.transaction import States, Transaction, no_states


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


def commit(
    connection: apsw.Connection,
    requests: Sequence[Request],
    flags: FlagSets,
    blobs: BlobStore,
    now: float,
    *,
    states: States = no_states,
) -> Committed:
    """Carry out requests in one transaction; a refused one is as if it had never been. Each gets outcomes or an error.

    Raises:
        apsw.BusyError: another process is writing; nothing was done, the requests may be tried again.
    """
    for request in requests:
        try:
            request.stage(connection, blobs)
        except Exception as error:  # noqa: BLE001 - it is told to the request's owner, the others go on
            request.error = _refusal(error)
    waiting = [request for request in requests if request.error is None]
    if not waiting:
        return Committed()
    synced = any(request.synced for request in waiting)
    connection.execute("PRAGMA synchronous = FULL" if synced else "PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        tx = Transaction(connection, flags, blobs, now, states=states)
        _run_all(tx, waiting)
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - as above
        _give_up(connection, waiting, error)
        return Committed(disk_failed=isinstance(error, apsw.IOError))
    tx.flags.committed()
    return Committed(tx.deltas, tx.hinted, tx.list_changed, synced)


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


def _give_up(connection: apsw.Connection, requests: Sequence[Request], error: Exception) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    for request in requests:
        if request.error is None:
            request.error = _refusal(error)


def _refusal(error: Exception) -> Exception:
    return as_store_error(error) if isinstance(error, FAILURES) else error
