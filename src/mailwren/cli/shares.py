"""`mailwren share …`: who may do what with whose mailboxes. A running server notices; a change counts at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from mailwren.cli.access import open_store, open_users
from mailwren.cli.accounts import account_of, accounts_by_name, subscribe
from mailwren.cli.data_folder import existing_data
from mailwren.cli.failures import CommandRefused, Misuse
from mailwren.cli.group import new_group
from mailwren.cli.options import ConfigOption, DataOption, JsonOption, read_config
from mailwren.cli.output import clean, print_json, print_table
from mailwren.config.settings import Config

if TYPE_CHECKING:
    from mailwren.auth.users import UserDirectory
    from mailwren.server.identifiers import Owner
    from mailwren.store.api import Account
    from mailwren.store.values import Mailbox

shares = new_group(help="Share mailboxes of users and teams. A running server notices at once.")

OwnerArgument = Annotated[
    str, typer.Argument(metavar="OWNER", help="The user or team whose it is.", show_default=False)
]
MailboxArgument = Annotated[
    str, typer.Argument(metavar="MAILBOX", help="Its name in the owner's account, such as INBOX.", show_default=False)
]
WhoArgument = Annotated[
    str,
    typer.Argument(
        metavar="WHO",
        help='A user, a group, or "anyone"; with a dash before it: rights that are taken away (write -- before it).',
        show_default=False,
    ),
]
Below = Annotated[bool, typer.Option("--below", help="And all mailboxes below it; below INBOX: all there are.")]
NAMED_RIGHTS: Final = {"read": "lrs", "write": "lrswiten", "manage": "lrswipkxten", "admin": "lrswipkxtena"}
"""What words stand for sets of rights: read; also change, add and remove messages; also mailboxes; also the list."""
_PRIVATE_WORDS: Final = {
    "seen": "\\Seen",
    "answered": "\\Answered",
    "flagged": "\\Flagged",
    "draft": "\\Draft",
    "keywords": "*",
}
_NEVER_PRIVATE: Final = frozenset({"deleted", "recent"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Share:
    """An account that mailboxes are shared of."""

    directory: "UserDirectory"
    account: "Account"
    owner: "Owner"
    name: str
    """The owner's."""

    async def mailboxes(self, name: str, *, below: bool = False) -> list["Mailbox"]:
        """A mailbox, and those below it; below INBOX as others see it is everything. Raises CommandRefused."""
        from mailwren.store.errors import NoSuchMailbox
        from mailwren.store.values import INBOX, SEPARATOR

        try:
            first = await self.account.mailbox(name)
        except NoSuchMailbox as error:
            raise CommandRefused(f"{self.name} has no mailbox {name}.") from error
        others = (await self.account.mailboxes()).values() if below else ()
        prefix = "" if first.name == INBOX else first.name + SEPARATOR
        return [first, *(each for each in others if each.name.startswith(prefix) and each.id != first.id)]


@shares.command("set")
def set_share(
    context: typer.Context,
    *,
    owner: OwnerArgument,
    mailbox: MailboxArgument,
    who: WhoArgument,
    rights: Annotated[
        str,
        typer.Argument(
            metavar="RIGHTS",
            help="read, write, manage, admin, or letters of RFC 4314; + before letters adds, - takes away.",
            show_default=False,
        ),
    ],
    below: Below = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Give somebody rights in a mailbox. Users who are named, by themselves or by a group, subscribe to it."""
    from mailwren.imap.rights import changed_rights
    from mailwren.server.identifiers import change_entry, entry_of, identify

    sign, wanted = _read_rights(rights)

    async def work(share: _Share) -> list[str]:
        identifier = _identified(lambda: identify(share.directory, who))
        names: list[str] = []
        for each in await share.mailboxes(mailbox, below=below):
            now = changed_rights(entry_of(each.acl, identifier, share.owner), sign, wanted)
            await change_entry(share.directory, share.account, each, share.owner, identifier=identifier, rights=now)
            print(f"{clean(_full_name(share, each.name))}: {who} {_letters(now)}")
            if "l" in now:
                names.append(each.name)
        return names

    settings = read_config(context, data, config)
    names = _with_share(settings, owner, work)
    _subscribe(settings, owner, who, names)


@shares.command("remove")
def remove_share(
    context: typer.Context,
    *,
    owner: OwnerArgument,
    mailbox: MailboxArgument,
    who: WhoArgument,
    below: Below = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Take somebody's entry away from a mailbox's list."""
    from mailwren.server.identifiers import change_entry, identify

    async def work(share: _Share) -> None:
        identifier = _identified(lambda: identify(share.directory, who))
        for each in await share.mailboxes(mailbox, below=below):
            await change_entry(
                share.directory, share.account, each, share.owner, identifier=identifier, rights=frozenset()
            )
            print(f"{clean(_full_name(share, each.name))}: {who} has no entry")

    _with_share(read_config(context, data, config), owner, work)


@shares.command("show")
def show_share(
    context: typer.Context,
    *,
    owner: OwnerArgument,
    mailbox: MailboxArgument,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show who may do what with a mailbox, and which flags everybody has for himself."""

    async def work(share: _Share) -> dict[str, Any]:
        (each,) = await share.mailboxes(mailbox)
        return _facts(share, each)

    facts = _with_share(read_config(context, data, config), owner, work)
    if as_json:
        print_json(facts)
        return
    print(f"mailbox        {clean(facts['name'])}")
    print(f"private flags  {' '.join(facts['private_flags']) or 'none'}")
    print()
    print_table(("who", "rights"), list(facts["rights"].items()))


@shares.command("list")
def list_shares(
    context: typer.Context,
    *,
    owner: Annotated[
        str, typer.Argument(metavar="[OWNER]", help="Only of this user or team.", show_default=False)
    ] = "",
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """List every mailbox that is shared, with whom, and what they may do."""

    async def work(share: _Share) -> list[dict[str, Any]]:
        return [_facts(share, each) for each in (await share.account.mailboxes()).values() if _is_shared(share, each)]

    settings = read_config(context, data, config)
    existing_data(settings)
    if owner:
        owners = [owner]
    else:
        with open_users(settings) as directory:
            sharing = set(directory.grants.accounts())
            teams = {group.group_id for group in directory.groups.groups()}
            owners = [name for name, key in accounts_by_name(directory).items() if key in sharing or key in teams]
    found = [facts for name in owners for facts in _with_share(settings, name, work)]
    if as_json:
        print_json(found)
        return
    rows = [(facts["name"], who, rights) for facts in found for who, rights in facts["rights"].items()]
    print_table(("mailbox", "who", "rights"), rows)


@shares.command("private")
def choose_private_flags(
    context: typer.Context,
    *,
    owner: OwnerArgument,
    mailbox: MailboxArgument,
    flags: Annotated[
        str,
        typer.Argument(
            metavar="FLAGS",
            help='Of seen, answered, flagged, draft, keywords and single keywords, with commas between; or "none".',
            show_default=False,
        ),
    ],
    below: Below = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Choose which flags everybody who uses a mailbox has for himself; the others are the same for all."""
    from mailwren.store.operations import SetPrivateFlags

    chosen = _read_flags(flags)

    async def work(share: _Share) -> None:
        for each in await share.mailboxes(mailbox, below=below):
            await share.account.apply([SetPrivateFlags(each.id, chosen)])
            print(f"{clean(_full_name(share, each.name))}: private flags {' '.join(sorted(chosen)) or 'none'}")

    _with_share(read_config(context, data, config), owner, work)


@shares.command("reindex")
def reindex_shares(context: typer.Context, *, data: DataOption = None, config: ConfigOption = None) -> None:
    """Read every list again, after accounts or the user database were put back from a backup.

    The server looks for shared mailboxes only where its index says that something is shared.
    """
    from mailwren.server.identifiers import named
    from mailwren.store.check import account_folders

    async def work(share: _Share) -> int:
        identifiers = [each for each in named(await share.account.mailboxes()) if not each.startswith("-")]
        share.directory.grants.note(share.account.id, identifiers)
        return len(identifiers)

    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        accounts = accounts_by_name(directory)
    there = {folder.name for folder in account_folders(settings.data)}
    counts = [_with_share(settings, name, work) for name, key in accounts.items() if key in there]
    print(f"{len(counts)} accounts read, {sum(map(bool, counts))} share something.")


# --- what they have in common ---------------------------------------------------------------------------------
def _with_share(config: Config, owner: str, work: Callable[[_Share], Coroutine[Any, Any, T]]) -> T:
    existing_data(config)

    async def run() -> T:
        async with _opened(config, owner) as share:
            return await work(share)

    return asyncio.run(run())


@asynccontextmanager
async def _opened(config: Config, name: str) -> AsyncIterator[_Share]:
    from mailwren.auth.grants import Sharer
    from mailwren.server.identifiers import Owner
    from mailwren.store.defaults import ensure_default_mailboxes

    with open_users(config) as directory:
        account_id = account_of(directory, name)
        team = directory.groups.find_id(account_id)
        known = team.name if team is not None else directory.get(name).name
        owner = Owner.of(account_id, Sharer(known, account_id, True) if team is not None else None)
        async with open_store(config) as store:
            account = await store.account(account_id)
            try:
                if team is None:  # whose first login may be to come
                    await ensure_default_mailboxes(account, config.default_mailboxes)
                yield _Share(directory, account, owner, known)
            finally:
                await store.release(account)


def _full_name(share: _Share, mailbox: str) -> str:
    """A mailbox as others see it."""
    from mailwren.server.namespaces import OTHER_USERS, SHARED, put_together

    is_team = share.directory.groups.find_id(share.account.id) is not None
    return put_together(SHARED if is_team else OTHER_USERS, share.name, mailbox)


def _is_shared(share: _Share, mailbox: "Mailbox") -> bool:
    return bool(mailbox.acl) or share.directory.groups.find_id(share.account.id) is not None


def _facts(share: _Share, mailbox: "Mailbox") -> dict[str, Any]:
    from mailwren.server.identifiers import entries

    return {
        "name": _full_name(share, mailbox.name),
        "owner": share.name,
        "mailbox": mailbox.name,
        "rights": {who: _letters(rights) for who, rights in entries(share.directory, mailbox.acl, share.owner)},
        "private_flags": sorted(mailbox.private_flags),
    }


def _letters(rights: frozenset[str]) -> str:
    from mailwren.imap.rights import stored_rights

    return stored_rights(rights) or "nothing"


def _read_rights(text: str) -> tuple[str, frozenset[str]]:
    """Sign and rights of a word or of letters. Raises Misuse."""
    from mailwren.imap.errors import BadCommand
    from mailwren.imap.rights import parse_rights

    sign = text[:1] if text[:1] in {"+", "-"} else ""
    letters = text[len(sign) :]
    try:
        return sign, parse_rights(NAMED_RIGHTS.get(letters, letters))
    except BadCommand as error:
        raise Misuse(f"{error}. Say one of {', '.join(NAMED_RIGHTS)}, or letters of lrswipkxtena.") from error


def _identified(identify: Callable[[], T]) -> T:
    from mailwren.imap.errors import ImapError

    try:
        return identify()
    except ImapError as error:
        raise CommandRefused(f"{error}.") from error


def _read_flags(text: str) -> frozenset[str]:
    """The flags of a list. Raises CommandRefused."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if any(word.lower().lstrip("\\") in _NEVER_PRIVATE for word in words):
        raise CommandRefused("\\Deleted is always the same for all.")
    if [word.lower() for word in words] == ["none"]:
        return frozenset()
    return frozenset(_PRIVATE_WORDS.get(word.lower().lstrip("\\"), word) for word in words)


def _subscribe(config: Config, owner: str, who: str, mailboxes: Sequence[str]) -> None:
    """Have users subscribe to what they may list now; not everybody where it is for anyone."""
    from mailwren.server.namespaces import OTHER_USERS, SHARED, put_together

    with open_users(config) as directory:
        account_id = account_of(directory, owner)
        team = directory.groups.find_id(account_id)
        root, name = (SHARED, team.name) if team is not None else (OTHER_USERS, directory.get(owner).name)
        group = directory.groups.find(who)
        users = directory.groups.members(who) if group is not None else [who] if directory.find(who) else []
        accounts = [key for user in users if (key := directory.get(user).account_id) != account_id]
    if mailboxes and accounts:
        asyncio.run(subscribe(config, accounts, [put_together(root, name, mailbox) for mailbox in mailboxes]))
