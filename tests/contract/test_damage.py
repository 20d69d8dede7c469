"""Damaged files and databases: what is told, what goes on, what a check finds and a repair mends."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from random import Random

import apsw
import pytest

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.store.check import Finding, Severity, account_folders, check_account
from mailwren.store.errors import AccountDamaged, MessageDamaged, StoreUnavailable
from mailwren.store.operations import FlagMode
from mailwren.store.sqlite import account
from mailwren.store.sqlite.schema import MIGRATIONS
from tests.contract.harness import Mail, message, uids

LARGE = limits.BLOB_IN_DATABASE * 2


@pytest.fixture
def broken(file_mail: Mail) -> Mail:
    """An account that is not checked at the end, because the test breaks it."""
    file_mail.check_at_end = False
    return file_mail


async def _change(mail: Mail, script: str) -> None:
    """Change the database behind the store's back."""
    await mail.close()
    connection = apsw.Connection(str(mail.account_folder / "mail.sqlite3"))
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(script)
    connection.close()
    await mail.open()


def _whats(findings: list[Finding]) -> str:
    return "\n".join(finding.what for finding in findings)


async def test_a_good_account_has_no_findings(file_mail: Mail) -> None:
    """While it is in use, and after; the folders of all accounts are found."""
    await file_mail.fill(5, "\\Seen", "k")
    await file_mail.append(message(9, LARGE))
    await file_mail.create("a/b")
    await file_mail.copy("1:3", "a/b")
    await file_mail.expunge("2:4")
    await file_mail.delete("a")
    assert check_account(file_mail.account_folder) == []
    assert check_account(file_mail.account_folder, repair=True) == []
    assert file_mail.folder is not None
    assert list(account_folders(file_mail.folder)) == [file_mail.account_folder]


async def test_no_descriptor_is_left(broken: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens the database a second time fails: not now, in the store's words, and the first one is closed again."""
    await broken.close()
    opened: list[apsw.Connection] = []

    def fail(path: Path) -> apsw.Connection:
        opened.extend(_connections(broken))
        raise apsw.CantOpenError(f"unable to open {path}")

    with monkeypatch.context() as patch:
        patch.setattr(account, "open_reader", fail)
        with pytest.raises(StoreUnavailable):
            await broken.open()
    assert opened
    assert not _connections(broken)
    await broken.open()


def _connections(mail: Mail) -> list[apsw.Connection]:
    """Those to this account's database: other tests may have left some to theirs."""
    found: list[apsw.Connection] = []
    for each in apsw.connections():
        with suppress(apsw.ConnectionClosedError):
            if mail.account_folder in Path(each.filename).parents:
                found.append(each)
    return found


async def test_a_check_changes_nothing(broken: Mail) -> None:
    """Findings or not, the files are the same afterwards."""
    await broken.fill(3)
    await _change(broken, "UPDATE mailbox SET messages = 9")
    await broken.close()
    files = {path: path.read_bytes() for path in broken.account_folder.rglob("*") if path.is_file()}
    assert check_account(broken.account_folder)
    after = {path: path.read_bytes() for path in broken.account_folder.rglob("*") if path.is_file()}
    assert {path: octets for path, octets in after.items() if not path.name.endswith(("-shm", "-wal"))} == files
    await broken.open()


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("UPDATE mailbox SET messages = messages + 1", "counters of mailbox 'INBOX'"),
        ("UPDATE mailbox SET unseen = 0", "counters"),
        ("UPDATE mailbox SET size = size - 1", "counters"),
        ("UPDATE mailbox SET deleted = 1, deleted_size = 5", "counters"),
        ("UPDATE meta SET octets = 1", "usage"),
        ("UPDATE mailbox SET uid_next = 3", "yet to be given out"),
        ("UPDATE mailbox SET highest_modseq = 2", "above the mailbox's"),
        ("UPDATE meta SET modseq = 2", "above the account's"),
        ("UPDATE meta SET uid_validity = 1", "UIDVALIDITY"),
        ("INSERT INTO former_name VALUES('INBOX', 4000000000)", "had 4000000000 before"),
        ("UPDATE mailbox SET first_recent = 99", "recent"),
        ("UPDATE meta SET content = 1", "given out already"),
        ("UPDATE message SET size = 1 WHERE uid = 2", "wrong size"),
        ("UPDATE content SET size = 1 WHERE id = 2; UPDATE message SET size = 1 WHERE uid = 2", "differ in size"),
        ("DELETE FROM content_wire WHERE id = 1", "is missing"),
        ("DELETE FROM content_header WHERE id = 3", "is missing"),
        ("UPDATE content_wire SET parts = x'00'", "part trees of 3"),
        ("DELETE FROM change", "is not in the log"),
        ("UPDATE change SET uids = '2:3'", "messages 1 is not in the log"),
        ("UPDATE change SET uids = 'x,y'", "makes no sense"),
        ("UPDATE change SET kind = 1", "logged as gone"),
        ("UPDATE flag_set SET seen = 1 WHERE id > 0", "marks"),
        ("DELETE FROM message WHERE uid = 3", "belong to no message"),
        ("UPDATE mailbox SET annotations = 7", "noted to have 7 annotations of messages"),
        ("INSERT INTO message_annotation VALUES(1, 99, '/comment', '', 1, x'00')", "belong to no message"),
        ("UPDATE meta SET annotation_octets = 7", "noted as 7 octets"),
        ("UPDATE meta SET mailboxes = 7", "noted to have 7 mailboxes"),
        ("UPDATE mailbox SET acl = '[1]'", "access control list of mailbox 'INBOX'"),
        ("UPDATE mailbox SET acl = '{\"ann\": 1}'", "access control list of mailbox 'INBOX'"),
        ("UPDATE mailbox SET acl = '{'", "access control list of mailbox 'INBOX'"),
        ("DELETE FROM mailbox WHERE name = 'INBOX'; DELETE FROM message; DELETE FROM change", "no INBOX"),
    ],
)
async def test_what_breaks_a_rule_is_found_and_repaired(broken: Mail, script: str, what: str) -> None:
    """Each rule is checked; a repair makes it hold, after which nothing is found and mail works."""
    await broken.fill(3, "One")
    await _change(broken, script)
    findings = check_account(broken.account_folder)
    assert what in _whats(findings)
    assert not any(finding.repaired for finding in findings)
    repaired = check_account(broken.account_folder, repair=True)
    assert all(finding.repaired for finding in repaired), _whats(repaired)
    assert check_account(broken.account_folder) == []
    await broken.close()
    await broken.open()
    appended = await broken.append(message(8))
    assert appended.uid == (await broken.uids())[-1]
    await broken.flag("1:9", FlagMode.ADD, "\\Seen")
    broken.check_at_end = True


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("UPDATE member_state SET seen = 0", "what member 'ann' has seen"),
        ("UPDATE member_state SET seen = 9", "what member 'ann' has seen"),
        ("DELETE FROM member_state; UPDATE mailbox SET members = 0", "above what is noted"),
        ("UPDATE mailbox SET members = 0", "noted to have something of 0 members"),
        ("UPDATE member_state SET highest_modseq = 2", "flags of member 'ann' have mod-sequence"),
        ("UPDATE member_state SET highest_modseq = 9000000000", "for member 'ann', above the account's"),
        ("UPDATE member_state SET first_recent = 99", "recent for member 'ann' begin at UID 99"),
        ("DELETE FROM message WHERE uid = 1; UPDATE change SET uids = '2:3'", "1 flags of members are of messages"),
        ("DELETE FROM member", "refers to a missing row of member"),
    ],
)
async def test_what_members_have_is_checked_and_repaired(broken: Mail, script: str, what: str) -> None:
    """Each rule about members is checked; a repair makes it hold."""
    await broken.fill(3)
    await broken.member("ann").flag("1:2", FlagMode.ADD, "\\Seen")
    await _change(broken, script)
    assert what in _whats(check_account(broken.account_folder))
    repaired = check_account(broken.account_folder, repair=True)
    assert all(finding.repaired for finding in repaired), _whats(repaired)
    assert check_account(broken.account_folder) == []
    await broken.close()
    await broken.open()
    await broken.member("ann").flag("2:3", FlagMode.ADD, "\\Seen")
    assert set((await broken.member("ann").flags()).values()) <= {"", "\\Seen"}
    broken.check_at_end = True


async def test_a_repair_keeps_what_clients_know(broken: Mail) -> None:
    """UIDs stay; messages whose change was not logged appear as changed; only a contradicted log costs UIDVALIDITY."""
    await broken.fill(3)
    before = await broken.box()
    await _change(broken, "UPDATE change SET uids = '2:3'")
    check_account(broken.account_folder, repair=True)
    after = await broken.box()
    assert (after.uid_validity, after.uid_next) == (before.uid_validity, before.uid_next)
    assert (await broken.changes(before.highest_modseq)).changed == uids("1")
    await _change(broken, "UPDATE change SET kind = 1 WHERE uids = '1'")
    check_account(broken.account_folder, repair=True)
    assert (await broken.box()).uid_validity > before.uid_validity
    assert await broken.uids() == [1, 2, 3]


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
async def test_a_lost_file_is_one_message_lost(broken: Mail, how: str) -> None:
    """Only that message is refused; the check names it; a repair expunges it; a backup of the file mends it."""
    await broken.append(message(1))
    await broken.append(message(2, LARGE))
    await broken.append(message(3))
    (path,) = [each for each in (broken.account_folder / "blobs").glob("*/*") if each.is_file()]
    octets = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(octets[:-9] if how == "cut" else b"\x00" * 50 + octets[50:])
    contents = await broken.contents()
    with pytest.raises(MessageDamaged):
        await broken.account.read(contents[1])
    assert await broken.account.read(contents[2]) == message(3)
    assert len(await broken.account.wire(contents)) == 3
    (finding,) = check_account(broken.account_folder)
    assert finding.severity is Severity.ERROR
    assert "'INBOX' UID 2" in finding.what
    path.write_bytes(octets)
    assert check_account(broken.account_folder) == []
    path.unlink()
    check_account(broken.account_folder, repair=True)
    assert await broken.uids() == [1, 3]
    assert (await broken.changes(0)).expunged == uids("2")
    path.write_bytes(octets)
    assert check_account(broken.account_folder) == []


async def test_damaged_octets_in_the_database(broken: Mail) -> None:
    """A small message whose octets are not those that came in is found by its hash."""
    await broken.fill(2)
    await _change(broken, "UPDATE blob SET place = 0, data = zeroblob(size) WHERE id = 1")
    (finding,) = check_account(broken.account_folder)
    assert "not those that came in" in finding.what
    await _change(broken, "UPDATE blob SET place = 1, data = x'0011' WHERE id = 1")
    contents = await broken.contents()
    with pytest.raises(MessageDamaged):
        await broken.account.read(contents[0])
    assert check_account(broken.account_folder)[0].severity is Severity.ERROR


async def test_a_damaged_header_is_one_message(broken: Mail) -> None:
    """A compressed header that cannot be read is refused, and mended by a repair."""
    await broken.append(message(1, X=f"{'long ' * 500}"))
    await _change(broken, "UPDATE content_header SET header = x'00112233'")
    with pytest.raises(MessageDamaged):
        await broken.account.headers(await broken.contents())


async def test_the_structure_is_parsed_again_where_it_cannot_be_read(broken: Mail) -> None:
    """A record of another version costs time, not the message."""
    await broken.append(message(1))
    expected = await broken.account.structure((await broken.contents())[0])
    await _change(broken, "UPDATE content_wire SET parts = x'00'")
    assert await broken.account.structure((await broken.contents())[0]) == expected
    broken.check_at_end = False


@pytest.mark.parametrize("octets", [b"", b"not a database" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_a_damaged_database_stops_its_account_alone(broken: Mail, octets: bytes) -> None:
    """Opening it is refused as damaged; other accounts work; the check says so."""
    folder = broken.folder
    assert folder is not None
    path = folder / "accounts" / "ba" / "bad" / "mail.sqlite3"
    path.parent.mkdir(parents=True)
    path.write_bytes(octets)
    if octets:
        for _ in range(2):
            with pytest.raises(AccountDamaged):
                await broken.store.account("bad")
        (finding,) = check_account(path.parent)
        assert finding.severity is Severity.ERROR
        assert path.read_bytes() == octets
    else:
        # An empty file is an account that a crash kept from being created.
        account = await broken.store.account("bad")
        assert list(await account.mailboxes()) == ["INBOX"]
        await broken.store.release(account)
    assert (await broken.append()).uid == 1


async def test_a_database_that_breaks_while_in_use(broken: Mail) -> None:
    """Overwritten pages are told as damage by reads and writes, which never pretend that all is well."""
    await broken.fill(200)
    await broken.close()
    path = broken.account_folder / "mail.sqlite3"
    octets = bytearray(path.read_bytes())
    octets[4096:] = b"\x5a" * (len(octets) - 4096)
    path.write_bytes(bytes(octets))
    with pytest.raises(AccountDamaged):
        await broken.store.__class__(broken.folder).account(broken.account_id)
    assert check_account(broken.account_folder)
    path.unlink()
    await broken.open()


async def test_a_newer_database_is_not_touched(broken: Mail) -> None:
    """A database of a later version is refused with the reason."""
    await broken.close()
    with sqlite3.connect(broken.account_folder / "mail.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(AccountDamaged, match="newer version"):
        await broken.open()
    (finding,) = check_account(broken.account_folder)
    assert "version 999" in finding.what
    with sqlite3.connect(broken.account_folder / "mail.sqlite3") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.close()
    await broken.store.close()
    await broken.open()


async def test_a_full_disk_is_a_temporary_refusal(file_mail: Mail) -> None:
    """When the disk is full the request is refused, all of it, and later ones work again."""
    await file_mail.fill(2)
    connection = file_mail.account._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchall()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreUnavailable, match="full"):
        await file_mail.append(b"x: y\r\n\r\n" + Random(1).randbytes(50_000))
    assert await file_mail.uids() == [1, 2]
    await file_mail.flag("1", FlagMode.ADD, "\\Seen")
    connection.execute("PRAGMA max_page_count = 1000000")
    await file_mail.append(b"x: y\r\n\r\n" + Random(1).randbytes(50_000))


async def test_a_full_disk_for_a_large_message(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be written refuses its message, and no other."""

    def refuse(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mailwren.store.blobs.folder.FolderBlobs.put", refuse)
    with pytest.raises(StoreUnavailable, match="No space"):
        await file_mail.append(message(1, LARGE))
    assert (await file_mail.append(message(2))).uid == 1


async def test_removed_accounts_leave_nothing(tmp_path: Path) -> None:
    """Nothing of a removed account stays in the data folder."""
    async with Mail(tmp_path) as mail:
        mail.check_at_end = False
        await mail.append(message(1, LARGE))
        await mail.store.release(mail.account)
        await mail.store.remove(mail.account_id)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        await mail.store.account(mail.account_id)
    assert list(RangeSet()) == []
