"""Requests to the writer: operations that wait for their transaction, and which code carries out which operation."""

import asyncio
import mmap
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import apsw

from mailwren.base import limits
from mailwren.message.structure import simple_structure
from mailwren.store.blobs.api import BlobStore
from mailwren.store.octets import Spool
from mailwren.store.operations import (
    Append,
    ClaimRecent,
    Copy,
    CreateMailbox,
    DeleteMailbox,
    EmptyAccount,
    Expunge,
    ForgetAccessKeys,
    GiveAccessKey,
    Move,
    Operation,
    Outcome,
    RenameMailbox,
    SetAcl,
    SetFlags,
    SetMessageAnnotations,
    SetMetadata,
    SetPrivateFlags,
    SetQuota,
    SetSpecialUse,
    SetSubscription,
)
from mailwren.store.sqlite.access_keys import forget_access_keys, give_access_key
from mailwren.store.sqlite.annotations import set_metadata
from mailwren.store.sqlite.emptying import empty_account
from mailwren.store.sqlite.flag_operations import claim_recent, set_flags
from mailwren.store.sqlite.mailbox_operations import (
    create_mailbox,
    delete_mailbox,
    rename_mailbox,
    set_quota,
    set_special_use,
    set_subscription,
)
from mailwren.store.sqlite.member_operations import claim_member_recent, set_member_flags
from mailwren.store.sqlite.message_annotations import set_message_annotations
from mailwren.store.sqlite.message_operations import append, copy, expunge, import_key_hash, move
from mailwren.store.sqlite.sharing_operations import set_acl, set_private_flags
from mailwren.store.sqlite.staging import Octets, Staged, stage
from mailwren.store.sqlite.transaction import Transaction

_NOT_SYNCED: Final = (SetFlags, ClaimRecent)
"""Operations that are answered before they are on the disk, unless durability is strict."""


class Request:
    """A list of operations that waits for its transaction.

    Attributes:
        operations: what to do.
        future: told the outcomes, or why not, on the event loop.
        member: whom it acts for; ``None`` is the account's owner.
        synced: whether the disk must have it before the answer.
        weight: what it costs, in octets of messages; more than ``APPENDED_AT_ONCE`` where a thread is to do it.
        outcomes: once carried out.
        error: why it was not.
    """

    __slots__ = ("_octets", "_staged", "error", "future", "member", "operations", "outcomes", "synced", "weight")

    def __init__(
        self,
        operations: Sequence[Operation],
        future: "asyncio.Future[list[Outcome]]",
        member: str | None = None,
        *,
        strict: bool,
    ) -> None:
        self.operations: Final = tuple(operations)
        self.future: Final = future
        self.member: Final = member
        self.synced: Final = strict or not all(isinstance(each, _NOT_SYNCED) for each in self.operations)
        self.outcomes: list[Outcome] = []
        self.error: Exception | None = None
        # Taken now: whoever gave us the octets may close them as soon as waiting for us is cancelled.
        self._octets: Final[dict[int, Octets]] = {
            number: each.message.view() if isinstance(each.message, Spool) else each.message
            for number, each in enumerate(self.operations)
            if isinstance(each, Append)
        }
        self._staged: Final[dict[int, Staged]] = {}
        self.weight = sum(map(_weight, self.operations))

    @property
    def only_adds(self) -> bool:
        """Whether all it does is to add messages: that changes no other row than those a transaction holds."""
        return len(self._octets) == len(self.operations) and self.member is None

    def stage(self, connection: apsw.Connection, blobs: BlobStore) -> None:
        """Do what can be done before the transaction, unless that has been done. Raises apsw.Error, OSError."""
        for number, octets in self._octets.items():
            operation = self.operations[number]
            assert isinstance(operation, Append)
            if number not in self._staged and not _known(connection, operation):
                self._staged[number] = stage(octets, connection, blobs)

    def stage_at_once(self, connection: apsw.Connection, blobs: BlobStore) -> bool:
        """As :meth:`stage`, where that takes a fraction of a millisecond; False: it weighs more than it seemed.

        For requests of little weight; touches neither the connection nor the disk.
        """
        for number, octets in self._octets.items():
            structure = simple_structure(octets) if isinstance(octets, bytes) else None
            if structure is None:
                self.weight = limits.APPENDED_AT_ONCE + 1
                return False
            self._staged[number] = stage(octets, connection, blobs, structure)
        return True

    def run(self, tx: Transaction) -> None:
        """Carry out the operations. Raises StoreError, apsw.Error, OSError, ValueError."""
        before = tx.meta.held()
        tx.member = self.member
        self.outcomes = [
            append(tx, operation, partial(self._stage_now, tx, number))
            if isinstance(operation, Append)
            else _run(tx, operation)
            for number, operation in enumerate(self.operations)
        ]
        tx.check_quota(before)

    def _stage_now(self, tx: Transaction, number: int) -> Staged:
        # Not staged yet where the import key was known when we looked, and its mailbox has been deleted since.
        return self._staged.get(number) or stage(self._octets[number], tx.connection, tx.blobs)

    def close(self) -> None:
        """Let go of the messages' octets."""
        self._staged.clear()
        for octets in self._octets.values():
            if isinstance(octets, mmap.mmap):
                octets.close()
        self._octets.clear()


def _weight(operation: Operation) -> int:
    """What an operation costs, in octets of messages."""
    if isinstance(operation, Append) and not operation.import_key:
        size = operation.message.size if isinstance(operation.message, Spool) else len(operation.message)
        return limits.APPEND_WEIGHT + size
    if isinstance(operation, ClaimRecent) or (
        isinstance(operation, SetFlags) and len(operation.uids) <= limits.FLAGS_AT_ONCE
    ):
        return limits.APPEND_WEIGHT // 4
    return limits.APPENDED_AT_ONCE + 1


def _known(connection: apsw.Connection, operation: Append) -> bool:
    """Whether an import key makes a message a duplicate, so that it need not even be parsed."""
    if not operation.import_key:
        return False
    bindings = (operation.mailbox, import_key_hash(operation.import_key))
    return bool(connection.execute("SELECT 1 FROM import_key WHERE mailbox = ? AND key = ?", bindings).fetchall())


_RUNNERS: Final[dict[type, Callable[[Transaction, Any], Outcome]]] = {
    SetFlags: lambda tx, operation: (set_flags if tx.member is None else set_member_flags)(tx, operation),
    Copy: copy,
    Move: move,
    Expunge: expunge,
    CreateMailbox: create_mailbox,
    DeleteMailbox: delete_mailbox,
    RenameMailbox: rename_mailbox,
    SetSubscription: set_subscription,
    ClaimRecent: lambda tx, operation: (claim_recent if tx.member is None else claim_member_recent)(tx, operation),
    SetQuota: set_quota,
    SetMetadata: set_metadata,
    SetMessageAnnotations: set_message_annotations,
    SetSpecialUse: set_special_use,
    SetAcl: set_acl,
    SetPrivateFlags: set_private_flags,
    GiveAccessKey: give_access_key,
    ForgetAccessKeys: forget_access_keys,
    EmptyAccount: empty_account,
}
"""What carries out each operation; Append needs its octets besides. Any: each takes its own kind."""


def _run(tx: Transaction, operation: Operation) -> Outcome:
    runner = _RUNNERS.get(type(operation))
    if runner is None:
        raise TypeError(f"not an operation: {operation!r}")
    return runner(tx, operation)
