"""A real server in a process of its own, as users start it: for interop, crash tests and the benchmark."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

EMPTY_CONFIGURATION = Path(__file__).with_name("empty.toml")
_READY_SECONDS = 30.0
_STOP_SECONDS = 30.0


def free_port() -> int:
    """A TCP port that nobody listens on now, below those that systems give to clients: it stays free until it is used.

    Tests that run side by side must not draw the same, so the draw is none that they seed.
    """
    while True:
        port = secrets.choice(range(10_000, 32_000))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def command(*arguments: str) -> list[str]:
    """The command line of the ``mailwren`` program of this interpreter."""
    return [sys.executable, "-m", "mailwren.cli", *arguments]


@dataclass
class ServerProcess:
    """One ``mailwren serve`` on ports of its own on 127.0.0.1."""

    data: Path
    workers: int | None = 1
    """How many serving processes; ``None``: as many as the server starts by itself."""
    options: tuple[str, ...] = ()
    imap_port: int = field(default_factory=free_port)
    imaps_port: int = field(default_factory=free_port)
    lmtp_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.data.parent / f"{self.data.name}.log").open("ab")
        self.process = subprocess.Popen(
            command(
                "serve",
                "--data", str(self.data),
                "--imap", f"127.0.0.1:{self.imap_port}",
                "--imaps", f"127.0.0.1:{self.imaps_port}",
                "--lmtp", f"127.0.0.1:{self.lmtp_port}",
                *(() if self.workers is None else ("--workers", str(self.workers))),
                *self.options,
            ),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )  # fmt: skip
        log.close()
        deadline = time.monotonic() + _READY_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(0.02)

    def environment(self) -> dict[str, str]:
        """That of the tests, but for what configures a server of this machine: only the data folder's file counts."""
        own = self.data / "mailwren.toml"
        others = {name: value for name, value in os.environ.items() if not name.startswith("MAILWREN_")}
        return {**others, "MAILWREN_CONFIG": str(own if own.exists() else EMPTY_CONFIGURATION)}

    def answers(self) -> bool:
        """Whether a greeting comes."""
        try:
            with socket.create_connection(("127.0.0.1", self.imap_port), timeout=5) as probe:
                return probe.recv(4) == b"* OK"
        except OSError:
            return False

    def log(self) -> str:
        """What it wrote."""
        return (self.data.parent / f"{self.data.name}.log").read_text("utf-8", "replace")

    def stop(self) -> int:
        """End it in order; its exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self.process = None
        return status

    def kill(self) -> None:
        """End it at once, as a crash does, children too."""
        if self.process is None:
            return
        for child in _children(self.process.pid):
            _kill(child)
        self.process.kill()
        self.process.wait(_STOP_SECONDS)
        self.process = None

    def run(self, *arguments: str, input_text: str | None = None) -> str:
        """Run another ``mailwren`` command on the same data; its output. Raises CalledProcessError."""
        result = subprocess.run(
            command(*arguments, "--data", str(self.data)),
            env=self.environment(),
            input=input_text,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        return result.stdout

    def add_user(self, name: str, password: str) -> None:
        """Make an account."""
        self.run("user", "add", name, "--password-stdin", input_text=password + "\n")


@contextmanager
def running_server(
    data: Path, *options: str, workers: int | None = 1, users: tuple[str, ...] = ("anna",)
) -> Iterator[ServerProcess]:
    """A server with accounts whose passwords are ``secret``."""
    server = ServerProcess(data, workers, ("--allow-plaintext-login", *options))
    for user in users:
        server.add_user(user, "secret")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text("ascii")
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return
