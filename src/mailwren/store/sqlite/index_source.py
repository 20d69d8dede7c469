"""What whoever indexes an account reads of it: contents in the order of their ids, from a process of its own.

Reads only. Opened for one piece of work and closed again; the server may run meanwhile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.message.api import Part
from mailwren.message.parse import parse_message
from mailwren.message.sections import load_part
from mailwren.store.blobs.api import DamagedBlob
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.blobs.folder import FolderBlobs
from mailwren.store.errors import AccountDamaged, MessageDamaged
from mailwren.store.sqlite.contents import decompressed, read_email_ids
from mailwren.store.sqlite.database import open_reader
from mailwren.store.sqlite.failures import FAILURES, as_store_error, translated
from mailwren.store.sqlite.folders import BLOBS_NAME, DATABASE_NAME
from mailwren.store.sqlite.rows import fetch, fetch_value
from mailwren.store.sqlite.schema import MIGRATIONS, PLACE_COMPRESSED, PLACE_FILE

_CONTENTS: Final = (
    "SELECT c.id, c.email_id, c.size, b.place, b.size, b.hash, w.parts, b.data FROM content c "
    "JOIN blob b ON b.id = c.blob JOIN content_wire w ON w.id = c.id WHERE c.id BETWEEN ? AND ? ORDER BY c.id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class StoredContent:
    """A message's immutable part, to be read through the source that gave it."""

    id: int
    email_id: str
    size: int
    place: int
    blob_size: int
    blob: bytes
    parts: bytes
    data: bytes | None
    """As it is stored, unless that is in a file: read together with others, at most ``limits.BLOB_IN_DATABASE``."""


class IndexSource:
    """An account's contents.

    Args:
        folder: the account's folder.

    Raises:
        StoreError: it cannot be read now.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / DATABASE_NAME
        if not path.is_file():
            raise AccountDamaged(f"there is no {DATABASE_NAME}")
        self._blobs: Final = FolderBlobs(folder / BLOBS_NAME, OctetCache(limits.BLOB_FRAME))
        try:
            self._connection: Final = open_reader(path, busy_seconds=limits.DATABASE_BUSY_SECONDS)
            version = self._connection.pragma("user_version")
        except FAILURES as error:
            raise as_store_error(error) from error
        if version != len(MIGRATIONS):
            self._connection.close()
            # An older one is brought up to date by the server, when the account is next opened.
            raise AccountDamaged("the account's database was written by another version of this program")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @translated
    def last(self) -> int:
        """The last content id given out. Raises StoreError."""
        return int(fetch_value(self._connection, "SELECT content FROM meta"))

    @translated
    def count(self) -> int:
        """How many contents there are. Raises StoreError."""
        return int(fetch_value(self._connection, "SELECT count(*) FROM content"))

    @translated
    def email_ids(self, contents: Sequence[int]) -> dict[ContentId, str]:
        """The email ids of those contents that are there. Raises StoreError."""
        return read_email_ids(self._connection, contents)

    @translated
    def present(self, first: int, last: int) -> list[int]:
        """The ids of all contents in a range, ascending. Raises StoreError."""
        statement = "SELECT id FROM content WHERE id BETWEEN ? AND ? ORDER BY id"
        return [each for (each,) in fetch(self._connection, statement, (first, last))]

    def contents(self, first: int, last: int) -> Iterator[StoredContent]:
        """The contents in a range, ascending; no read transaction is held in between. Raises StoreError."""
        while first <= last:
            some = self._some(first, last)
            yield from some
            if len(some) < limits.INDEX_READ:
                return
            first = some[-1].id + 1

    @translated
    def _some(self, first: int, last: int) -> list[StoredContent]:
        return [StoredContent(*row) for row in fetch(self._connection, _CONTENTS, (first, last, limits.INDEX_READ))]

    def structure(self, content: StoredContent) -> Part:
        """The part tree. Raises MessageDamaged, StoreError."""
        try:
            return load_part(content.parts)
        except ValueError:
            return parse_message(self.read(content, 0, content.size)).root

    def read(self, content: StoredContent, start: int, length: int) -> bytes:
        """Octets of a message. Raises MessageDamaged, StoreError."""
        if content.place == PLACE_FILE:
            try:
                return self._blobs.read(content.blob, start, length)
            except (DamagedBlob, FileNotFoundError) as error:
                raise MessageDamaged(f"a message's file is damaged: {error}") from error
            except FAILURES as error:
                raise as_store_error(error) from error
        return self._stored(content)[start : start + length]

    @translated
    def _stored(self, content: StoredContent) -> bytes:
        if content.data is None:
            raise MessageDamaged("the message is no longer stored")
        return decompressed(content.data, content.blob_size) if content.place == PLACE_COMPRESSED else content.data
