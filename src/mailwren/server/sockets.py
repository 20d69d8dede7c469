"""Listening sockets, bound once by the process that starts, before any worker serves.

TCP sockets are bound with ``SO_REUSEPORT``, one for each worker, so that the kernel spreads connections; a UNIX
socket is one that all workers share.
"""

import contextlib
import errno
import resource
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.config.settings import Listener
from mailwren.delivery.unix_socket import UnixSocket

BACKLOG = 1024
"""Connections that wait to be taken: every client of a server that starts again comes back at the same moment."""
_OWN_FAMILY_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class ListenError(Exception):
    """An address cannot be listened on; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A listener with its sockets: one for each worker, or one for all (UNIX)."""

    listener: Listener
    """With the port that was really bound."""
    sockets: tuple[socket.socket, ...]
    unix: UnixSocket | None = None
    """Holds the UNIX socket's file and lock until it is closed."""

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
            each = _bind(listener, workers)
            if each is not None:
                bound.append(each)
    except ListenError:
        close_all(bound)
        raise
    if not bound:
        raise ListenError("No address to listen on: configure at least one [[listen]] or use --imap")
    return bound


def raise_descriptor_limit() -> None:
    """Let this process open as many files as it may: the usual 1024 are used up by 170 accounts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, limits.DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # forbidden, or beyond what the system really has
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def close_all(bound: Iterable[Bound]) -> None:
    """Close every socket; UNIX sockets go from the file system."""
    for each in bound:
        for one in each.sockets:
            one.close()
        if each.unix is not None:
            each.unix.close()


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
        bound = _bind(listener, 1)
    except ListenError:
        return False
    close_all([bound] if bound is not None else [])
    return True


def _bind(listener: Listener, workers: int) -> Bound | None:
    """The listener with its sockets; ``None`` where it is optional and the machine lacks its address family."""
    try:
        if listener.path is not None:
            unix = UnixSocket.bind(listener.path, listener.mode)
            return Bound(listener, (unix.socket,), unix)
        # Alone first: a port that is to be shared is not refused where another server shares its own already.
        alone = _bind_tcp(listener.host, listener.port, shared=False)
        port = alone.getsockname()[1]
        if workers == 1:
            return Bound(replace(listener, port=port), (alone,))
        alone.close()
        sockets = tuple(_bind_tcp(listener.host, port, shared=True) for _ in range(workers))
        return Bound(replace(listener, port=port), sockets)
    except OSError as error:
        if listener.optional and error.errno in _OWN_FAMILY_MISSING:
            log.debug("address family missing", address=listener.address)
            return None
        raise ListenError(f"Cannot listen on {listener.address}: {error.strerror or error}") from error


def _bind_tcp(host: str, port: int, *, shared: bool) -> socket.socket:
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise OSError(errno.EADDRNOTAVAIL, f"unknown host {host!r}") from error
    one = socket.socket(family, kind, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _notice_silent_ends(one)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _notice_silent_ends(listener: socket.socket) -> None:
    """Have the connections of a socket, which take over its options, asked now and then whether anybody is there.

    A client that idles says nothing for days, and one that loses its network never says that it is gone.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", limits.KEEPALIVE_SECONDS),
        ("TCP_KEEPINTVL", limits.KEEPALIVE_AGAIN_SECONDS),
        ("TCP_KEEPCNT", limits.KEEPALIVE_PROBES),
    ):
        if hasattr(socket, name):  # elsewhere the system's own figures hold
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
