"""What commands do with the accounts and names of users and teams alike."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from mailwren.cli.access import open_store
from mailwren.cli.failures import CommandRefused
from mailwren.cli.output import print_table, size_text
from mailwren.cli.passwords import on_terminal
from mailwren.config.settings import Config

if TYPE_CHECKING:
    from mailwren.auth.users import UserDirectory
    from mailwren.store.values import Mailbox, Usage


def account_of(directory: "UserDirectory", name: str) -> str:
    """The account of a user or of a team. Raises NoSuchUser."""
    group = directory.groups.find(name)
    if group is not None and group.has_mailbox:
        return group.group_id
    return directory.get(name).account_id


def accounts_by_name(directory: "UserDirectory") -> dict[str, str]:
    """The accounts of all users and teams, by name."""
    accounts = {user.name: user.account_id for user in directory.users()}
    return accounts | {group.name: group.group_id for group in directory.groups.groups() if group.has_mailbox}


def changed_names(names: Collection[str], add: Iterable[str] | None, remove: Iterable[str] | None) -> list[str]:
    """Aliases after the change. Raises CommandRefused for one that is not there."""
    kept = list(names)
    for name in remove or ():
        if name.lower() not in kept:
            raise CommandRefused(f"{name} is no alias.")
        kept.remove(name.lower())
    return [*kept, *(add or ())]


def confirm(question: str) -> None:
    """Ask before mail goes for good, where there is someone to answer. Raises CommandRefused."""
    if not on_terminal():
        raise CommandRefused("Removing asks before it does: say --yes where nobody can answer.")
    if not typer.confirm(question, err=True):
        raise CommandRefused("Nothing was removed.")


async def remove_mail(config: Config, account_id: str) -> None:
    """Delete an account's mail for good."""
    async with open_store(config) as store:
        await store.remove(account_id)


async def empty_mail(config: Config, account_id: str) -> None:
    """Delete, for good, all that an account holds, which may be in use and goes on to be."""
    from mailwren.store.operations import EmptyAccount

    async with open_store(config) as store:
        account = await store.account(account_id)
        try:
            await account.apply([EmptyAccount()])
        finally:
            await store.release(account)
        await store.sweep(account_id, restorable=-1.0)


async def look_into(config: Config, account_id: str) -> tuple["Usage", list["Mailbox"]]:
    """Usage and mailboxes of an account."""
    async with open_store(config) as store:
        account = await store.account(account_id)
        try:
            return await account.usage(), list((await account.mailboxes()).values())
        finally:
            await store.release(account)


async def subscribe(config: Config, accounts: Sequence[str], names: Sequence[str]) -> None:
    """Subscribe users to mailboxes of others: several mail programs show nothing else."""
    from mailwren.store.operations import SetSubscription

    async with open_store(config) as store:
        for account_id in accounts:
            account = await store.account(account_id)
            try:
                await account.apply([SetSubscription(name, True) for name in names])
            finally:
                await store.release(account)


def mailbox_facts(mailbox: "Mailbox") -> dict[str, Any]:
    """A mailbox for scripts."""
    return {
        "name": mailbox.name,
        "messages": mailbox.messages,
        "unseen": mailbox.unseen,
        "octets": mailbox.size,
        "special_use": list(mailbox.special_use),
    }


def print_mailboxes(mailboxes: Iterable["Mailbox"]) -> None:
    """Mailboxes as a table."""
    rows = [
        (
            mailbox.name,
            f"{mailbox.messages:,}",
            f"{mailbox.unseen:,}",
            size_text(mailbox.size),
            " ".join(mailbox.special_use),
        )
        for mailbox in mailboxes
    ]
    print_table(("mailbox", "messages", "unseen", "size", "use"), rows, right=(1, 2, 3))
