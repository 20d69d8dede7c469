"""The load generator's connections: raw sockets that look for as little as possible in what comes back."""

import socket
from itertools import count

_BUFFER = 1 << 20
_TAIL = 4096
"""Octets at the end of an answer in which its last line is looked for."""


class Imap:
    """One IMAP connection, logged in unless ``user`` is empty."""

    def __init__(self, port: int, user: str = "anna", password: str = "secret") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=900)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tags = count(1)
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        self._tag = b""
        self._tail = b""
        self.octets = 0
        self.greeting = self._line()
        if user:
            self.run(f"LOGIN {user} {password}".encode())

    def _line(self) -> bytes:
        data = b""
        while not data.endswith(b"\r\n"):
            data += self._receive(4096)
        return data

    def _receive(self, limit: int) -> bytes:
        data = self.socket.recv(limit)
        if not data:
            raise ConnectionError("the server hung up")
        return data

    def start(self, command: bytes) -> None:
        """Send a command."""
        self._tag = b"x%d " % next(self._tags)
        self._tail = b""
        self.octets = 0
        self.socket.sendall(self._tag + command + b"\r\n")

    def finished(self) -> bool:
        """Take what has come; whether the command has its OK. Raises RuntimeError where it has NO or BAD."""
        size = self.socket.recv_into(self._buffer)
        if not size:
            raise ConnectionError("the server hung up")
        self.octets += size
        tail = bytes(self._view[max(size - _TAIL, 0) : size])
        if size < _TAIL and self._tail:
            tail = (self._tail + tail)[-_TAIL:]
        self._tail = tail
        if not tail.endswith(b"\r\n"):
            return False
        last = tail[tail.rfind(b"\n", 0, -1) + 1 :]
        if not last.startswith(self._tag):
            return False
        if not last.startswith(b"OK", len(self._tag)):
            raise RuntimeError(last.decode("utf-8", "replace"))
        return True

    def run(self, command: bytes) -> int:
        """Send a command, wait for its tagged OK; octets received."""
        self.start(command)
        while not self.finished():
            pass
        return self.octets

    def ask(self, command: bytes) -> bytes:
        """Send a command; its answer of a few lines."""
        tag = b"y%d " % next(self._tags)
        self.socket.sendall(tag + command + b"\r\n")
        answer = b""
        while not (answer.endswith(b"\r\n") and answer[answer.rfind(b"\n", 0, -1) + 1 :].startswith(tag)):
            answer += self._receive(_BUFFER)
        return answer

    def append(self, mailbox: bytes, message: bytes) -> None:
        """Append one message."""
        self.run(b"APPEND %b {%d+}\r\n%b" % (mailbox, len(message), message))

    def idle(self) -> None:
        """Begin to IDLE."""
        self.socket.sendall(b"i IDLE\r\n")
        while not self._line().startswith(b"+"):
            pass

    def heard(self) -> bytes:
        """What has come while idling."""
        return self._receive(_BUFFER)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Lmtp:
    """One LMTP connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")
        self._file.readline()
        self._socket.sendall(b"LHLO bench\r\n")
        while self._file.readline()[3:4] == b"-":
            pass

    def deliver(self, user: str, message: bytes) -> None:
        """Deliver one message, commands in one packet."""
        self._socket.sendall(f"MAIL FROM:<a@example.org>\r\nRCPT TO:<{user}>\r\nDATA\r\n".encode())
        for wanted in (b"250", b"250", b"354"):
            self._expect(wanted)
        body = message.replace(b"\r\n.", b"\r\n..")
        self._socket.sendall(body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        self._expect(b"250")

    def _expect(self, wanted: bytes) -> None:
        line = self._file.readline()
        if not line.startswith(wanted):
            raise RuntimeError(f"LMTP: {line!r}")

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()
