"""The folder of an account's index: which segments there are, which of them count, who may write.

    <account's folder>/index/000000000001-000000004096.seg   see segment.py
                             lock                            held by the process that writes

Segments are written aside and renamed, so what has its name is whole. Of segments that overlap (one is merged from
others that were not removed yet) the one that reaches farther counts. The whole folder can be deleted at any time.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mailwren.store.durable import make_folder
from mailwren.store.sqlite.folders import DATABASE_NAME

INDEX_NAME: Final = "index"
_LOCK: Final = "lock"
_SEGMENT: Final = re.compile(r"(\d{12})-(\d{12})\.seg")

Range = tuple[int, int]
"""Content ids, both ends included."""


def index_folder(account: Path) -> Path:
    """Where the index of the account in a folder lies."""
    return account / INDEX_NAME


def database_identity(account: Path) -> str:
    """Tells an account's database from one that was put in its place. Raises OSError."""
    status = (account / DATABASE_NAME).stat()
    return f"{status.st_dev}:{status.st_ino}"


def state_of(folder: Path) -> int:
    """A number that changes whenever segments come or go; 0 without a folder."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def segments(folder: Path) -> list[tuple[Range, Path]]:
    """The segments that count, ascending, without overlaps."""
    found: list[tuple[Range, Path]] = []
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    for name in names:
        match = _SEGMENT.fullmatch(name)
        if match and int(match[1]) <= int(match[2]):
            found.append(((int(match[1]), int(match[2])), folder / name))
    found.sort(key=lambda each: (each[0][0], -each[0][1]))
    result: list[tuple[Range, Path]] = []
    for each in found:
        if not result or each[0][0] > result[-1][0][1]:
            result.append(each)
    return result


def superseded(folder: Path, kept: Sequence[tuple[Range, Path]]) -> Iterator[Path]:
    """Files of the folder that are no use: segments that do not count, and what a crash left behind."""
    names = {path.name for _, path in kept}
    for path in folder.iterdir():
        if path.suffix == ".part" or (path.suffix == ".seg" and path.name not in names):
            yield path


def gaps(ranges: Sequence[Range], last: int) -> Iterator[Range]:
    """What of the contents 1 to ``last`` no segment stands for."""
    position = 1
    for first, end in ranges:
        if first > position:
            yield position, min(first - 1, last)
        position = max(position, end + 1)
        if position > last:
            return
    if position <= last:
        yield position, last


def complete_to(folder: Path) -> int:
    """Up to which content id everything is indexed."""
    ranges = [each for each, _ in segments(folder)]
    last = ranges[-1][1] if ranges else 0
    return next((first - 1 for first, _ in gaps(ranges, last)), last)


@contextmanager
def writing(folder: Path, *, wait: bool = False) -> Iterator[bool]:
    """Be the one who writes; whether that is so. The lock ends with the process, however that ends.

    Args:
        folder: the index's folder, made if it is not there.
        wait: wait for another one to end.

    Raises:
        OSError: as it comes.
    """
    make_folder(folder)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def clear(folder: Path) -> None:
    """Remove all segments; whoever has them open goes on with them until it looks again. Raises OSError."""
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        if path.name != _LOCK:
            path.unlink(missing_ok=True)


def remove_index(account: Path) -> None:
    """Remove an account's whole index: it is built anew. Nobody may write meanwhile."""
    shutil.rmtree(index_folder(account), ignore_errors=True)
