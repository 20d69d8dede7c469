"""Verifying stored accounts against the contract, and repairing what can be; for `mailwren check`.

Reads only, unless asked to repair, and works while the server runs.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import apsw

from mailwren.base import limits
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.blobs.folder import FolderBlobs
from mailwren.store.findings import Finding, Severity
from mailwren.store.sqlite.checking import AccountCheck
from mailwren.store.sqlite.folders import BLOBS_NAME, DATABASE_NAME
from mailwren.store.sqlite.repair import repair as repair_account
from mailwren.store.sqlite.schema import MIGRATIONS

__all__ = ["Finding", "Severity", "account_folders", "check_account"]


def account_folders(data: Path) -> Iterator[Path]:
    """The folders of all accounts of a data folder; a folder's name is the account's id."""
    for folder in sorted((data / "accounts").glob("*/*")):
        if folder.is_dir() and not folder.name.startswith("."):
            yield folder


def check_account(folder: Path, *, repair: bool = False) -> list[Finding]:
    """Everything that is not as it must be in one account; nothing is changed unless ``repair`` is asked for.

    Args:
        folder: the account's folder, see :func:`account_folders`.
        repair: compute anew what is derived, set aside what is lost; the findings say which ones that made right.
    """
    path = folder / DATABASE_NAME
    if not path.is_file():
        return [Finding(Severity.ERROR, f"there is no {DATABASE_NAME}", "restore the account from a backup")]
    try:
        return _repaired(folder, path) if repair else _look(folder, path)[0]
    except (apsw.Error, OSError) as error:
        what = f"the database cannot be read: {error}"
        return [Finding(Severity.ERROR, what, "restore the account from a backup; free the disk if it is full")]


def _look(folder: Path, path: Path) -> tuple[list[Finding], AccountCheck | None]:
    version = _version(path)
    if version != len(MIGRATIONS):
        what = f"the database has version {version}, this program's is {len(MIGRATIONS)}"
        return [Finding(Severity.NOTE, what, "start the server once to bring it up to date, or upgrade")], None
    check = AccountCheck(path, FolderBlobs(folder / BLOBS_NAME, OctetCache(limits.BLOB_FRAME)))
    try:
        return list(check.findings()), check
    finally:
        check.close()


def _version(path: Path) -> object:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(int(limits.DATABASE_BUSY_SECONDS * 1000))
    try:
        return connection.pragma("user_version")
    finally:
        connection.close()


def _repaired(folder: Path, path: Path) -> list[Finding]:
    before, check = _look(folder, path)
    if check is None or not before:
        return before
    repair_account(path, FolderBlobs(folder / BLOBS_NAME, OctetCache(limits.BLOB_FRAME)), check, time.time())
    left = {finding.kind or finding.what for finding in _look(folder, path)[0]}
    return [replace(finding, repaired=(finding.kind or finding.what) not in left) for finding in before]
