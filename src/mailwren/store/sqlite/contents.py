"""Reading the immutable part of messages: facts, ready wire bytes, part trees, headers, octets.

Short reads run on the event loop; many rows are read in slices, so that others get their turn; files are read and
decompressed in a thread. Whatever has been decompressed lately is kept, for clients that ask piece by piece.
"""

import asyncio
import hashlib
import re
from array import array
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from functools import cache, partial
from typing import Any, Final, TypeVar, cast

import apsw
import zstandard

from mailwren.base import limits
from mailwren.base.ids import ContentId, MailboxId, Uid
from mailwren.message.api import Part
from mailwren.message.header import FieldSelector
from mailwren.message.list_fields import LISTED, bits_of
from mailwren.message.parse import parse_message
from mailwren.message.sections import load_along, load_part, section_range
from mailwren.store.blobs.api import BlobStore, DamagedBlob
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.errors import MessageDamaged
from mailwren.store.sqlite.failures import FAILURES, as_store_error, translated
from mailwren.store.sqlite.kept_rows import KeptRows
from mailwren.store.sqlite.rows import fetch
from mailwren.store.sqlite.schema import PLACE_COMPRESSED, PLACE_FILE
from mailwren.store.sqlite.sort_rows import sort_row_of
from mailwren.store.values import Absent, ContentFacts, ContentSorting, ContentWire, SectionOctets, SmallWire

T = TypeVar("T")
_FACTS: Final = (
    "SELECT c.size, c.internal_date, c.internal_zone, c.sent_date, c.sent_time, c.email_id, "
    "format('T%s%08x', ?2, c.thread) FROM carray(?1) wanted CROSS JOIN content c ON c.id = wanted.value"
)
_SIZES_AND_DATES: Final = (
    "SELECT c.size, c.internal_date, c.internal_zone FROM carray(?) wanted CROSS JOIN content c ON c.id = wanted.value"
)
_SAVED: Final = "SELECT m.saved FROM carray(?1) wanted LEFT JOIN message m ON m.mailbox = ?2 AND m.uid = wanted.value"
_SORTING: Final = (
    "SELECT c.size, c.internal_date, coalesce(c.sent_time, c.internal_date), s.subject, s.is_reply, s.cc, s.sender, "
    "s.display_sender, s.recipient, s.display_recipient, s.message_id, s.ancestors "
    "FROM carray(?) wanted CROSS JOIN content c ON c.id = wanted.value LEFT JOIN content_sort s ON s.id = c.id"
)
_SORT_ROW: Final = 3
"""The first of its columns that come from ``content_sort``."""
_WIRE: Final = (
    "SELECT c.envelope, c.body, c.body_structure FROM carray(?) wanted CROSS JOIN content_wire c ON c.id = wanted.value"
)
_HEADERS: Final = "SELECT c.size, c.header FROM carray(?) wanted CROSS JOIN content_header c ON c.id = wanted.value"
_PREVIEWS: Final = "SELECT c.preview FROM carray(?) wanted CROSS JOIN content_header c ON c.id = wanted.value"
_SMALL_WIRE: Final = (
    "SELECT iif(length(c.envelope) + length(c.body) + length(c.body_structure) <= ?2, c.envelope, NULL), "
    "iif(length(c.envelope) + length(c.body) + length(c.body_structure) <= ?2, c.body, NULL), "
    "iif(length(c.envelope) + length(c.body) + length(c.body_structure) <= ?2, c.body_structure, NULL) "
    "FROM carray(?1) wanted CROSS JOIN content_wire c ON c.id = wanted.value"
)
"""Asking for a column's length does not read it."""
_SMALL_HEADERS: Final = (
    "SELECT c.size, iif(c.size <= ?2, c.header, NULL) "
    "FROM carray(?1) wanted CROSS JOIN content_header c ON c.id = wanted.value"
)
_FIELDS: Final = (
    "SELECT f.present & ?3, f.fields FROM carray(?1) wanted "
    "LEFT JOIN content_fields f ON f.id = wanted.value AND f.present & ?2 = 0"
)
"""Where a message has one of the fields ``?2``, which are not kept there, the row is passed over."""
_SMALL_OCTETS: Final = (
    "SELECT b.place, b.size, iif(b.size <= ?2, b.data, NULL) "
    "FROM carray(?1) wanted CROSS JOIN content c ON c.id = wanted.value CROSS JOIN blob b ON b.id = c.blob"
)
_SECTIONS: Final = (
    "SELECT b.place, b.size, iif(b.size <= ?2, b.data, NULL), w.parts "
    "FROM carray(?1) wanted CROSS JOIN content c ON c.id = wanted.value CROSS JOIN blob b ON b.id = c.blob "
    "CROSS JOIN content_wire w ON w.id = wanted.value"
)
_HEADERS_PARSED_AT_ONCE: Final = 32
_decompressor: Final = zstandard.ZstdDecompressor()
"""Used on the event loop only."""
_unpack: Final = _decompressor.decompress


class Contents:
    """The immutable parts of one account's messages. Everything here is called on the event loop."""

    __slots__ = ("_account", "_blobs", "_cache", "_executor", "_kept", "_reader", "_thread_prefix")

    def __init__(
        self,
        account: str,
        reader: apsw.Connection,
        blobs: BlobStore,
        executor: Executor | None,
        *,
        cache: OctetCache,
        kept: KeptRows,
    ) -> None:
        """Read rows through ``reader``, files through ``executor`` (at once when there is none)."""
        self._account: Final = account
        # Threads are numbered in each account, and a session can see several: their ids must differ.
        self._thread_prefix: Final = hashlib.blake2b(account.encode("utf-8"), digest_size=4).hexdigest()
        self._reader: Final = reader
        self._blobs: Final = blobs
        self._executor: Final = executor
        self._cache: Final = cache
        self._kept: Final = kept

    def close(self) -> None:
        """Nothing will be asked any more."""
        self._kept.drop(self)

    async def facts(self, contents: Sequence[ContentId]) -> list[ContentFacts]:
        """Sizes, dates and object ids, in the order asked."""
        return await self._many(contents, _FACTS, _each(ContentFacts._make), self._thread_prefix)

    async def sizes_and_dates(self, contents: Sequence[ContentId]) -> list[tuple[int, int, int]]:
        """Size, internal date and its zone, in the order asked."""
        return await self._many(contents, _SIZES_AND_DATES, _as_they_are)

    async def saved_dates(self, mailbox: MailboxId, uids: Sequence[Uid]) -> list[int | None]:
        """When messages came into the mailbox (seconds since the epoch), in the order asked; ``None``: not there."""
        return await self._many(uids, _SAVED, _firsts, mailbox)

    async def wire(self, contents: Sequence[ContentId]) -> list[ContentWire]:
        """Ready ENVELOPE, BODY and BODYSTRUCTURE, in the order asked."""
        return await self._many(contents, _WIRE, _each(ContentWire._make))

    async def sorting(self, contents: Sequence[ContentId]) -> list[ContentSorting]:
        """What SORT and THREAD compare, in the order asked."""
        rows: list[Any] = await self._many(contents, _SORTING, _as_they_are)
        # The database may be older than these columns: until the sweeper has filled them, the headers tell.
        missing = [place for place, row in enumerate(rows) if row[_SORT_ROW] is None]
        for start in range(0, len(missing), _HEADERS_PARSED_AT_ONCE):
            places = missing[start : start + _HEADERS_PARSED_AT_ONCE]
            headers = self._slice([contents[place] for place in places], _HEADERS, _headers, ())
            for place, header in zip(places, headers, strict=True):
                rows[place] = (*rows[place][:_SORT_ROW], *sort_row_of(header))
            await asyncio.sleep(0)
        return list(map(ContentSorting._make, rows))

    async def headers(self, contents: Sequence[ContentId]) -> list[bytes]:
        """The top header blocks, in the order asked."""
        return await self._many(contents, _HEADERS, _headers)

    async def previews(self, contents: Sequence[ContentId]) -> list[str]:
        """The beginnings of the readable texts, in the order asked."""
        return await self._many(contents, _PREVIEWS, _firsts)

    async def small_wire(self, contents: Sequence[ContentId], largest: int) -> Sequence[SmallWire]:
        """As :meth:`wire` for what has no more than ``largest`` octets, else nothing. What makes a page is kept."""
        if len(contents) > limits.PAGE_ROWS or largest != limits.PAGE_ROW:
            return await self._many(contents, _SMALL_WIRE, _as_they_are, largest)
        kept = self._kept.of(self)
        rows = list(map(kept.get, contents))
        if None in rows:
            missing = [content for content, row in zip(contents, rows, strict=True) if row is None]
            read: dict[int, SmallWire] = dict(
                zip(missing, self._slice(missing, _SMALL_WIRE, _as_they_are, (largest,)), strict=True)
            )
            self._kept.keep(self, read)
            return [row or read[content] for content, row in zip(contents, rows, strict=True)]
        return cast("list[SmallWire]", rows)

    async def small_headers(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """The same for those of no more than ``largest`` octets, else ``None``."""
        return await self._many(contents, _SMALL_HEADERS, _headers, largest)

    async def header_fields(
        self, contents: Sequence[ContentId], names: Collection[bytes], largest: int
    ) -> list[bytes | None]:
        """Some fields of the top headers of no more than ``largest`` octets, else ``None``, in the order asked."""
        bits = bits_of(names)
        select = FieldSelector(names).select
        if bits is None:
            return _selected(select, await self.small_headers(contents, largest))
        rows: list[Any] = await self._many(contents, _FIELDS, _as_they_are, bits & ~LISTED, LISTED & ~bits)
        result: list[bytes | None] = [
            select(fields) if others and fields is not None else fields for others, fields in rows
        ]
        gaps = [place for place, fields in enumerate(result) if fields is None]
        if gaps:
            headers = await self.small_headers([contents[place] for place in gaps], largest)
            for place, fields in zip(gaps, _selected(select, headers), strict=True):
                result[place] = fields
        return result

    async def small_octets(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Whole messages of no more than ``largest`` octets, else ``None``. Not kept: they are asked for once."""
        return await self._many(contents, _SMALL_OCTETS, _octets, largest)

    async def small_sections(
        self, contents: Sequence[ContentId], section: SectionOctets, largest: int
    ) -> list[bytes | Absent | None]:
        """A section of messages of no more than ``largest`` octets, else ``None``. Not kept either."""
        return await self._many(contents, _SECTIONS, partial(_sections, section), largest)

    # Any: rows of SQLite's, whose columns have no static types.
    async def _many(
        self, contents: Sequence[int], statement: str, make: Callable[[list[Any]], list[T]], *bindings: int | str
    ) -> list[T]:
        if len(contents) <= limits.ROWS_AT_ONCE:
            return self._slice(contents, statement, make, bindings) if contents else []
        result: list[T] = []
        for start in range(0, len(contents), limits.ROWS_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            result.extend(self._slice(contents[start : start + limits.ROWS_AT_ONCE], statement, make, bindings))
        return result

    @translated
    def _slice(
        self,
        contents: Sequence[int],
        statement: str,
        make: Callable[[list[Any]], list[T]],
        bindings: tuple[int | str, ...],
    ) -> list[T]:
        if len(contents) == 1:
            rows = self._reader.execute(_for_one(statement), (contents[0], *bindings)).fetchall()
        else:
            rows = self._reader.execute(statement, (apsw.carray(array("q", contents)), *bindings)).fetchall()
        if len(rows) != len(contents):
            raise MessageDamaged("some of the messages are no longer stored")
        try:
            return make(rows)
        except zstandard.ZstdError as error:
            raise MessageDamaged(f"a stored message is damaged: {error}") from error

    async def structure(self, content: ContentId) -> Part:
        """The part tree with offsets into the octets. Raises MessageDamaged."""
        rows = self._rows("SELECT parts FROM content_wire WHERE id = ?", content)
        try:
            return load_part(rows[0][0])
        except ValueError:
            # Written by another version of the parser: what it is made from is still there.
            return parse_message(await self.read(content, 0, None)).root

    @translated
    def _rows(self, statement: str, content: ContentId) -> list[Any]:
        rows = self._reader.execute(statement, (content,)).fetchall()
        if not rows:
            raise MessageDamaged("the message is no longer stored")
        return rows

    async def read(self, content: ContentId, start: int, length: int | None) -> bytes:
        """Octets of a message from ``start`` on. Raises MessageDamaged."""
        key = (self._account, content)
        octets = self._cache.get(key)
        if octets is None:
            place, size, blob, data = self._rows(
                "SELECT b.place, b.size, b.hash, b.data FROM content c JOIN blob b ON b.id = c.blob WHERE c.id = ?",
                content,
            )[0]
            if place == PLACE_FILE:
                return await self._read_file(blob, start, size if length is None else length)
            octets = decompressed(data, size) if place == PLACE_COMPRESSED else data
            self._cache.put(key, octets)
        return octets[start:] if length is None else octets[start : start + length]

    async def _read_file(self, blob: bytes, start: int, length: int) -> bytes:
        try:
            if self._executor is None:
                return self._blobs.read(blob, start, length)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self._blobs.read, blob, start, length)
        except DamagedBlob as error:
            raise MessageDamaged(f"a message's file is damaged: {error}") from error
        except FAILURES as error:
            raise as_store_error(error) from error


def read_email_ids(connection: apsw.Connection, contents: Sequence[int]) -> dict[ContentId, str]:
    """The object ids of those of some contents that are stored. Raises apsw.Error."""
    statement = "SELECT id, email_id FROM content WHERE id IN (SELECT value FROM carray(?))"
    return dict(fetch(connection, statement, (apsw.carray(array("q", contents)),))) if contents else {}


def decompressed(data: bytes, size: int) -> bytes:
    """Octets out of their one zstd frame. Raises MessageDamaged."""
    try:
        return _decompressor.decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise MessageDamaged(f"a stored message is damaged: {error}") from error


@cache
def _for_one(statement: str) -> str:
    """The same for one content: a number is found sooner than a table of one number."""
    return re.sub(r"carray\((\?1?)\) wanted", r"(SELECT \1 AS value) wanted", statement)


def _as_they_are(rows: list[Any]) -> list[Any]:
    return rows


def _each(make: Callable[[Any], T]) -> Callable[[list[Any]], list[T]]:
    return lambda rows: list(map(make, rows))


def _firsts(rows: list[tuple[T]]) -> list[T]:
    return [first for (first,) in rows]


def _headers(rows: list[tuple[int, Any]]) -> list[Any]:
    """Headers as they came in; ``None`` stays as it is."""
    return [
        header if header is None or len(header) == size else _unpack(header, max_output_size=size)
        for size, header in rows
    ]


def _selected(select: Callable[[bytes], bytes], headers: Sequence[bytes | None]) -> list[bytes | None]:
    return [None if header is None else select(header) for header in headers]


def _octets(rows: list[tuple[int, int, bytes | None]]) -> list[bytes | None]:
    return [
        data if data is None or place != PLACE_COMPRESSED else _unpack(data, max_output_size=size)
        for place, size, data in rows
    ]


def _sections(section: SectionOctets, rows: list[Any]) -> list[bytes | Absent | None]:
    first, stop = section.first, section.first + section.length
    result: list[bytes | Absent | None] = []
    for octets, (_place, _size, _data, record) in zip(_octets([row[:3] for row in rows]), rows, strict=True):
        if octets is None:
            result.append(None)
            continue
        try:
            root = load_along(record, section.part)
        except ValueError:
            root = parse_message(octets).root  # written by another version of the parser
        found = section_range(root, section.part, section.piece)
        if found is None:
            result.append(Absent.ABSENT)
        else:
            start, end = found
            result.append(octets[min(start + first, end) : min(start + stop, end)])
    return result
