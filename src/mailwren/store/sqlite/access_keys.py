"""The account's secrets for URLs, one for each mailbox that it has authorized URLs of (RFC 4467 §2.2)."""

import apsw

from mailwren.store.operations import AccessKey, Done, ForgetAccessKeys, GiveAccessKey
from mailwren.store.sqlite.rows import fetch_value
from mailwren.store.sqlite.transaction import Transaction


def give_access_key(tx: Transaction, operation: GiveAccessKey) -> AccessKey:
    """Keep a fresh secret, unless there is one that is to stay."""
    conflict = "UPDATE SET secret = excluded.secret" if operation.replace else "NOTHING"
    tx.execute(
        f"INSERT INTO access_key VALUES(?, ?) ON CONFLICT DO {conflict}",
        (operation.scope, operation.fresh),
    )
    key = read_access_key(tx.connection, operation.scope)
    assert key is not None
    return AccessKey(key)


def forget_access_keys(tx: Transaction, _operation: ForgetAccessKeys) -> Done:
    """Forget all secrets."""
    tx.execute("DELETE FROM access_key")
    return Done()


def read_access_key(connection: apsw.Connection, scope: str) -> bytes | None:
    """The secret for a mailbox, if one was ever given."""
    key: bytes | None = fetch_value(connection, "SELECT secret FROM access_key WHERE mailbox = ?", (scope,))
    return key
