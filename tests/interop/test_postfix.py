"""Debian's Postfix, with a configuration and a queue of its own, delivers through LMTP into the real store."""

import asyncio
import os
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mailwren.auth.users import UserDirectory
from mailwren.delivery.delivery import Delivery
from mailwren.delivery.lmtp_server import LmtpService, TcpListener, UnixListener, start_lmtp
from mailwren.delivery.settings import DeliverySettings, LmtpSettings
from mailwren.store.operations import CreateMailbox
from mailwren.store.sqlite.store import SqliteMailStore

POSTFIX = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(POSTFIX is None, reason="Postfix is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="Postfix starts only as root"),
]

T = TypeVar("T")
SECONDS = 30.0
"""How long to wait for Postfix at most."""
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.example.org
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
default_database_type = texthash
smtputf8_enable = yes

virtual_mailbox_domains = example.org
virtual_transport = lmtp:{next_hop}
recipient_delimiter = +
lmtp_line_length_limit = 0
smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient
unverified_recipient_reject_code = 550
address_verify_map =
address_verify_poll_delay = 1s
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
MESSAGE = (
    b"From: Chris <chris@example.com>\r\n"
    b"To: alice@example.org\r\n"
    b"Date: Sun, 01 Mar 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\n"
    b"Subject: hello\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
    b".a dot\r\n..\r\n.\r\n\r\n\xfcber\ttabs and a long line " + b"x" * 2000 + b"\r\nFrom the end \r\n"
)


class MailServer:
    """LMTP into SQLite, on an event loop in a thread of its own."""

    def __init__(self, folder: Path, kind: str, settings: DeliverySettings) -> None:
        self.users = UserDirectory(folder / "users.sqlite3")
        for name in ("alice", "bob", "full"):
            self.users.add(name, "!")
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.store = self.run(self._open(folder))
        delivery = Delivery(self.store, self.users, settings, lambda: datetime.now(UTC))
        self._service = LmtpService(LmtpSettings(host="mail.example.org", message_size=10_000_000), delivery)
        path = folder / "lmtp"
        listener = UnixListener(path, group="postfix") if kind == "unix" else TcpListener("127.0.0.1", 0)
        self._server = self.run(start_lmtp(listener, self._service))
        self.next_hop = f"unix:{path}" if kind == "unix" else f"inet:127.0.0.1:{self._server.port}"

    async def _open(self, folder: Path) -> SqliteMailStore:
        return SqliteMailStore(folder)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the server's event loop."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(SECONDS)

    async def change(self, user: str, operation: CreateMailbox) -> None:
        """Change a user's account."""
        account = await self.store.account(self.users.get(user).account_id)
        await account.apply([operation])
        await self.store.release(account)

    async def messages(self, user: str, mailbox: str = "INBOX") -> list[bytes]:
        """All messages of a mailbox."""
        account = await self.store.account(self.users.get(user).account_id)
        state = await account.open_mailbox((await account.mailbox(mailbox)).id)
        result = [await account.read(state.content_of(index)) for index in range(len(state))]
        await self.store.release(account)
        return result

    def close(self) -> None:
        """End the server and its thread."""

        async def end() -> None:
            self._server.close()
            await self._service.stop(5)
            await self.store.close()

        self.run(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(SECONDS)
        self.loop.close()
        self.users.close()


class PrivatePostfix:
    """A Postfix that touches nothing outside of one folder."""

    def __init__(self, folder: Path, next_hop: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._folder = folder
        self._configuration = folder / "etc"
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        (self._configuration / "main.cf").write_text(MAIN.format(folder=folder, next_hop=next_hop))
        (self._configuration / "master.cf").write_text(MASTER.format(port=self.port))

    def command(self, word: str) -> None:
        """Run ``postfix start`` and the like; it must succeed."""
        assert POSTFIX is not None
        subprocess.run(
            [POSTFIX, "-c", str(self._configuration), word], check=True, capture_output=True, timeout=SECONDS
        )

    def log(self, pattern: str, count: int = 1) -> list[str]:
        """Wait until so many lines of the log match, and return them."""
        deadline = time.monotonic() + SECONDS
        pause = threading.Event()
        while True:
            text = (self._folder / "maillog").read_text()
            found = [line for line in text.splitlines() if re.search(pattern, line)]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{pattern} is not in the log:\n{text}"
            pause.wait(0.05)

    def send(self, *recipients: str, sender: str = "chris@example.com", message: bytes = MESSAGE) -> dict[str, int]:
        """Hand over a message; the codes of the answers about recipients."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=SECONDS) as client:
            client.ehlo("client.example.com")
            options = ["BODY=8BITMIME"] + ([] if sender.isascii() else ["SMTPUTF8"])
            assert client.mail(sender, options)[0] == 250
            codes = {recipient: client.rcpt(recipient)[0] for recipient in recipients}
            if 250 in codes.values():
                assert client.data(message)[0] == 250
            return codes


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Postfix, which is not root for long, can look into."""
    path = Path(tempfile.mkdtemp(prefix="mailwren-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(params=["tcp", "unix"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both ways to reach the server."""
    return str(request.param)


@pytest.fixture
def settings() -> DeliverySettings:
    """How mail is delivered."""
    return DeliverySettings()


@pytest.fixture
def server(folder: Path, kind: str, settings: DeliverySettings) -> Iterator[MailServer]:
    """The server, running."""
    result = MailServer(folder, kind, settings)
    yield result
    result.close()


@pytest.fixture
def postfix(folder: Path, server: MailServer) -> Iterator[PrivatePostfix]:
    """Postfix in front of the server, running."""
    result = PrivatePostfix(folder, server.next_hop)
    result.command("start")
    yield result
    result.command("stop")


def test_mail_arrives_as_it_was_sent(server: MailServer, postfix: PrivatePostfix) -> None:
    """Every octet arrives, in INBOX or in the folder that the address names, for each of several recipients."""
    server.run(server.change("alice", CreateMailbox("Lists/Python")))
    assert set(postfix.send("alice@example.org", "alice+lists.python@example.org", "bob@example.org").values()) == {250}
    postfix.log("postfix/lmtp.* status=sent", 3)
    for user, mailbox in (("alice", "INBOX"), ("alice", "Lists/Python"), ("bob", "INBOX")):
        (message,) = server.run(server.messages(user, mailbox))
        assert message.endswith(b"\r\n" + MESSAGE)
        assert message.startswith(b"Return-Path: <chris@example.com>\r\nDelivered-To: " + user.encode())


def test_utf8_sender(server: MailServer, postfix: PrivatePostfix) -> None:
    """An address that needs SMTPUTF8 is passed on and kept."""
    assert postfix.send("alice@example.org", sender="grüße@example.com") == {"alice@example.org": 250}
    postfix.log("postfix/lmtp.* status=sent")
    (message,) = server.run(server.messages("alice"))
    assert message.startswith("Return-Path: <grüße@example.com>\r\n".encode())
    assert b"with UTF8LMTP id " in message


def test_unknown_users_are_refused_at_the_door(server: MailServer, postfix: PrivatePostfix) -> None:
    """With reject_unverified_recipient the sender hears 550 at once, and users go through."""
    codes = postfix.send("nobody@example.org", "alice@example.org")
    assert codes == {"nobody@example.org": 550, "alice@example.org": 250}
    postfix.log("postfix/lmtp.* to=<alice@example.org>.* status=sent")
    assert len(server.run(server.messages("alice"))) == 1


def test_full_mailbox_waits_in_the_queue(server: MailServer, postfix: PrivatePostfix) -> None:
    """452 leaves the message in Postfix's queue, and the other recipients have theirs."""
    server.users.set_quota("full", octets=5000, messages=None)
    filler = MESSAGE + b"x" * 900 + b"\r\n"
    for _ in range(2):
        postfix.send("full@example.org", "bob@example.org", message=filler)
    (line,) = postfix.log("postfix/lmtp.* to=<full@example.org>.* status=deferred")
    assert "dsn=4.2.2" in line
    postfix.log("postfix/lmtp.* to=<bob@example.org>.* status=sent", 2)
    assert [len(server.run(server.messages(user))) for user in ("full", "bob")] == [1, 2]


@pytest.mark.parametrize("settings", [DeliverySettings(over_quota_permanent=True)])
@pytest.mark.parametrize("kind", ["tcp"])
def test_full_mailbox_sends_back(server: MailServer, postfix: PrivatePostfix) -> None:
    """552 makes Postfix tell the sender at once."""
    server.users.set_quota("full", octets=10, messages=None)
    postfix.send("full@example.org", sender="alice@example.org")
    (line,) = postfix.log("postfix/lmtp.* to=<full@example.org>.* status=bounced")
    assert "dsn=5.2." in line
    postfix.log("postfix/lmtp.* to=<alice@example.org>.* status=sent")
    (notice,) = server.run(server.messages("alice"))
    assert notice.startswith(b"Return-Path: <>\r\n")
    assert b"Final-Recipient: rfc822; full@example.org" in notice


@pytest.mark.parametrize("kind", ["unix"])
def test_large_message(server: MailServer, postfix: PrivatePostfix) -> None:
    """Megabytes pass through the spool without a change."""
    message = MESSAGE + (b"y" * 76 + b"\r\n") * 60_000
    postfix.send("alice@example.org", message=message)
    postfix.log("postfix/lmtp.* status=sent")
    (stored,) = server.run(server.messages("alice"))
    assert stored.endswith(b"\r\n" + message)
