"""The LMTP server on real sockets: both event loops, both kinds of socket, TLS, limits, and closing down."""

import asyncio
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mailwren.delivery.delivery import Delivery
from mailwren.delivery.lmtp_server import LmtpServer, LmtpService, TcpListener, UnixListener, start_lmtp
from mailwren.delivery.settings import LmtpSettings
from mailwren.delivery.unix_socket import UnixSocket
from mailwren.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import FakeStore

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on one of the event loops."""

    def start(main: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(main, 30))

    return start


@pytest.fixture
def short_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name leaves room for that of a UNIX socket."""
    return tmp_path_factory.mktemp("s")


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server called localhost and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    encodings = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = tmp_path / "certificate.pem"
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file.write_bytes(key.private_bytes(*encodings) + certificate)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


class Client:
    """Says lines and hears replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> str:
        """The last line of the next reply; empty at the end."""
        line = await self.reader.readline()
        while line[3:4] == b"-":
            line = await self.reader.readline()
        return line.decode().rstrip("\r\n")

    async def say(self, *lines: str) -> str:
        """Send lines and wait for one reply to each; the last one."""
        self.writer.write("".join(line + "\r\n" for line in lines).encode())
        reply = ""
        for _ in lines:
            reply = await self.reply()
        return reply

    async def begin(self, *recipients: str) -> None:
        """As far as the message."""
        await self.say("LHLO client", "MAIL FROM:<chris@example.com>", *(f"RCPT TO:<{name}>" for name in recipients))
        assert (await self.say("DATA")).startswith("354")


@asynccontextmanager
async def serving(
    delivery: Delivery, tls: ssl.SSLContext | None = None, **settings: object
) -> AsyncIterator[tuple[LmtpService, LmtpServer]]:
    """A server on a free port."""
    service = LmtpService(LmtpSettings(host="mail.example.org", **settings), delivery, tls)  # type: ignore[arg-type] # as named
    server = await start_lmtp(TcpListener("127.0.0.1", 0), service)
    try:
        yield service, server
    finally:
        server.close()
        await service.stop(5)


@asynccontextmanager
async def client_of(server: LmtpServer) -> AsyncIterator[Client]:
    """A client that has heard the greeting."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    client = Client(reader, writer)
    try:
        assert (await client.reply()).startswith("220 mail.example.org ")
        yield client
    finally:
        writer.close()


def test_messages_one_after_another(run: Run, delivery: Delivery, store: "FakeStore") -> None:
    """Several messages go over one connection, small and large ones; each comes out as it went in."""
    messages = [b"small\r\n", b"." * 3 + b"x" * 1_000_000 + b"\r\n", b"\r\n"]

    async def main() -> None:
        async with serving(delivery) as (_, server), client_of(server) as client:
            for message in messages:
                await client.begin("alice")
                client.writer.write((b"." + message if message.startswith(b".") else message) + b".\r\n")
                assert (await client.reply()).startswith("250 2.1.5 <alice> ")
            assert await client.say("QUIT") == "221 2.0.0 Good-bye"
            assert await client.reader.read() == b""

    run(main())
    assert [octets.partition(b"+0000\r\n")[2] for _, octets in store.of("alice").messages] == messages
    assert b" ([127.0.0.1])\r\n" in store.of("alice").messages[0][1]


def test_everything_at_once_and_half_closed(run: Run, delivery: Delivery, store: "FakeStore") -> None:
    """A client that sends all it has and closes its side gets all its answers."""

    async def main() -> None:
        async with serving(delivery) as (_, server), client_of(server) as client:
            message = b"MAIL FROM:<>\r\nRCPT TO:<alice>\r\nBDAT 3 LAST\r\nabc"
            client.writer.write(b"LHLO x\r\n" + message * 50)
            client.writer.write_eof()
            answers = await client.reader.read()
            assert answers.count(b" Stored\r\n") == 50

    run(main())
    assert len(store.of("alice").messages) == 50


def test_others_have_their_turn_between_messages(run: Run, delivery: Delivery, store: "FakeStore") -> None:
    """Many messages sent at once, stored without waiting for anything, do not keep the event loop from others."""
    turns: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        turn = 0

        def next_turn() -> None:
            nonlocal turn
            turn += 1
            loop.call_soon(next_turn)

        store.of("alice").before_apply = lambda: turns.append(turn)
        async with serving(delivery) as (_, server), client_of(server) as client:
            await client.say("LHLO x")
            client.writer.write(b"MAIL FROM:<>\r\nRCPT TO:<alice>\r\nBDAT 3 LAST\r\nabc" * 20)
            next_turn()
            for _ in range(60):
                await client.reply()

    run(main())
    assert len(turns) == 20
    assert len(set(turns)) == 20


def test_start_tls(
    run: Run, delivery: Delivery, store: "FakeStore", tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """STARTTLS begins anew, forgets what was sent before it, and is told in the Received field."""

    async def main() -> None:
        async with serving(delivery, tls[0]) as (_, server), client_of(server) as client:
            client.writer.write(b"LHLO x\r\n")
            assert b"250 STARTTLS\r\n" in await client.reader.readuntil(b"250 STARTTLS\r\n")
            # The second line comes before TLS: whoever put it there must not have it executed after.
            client.writer.write(b"STARTTLS\r\nMAIL FROM:<injected@example.com>\r\n")
            assert await client.reply() == "220 2.0.0 Go ahead with TLS"
            await client.writer.start_tls(tls[1], server_hostname="localhost")
            assert (await client.say("MAIL FROM:<>")).startswith("503 5.5.1 LHLO comes first")
            assert await client.say("LHLO x") == "250 BINARYMIME"
            assert (await client.say("STARTTLS")).startswith("503")
            await client.begin("alice")
            client.writer.write(b"secret\r\n.\r\n")
            assert (await client.reply()).startswith("250 2.1.5")

    run(main())
    assert b" with LMTPS id " in store.of("alice").messages[0][1]


def test_failed_handshake(run: Run, delivery: Delivery, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """A client that does not speak TLS after all loses its connection and nothing else."""

    async def main() -> None:
        async with serving(delivery, tls[0]) as (_, server):
            async with client_of(server) as client:
                await client.say("STARTTLS")
                client.writer.write(b"this is no TLS at all\r\n")
                with suppress(ConnectionError):
                    await client.reader.read()
            async with client_of(server) as client:
                assert await client.say("NOOP") == "250 2.0.0 OK"

    run(main())


def test_too_many_connections(run: Run, delivery: Delivery) -> None:
    """The connection beyond the limit is told to come later, the others go on."""

    async def main() -> None:
        async with serving(delivery, connections=1) as (_, server):
            async with client_of(server) as client:
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                assert (await reader.read()).startswith(b"421 4.3.2 Too many connections")
                writer.close()
                assert await client.say("QUIT") == "221 2.0.0 Good-bye"
                await client.reader.read()
            async with client_of(server) as client:
                assert await client.say("NOOP") == "250 2.0.0 OK"

    run(main())


def test_silence(run: Run, delivery: Delivery) -> None:
    """Who says nothing for too long is sent away."""

    async def main() -> None:
        async with serving(delivery, idle_seconds=0.05) as (_, server), client_of(server) as client:
            assert (await client.reader.read()).startswith(b"421 4.4.2 ")

    run(main())


def test_client_that_does_not_read(run: Run, delivery: Delivery) -> None:
    """Commands are not taken from a client that does not read its replies, and it is sent away in the end."""

    async def main() -> None:
        async with serving(delivery, idle_seconds=0.2) as (service, server):
            loop = asyncio.get_running_loop()
            sock = socket.create_connection(("127.0.0.1", server.port))
            sock.setblocking(False)
            flood = b"HELP\r\n" * 10_000
            with sock, suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(sock, flood)
            await service.stop(5)

    run(main())


def test_closing_down(run: Run, delivery: Delivery, store: "FakeStore") -> None:
    """Idle connections are told at once; a delivery under way is finished and answered first."""

    async def main() -> None:
        begun, may_end = asyncio.Event(), asyncio.Event()
        original = store.account

        async def slow(account_id: str) -> Any:
            begun.set()
            await may_end.wait()
            return await original(account_id)

        store.account = slow  # type: ignore[method-assign] # a store that takes its time
        async with serving(delivery) as (service, server), client_of(server) as idle, client_of(server) as busy:
            await busy.begin("alice")
            busy.writer.write(b"text\r\n.\r\n")
            await begun.wait()
            stopping = asyncio.create_task(service.stop(10))
            assert (await idle.reader.read()).startswith(b"421 4.3.2 ")
            may_end.set()
            rest = await busy.reader.read()
            assert rest.startswith(b"250 2.1.5 <alice> ")
            assert b"\r\n421 4.3.2 " in rest
            await stopping

    run(main())
    assert len(store.of("alice").messages) == 1


def test_closing_down_does_not_wait_for_ever(run: Run, delivery: Delivery, store: "FakeStore") -> None:
    """A delivery that does not end is given up."""

    async def main() -> None:
        begun = asyncio.Event()

        async def stuck(_: str) -> Any:
            begun.set()
            await asyncio.Event().wait()

        store.account = stuck  # type: ignore[method-assign,assignment] # a store that hangs
        async with serving(delivery) as (service, server), client_of(server) as busy:
            await busy.begin("alice")
            busy.writer.write(b"text\r\n.\r\n")
            await begun.wait()
            await service.stop(0.01)
            assert await busy.reader.read() == b""

    run(main())


def test_trouble_does_not_end_the_session(run: Run, delivery: Delivery, store: "FakeStore") -> None:
    """After 451 for one message the next one is taken."""

    def fail() -> None:
        raise StoreUnavailable("locked")

    async def main() -> None:
        store.of("alice").before_apply = fail
        async with serving(delivery) as (_, server), client_of(server) as client:
            for expected in ("451 4.3.0", "250 2.1.5"):
                await client.begin("alice")
                client.writer.write(b"text\r\n.\r\n")
                assert (await client.reply()).startswith(expected)
                store.of("alice").before_apply = None

    run(main())


def test_client_that_goes_away(run: Run, delivery: Delivery, store: "FakeStore") -> None:
    """Half a message is dropped with its connection."""

    async def main() -> None:
        async with serving(delivery) as (service, server):
            async with client_of(server) as client:
                await client.begin("alice")
                client.writer.write(b"half a mess")
                await client.writer.drain()
            await service.stop(5)

    run(main())
    assert store.of("alice").messages == []


def test_unix_socket(run: Run, delivery: Delivery, short_folder: Path) -> None:
    """A UNIX socket serves, has its permissions, and is removed at the end."""
    path = short_folder / "lmtp"

    async def main() -> None:
        service = LmtpService(LmtpSettings(host="mail.example.org"), delivery)
        server = await start_lmtp(UnixListener(path), service)
        assert stat.filemode(path.stat().st_mode) == "srw-rw----"
        client = Client(*await asyncio.open_unix_connection(path))
        assert (await client.reply()).startswith("220 ")
        assert await client.say("QUIT") == "221 2.0.0 Good-bye"
        client.writer.close()
        with pytest.raises(OSError, match="another server listens"):
            await start_lmtp(UnixListener(path), service)
        server.close()
        assert not path.exists()
        await service.stop(1)

    run(main())


def test_socket_left_over(short_folder: Path) -> None:
    """A socket that nobody serves is replaced; the group and mode are as asked for."""
    path = short_folder / "lmtp"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    bound = UnixSocket.bind(path, 0o600)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bound.close()
    bound.close()
    assert [each.name for each in short_folder.iterdir()] == ["lmtp.lock"]


def test_socket_of_another_program(short_folder: Path) -> None:
    """A socket that some program serves is not stolen."""
    path = short_folder / "lmtp"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(OSError, match="another program listens"):
            UnixSocket.bind(path)
    assert path.is_socket()


def test_no_socket(short_folder: Path) -> None:
    """What is no socket is left alone."""
    path = short_folder / "lmtp"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        UnixSocket.bind(path)
    assert path.read_text() == "precious"
    with pytest.raises(LookupError):
        UnixSocket.bind(short_folder / "other", group="no-such-group")
    assert not (short_folder / "other").exists()


def test_socket_taken_over_is_not_removed(short_folder: Path) -> None:
    """A server that ends leaves alone what stands in its socket's place by now."""
    path = short_folder / "lmtp"
    bound = UnixSocket.bind(path)
    path.unlink()
    path.write_text("precious")
    bound.close()
    assert path.read_text() == "precious"
