"""packaging/mailwren-backup: a copy of a data folder that is in use, and what it takes to live from it."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from mailwren.auth.users import UserDirectory
from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.base.ranges import RangeSet
from mailwren.store.check import account_folders, check_account
from mailwren.store.operations import Append, FlagMode, SetFlags
from mailwren.store.sqlite.store import SqliteMailStore

SCRIPT = Path(__file__).parents[2] / "packaging" / "mailwren-backup"
SMALL = b"Subject: small\r\n\r\nx\r\n"
LARGE = b"Subject: large\r\n\r\n" + os.urandom(limits.BLOB_IN_DATABASE).hex().encode()

pytestmark = pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3, the program, is not installed")


def _back_up(data: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, data, target], capture_output=True, text=True, check=False)


async def _octets(data: Path) -> list[bytes]:
    """The messages of the account's INBOX."""
    store = SqliteMailStore(data)
    account = await store.account("a1")
    state = await account.open_mailbox((await account.mailbox("INBOX")).id)
    messages = [await account.read(ContentId(content)) for content in state.contents]
    await store.release(account)
    await store.close()
    return messages


def test_a_copy_of_a_folder_in_use_is_whole(tmp_path: Path) -> None:
    """Everything committed so far is in it, also what is not synced yet; once more takes up what came since."""
    data, copy = tmp_path / "the data", tmp_path / "the copy"

    async def use() -> None:
        store = SqliteMailStore(data)
        account = await store.account("a1")
        inbox = (await account.mailbox("INBOX")).id
        await account.apply([Append(inbox, SMALL), Append(inbox, LARGE)])
        await account.apply([SetFlags(inbox, RangeSet([(1, 1)]), FlagMode.ADD, ("\\Seen",))])
        assert _back_up(data, copy).returncode == 0
        (folder,) = account_folders(copy)
        assert check_account(folder) == []
        await account.apply([Append(inbox, LARGE + b"more")])
        assert _back_up(data, copy).returncode == 0
        await store.release(account)
        await store.close()

    UserDirectory(data / "users.sqlite3").close()
    asyncio.run(use())
    (folder,) = account_folders(copy)
    assert check_account(folder) == []
    assert not list(copy.rglob("*.new"))
    assert asyncio.run(_octets(copy)) == [SMALL, LARGE, LARGE + b"more"]
    assert (copy / "users.sqlite3").exists()


def test_what_cannot_be_copied_is_told_and_the_rest_is_copied(tmp_path: Path) -> None:
    """A damaged database gives status 1 and never replaces the copy of before."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    UserDirectory(data / "users.sqlite3").close()
    for name in ("a1", "b1"):
        folder = data / "accounts" / name / name
        folder.mkdir(parents=True)
        UserDirectory(folder / "mail.sqlite3").close()
    assert _back_up(data, copy).returncode == 0
    (data / "accounts" / "a1" / "a1" / "mail.sqlite3").write_bytes(b"x" * 100_000)
    (copy / "accounts" / "b1" / "b1" / "mail.sqlite3").unlink()
    result = _back_up(data, copy)
    assert result.returncode == 1
    assert result.stderr
    assert (copy / "accounts" / "a1" / "a1" / "mail.sqlite3").read_bytes().startswith(b"SQLite format 3")
    assert (copy / "accounts" / "b1" / "b1" / "mail.sqlite3").exists()
