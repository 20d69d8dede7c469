"""Folding the write-ahead log into the database while flags are being changed."""

import shutil
import threading
from pathlib import Path

import apsw
import pytest

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import FlagMode, SetFlags
from mailwren.store.sqlite.folding import Folding
from mailwren.store.sqlite.writer import Writer
from tests.contract.harness import Mail


async def _change(mail: Mail, number: int) -> bool:
    """Change a flag; whether that was done at once."""
    inbox = await mail.id("INBOX")
    mode = FlagMode.ADD if number % 2 else FlagMode.REMOVE
    operation = SetFlags(inbox, RangeSet.of([1 + (number - 1) // 2 % 5]), mode, ("x",))
    if mail.account.set_flags_at_once(operation) is not None:
        return True
    await mail.account.apply([operation])
    return False


async def _prepare(mail: Mail, patch: pytest.MonkeyPatch) -> None:
    await mail.fill(5)
    await mail.account.open_mailbox(await mail.id("INBOX"))
    for number in (1, 2):  # from now on the flag is known
        await _change(mail, number)
    patch.setattr(limits, "WAL_PAGES", 60)
    patch.setattr(limits, "WAL_PAGES_AHEAD", 400)


async def _change_until_folding(mail: Mail, folding: Folding) -> int:
    """Change flags until the log is being folded; how many."""
    number = 0
    while not folding.running:
        number += 1
        await _change(mail, number)
    return number


async def test_flags_are_changed_at_once_while_the_log_is_folded(
    file_mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changes wait only where the log has grown much longer; in the end all of it is in the database."""
    await _prepare(file_mail, monkeypatch)
    may = threading.Event()
    fold = Folding._fold

    def later(self: Folding) -> None:
        may.wait(20)
        fold(self)

    monkeypatch.setattr(Folding, "_fold", later)
    writer = file_mail.account._writer
    folding = writer._folding
    assert folding is not None
    at_once = [await _change(file_mail, number) for number in range(1, 31)]
    assert folding.running
    assert all(at_once)
    assert limits.WAL_PAGES < writer._wal_pages <= limits.WAL_PAGES_AHEAD
    at_once = [await _change(file_mail, number) for number in range(1, 201)]
    assert not all(at_once)
    may.set()
    await folding.end()
    await writer._idle.wait()
    await _change(file_mail, 1)
    assert writer._wal_pages < limits.WAL_PAGES
    assert await file_mail.flags() == {1: "x", 2: "", 3: "", 4: "", 5: ""}


async def test_most_is_folded_beside_changes(file_mail: Mail, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was in the log when folding began is in the database before the writer's own connection folds."""
    await _prepare(file_mail, monkeypatch)
    writer = file_mail.account._writer
    folding = writer._folding
    assert folding is not None
    await _change_until_folding(file_mail, folding)
    folding._ended = lambda: None  # type: ignore[misc] # else the writer's own folding would follow
    await folding.end()
    alone = tmp_path / "alone.sqlite3"
    shutil.copy(file_mail.account_folder / "mail.sqlite3", alone)
    connection = apsw.Connection(str(alone))
    assert connection.execute("SELECT modseq FROM meta").get == file_mail.sql("SELECT modseq FROM meta")[0][0]
    connection.close()


async def test_a_disk_that_fails_is_distrusted(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error of the disk nothing is written behind what may be lost; changes go on once it is all folded."""
    await _prepare(file_mail, monkeypatch)

    def fail(_folding: Folding) -> None:
        raise apsw.IOError("the disk is broken")

    monkeypatch.setattr(Folding, "_fold", fail)
    writer = file_mail.account._writer
    folding = writer._folding
    assert folding is not None
    number = await _change_until_folding(file_mail, folding)
    await folding.end()
    await writer._idle.wait()
    assert _is_distrusted(writer)
    assert not await _change(file_mail, number + 1)
    await writer._idle.wait()
    assert not _is_distrusted(writer)
    monkeypatch.undo()
    await _change(file_mail, 2)
    assert [await _change(file_mail, number) for number in (3, 4)] == [True] * 2


def _is_distrusted(writer: Writer) -> bool:
    return writer._distrusted


async def test_closing_waits_for_folding(file_mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that is closed meanwhile leaves one file."""
    await _prepare(file_mail, monkeypatch)
    folding = file_mail.account._writer._folding
    assert folding is not None
    number = 0
    while not folding.running:
        number += 1
        await _change(file_mail, number)
    await file_mail.close()
    assert [path.name for path in file_mail.account_folder.iterdir()] == ["mail.sqlite3"]
    await file_mail.open()
