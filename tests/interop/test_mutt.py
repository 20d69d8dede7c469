"""mutt on a terminal: what a person does with it is on the server afterwards."""

import re
import shutil
from pathlib import Path

import pytest
from tests.support.observed_mail import observed_mail, observing
from tests.support.process import ServerProcess
from tests.support.terminal import Terminal, on_terminal

MUTT = shutil.which("mutt")
pytestmark = [pytest.mark.interop, pytest.mark.skipif(MUTT is None, reason="mutt is not installed")]

CONFIGURATION = """
set folder = "{folder}"
set spoolfile = "+INBOX"
set imap_user = "anna"
set imap_pass = "secret"
set ssl_starttls = yes
set ssl_force_tls = yes
set certificate_file = "{certificate}"
set delete = yes
set move = no
set confirmappend = no
set confirmcreate = no
set sleep_time = 0
set read_inc = 0
set net_inc = 0
set mail_check = 0
set index_format = "%C <%Z> %s"
set status_format = "index of %f, %m messages, %d deleted"
set pager_format = "reading %s"
set send_charset = "utf-8"
"""
MESSAGE = """\
From: Ann Example <ann@example.org>
To: anna@example.org
Subject: {subject}
Date: Fri, 2 Jan 2026 04:04:05 +0100
Message-ID: <{number}@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

This is the text of message {number}: Grüße.
"""
SUBJECTS = ("=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=", "second", "third", "fourth")


def message(number: int) -> bytes:
    """A message, counted from 1."""
    text = MESSAGE.format(subject=SUBJECTS[number - 1], number=number)
    return text.replace("\n", "\r\n").encode()


def prepare(tmp_path: Path, server: ServerProcess, encrypted: bool) -> tuple[list[str], dict[str, str]]:
    """Mail on the server, a configuration; the command and its environment."""
    with observing(server) as client:
        for number in range(1, 5):
            client.append("INBOX", message(number))
        client.create_folder("Entwürfe/Später")
    folder = f"imaps://127.0.0.1:{server.imaps_port}/" if encrypted else f"imap://127.0.0.1:{server.imap_port}/"
    configuration = tmp_path / "muttrc"
    configuration.write_text(CONFIGURATION.format(folder=folder, certificate=server.data / "certificate.pem"), "utf-8")
    return [str(MUTT), "-n", "-F", str(configuration)], {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}


def read_and_file(terminal: Terminal) -> None:
    """Read a message, flag another, save two to folders, delete one, sync and quit."""
    terminal.expect(r"^1 <N *> Grüße aus Köln$")
    terminal.expect(r"^4 <N *> fourth$")
    terminal.expect("index of .*INBOX, 4 messages, 0 deleted")

    terminal.type("1\r\r")
    terminal.expect("This is the text of message 1: Grüße.")
    terminal.expect("reading Grüße aus Köln")
    terminal.type("i")
    terminal.expect(r"^1 < *> Grüße aus Köln$")

    terminal.type("2\rF")
    terminal.expect(r"^2 <N.*!> second$")
    terminal.type("3\rs\x15=Archive\r")
    terminal.expect(r"^3 <ND *> third$")
    terminal.type("1\rC\x15=Entwürfe/Später\r")
    terminal.type("4\rd")
    terminal.expect("4 messages, 2 deleted")

    terminal.type("$")
    terminal.expect("index of .*INBOX, 2 messages, 0 deleted")
    terminal.type("q")
    assert terminal.end() == 0


@pytest.mark.parametrize("encrypted", [True, False], ids=["TLS", "STARTTLS"])
def test_read_and_file(tmp_path: Path, server: ServerProcess, encrypted: bool) -> None:
    """Reading, flagging, saving to folders, deleting and syncing do on the server what mutt shows."""
    command, environment = prepare(tmp_path, server, encrypted)
    with on_terminal(command, environment) as terminal:
        read_and_file(terminal)
    mail = observed_mail(server)
    assert [(each.octets, each.flags) for each in mail["INBOX"].messages] == [
        (message(1), frozenset({"\\Seen"})),
        (message(2), frozenset({"\\Flagged", "Old"})),  # Old: shown before, and not read
    ]
    assert [each.octets for each in mail["Archive"].messages] == [message(3)]
    assert [each.octets for each in mail["Entwürfe/Später"].messages] == [message(1)]


def test_new_mail_is_pushed(tmp_path: Path, server: ServerProcess) -> None:
    """mutt in IDLE shows a message that another program brings, and takes away one that another program deletes."""
    command, environment = prepare(tmp_path, server, encrypted=True)
    with (tmp_path / "muttrc").open("a", encoding="utf-8") as configuration:
        configuration.write("set imap_idle = yes\nset timeout = 1\n")
    with on_terminal(command, environment) as terminal, observing(server) as client:
        terminal.expect("index of .*INBOX, 4 messages, 0 deleted")
        client.append("INBOX", message(2).replace(b"second", b"fresh"))
        terminal.expect(r"^5 <N *> fresh$")
        client.select_folder("INBOX")
        client.delete_messages(client.search(["SUBJECT", "third"]))
        client.expunge()
        terminal.expect(r"^4 <N *> fresh$")
        terminal.type("q")
        assert terminal.end() == 0


def test_comes_back_with_qresync(tmp_path: Path, server: ServerProcess) -> None:
    """mutt with a header cache and QRESYNC shows what changed, came and went while it was away, and stays in step."""
    command, environment = prepare(tmp_path, server, encrypted=False)
    (tmp_path / "cache").mkdir()
    with (tmp_path / "muttrc").open("a", encoding="utf-8") as configuration:
        configuration.write(
            f'set imap_condstore = yes\nset imap_qresync = yes\nset header_cache = "{tmp_path / "cache"}"\n'
            "set imap_idle = yes\nset timeout = 1\nset ssl_starttls = no\nset ssl_force_tls = no\n"
        )
    trace = tmp_path / ".muttdebug0"
    with on_terminal([*command, "-d", "3"], environment) as terminal:
        terminal.expect(r"^4 <N *> fourth$")
        terminal.type("2\rF")
        terminal.expect(r"^2 <N.*!> second$")
        terminal.type("q")
        assert terminal.end() == 0
    assert "VANISHED" not in trace.read_text("utf-8", "replace")

    with observing(server) as client:
        client.select_folder("INBOX")
        client.delete_messages([1, 3])
        client.expunge()
        client.add_flags([4], [b"\\Answered", b"\\Seen"])
        client.remove_flags([2], [b"\\Flagged"])
        client.append("INBOX", message(2).replace(b"second", b"fresh"))

        with on_terminal([*command, "-d", "3"], environment) as terminal:
            terminal.expect("index of .*INBOX, 3 messages, 0 deleted")
            terminal.expect(r"^1 <[NO] *> second$")
            terminal.expect(r"^2 <r *> fourth$")
            terminal.expect(r"^3 <N *> fresh$")
            client.delete_messages([4])
            client.expunge()
            terminal.expect(r"^2 <N *> fresh$")
            terminal.type("2\rd$")
            terminal.expect("index of .*INBOX, 1 messages, 0 deleted")
            terminal.type("q")
            assert terminal.end() == 0
    spoken = trace.read_text("utf-8", "replace")
    assert re.search(r"> \w+ UID FETCH 1:4 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)", spoken)
    assert "VANISHED (EARLIER) 1,3" in spoken
    assert [each.octets for each in observed_mail(server)["INBOX"].messages] == [message(2)]
