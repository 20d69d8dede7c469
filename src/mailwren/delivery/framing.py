"""Cuts LMTP's octets into command lines and message content. Knows no command.

Rules for whoever edits this file:

1. A message sent with DATA ends at ``CRLF . CRLF`` and nowhere else (RFC 5321 §4.1.1.4). A bare LF or CR never counts
   as part of an end of line: servers that were lenient let one message be smuggled into another.
2. Octets come out exactly as the client meant them: only the dot that stuffing added goes (RFC 5321 §4.5.2).
3. How the input was cut into pieces changes nothing.
4. Nothing grows: a line is kept up to its limit, content is handed on as it comes.
"""

from enum import Enum

_END = b"\r\n.\r\n"
_PIECE = 64 * 1024
"""Octets of content handled at a time."""


class LineFault(Enum):
    """A line that is no command."""

    TOO_LONG = "too long"
    NOT_CRLF = "ended by LF alone"


class DotStuffing:
    """Takes the stuffing off a message, piece by piece (RFC 5321 §4.5.2)."""

    __slots__ = ("_held", "_skip", "unused")

    def __init__(self) -> None:
        # The command line before the message ended with CRLF: a dot may stand in the very first place.
        self._held = b"\r\n"
        self._skip = 2
        self.unused: int | None = None
        """How many octets followed the end of the message, once it was found."""

    def take(self, data: bytes) -> bytes:
        """The message's octets in ``data``, as far as they are certain."""
        data = self._held + data
        end = data.find(_END)
        if end >= 0:
            self.unused = len(data) - end - len(_END)
            data = data[: end + 2]
        else:
            held = _length_of_beginning(data)
            self._held = data[len(data) - held :]
            data = data[: len(data) - held]
        # With the end cut off, each CRLF-dot has a dot that stuffing added in front of more octets on the line.
        data = data.replace(b"\r\n.", b"\r\n")
        if self._skip and data:
            data, self._skip = data[self._skip :], 0
        return data


def _length_of_beginning(data: bytes) -> int:
    """How many octets at the end of ``data`` may be the beginning of the end of the message."""
    tail = data[-4:]
    start = tail.rfind(b"\r\n.")
    if start < 0:
        start = tail.rfind(b"\r")
    tail = tail[start:] if start >= 0 else b""
    return len(tail) if tail and _END.startswith(tail) else 0


def stuff_dots(message: bytes) -> bytes:
    """A message as DATA sends it, with its end; CRLF is added where the message does not end with it."""
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return stuffed + (b".\r\n" if not message or message.endswith(b"\r\n") else b"\r\n.\r\n")


class Framer:
    """Collects what arrives and gives it out as lines, or as content where the session says that content follows."""

    __slots__ = ("_buffer", "_dots", "_limit", "_octets", "_searched", "_skipping")

    def __init__(self, line_limit: int) -> None:
        """Take lines of up to ``line_limit`` octets, CRLF included."""
        self._limit = line_limit
        self._buffer = bytearray()
        self._searched = 0
        self._skipping = False
        self._dots: DotStuffing | None = None
        self._octets = 0

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    @property
    def buffered(self) -> int:
        """Octets not given out yet."""
        return len(self._buffer)

    def drop(self) -> None:
        """Forget everything received: nothing sent before TLS may be read after it (RFC 3207 §4.2)."""
        self._buffer.clear()
        self._searched = 0
        self._skipping = False

    def line(self) -> bytes | LineFault | None:
        """The next line without its CRLF, what was wrong with it, or ``None`` when more has to arrive."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            if self._searched >= self._limit:
                # Its beginning is let go of; its end is still looked for.
                self._skipping = True
                self._searched = 0
                self._buffer.clear()
            return None
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._searched = 0
        too_long, self._skipping = self._skipping or len(line) > self._limit, False
        if too_long:
            return LineFault.TOO_LONG
        return line[:-2] if line.endswith(b"\r\n") else LineFault.NOT_CRLF

    def expect_dots(self) -> None:
        """A message in the form of DATA follows."""
        self._dots = DotStuffing()

    def expect_octets(self, count: int) -> None:
        """A chunk of so many octets follows (RFC 3030 §2)."""
        self._octets = count

    def content(self) -> tuple[bytes, bool]:
        """What has arrived of the expected content, and whether it is complete."""
        if self._dots is not None:
            return self._dotted(self._dots)
        piece = bytes(self._buffer[: min(self._octets, _PIECE)])
        del self._buffer[: len(piece)]
        self._octets -= len(piece)
        return piece, self._octets == 0

    def _dotted(self, dots: DotStuffing) -> tuple[bytes, bool]:
        data = bytes(self._buffer[:_PIECE])
        piece = dots.take(data)
        del self._buffer[: len(data) - (dots.unused or 0)]
        if dots.unused is None:
            return piece, False
        self._dots = None
        return piece, True
