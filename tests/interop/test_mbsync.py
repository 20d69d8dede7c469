"""mbsync (isync) keeps a Maildir tree and the server in step, both ways."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import imapclient
import pytest
from tests.support.observed_mail import observed_mail, observed_mailbox, observing
from tests.support.process import ServerProcess
from tests.support.tap import tapped

MBSYNC = shutil.which("mbsync")
pytestmark = [pytest.mark.interop, pytest.mark.skipif(MBSYNC is None, reason="mbsync (isync) is not installed")]

CONFIGURATION = """
IMAPAccount anna
Host 127.0.0.1
Port {port}
User anna
Pass secret
{security}

IMAPStore far
Account anna

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX
SubFolders Verbatim

Channel mail
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
CopyArrivalDate yes
"""
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
READING = {"AUTHENTICATE", "LOGIN", "COMPRESS", "NAMESPACE", "LIST", "SELECT", "UID FETCH", "CLOSE", "LOGOUT"}
"""Commands that change nothing where no message is marked as deleted."""
FLAG_LETTERS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted"}


def message(subject: str, text: str = "Grüße aus Köln\n") -> bytes:
    """A message with 8-bit text and CRLF line ends."""
    mail = EmailMessage()
    mail["From"] = "Ann Example <ann@example.org>"
    mail["To"] = "anna@example.org"
    mail["Subject"] = subject
    mail["Date"] = format_datetime(MOMENT)
    mail["Message-ID"] = f"<{subject.replace(' ', '-')}@example.org>"
    mail.set_content(text, cte="8bit")
    return mail.as_bytes().replace(b"\n", b"\r\n")


@dataclass
class Maildir:
    """The near side: a folder for each mailbox, named in modified UTF-7 as mbsync does."""

    folder: Path
    configuration: Path
    warning: str
    """What every run says on standard error."""

    def run(self) -> list[str]:
        """Synchronize; the commands that were sent, such as ``UID STORE``. Fails on any error or further warning."""
        result = subprocess.run(
            [str(MBSYNC), "-Dn", "-c", str(self.configuration), "-a"],
            check=False,
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert (result.returncode, result.stderr) == (0, self.warning), result.stdout + result.stderr
        return re.findall(r">>> \d+ ((?:UID )?[A-Z]+)", result.stdout)

    def add(self, mailbox: str, name: str, octets: bytes) -> None:
        """Deliver a message, with the line ends of the system as mail programs write them."""
        for part in ("tmp", "new", "cur"):
            (self.folder / mailbox / part).mkdir(parents=True, exist_ok=True)
        (self.folder / mailbox / ("cur" if ":2," in name else "new") / name).write_bytes(octets.replace(b"\r\n", b"\n"))

    def file(self, mailbox: str, subject: str) -> Path:
        """The file of the only message with this subject."""
        (found,) = (
            path
            for path in (self.folder / mailbox).glob("[cn][ue][rw]/*")
            if f"Subject: {subject}\n".encode() in path.read_bytes()
        )
        return found

    def flags(self, mailbox: str, subject: str) -> frozenset[str]:
        """The flags in a message's file name, in IMAP's words."""
        return frozenset(FLAG_LETTERS[letter] for letter in self.file(mailbox, subject).name.partition(":2,")[2])

    def add_flags(self, mailbox: str, subject: str, letters: str) -> None:
        """Rename a message's file as mail programs do."""
        path = self.file(mailbox, subject)
        base, _, old = path.name.partition(":2,")
        path.rename(path.parent.parent / "cur" / f"{base}:2,{''.join(sorted({*old, *letters}))}")

    def subjects(self, mailbox: str) -> list[str]:
        """The subjects of all messages."""
        texts = (path.read_text("utf-8") for path in (self.folder / mailbox).glob("[cn][ue][rw]/*"))
        return sorted(found[1] for text in texts if (found := re.search("^Subject: (.*)$", text, re.MULTILINE)))

    def listing(self) -> dict[str, tuple[int, bytes]]:
        """Every file with its time and content, but mbsync's note of when it looked."""
        return {
            str(path.relative_to(self.folder)): (
                path.stat().st_mtime_ns if "/cur/" in str(path) else 0,
                path.read_bytes(),
            )
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def maildir(tmp_path: Path, server: ServerProcess, encrypted: bool) -> Maildir:
    """An empty Maildir tree and the configuration that binds it to the server."""
    folder = tmp_path / "Mail"
    folder.mkdir()
    # Since isync 1.5 the word is TLSType; the older one is understood, with a warning.
    version = subprocess.run([str(MBSYNC), "--version"], check=True, capture_output=True, text=True, timeout=20).stdout
    word = "SSLType" if version.startswith(("isync 1.3", "isync 1.4")) else "TLSType"
    security = f"{word} None\nAuthMechs LOGIN"
    if encrypted:
        certificate = server.data / "certificate.pem"
        security = f"{word} IMAPS\nSystemCertificates no\nCertificateFile {certificate}"
    configuration = tmp_path / "mbsyncrc"
    port = server.imaps_port if encrypted else server.imap_port
    configuration.write_text(CONFIGURATION.format(port=port, security=security, folder=folder), "utf-8")
    configuration.chmod(0o600)
    warning = "" if encrypted else "*** IMAP Warning *** Password is being sent in the clear\n"
    return Maildir(folder, configuration, warning)


def far_before(client: imapclient.IMAPClient) -> None:
    """What is on the server before the first run."""
    for name in ("Entwürfe", "Entwürfe/Später", "A & B", "台北"):
        client.create_folder(name)
    client.append("INBOX", message("first"), ["\\Seen", "\\Flagged", "$Work"], MOMENT)
    client.append("INBOX", message("second"), [], MOMENT)
    client.append("INBOX", message("third"), ["\\Answered"], MOMENT)
    client.append("Entwürfe/Später", message("draft"), ["\\Draft"], MOMENT)
    client.append("台北", message("far away", "x" * 300_000 + "\n"), ["\\Seen"], MOMENT)


@pytest.mark.parametrize("encrypted", [True, False], ids=["TLS", "plain text"])
def test_two_ways(tmp_path: Path, server: ServerProcess, encrypted: bool) -> None:
    """Mail and flags added, changed and deleted on both sides meet; a third run changes nothing on either."""
    near = maildir(tmp_path, server, encrypted)
    with observing(server) as client:
        far_before(client)
    near.add("Reise &- Gr&APwA3w-e", "1.local.host:2,FS", message("from here"))
    near.add("INBOX", "2.local.host", message("new here"))

    assert {"CREATE", "APPEND"} <= set(near.run())
    assert near.subjects("INBOX") == ["first", "new here", "second", "third"]
    assert near.flags("INBOX", "first") == {"\\Seen", "\\Flagged"}
    assert near.flags("INBOX", "third") == {"\\Answered"}
    assert near.flags("Entw&APw-rfe/Sp&AOQ-ter", "draft") == {"\\Draft"}
    assert near.file("&U,BTFw-", "far away").stat().st_mtime == MOMENT.timestamp()
    assert (near.folder / "A &- B" / "cur").is_dir()
    far = observed_mail(server)
    assert {"Entwürfe", "Entwürfe/Später", "A & B", "台北", "Reise & Grüße"} <= far.keys()
    assert far["Reise & Grüße"].flags(b"from here") == {"\\Flagged", "\\Seen"}
    assert far["INBOX"].flags(b"first") == {"\\Seen", "\\Flagged", "$Work"}
    (arrived,) = (each for each in far["INBOX"].messages if b"Subject: new here" in each.octets)
    # mbsync may add a header field of its own to what it uploads; nothing else differs.
    assert re.sub(rb"X-TUID: .*\r\n", b"", arrived.octets) == message("new here")

    near.add_flags("INBOX", "second", "FRS")
    near.file("INBOX", "third").unlink()
    near.add("Sent", "3.local.host:2,S", message("sent from here"))
    with observing(server) as client:
        client.select_folder("INBOX")
        client.add_flags(client.search(["SUBJECT", "new here"]), ["\\Answered", "$Later"])
        client.remove_flags(client.search(["SUBJECT", "first"]), ["\\Flagged"])
        client.select_folder("Reise & Grüße")
        client.delete_messages(client.search())
        client.expunge()
        client.append("Entwürfe/Später", message("another draft"), ["\\Draft", "\\Seen"], MOMENT)
        client.create_folder("Entwürfe/Später/Nie")

    assert {"APPEND", "UID STORE"} <= set(near.run())
    assert near.subjects("INBOX") == ["first", "new here", "second"]
    assert near.flags("INBOX", "first") == {"\\Seen"}
    assert near.flags("INBOX", "new here") == {"\\Answered"}
    assert near.subjects("Entw&APw-rfe/Sp&AOQ-ter") == ["another draft", "draft"]
    assert near.subjects("Reise &- Gr&APwA3w-e") == []
    assert (near.folder / "Entw&APw-rfe/Sp&AOQ-ter/Nie/cur").is_dir()
    with observing(server) as client:
        inbox = observed_mailbox(client, "INBOX")
        assert len(inbox.messages) == 3
        assert inbox.flags(b"Subject: second") == {"\\Seen", "\\Flagged", "\\Answered"}
        assert inbox.flags(b"Subject: first") == {"\\Seen", "$Work"}
        assert inbox.flags(b"Subject: new here") == {"\\Answered", "$Later"}
        assert observed_mailbox(client, "Sent").flags(b"sent from here") == {"\\Seen"}

    files, mail = near.listing(), observed_mail(server)
    assert set(near.run()) <= READING
    assert near.listing() == files
    assert observed_mail(server) == mail


def test_moves(tmp_path: Path, server: ServerProcess) -> None:
    """Messages that were moved on either side, also out of mailboxes of foreign names, are moved on the other."""
    with observing(server) as client, tapped(server.imap_port) as tap:
        near = maildir(tmp_path, server, encrypted=False)
        text = near.configuration.read_text("utf-8").replace(f"Port {server.imap_port}", f"Port {tap.port}")
        near.configuration.write_text(text, "utf-8")
        for name in ("台北", "Größe/ä & ö"):
            client.create_folder(name)
        client.append("台北", message("moved there"), ["\\Flagged"], MOMENT)
        client.append("Größe/ä & ö", message("moved here"), ["\\Seen"], MOMENT)
        client.append("INBOX", message("stays"), [], MOMENT)
        near.run()

        client.select_folder("台北")
        client.move(client.search(), "Größe/ä & ö")
        path = near.file("Gr&APYA3w-e/&AOQ- &- &APY-", "moved here")
        path.rename(near.folder / "INBOX" / "cur" / "5.local.host:2,S")
        near.run()
        assert near.subjects("INBOX") == ["moved here", "stays"]
        assert near.subjects("&U,BTFw-") == []
        assert near.flags("Gr&APYA3w-e/&AOQ- &- &APY-", "moved there") == {"\\Flagged"}
        assert not observed_mailbox(client, "台北").messages
        assert observed_mailbox(client, "Größe/ä & ö").flags(b"Subject: moved there") == {"\\Flagged"}
        assert observed_mailbox(client, "INBOX").flags(b"Subject: moved here") == {"\\Seen"}

        files, mail = near.listing(), observed_mail(server)
        assert set(near.run()) <= READING
        assert (near.listing(), observed_mail(server)) == (files, mail)
        assert tap.refusals() == []
