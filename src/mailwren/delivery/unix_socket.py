"""A UNIX socket to listen on that is never stolen and never left in the way.

A lock file beside the socket says who serves it: as long as a server lives it holds the lock, and a second one is
refused. With the lock held, a socket left over by a server that was killed is replaced in one step, so that there is
no moment without a socket.
"""

import errno
import fcntl
import os
import shutil
import socket
import stat
from pathlib import Path
from typing import Self


class UnixSocket:
    """A bound socket together with its lock."""

    __slots__ = ("_inode", "_lock", "path", "socket")

    def __init__(self, path: Path, bound: socket.socket, lock: int) -> None:
        self.path = path
        self.socket = bound
        self._lock = lock
        self._inode = path.stat().st_ino

    @classmethod
    def bind(cls, path: Path, mode: int = 0o660, group: str | None = None) -> Self:
        """Bind to ``path``, replacing a socket that nobody serves any more.

        Raises:
            OSError: another server has it (EADDRINUSE), something else than a socket stands there (EEXIST), or the
                folder cannot be written to.
            LookupError: there is no such group.
        """
        lock = _lock_beside(path)
        try:
            _refuse_if_in_use(path)
            bound = _bind_in_place(path, mode, group)
            return cls(path, bound, lock)
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Remove the socket, unless another stands there by now, and let go of the lock. May be called twice."""
        if self._lock < 0:
            return
        self.socket.close()
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except OSError:
            pass  # somebody has removed it already
        os.close(self._lock)
        self._lock = -1


def _lock_beside(path: Path) -> int:
    """The lock file stays when the lock goes: removing it would let two servers lock two files of the same name."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise OSError(errno.EADDRINUSE, "another server listens on this socket", str(path)) from None
    return lock


def _refuse_if_in_use(path: Path) -> None:
    """Some other program, that does not know of the lock, may be serving the socket."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(errno.EEXIST, "this is not a socket", str(path))
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return
    raise OSError(errno.EADDRINUSE, "another program listens on this socket", str(path))


def _bind_in_place(path: Path, mode: int, group: str | None) -> socket.socket:
    """Bind under another name and rename: the socket appears with its final permissions, listening."""
    temporary = path.with_name(f".{os.getpid()}.sock")  # short: such paths have about 100 octets
    temporary.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    try:
        os.fchmod(bound.fileno(), 0o600)  # Linux: the file gets no more than these; nobody connects before it is ready
        bound.bind(str(temporary))
        if group is not None:
            shutil.chown(temporary, group=group)
        temporary.chmod(mode)
        bound.listen()
        bound.setblocking(False)
        temporary.rename(path)
    except BaseException:
        bound.close()
        temporary.unlink(missing_ok=True)
        raise
    return bound
