"""mutt and NeoMutt with all they have: header cache, QRESYNC or CONDSTORE, COMPRESS, SCRAM, search on the server."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.interop.test_mutt import message
from tests.support.observed_mail import observing
from tests.support.process import ServerProcess
from tests.support.tap import Tap, tapped
from tests.support.terminal import Terminal, on_terminal

pytestmark = pytest.mark.interop

CONFIGURATION = """
set folder = "imap://127.0.0.1:{port}/"
set spoolfile = "+INBOX"
set imap_user = "anna"
set imap_pass = "secret"
set ssl_starttls = no
set ssl_force_tls = no
set header_cache = "{folder}/headers"
set message_cachedir = "{folder}/bodies"
set imap_{way} = yes
set imap_deflate = yes
set imap_idle = yes
set imap_keepalive = 1
set imap_passive = no
set timeout = 1
set mail_check = 1
set delete = yes
set move = no
set confirmappend = no
set sleep_time = 0
set read_inc = 0
set net_inc = 0
set index_format = "%C <%Z> %s"
set status_format = "index of %f, %m messages, %d deleted"
set pager_format = "reading %s"
"""


@contextmanager
def program(name: str, way: str, tmp_path: Path, tap: Tap) -> Iterator[Terminal]:
    """The program on a terminal, with what it keeps from run to run."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "headers").mkdir(exist_ok=True)
    configuration = tmp_path / "muttrc"
    configuration.write_text(CONFIGURATION.format(port=tap.port, folder=tmp_path, way=way), "utf-8")
    environment = {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    with on_terminal([path, "-n", "-F", str(configuration)], environment) as terminal:
        yield terminal
        terminal.type("q")
        assert terminal.end() == 0


@pytest.mark.parametrize("way", ["qresync", "condstore"])
@pytest.mark.parametrize("name", ["mutt", "neomutt"])
def test_away(tmp_path: Path, server: ServerProcess, name: str, way: str) -> None:
    """It comes back to its header cache and shows what changed meanwhile, without fetching what it has."""
    with observing(server) as client, tapped(server.imap_port) as tap:
        for number in range(1, 5):
            client.append("INBOX", message(number))
        with program(name, way, tmp_path, tap) as terminal:
            terminal.expect("index of .*INBOX, 4 messages, 0 deleted")
            terminal.type("1\r\r")
            terminal.expect("This is the text of message 1: Grüße.")
            terminal.type("i")
        client.select_folder("INBOX")
        client.add_flags([4], ["\\Flagged"])
        client.delete_messages([2])
        client.expunge()
        client.append("INBOX", message(2).replace(b"second", b"fresh"), ["\\Answered", "\\Seen"])

        with program(name, way, tmp_path, tap) as terminal:
            terminal.expect(r"^1 < *> Grüße aus Köln$")
            terminal.expect(r"^3 <. *!> fourth$")
            terminal.expect(r"^4 <r *> fresh$")
            terminal.expect("index of .*INBOX, 4 messages, 0 deleted")
            terminal.type("l=b 'text of message 4'\r")
            terminal.expect(r"^3 <. *!> fourth$")
            terminal.type("lall\r")
            terminal.expect(r"^1 < *> Grüße aus Köln$")
            client.append("INBOX", message(3).replace(b"third", b"pushed"))
            terminal.expect(r"^5 <N *> pushed$")
        assert tap.refusals() == []
        second = [each.command for each in tap.connections[1].exchanges()]
        changes = b"(CHANGEDSINCE %s)" % (b"10 VANISHED" if way == "qresync" else b"10")
        assert any(changes in command for command in second)
        assert not any(b" FETCH 1:4 (UID FLAGS INTERNALDATE" in command for command in second)
        assert any(b'SEARCH BODY "text of message 4"' in command for command in second)
        if name == "mutt":  # NeoMutt was built without zlib, and prefers PLAIN
            assert [each.compressed for each in tap.connections] == [True, True]
            assert b" AUTHENTICATE SCRAM-SHA-256 " in next(each for each in second if b"AUTHENTICATE" in each)
