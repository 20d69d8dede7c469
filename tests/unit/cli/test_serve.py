"""`mailwren serve` up to the moment when the server takes over."""

import getpass
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Run

from mailwren.auth.hashing import verify_password
from mailwren.auth.users import UserDirectory
from mailwren.config.settings import Config, Listener, ListenProtocol, LogFormat, LogLevel
from mailwren.server import run as server
from mailwren.server.certificates import ensure_self_signed
from mailwren.server.sockets import Bound, ListenError

DATA = Path("mailwren-data")


class FakeServer:
    """Takes the place of the server: remembers what it was given, and binds nothing."""

    def __init__(self) -> None:
        self.config = Config()
        self.status = 0

    def serve(self, config: Config, announce: Callable[[Sequence[Bound]], None]) -> int:
        """Like ``server.run.serve``."""
        self.config = config
        ensure_self_signed(config.certificate_file, (config.server_name,))
        announce([Bound(replace(listener, port=listener.port or 4143), ()) for listener in config.listeners])
        return self.status


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, run: Run) -> FakeServer:
    """The fake server in the place of the real one; logging is left as the other tests want it."""
    fake = FakeServer()
    monkeypatch.setattr(server, "serve", fake.serve)
    monkeypatch.setattr("mailwren.base.logs.configure_logs", lambda *_arguments: None)
    return fake


def _password(output: str) -> str:
    return next(line.split()[1] for line in output.splitlines() if line.strip().startswith("password "))


def test_the_first_start_makes_everything(run: Run, fake: FakeServer) -> None:
    """Folder, certificate and a user whose password is shown; the second start makes nothing anew."""
    first = run("serve")
    assert first.exit_code == 0, first.output
    directory = UserDirectory(DATA / "users.sqlite3")
    (user,) = directory.users()
    directory.close()
    assert verify_password(user.password_hash, _password(first.stdout))
    assert f"user      {user.name}" in first.stdout
    second = run("serve")
    assert "password  " not in second.stdout
    assert "IMAPS 0.0.0.0:993, [::]:993  (IMAP inside TLS)" in second.stdout
    assert "port 993, security SSL/TLS" in second.stdout
    assert "SHA-256 fingerprint" in second.stdout


@pytest.mark.parametrize(("system", "name"), [("root", "admin"), ("anna", "anna"), ("a\x00b", "admin")])
def test_the_first_users_name(
    run: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch, system: str, name: str
) -> None:
    """That of who starts the server, or admin."""
    monkeypatch.setattr(getpass, "getuser", lambda: system)
    assert f"user      {name}\n" in run("serve").stdout


def test_under_systemd_no_password_gets_into_the_journal(
    run: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There it only says how to add a user."""
    monkeypatch.setenv("NOTIFY_SOCKET", "@test")
    result = run("serve")
    assert "password  " not in result.output
    assert "mailwren user add NAME" in result.stderr


def test_options_override_the_file(run: Run, fake: FakeServer) -> None:
    """Every option of `serve` reaches the configuration."""
    Path("m.toml").write_text(
        "version = 1\nworkers = 5\ndata = 'elsewhere'\n[[listen]]\nprotocol = 'imaps'\nhost = '*'\nport = 9\n"
        "[log]\nlevel = 'error'\nformat = 'text'\n",
        encoding="utf-8",
    )
    result = run(
        *("serve", "--config", "m.toml", "--data", "d", "--imap", "127.0.0.1:0", "--imap", "[::1]:1143"),
        *("--lmtp", "unix:lmtp.sock", "--workers", "2", "--allow-plaintext-login"),
        *("--log-format", "json", "--log-level", "debug"),
    )
    assert result.exit_code == 0, result.output
    config, here = fake.config, Path.cwd()
    assert config.listeners == (
        Listener(ListenProtocol.IMAP, "127.0.0.1", 0),
        Listener(ListenProtocol.IMAP, "::1", 1143),
        Listener(ListenProtocol.LMTP, path=here / "lmtp.sock"),
    )
    assert (config.data, config.workers, config.allow_plaintext_login) == (here / "d", 2, True)
    assert (config.log_format, config.log_level) == (LogFormat.JSON, LogLevel.DEBUG)
    assert "IMAP  127.0.0.1:4143, [::1]:1143" in result.stdout
    assert f"LMTP  unix:{here}/lmtp.sock" in result.stdout
    assert "IMAP server localhost, port 4143, security STARTTLS" in result.stdout


def test_without_options_the_file_applies(run: Run, fake: FakeServer) -> None:
    """What is not given on the command line is not overridden."""
    Path("m.toml").write_text("version = 1\nworkers = 5\n[login]\nallow_plaintext = true\n", encoding="utf-8")
    result = run("serve", "--config", "m.toml")
    assert (fake.config.workers, fake.config.allow_plaintext_login) == (5, True)
    assert result.stderr.count("passwords are taken without TLS") == 2


def test_as_many_workers_as_cores(run: Run, fake: FakeServer) -> None:
    """``--workers auto`` is what the configuration says so: it overrides a file's number."""
    Path("m.toml").write_text("version = 1\nworkers = 5\n", encoding="utf-8")
    run("serve", "--config", "m.toml", "--workers", "auto")
    assert fake.config.workers is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--imap", "nonsense"], 'command line --imap: listen: "nonsense" is not an address to listen on'),
        (["--imap", "unix:/x"], "a UNIX socket is for LMTP only"),
        (["--imap", "*:143", "--imaps", "127.0.0.1:143"], "clashes"),
        (["--workers", "0"], "command line --workers: workers: 0 is not taken here"),
        (["--workers", "x"], 'command line --workers: workers: "x" is not taken here; it must be a whole number'),
        (["--workers", "0", "--imap", "nonsense"], "The configuration has 2 mistakes"),
        (["--log-format", "xml"], "--log-format"),
        (["--config", "absent.toml"], "absent.toml: cannot be read"),
    ],
)
def test_mistakes_are_status_2(run: Run, fake: FakeServer, arguments: list[str], message: str) -> None:
    """Nothing is made before everything is right."""
    result = run("serve", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not DATA.exists()


def test_an_address_that_is_taken(run: Run, fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's refusal is a message and status 1."""

    def refuse(_config: Config, _announce: object) -> int:
        raise ListenError("Cannot listen on 127.0.0.1:1: Permission denied")

    monkeypatch.setattr(server, "serve", refuse)
    result = run("serve")
    assert (result.exit_code, result.stderr) == (1, "mailwren: Cannot listen on 127.0.0.1:1: Permission denied\n")


def test_the_servers_exit_status_is_ours(run: Run, fake: FakeServer) -> None:
    """What the server returns is what a script sees."""
    fake.status = 3
    assert run("serve").exit_code == 3


def test_a_data_folder_that_others_can_read_is_warned_of(run: Run, fake: FakeServer) -> None:
    """Somebody opened it after it was made."""
    run("serve")
    DATA.chmod(0o755)
    assert "`chmod 700` keeps them out" in run("serve").stderr
