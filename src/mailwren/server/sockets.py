"""Listening sockets, bound once by the process that starts, before any worker serves.

TCP sockets are bound with ``SO_REUSEPORT``, one for each worker, so that the kernel spreads connections; a UNIX
socket is one that all workers share.
"""

import errno
import socket
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mailwren.base.logs import log
from mailwren.config.settings import Listener

_BACKLOG = 1024
_OWN_FAMILY_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ListenError(Exception):
    """An address cannot be listened on; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A listener with its sockets: one for each worker, or one for all (UNIX)."""

    listener: Listener
    """With the port that was really bound."""
    sockets: tuple[socket.socket, ...]

    def of_worker(self, worker: int) -> socket.socket:
        """The socket that a worker serves, from 0."""
        return self.sockets[worker % len(self.sockets)]


def bind_all(listeners: Sequence[Listener], workers: int) -> list[Bound]:
    """Bind every listener for a number of workers.

    Raises:
        ListenError: one that must serve cannot; none is left open.
    """
    bound: list[Bound] = []
    try:
        for listener in _with_ports(listeners):
            sockets = _bind(listener, workers)
            if sockets:
                port = listener.port if listener.path else sockets[0].getsockname()[1]
                bound.append(Bound(replace(listener, port=port), sockets))
    except ListenError:
        close_all(bound)
        raise
    if not bound:
        raise ListenError("No address to listen on: configure at least one [[listen]] or use --imap")
    return bound


def close_all(bound: Iterable[Bound]) -> None:
    """Close every socket."""
    for each in bound:
        for one in each.sockets:
            one.close()


def _with_ports(listeners: Sequence[Listener]) -> list[Listener]:
    """Automatic listeners all on their first ports, or all on their fallback ports."""
    automatic = [listener for listener in listeners if listener.fallback_port is not None]
    if all(_permitted(listener) for listener in automatic):
        return list(listeners)
    return [
        listener if listener.fallback_port is None else replace(listener, port=listener.fallback_port)
        for listener in listeners
    ]


def _permitted(listener: Listener) -> bool:
    try:
        _close(_bind(listener, 1))
    except ListenError:
        return False
    return True


def _close(sockets: Iterable[socket.socket]) -> None:
    for one in sockets:
        one.close()


def _bind(listener: Listener, workers: int) -> tuple[socket.socket, ...]:
    """The listener's sockets; none where it is optional and the machine lacks its address family."""
    try:
        if listener.path is not None:
            return (_bind_unix(listener.path, listener.mode),)
        first = _bind_tcp(listener.host, listener.port)
        port = first.getsockname()[1]
        return (first, *(_bind_tcp(listener.host, port) for _ in range(workers - 1)))
    except OSError as error:
        if listener.optional and error.errno in _OWN_FAMILY_MISSING:
            log.debug("address family missing", address=listener.address)
            return ()
        raise ListenError(f"Cannot listen on {listener.address}: {error.strerror or error}") from error


def _bind_tcp(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise OSError(errno.EADDRNOTAVAIL, f"unknown host {host!r}") from error
    one = socket.socket(family, kind, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(_BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _bind_unix(path: Path, mode: int) -> socket.socket:
    _remove_stale(path)
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.bind(str(path))
        path.chmod(mode)
        one.listen(_BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _remove_stale(path: Path) -> None:
    """Remove what a server that is gone left behind; a socket that answers belongs to somebody."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise OSError(errno.EEXIST, "something that is no socket is in its place")
    except FileNotFoundError:
        return
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(str(path))
    except ConnectionRefusedError:
        path.unlink()
    else:
        raise OSError(errno.EADDRINUSE, "another server answers there")
    finally:
        probe.close()
