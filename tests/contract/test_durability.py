"""What is on the disk when an answer is given."""

import asyncio
import os
from pathlib import Path

import apsw
import pytest

from mailwren.base import limits
from mailwren.store.durable import make_folder
from mailwren.store.errors import StoreUnavailable
from mailwren.store.operations import (
    Append,
    ClaimRecent,
    Copy,
    CreateMailbox,
    DeleteMailbox,
    Expunge,
    FlagMode,
    Move,
    Operation,
    RenameMailbox,
    SetFlags,
    SetQuota,
    SetSubscription,
)
from tests.contract.harness import Mail, message, uids

SYNCED, NOT_SYNCED = 2, 1
"""What ``PRAGMA synchronous`` says for FULL and NORMAL."""


def _watch(mail: Mail) -> list[int]:
    """How each commit of the account is synced, from now on."""
    connection = mail.account._writer._connection
    seen: list[int] = []

    def committing() -> bool:
        seen.append(connection.pragma("synchronous"))
        return False

    connection.set_commit_hook(committing)
    return seen


async def test_what_is_synced_before_its_answer(file_mail: Mail) -> None:
    """Everything but flag changes and claims of recent messages; also when both are in one list."""
    inbox = await file_mail.id("INBOX")
    other = await file_mail.create("Other")
    await file_mail.fill(5)
    seen = _watch(file_mail)
    flags = SetFlags(inbox, uids("1"), FlagMode.ADD, ("x",))
    synced: list[list[Operation]] = [
        [Append(inbox, message(9))],
        [Copy(inbox, uids("1"), other.id)],
        [Move(inbox, uids("1"), other.id)],
        [Expunge(inbox, uids("2"), only_deleted=False)],
        [CreateMailbox("New")],
        [RenameMailbox("New", "Newer")],
        [DeleteMailbox("Newer")],
        [SetSubscription("x", subscribed=True)],
        [SetQuota(None, None)],
        [flags, Append(inbox, message(10))],
    ]
    for operations in synced:
        await file_mail.apply(*operations)
    assert seen == [SYNCED] * len(synced)
    seen.clear()
    await file_mail.flag("3:9", FlagMode.ADD, "\\Seen")
    await file_mail.flag("3:9999", FlagMode.ADD, "\\Flagged")
    await file_mail.apply(ClaimRecent(inbox))
    assert seen == [NOT_SYNCED] * 3
    seen.clear()
    await file_mail.append()
    assert seen == [SYNCED]


async def test_strict_syncs_flags_too(tmp_path: Path) -> None:
    """With durability "strict" every answer is given after the sync."""
    async with Mail(tmp_path, durability="strict") as mail:
        await mail.fill(3)
        seen = _watch(mail)
        await mail.flag("1", FlagMode.ADD, "x")
        await mail.apply(ClaimRecent(await mail.id("INBOX")))
        assert seen == [SYNCED, SYNCED]


async def test_flags_that_share_a_commit_with_mail_are_synced(file_mail: Mail) -> None:
    """Of requests that are committed together the strictest decides."""
    inbox = await file_mail.id("INBOX")
    await file_mail.fill(3)
    seen = _watch(file_mail)
    await file_mail.together(
        *([SetFlags(inbox, uids(str(uid)), FlagMode.ADD, ("x",))] for uid in (1, 2, 3)),
        *([Append(inbox, message(number))] for number in range(10)),
    )
    assert seen == [SYNCED]


async def test_flags_reach_the_disk_soon(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a flag change the log is synced by itself, once for many changes, and again after the next."""
    synced = asyncio.Event()
    loop = asyncio.get_running_loop()
    calls = 0
    real = os.fdatasync

    def note(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        real(descriptor)
        loop.call_soon_threadsafe(synced.set)

    assert limits.FLAGS_SYNC_SECONDS <= 0.5
    monkeypatch.setattr(limits, "FLAGS_SYNC_SECONDS", 0.3)
    monkeypatch.setattr("os.fdatasync", note)
    await file_mail.fill(3)
    for uid in ("1", "2", "3"):
        await file_mail.flag(uid, FlagMode.ADD, "x")
    await asyncio.wait_for(synced.wait(), 5)
    assert calls == 1
    synced.clear()
    await file_mail.flag("1", FlagMode.ADD, "y")
    await asyncio.wait_for(synced.wait(), 5)


async def test_closing_syncs_and_leaves_one_file(file_mail: Mail) -> None:
    """A store that is closed has folded its log into the database."""
    await file_mail.fill(3)
    await file_mail.flag("1", FlagMode.ADD, "x")
    await file_mail.close()
    assert [path.name for path in file_mail.account_folder.iterdir()] == ["mail.sqlite3"]
    with pytest.raises(StoreUnavailable):
        await file_mail.append()
    with pytest.raises(StoreUnavailable):
        await file_mail.store.account(file_mail.account_id)
    await file_mail.open()
    assert await file_mail.flags() == {1: "x", 2: "", 3: ""}


async def test_the_log_is_folded_in_while_in_use(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write-ahead log does not grow without bound, whether mail or flags come in."""
    monkeypatch.setattr(limits, "WAL_PAGES", 50)
    wal = file_mail.account_folder / "mail.sqlite3-wal"
    await file_mail.fill(5)
    largest = 0
    for number in range(60):
        await file_mail.append(message(number, size=8000))
        for _ in range(3):
            await file_mail.flag("1:5", FlagMode.ADD if number % 2 else FlagMode.REMOVE, "x")
        largest = max(largest, wal.stat().st_size)
    assert largest < 4096 * 50 * 5


async def test_a_reader_does_not_hold_the_log_for_ever(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long read in a thread ends its snapshot, so that the log can be folded in afterwards."""
    await file_mail.fill(limits.ROWS_AT_ONCE * 2)
    inbox = await file_mail.id("INBOX")
    file_mail.account._states.clear()
    await file_mail.account.open_mailbox(inbox)
    assert file_mail.account._bulk is not None
    assert not file_mail.account._bulk.in_transaction
    assert not file_mail.account._reader.in_transaction


def test_folders_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new folder's name is synced in the folder above it; folders that are there cost nothing."""
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr("os.fsync", note)
    make_folder(tmp_path / "a" / "b" / "c")
    assert synced == [tmp_path.name, "a", "b"]
    make_folder(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


async def test_a_large_message_is_on_the_disk_before_its_row(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced, renamed and its name synced before the transaction commits."""
    order: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        order.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().suffix or 'folder'}")
        real_fsync(descriptor)

    def rename(path: Path, target: Path) -> Path:
        order.append("rename")
        return real_rename(path, target)

    def commit() -> bool:
        order.append("commit")
        return False

    monkeypatch.setattr("os.fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    file_mail.account._writer._connection.set_commit_hook(commit)
    await file_mail.append(message(1, size=limits.BLOB_IN_DATABASE * 3))
    assert order[-4:] == ["sync .part", "rename", "sync folder", "commit"]


async def test_after_a_failed_sync_the_log_starts_anew(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system could not write it may forget: before the next commit everything goes into the database."""
    await file_mail.fill(3)
    writer = file_mail.account._writer
    wal = file_mail.account_folder / "mail.sqlite3-wal"
    assert wal.stat().st_size > 0

    def refuse(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fdatasync", refuse)
    await file_mail.flag("1", FlagMode.ADD, "x")
    writer.sync_wal()
    monkeypatch.undo()
    before = wal.stat().st_size
    await file_mail.flag("2", FlagMode.ADD, "x")
    assert wal.stat().st_size < before
    assert not writer._distrusted
    assert await file_mail.flags() == {1: "x", 2: "x", 3: ""}


async def test_a_log_that_cannot_start_anew_refuses_changes(file_mail: Mail) -> None:
    """As long as the old log cannot be folded in, changes are refused as unavailable, then they work again."""
    await file_mail.fill(3)
    writer = file_mail.account._writer
    writer._connection.set_busy_timeout(10)
    writer._distrusted = True
    reader = apsw.Connection(str(file_mail.account.path))
    reader.execute("BEGIN; SELECT count(*) FROM message")
    with pytest.raises(StoreUnavailable):
        await file_mail.append()
    with pytest.raises(StoreUnavailable):
        await file_mail.flag("1", FlagMode.ADD, "x")
    reader.execute("ROLLBACK")
    reader.close()
    assert (await file_mail.append()).uid == 4


async def test_several_open_a_new_account_at_once(tmp_path: Path) -> None:
    """Whoever comes first creates it; all find the same."""
    stores = [Mail(tmp_path) for _ in range(4)]
    await asyncio.gather(*(each.open() for each in stores))
    boxes = [await each.box() for each in stores]
    assert all(box == boxes[0] for box in boxes)
    for each in stores:
        await each.append()
    assert await stores[0].uids() == [1, 2, 3, 4]
    for each in stores:
        await each.close()
