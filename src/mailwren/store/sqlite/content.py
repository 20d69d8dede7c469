"""The rows of a message's immutable part: blob, content, and its thread."""

from datetime import UTC, datetime

from mailwren.base.ids import ContentId
from mailwren.store.sqlite import sort_rows
from mailwren.store.sqlite.rows import fetch_value
from mailwren.store.sqlite.schema import PLACE_FILE
from mailwren.store.sqlite.staging import Staged, write_blob
from mailwren.store.sqlite.transaction import Transaction


def add_content(tx: Transaction, staged: Staged, internal_date: datetime | None) -> ContentId:
    """Store a staged message's immutable part; the same octets are one blob, however often they come.

    Raises:
        ValueError: the date has no time zone.
        OSError: a large message had to be written once more, and could not be.
    """
    tx.meta.content += 1
    content = ContentId(tx.meta.content)
    seconds, zone = _date(tx, internal_date)
    # The same message has the same thread, also where nothing in its header says which: "The server MUST return the
    # same THREADID for all messages with the same EMAILID" (RFC 8474 §5.2).
    blob, thread = _blob(tx, staged)
    tx.execute(
        "INSERT INTO content VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            content,
            blob,
            staged.size,
            seconds,
            zone,
            staged.sent_date,
            staged.sent_time,
            _thread(tx, staged, content) if thread is None else thread,
            staged.email_id(seconds, zone),
        ),
    )
    tx.execute("INSERT INTO content_wire VALUES(?, ?, ?, ?, ?)", (content, *staged.wire))
    tx.execute("INSERT INTO content_header VALUES(?, ?, ?, ?, ?, ?)", (content, *staged.header))
    tx.execute(sort_rows.INSERT, (content, *staged.sorting))
    tx.execute(sort_rows.INSERT_FIELDS, (content, *staged.fields))
    return content


def _date(tx: Transaction, internal_date: datetime | None) -> tuple[int, int]:
    if internal_date is None:
        return tx.now, 0
    offset = internal_date.utcoffset()
    if offset is None:
        raise ValueError("internal_date has no time zone")
    since = internal_date - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86400 + since.seconds, round(offset.total_seconds() / 60)


def _blob(tx: Transaction, staged: Staged) -> tuple[int, int | None]:
    """The octets' row, and the thread of the message that came with them before."""
    known: int | None = fetch_value(tx.connection, "SELECT id FROM blob WHERE hash = ?", (staged.hash,))
    if known is not None:
        return known, fetch_value(tx.connection, "SELECT thread FROM content WHERE blob = ? LIMIT 1", (known,))
    # Since staging the sweeper, or another process's, may have removed what was there: it does so under the write
    # lock that we hold now, so that what is there now stays.
    if staged.data is None and not (staged.place == PLACE_FILE and tx.blobs.exists(staged.hash)):
        write_blob(staged, tx.blobs)
    tx.execute("INSERT INTO blob VALUES(NULL, ?, ?, ?, ?)", (staged.hash, staged.size, staged.place, staged.data))
    return tx.connection.last_insert_rowid(), None


def _thread(tx: Transaction, staged: Staged, content: ContentId) -> int:
    """The oldest thread among those that the message refers to or is referred to by, else its own."""
    keys = staged.thread_keys
    if not keys:
        return content
    threads: dict[int, int] = {}
    for key in keys:
        known = fetch_value(tx.connection, "SELECT thread FROM thread_reference WHERE hash = ?", (key,))
        if known is not None:
            threads[key] = known
    thread = min(threads.values(), default=content)
    for key in dict.fromkeys(keys):
        if key not in threads:
            tx.execute("INSERT INTO thread_reference VALUES(?, ?)", (key, thread))
    return thread
