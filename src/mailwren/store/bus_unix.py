"""The bus between the processes of one machine: UNIX datagram sockets in the data folder.

Every listening process binds one socket in ``<data>/run/bus``; to publish is to send a datagram to each of the
others. The folder is the list of processes, and its permissions decide who may speak. A process that is too busy
gets its hints a little later, merged; one that died leaves a socket behind that the next sender removes.

A datagram is UTF-8 text, one hint a line: the account's id, a blank, the mailbox's number.

Rules for editors: publishing never blocks and never raises; everything that is kept for others is bounded.
"""

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.store.bus import Audience, HintCallback

_Hint = tuple[str, MailboxId]
_SOCKET_PATH_OCTETS: Final = 100
"""What every system takes for a socket's path: Linux allows 107 octets, the BSDs and macOS 103."""
_NAME_OCTETS: Final = len("/1234567890-01234567.sock")
_OUTSIDE: Final = Path("/tmp")  # noqa: S108 (what is made there is for the owner alone and checked to be so)
"""Where the sockets of a data folder with a long path are. Not $TMPDIR or $XDG_RUNTIME_DIR: these differ between a
service and an administrator's shell."""
_BIND_ATTEMPTS: Final = 5
_LIST_UNTRUSTED_SECONDS: Final = 0.1
"""A folder changed this lately may change again without showing a new time of change: clocks tick coarsely."""
_DATAGRAMS_AT_ONCE: Final = 64
"""Datagrams read before the event loop has its turn."""


class UnixBus:
    """Hears and tells the other processes of a data folder. To be used on the event loop's thread only.

    Hints published during one turn of the loop go out together, equal ones once; so do those of a few milliseconds
    where others went out just before, since waking a process costs more than most of what it is woken for.

    Args:
        folder: the data folder.
        loop: the event loop that reads and writes.
        audience: knows who need not be told; ``None``: everybody is told of everything.

    Raises:
        OSError: no socket can be made in the folder.
    """

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop, audience: Audience | None = None) -> None:
        self._loop: Final = loop
        self._audience: Final = audience
        self._receiver: Final = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._receiver.setblocking(False)
        try:
            self._path: Final = _bind(self._receiver, folder)
        except BaseException:
            self._receiver.close()
            raise
        self._peers: Final = _Peers(self._path.parent, _owners(folder), own=self._path.name)
        self._published: Final[dict[_Hint, None]] = {}
        self._delayed: Final[dict[str, dict[_Hint, None]]] = {}
        self._flushed = loop.time() - limits.BUS_PAUSE_SECONDS
        self._retry: asyncio.TimerHandle | None = None
        self._pause: float = limits.BUS_RETRY_SECONDS
        self._callbacks: Final[list[HintCallback]] = []
        self._closed = False
        loop.add_reader(self._receiver.fileno(), self._receive)
        if audience is not None:
            audience.join(self._path.name)

    def publish(self, account_id: str, mailbox: MailboxId) -> None:
        """Tell the other processes before the loop's next turn, or in a few milliseconds if they were told just now."""
        if self._closed:
            return
        if not self._published:
            due = self._flushed + limits.BUS_PAUSE_SECONDS
            if self._loop.time() >= due:
                self._loop.call_soon(self._flush)
            else:
                self._loop.call_at(due, self._flush)
        if len(self._published) < limits.BUS_PENDING:
            self._published[account_id, mailbox] = None

    def listen(self, callback: HintCallback) -> None:
        """Call back for every hint of another process, from now on."""
        self._callbacks.append(callback)

    def close(self) -> None:
        """Stop listening and remove the socket; what was published just now still goes out."""
        if self._closed:
            return
        self._flush()
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._callbacks.clear()
        self._loop.remove_reader(self._receiver.fileno())
        self._receiver.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
            if self._path.is_relative_to(_OUTSIDE):
                self._path.parent.rmdir()  # fails as long as others are in it
        self._peers.close()

    def _flush(self) -> None:
        """Send what was published to everybody who wants to hear it."""
        if self._closed or not self._published:
            return
        hints = list(self._published)
        self._published.clear()
        self._flushed = self._loop.time()
        for peer in self._peers.names():
            wanted = self._wanted(peer, hints)
            # What waits already goes first: a process that had no room hardly has any now.
            unsent = wanted if peer in self._delayed or not wanted else self._peers.send_all(peer, wanted)
            if unsent:
                self._delay(peer, unsent)

    def _wanted(self, peer: str, hints: list[_Hint]) -> list[_Hint]:
        """What a process is to be told. Asked after the changes: who begins to hear later sees them by himself."""
        audience = self._audience
        return hints if audience is None else [hint for hint in hints if audience.hears(peer, hint[0])]

    def _delay(self, peer: str, hints: list[_Hint]) -> None:
        """Keep hints for a process that has no room now, as many as may be kept."""
        delayed = self._delayed.setdefault(peer, {})
        for hint in hints:
            if len(delayed) >= limits.BUS_PENDING:
                break
            delayed[hint] = None
        if self._retry is None:
            self._retry = self._loop.call_later(self._pause, self._send_delayed)

    def _send_delayed(self) -> None:
        """Offer the kept hints again; processes that went away since are forgotten."""
        present = set(self._peers.names())
        for peer, hints in list(self._delayed.items()):
            unsent = self._peers.send_all(peer, list(hints)) if peer in present else []
            self._delayed[peer] = dict.fromkeys(unsent)
            if not unsent:
                del self._delayed[peer]
        self._retry = None
        if not self._delayed:
            self._pause = limits.BUS_RETRY_SECONDS
        else:
            self._pause = min(2 * self._pause, limits.BUS_RETRY_SECONDS_MAX)
            self._retry = self._loop.call_later(self._pause, self._send_delayed)

    def _receive(self) -> None:
        """Read what came, a bounded number of datagrams, and call back once for each different hint."""
        hints: dict[_Hint, None] = {}
        for _ in range(_DATAGRAMS_AT_ONCE):
            try:
                datagram = self._receiver.recv(2 * limits.BUS_DATAGRAM)
            except OSError:
                break
            hints.update(dict.fromkeys(_decode(datagram)))
        for account_id, mailbox in hints:
            for callback in tuple(self._callbacks):
                callback(account_id, mailbox)


class SendingBus:
    """Tells the processes of a data folder without listening: for command-line tools. Needs no event loop."""

    def __init__(self, folder: Path) -> None:
        self._peers: Final = _Peers(_bus_folder(folder), _owners(folder))

    def publish(self, account_id: str, mailbox: MailboxId) -> None:
        """Tell the processes that run now; those that are too busy miss it."""
        for peer in self._peers.names():
            self._peers.send_all(peer, [(account_id, mailbox)])

    def listen(self, callback: HintCallback) -> None:
        """Nothing is heard: a tool reads what it needs when it needs it."""

    def close(self) -> None:
        """Let go of the socket."""
        self._peers.close()


def publish_hint(folder: Path, account_id: str, mailbox: MailboxId) -> None:
    """Tell the processes of a data folder once; nothing happens when none runs."""
    bus = SendingBus(folder)
    bus.publish(account_id, mailbox)
    bus.close()


def is_served(folder: Path) -> bool:
    """Whether a server runs on a data folder, as far as its sockets tell."""
    bus_folder = _bus_folder(folder)
    with contextlib.suppress(OSError):
        return any(_answers(path) for path in bus_folder.glob("*.sock"))
    return False


def _answers(path: Path) -> bool:
    """Whether a process has the socket open; one that died leaves only its name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.connect(str(path))
        except OSError:
            return False
        return True


class _Peers:
    """The sockets in the folder and the socket that sends to them."""

    def __init__(self, folder: Path, owners: frozenset[int], own: str = "") -> None:
        self._folder: Final = folder
        self._owners: Final = owners
        self._own: Final = own
        self._sender: Final = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        self._names: list[str] = []
        self._changed_ns = -1

    def names(self) -> list[str]:
        """The other processes' sockets; lists the folder only when it changed."""
        try:
            status = self._folder.lstat()
            if status.st_mtime_ns != self._changed_ns:
                self._names = self._list() if _is_private(status, self._owners) else []
                settled = time.time() - status.st_mtime > _LIST_UNTRUSTED_SECONDS
                self._changed_ns = status.st_mtime_ns if settled else -1
        except OSError:
            self._names = []
        return self._names

    def send_all(self, name: str, hints: list[_Hint]) -> list[_Hint]:
        """Send without waiting; returns the hints that the process has no room for now."""
        path = self._folder / name
        sent = 0
        try:
            for datagram, number in _encode(hints):
                self._sender.sendto(datagram, str(path))
                sent += number
        except BlockingIOError:
            return hints[sent:]
        except ConnectionRefusedError:
            # Nobody has this socket open any more: the process died without tidying up.
            with contextlib.suppress(OSError):
                path.unlink()
        except OSError:
            pass  # It went away, or the system is out of buffers: a hint is lost.
        return []

    def close(self) -> None:
        """Let go of the socket."""
        self._sender.close()

    def _list(self) -> list[str]:
        """What is in the folder now, without the own socket."""
        return [path.name for path in self._folder.iterdir() if path.suffix == ".sock" and path.name != self._own]


def _encode(hints: list[_Hint]) -> Iterator[tuple[bytes, int]]:
    """Hints as datagrams of bounded size, each with the number of hints in it."""
    lines: list[bytes] = []
    size = 0
    for account_id, mailbox in hints:
        line = f"{account_id} {mailbox}\n".encode()
        if size + len(line) > limits.BUS_DATAGRAM and lines:
            yield b"".join(lines), len(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield b"".join(lines), len(lines)


def _decode(datagram: bytes) -> Iterable[_Hint]:
    """The hints of a datagram; lines that are none are passed over."""
    for line in datagram.decode("utf-8", "replace").splitlines():
        account_id, _, mailbox = line.rpartition(" ")
        if account_id and mailbox.isascii() and mailbox.isdigit() and len(mailbox) < 20:
            yield account_id, MailboxId(int(mailbox))


def _bus_folder(folder: Path) -> Path:
    """Where the sockets of a data folder are, computed alike by everybody and from nothing but the folder itself.

    A path too long for a socket is replaced by one outside.
    """
    real = Path(os.path.realpath(folder))
    inside = real / "run" / "bus"
    if len(os.fsencode(inside)) + _NAME_OCTETS <= _SOCKET_PATH_OCTETS:
        return inside
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()[:32]
    return _OUTSIDE / f"mailwren-bus-{digest}"


def _bind(receiver: socket.socket, folder: Path) -> Path:
    """Give the socket a new name in the folder of the sockets. Raises OSError."""
    attempts = 0
    while True:
        attempts += 1
        try:
            path = _make_bus_folder(folder) / f"{os.getpid()}-{secrets.token_hex(4)}.sock"
            receiver.bind(str(path))
        except FileNotFoundError:
            # The last process of before removed the folder just now.
            if attempts == _BIND_ATTEMPTS:
                raise
        else:
            return path


def _make_bus_folder(folder: Path) -> Path:
    """Make the folder of the sockets and check that nobody else may speak in it. Raises OSError."""
    bus_folder = _bus_folder(folder)
    bus_folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    bus_folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(bus_folder.lstat(), _owners(folder)):
        raise PermissionError(f"{bus_folder} must be a folder that nobody else can write to or read")
    return bus_folder


def _owners(folder: Path) -> frozenset[int]:
    """Who may own the folder of the sockets: the administrator, this user, the owner of the data folder."""
    owners = {0, os.geteuid()}
    with contextlib.suppress(OSError):
        owners.add(folder.stat().st_uid)
    return frozenset(owners)


def _is_private(status: os.stat_result, owners: frozenset[int]) -> bool:
    """Whether this is a folder (no link to one) of one of the owners that nobody else has access to."""
    return stat.S_ISDIR(status.st_mode) and status.st_uid in owners and not stat.S_IMODE(status.st_mode) & 0o077
