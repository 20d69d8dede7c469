"""Dovecot's dsync, reading and writing over IMAP (imapc): the way in which mail is moved between servers."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.observed_mail import observed_mail, observed_mailbox, observing
from tests.support.process import ServerProcess
from tests.support.tap import Tap, tapped

DOVEADM = shutil.which("doveadm")
SETPRIV = shutil.which("setpriv")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(DOVEADM is None, reason="doveadm (Dovecot) is not installed"),
    pytest.mark.skipif(
        os.geteuid() == 0 and SETPRIV is None, reason="doveadm does not run as root, and setpriv is not installed"
    ),
]

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = /dev/stderr
ssl = no
mail_home = {folder}/home
mail_location = sdbox:{folder}/mail
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 0
first_valid_gid = 0
imapc_host = 127.0.0.1
imapc_port = {port}
imapc_user = anna
imapc_password = secret
imapc_features = rfc822.size fetch-headers fetch-bodystructure search modseq acl send-id
namespace inbox {{
  inbox = yes
  separator = /
}}
"""
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Dovecot:
    """Mail of Dovecot's in a folder of its own; there is no server, only its tool."""

    folder: Path
    user: int
    group: int

    def run(self, *arguments: str, text: bytes = b"") -> str:
        """Run doveadm; what it says. Fails on any error."""
        as_user = [str(SETPRIV), f"--reuid={self.user}", f"--regid={self.group}", "--clear-groups"]
        result = subprocess.run(
            [
                *(as_user if os.geteuid() == 0 else []),
                str(DOVEADM),
                "-c",
                str(self.folder / "dovecot.conf"),
                *arguments,
            ],
            env={**os.environ, "HOME": str(self.folder / "home"), "USER": "anna"},
            cwd=self.folder,
            input=text,
            check=False,
            capture_output=True,
            timeout=50,
        )
        said = [line for line in result.stderr.splitlines() if b": Info: " not in line]
        assert (result.returncode, said) == (0, []), result.stdout + result.stderr
        return result.stdout.decode()

    def messages(self) -> dict[str, list[tuple[int, frozenset[str], str]]]:
        """Mailboxes with the UIDs, flags and GUIDs of their messages."""
        found: dict[str, list[tuple[int, frozenset[str], str]]] = {
            name: [] for name in self.run("mailbox", "list").splitlines()
        }
        for line in self.run("-f", "tab", "fetch", "mailbox uid flags guid", "all").splitlines()[1:]:
            name, uid, flags, guid = line.split("\t")
            found[name].append((int(uid), frozenset(flags.split()) - {"\\Recent"}, guid))
        return found

    def octets(self, mailbox: str, uid: int) -> bytes:
        """A message."""
        text = self.run("fetch", "text", "mailbox", mailbox, "uid", str(uid))
        return text.removeprefix("text:\n").removesuffix("\n\n").replace("\n", "\r\n").encode()


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    """Not in pytest's folder: that is closed to the user without rights that doveadm wants to be."""
    user, group = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in (folder, *(folder / part for part in ("home", "mail", "run"))):
            each.mkdir(exist_ok=True)
            os.chown(each, user, group)
        yield Dovecot(folder, user, group)


def message(subject: str, text: str = "Grüße aus Köln") -> bytes:
    """A message with 8-bit text."""
    return f"From: a@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n{text}\r\n".encode()


def configure(dovecot: Dovecot, tap: Tap) -> None:
    """Write its configuration."""
    text = CONFIGURATION.format(folder=dovecot.folder, user=dovecot.user, group=dovecot.group, port=tap.port)
    (dovecot.folder / "dovecot.conf").write_text(text, "utf-8")


def compare(dovecot: Dovecot, server: ServerProcess) -> None:
    """Both hold the same mailboxes, and in them the same UIDs, flags and keywords."""
    here = {name: [(uid, flags) for uid, flags, _guid in rows] for name, rows in dovecot.messages().items()}
    there = {
        name: [(each.uid, each.flags) for each in mailbox.messages] for name, mailbox in observed_mail(server).items()
    }
    assert here == there


def test_there_and_back(server: ServerProcess, dovecot: Dovecot) -> None:
    """A copy has every mailbox, UID, flag and keyword; changes follow, in both directions."""
    with observing(server) as client, tapped(server.imap_port) as tap:
        configure(dovecot, tap)
        client.create_folder("Entwürfe/Später & nie")
        for number in range(1, 6):
            client.append("INBOX", message(f"m{number}"), ["\\Seen", "$Work"] if number % 2 else [], MOMENT)
        client.append("Entwürfe/Später & nie", message("draft"), ["\\Draft", "\\Flagged"], MOMENT)
        client.select_folder("INBOX")
        client.copy([2], "Archive")
        client.delete_messages([3])
        client.expunge()

        dovecot.run("backup", "-R", "imapc:")
        compare(dovecot, server)
        rows = dovecot.messages()
        assert dovecot.octets("INBOX", 1) == message("m1")
        # The identity of a message is that of X-GM-MSGID: the same for a copy, for nothing else.
        ids = {uid: guid for uid, _flags, guid in rows["INBOX"]}
        assert len({*ids.values()}) == 4
        assert rows["Archive"][0][2] == ids[2]

        client.add_flags([1], ["\\Answered", "$Later"])
        client.remove_flags([5], ["\\Seen", "$Work"])
        client.move([4], "Archive")
        client.append("INBOX", message("m6"), ["\\Flagged"], MOMENT)
        client.rename_folder("Entwürfe/Später & nie", "台北")
        dovecot.run("backup", "-R", "imapc:")
        compare(dovecot, server)
        assert tap.refusals() == []

        dovecot.run("save", "-m", "INBOX", text=message("from there"))
        dovecot.run("flags", "add", "\\Seen $There", "mailbox", "INBOX", "uid", "2")
        dovecot.run("expunge", "mailbox", "Archive", "uid", "1")
        dovecot.run("sync", "imapc:")
        assert tap.refusals() == []
        inbox = observed_mailbox(client, "INBOX")
        assert [each.octets for each in inbox.messages][-1] == message("from there")
        assert inbox.flags(b"Subject: m2") == {"\\Seen", "$There"}
        assert [each.uid for each in observed_mailbox(client, "Archive").messages] == [2]
        compare(dovecot, server)
