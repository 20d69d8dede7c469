"""A listener between a client and a server that keeps what they say to each other, also what goes compressed.

It speaks to the server's plain port; clients connect to it in plain text. Nothing is changed on the way. What comes
after STARTTLS cannot be read and is passed on as it is.
"""

import re
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from .wire import eventually

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")
_COMMAND = re.compile(rb"([^ ]+) ((?:UID )?[A-Z0-9-]+)", re.IGNORECASE)
_TAGGED = re.compile(rb"([^ +*]+) (OK|NO|BAD)")


@dataclass
class Exchange:
    """One command as it was sent, with its literals, and what the server said until it was done."""

    command: bytes
    answers: list[bytes] = field(default_factory=list)
    tagged: bytes = b""

    @property
    def name(self) -> str:
        """Such as ``UID FETCH``."""
        match = _COMMAND.match(self.command)
        return match[2].decode().upper() if match else ""

    @property
    def refused(self) -> bool:
        """Whether the answer was NO or BAD."""
        match = _TAGGED.match(self.tagged)
        return match is not None and match[2] != b"OK"


class _Stream:
    """One direction: octets in, lines with their literals out."""

    def __init__(self) -> None:
        self._inflater: Any = None
        self._buffer = b""
        self._line = b""
        self._literal = 0

    def inflate(self) -> None:
        """All that comes from here on is compressed, also what came behind the last line."""
        self._inflater = zlib.decompressobj(wbits=-15)
        self._buffer = self._inflater.decompress(self._buffer)

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """Whole lines; what is missing comes with the next octets."""
        self._buffer += self._inflater.decompress(octets) if self._inflater else octets
        while self._buffer:
            if self._literal:
                piece, self._buffer = self._buffer[: self._literal], self._buffer[self._literal :]
                self._line += piece
                self._literal -= len(piece)
                continue
            end = self._buffer.find(b"\n") + 1
            if not end:
                return
            self._line += self._buffer[:end]
            self._buffer = self._buffer[end:]
            if (size := _LITERAL.search(self._line)) and (int(size[1])):
                self._literal = int(size[1])
            elif not size:
                line, self._line = self._line, b""
                yield line


class TappedConnection:
    """What was said on one connection.

    Attributes:
        lines: ``(sender, line)`` in the order in which they passed, the sender ``C`` or ``S``.
        compressed: whether COMPRESS was turned on.
        ended: whether one side has hung up.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str, bytes]] = []
        self.compressed = False
        self.ended = False
        self._streams = {"C": _Stream(), "S": _Stream()}
        self._opaque = False
        self._compress_tag = b""
        self._lock = threading.Lock()

    def passed(self, sender: str, octets: bytes) -> None:
        """Keep what one side sent; it is called before the other side can see it."""
        with self._lock:
            if self._opaque:
                return
            for line in self._streams[sender].feed(octets):
                self.lines.append((sender, line))
                self._negotiation(sender, line)

    def _negotiation(self, sender: str, line: bytes) -> None:
        match = _COMMAND.match(line)
        if sender == "C" and match and match[2].upper() == b"COMPRESS":
            self._compress_tag = match[1]
        elif sender == "C" and match and match[2].upper() == b"STARTTLS":
            self._opaque = True
        elif sender == "S" and self._compress_tag and line.startswith(self._compress_tag + b" OK"):
            self.compressed = True
            for stream in self._streams.values():
                stream.inflate()

    def exchanges(self) -> list[Exchange]:
        """The commands in the order in which they were sent; answers belong to the oldest that is not done."""
        with self._lock:
            lines = list(self.lines)
        done: list[Exchange] = []
        open_ones: dict[bytes, Exchange] = {}
        for sender, line in lines:
            if sender == "C":
                _sent(line, done, open_ones)
            elif (match := _TAGGED.match(line)) and match[1] in open_ones:
                open_ones.pop(match[1]).tagged = line
            elif open_ones:
                next(iter(open_ones.values())).answers.append(line)
        return done


def _sent(line: bytes, done: list[Exchange], open_ones: dict[bytes, Exchange]) -> None:
    """Take a line of the client: a command, or more of one that waits for it (DONE, an answer to a challenge)."""
    match = _COMMAND.match(line)
    if match is None or any(each.name == "AUTHENTICATE" for each in open_ones.values()):
        return
    exchange = Exchange(line)
    done.append(exchange)
    open_ones[match[1]] = exchange


class Tap:
    """The listener; every connection that it took.

    Attributes:
        port: where it listens on 127.0.0.1.
        connections: in the order in which they came.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.2)
        self._closing = False
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.port = int(self._listener.getsockname()[1])
        self.connections: list[TappedConnection] = []
        self._start(self._accept)

    def exchanges(self) -> list[Exchange]:
        """Those of all connections."""
        return [each for connection in self.connections for each in connection.exchanges()]

    def names(self) -> list[str]:
        """The commands of all connections, such as ``UID FETCH``."""
        return [each.name for each in self.exchanges()]

    def refusals(self) -> list[tuple[bytes, bytes]]:
        """Every command that was refused, with its answer."""
        return [(each.command, each.tagged) for each in self.exchanges() if each.refused]

    def wait_until_quiet(self) -> None:
        """Wait until every connection has ended."""
        eventually(lambda: all(each.ended for each in self.connections), "the client hangs up")

    def text(self) -> str:
        """All that was said, for people; long lines are cut."""
        return "\n".join(
            f"{number} {sender}: {line[:400].decode('utf-8', 'replace').rstrip()}"
            for number, connection in enumerate(self.connections, 1)
            for sender, line in connection.lines
        )

    def close(self) -> None:
        """Listen no longer, hang up."""
        self._closing = True
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in (*self._sockets, self._listener):
            each.close()

    def _start(self, action: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=action, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            client.settimeout(None)
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += (client, server)
            connection = TappedConnection()
            self.connections.append(connection)
            self._start(_pass_on, client, server, connection, "C")
            self._start(_pass_on, server, client, connection, "S")


def _pass_on(source: socket.socket, target: socket.socket, connection: TappedConnection, sender: str) -> None:
    with suppress(OSError):
        while octets := source.recv(1 << 16):
            connection.passed(sender, octets)
            target.sendall(octets)
    connection.ended = True
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def tapped(port: int) -> Iterator[Tap]:
    """A tap on the server that listens on this plain port."""
    tap = Tap(port)
    try:
        yield tap
    finally:
        tap.close()
