"""Camel, the mail library of Evolution: QRESYNC, UTF8=ACCEPT, and NOTIFY that sends new messages by itself."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.support.observed_mail import observed_mail, observing
from tests.support.process import ServerProcess
from tests.support.tap import Tap, tapped

SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin:/bin")
SCRIPT = Path(__file__).with_name("camel_session.py")
PROBE = """
import gi
gi.require_version("Camel", "1.2")
from gi.repository import Camel
Camel.init("/nonexistent", False)
Camel.provider_init()
assert any(each.protocol == "imapx" for each in Camel.provider_list(True))
"""
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


@cache
def is_installed() -> bool:
    """Whether Camel, its provider for IMAP and its bindings for Python are there."""
    if SYSTEM_PYTHON is None:
        return False
    command = [SYSTEM_PYTHON, "-c", PROBE]
    return subprocess.run(command, env=ENVIRONMENT, check=False, capture_output=True, timeout=50).returncode == 0


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not is_installed():
        pytest.skip("Evolution's library is not installed: evolution-data-server, gir1.2-camel-1.2, python3-gi")


pytestmark = pytest.mark.interop


def message(number: int) -> bytes:
    """A message."""
    return (
        f"From: a@example.org\r\nSubject: message {number}\r\nMessage-ID: <{number}@x>\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nGröße {number}\r\n"
    ).encode()


def command(tmp_path: Path, tap: Tap, task: str) -> list[str]:
    """How it is started; it keeps what it knows in a folder."""
    for each in ("camel/data", "camel/cache"):
        (tmp_path / each).mkdir(parents=True, exist_ok=True)
    return [str(SYSTEM_PYTHON), "-W", "ignore", str(SCRIPT), str(tmp_path / "camel"), str(tap.port), task]


def run(tmp_path: Path, tap: Tap, task: str) -> dict[str, Any]:
    """What it saw."""
    started = command(tmp_path, tap, task)
    result = subprocess.run(started, env=ENVIRONMENT, check=False, capture_output=True, text=True, timeout=50)
    assert result.returncode == 0, result.stdout + result.stderr + tap.text()
    seen: dict[str, Any] = json.loads(result.stdout)
    return seen


def test_session(tmp_path: Path, server: ServerProcess) -> None:
    """It works in two mailboxes, comes back with QRESYNC, and nothing that it sends is refused."""
    server.run("user", "quota", "anna", "--storage", "10 MiB")
    with observing(server) as client, tapped(server.imap_port) as tap:
        for number in range(1, 5):
            client.append("INBOX", message(number), ["\\Seen"] if number == 2 else [])
        seen = run(tmp_path, tap, "first")
        assert seen["before"] == [[1, "message 1"], [2, "message 2", "\\Seen"], [3, "message 3"], [4, "message 4"]]
        assert seen["read"] == "message 1"
        assert seen["found"] == 3
        assert seen["quota"] is True
        assert [row[0] for row in seen["after"]] == [1, 2, 4]
        mail = observed_mail(server)
        assert mail["INBOX"].flags(b"Subject: message 1") == {"\\Seen", "\\Answered"}
        assert mail["INBOX"].flags(b"Subject: message 2") == {"\\Seen", "$Work"}
        assert [each.octets for each in mail["Archive"].messages] == [message(2), message(3)]
        assert "台北" in mail

        client.select_folder("INBOX")
        client.delete_messages([1])
        client.expunge()
        client.add_flags([4], ["\\Flagged"])
        client.append("INBOX", message(5), ["\\Answered"])
        seen = run(tmp_path, tap, "again")
        assert [row[0] for row in seen["cached"]] == [1, 2, 4]
        assert seen["messages"] == [
            [2, "message 2", "\\Seen"],
            [4, "message 4", "\\Flagged"],
            [5, "message 5", "\\Answered"],
        ]
        assert tap.refusals() == []
        assert any(b"(QRESYNC (" in each.command for each in tap.exchanges())


def test_told(tmp_path: Path, server: ServerProcess) -> None:
    """NOTIFY brings a new message with its header, and tells when it goes away, while nothing is asked."""
    with observing(server) as client, tapped(server.imap_port) as tap:
        client.append("INBOX", message(1))
        process = subprocess.Popen(
            command(tmp_path, tap, "stay"),
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", tap.text()
            client.append("INBOX", message(2), ["\\Flagged"])
            assert process.stdout.readline() == "arrived\n", tap.text()
            client.select_folder("INBOX")
            client.delete_messages([1])
            client.expunge()
            seen = json.loads(process.communicate(timeout=50)[0])
        finally:
            process.kill()
            process.communicate()
        assert seen == {"arrived": True, "gone": True, "messages": [[2, "message 2", "\\Flagged"]]}, tap.text()
        assert tap.refusals() == []
        lines = [line for sender, line in tap.connections[0].lines if sender == "S"]
        assert any(line.startswith(b"* 2 FETCH (UID 2") and b"Subject: message 2" in line for line in lines)
        assert b"* VANISHED 1\r\n" in lines
