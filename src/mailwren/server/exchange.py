"""What a session hears: commands and lines of the client, and when there is something to tell meanwhile."""

from typing import TYPE_CHECKING

from mailwren.base.logs import log
from mailwren.imap.errors import BadCommand, Bye
from mailwren.imap.framing import CommandFrame, Event, LineFrame, Overflow, OverflowKind
from mailwren.server.output import Output
from mailwren.server.protocol import ConnectionClosed, ImapProtocol

if TYPE_CHECKING:
    from mailwren.server.context import ServerContext
    from mailwren.server.progress import Progress


class Exchange(Output):
    """One connection's input besides its output; what there is to tell while waiting, the session knows."""

    def __init__(self, connection: ImapProtocol, context: "ServerContext", progress: "Progress") -> None:
        super().__init__(connection, context, progress)
        self._peeked: Event | None = None

    # --- what the session says ------------------------------------------------------------------------------
    def _has_news(self) -> bool:
        """Whether there may be something to tell a client that idles."""
        raise NotImplementedError

    def _may_push(self) -> bool:
        """Whether there may be something to tell while no command is in progress."""
        raise NotImplementedError

    async def _push(self) -> None:
        """Tell it."""
        raise NotImplementedError

    def forget(self) -> None:
        """The session has ended: let go of what may be large now, and not only when cycles are looked for."""
        if isinstance(self._peeked, CommandFrame):
            self._peeked.close()
        self._peeked = None
        self._output.clear()
        self._output_size = 0

    # --- input ----------------------------------------------------------------------------------------------
    async def next_event(self) -> Event:
        """The next event of the framer. Raises ConnectionClosed, Bye (the server stops)."""
        while True:
            self._check_not_stopping()
            event, self._peeked = self._peeked or self._frame(), None
            if event is not None:
                return event
            if self.connection.eof:
                raise ConnectionClosed
            if self._may_push():
                await self._push()
            else:
                await self._wait()

    def _peek(self) -> Event | None:
        """What :meth:`next_event` will give, if it is here already."""
        if self._peeked is None:
            self._peeked = self._frame()
        return self._peeked

    async def read_line(self) -> bytes:
        """One line outside of the command grammar: a SASL response. Raises ConnectionClosed, BadCommand."""
        self.connection.framer.expect_line()
        await self.flush()
        event = await self.next_event()
        if isinstance(event, LineFrame):
            return event.line
        if isinstance(event, Overflow):
            raise BadCommand(event.text)
        raise BadCommand("Expected a line")

    async def wait_for_line(self) -> bytes | None:
        """IDLE's wait: the next line, or ``None`` when there may be something to tell. Raises ConnectionClosed."""
        while True:
            self._check_not_stopping()
            event = self.connection.next_event()
            if isinstance(event, LineFrame):
                return event.line
            if isinstance(event, Overflow):
                raise BadCommand(event.text)
            if self._has_news():
                return None
            if self.connection.eof:
                raise ConnectionClosed
            await self._wait()

    def _check_not_stopping(self) -> None:
        if self.context.stopping:
            raise Bye("Server is shutting down", b"UNAVAILABLE")

    async def _wait(self) -> None:
        await self.connection.wait()
        self._begin_slice()

    def _frame(self) -> Event | None:
        """What the framer has; a command for whose message there is no room is skipped like one that is too large."""
        try:
            return self.connection.next_event()
        except OSError as error:
            log.error("no room for a message", reason=str(error))
            text = "No room to take in your message now, try again later"
            return Overflow(self.connection.framer.abandon_command(), b"", OverflowKind.ROOM, text)
