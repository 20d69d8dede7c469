"""A client that changes its own mailboxes at random and remembers what was acknowledged."""

import random
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count, cycle
from typing import BinaryIO

from tests.crash.model import Folder, Message, Unsure

_TOKENS: Iterator[int] = count(1)
_FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Work", "Later")
_ROW = re.compile(
    rb"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) BODY\[HEADER\.FIELDS \(X-Token\)\] \{\d+\}\r\nX-Token: (\S+)"
)


class Gone(Exception):
    """The server is gone."""


class Wire:
    """A plain IMAP connection that knows just enough."""

    def __init__(self, port: int) -> None:
        try:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        except OSError as error:
            raise Gone from error
        self._file = self._socket.makefile("rb")
        try:
            self._file.readline()
        except OSError as error:
            self.close()
            raise Gone from error
        self._tags = count(1)

    def command(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Send a command; its untagged output and its tagged answer. Raises Gone."""
        tag = b"c%d" % next(self._tags)
        try:
            self._socket.sendall(tag + b" " + data + b"\r\n")
            lines: list[bytes] = []
            while True:
                line = self._file.readline()
                if not line.endswith(b"\n"):
                    raise Gone
                while (size := re.search(rb"\{(\d+)\}\r\n$", line)) is not None:
                    line += self._file.read(int(size[1])) + self._file.readline()
                if line.startswith(tag + b" "):
                    return lines, line
                lines.append(line)
        except OSError as error:
            raise Gone from error

    def ok(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Send a command that must succeed."""
        lines, answer = self.command(data)
        if b" OK" not in answer[:12]:
            raise AssertionError(f"{data[:80]!r}: {answer!r}")
        return lines, answer

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


def message(token: str, size: int) -> bytes:
    """A message that carries its token; every octet is told by it."""
    line = f"{token} " * 8 + "\r\n"
    body = (line * (size // len(line) + 1)).encode()
    return f"From: a@example.org\r\nSubject: {token}\r\nX-Token: {token}\r\n\r\n".encode() + body


def quoted(name: str) -> bytes:
    """A mailbox name as a command has it."""
    return b'"%b"' % name.encode()


def fetch(wire: Wire, name: str) -> dict[int, Message]:
    """All messages of a mailbox as the server has them."""
    wire.ok(b"EXAMINE " + quoted(name))
    lines, _ = wire.ok(b"UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (X-Token)])")
    found: dict[int, Message] = {}
    for line in lines:
        row = _ROW.match(line)
        if row is not None:
            flags = frozenset(flag for flag in row[2].decode().split() if flag != "\\Recent")
            found[int(row[1])] = (row[3].decode(), flags)
    return found


class Worker(threading.Thread):
    """One client under load: nobody else adds to its two mailboxes or takes away, so its model is exact."""

    def __init__(self, port: int, user: str, folders: dict[str, Folder], seed: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.user = user
        self.source, self.target = folders
        self.folders = folders
        self.unsure: Unsure | None = None
        self.done = 0
        self.failure: BaseException | None = None
        self._random = random.Random(seed)

    @property
    def crosses(self) -> bool:
        """Whether its two mailboxes are in different accounts."""
        return "/" in self.source + self.target

    def run(self) -> None:
        """Change things until the server is gone."""
        try:
            with closing(Wire(self.port)) as wire:
                wire.ok(b"LOGIN %b secret" % self.user.encode())
                wire.ok(b"SELECT " + quoted(self.source))
                while True:
                    self._step(wire)
                    self.done += 1
        except Gone:
            return
        except BaseException as error:
            self.failure = error

    def _step(self, wire: Wire) -> None:
        folder = self.folders[self.source]
        steps = [self._append]
        if folder.messages:
            steps += [self._store, self._store, self._copy, self._move, self._expunge]
        self._random.choice(steps)(wire)

    def _some(self) -> list[int]:
        uids = sorted(self.folders[self.source].messages)
        return sorted(self._random.sample(uids, self._random.randint(1, min(8, len(uids)))))

    def _append(self, wire: Wire) -> None:
        tokens = [f"t{next(_TOKENS)}" for _ in range(self._random.choice((1, 1, 1, 3)))]
        flags = frozenset(self._random.sample(_FLAGS, self._random.randint(0, 2)))
        data = b"APPEND " + quoted(self.source)
        for token in tokens:
            body = message(token, self._random.choice((200, 3000, 90_000)))
            data += b" (" + " ".join(sorted(flags)).encode() + b") {%d+}\r\n%b" % (len(body), body)
        new = [(token, flags) for token in tokens]
        self.unsure = Unsure(f"APPEND {tokens}", new={self.source: new})
        _, answer = wire.ok(data)
        self._add(self.source, _uids(re.search(rb"APPENDUID \d+ ([\d:,]+)", answer)), new)
        self.unsure = None

    def _store(self, wire: Wire) -> None:
        uids = self._some()
        mode, flags = self._random.choice((b"+", b"-", b"")), frozenset(self._random.sample(_FLAGS, 2))
        folder = self.folders[self.source]
        after: dict[int, frozenset[str]] = {}
        for uid in uids:
            old = folder.messages[uid][1]
            after[uid] = old | flags if mode == b"+" else old - flags if mode == b"-" else flags
        self.unsure = Unsure(f"STORE {uids} {mode!r} {flags}", flags={self.source: after})
        wire.ok(b"UID STORE %b %bFLAGS.SILENT (%b)" % (_set(uids), mode, " ".join(sorted(flags)).encode()))
        for uid in uids:
            folder.messages[uid] = (folder.messages[uid][0], after[uid])
        self.unsure = None

    def _copy(self, wire: Wire) -> None:
        uids = self._some()
        new = [self.folders[self.source].messages[uid] for uid in uids]
        self.unsure = Unsure(f"COPY {uids}", new={self.target: new})
        _, answer = wire.ok(b"UID COPY %b %b" % (_set(uids), quoted(self.target)))
        self._add(self.target, _uids(re.search(rb"COPYUID \d+ [\d:,]+ ([\d:,]+)", answer)), new)
        self.unsure = None

    def _move(self, wire: Wire) -> None:
        uids = self._some()
        folder = self.folders[self.source]
        new = [folder.messages[uid] for uid in uids]
        gone = {self.source: set(uids)}
        self.unsure = Unsure(f"MOVE {uids}", new={self.target: new}, gone=gone, twice=self.crosses)
        lines, _ = wire.ok(b"UID MOVE %b %b" % (_set(uids), quoted(self.target)))
        self._add(self.target, _uids(re.search(rb"COPYUID \d+ [\d:,]+ ([\d:,]+)", b"".join(lines))), new)
        for uid in uids:
            del folder.messages[uid]
        self.unsure = None

    def _expunge(self, wire: Wire) -> None:
        uids = self._some()
        folder = self.folders[self.source]
        after = {uid: folder.messages[uid][1] | {"\\Deleted"} for uid in uids}
        self.unsure = Unsure(f"STORE {uids} deleted", flags={self.source: after})
        wire.ok(b"UID STORE %b +FLAGS.SILENT (\\Deleted)" % _set(uids))
        for uid in uids:
            folder.messages[uid] = (folder.messages[uid][0], after[uid])
        gone = {uid for uid, (_, flags) in folder.messages.items() if "\\Deleted" in flags}
        self.unsure = Unsure(f"EXPUNGE {sorted(gone)}", gone={self.source: gone})
        wire.ok(b"EXPUNGE")
        for uid in gone:
            del folder.messages[uid]
        self.unsure = None

    def _add(self, name: str, uids: list[int], new: list[Message]) -> None:
        folder = self.folders[name]
        if len(uids) != len(new) or uids != sorted(uids) or uids[0] <= folder.largest_uid:
            raise AssertionError(f"{name}: UIDs {uids} after {folder.largest_uid} for {len(new)} messages")
        folder.messages.update(zip(uids, new, strict=True))
        folder.largest_uid = uids[-1]


class Reader(threading.Thread):
    """The owner of a mailbox that somebody else works in, who reads there and forgets that again."""

    def __init__(self, port: int, user: str, name: str) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.user = user
        self.name = name
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Set and clear \\Seen until the server is gone."""
        try:
            with closing(Wire(self.port)) as wire:
                wire.ok(b"LOGIN %b secret" % self.user.encode())
                wire.ok(b"SELECT " + quoted(self.name))
                for sign in cycle((b"+", b"-")):
                    wire.ok(b"UID STORE 1:* %bFLAGS.SILENT (\\Seen)" % sign)
        except Gone:
            return
        except BaseException as error:
            self.failure = error


class Deliverer(threading.Thread):
    """Delivers by LMTP into INBOX; every token answered with 250 must be there."""

    def __init__(self, port: int, delivered: set[str]) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.delivered = delivered
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Deliver until the server is gone."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
                self._deliver(connection)
        except OSError:
            return
        except BaseException as error:
            self.failure = error

    def _deliver(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            self._deliver_all(connection, file)

    def _deliver_all(self, connection: socket.socket, file: BinaryIO) -> None:
        file.readline()
        connection.sendall(b"LHLO test\r\n")
        while file.readline()[3:4] == b"-":
            pass
        while True:
            token = f"t{next(_TOKENS)}"
            connection.sendall(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n")
            answers = [file.readline() for _ in range(3)]
            if not answers[2]:
                return
            if not answers[2].startswith(b"354"):
                raise AssertionError(f"LMTP answered {answers}")
            connection.sendall(message(token, 2000) + b".\r\n")
            answer = file.readline()
            if not answer:
                return
            if not answer.startswith(b"250"):
                raise AssertionError(f"LMTP answered {answer!r}")
            self.delivered.add(token)


def _set(uids: list[int]) -> bytes:
    return ",".join(map(str, uids)).encode()


def _uids(found: "re.Match[bytes] | None") -> list[int]:
    if found is None:
        raise AssertionError("the answer has no UIDs")
    result: list[int] = []
    for part in found[1].decode().split(","):
        start, _, stop = part.partition(":")
        result.extend(range(int(start), int(stop or start) + 1))
    return result
