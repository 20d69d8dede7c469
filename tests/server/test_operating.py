"""What operators do: several servers side by side, users changed while it runs, signals, files' modes, logs."""

import base64
import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.conftest import make_users
from tests.support.process import ServerProcess, command, running_server
from tests.support.wire import Connection, LmtpConnection, any_certificate, eventually, message

from mailwren.base.limits import SHUTDOWN_SECONDS


def _run(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command of the program, whatever comes of it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILWREN_")}
    return subprocess.run(
        command(*arguments), input=text, capture_output=True, text=True, timeout=60, check=False, env=environment
    )


@contextmanager
def _serving(data: Path, *options: str, workers: int = 1) -> Iterator[ServerProcess]:
    make_users(data, "anna", "bert")
    with running_server(data, *options, workers=workers, users=()) as server:
        yield server


def test_two_servers_side_by_side(tmp_path: Path) -> None:
    """Each has its own users and mail; ending one leaves the other alone."""
    with _serving(tmp_path / "one") as one, _serving(tmp_path / "two") as two:
        one.add_user("only-here", "secret")
        with Connection(one.imap_port).log_in() as session:
            session.append("INBOX", message())
        with Connection(two.imap_port).log_in() as session:
            assert session.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 0)\r\n"]
            assert b"AUTHENTICATIONFAILED" in _refused(two, b"LOGIN only-here secret")
            one.stop()
            session.ok(b"NOOP")


def _refused(server: ServerProcess, login: bytes) -> bytes:
    with Connection(server.imap_port) as connection:
        return connection.refused(login)


def test_users_are_changed_while_it_runs(own: ServerProcess) -> None:
    """A user is added, seen, given another password and removed; each step counts for the server at once."""
    data = ("--data", str(own.data))
    assert _run("user", "add", "carl", "--password-stdin", *data, text="first words\n").returncode == 0
    with Connection(own.imap_port) as session:
        session.ok(b'LOGIN carl "first words"')
        session.append("INBOX", message())
        shown = json.loads(_run("user", "show", "carl", "--json", *data).stdout)
        assert shown["name"] == "carl"
        listed = json.loads(_run("user", "list", "--json", *data).stdout)
        assert [each["name"] for each in listed] == ["anna", "bert", "carl"]
        assert _run("user", "password", "carl", "--password-stdin", *data, text="second words\n").returncode == 0
        assert b"AUTHENTICATIONFAILED" in _refused(own, b'LOGIN carl "first words"')
        with Connection(own.imap_port) as other:
            other.ok(b'LOGIN carl "second words"')
        session.ok(b"NOOP")
    assert _run("user", "remove", "carl", "--yes", *data).returncode == 0
    assert b"AUTHENTICATIONFAILED" in _refused(own, b'LOGIN carl "second words"')
    with LmtpConnection(own.lmtp_port) as lmtp:
        assert lmtp.deliver(message(), "carl")[0].startswith(b"550 5.1.1")
    assert "carl" not in _run("user", "list", *data).stdout


def test_a_user_is_removed_while_logged_in(own: ServerProcess) -> None:
    """The session of a user who is no more gets answers, and nobody else notices."""
    with Connection(own.imap_port).log_in() as session, Connection(own.imap_port).log_in("bert") as other:
        session.append("INBOX", message())
        session.ok(b"SELECT INBOX")
        assert _run("user", "remove", "anna", "--yes", "--data", str(own.data)).returncode == 0
        session.send(b"a FETCH 1 BODY.PEEK[]\r\nb NOOP\r\nc LOGOUT\r\n")
        assert b"* BYE" in session.rest()
        other.ok(b"SELECT INBOX")
    assert _run("check", "--data", str(own.data)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("user", "show", "nobody"), 1),
        (("user", "password", "nobody", "--password-stdin"), 1),
        (("user", "remove", "nobody", "--yes"), 1),
        (("user", "add", "anna", "--password-stdin"), 1),
        (("user", "add", "no spaces please", "--password-stdin"), 1),
        (("user", "add"), 2),
        (("serve", "--workers", "0"), 2),
        (("serve", "--imap", "nowhere"), 2),
        (("no-such-command",), 2),
        (("import", "--user", "nobody", "/dev/null"), 1),
        (("check", "--user", "nobody"), 1),
        (("user", "list"), 0),
        (("check",), 0),
        (("--version",), 0),
    ],
)
def test_exit_statuses(tmp_path: Path, arguments: tuple[str, ...], status: int) -> None:
    """0 when done, 1 when it could not be done, 2 for a wrong command line; a message, and never a traceback."""
    make_users(tmp_path / "data", "anna")
    data = () if arguments[0].startswith("-") or (status == 2 and arguments[0] == "no-such-command") else (
        "--data", str(tmp_path / "data"))  # fmt: skip
    result = _run(*arguments, *data, text="some words\n")
    assert result.returncode == status, result
    assert "Traceback" not in result.stderr
    assert bool(result.stderr) == bool(status)


def test_the_configurations_mistakes_are_told_together(tmp_path: Path) -> None:
    """All of them, with line and advice, by `config check` and by `serve`, which does not start."""
    file = tmp_path / "mailwren.toml"
    file.write_text(
        'version = 1\nworkers = "many"\nwrokers = 2\n[login]\ntimeout = -1\n[[listen]]\nport = 99999\n', "utf-8"
    )
    for arguments in (("config", "check"), ("serve", "--data", str(tmp_path / "data"))):
        result = _run(*arguments, "--config", str(file))
        assert result.returncode == 2, result
        for each in (":2: workers", ":3: wrokers", ":5: login.timeout", "port"):
            assert each in result.stderr, result.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Sessions are told BYE, the exit status is 0, and only what is kept stays in the data folder."""
    with _serving(tmp_path / "data") as server:
        with Connection(server.imap_port).log_in() as idling, Connection(server.imap_port).log_in() as silent:
            idling.ok(b"SELECT INBOX")
            idling.idle()
            assert server.process is not None
            server.process.send_signal(number)
            for session in (idling, silent):
                assert b"* BYE [UNAVAILABLE]" in session.rest()
            assert server.process.wait(10) == 0
        server.process = None
        left = {path.name for path in server.data.rglob("*") if not path.is_dir()}
        assert not {name for name in left if name.endswith((".sock", "-wal", "-shm", ".part"))}, left


def test_a_client_that_does_not_read_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    """A session in the middle of an answer that nobody takes is cut off when the patience configured is over."""
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "mailwren.toml").write_text("version = 1\n[connections]\nshutdown_timeout = 1\n", "utf-8")
    with _serving(tmp_path / "data") as server, Connection(server.imap_port).log_in() as session:
        session.append("INBOX", message(size=8_000_000))
        session.ok(b"SELECT INBOX")
        session.start(b"FETCH 1 BODY[]")
        session.raw.recv(1000)
        with Connection(server.imaps_port, tls=any_certificate()).log_in() as secure:
            secure.ok(b"SELECT INBOX")
            secure.start(b"FETCH 1 BODY[]")
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(8) == 0
        server.process = None


def test_a_client_amid_a_handshake_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    """TLS that was agreed upon and does not come is not a command that is waited for: not on 143 and not on 993."""
    with _serving(tmp_path / "data") as server, Connection(server.imap_port) as starting:
        starting.ok(b"STARTTLS")
        with socket.create_connection(("127.0.0.1", server.imaps_port)):
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(SHUTDOWN_SECONDS / 2) == 0
        assert starting.rest() == b""  # nothing in the clear where TLS was agreed upon
        server.process = None


def test_nobody_else_may_look(tmp_path: Path) -> None:
    """The data folder, and every file and folder in it, is for its owner alone, whatever the umask is."""
    before = os.umask(0)
    try:
        server = ServerProcess(tmp_path / "data", options=("--allow-plaintext-login",))
        server.start()
    finally:
        os.umask(before)
    try:
        server.add_user("anna", "secret")
        with Connection(server.imap_port).log_in() as session:
            session.append("INBOX", message(size=200_000))
            session.ok(b"SELECT INBOX")
            paths = [server.data, *server.data.rglob("*")]
            assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
            assert stat.S_IMODE((server.data / "certificate.pem").stat().st_mode) == 0o600
            assert [path for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o077] == []
    finally:
        server.stop()


SECRET = "pa55-w0rd-that-must-not-be-seen"


def test_no_password_is_logged(tmp_path: Path) -> None:
    """At the level of debug, with right and wrong passwords, in every way to log in and in broken commands."""
    make_users(tmp_path / "data", "anna")
    server = ServerProcess(tmp_path / "data", options=("--allow-plaintext-login", "--log-level", "debug"))
    server.add_user("carl", SECRET)
    server.start()
    plain = base64.b64encode(f"\0carl\0{SECRET}".encode()).decode()
    alone = base64.b64encode(SECRET.encode()).decode()
    try:
        for lines in (
            f"a LOGIN carl {SECRET}",
            f'a LOGIN "carl" "{SECRET}"',
            f"a LOGIN {{4+}}\r\ncarl {{{len(SECRET)}+}}\r\n{SECRET}",
            f"a AUTHENTICATE PLAIN {plain}",
            f"a AUTHENTICATE PLAIN\r\n{plain}",
            f"a AUTHENTICATE LOGIN\r\nY2FybA==\r\n{alone}",
            f"a LOGIN carl {SECRET}x",
            f"a LOGIN {SECRET} {SECRET}y\r\nb NOOP",
            f"a LOGIN carl {SECRET} more",
            f"a LOGIN carl ({SECRET})",
            f'a LOGIN carl "{SECRET}',
            f"a LOGIN carl {SECRET}{'x' * 9000}",
            f"a LOGIN carl {{5000+}}\r\n{SECRET}{'x' * (5000 - len(SECRET))}",
            f"a AUTHENTICATE PLAIN {plain}!",
            f"a AUTHENTICATE PLAIN\r\n{alone}",
            f"a AUTHENTICATE XOAUTH2 {alone}",
            f"a {SECRET} carl",
            f"{SECRET}",
        ):  # fmt: skip
            with Connection(server.imap_port) as session:
                session.rest_after(lines.encode() + b"\r\nz LOGOUT\r\n")
        with Connection(server.imap_port).log_in("carl", SECRET):
            pass
    finally:
        server.stop()
    log = server.log()
    assert "login failed" in log
    assert SECRET not in log.replace(f'"user": "{SECRET}"', "")  # a password given as the user's name cannot be known
    assert plain not in log
    assert alone not in log


def test_the_log_of_many_wrong_logins_is_one_line_each(own: ServerProcess) -> None:
    """A wrong login is one line with user and address, whatever was in the name."""
    with Connection(own.imap_port) as session:
        session.refused(b'LOGIN "x\x1b[31m" wrong')
    eventually(lambda: "login failed" in own.log(), "the log line")
    lines = [line for line in own.log().splitlines() if "login failed" in line]
    assert len(lines) == 1
    assert "127.0.0.1" in lines[0]
    assert "\x1b" not in lines[0]
