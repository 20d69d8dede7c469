"""What a session writes: queued as commands go on, handed over in large pieces, at the pace of the client."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.imap import wire
from mailwren.server import languages
from mailwren.server.protocol import ConnectionClosed, ImapProtocol

if TYPE_CHECKING:
    from mailwren.server.context import ServerContext
    from mailwren.server.progress import Progress


class Output:
    """One connection's output; nothing else touches the transport.

    Attributes:
        context: what all sessions of the process share.
        connection: the octets' way in and out.
        language: the tag of the language to write to people in (RFC 5255 §3).
        progress: how far the command under way is.
        handed_over: how often queued output went to the transport.
        in_literal: the output stops inside a response, where no other may begin.
    """

    def __init__(self, connection: ImapProtocol, context: "ServerContext", progress: "Progress") -> None:
        self.context: Final = context
        self.connection: Final = connection
        self.progress: Final = progress
        self.language = languages.DEFAULT
        self.in_literal = False
        self.handed_over = 0
        self._output: list[bytes] = []
        self._output_size = 0
        self._slice_end = 0.0

    def send(self, data: bytes) -> None:
        """Queue output; whole lines or pieces of a literal."""
        self._output.append(data)
        self._output_size += len(data)

    def send_all(self, pieces: Sequence[bytes]) -> None:
        """Queue many pieces, which are put together only once."""
        self._output += pieces
        self._output_size += sum(map(len, pieces))

    def translated(self, text: str) -> str:
        """English words for people in the session's language."""
        return languages.catalogue(self.language).translate(text)

    def say(self, status: bytes, text: str, code: bytes = b"", tag: bytes = b"*") -> None:
        """Queue a status response whose words are for people (RFC 9051 §7.1)."""
        self.send(self.status_response(status, text, code, tag))

    def status_response(self, status: bytes, text: str, code: bytes = b"", tag: bytes = b"*") -> bytes:
        """A status response in the session's language; in UTF-8 once the client has chosen one (RFC 5255 §3.2)."""
        if self.language == languages.DEFAULT:
            return wire.status_line(tag, status, text, code)
        return wire.status_line(tag, status, self.translated(text), code, utf8=True)

    @property
    def queued(self) -> bytes:
        """What is queued and not handed over yet."""
        return b"".join(self._output)

    def hand_over(self) -> None:
        """Hand queued output to the transport."""
        if self._output:
            data = b"".join(self._output)
            self._output.clear()
            self._output_size = 0
            self.handed_over += 1
            self.connection.write(data)
            self.progress.spoken()

    async def flush(self) -> None:
        """Hand queued output to the transport and wait while the client does not read."""
        if self._output_size > limits.OUTPUT_CHUNK and self.connection.deflating:
            await self._hand_over_in_pieces()
        self.hand_over()
        if self.connection.paused:
            await self.connection.drain(self.context.config.write_timeout)

    async def _hand_over_in_pieces(self) -> None:
        """Leave others their turn while much is compressed; what is queued meanwhile goes out behind it."""
        data = b"".join(self._output)
        self._output = [data[start : start + limits.OUTPUT_CHUNK] for start in range(0, len(data), limits.OUTPUT_CHUNK)]
        while len(self._output) > 1:
            piece = self._output.pop(0)
            self._output_size -= len(piece)
            self.connection.write(piece)
            await self.context.turns.rest()

    async def breathe(self) -> None:
        """For long commands, between messages: flush what is much, let others run after a slice of time."""
        if self._output_size >= limits.OUTPUT_CHUNK:
            await self.flush()
        if time.perf_counter() > self._slice_end:
            await self.context.turns.rest()
            self._begin_slice()

    async def give_way(self) -> None:
        """For long searches: let others run. Raises ConnectionClosed: nobody waits for what is found any more."""
        await self.context.turns.rest()
        if self.connection.closed:
            raise ConnectionClosed

    def _begin_slice(self) -> None:
        self._slice_end = time.perf_counter() + limits.SLICE_SECONDS
