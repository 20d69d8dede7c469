"""InterIMAP keeps two accounts in step by QRESYNC alone, and at once by NOTIFY: the heaviest user of both."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import imapclient
import pytest
from tests.support.observed_mail import observed_mailbox, observing
from tests.support.process import ServerProcess, running_server
from tests.support.tap import Tap, tapped
from tests.support.wire import eventually

INTERIMAP = shutil.which("interimap")
pytestmark = [pytest.mark.interop, pytest.mark.skipif(INTERIMAP is None, reason="interimap is not installed")]

CONFIGURATION = """
database = {folder}/state.db
logfile = {folder}/log

[local]
type = imap
host = 127.0.0.1
port = {port}
STARTTLS = NO
username = anna
password = secret
compress = YES

[remote]
type = imap
host = 127.0.0.1
port = {port}
STARTTLS = NO
username = ben
password = secret
compress = YES
"""
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHANGES = {"APPEND", "CREATE", "DELETE", "RENAME", "STORE", "UID STORE", "UID EXPUNGE", "EXPUNGE", "SUBSCRIBE"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with anna and ben."""
    with running_server(tmp_path / "data", users=("anna", "ben")) as process:
        yield process


def message(subject: str) -> bytes:
    """A message with 8-bit text."""
    return f"From: a@example.org\r\nSubject: {subject}\r\n\r\nGrüße aus Köln\r\n".encode()


def command(tmp_path: Path, tap: Tap, *options: str) -> list[str]:
    """The command line; the configuration is written."""
    configuration = tmp_path / "interimap"
    configuration.write_text(CONFIGURATION.format(folder=tmp_path, port=tap.port), "utf-8")
    return [str(INTERIMAP), f"--config={configuration}", "--quiet", *options]


def refusals(tap: Tap) -> list[tuple[bytes, bytes]]:
    """What was refused, but for mailboxes made together with those below them, which it then makes once more."""
    return [each for each in tap.refusals() if b" NO [ALREADYEXISTS]" not in each[1]]


def synchronize(tmp_path: Path, tap: Tap) -> list[str]:
    """One run; the commands that were sent. Nothing was refused, everything went compressed."""
    before = len(tap.connections)
    result = subprocess.run(
        command(tmp_path, tap), check=False, capture_output=True, text=True, timeout=50, cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    tap.wait_until_quiet()
    assert refusals(tap) == []
    assert all(each.compressed for each in tap.connections)
    return [each.name for connection in tap.connections[before:] for each in connection.exchanges()]


def contents(client: imapclient.IMAPClient) -> dict[str, list[tuple[bytes, frozenset[str], str]]]:
    """Every mailbox: what is in it but for the UIDs, which are each server's own."""
    return {
        name: sorted(
            ((each.octets, each.flags, each.internal_date) for each in observed_mailbox(client, name).messages),
            key=lambda row: row[0],
        )
        for _, _, name in client.list_folders()
    }


def test_two_ways(tmp_path: Path, server: ServerProcess) -> None:
    """Mail, flags, deletions and mailboxes of both sides meet; a run with nothing to do changes nothing."""
    with observing(server) as anna, observing(server, "ben") as ben, tapped(server.imap_port) as tap:
        anna.create_folder("Entwürfe/Später")
        anna.append("INBOX", message("one"), ["\\Seen", "$Work"], MOMENT)
        anna.append("INBOX", message("two"), [], MOMENT)
        anna.append("Entwürfe/Später", message("three"), ["\\Draft"], MOMENT)
        ben.append("INBOX", message("four"), ["\\Flagged"], MOMENT)
        ben.create_folder("A & B")
        ben.append("A & B", message("five"), ["\\Answered"], MOMENT)
        synchronize(tmp_path, tap)
        assert contents(anna) == contents(ben)
        assert len(contents(ben)["INBOX"]) == 3
        assert contents(ben)["Entwürfe/Später"] == [(message("three"), frozenset({"\\Draft"}), "2026-01-02T03:04:05")]

        anna.select_folder("INBOX")
        anna.add_flags(anna.search(["SUBJECT", "four"]), ["\\Answered", "$Later"])
        anna.delete_messages(anna.search(["SUBJECT", "two"]))
        anna.expunge()
        ben.select_folder("INBOX")
        ben.remove_flags(ben.search(["SUBJECT", "one"]), ["\\Seen"])
        ben.select_folder("Entwürfe/Später")
        ben.move(ben.search(), "Sent")
        ben.append("INBOX", message("six"), [], MOMENT)
        sent = synchronize(tmp_path, tap)
        assert {"UID STORE", "UID EXPUNGE", "APPEND"} <= set(sent)
        assert contents(anna) == contents(ben)
        assert [row[1] for row in contents(anna)["INBOX"]] == [{"\\Flagged", "\\Answered", "$Later"}, {"$Work"}, set()]
        assert contents(anna)["Sent"] == [(message("three"), frozenset({"\\Draft"}), "2026-01-02T03:04:05")]

        assert any(b"(QRESYNC (" in each.command for each in tap.exchanges() if each.name == "SELECT")
        mail = contents(anna)
        # What it copied itself it takes for changed once, and says to the other side what that has already.
        assert CHANGES & set(synchronize(tmp_path, tap)) <= {"UID STORE"}
        assert not CHANGES & set(synchronize(tmp_path, tap))
        assert contents(anna) == contents(ben) == mail


@contextmanager
def watching(tmp_path: Path, tap: Tap) -> Iterator[None]:
    """InterIMAP stays and is told by NOTIFY."""
    process = subprocess.Popen(
        command(tmp_path, tap, "--watch=600", "--notify"), cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    try:
        yield
        assert process.poll() is None, (tmp_path / "log").read_text("utf-8")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def test_notify(tmp_path: Path, server: ServerProcess) -> None:
    """What happens in any mailbox of one account is in the other at once: NOTIFY tells it, nothing is asked for."""
    with observing(server) as anna, observing(server, "ben") as ben, tapped(server.imap_port) as tap:
        anna.append("INBOX", message("one"), [], MOMENT)
        synchronize(tmp_path, tap)  # it makes its database only where it does not stay
        assert len(contents(ben)["INBOX"]) == 1
        with watching(tmp_path, tap):
            for number, mailbox in enumerate(("INBOX", "Archive", "Trash")):
                anna.append(mailbox, message(f"number {number}"), ["\\Flagged"], MOMENT)
                eventually(lambda: contents(anna) == contents(ben), f"ben gets what came into {mailbox}")
            ben.select_folder("INBOX")
            ben.add_flags(ben.search(), ["\\Seen"])
            eventually(lambda: all("\\Seen" in flags for _, flags, _ in contents(anna)["INBOX"]), "anna gets the flags")
            ben.delete_messages(ben.search())
            ben.expunge()
            eventually(lambda: not contents(anna)["INBOX"], "anna's are deleted")
            eventually(lambda: contents(anna) == contents(ben), "both have the same")
        assert tap.names().count("NOTIFY") == 4
        assert refusals(tap) == []
