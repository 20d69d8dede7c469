"""Blobs of an account that lives in memory only."""

from collections.abc import Iterator
from typing import Final

from mailwren.store.blobs.api import BlobEntry, BlobHash, DamagedBlob


class MemoryBlobs:
    """Keeps octets in a dictionary; implements BlobStore."""

    __slots__ = ("_blobs",)

    def __init__(self) -> None:
        self._blobs: Final[dict[BlobHash, bytes]] = {}

    def put(self, octets: memoryview, blob: BlobHash) -> None:
        """Keep the octets whose hash is given."""
        self._blobs[blob] = bytes(octets)

    def exists(self, blob: BlobHash) -> bool:
        """Whether the blob is there."""
        return blob in self._blobs

    def read(self, blob: BlobHash, start: int, length: int) -> bytes:
        """Octets from ``start`` on, fewer than ``length`` only at the end. Raises DamagedBlob."""
        if blob not in self._blobs:
            raise DamagedBlob("there is no such blob")
        return self._blobs[blob][start : start + length]

    def delete(self, blob: BlobHash) -> None:
        """Remove the blob; one that is not there is no error."""
        self._blobs.pop(blob, None)

    def list(self) -> Iterator[BlobEntry]:
        """All blobs, in no order, as if written long ago."""
        for blob in list(self._blobs):
            yield BlobEntry(blob, 0.0)

    def remove_parts(self, before: float) -> int:  # noqa: ARG002 - the interface's argument; nothing is ever half written
        """Nothing to remove."""
        return 0
