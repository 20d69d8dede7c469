"""`mailwren group …`: groups of users, and their team mailboxes. They work while the server runs."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailwren.cli.access import open_users
from mailwren.cli.accounts import (
    changed_names,
    confirm,
    empty_mail,
    look_into,
    mailbox_facts,
    print_mailboxes,
    remove_mail,
    subscribe,
)
from mailwren.cli.data_folder import existing_data
from mailwren.cli.failures import CommandRefused
from mailwren.cli.group import new_group
from mailwren.cli.options import ConfigOption, DataOption, JsonOption, read_config
from mailwren.cli.output import clean, count_text, print_json, print_table, size_text, time_text
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
)
from mailwren.config.settings import Config

if TYPE_CHECKING:
    from mailwren.auth.groups import Group
    from mailwren.auth.users import UserDirectory

groups = new_group(help="Groups of users, for sharing, and team mailboxes such as support@…")

GroupArgument = Annotated[str, typer.Argument(metavar="NAME", help="The group's name.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class Switch(StrEnum):
    """Whether a group has a mailbox."""

    ON = "on"
    OFF = "off"


@groups.command("add")
def add_group(
    context: typer.Context,
    *,
    name: GroupArgument,
    member: Annotated[
        list[str] | None, typer.Option("--member", metavar="USER", help="A user who belongs to it; may be repeated.")
    ] = None,
    mailbox: Annotated[bool, typer.Option("--mailbox", help="Give it a mailbox: Shared/NAME for its members.")] = False,
    alias: Annotated[
        list[str] | None, typer.Option("--alias", metavar="NAME", help="Another name or address; may be repeated.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a group of users, and with --mailbox a team mailbox that mail to its name and aliases goes into."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        for user in member or ():
            directory.get(user)
        group = directory.groups.add(name, has_mailbox=mailbox, aliases=alias or ())
        directory.groups.add_members(group.name, member or ())
        _welcome(settings, directory, group, directory.groups.members(group.name))
    print(f"Group {group.name} added{f', with the mailbox Shared/{group.name}' if mailbox else ''}.")


@groups.command("list")
def list_groups(
    context: typer.Context, *, as_json: JsonOption = False, data: DataOption = None, config: ConfigOption = None
) -> None:
    """List the groups, one per line."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        found = [(group, directory.groups.members(group.name)) for group in directory.groups.groups()]
    if as_json:
        print_json([_facts(group, members) for group, members in found])
        return
    rows = [
        (group.name, "yes" if group.has_mailbox else "no", ", ".join(members), ", ".join(group.aliases))
        for group, members in found
    ]
    print_table(("name", "mailbox", "members", "aliases"), rows)


@groups.command("show")
def show_group(
    context: typer.Context,
    *,
    name: GroupArgument,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show a group: its members, and usage, quota and every mailbox of a team."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        group = directory.groups.get(name)
        members = directory.groups.members(group.name)
    looked = asyncio.run(look_into(settings, group.group_id)) if group.has_mailbox else None
    if as_json:
        facts = _facts(group, members)
        if looked is not None:
            usage, mailboxes = looked
            facts["usage"] = {"octets": usage.octets, "messages": usage.messages}
            facts["mailboxes"] = [mailbox_facts(mailbox) for mailbox in mailboxes]
        print_json(facts)
        return
    lines = [
        ("group", group.name),
        ("members", ", ".join(members) or "none"),
        ("aliases", ", ".join(group.aliases) or "none"),
        ("created", time_text(group.created)),
        ("mailbox", f"Shared/{group.name}" if looked is not None else "none"),
    ]
    if looked is not None:
        usage = looked[0]
        lines += [
            ("account", group.group_id),
            ("storage", f"{size_text(usage.octets)} of {size_text(usage.octets_limit)}"),
            ("messages", f"{count_text(usage.messages)} of {count_text(usage.messages_limit)}"),
        ]
    for label, value in lines:
        print(f"{label:<9} {clean(value)}")
    if looked is not None:
        print()
        print_mailboxes(looked[1])


@groups.command("member")
def change_members(
    context: typer.Context,
    *,
    name: GroupArgument,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="USER", help="Take one in; may be repeated.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="USER", help="Let one go; may be repeated.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Change or list the users who belong to a group. It counts at once, also for users who are logged in."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        group = directory.groups.get(name)
        before = directory.groups.members(group.name)
        directory.groups.remove_members(group.name, remove or ())
        directory.groups.add_members(group.name, add or ())
        members = directory.groups.members(group.name)
        _welcome(settings, directory, group, [member for member in members if member not in before])
    for member in members:
        print(member)


@groups.command("alias")
def change_group_aliases(
    context: typer.Context,
    *,
    name: GroupArgument,
    add: Annotated[list[str] | None, typer.Option("--add", metavar="NAME", help="Add one; may be repeated.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NAME", help="Take one away; may be repeated.")
    ] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Change or list the other names and addresses that a team gets mail for."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        group = directory.groups.get(name)
        if add or remove:
            group = directory.groups.set_aliases(group.name, changed_names(group.aliases, add, remove))
    for alias in group.aliases:
        print(alias)


@groups.command("mailbox")
def switch_mailbox(
    context: typer.Context,
    *,
    name: GroupArgument,
    switch: Annotated[Switch, typer.Argument(help="Whether the group has a mailbox.", show_default=False)],
    yes: Yes = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a group a mailbox, or take it away and remove its mail for good."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        group = directory.groups.get(name)
        if switch is Switch.OFF and group.has_mailbox and not yes:
            confirm(f"Remove, for good, all mail of {group.name}?")
        directory.groups.set_mailbox(group.name, switch is Switch.ON)
        if switch is Switch.ON:
            _welcome(settings, directory, directory.groups.get(name), directory.groups.members(name))
    if switch is Switch.OFF and group.has_mailbox:
        # The account is not removed: a running server may have it open, and the group may have a mailbox again.
        asyncio.run(empty_mail(settings, group.group_id))
    print(f"Group {group.name} has {f'the mailbox Shared/{group.name}' if switch is Switch.ON else 'no mailbox'}.")


@groups.command("quota")
def change_group_quota(
    context: typer.Context,
    *,
    name: GroupArgument,
    storage: Storage = None,
    messages: Messages = None,
    mailboxes: Mailboxes = None,
    annotations: Annotations = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Limit how much mail a team may keep. What is over the limit already stays; nothing more comes in."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        group = directory.groups.get(name)
        if not group.has_mailbox:
            raise CommandRefused(f"Group {group.name} has no mailbox.")
        quota = changed_quota(group, storage, messages, mailboxes, annotations)
        group = directory.groups.set_quota(
            group.name,
            octets=quota.octets,
            messages=quota.messages,
            mailboxes=quota.mailboxes,
            annotations=quota.annotation_octets,
        )
    limits = quota_of(settings, group)
    asyncio.run(apply_quota(settings, group.group_id, limits))
    print(f"Group {group.name} may keep: {quota_text(limits)}.")


@groups.command("rename")
def rename_group(
    context: typer.Context,
    *,
    name: GroupArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW", help="The new name.", show_default=False)],
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Give a group another name; its mailbox is Shared/NEW from then on. Members and rights stay."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        before = directory.groups.get(name)
        group = directory.groups.rename(before.name, new_name)
        _welcome(settings, directory, group, directory.groups.members(group.name))
    print(f"Group {before.name} is {group.name} now.")


@groups.command("remove")
def remove_group(
    context: typer.Context,
    *,
    name: GroupArgument,
    yes: Yes = False,
    keep_mail: Annotated[
        bool, typer.Option("--keep-mail", help="Leave the mail on disk, where `mailwren check` will list it.")
    ] = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove a group and, for good, its mail. The users stay; what was shared with the group is so no more."""
    settings = read_config(context, data, config)
    existing_data(settings)
    with open_users(settings) as directory:
        group = directory.groups.get(name)
        if not yes:
            mail = group.has_mailbox and not keep_mail
            confirm(f"Remove the group {group.name}{' and, for good, all its mail' if mail else ''}?")
        directory.groups.remove(group.name)
    if not keep_mail:  # also what is left of an account that the group had once
        asyncio.run(remove_mail(settings, group.group_id))
    kept = f" The mail is still there, as account {group.group_id}." if group.has_mailbox and keep_mail else ""
    print(f"Group {group.name} removed.{kept}")


def _welcome(config: Config, directory: "UserDirectory", group: "Group", members: list[str]) -> None:
    """Have a team's account made, with its quota, and its members subscribe to its mailbox."""
    if not group.has_mailbox:
        return
    asyncio.run(apply_quota(config, group.group_id, quota_of(config, group)))
    accounts = [directory.get(member).account_id for member in members]
    asyncio.run(subscribe(config, accounts, [f"Shared/{group.name}"]))


def _facts(group: "Group", members: list[str]) -> dict[str, Any]:
    """A group for scripts."""
    return {
        "name": group.name,
        "members": members,
        "aliases": list(group.aliases),
        "created": group.created,
        "mailbox": f"Shared/{group.name}" if group.has_mailbox else None,
        "account": group.group_id if group.has_mailbox else None,
        "quota": quota_facts(group),
    }
