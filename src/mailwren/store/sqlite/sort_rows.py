"""The rows of what SORT and THREAD compare, and of the fields that lists of messages show: written with each message,
and made later for those that came before.

Whatever stands in ``content_sort`` and ``content_fields`` can be made anew from the header. A database that is older
than the tables notes its contents in ``unsorted``; the sweeper works that off while the server runs, and until then the
headers are read.
"""

import struct
from array import array
from collections.abc import Sequence
from typing import Final, TypeAlias

import apsw
import zstandard

from mailwren.base import limits
from mailwren.message.api import SortKeys
from mailwren.message.list_fields import list_fields
from mailwren.message.sort_keys import sort_keys_of
from mailwren.store.sqlite.rows import fetch
from mailwren.store.sqlite.sweeping import transaction
from mailwren.store.sqlite.text_values import storable, thread_key

SortRow: TypeAlias = tuple[str, bool, str, str, str, str, str, int | None, bytes]
"""The columns of ``content_sort`` behind the id."""
LateRows: TypeAlias = tuple[int, SortRow, tuple[int, bytes | None]]
"""A content, and its columns of ``content_sort`` and ``content_fields``."""

INSERT: Final = "INSERT OR REPLACE INTO content_sort VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_FIELDS: Final = "INSERT OR REPLACE INTO content_fields VALUES(?, ?, ?)"
_PENDING: Final = (
    "SELECT u.content, h.size, h.header FROM unsorted u LEFT JOIN content_header h ON h.id = u.content LIMIT ?"
)


def sort_row(keys: SortKeys) -> SortRow:
    """The columns of a message: its texts as the database can hold them, its message-ids as hashes."""
    references = [thread_key(each) for each in keys.references]
    return (
        storable(keys.subject),
        keys.is_reply,
        storable(keys.cc),
        storable(keys.sender),
        storable(keys.display_sender),
        storable(keys.recipient),
        storable(keys.display_recipient),
        thread_key(keys.message_id) if keys.message_id else None,
        struct.pack(f"<{len(references)}q", *references),
    )


def sort_row_of(block: bytes) -> SortRow:
    """The same from a header block."""
    return sort_row(sort_keys_of(block))


def pending(connection: apsw.Connection) -> tuple[list[int], list[LateRows]]:
    """Some contents that wait for their rows, and the rows; those whose header is lost get none."""
    contents: list[int] = []
    rows: list[LateRows] = []
    decompressor = zstandard.ZstdDecompressor()
    for content, size, header in fetch(connection, _PENDING, (limits.SWEEP_ROWS,)):
        contents.append(content)
        if header is None:
            continue
        try:
            block = header if len(header) == size else decompressor.decompress(header, max_output_size=size)
        except zstandard.ZstdError:
            continue
        rows.append((content, sort_row_of(block), list_fields(block)))
    return contents, rows


def store(connection: apsw.Connection, contents: Sequence[int], rows: Sequence[LateRows]) -> None:
    """Keep rows that :func:`pending` made, of contents that are still there. Raises apsw.Error."""

    def work() -> None:
        present = "SELECT id FROM content WHERE id IN (SELECT value FROM carray(?))"
        known = {content for (content,) in fetch(connection, present, (apsw.carray(array("q", contents)),))}
        kept = [row for row in rows if row[0] in known]
        connection.executemany(INSERT, [(content, *sorting) for content, sorting, _ in kept])
        connection.executemany(INSERT_FIELDS, [(content, *fields) for content, _, fields in kept])
        done = "DELETE FROM unsorted WHERE content IN (SELECT value FROM carray(?))"
        connection.execute(done, (apsw.carray(array("q", contents)),))

    if contents:
        transaction(connection, work)
