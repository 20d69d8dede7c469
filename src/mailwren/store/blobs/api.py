"""What a place for blobs can do. All calls are synchronous and may read or write the disk."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeAlias

BlobHash: TypeAlias = bytes
"""The SHA-256 of a blob's octets, 32 octets."""


class BlobEntry(NamedTuple):
    """A stored blob as :meth:`BlobStore.list` tells of it."""

    hash: BlobHash
    modified: float
    """When it was last written, in seconds since the epoch."""


class BlobStore(Protocol):
    """Blobs of one account."""

    def put(self, octets: memoryview, blob: BlobHash) -> None:
        """Keep the octets whose hash is given; on the disk, name and all, when this returns. Raises OSError."""
        ...

    def exists(self, blob: BlobHash) -> bool:
        """Whether the blob is there."""
        ...

    def read(self, blob: BlobHash, start: int, length: int) -> bytes:
        """Octets from ``start`` on, fewer than ``length`` only at the end; costs what is read, not the whole.

        Raises:
            DamagedBlob: there is no such blob, or it is not what was written.
        """
        ...

    def delete(self, blob: BlobHash) -> None:
        """Remove the blob; one that is not there is no error. Raises OSError."""
        ...

    def list(self) -> Iterator[BlobEntry]:
        """All blobs, in no order."""
        ...

    def remove_parts(self, before: float) -> int:
        """Remove what a crash left half written before a time; returns how many there were. Raises OSError."""
        ...


class DamagedBlob(Exception):
    """A blob is missing or does not read as it was written."""
