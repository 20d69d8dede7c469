"""A damaged account stops that account alone, says so, and loses nothing more; the others go on."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.process import ServerProcess, command
from tests.support.wire import Closed, Connection, LmtpConnection, message

from mailwren.auth.users import UserDirectory
from mailwren.store.sqlite.folders import account_folder

LARGE = message("large", 300_000)
SMALL = message("small", 1000)


def _folder(server: ServerProcess, user: str) -> Path:
    """The folder of a user's account."""
    directory = UserDirectory(server.data / "users.sqlite3")
    account = directory.get(user).account_id
    directory.close()
    return account_folder(server.data, account)


def _fill(server: ServerProcess, user: str) -> None:
    with Connection(server.imap_port).log_in(user) as session:
        for each in (SMALL, LARGE, SMALL):
            assert b" OK " in session.append("INBOX", each)[-1]


def _restart(server: ServerProcess) -> None:
    server.stop()
    server.start()


def _check(server: ServerProcess, *options: str) -> subprocess.CompletedProcess[str]:
    """What `mailwren check` says."""
    return subprocess.run(
        command("check", "--data", str(server.data), *options), capture_output=True, text=True, timeout=60, check=False
    )


def _assert_bert_is_served(server: ServerProcess) -> None:
    with Connection(server.imap_port).log_in("bert") as session:
        session.ok(b"SELECT INBOX")
        assert b" OK " in session.append("INBOX", SMALL)[-1]
        assert session.ok(b"FETCH * BODY.PEEK[]")
    with LmtpConnection(server.lmtp_port) as lmtp:
        assert lmtp.deliver(SMALL, "bert")[0].startswith(b"250")


def _overwrite(database: Path) -> None:
    database.write_bytes(os.urandom(database.stat().st_size))


def _overwrite_middle(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(database.stat().st_size - 4096))


def _cut_short(database: Path) -> None:
    os.truncate(database, 100)


def _cut_in_half(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 8192 * 4096)


def _text(database: Path) -> None:
    database.write_text("This is no database.\n" * 1000, "ascii")


def _a_folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def _no_folder(database: Path) -> None:
    shutil.rmtree(database.parent)
    database.parent.write_text("a file where the account's folder was", "ascii")


@pytest.mark.parametrize(
    "damage", [_overwrite, _overwrite_middle, _cut_short, _cut_in_half, _text, _a_folder, _no_folder]
)
def test_a_damaged_account_is_refused_alone(own: ServerProcess, damage: Callable[[Path], None]) -> None:
    """Its user gets NO with a code, its mail 451; the log and `check` name it; the others notice nothing."""
    _fill(own, "anna")
    _fill(own, "bert")
    folder = _folder(own, "anna")
    own.stop()
    damage(folder / "mail.sqlite3")
    own.start()
    with Connection(own.imap_port) as session:
        answers = session.command(b"LOGIN anna secret")
        if b" OK " in answers[-1]:  # what is damaged was not needed for logging in
            answers = [session.command(each)[-1] for each in (b"SELECT INBOX", b"FETCH 1:* (ENVELOPE BODY.PEEK[])")]
        assert any(re.match(rb"c\d+ NO \[(CONTACTADMIN|UNAVAILABLE|CORRUPTION)\] ", each) for each in answers), answers
    with LmtpConnection(own.lmtp_port) as lmtp:
        (status,) = lmtp.deliver(SMALL, "anna")
        assert status.startswith(b"451 4.3.0"), status
    lines = [line for line in own.log().splitlines() if '"level": "error"' in line]
    assert any(folder.name in line and "anna" in line for line in lines), own.log()
    _assert_bert_is_served(own)
    if damage is _no_folder:
        return  # to `check` that user has no mail yet
    checked = _check(own)
    assert checked.returncode == 1, checked
    assert "Traceback" not in checked.stderr
    named = rf"^(anna|account {folder.name}):\n  error: .+\n    \S+"
    assert re.search(named, checked.stdout, re.MULTILINE), checked.stdout
    assert not re.search(r"^bert:\n  error", checked.stdout, re.MULTILINE), checked.stdout


@pytest.mark.parametrize("damage", [_overwrite, _overwrite_middle, _cut_short, _cut_in_half, _text])
def test_damage_under_a_running_session(own: ServerProcess, damage: Callable[[Path], None]) -> None:
    """Damage while the account is in use ends in NO or BYE for that account, never in a crash or for others."""
    _fill(own, "anna")
    with Connection(own.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        damage(_folder(own, "anna") / "mail.sqlite3")
        for each in (b"FETCH 1:* (ENVELOPE BODY.PEEK[])", b"STORE 1 +FLAGS (x)", b"SEARCH TEXT x", b"COPY 1 INBOX"):
            assert re.match(rb"c\d+ (OK|NO) ", session.command(each)[-1])
        session.append("INBOX", LARGE)
        session.command(b"LOGOUT")
    _assert_bert_is_served(own)
    assert own.process is not None
    assert own.process.poll() is None


def test_a_database_that_cannot_be_read_while_messages_are_sent(own: ServerProcess) -> None:
    """Octets that the disk does not give ruin one answer, not the process and with it everybody else's sessions.

    They would if messages were read out of a mapping of the file: that ends a process by a signal.
    """
    many = b"".join(b" {%d+}\r\n%b" % (len(each), each) for each in (message(f"m{n}", 15_000) for n in range(200)))
    with Connection(own.imap_port).log_in() as session:
        for _ in range(5):
            session.ok(b"APPEND INBOX" + many)
    own.stop()  # and all is in the database
    own.start()
    with Connection(own.imap_port).log_in("bert") as other, Connection(own.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.ok(b"FETCH 1:10 BODY.PEEK[]")
        tag = session.start(b"FETCH 1:* BODY.PEEK[]")
        session.line()
        database = _folder(own, "anna") / "mail.sqlite3"
        os.truncate(database, database.stat().st_size // 4)
        with suppress(Closed):
            assert b" OK" not in session.finish(tag)[-1]
        other.ok(b"SELECT INBOX")
    assert own.process is not None
    assert own.process.poll() is None


def _blob(server: ServerProcess, user: str) -> Path:
    """The file of the large message."""
    (blob,) = (path for path in (_folder(server, user) / "blobs").rglob("*") if path.is_file())
    return blob


def _flip(blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) // 3] ^= 0x10
    blob.write_bytes(data)


def _flip_late(blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) * 9 // 10] ^= 0x10
    blob.write_bytes(data)


def _flip_index(blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[-5] ^= 0x10
    blob.write_bytes(data)


def _cut(blob: Path) -> None:
    os.truncate(blob, blob.stat().st_size // 2)


def _empty(blob: Path) -> None:
    os.truncate(blob, 0)


@pytest.mark.parametrize("damage", [Path.unlink, _flip, _flip_late, _flip_index, _cut, _empty])
def test_a_damaged_message_is_refused_alone(own: ServerProcess, damage: Callable[[Path], None]) -> None:
    """The message whose file is damaged is not served wrong; its neighbours and its row are; `check` names it."""
    _fill(own, "anna")
    damage(_blob(own, "anna"))
    _restart(own)  # what was decompressed before is forgotten
    with Connection(own.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        assert len(session.ok(b"FETCH 1:* (UID FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE)")) == 3
        assert SMALL in session.ok(b"FETCH 1 BODY.PEEK[]")[0]
        assert session.ok(b"SEARCH TEXT large")[0] in (b"* SEARCH 2\r\n", b"* SEARCH\r\n")
    with Connection(own.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.send(b"x FETCH 1:3 BODY.PEEK[]\r\ny LOGOUT\r\n")
        answer = session.rest()
        assert SMALL in answer
        assert LARGE not in answer
        if b"x NO [CORRUPTION]" in answer:  # refused before anything of it was said
            assert answer.count(SMALL) == 2
        else:  # found out after its size was told: broken off, and never filled up
            assert not answer.endswith(b"\r\n")
    with Connection(own.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.append("INBOX", SMALL)
        assert SMALL in session.ok(b"FETCH 4 BODY.PEEK[]")[0]
    _assert_bert_is_served(own)
    checked = _check(own, "--user", "anna")
    assert checked.returncode == 1, checked
    assert re.search(r"^anna:\n  error: .*(message|blob|UID)", checked.stdout, re.MULTILINE), checked.stdout


def test_damaged_users_are_nobodys_fault(own: ServerProcess) -> None:
    """Without its users the server refuses logins and mail for a time only; mail is never bounced."""
    own.stop()
    (own.data / "users.sqlite3").rename(own.data / "kept")
    for each in own.data.glob("users.sqlite3-*"):
        each.unlink()
    (own.data / "users.sqlite3").write_bytes(os.urandom(20_000))
    with pytest.raises(RuntimeError, match="did not start"):
        own.start()
    assert "Traceback" not in own.log()
    assert "users.sqlite3" in own.log() or "user database" in own.log()
    own.process = None
    (own.data / "kept").rename(own.data / "users.sqlite3")
    own.start()
    with (own.data / "users.sqlite3").open("r+b") as file:
        file.write(os.urandom(20_000))
    with Connection(own.imap_port) as session:
        assert re.match(rb"c1 (OK|NO \[UNAVAILABLE\])", session.command(b"LOGIN anna secret")[-1])
    with LmtpConnection(own.lmtp_port) as lmtp:
        (status,) = lmtp.deliver(SMALL, "bert")
        assert status[:3] in (b"250", b"451"), status


def test_damage_can_be_repaired_by_sending_again(own: ServerProcess) -> None:
    """A message whose file is gone is whole again once the same octets come in once more, as from a backup."""
    _fill(own, "anna")
    _blob(own, "anna").unlink()
    _restart(own)
    with Connection(own.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.append("INBOX", LARGE)
        assert LARGE in session.ok(b"FETCH 4 BODY.PEEK[]")[0]


def test_a_lost_database_does_not_become_an_empty_account(own: ServerProcess) -> None:
    """Where messages' files are but no database, nothing is served as if there had never been mail."""
    _fill(own, "anna")
    blob = _blob(own, "anna")
    own.stop()
    for each in _folder(own, "anna").glob("mail.sqlite3*"):
        each.unlink()
    own.start()
    with Connection(own.imap_port) as session:
        assert b"NO [CONTACTADMIN]" in session.refused(b"LOGIN anna secret")
    assert blob.exists()
