"""The load generator's connections: raw sockets that look for as little as possible in what comes back."""

import re
import socket
from itertools import count


class Imap:
    """One IMAP connection, logged in."""

    def __init__(self, port: int, user: str = "anna", password: str = "secret") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tags = count(1)
        self.line()
        self.run(f"LOGIN {user} {password}".encode())

    def line(self) -> bytes:
        """One piece that ends in a line end."""
        data = b""
        while not data.endswith(b"\r\n"):
            data += self._receive()
        return data

    def _receive(self) -> bytes:
        data = self._socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server hung up")
        return data

    def run(self, command: bytes) -> int:
        """Send a command, wait for its tagged OK; octets received."""
        tag = b"x%d" % next(self._tags)
        self._socket.sendall(tag + b" " + command + b"\r\n")
        end = re.compile(rb"(?:^|\r\n)" + tag + rb" (OK|NO|BAD)[^\r\n]*\r\n\Z")
        tail = b""
        total = 0
        while True:
            data = self._receive()
            total += len(data)
            tail = (tail + data)[-4096:]
            if tail.endswith(b"\r\n") and (found := end.search(tail)):
                if found[1] != b"OK":
                    raise RuntimeError(f"{command[:60]!r}: {tail[-200:]!r}")
                return total

    def ask(self, command: bytes) -> bytes:
        """Send a command; its short answer."""
        tag = b"y%d" % next(self._tags)
        self._socket.sendall(tag + b" " + command + b"\r\n")
        answer = b""
        while not re.search(rb"(?:^|\r\n)" + tag + rb" [^\r\n]*\r\n\Z", answer):
            answer += self._receive()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


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
