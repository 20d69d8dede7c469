"""Shared mailboxes with real servers and clients: over two workers, from the command line, in imapclient and mutt."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import imapclient
import pytest
from tests.interop.test_mutt import CONFIGURATION
from tests.support.process import ServerProcess, running_server
from tests.support.system import worker_of
from tests.support.terminal import on_terminal
from tests.support.wire import Closed, Connection, LmtpConnection, any_certificate, attempts, message

pytestmark = pytest.mark.interop
MUTT = shutil.which("mutt")


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with two workers, and anna, ben and the team desk, to which both belong."""
    with running_server(tmp_path / "data", workers=2, users=("anna", "ben")) as server:
        server.run(
            "group", "add", "desk", "--mailbox", "--member", "anna", "--member", "ben", "--alias", "d@example.org"
        )
        yield server
        assert "Traceback" not in server.log()


@contextmanager
def at_different_workers(server: ServerProcess) -> Iterator[tuple[Connection, Connection]]:
    """anna at one worker and ben at the other, with IMAP4rev2."""
    with ExitStack() as stack:
        first = stack.enter_context(Connection(server.imap_port))
        worker = worker_of(server, server.imap_port, first.local_port)
        for _ in attempts():
            second = stack.enter_context(Connection(server.imap_port))
            if worker_of(server, server.imap_port, second.local_port) != worker:
                for connection, name in ((first, "anna"), (second, "ben")):
                    connection.log_in(name).ok(b"ENABLE IMAP4rev2")
                yield first, second
                return
        raise AssertionError("all connections went to one worker")


def _ask_again_and_again(connection: Connection) -> None:
    for _ in attempts():
        connection.command(b"NOOP")


def test_a_team_over_two_workers(two_workers: ServerProcess) -> None:
    """Mail for the team and what its members do reaches those who idle at another worker; \\Seen stays one's own."""
    with at_different_workers(two_workers) as (anna, ben):
        for session in (anna, ben):
            session.ok(b"SELECT Shared/desk")
        tag = ben.idle()
        with LmtpConnection(two_workers.lmtp_port) as lmtp:
            assert lmtp.deliver(message("one"), "d")[0].startswith(b"250")
        ben.until(lambda line: line == b"* 1 EXISTS\r\n")
        anna.ok(b"NOOP")
        anna.ok(b"STORE 1 +FLAGS (\\Seen \\Flagged)")
        told = ben.until(lambda line: b"FETCH" in line)[-1]
        assert b"\\Flagged" in told
        assert b"\\Seen" not in told
        ben.done(tag)
        assert any(b"(UNSEEN 1)" in line for line in ben.ok(b"STATUS Shared/desk (UNSEEN)"))
        assert any(b"(UNSEEN 0)" in line for line in anna.ok(b"STATUS Shared/desk (UNSEEN)"))
        ben.ok(b"MOVE 1 INBOX")
        assert b"* 1 EXPUNGE\r\n" in anna.ok(b"NOOP")


def test_rights_change_over_two_workers(two_workers: ServerProcess) -> None:
    """What SETACL and the command line say counts at the other worker at once, also in the selected mailbox."""
    with at_different_workers(two_workers) as (anna, ben):
        anna.append("Archive", message("one"))
        assert b"NONEXISTENT" in ben.refused(b'SELECT "Other Users/anna/Archive"')
        anna.ok(b"SETACL Archive ben lrs")
        ben.ok(b'SELECT "Other Users/anna/Archive"')
        assert b"NOPERM" in ben.refused(b"STORE 1 +FLAGS (\\Flagged)")
        two_workers.run("share", "set", "anna", "Archive", "ben", "write")
        ben.ok(b"STORE 1 +FLAGS (\\Flagged)")
        tag = ben.idle()
        anna.ok(b"DELETEACL Archive ben")
        assert b"[CLOSED]" in ben.until(lambda line: b"CLOSED" in line)[-1]
        ben.done(tag)
        assert b"NONEXISTENT" in ben.refused(b'STATUS "Other Users/anna/Archive" (MESSAGES)')
        assert not [line for line in ben.ok(b'LIST "" "Other Users/*"') if b"LIST" in line]


def test_a_removed_member_over_two_workers(two_workers: ServerProcess) -> None:
    """Who leaves a group loses its mailbox by his next command, and who is disabled his connection."""
    with at_different_workers(two_workers) as (anna, ben):
        ben.ok(b"SELECT Shared/desk")
        two_workers.run("group", "member", "desk", "--remove", "ben")
        assert any(b"[CLOSED]" in line for line in ben.ok(b"NOOP"))
        two_workers.run("user", "disable", "ben")
        with pytest.raises(Closed):
            _ask_again_and_again(ben)
        anna.ok(b"SELECT Shared/desk")


def test_a_team_loses_its_mailbox_and_has_it_again(two_workers: ServerProcess) -> None:
    """The mail is gone for good, for workers that had the account open as well; what comes afterwards is kept."""
    with at_different_workers(two_workers) as (anna, ben), LmtpConnection(two_workers.lmtp_port) as lmtp:
        for token in ("one", "two"):
            assert lmtp.deliver(message(token), "d")[0].startswith(b"250")
        for session in (anna, ben):
            session.ok(b"SELECT Shared/desk")
        two_workers.run("group", "mailbox", "desk", "off", "--yes")
        assert b"NO [NONEXISTENT]" in anna.command(b"STATUS Shared/desk (MESSAGES)")[-1]
        two_workers.run("group", "mailbox", "desk", "on")
        assert lmtp.deliver(message("three"), "d")[0].startswith(b"250")
        for session in (anna, ben):
            assert b"* STATUS Shared/desk (MESSAGES 1)\r\n" in session.ok(b"STATUS Shared/desk (MESSAGES)")
    two_workers.stop()
    two_workers.start()
    with Connection(two_workers.imap_port) as anna:
        anna.log_in("anna")
        assert b"* STATUS Shared/desk (MESSAGES 1)\r\n" in anna.ok(b"STATUS Shared/desk (MESSAGES)")
    assert "all is right" in two_workers.run("check")


def test_imapclient(two_workers: ServerProcess) -> None:
    """imapclient reads the namespaces, lists and rights, and works in a mailbox of somebody else."""
    two_workers.run("share", "set", "anna", "Archive", "ben", "write")
    port = two_workers.imaps_port
    with imapclient.IMAPClient("127.0.0.1", port, ssl_context=any_certificate()) as ben:
        ben.login("ben", "secret")
        namespaces = ben.namespace()
        assert namespaces.personal == (("", "/"),)
        assert namespaces.other == (("Other Users/", "/"),)
        assert namespaces.shared == (("Shared/", "/"),)
        names = {name for _flags, _separator, name in ben.list_folders()}
        assert {"Other Users/anna/Archive", "Shared/desk", "INBOX"} <= names
        ben.append("Other Users/anna/Archive", message("one"), ["\\Seen"])
        assert ben.select_folder("Other Users/anna/Archive")[b"EXISTS"] == 1
        ben.move([1], "Shared/desk")
        assert ben.folder_status("Shared/desk", ["MESSAGES"]) == {b"MESSAGES": 1}
    with imapclient.IMAPClient("127.0.0.1", port, ssl_context=any_certificate()) as anna:
        anna.login("anna", "secret")
        typ, answer = anna._imap.getacl("Archive")
        assert (typ, answer) == ("OK", [b"Archive anna lrswipkxtencda ben lrswitend"])
        typ, answer = anna._imap.myrights("Shared/desk")
        assert (typ, answer) == ("OK", [b"Shared/desk lrswipkxtencd"])
        assert anna._imap.setacl("Archive", "ben", "lr")[0] == "OK"
        assert anna._imap.deleteacl("Archive", "ben")[0] == "OK"


@pytest.mark.skipif(MUTT is None, reason="mutt is not installed")
def test_mutt(tmp_path: Path, two_workers: ServerProcess) -> None:
    """mutt opens a team's mailbox, reads there and saves to it and out of it."""
    with Connection(two_workers.imap_port) as ben:
        ben.log_in("ben").append("Shared/desk", message("one"))
    folder = f"imaps://127.0.0.1:{two_workers.imaps_port}/"
    configuration = tmp_path / "muttrc"
    certificate = two_workers.data / "certificate.pem"
    configuration.write_text(CONFIGURATION.format(folder=folder, certificate=certificate), "utf-8")
    environment = {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    with on_terminal([str(MUTT), "-n", "-F", str(configuration)], environment) as terminal:
        terminal.expect("index of .*INBOX")
        terminal.type("c\x15=Shared/desk\r")
        terminal.expect(r"^1 <N *> one$")
        terminal.type("1\rF")
        terminal.expect(r"^1 <N.*!> one$")
        terminal.type("C\x15=Archive\r")
        terminal.type("$")
        terminal.type("q")
        assert terminal.end() == 0
    with Connection(two_workers.imap_port) as anna:
        anna.log_in("anna").ok(b"EXAMINE Shared/desk")
        assert any(b"\\Flagged" in line for line in anna.ok(b"FETCH 1 FLAGS"))
        assert any(b"MESSAGES 1" in line for line in anna.ok(b"STATUS Archive (MESSAGES)"))
