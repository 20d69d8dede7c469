"""Blobs as files of a folder: ``ab/<sha256>``, in the format of frames.py."""

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mailwren.store.blobs.api import BlobEntry, BlobHash, DamagedBlob
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.blobs.frames import FrameIndex, ReadAt, read_frame, read_index, write_frames
from mailwren.store.durable import make_folder, sync_folder

_PART: Final = ".part"
"""Ends the names of files that are being written."""
_NAME: Final = re.compile(r"[0-9a-f]{64}")


class FolderBlobs:
    """The blobs of one account in its folder; implements BlobStore. Any thread may use it."""

    __slots__ = ("_cache", "_folder")

    def __init__(self, folder: Path, cache: OctetCache) -> None:
        """Use ``folder``, which is created when the first blob comes; decompressed frames go through ``cache``."""
        self._folder: Final = folder
        self._cache: Final = cache

    def _path(self, blob: BlobHash) -> Path:
        name = blob.hex()
        return self._folder / name[:2] / name

    def put(self, octets: memoryview, blob: BlobHash) -> None:
        """Keep the octets whose hash is given; on the disk, name and all, when this returns. Raises OSError."""
        path = self._path(blob)
        make_folder(path.parent)
        temporary = path.with_name(f"{secrets.token_hex(8)}{_PART}")
        try:
            self._write(temporary, octets)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    def _write(self, path: Path, octets: memoryview) -> None:
        with path.open("xb") as file:
            for piece in write_frames(octets):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def exists(self, blob: BlobHash) -> bool:
        """Whether the blob is there."""
        return self._path(blob).is_file()

    def read(self, blob: BlobHash, start: int, length: int) -> bytes:
        """Octets from ``start`` on, fewer than ``length`` only at the end. Raises DamagedBlob, OSError."""
        try:
            descriptor = os.open(self._path(blob), os.O_RDONLY)
        except FileNotFoundError as error:
            raise DamagedBlob("the file is missing") from error
        try:
            return self._read(descriptor, blob, start, length)
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, blob: BlobHash, start: int, length: int) -> bytes:
        def read_at(offset: int, size: int) -> bytes:
            return os.pread(descriptor, size, offset)

        index = read_index(read_at, os.fstat(descriptor).st_size)
        stop = min(start + length, index.size)
        if start >= stop:
            return b""
        first, last = start // index.frame, (stop - 1) // index.frame
        frames = b"".join(self._frame(read_at, index, blob, number) for number in range(first, last + 1))
        return frames[start - first * index.frame : stop - first * index.frame]

    def _frame(self, read_at: ReadAt, index: FrameIndex, blob: BlobHash, number: int) -> bytes:
        key = (blob, number)
        frame = self._cache.get(key)
        if frame is None:
            frame = read_frame(read_at, index, number)
            self._cache.put(key, frame)
        return frame

    def delete(self, blob: BlobHash) -> None:
        """Remove the blob; one that is not there is no error. Raises OSError."""
        self._path(blob).unlink(missing_ok=True)

    def list(self) -> Iterator[BlobEntry]:
        """All blobs, in no order."""
        for path, modified in self._files():
            if _NAME.fullmatch(path.name):
                yield BlobEntry(bytes.fromhex(path.name), modified)

    def remove_parts(self, before: float) -> int:
        """Remove what a crash left half written before a time; returns how many files."""
        parts = [path for path, modified in self._files() if path.name.endswith(_PART) and modified < before]
        for path in parts:
            path.unlink(missing_ok=True)
        return len(parts)

    def _files(self) -> Iterator[tuple[Path, float]]:
        for path in self._folder.glob("*/*"):
            try:
                yield path, path.stat().st_mtime
            except FileNotFoundError:
                continue
