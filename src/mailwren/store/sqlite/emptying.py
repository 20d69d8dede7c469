"""Emptying an account that goes on: what stays is what a new account has."""

from mailwren.store.operations import DeleteMailbox, Done, EmptyAccount
from mailwren.store.sqlite.annotations import remove_annotations
from mailwren.store.sqlite.mailbox_operations import delete_mailbox
from mailwren.store.sqlite.message_operations import EVERYTHING, put_aside
from mailwren.store.sqlite.rows import fetch
from mailwren.store.sqlite.transaction import Transaction
from mailwren.store.values import ALL_MAILBOXES, INBOX


def empty_account(tx: Transaction, _operation: EmptyAccount) -> Done:
    """Remove all there is; limits stay."""
    names = {name: mailbox for mailbox, name in fetch(tx.connection, "SELECT id, name FROM mailbox ORDER BY name")}
    inbox = tx.mailbox(names.pop(INBOX))
    for name in names:
        delete_mailbox(tx, DeleteMailbox(name))
    if inbox.messages:
        put_aside(tx, inbox, EVERYTHING, tx.next_modseq())
    for mailbox in (inbox.id, ALL_MAILBOXES):
        remove_annotations(tx, mailbox)
    tx.execute("DELETE FROM import_key WHERE mailbox = ?", (inbox.id,))
    tx.execute("DELETE FROM subscription")
    inbox.acl = "{}"
    inbox.save_sharing(tx.connection)
    tx.touched(inbox)
    tx.list_changed = True
    return Done()
