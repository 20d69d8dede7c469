"""The command line and the server together, as real processes."""

import imaplib
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.process import EMPTY_CONFIGURATION

MAILWREN = (sys.executable, "-m", "mailwren.cli")
MESSAGE = b"From: a@example.org\nSubject: hello\n\nhow are you\n"


@dataclass(frozen=True)
class Served:
    """A running server and what it printed when it started."""

    process: subprocess.Popen[str]
    text: str
    data: Path
    seconds: float

    @property
    def port(self) -> int:
        """Of IMAP inside TLS."""
        match = re.search(r"IMAPS 127\.0\.0\.1:(\d+)", self.text)
        assert match, self.text
        return int(match[1])

    def credential(self, name: str) -> str:
        """The first user's name or password."""
        match = re.search(rf"^ +{name} +(\S+)$", self.text, re.MULTILINE)
        assert match, self.text
        return match[1]

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Another command on the same data folder."""
        command = (*MAILWREN, *arguments, "--data", str(self.data))
        return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60, env=_environment())

    def log_in(self, user: str, password: str) -> imaplib.IMAP4_SSL:
        """A session."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        client = imaplib.IMAP4_SSL("127.0.0.1", self.port, ssl_context=context, timeout=30)
        client.login(user, password)
        return client


def _environment() -> dict[str, str]:
    ours = ("MAILWREN_", "NOTIFY_SOCKET", "INVOCATION_ID")
    own = {"LOGNAME": "tester", "MAILWREN_CONFIG": str(EMPTY_CONFIGURATION)}
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | own


@contextmanager
def _serving(data: Path, *options: str) -> Iterator[Served]:
    """A server of its own, ended by SIGTERM."""
    begin = time.monotonic()
    process = subprocess.Popen(
        (*MAILWREN, "serve", "--data", str(data), "--imaps", "127.0.0.1:0", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    try:
        assert process.stdout is not None
        text = ""
        while "fingerprint" not in text:
            line = process.stdout.readline()
            assert line, (text, process.stderr and process.stderr.read())
            text += line
        yield Served(process, text, data, time.monotonic() - begin)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_from_nothing_to_mail(tmp_path: Path, workers: str) -> None:
    """A fresh folder serves the first user; another is added and gets mail while it runs; SIGTERM ends it in order."""
    socket = tmp_path / "lmtp.sock"
    with _serving(tmp_path / "data", "--workers", workers, "--lmtp", f"unix:{socket}") as served:
        assert served.data.stat().st_mode & 0o777 == 0o700
        with served.log_in(served.credential("user"), served.credential("password")) as first:
            assert b"Archive" in b" ".join(line for line in first.list()[1] if isinstance(line, bytes))
        assert served.run("user", "add", "bob", "--password-stdin", stdin=b"secret words\n").returncode == 0
        assert served.run("deliver", "bob@example.org", stdin=MESSAGE).returncode == 0
        with served.log_in("bob", "secret words") as second:
            assert second.select("INBOX") == ("OK", [b"1"])
        assert served.run("deliver", "nobody@example.org", stdin=MESSAGE).returncode == 67
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(timeout=30) == 0
        assert not socket.exists()


def test_a_second_server_on_the_same_socket_is_refused(tmp_path: Path) -> None:
    """With a message, status 1, and no trace; the first one goes on."""
    socket = tmp_path / "lmtp.sock"
    with _serving(tmp_path / "data", "--lmtp", f"unix:{socket}") as served:
        command = (*MAILWREN, "serve", "--data", str(tmp_path / "other"), "--lmtp", f"unix:{socket}")
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=_environment())
        assert result.returncode == 1, result.stderr
        assert result.stderr.splitlines()[-1].startswith("mailwren: Cannot listen on ")
        assert "Traceback" not in result.stderr
        served.log_in(served.credential("user"), served.credential("password")).logout()
        assert socket.exists()


def test_a_second_server_on_the_same_port_is_refused(tmp_path: Path) -> None:
    """A port that another server listens on is refused, also by a server that would share its port among workers."""
    with _serving(tmp_path / "data") as served:
        for workers in ("1", "2"):
            address = f"127.0.0.1:{served.port}"
            command = (*MAILWREN, "serve", "--data", str(tmp_path / "other"), "--imap", address, "--workers", workers)
            result = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=60, env=_environment()
            )
            assert result.returncode == 1, result.stderr
            assert "Cannot listen on" in result.stderr
