"""Where things lie in the data folder.

    <data>/accounts/<first two characters of the id>/<id>/mail.sqlite3   the account's database (WAL)
                                                          blobs/ab/<sha256>   large messages

Nothing in the process may open ``mail.sqlite3`` or ``mail.sqlite3-shm`` but SQLite itself: closing any other file
descriptor of these files would drop SQLite's locks (POSIX advisory locks belong to the process).
"""

import re
from pathlib import Path
from typing import Final

DATABASE_NAME: Final = "mail.sqlite3"
BLOBS_NAME: Final = "blobs"
_ACCOUNT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def check_account_id(account_id: str) -> str:
    """The id as it is, if it can name a folder on any file system. Raises ValueError."""
    if not _ACCOUNT_ID.fullmatch(account_id):
        raise ValueError(f"not an account id: {account_id!r}")
    return account_id


def account_folder(data: Path, account_id: str) -> Path:
    """The folder of an account, whether it exists or not. Raises ValueError for an id that cannot be one."""
    check_account_id(account_id)
    return data / "accounts" / account_id[:2] / account_id
