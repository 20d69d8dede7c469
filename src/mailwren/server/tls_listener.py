"""Takes connections that begin with TLS (port 993), and counts them from the first moment, not from the handshake on.

The event loop's own servers tell of such a connection only once its handshake is done: until then nobody would know
whose it is, and one address could hold every descriptor there is by saying nothing.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Final

from mailwren.base.logs import log
from mailwren.server.context import ServerContext

_AT_ONCE: Final = 100
"""Connections taken before others have their turn."""
_PAUSE_SECONDS: Final = 1.0
"""When the system has no descriptors left: until some are free again."""


class TlsListener:
    """Serves one listening socket; like an :class:`asyncio.Server`, it is closed with :meth:`close`."""

    def __init__(
        self,
        listener: socket.socket,
        context: ServerContext,
        factory: Callable[[], asyncio.Protocol],
        tls: ssl.SSLContext,
    ) -> None:
        """Begin to listen on a socket that is bound; ``factory`` makes the protocol of each connection."""
        self._socket: Final = listener
        self._context: Final = context
        self._factory: Final = factory
        self._tls: Final = tls
        self._loop: Final = asyncio.get_running_loop()
        self._handshakes: Final[set[asyncio.Task[None]]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Take no more connections, and end those whose handshake is not done."""
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._socket.fileno())
        for handshake in self._handshakes:
            handshake.cancel()

    def _listen(self) -> None:
        self._paused = None
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("no connections can be taken for now", reason=str(error))
                self._loop.remove_reader(self._socket.fileno())
                self._paused = self._loop.call_later(_PAUSE_SECONDS, self._listen)
                return
            if not self._context.may_shake_hands(peer[0]):
                connection.close()
                continue
            connection.setblocking(False)
            self._context.count_handshake(peer[0], 1)
            handshake = self._loop.create_task(self._shake_hands(connection, peer[0]))
            self._handshakes.add(handshake)
            handshake.add_done_callback(partial(self._done, peer[0]))

    def _done(self, address: str, handshake: asyncio.Task[None]) -> None:
        self._handshakes.discard(handshake)
        self._context.count_handshake(address, -1)

    async def _shake_hands(self, connection: socket.socket, address: str) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._factory, connection, ssl=self._tls, ssl_handshake_timeout=self._context.config.login_timeout
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            log.debug("no TLS with a client", address=address, reason=str(error))
