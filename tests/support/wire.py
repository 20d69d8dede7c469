"""A plain IMAP client on a blocking socket, for tests of the server as a process: exact octets, nothing hidden."""

import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, Self

PATIENCE = 10.0
"""Seconds until a test gives up waiting."""
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


class Closed(Exception):
    """The server closed the connection; the text is what came before."""


class Connection:
    """One connection, with or without TLS; takes the greeting itself.

    Attributes:
        greeting: the first line.
        raw: the socket.
    """

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None, timeout: float = PATIENCE) -> None:
        self.raw: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.local_port = int(self.raw.getsockname()[1])
        if tls is not None:
            self.raw = tls.wrap_socket(self.raw)
        self._buffer = b""
        self._tags = count(1)
        self._deflater: Any = None
        self._inflater: Any = None
        self.greeting = self.line()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self.raw.close()

    def send(self, data: bytes) -> None:
        """Send octets as they are, compressed once that is on."""
        if self._deflater is not None:
            data = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        self.raw.sendall(data)

    def compress(self) -> None:
        """Turn compression on (RFC 4978)."""
        self.ok(b"COMPRESS DEFLATE")
        self._deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
        self._inflater = zlib.decompressobj(wbits=-15)

    def line(self) -> bytes:
        """One response with its literals and line end. Raises Closed, TimeoutError."""
        line = self._physical_line()
        while (size := _LITERAL.search(line)) is not None:
            line += self._take(int(size[1])) + self._physical_line()
        return line

    def until(self, found: Callable[[bytes], bool]) -> list[bytes]:
        """All responses up to the first one that is ``found``, which is the last of them."""
        lines: list[bytes] = []
        while not lines or not found(lines[-1]):
            lines.append(self.line())
        return lines

    def start(self, command: bytes) -> bytes:
        """Send a command; its tag."""
        tag = b"c%d" % next(self._tags)
        self.send(tag + b" " + command + b"\r\n")
        return tag

    def finish(self, tag: bytes) -> list[bytes]:
        """All responses up to the tagged one."""
        return self.until(lambda line: line.startswith(tag + b" "))

    def command(self, command: bytes) -> list[bytes]:
        """Send a command; all responses, the tagged one last."""
        return self.finish(self.start(command))

    def ok(self, command: bytes) -> list[bytes]:
        """Send a command that must succeed; its untagged responses."""
        *lines, tagged = self.command(command)
        if b" OK" not in tagged[:12]:
            raise AssertionError(f"{command[:80]!r}: {tagged!r}")
        return lines

    def refused(self, command: bytes) -> bytes:
        """Send a command that must not succeed; its tagged response."""
        tagged = self.command(command)[-1]
        if b" OK" in tagged[:12]:
            raise AssertionError(f"{command[:80]!r}: {tagged!r}")
        return tagged

    def log_in(self, user: str = "anna", password: str = "secret") -> Self:
        """Log in; returns itself."""
        self.ok(f"LOGIN {user} {password}".encode())
        return self

    def append(self, mailbox: str, message: bytes) -> list[bytes]:
        """Append a message; the responses, the tagged one last."""
        return self.command(b"APPEND %b {%d+}\r\n%b" % (mailbox.encode(), len(message), message))

    def idle(self) -> bytes:
        """Begin to IDLE; the command's tag."""
        tag = self.start(b"IDLE")
        self.until(lambda line: line.startswith(b"+"))
        return tag

    def done(self, tag: bytes) -> list[bytes]:
        """End IDLE; what came until its tagged answer."""
        self.send(b"DONE\r\n")
        return self.finish(tag)

    def rest(self) -> bytes:
        """Everything until the server closes the connection. Raises TimeoutError."""
        with suppress(ConnectionError, ssl.SSLEOFError):
            while piece := self.raw.recv(1 << 16):
                self._buffer += piece
        rest, self._buffer = self._buffer, b""
        return rest

    def rest_after(self, data: bytes) -> bytes:
        """Send octets, then take everything until the server closes the connection."""
        with suppress(ConnectionError):
            self.send(data)
        return self.rest()

    def _physical_line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            self._more()
        line, self._buffer = self._buffer[: end + 1], self._buffer[end + 1 :]
        return line

    def _take(self, size: int) -> bytes:
        pieces = [self._buffer]
        missing = size - len(self._buffer)
        self._buffer = b""
        while missing > 0:
            self._more()
            pieces.append(self._buffer)
            missing -= len(self._buffer)
            self._buffer = b""
        octets = b"".join(pieces)
        self._buffer = octets[size:]
        return octets[:size]

    def _more(self) -> None:
        try:
            piece = self.raw.recv(1 << 18)
        except ConnectionError as error:
            raise Closed(repr(self._buffer[-200:])) from error
        if not piece:
            raise Closed(repr(self._buffer[-200:]))
        self._buffer += piece if self._inflater is None else self._inflater.decompress(piece)


class LmtpConnection:
    """One LMTP connection that has said LHLO."""

    def __init__(self, port: int) -> None:
        self.raw = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.local_port = int(self.raw.getsockname()[1])
        self._file = self.raw.makefile("rb")
        self.answer()
        self.command(b"LHLO test.example")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self.raw.close()

    def answer(self) -> bytes:
        """One reply, its last line."""
        while (line := self._file.readline())[3:4] == b"-":
            pass
        return line

    def command(self, command: bytes) -> bytes:
        """Send a command; the last line of its reply."""
        self.raw.sendall(command + b"\r\n")
        return self.answer()

    def deliver(self, message: bytes, *recipients: str) -> list[bytes]:
        """Send a message; the status of each recipient, of RCPT where that was refused."""
        self.command(b"MAIL FROM:<a@example.org>")
        statuses = [self.command(f"RCPT TO:<{recipient}@example.org>".encode()) for recipient in recipients]
        taken = [number for number, status in enumerate(statuses) if status.startswith(b"250")]
        if taken and self.command(b"DATA").startswith(b"354"):
            self.raw.sendall(message.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
            for number in taken:
                statuses[number] = self.answer()
        self.command(b"RSET")
        return statuses


def any_certificate() -> ssl.SSLContext:
    """A client's TLS context that believes everything: tests' certificates are self-signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def message(subject: str = "hello", size: int = 200) -> bytes:
    """A message of about so many octets whose lines differ, so that it does not compress away."""
    head = f"From: a@example.org\r\nTo: b@example.org\r\nSubject: {subject}\r\n\r\n".encode()
    number = max(1, (size - len(head)) // 80)
    return head + b"".join(b"%078d\r\n" % (line * 7919) for line in range(number))


def eventually(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait until a condition holds; fail after ``seconds``."""
    for _ in attempts(seconds):
        if condition():
            return
    raise AssertionError(f"not within {seconds} seconds: {what}")


def attempts(seconds: float = PATIENCE) -> Iterator[float]:
    """Turns of a loop that looks again every few milliseconds; the seconds passed so far."""
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < seconds:
        yield passed
        time.sleep(0.01)
