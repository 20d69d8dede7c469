"""A message's octets on their way in: small ones in memory, large ones in a spool file.

The framer (IMAP) and the delivery write into a :class:`Spool`; the store reads it once. A spool file has no name
in the file system from the moment it is opened, so a crash leaves nothing behind.
"""

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

from mailwren.base import limits


class Spool:
    """Octets that are collected piece by piece, in memory up to ``LITERAL_IN_MEMORY``, then in an unnamed file."""

    __slots__ = ("_buffer", "_file", "_folder", "size")

    def __init__(self, folder: Path | None = None) -> None:
        """Collect in ``folder`` (the system's temporary folder when ``None``) once memory is not enough."""
        self._buffer: bytearray = bytearray()
        self._file: IO[bytes] | None = None
        self._folder = folder
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next octets."""
        self.size += len(data)
        if self._file is None and self.size > limits.LITERAL_IN_MEMORY:
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - lives as long as we
            self._file.write(self._buffer)
            self._buffer = bytearray()
        if self._file is None:
            self._buffer += data
        else:
            _write_all(self._file, data)

    def view(self) -> bytes | mmap.mmap:
        """All octets, for reading: plain bytes, or the file mapped into memory (close it after use)."""
        if self._file is None:
            return bytes(self._buffer)
        return mmap.mmap(self._file.fileno(), self.size, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Let go of the octets. May be called twice."""
        self._buffer = bytearray()
        if self._file is not None:
            self._file.close()
            self._file = None


def _write_all(file: IO[bytes], data: bytes | bytearray | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file.fileno(), view) :]


MessageSource: TypeAlias = bytes | Spool
"""A whole message: in memory, or spooled."""


@contextmanager
def viewed(source: MessageSource) -> Iterator[bytes | mmap.mmap]:
    """A message's octets for reading; where they are a file mapped into memory, only as long as the context lasts."""
    octets = source if isinstance(source, bytes) else source.view()
    try:
        yield octets
    finally:
        if isinstance(octets, mmap.mmap):
            octets.close()
