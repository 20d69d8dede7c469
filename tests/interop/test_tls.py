"""TLS on both ports, and what must not get through before it."""

import os
import signal
import socket
import ssl
import time
from pathlib import Path

import pytest
from tests.interop.test_python_clients import any_certificate
from tests.support.process import ServerProcess

from mailwren.server.certificates import ensure_self_signed

pytestmark = pytest.mark.interop


def _connect(port: int) -> tuple[socket.socket, bytes]:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    return connection, connection.recv(4096)


def _until_tag(connection: socket.socket, tag: bytes) -> bytes:
    data = b""
    while not any(line.startswith(tag + b" ") for line in data.split(b"\r\n")[:-1]):
        piece = connection.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def test_passwords_are_refused_in_the_clear(tmp_path: Path) -> None:
    """Without TLS there is LOGINDISABLED, no AUTH=, and LOGIN is refused before the password is looked at."""
    server = ServerProcess(tmp_path / "data")
    server.add_user("anna", "secret")
    server.start()
    try:
        connection, greeting = _connect(server.imap_port)
        with connection:
            assert b"LOGINDISABLED" in greeting
            assert b"STARTTLS" in greeting
            assert b"AUTH=" not in greeting
            connection.sendall(b"a LOGIN anna secret\r\nb AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\n")
            answer = _until_tag(connection, b"b")
            assert b"a NO [PRIVACYREQUIRED]" in answer
            assert b"b NO [PRIVACYREQUIRED]" in answer
    finally:
        server.stop()


def test_nothing_before_tls_survives_it(server: ServerProcess) -> None:
    """A command that came in the packet of STARTTLS is never answered (RFC 9051 §11.1)."""
    connection, _ = _connect(server.imap_port)
    connection.sendall(b"a STARTTLS\r\nb NOOP\r\nc CAPABILITY\r\n")
    assert _until_tag(connection, b"a").startswith(b"a OK")
    with any_certificate().wrap_socket(connection) as secure:
        secure.sendall(b"d NOOP\r\n")
        answer = _until_tag(secure, b"d")
        assert answer == b"d OK NOOP completed\r\n"
        secure.sendall(b"e STARTTLS\r\nf CAPABILITY\r\n")
        answer = _until_tag(secure, b"f")
        assert b"e BAD" in answer
        assert b"STARTTLS" not in answer.partition(b"* CAPABILITY")[2].partition(b"\r\n")[0]
        assert b"AUTH=PLAIN" in answer


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(server: ServerProcess, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 are spoken on 993."""
    context = any_certificate()
    context.minimum_version = context.maximum_version = version
    connection = socket.create_connection(("127.0.0.1", server.imaps_port), timeout=20)
    with context.wrap_socket(connection) as secure:
        assert secure.recv(4096).startswith(b"* OK")


def test_plain_text_on_the_tls_port_ends_the_connection(server: ServerProcess) -> None:
    """A client that does not speak TLS on 993 is cut off, and others are served."""
    with socket.create_connection(("127.0.0.1", server.imaps_port), timeout=20) as connection:
        connection.sendall(b"a LOGIN anna secret\r\n" * 10)
        with pytest.raises((ConnectionError, AssertionError)):
            _until_tag(connection, b"a")
    assert server.answers()


def test_certificate_is_reloaded(server: ServerProcess) -> None:
    """After SIGHUP a new connection is shown the new certificate."""

    def shown() -> bytes:
        with any_certificate().wrap_socket(socket.create_connection(("127.0.0.1", server.imaps_port))) as secure:
            return secure.getpeercert(binary_form=True) or b""

    before = shown()
    (server.data / "certificate.pem").unlink()
    ensure_self_signed(server.data / "certificate.pem", ("other.example",))
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGHUP)
    deadline = time.monotonic() + 20
    while shown() == before:
        assert time.monotonic() < deadline, "the old certificate is still shown"
