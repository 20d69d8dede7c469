"""Programs that fetch, copy or sort mail by themselves: offlineimap, imapfilter, getmail, fetchmail."""

import mailbox
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.observed_mail import observed_mail, observed_mailbox, observing
from tests.support.process import ServerProcess
from tests.support.tap import Tap, tapped

pytestmark = pytest.mark.interop
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

OFFLINEIMAP = """
[general]
accounts = anna
metadata = {folder}/state
socktimeout = 30

[Account anna]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {folder}/Mail
utf8foldernames = no

[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {port}
ssl = no
starttls = no
usecompression = yes
remoteuser = anna
remotepass = secret
"""
IMAPFILTER = """
options.timeout = 30
options.subscribe = true
options.create = true
options.starttls = false
anna = IMAP {{ server = "127.0.0.1", port = {port}, username = "anna", password = "secret" }}
inbox = anna["INBOX"]
bills = inbox:contain_subject("bill") + inbox:contain_body("Rechnung")
bills:move_messages(anna["Rechnungen/2026"]);
(inbox:is_unseen() * inbox:is_larger(5000)):add_flags({{ "$Big", "\\\\Flagged" }})
inbox:is_older(3650):delete_messages()
exist, unread, recent = inbox:check_status()
print(exist)
"""
GETMAIL = """
[retriever]
type = SimpleIMAPRetriever
server = 127.0.0.1
port = {port}
username = anna
password = secret
mailboxes = ("INBOX", "Entwürfe")
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >> {folder}/fetched")
unixfrom = true
allow_root_commands = true
[options]
read_all = false
delete = false
delivered_to = false
received = false
"""
FETCHMAIL = """
poll 127.0.0.1 protocol IMAP port {port} auth password
  user anna password secret folder INBOX, Archive
  sslproto '' nokeep fetchall mda "cat >> {folder}/fetched; echo >> {folder}/fetched"
"""


def message(subject: str, text: str = "Hello") -> bytes:
    """A message."""
    return f"From: a@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n{text}\r\n".encode()


@pytest.fixture
def tap(server: ServerProcess) -> Iterator[Tap]:
    """A tap on a server with some mail."""
    with observing(server) as client:
        client.create_folder("Entwürfe")
        client.append("INBOX", message("first"), ["\\Seen", "\\Flagged"], MOMENT)
        client.append("INBOX", message("the bill"), [], MOMENT)
        client.append("INBOX", message("third", "Ihre Rechnung"), [], MOMENT)
        client.append("INBOX", message("large", "x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 100), [], MOMENT)
        client.append("Entwürfe", message("draft"), ["\\Draft"], MOMENT)
        client.append("Archive", message("old"), ["\\Answered"], MOMENT)
    with tapped(server.imap_port) as tap:
        yield tap


def run(
    folder: Path, configuration: str, tap: Tap, program: str, *arguments: str, status: tuple[int, ...] = (0,)
) -> str:
    """Run a program with its configuration, which is ``@`` among the arguments; what it says."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    file = folder / f"{program}rc"
    file.write_text(configuration.format(port=tap.port, folder=folder), "utf-8")
    file.chmod(0o600)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(
        [path, *(str(file) if each == "@" else each for each in arguments)],
        env={**environment, "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert result.returncode in status, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_offlineimap(tmp_path: Path, server: ServerProcess, tap: Tap) -> None:
    """A Maildir tree and the server are kept in step, both ways, compressed; a third run sends nothing that changes."""
    run(tmp_path, OFFLINEIMAP, tap, "offlineimap", "-c", "@", "-o", "-u", "basic")
    near = mailbox.Maildir(tmp_path / "Mail" / "INBOX", create=False)
    assert sorted(each["Subject"] for each in near) == ["first", "large", "the bill", "third"]
    assert {each["Subject"]: each.get_flags() for each in near}["first"] == "FS"

    key = next(key for key, each in near.items() if each["Subject"] == "third")
    changed = near[key]
    changed.set_flags("RS")
    near[key] = changed
    near.remove(next(key for key, each in near.items() if each["Subject"] == "the bill"))
    near.add(message("from here").replace(b"\r\n", b"\n"))
    with observing(server) as client:
        client.select_folder("Archive")
        client.delete_messages([1])
        client.expunge()
        client.append("Entwürfe", message("another"), ["\\Seen"], MOMENT)
    run(tmp_path, OFFLINEIMAP, tap, "offlineimap", "-c", "@", "-o", "-u", "basic")
    mail = observed_mail(server)
    assert mail["INBOX"].flags(b"Subject: third") == {"\\Answered", "\\Seen"}
    assert sorted(each.octets.count(b"Subject: from here") for each in mail["INBOX"].messages) == [0, 0, 0, 1]
    assert not [*mailbox.Maildir(tmp_path / "Mail" / "Archive", create=False)]
    drafts = mailbox.Maildir(tmp_path / "Mail" / "Entw&APw-rfe", create=False)
    assert sorted(each["Subject"] for each in drafts) == ["another", "draft"]

    before = len(tap.exchanges())
    run(tmp_path, OFFLINEIMAP, tap, "offlineimap", "-c", "@", "-o", "-u", "basic")
    assert observed_mail(server) == mail
    assert not {"APPEND", "UID STORE", "STORE", "EXPUNGE", "UID EXPUNGE", "CREATE"} & set(tap.names()[before:])
    assert tap.refusals() == []
    assert any(each.compressed for each in tap.connections)


def test_imapfilter(tmp_path: Path, server: ServerProcess, tap: Tap) -> None:
    """Rules search on the server, move into a mailbox that they make, flag and delete."""
    said = run(tmp_path, IMAPFILTER, tap, "imapfilter", "-c", "@")
    mail = observed_mail(server)
    assert {each.octets for each in mail["Rechnungen/2026"].messages} == {
        message("the bill"),
        message("third", "Ihre Rechnung"),
    }
    assert mail["INBOX"].flags(b"Subject: large") == {"$Big", "\\Flagged"}
    assert len(mail["INBOX"].messages) == 2
    assert "\n2\n" in said
    (refused,) = tap.refusals()
    assert b"[TRYCREATE]" in refused[1]


def test_getmail(tmp_path: Path, server: ServerProcess, tap: Tap) -> None:
    """All mail once, and then only what is new; what is on the server stays as it is."""
    before = observed_mail(server)
    for subjects in (["draft", "first", "large", "the bill", "third"], ["new"], []):
        (tmp_path / "fetched").write_bytes(b"")
        said = run(tmp_path, GETMAIL, tap, "getmail", f"--getmaildir={tmp_path}", "--rcfile", "@")
        assert "Could not" not in said
        with closing(mailbox.mbox(tmp_path / "fetched", create=False)) as file:
            fetched = [*file]
        assert sorted(each["Subject"] for each in fetched) == subjects
        if "first" in subjects:
            assert observed_mail(server) == before
            (first,) = (each for each in fetched if each["Subject"] == "first")
            assert int(first["X-GMAIL-MSGID"]) > 0  # it takes the server for Gmail's, which has labels
            assert first["X-GMAIL-LABELS"] == '"\\\\Starred"'
            with observing(server) as client:
                client.append("INBOX", message("new"), [], MOMENT)
    assert tap.refusals() == []


def test_fetchmail(tmp_path: Path, server: ServerProcess, tap: Tap) -> None:
    """Every message of two mailboxes is handed over and then deleted; with nothing there it says so."""
    run(
        tmp_path, FETCHMAIL, tap, "fetchmail", "--nodetach", "--nosyslog", "-f", "@", "--pidfile", str(tmp_path / "pid")
    )
    text = (tmp_path / "fetched").read_text("utf-8")
    assert sorted(line for line in text.splitlines() if line.startswith("Subject:")) == [
        f"Subject: {each}" for each in ("first", "large", "old", "the bill", "third")
    ]
    with observing(server) as client:
        assert not observed_mailbox(client, "INBOX").messages
        assert not observed_mailbox(client, "Archive").messages
        assert len(observed_mailbox(client, "Entwürfe").messages) == 1
    options = ("--nodetach", "--nosyslog", "-f", "@", "--pidfile", str(tmp_path / "pid"))
    run(tmp_path, FETCHMAIL, tap, "fetchmail", *options, status=(1,))
    assert tap.refusals() == []
