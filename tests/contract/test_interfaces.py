"""What is built is what the interfaces ask for; the type checker reads this file, too."""

from pathlib import Path

from mailwren.store.api import Account, MailStore
from mailwren.store.blobs.api import BlobStore
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.blobs.folder import FolderBlobs
from mailwren.store.blobs.memory import MemoryBlobs
from mailwren.store.sqlite.store import SqliteMailStore
from tests.contract.harness import Mail


async def test_the_store_is_a_mail_store(mail: Mail, tmp_path: Path) -> None:
    """Store, account and blobs can stand wherever their interfaces are asked for."""
    store: MailStore = mail.store
    account: Account = mail.account
    blobs: list[BlobStore] = [FolderBlobs(tmp_path, OctetCache(1)), MemoryBlobs()]
    assert isinstance(store, SqliteMailStore)
    assert account.id == mail.account_id
    assert [list(each.list()) for each in blobs] == [[], []]


async def test_nothing_to_do_is_done_at_once(mail: Mail) -> None:
    """An empty list of operations has no outcomes."""
    assert await mail.account.apply([]) == []
