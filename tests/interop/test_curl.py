"""curl's IMAP against a real server: list, fetch, search, append, store, expunge; both SASL mechanisms; STARTTLS."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.observed_mail import observed_mailbox, observing
from tests.support.process import ServerProcess

CURL = shutil.which("curl")
pytestmark = [pytest.mark.interop, pytest.mark.skipif(CURL is None, reason="curl is not installed")]

MESSAGE = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <1@example.org>\r\n\r\nHello %d\r\n"
)
QUOTE_ERROR, BAD_UPLOAD, LOGIN_DENIED, NOT_FOUND = 21, 25, 67, 78
"""Exit statuses of curl: a command was refused, an upload was, a password was; there is no such message."""


@dataclass
class Curl:
    """curl with the URL of one listener."""

    server: ServerProcess
    base: str

    def run(self, path: str, *options: str, user: str = "anna:secret") -> subprocess.CompletedProcess[bytes]:
        """Run it on a path below the server; only the server's own certificate is trusted."""
        command = [str(CURL), "-sS", "-v", "--cacert", str(self.server.data / "certificate.pem"), "-u", user]
        return subprocess.run([*command, *options, self.base + path], check=False, capture_output=True, timeout=30)

    def output(self, path: str, *options: str) -> bytes:
        """What it prints when all is well."""
        result = self.run(path, *options)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def status(self, path: str, *options: str, user: str = "anna:secret") -> int:
        """How it exits."""
        return self.run(path, *options, user=user).returncode


@pytest.fixture
def curl(server: ServerProcess) -> Curl:
    """curl over TLS from the first octet."""
    return Curl(server, f"imaps://127.0.0.1:{server.imaps_port}/")


@pytest.fixture
def plain_curl(server: ServerProcess) -> Curl:
    """curl on the port that begins without TLS."""
    return Curl(server, f"imap://127.0.0.1:{server.imap_port}/")


@pytest.fixture
def filled(tmp_path: Path, curl: Curl) -> Curl:
    """curl, after it appended two messages to INBOX; it gives them ``\\Seen``."""
    for number in (1, 2):
        file = tmp_path / f"{number}.eml"
        file.write_bytes(MESSAGE % number)
        curl.output("INBOX", "-T", str(file))
    return curl


def test_list(curl: Curl) -> None:
    """A URL without a mailbox lists all of them, with special uses; LIST and CREATE go through as custom commands."""
    row = b'* LIST (\\HasNoChildren \\%b) "/" %b\r\n'
    specials = b"".join(row % (name, name) for name in (b"Archive", b"Drafts", b"Junk", b"Sent", b"Trash"))
    assert curl.output("") == b'* LIST (\\HasNoChildren) "/" INBOX\r\n' + specials
    assert curl.output("", "-X", 'LIST "" "Dr*"') == row % (b"Drafts", b"Drafts")
    assert curl.output("", "-X", "CREATE Gr&APwA3w-e") == b""
    assert curl.output("Gr%26APwA3w-e") == b'* LIST (\\HasNoChildren) "/" Gr&APwA3w-e\r\n'


def test_fetch(filled: Curl) -> None:
    """Whole messages, sections and parts of them come byte for byte, by UID and by number."""
    assert filled.output("INBOX;UID=1") == MESSAGE % 1
    assert filled.output("INBOX;MAILINDEX=2") == MESSAGE % 2
    assert filled.output("INBOX;UID=2;SECTION=TEXT") == b"Hello 2\r\n"
    field = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"
    assert filled.output("INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)") == field
    assert filled.output("INBOX;UID=1;PARTIAL=0.10") == (MESSAGE % 1)[:10]
    assert filled.output("INBOX;UID=1;PARTIAL=150.500") == (MESSAGE % 1)[150:]
    assert filled.status("INBOX;UID=9") == NOT_FOUND
    assert filled.status("INBOX;MAILINDEX=9") == NOT_FOUND
    assert filled.status("INBOX;UIDVALIDITY=7;UID=1") == NOT_FOUND


def test_search(filled: Curl) -> None:
    """A query in the URL is a search."""
    assert filled.output("INBOX?TEXT%20hello") == b"* SEARCH 1 2\r\n"
    assert filled.output("INBOX?BODY%20%22hello%202%22") == b"* SEARCH 2\r\n"
    assert filled.output("INBOX?SUBJECT%20Gr%20NOT%20UID%201") == b"* SEARCH 2\r\n"
    assert filled.output("INBOX?SUBJECT%20hello") == b"* SEARCH\r\n"
    assert filled.status("INBOX?NONSENSE") == QUOTE_ERROR


def test_append(tmp_path: Path, curl: Curl) -> None:
    """A large upload with 8-bit text, bare LF and bare CR is kept as it is; into no mailbox it is refused."""
    octets = MESSAGE % 1 + b"Gr\xc3\xbc\xc3\x9fe\n\r\xff." * 200_000
    file = tmp_path / "large.eml"
    file.write_bytes(octets)
    curl.output("Archive", "-T", str(file))
    assert curl.output("Archive;UID=1") == octets
    with observing(curl.server) as client:
        (message,) = observed_mailbox(client, "Archive").messages
    assert message.octets == octets
    assert curl.status("Nope", "-T", str(file)) == BAD_UPLOAD


def test_store_and_expunge(filled: Curl) -> None:
    """Flags are stored and fetched, messages are expunged; a command that does not exist is refused."""
    flags = "FETCH 1:* (UID FLAGS)"
    both = b"* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\r\n* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\n"
    assert filled.output("INBOX", "-X", flags) == both
    answer = filled.output("INBOX", "-X", "STORE 2 FLAGS (\\Flagged $Work)")
    assert answer == b"* 2 FETCH (FLAGS (\\Flagged $Work))\r\n"
    assert filled.output("INBOX", "-X", "UID STORE 1 +FLAGS.SILENT (\\Deleted)") == b""
    assert filled.output("INBOX", "-X", "EXPUNGE") == b"* 1 EXPUNGE\r\n"
    assert filled.output("INBOX", "-X", flags) == b"* 1 FETCH (UID 2 FLAGS (\\Flagged $Work))\r\n"
    assert filled.output("", "-X", "STATUS INBOX (MESSAGES UIDNEXT)") == b"* STATUS INBOX (MESSAGES 1 UIDNEXT 3)\r\n"
    assert filled.status("INBOX", "-X", "NONSENSE") == QUOTE_ERROR


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_mechanisms(curl: Curl, mechanism: str) -> None:
    """Both SASL mechanisms let the right password in and no other."""
    options = ("--login-options", f"AUTH={mechanism}", "-X", "NAMESPACE")
    result = curl.run("", *options)
    assert result.stdout == b'* NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared/" "/"))\r\n'
    assert f"AUTHENTICATE {mechanism}".encode() in result.stderr
    assert curl.status("", *options, user="anna:Secret") == LOGIN_DENIED
    assert curl.status("", *options, user="nobody:secret") == LOGIN_DENIED


def test_starttls(filled: Curl, plain_curl: Curl) -> None:
    """The port for everyone takes up TLS before the password."""
    result = plain_curl.run("INBOX;UID=2;SECTION=TEXT", "--ssl-reqd")
    assert (result.returncode, result.stdout) == (0, b"Hello 2\r\n")
    sent = [line for line in result.stderr.splitlines() if line.startswith(b"> ")]
    assert [line.split()[2] for line in sent[:3]] == [b"CAPABILITY", b"STARTTLS", b"CAPABILITY"]
    assert b"SSL certificate verify ok" in result.stderr


def test_no_password_in_the_clear(tmp_path: Path) -> None:
    """Where plain text is not allowed, curl finds no way to log in and does not send the password."""
    server = ServerProcess(tmp_path / "data")
    server.add_user("anna", "secret")
    server.start()
    try:
        curl = Curl(server, f"imap://127.0.0.1:{server.imap_port}/")
        result = curl.run("")
        assert result.returncode == LOGIN_DENIED
        assert b"> A002" not in result.stderr
        assert curl.status("", "--ssl-reqd") == 0
    finally:
        server.stop()
