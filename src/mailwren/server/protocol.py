"""The asyncio side of one IMAP connection: octets in and out, flow control, compression, TLS. Knows no commands.

Reading is paused while more waits than the session takes; writing makes the session wait while the client does not
read. So no client can grow the server's memory.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from mailwren.base import limits
from mailwren.imap.errors import Bye
from mailwren.imap.framing import Event, Framer
from mailwren.server.compression import DamagedStream, Deflater, Inflater
from mailwren.server.lookout import Lookout

if TYPE_CHECKING:
    from mailwren.server.session import Session

SessionFactory = Callable[["ImapProtocol"], "Session"]


class ConnectionClosed(Exception):
    """The client has gone, or the connection was closed under a running command."""


class ImapProtocol(asyncio.Protocol):
    """Feeds a framer, wakes the session's task, and writes what it answers."""

    __slots__ = (
        "_closed",
        "_deflater",
        "_eof",
        "_factory",
        "_handshaking",
        "_inflater",
        "_lookout",
        "_loop",
        "_reading_paused",
        "_task",
        "_timeout",
        "_waiter",
        "_writable",
        "arrivals",
        "framer",
        "peer",
        "secure",
        "session",
        "transport",
    )

    def __init__(
        self, factory: SessionFactory, framer: Framer, *, secure: bool, lookout: Lookout | None = None
    ) -> None:
        """Serve one connection.

        Args:
            factory: makes the session once the connection stands.
            framer: cuts the octets into commands.
            secure: TLS is already on (port 993), or the connection never leaves the machine.
            lookout: is told when octets go out and come in.
        """
        self._factory = factory
        self._lookout = lookout
        self.framer = framer
        self.secure = secure
        self.peer = ""
        self._eof = False
        self._inflater: Inflater | None = None
        self._deflater: Deflater | None = None
        self.arrivals = 0
        """How often octets came in: whoever asks again sees whether any came meanwhile."""
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._closed = False
        self._handshaking = False
        self._task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport | None = None
        self.session: Session | None = None

    # --- called by the event loop ---------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the session, or take over the transport that STARTTLS made."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=limits.OUTPUT_HIGH_WATER)
        if self._lookout is not None:
            self._lookout.heard()
        if self.session is not None:
            return
        self.peer = _address(transport.get_extra_info("peername"))
        self.begin_session(greet=True)

    def begin_session(self, *, greet: bool = False) -> "Session":
        """Let a new session, of nobody yet, serve the connection."""
        self.session = self._factory(self)
        self._task = self._loop.create_task(self.session.run(greet=greet))
        self._task.add_done_callback(self._session_ended)
        return self.session

    def _session_ended(self, task: "asyncio.Task[None]") -> None:
        """Let go at once of what an unfinished command holds, a spool file perhaps, and of the session."""
        if task is not self._task:
            return  # another session has begun
        self.framer.close()
        self.framer.discard_buffer()
        self.session = self._task = None

    def data_received(self, data: bytes) -> None:
        """Take what arrived and wake the session."""
        self.arrivals += 1
        if self._lookout is not None:
            self._lookout.heard()
        if self._inflater is None:
            self.framer.feed(data)
        else:
            self._inflater.feed(data)
        if self._buffered > limits.READ_AHEAD and not self._reading_paused and self.transport is not None:
            self._reading_paused = True
            self.transport.pause_reading()
        self.wake()

    def eof_received(self) -> bool:
        """The client will send no more: what it sent is still answered."""
        self._eof = True
        self.wake()
        return not self.secure

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session, wherever it is."""
        del exc
        self._closed = True
        self._eof = True
        self._inflater = self._deflater = None
        self.wake()
        if self._writable is not None and not self._writable.done():
            self._writable.set_exception(ConnectionClosed())
            self._writable.exception()  # seen: a session that does not wait for it just now hears of it later
        self._writable = None
        if self.session is not None:
            self.session.connection_lost()

    def pause_writing(self) -> None:
        """The client reads too slowly: commands wait in :meth:`drain`."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """The client has read enough."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # --- called by the session ------------------------------------------------------------------------------
    def wake(self) -> None:
        """Let a waiting session look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def stop_soon(self) -> None:
        """The server stops: let a waiting session look, and end a TLS handshake, whose client may take its time."""
        if self._handshaking:
            self.abort()
        self.wake()

    @property
    def waiting(self) -> bool:
        """Whether the session waits, and nothing has woken it yet."""
        return self._waiter is not None and not self._waiter.done()

    @property
    def paused(self) -> bool:
        """Whether the client reads too slowly to be sent more, or is gone."""
        return self._writable is not None or self._closed

    @property
    def eof(self) -> bool:
        """Whether nothing more will come, neither from the client nor out of what it sent compressed."""
        return self._eof and (self._inflater is None or not self._inflater.waiting)

    @property
    def _buffered(self) -> int:
        return self.framer.buffered + (0 if self._inflater is None else self._inflater.waiting)

    @property
    def has_input(self) -> bool:
        """Whether the client has sent more than was read."""
        return self._buffered > 0

    def next_event(self) -> Event | None:
        """The framer's next event; ``None`` when it takes more octets, or others are to have their turn first.

        Raises:
            Bye: the client's compressed octets cannot be read.
            Exception: as :meth:`Framer.next_event`.
        """
        event = self.framer.next_event()
        if event is None and self._inflater is not None:
            event = self._next_inflated(self._inflater)
        return event

    def _next_inflated(self, inflater: Inflater) -> Event | None:
        for _ in range(limits.INFLATIONS_AT_ONCE):
            if not inflater.waiting or self.framer.undecided:
                return None
            try:
                self.framer.feed(inflater.piece())
            except DamagedStream as error:
                raise Bye(f"Compression failed: {error}") from error
            event = self.framer.next_event()
            if event is not None:
                return event
        self._loop.call_soon(self.wake)
        return None

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._closed

    async def wait(self) -> None:
        """Wait until octets arrive, the client closes, or someone calls :meth:`wake`.

        Whoever wants to wait first looks whether there is anything, without awaiting in between.
        """
        if self._reading_paused and self.transport is not None:
            self._reading_paused = False
            self.transport.resume_reading()
        if self._deflater is not None:
            self._deflater.rest()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS connection, if there is one: its version, its bindings, the client's certificate."""
        return None if self.transport is None else self.transport.get_extra_info("ssl_object")

    @property
    def here(self) -> str:
        """The address that the client has connected to; empty where that is none of the network."""
        name = None if self.transport is None else self.transport.get_extra_info("sockname")
        return str(name[0]).removeprefix("::ffff:").lower() if isinstance(name, tuple) and name else ""

    def write(self, data: bytes) -> None:
        """Hand octets to the transport; during a TLS handshake nothing is said in the clear."""
        if self.transport is not None and not self._closed and not self._handshaking:
            self.transport.write(data if self._deflater is None else self._deflater.pack(data))
            if self._lookout is not None:
                self._lookout.answered()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109 - one deadline a client, not a caller's choice
        """Wait until the client has read enough.

        Raises:
            ConnectionClosed: it went away, or did not read for ``timeout`` seconds.
        """
        if self._closed:
            raise ConnectionClosed
        if self._writable is None:
            return
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._writable)
        except TimeoutError:
            self.abort()
            raise ConnectionClosed from None

    async def start_tls(self, context: ssl.SSLContext, handshake_timeout: float) -> None:
        """Turn TLS on; what was received before it is thrown away (RFC 9051 §11.1, command injection).

        Raises:
            ConnectionClosed: the handshake failed.
        """
        plain = self.transport
        if plain is None:
            raise ConnectionClosed
        self._handshaking = True
        try:
            transport = await self._loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=handshake_timeout
            )
        except (OSError, ssl.SSLError, TimeoutError, ConnectionError) as error:
            self.abort()
            raise ConnectionClosed from error
        finally:
            self._handshaking = False
        if transport is None or plain.is_closing():
            # Cut off meanwhile: uvloop takes that for a handshake done, and never says that the connection is lost.
            raise ConnectionClosed
        self.transport = transport
        self.transport.set_write_buffer_limits(high=limits.OUTPUT_HIGH_WATER)
        self.secure = True

    @property
    def deflating(self) -> bool:
        """Whether what is written is compressed here, which takes its time."""
        return self._deflater is not None

    @property
    def compressed(self) -> bool:
        """Whether what is sent is compressed already, here or by TLS."""
        return self.deflating or self.compressed_by_tls

    @property
    def compressed_by_tls(self) -> bool:
        """Whether TLS compresses (RFC 3749), which today's libraries no longer do."""
        return self.transport is not None and self.transport.get_extra_info("compression") is not None

    def start_compression(self) -> None:
        """Compress all that is written from now on; all that comes, and has come already, is compressed."""
        self._deflater, self._inflater = Deflater(), Inflater()
        self._inflater.feed(self.framer.take_buffered())

    def end_compression(self) -> None:
        """Write as it is from now on; what comes, or was not looked at yet, is no longer compressed (RFC 8437 §4.1)."""
        if self._inflater is not None:
            self.framer.feed(self._inflater.take_rest())
        self._deflater = self._inflater = None

    def tick(self) -> None:
        """Now and then: let go of memory that is not in use."""
        if self._deflater is not None:
            self._deflater.tick()

    def close(self) -> None:
        """Close after what was written has gone out; in the middle of a TLS handshake at once.

        A client that does not read it in time is cut off.
        """
        if self._handshaking:
            self.abort()
        elif self.transport is not None and not self._closed:
            self.transport.close()
            if self.transport.get_write_buffer_size():
                self._loop.call_later(limits.LAST_WORDS_SECONDS, self.abort)

    def acknowledge_at_once(self) -> None:
        """Have the next packets acknowledged without delay.

        Client libraries send a literal and the end of its command in two writes, and hold the second back until the
        first is acknowledged: with the usual delay every APPEND would take them 40 milliseconds.
        """
        sock = None if self.transport is None else self.transport.get_extra_info("socket")
        if sock is not None and hasattr(socket, "TCP_QUICKACK"):
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def cancel(self) -> None:
        """End the session's task wherever it is."""
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None and not self._closed:
            self.transport.abort()


def _address(peername: object) -> str:
    return str(peername[0]) if isinstance(peername, tuple) and peername else "local"
