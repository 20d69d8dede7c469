"""The asyncio side of an LMTP connection: octets, backpressure, TLS, time-outs. Knows no command.

One long-lived task for each connection; the event loop's callbacks only feed the session and wake that task.
"""

import asyncio
import ssl
from contextlib import aclosing
from typing import Protocol, cast

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.delivery.delivery import Delivery
from mailwren.delivery.lmtp_session import LmtpSession, MessageArrived, Signal
from mailwren.delivery.settings import LmtpSettings
from mailwren.delivery.status import TEMPORARY, DeliveryStatus

_CLOSING_DOWN = DeliveryStatus(421, "4.3.2", "The server is closing down")
_TOO_MANY = DeliveryStatus(421, "4.3.2", "Too many connections, try again later")
_IDLE = DeliveryStatus(421, "4.4.2", "Nothing was heard for too long")


class Lookout(Protocol):
    """What wants to know when octets go out and come in."""

    def answered(self) -> None:
        """Something went out."""
        ...

    def heard(self) -> None:
        """Something came in."""
        ...


class LmtpService(Protocol):
    """What a connection asks of the service that it belongs to."""

    settings: LmtpSettings
    delivery: Delivery
    tls: ssl.SSLContext | None
    lookout: Lookout | None

    def admit(self, connection: "LmtpProtocol") -> str | None:
        """Register a new connection and name it; ``None`` when there are too many."""
        ...

    def leave(self, connection: "LmtpProtocol") -> None:
        """The connection is over; does nothing for one that was not admitted."""
        ...


class LmtpProtocol(asyncio.Protocol):
    """One connection."""

    def __init__(self, service: LmtpService) -> None:
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session: LmtpSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._reading = True
        self._secure = False
        self._finished = False
        """The client said that it sends no more, or is gone."""
        self._closing = False
        self._heard = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    # --- called by the event loop ---------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session, or say why not."""
        if self._session is not None:  # the same connection again, now with TLS
            return
        self._transport = cast("asyncio.Transport", transport)
        name = self._service.admit(self)
        self._session = LmtpSession(
            self._service.settings,
            self._service.delivery.resolve,
            id=name or "",
            peer=_peer_of(transport),
            offers_tls=self._service.tls is not None,
        )
        if name is None:
            self._session.data_to_send()
            self._session.hang_up(_TOO_MANY)
        self._watch_idleness()
        self._task = self._loop.create_task(self._run(self._session))

    def data_received(self, data: bytes) -> None:
        """Feed the session; stop reading while it is busy and much has come already."""
        self._heard = self._loop.time()
        if self._service.lookout is not None:
            self._service.lookout.heard()
        if self._session is None or self._transport is None:
            return
        self._session.receive(data)
        if self._session.buffered > limits.LMTP_READ_AHEAD and self._reading:
            self._reading = False
            self._transport.pause_reading()
        self._wake.set()

    def eof_received(self) -> bool:
        """Answer what was sent before closing; over TLS there is no sending without receiving."""
        self._finished = True
        self._wake.set()
        return not self._secure

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the session's task come to its end; a delivery under way is finished."""
        del exc
        self._finished = True
        self._transport = None
        self._writable.set()
        self._wake.set()

    def pause_writing(self) -> None:
        """The client does not read its replies: take no more commands."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable.set()

    # --- called by the service ------------------------------------------------------------------------------
    def finish(self) -> None:
        """Close down: at once, or after the delivery under way."""
        self._closing = True
        self._wake.set()

    @property
    def task(self) -> "asyncio.Task[None] | None":
        """The session's task; it ends when the connection is over."""
        return self._task

    # --- the session's task ---------------------------------------------------------------------------------
    async def _run(self, session: LmtpSession) -> None:
        try:
            await self._serve(session)
        except (ConnectionError, ssl.SSLError, TimeoutError) as error:
            log.info("lmtp connection failed", error=str(error))
        except Exception:  # noqa: BLE001 - a fault of ours ends this connection alone; the MTA tries again
            log.exception("lmtp session failed")
            session.hang_up(TEMPORARY._replace(code=421))
        finally:
            self._service.leave(self)  # first: whatever else fails, nobody else may be refused for it
            self._flush(session)
            session.release()
            if self._timer is not None:
                self._timer.cancel()
            self._close()

    async def _serve(self, session: LmtpSession) -> None:
        while True:
            if self._closing:
                session.hang_up(_CLOSING_DOWN)
            event = session.next_event()
            self._flush(session)
            match event:
                case Signal.CLOSE:
                    return
                case None if self._finished:
                    return
                case None:
                    await self._more(session)
                case Signal.BUSY:
                    await asyncio.sleep(0)
                case Signal.START_TLS:
                    await self._start_tls(session)
                case MessageArrived():
                    await self._deliver(session, event)
                    if session.buffered:
                        # What a quick disk takes at once does not wait for anything: others have their turn here.
                        await asyncio.sleep(0)
            await self._writable.wait()

    async def _more(self, session: LmtpSession) -> None:
        self._wake.clear()
        if not self._reading and self._transport is not None and session.buffered <= limits.LMTP_READ_AHEAD:
            self._reading = True
            self._transport.resume_reading()
        await self._wake.wait()

    async def _deliver(self, session: LmtpSession, event: MessageArrived) -> None:
        statuses = self._service.delivery.deliver_each(event.recipients, event.message, event.envelope)
        async with aclosing(statuses):
            async for status in statuses:
                session.answer(status)
                # RFC 2033 §5: "The server SHOULD send each reply as soon as possible."
                self._flush(session)

    async def _start_tls(self, session: LmtpSession) -> None:
        transport, context = self._transport, self._service.tls
        if transport is None or context is None:
            raise ConnectionError("the connection is gone")
        transport.pause_reading()
        upgraded = await self._loop.start_tls(
            transport, self, context, server_side=True, ssl_handshake_timeout=limits.LOGIN_SECONDS
        )
        if upgraded is None or transport.is_closing():  # cut off meanwhile, which uvloop takes for a handshake done
            raise ConnectionError("the connection is gone")
        self._transport = upgraded
        self._secure = True
        session.tls_started()

    def _flush(self, session: LmtpSession) -> None:
        data = session.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._heard = self._loop.time()  # now it is the client's turn again
            self._transport.write(data)
            if self._service.lookout is not None:
                self._service.lookout.answered()

    def _close(self) -> None:
        """Close after what was written has gone out, but do not wait for ever for a client that does not read."""
        transport = self._transport
        if transport is None:
            return
        transport.close()
        if transport.get_write_buffer_size():
            self._loop.call_later(limits.WRITE_SECONDS, transport.abort)

    # --- idleness -------------------------------------------------------------------------------------------
    def _watch_idleness(self) -> None:
        """End the connection when nothing was heard for too long; looks again when it may be so."""
        session = self._session
        if session is None or self._transport is None:
            return
        left = self._heard + self._service.settings.idle_seconds - self._loop.time()
        if left > 0 or session.is_delivering:
            self._timer = self._loop.call_later(left if left > 0 else 1.0, self._watch_idleness)
            return
        session.hang_up(_IDLE)
        self._finished = True
        self._wake.set()
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # it does not read either, so it is not told


def _peer_of(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
