"""Talking to systemd, with a socket of our own in its place."""

import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailwren.server import systemd


@pytest.fixture(params=["file", "abstract"])
def notify_socket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket that NOTIFY_SOCKET points to, of both kinds."""
    name = f"mailwren-test-{secrets.token_hex(8)}"
    path = Path("/tmp") / name
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.settimeout(10)
    if request.param == "abstract":
        if not sys.platform.startswith("linux"):
            pytest.skip("abstract sockets exist on Linux only")
        listener.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    else:
        listener.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    yield listener
    listener.close()
    path.unlink(missing_ok=True)


def test_states(notify_socket: socket.socket) -> None:
    """Each state is one datagram in systemd's own words."""
    systemd.notify_ready("listening on\n[::]:993")
    systemd.notify_reloading()
    systemd.notify_ready()
    systemd.notify_stopping()
    datagrams = [notify_socket.recv(1000).decode() for _ in range(4)]
    assert datagrams[0] == "READY=1\nSTATUS=listening on [::]:993"
    assert re.fullmatch("RELOADING=1\nMONOTONIC_USEC=[0-9]+", datagrams[1])
    assert datagrams[2:] == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@" + "x" * 200])
def test_without_systemd(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, a wrong or an unreachable one: nothing happens and nothing is raised."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify_ready()
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify_ready()


def test_no_sockets_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets meant for another process, or a number that is none, are left alone; the variables go away."""
    for process_id, number in ((str(os.getpid() + 1), "1"), (str(os.getpid()), "many"), ("", "1")):
        monkeypatch.setenv("LISTEN_PID", process_id)
        monkeypatch.setenv("LISTEN_FDS", number)
        assert systemd.inherited_sockets() == []
        assert "LISTEN_PID" not in os.environ
        assert "LISTEN_FDS" not in os.environ
    assert systemd.inherited_sockets() == []


_CHILD = """
import os
from mailwren.server.systemd import inherited_sockets
os.environ["LISTEN_PID"] = str(os.getpid())
first = inherited_sockets()
print([(name, sock.getsockname()[1], os.get_inheritable(sock.fileno())) for name, sock in first], inherited_sockets())
"""


def test_inherited_sockets() -> None:
    """A process started with listening sockets from descriptor 3 on gets them with their names, once."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [listener.getsockname()[1] for listener in (one, two)]
        command = f"exec {sys.executable} -c '{_CHILD}' 3<&{one.fileno()} 4<&{two.fileno()}"
        # The shell moves the descriptors to where systemd would put them.
        environment = os.environ | {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "imaps"}
        child = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            pass_fds=(one.fileno(), two.fileno()),
            capture_output=True,
            text=True,
            check=True,
        )
    assert child.stdout.strip() == f"[('imaps', {ports[0]}, False), ('', {ports[1]}, False)] []"
