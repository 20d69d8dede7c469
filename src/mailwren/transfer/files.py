"""Files opened with care: a folder to import may hold anything, and its owner need not be the one who imports it.

Symbolic links are not followed (they could name any file of the machine), named pipes and devices are not waited for.
"""

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class NotAFile(OSError):
    """A folder, link, pipe or device where a file was expected; the text says so to users."""


def open_regular(path: Path) -> int:
    """A descriptor of a regular file, for reading. The caller closes it.

    Raises:
        OSError: cannot be opened, or :class:`NotAFile`.
    """
    descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFile("not a regular file")
    return descriptor


def is_folder(path: Path) -> bool:
    """Whether it is a folder itself, not a link to one; false where it cannot be told."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def read_file(path: Path, limit: int) -> tuple[bytes, os.stat_result]:
    """A whole file and its facts; one octet more than ``limit`` at most, which tells that it is larger.

    Raises:
        OSError: cannot be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read(limit + 1), os.fstat(file.fileno())


def read_beginning(path: Path, octets: int) -> bytes:
    """The first octets of a file. Raises OSError: cannot be read."""
    descriptor = open_regular(path)
    try:
        return os.read(descriptor, octets)
    finally:
        os.close(descriptor)


@contextmanager
def mapped(path: Path) -> Iterator[tuple[bytes | mmap.mmap, os.stat_result]]:
    """A file's octets without reading it whole, and its facts. Raises OSError: cannot be opened."""
    descriptor = open_regular(path)
    try:
        facts = os.fstat(descriptor)
        data = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) if facts.st_size else b""
    finally:
        os.close(descriptor)
    try:
        yield data, facts
    finally:
        if isinstance(data, mmap.mmap):
            data.close()


def reason(error: OSError) -> str:
    """An error in words for a report, without the path."""
    return error.strerror or str(error)


def readable_name(name: str | Path) -> str:
    """A file's name or path as text that can be printed, whatever its octets are."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
