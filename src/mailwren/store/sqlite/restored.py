"""What has to happen to an account whose files were put back from an older copy.

What came after the copy is gone, and its UIDs and mod-sequences would be given out again, for other messages than those
that clients remember under them. A new UIDVALIDITY makes clients forget what they knew (RFC 9051 §2.3.1.1).
"""

from pathlib import Path

import apsw

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.blobs.folder import FolderBlobs
from mailwren.store.errors import AccountDamaged
from mailwren.store.sqlite.database import open_writer, prepare
from mailwren.store.sqlite.failures import translated
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.folders import BLOBS_NAME, DATABASE_NAME
from mailwren.store.sqlite.mailbox_operations import next_validity
from mailwren.store.sqlite.rows import fetch
from mailwren.store.sqlite.transaction import Transaction


@translated
def mark_restored(folder: Path, now: float) -> int:
    """Give every mailbox of an account a new UIDVALIDITY; on the disk when this returns how many mailboxes there are.

    No process may have the account open: its sessions would go on with the old one.

    Args:
        folder: the account's folder, see ``store.check.account_folders``.
        now: seconds since the epoch, later than everything that was lost.

    Raises:
        StoreError: it is not possible; nothing was changed.
    """
    path = folder / DATABASE_NAME
    if not path.is_file():
        raise AccountDamaged(f"there is no {path}")
    connection = open_writer(path)
    try:
        prepare(connection, path, now)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        count = _new_validities(connection, folder, now)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return count


def _new_validities(connection: apsw.Connection, folder: Path, now: float) -> int:
    transaction = Transaction(
        connection, FlagSets(), FolderBlobs(folder / BLOBS_NAME, OctetCache(limits.BLOB_FRAME)), now
    )
    mailboxes = [MailboxId(each) for (each,) in fetch(connection, "SELECT id FROM mailbox ORDER BY id")]
    for each in mailboxes:
        mailbox = transaction.mailbox(each)
        mailbox.uid_validity = next_validity(transaction)
        mailbox.save_name(connection)
    transaction.flush()
    return len(mailboxes)
