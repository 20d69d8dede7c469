"""`mailwren user …`: the users of a server. They work while it runs; a change counts at once."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailwren.cli.access import open_users
from mailwren.cli.accounts import changed_names, confirm, look_into, mailbox_facts, print_mailboxes, remove_mail
from mailwren.cli.data_folder import existing_data, prepare_data
from mailwren.cli.failures import CommandRefused, Misuse
from mailwren.cli.group import new_group
from mailwren.cli.options import ConfigOption, DataOption, JsonOption, UserArgument, read_config
from mailwren.cli.output import (
    clean,
    count_text,
    notice,
    print_json,
    print_panel,
    print_table,
    size_text,
    time_text,
)
from mailwren.cli.passwords import get_password
from mailwren.cli.quotas import (
    Annotations,
    Mailboxes,
    Messages,
    Storage,
    apply_quota,
    changed_quota,
    quota_facts,
    quota_of,
    quota_text,
    read_quota,
)
from mailwren.config.settings import Config

if TYPE_CHECKING:
    from mailwren.auth.users import User, UserDirectory

users = new_group(help="The users: add, list, change and remove them. A running server notices at once.")

PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make up a password and print it.")]


@users.command("add")
def add_user(
    context: typer.Context,
    *,
    name: UserArgument,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    alias: Annotated[
        list[str] | None, typer.Option("--alias", metavar="NAME", help="Another name or address; may be repeated.")
    ] = None,
    storage: Storage = None,
    messages: Messages = None,
    mailboxes: Mailboxes = None,
    annotations: Annotations = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a user.

    Asks for the password; without a terminal, makes one up and prints it.
    """
    from mailwren.auth.hashing import hash_password
    from mailwren.auth.mechanisms import derived_secrets

    settings = read_config(context, data, config)
    quota = read_quota(storage, messages, mailboxes, annotations)
    if prepare_data(settings):
        notice(f"New data folder: {settings.data}")
    with open_users(settings) as directory:
        _require_new(directory, name)
        password, made_up = get_password(from_stdin=password_stdin, generate=generate)
        user = directory.add(
            name,
            hash_password(password),
            quota_octets=quota.octets,
            quota_messages=quota.messages,
            quota_mailboxes=quota.mailboxes,
            quota_annotations=quota.annotation_octets,
            aliases=alias or (),
        )
        kept = derived_secrets(password, with_cram_md5=settings.cram_md5)
        directory.secrets.keep(user.account_id, user.password_hash, kept)
    limits = quota_of(settings, user)
    if any(limit is not None for limit in limits):
        asyncio.run(apply_quota(settings, user.account_id, limits))
    _tell_password(user.name, password, made_up, "added")


@users.command("list")
def list_users(
    context: typer.Context, *, as_json: JsonOption = False, data: DataOption = None, config: ConfigOption = None
) -> None:
    """List the users, one per line."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        everyone = directory.users()
    if as_json:
        print_json([_user_facts(user) for user in everyone])
        return
    rows = [
        (
            user.name,
            "yes" if user.enabled else "no",
            time_text(user.created),
            size_text(user.quota_octets) if user.quota_octets is not None else "default",
            ", ".join(user.aliases),
        )
        for user in everyone
    ]
    print_table(("name", "enabled", "created", "quota", "aliases"), rows)


@users.command("password")
def change_password(
    context: typer.Context,
    *,
    name: UserArgument,
    password_stdin: PasswordStdin = False,
    generate: Generate = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a user another password. Sessions that are logged in stay so."""
    from mailwren.auth.hashing import hash_password
    from mailwren.auth.mechanisms import derived_secrets

    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        user = directory.get(name)
        password, made_up = get_password(from_stdin=password_stdin, generate=generate)
        user = directory.set_password_hash(user.name, hash_password(password))
        kept = derived_secrets(password, with_cram_md5=settings.cram_md5)
        directory.secrets.keep(user.account_id, user.password_hash, kept)
    _tell_password(user.name, password, made_up, "has a new password")


@users.command("remove")
def remove_user(
    context: typer.Context,
    *,
    name: UserArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_mail: Annotated[
        bool, typer.Option("--keep-mail", help="Leave the mail on disk, where `mailwren check` will list it.")
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove a user and, for good, the user's mail."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        user = directory.get(name)
        if not yes:
            what = "Remove the user" if keep_mail else "Remove the user and, for good, all mail of"
            confirm(f"{what} {user.name}?")
        directory.remove(user.name)
    if not keep_mail:
        asyncio.run(remove_mail(settings, user.account_id))
    kept = f" The mail is still there, as account {user.account_id}." if keep_mail else ""
    print(f"User {user.name} removed.{kept}")


@users.command("show")
def show_user(
    context: typer.Context,
    *,
    name: UserArgument,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show a user: usage, quota and every mailbox."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        user = directory.get(name)
    usage, mailboxes = asyncio.run(look_into(settings, user.account_id))
    if as_json:
        print_json(
            _user_facts(user)
            | {
                "usage": {
                    "octets": usage.octets,
                    "messages": usage.messages,
                    "mailboxes": usage.mailboxes,
                    "annotation_octets": usage.annotation_octets,
                }
            }
            | {"mailboxes": [mailbox_facts(mailbox) for mailbox in mailboxes]}
        )
        return
    for label, value in (
        ("user", user.name),
        ("aliases", ", ".join(user.aliases) or "none"),
        ("enabled", "yes" if user.enabled else "no"),
        ("created", time_text(user.created)),
        ("account", user.account_id),
        ("storage", f"{size_text(usage.octets)} of {size_text(usage.octets_limit)}"),
        ("messages", f"{count_text(usage.messages)} of {count_text(usage.messages_limit)}"),
        ("mailboxes", f"{count_text(usage.mailboxes)} of {count_text(usage.mailboxes_limit)}"),
        ("annotations", f"{size_text(usage.annotation_octets)} of {size_text(usage.annotation_octets_limit)}"),
    ):
        print(f"{label:<11} {clean(value)}")
    print()
    print_mailboxes(mailboxes)


@users.command("quota")
def change_quota(
    context: typer.Context,
    *,
    name: UserArgument,
    storage: Storage = None,
    messages: Messages = None,
    mailboxes: Mailboxes = None,
    annotations: Annotations = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Limit how much mail a user may keep. What is over the limit already stays; nothing more comes in."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        user = directory.get(name)
        quota = changed_quota(user, storage, messages, mailboxes, annotations)
        user = directory.set_quota(
            user.name,
            octets=quota.octets,
            messages=quota.messages,
            mailboxes=quota.mailboxes,
            annotations=quota.annotation_octets,
        )
    limits = quota_of(settings, user)
    asyncio.run(apply_quota(settings, user.account_id, limits))
    print(f"User {user.name} may keep: {quota_text(limits)}.")


@users.command("alias")
def change_aliases(
    context: typer.Context,
    *,
    name: UserArgument,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="NAME", help="Add one; may be repeated.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NAME", help="Take one away; may be repeated.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Change or list the other names and addresses that a user logs in with and gets mail for."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        user = directory.get(name)
        if add or remove:
            user = directory.set_aliases(user.name, changed_names(user.aliases, add, remove))
    for alias in user.aliases:
        print(alias)


@users.command("enable")
def enable_user(
    context: typer.Context, *, name: UserArgument, data: DataOption = None, config: ConfigOption = None
) -> None:
    """Let a user log in again."""
    _set_enabled(context, name, True, data, config)


@users.command("disable")
def disable_user(
    context: typer.Context, *, name: UserArgument, data: DataOption = None, config: ConfigOption = None
) -> None:
    """Keep a user from logging in. The mail is kept; new mail for the user is refused."""
    _set_enabled(context, name, False, data, config)


@users.command("restored")
def mark_users_restored(
    context: typer.Context,
    *,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]…", help="The users' names.", show_default=False)
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All users.")] = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Say that users' files were put back from an older copy, with the server stopped.

    Their mailboxes get a new UIDVALIDITY, so that mail programs read them anew instead of taking new messages for those
    that were lost with the copy.
    """
    from mailwren.store.bus_unix import is_served

    if bool(names) == everyone:
        raise Misuse("Say whose files they are: names, or --all.")
    settings = read_config(context, data, config)
    existing_data(settings)
    if is_served(settings.data):
        raise CommandRefused(f"A server runs on {settings.data}: stop it first.")
    with open_users(settings) as directory:
        chosen = directory.users() if everyone else [directory.get(name) for name in names or ()]
    _mark_restored(settings, chosen)


def _mark_restored(config: Config, chosen: "list[User]") -> None:
    """Give each user's mailboxes a new UIDVALIDITY. Raises CommandRefused: not all could be."""
    from mailwren.search.index.folder import remove_index
    from mailwren.store.errors import StoreError
    from mailwren.store.sqlite.folders import account_folder
    from mailwren.store.sqlite.restored import mark_restored

    failed = 0
    for user in chosen:
        folder = account_folder(config.data, user.account_id)
        if not folder.is_dir():
            continue
        try:
            remove_index(folder)  # it may be about what is no more
            count = mark_restored(folder, time.time())
        except StoreError as error:
            failed += 1
            notice(f"{user.name}: {error}")
        else:
            print(f"{user.name}: mail programs will read {count} mailboxes anew.")
    if failed:
        raise CommandRefused(f"Not done for {failed} of {len(chosen)} users; `mailwren check` says more.")


def _require_new(directory: "UserDirectory", name: str) -> None:
    """Refuse a wrong or taken name before a password is asked for."""
    from mailwren.auth.errors import UserExists
    from mailwren.auth.preparation import prepare_user_name

    name = prepare_user_name(name)
    if directory.find(name) is not None:
        raise UserExists(f"There is already a user {name}.")


def _tell_password(name: str, password: str, made_up: bool, done: str) -> None:
    """Say what was done, with a password that nobody knows yet."""
    if made_up:
        print_panel(f"User {name} {done}", (f"user      {name}", f"password  {password}"))
    else:
        print(f"User {name} {done}.")


def _set_enabled(context: typer.Context, name: str, enabled: bool, data: Path | None, config: Path | None) -> None:
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        user = directory.set_enabled(directory.get(name).name, enabled)
    print(f"User {user.name} {'may log in' if enabled else 'cannot log in any more'}.")


def _user_facts(user: "User") -> dict[str, Any]:
    """A user for scripts: everything but the password."""
    return {
        "name": user.name,
        "aliases": list(user.aliases),
        "enabled": user.enabled,
        "created": user.created,
        "account": user.account_id,
        "quota": quota_facts(user),
    }
