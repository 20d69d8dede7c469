"""The README's first command, as it stands there, from nothing to a session of Python's own imaplib."""

import imaplib
import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.process import EMPTY_CONFIGURATION

ROOT = Path(__file__).parents[2]
COMMAND = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[0]

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What of a fresh checkout the command needs, and nothing else."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture
def started(checkout: Path) -> Iterator[str]:
    """What the command prints until it says how to connect; the server runs until the test's end."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAILWREN_")}
    environment = {**ours, "MAILWREN_CONFIG": str(EMPTY_CONFIGURATION), "MAILWREN_LISTEN": "imaps:127.0.0.1:0"}
    process = subprocess.Popen(
        ["sh", "-c", COMMAND],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    printed = ""
    try:
        while "In a mail program" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        yield printed
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.stdout.read()  # its end is the server's
        process.stdout.close()
        process.wait(60)


def test_one_line_from_a_checkout_to_a_session(checkout: Path, started: str) -> None:
    """It installs, makes folder, certificate and first user, prints what is needed, and serves with that."""
    user, password = (re.search(rf"^ +{name} +(\S+)$", started, re.MULTILINE) for name in ("user", "password"))
    port = re.search(r"IMAPS +127\.0\.0\.1:(\d+)", started)
    assert user
    assert password
    assert port
    certificate = checkout / "mailwren-data" / "certificate.pem"
    context = ssl.create_default_context(cafile=str(certificate))
    with imaplib.IMAP4_SSL("localhost", int(port[1]), ssl_context=context, timeout=60) as client:
        client.login(user[1], password[1])
        assert client.append("INBOX", "", "", b"Subject: hello\r\n\r\n")[0] == "OK"
        assert client.select()[1] == [b"1"]
