"""A server in this process without sockets: real sessions over an in-memory store and a transport made of bytes."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from mailwren.auth.errors import AuthenticationFailed
from mailwren.auth.groups import Group
from mailwren.auth.mechanisms import derived_secrets
from mailwren.auth.passwords import PasswordChecker
from mailwren.auth.sasl import Proven
from mailwren.auth.throttle import LoginThrottle
from mailwren.auth.users import User, UserDirectory
from mailwren.config.settings import Config
from mailwren.server.context import ServerContext
from mailwren.server.features import Features
from mailwren.server.protocol import ImapProtocol
from mailwren.server.worker import make_protocol
from mailwren.store.sqlite.store import SqliteMailStore

PASSWORD = "secret"
_PATIENCE = 20.0
"""Seconds to wait for output before a test fails."""


class OpenDoor:
    """Knows every user; the password is always :data:`PASSWORD`. Whoever comes gets into the directory."""

    def __init__(self) -> None:
        self._name = ""
        self.users = UserDirectory(None, new_id=lambda: self._name.encode().hex())

    def add(self, name: str) -> User:
        """Put a user into the directory whose account id is the name in hexadecimal digits."""
        self._name = name
        return self.users.find(name) or self.users.add(name, "")

    def add_group(self, name: str, *members: str, has_mailbox: bool = False) -> Group:
        """Put a group into the directory whose id is the name in hexadecimal digits."""
        for member in members:
            self.add(member)
        self._name = name
        group = self.users.groups.find(name) or self.users.groups.add(name, has_mailbox=has_mailbox)
        self.users.groups.add_members(name, members)
        return group

    async def check(self, user_name: str, password: str, authorization: str = "") -> User:
        """The user of that name. Raises AuthenticationFailed."""
        del authorization
        if password != PASSWORD:
            raise AuthenticationFailed("Wrong user name or password")
        return self.add(user_name)

    async def accept(self, proven: Proven) -> User:
        """Whoever proved to be somebody."""
        return self.add(proven.user_name)

    def secret(self, user_name: str, kind: str) -> str | None:
        """What everybody's password left behind."""
        del user_name
        return derived_secrets(PASSWORD, with_cram_md5=True).get(kind)

    def decoy_key(self) -> bytes:
        """Nobody is unknown."""
        return b""


class ByteTransport(asyncio.Transport):
    """Keeps what the server writes; reads nothing by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.output = bytearray()
        self.closed = False
        self.changed = asyncio.Event()
        self.protocol: ImapProtocol | None = None
        self.sockname: object = ("192.0.2.9", 143)

    def write(self, data: Any) -> None:
        """Keep it and wake whoever waits."""
        self.output += data
        self.changed.set()

    def close(self) -> None:
        """Tell the protocol as a real transport does: soon, not at once."""
        if not self.closed:
            self.closed = True
            self.changed.set()
            if self.protocol is not None:
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def abort(self) -> None:
        """The same as close."""
        self.close()

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """A fixed peer, and an address of the server's."""
        return {"peername": ("192.0.2.1", 40000), "sockname": self.sockname}.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no limit."""

    def get_write_buffer_size(self) -> int:
        """Everything written is out."""
        return 0

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""


class Client:
    """One connection as a client sees it."""

    def __init__(
        self,
        context: ServerContext,
        features: Features,
        *,
        secure: bool = True,
        transport: ByteTransport | None = None,
    ) -> None:
        self.transport = transport or ByteTransport()
        self.protocol = make_protocol(context, features, secure=secure)
        self.transport.protocol = self.protocol
        self.protocol.connection_made(self.transport)
        self._taken = 0
        self._tags = 0

    def send(self, data: bytes, *, byte_by_byte: bool = False) -> None:
        """Deliver octets to the server."""
        if byte_by_byte:
            for octet in data:
                self.protocol.data_received(bytes((octet,)))
        else:
            self.protocol.data_received(data)

    @property
    def pending(self) -> bytes:
        """What the server wrote that was not taken yet."""
        return bytes(self.transport.output[self._taken :])

    async def until(self, found: Any) -> bytes:
        """Wait until ``found(pending)`` gives a length, and take so many octets."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                length = found(self.pending)
                if length is not None:
                    taken = self.pending[:length]
                    self._taken += length
                    return taken
                if self.transport.closed:
                    raise ConnectionError(f"closed; so far: {self.pending!r}")
                self.transport.changed.clear()
                await self.transport.changed.wait()

    async def line(self) -> bytes:
        """One line of output."""
        return await self.until(lambda data: data.index(b"\r\n") + 2 if b"\r\n" in data else None)

    def tag(self) -> bytes:
        """A fresh tag."""
        self._tags += 1
        return b"t%d" % self._tags

    async def command(self, text: bytes) -> bytes:
        """Send a command and return everything up to its tagged answer."""
        tag = self.tag()
        self.send(tag + b" " + text + b"\r\n")
        return await self.until(lambda data: end_of_response(data, tag))

    async def login(self, user_name: str = "anna") -> None:
        """Take the greeting and log in."""
        await self.line()
        answer = await self.command(f"LOGIN {user_name} {PASSWORD}".encode())
        assert b" OK " in answer, answer

    async def close(self) -> None:
        """Hang up and let the session end."""
        self.protocol.connection_lost(None)
        self.transport.closed = True
        task = self.protocol._task
        if task is not None:
            await asyncio.wait((task,), timeout=_PATIENCE)


def split_responses(data: bytes) -> tuple[list[bytes], int]:
    """Whole responses in ``data``, literals kept together, and how many octets they take."""
    responses: list[bytes] = []
    position = start = 0
    while True:
        end = data.find(b"\r\n", position)
        if end < 0:
            return responses, start
        size = literal_size(data[start:end])
        if size is not None and data[position:end].endswith(b"}"):
            position = end + 2 + size
            if position > len(data):
                return responses, start
            continue
        responses.append(data[start:end])
        position = start = end + 2


def literal_size(line: bytes) -> int | None:
    """The size of the literal that a piece of a response announces at its end."""
    if not line.endswith(b"}"):
        return None
    digits = line[line.rfind(b"{") + 1 : -1]
    return int(digits) if digits.isdigit() else None


def end_of_response(data: bytes, tag: bytes) -> int | None:
    """Where the tagged answer ends, if it is there."""
    responses, _ = split_responses(data)
    position = 0
    for response in responses:
        position += len(response) + 2
        if response.startswith(tag + b" "):
            return position
    return None


@asynccontextmanager
async def server_context(folder: Path | None = None, **settings: Any) -> AsyncIterator[ServerContext]:
    """A context whose sessions can be made with :class:`Client`; closes them all at the end."""
    config = Config(data=folder or Path(tempfile.gettempdir()), server_name="test.example", **settings)
    store = SqliteMailStore(folder)
    tls = settings.pop("tls", None)
    door = OpenDoor()
    context = ServerContext(
        config,
        store,
        cast("PasswordChecker", door),
        door.users,
        LoginThrottle(),
        asyncio.get_running_loop().time,
        tls,
    )
    context.names_pause = 0.0
    try:
        yield context
    finally:
        for session in list(context.sessions):
            session.connection.connection_lost(None)
        async with asyncio.timeout(_PATIENCE):
            while context.sessions:
                await asyncio.sleep(0)
        await store.close()
        door.users.close()


__all__ = ["PASSWORD", "ByteTransport", "Client", "end_of_response", "server_context", "split_responses"]
