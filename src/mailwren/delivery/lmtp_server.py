"""Serves LMTP on TCP and UNIX sockets: accepts connections, counts them, and closes down in order."""

import asyncio
import secrets
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mailwren.base.logs import log
from mailwren.delivery.delivery import Delivery
from mailwren.delivery.lmtp_protocol import LmtpProtocol, Lookout
from mailwren.delivery.settings import LmtpSettings
from mailwren.delivery.unix_socket import UnixSocket

_BACKLOG = 1024


class LmtpService:
    """What the LMTP connections of one process share."""

    def __init__(
        self,
        settings: LmtpSettings,
        delivery: Delivery,
        tls: ssl.SSLContext | None = None,
        lookout: Lookout | None = None,
    ) -> None:
        """Deliver with ``delivery``; STARTTLS is offered when there is a context for it."""
        self.settings = settings
        self.lookout = lookout
        self.delivery = delivery
        self.tls = tls
        self._connections: set[LmtpProtocol] = set()
        self._stopping = False

    def connection(self) -> LmtpProtocol:
        """A new connection; the factory for the event loop's servers."""
        return LmtpProtocol(self)

    def admit(self, connection: LmtpProtocol) -> str | None:
        """Register a new connection and name it; ``None`` when there are too many, or the service is stopping."""
        if self._stopping or len(self._connections) >= self.settings.connections:
            log.warning("lmtp connection refused", connections=len(self._connections))
            return None
        self._connections.add(connection)
        return secrets.token_hex(6)

    def leave(self, connection: LmtpProtocol) -> None:
        """The connection is over; does nothing for one that was not admitted."""
        self._connections.discard(connection)

    async def stop(self, seconds: float) -> None:
        """Close all connections: idle ones at once, others after their delivery or after ``seconds``."""
        self._stopping = True
        tasks = [connection.task for connection in self._connections if connection.task is not None]
        for connection in tuple(self._connections):
            connection.finish()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


@dataclass(frozen=True, slots=True)
class TcpListener:
    """Listen on a TCP port; 0 lets the system choose one."""

    host: str
    port: int
    reuse_port: bool = False
    """Share the port with other processes that ask for the same (SO_REUSEPORT)."""


@dataclass(frozen=True, slots=True)
class UnixListener:
    """Listen on a UNIX socket."""

    path: Path
    mode: int = 0o660
    group: str | None = None
    """Whose members may connect; ``None`` keeps the process's group."""


Listener: TypeAlias = TcpListener | UnixListener | UnixSocket | socket.socket
"""Where to listen: an address, or a socket that is bound already."""


@dataclass(slots=True)
class LmtpServer:
    """A listening server."""

    server: asyncio.Server
    _unix: UnixSocket | None = None

    @property
    def port(self) -> int:
        """The TCP port. Raises IndexError when closed."""
        return int(self.server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Take no more connections; those that there are go on."""
        self.server.close()
        if self._unix is not None:
            self._unix.close()


async def start_lmtp(listener: Listener, service: LmtpService) -> LmtpServer:
    """Begin to listen.

    Raises:
        OSError: the address cannot be had; for a UNIX socket also when another server holds it.
    """
    loop = asyncio.get_running_loop()
    match listener:
        case TcpListener(host, port, reuse_port):
            server = await loop.create_server(
                service.connection, host, port, backlog=_BACKLOG, reuse_port=reuse_port or None
            )
            return LmtpServer(server)
        case UnixListener(path, mode, group):
            return await start_lmtp(UnixSocket.bind(path, mode, group), service)
        case UnixSocket():
            server = await loop.create_unix_server(service.connection, sock=listener.socket, backlog=_BACKLOG)
            return LmtpServer(server, listener)
        case socket.socket(family=socket.AddressFamily.AF_UNIX):
            return LmtpServer(await loop.create_unix_server(service.connection, sock=listener, backlog=_BACKLOG))
        case _:
            return LmtpServer(await loop.create_server(service.connection, sock=listener, backlog=_BACKLOG))
