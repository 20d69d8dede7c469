"""`mailwren import` and `mailwren export`: whole mailboxes in and out."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailwren.cli.access import open_store, open_users
from mailwren.cli.accounts import account_of
from mailwren.cli.data_folder import existing_data
from mailwren.cli.failures import CommandRefused, ExitStatus, Misuse
from mailwren.cli.options import ConfigOption, DataOption, JsonOption, UserOption, read_config
from mailwren.cli.output import clean, notice, print_json, print_table, size_text
from mailwren.cli.progress import progress_bar
from mailwren.config.settings import Config
from mailwren.transfer.quoting import MboxDialect

if TYPE_CHECKING:
    from mailwren.transfer.exporter import ExportOptions
    from mailwren.transfer.importer import ImportOptions
    from mailwren.transfer.incoming import Problem
    from mailwren.transfer.report import ExportReport, ImportReport

_SHOWN = 20
"""How many problems are printed; --json has all of them."""


class ExportFormatName(StrEnum):
    """The forms of an export, by name (see ``transfer.exporter.ExportFormat``)."""

    MBOX = "mbox"
    MAILDIR = "maildir"
    EML = "eml"


def import_mail(
    context: typer.Context,
    *,
    user: UserOption,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Files and folders of mail.", show_default=False)
    ],
    mailbox: Annotated[
        str,
        typer.Option(
            "--mailbox", metavar="NAME", help="Put everything into or below this mailbox.", show_default=False
        ),
    ] = "",
    mbox_dialect: Annotated[
        MboxDialect, typer.Option("--mbox-dialect", help="How mbox files mark where messages begin.")
    ] = MboxDialect.AUTO,
    map_special_folders: Annotated[
        bool, typer.Option("--map-special-folders", help='"Sent Items" goes into the mailbox for sent mail, and so on.')
    ] = False,
    no_subscribe: Annotated[bool, typer.Option("--no-subscribe", help="Do not subscribe to new mailboxes.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Import mail: mbox, Maildir, .eml, and the folder trees of Dovecot and Thunderbird.

    Flags, keywords and dates are kept. Running it again imports nothing twice, and goes on where it was interrupted.
    Exit status 1 when something could not be taken; the report says what.
    """
    from mailwren.transfer.importer import ImportOptions

    settings = read_config(context, data, config)
    options = ImportOptions(
        mailbox=mailbox,
        mbox_dialect=mbox_dialect,
        map_special=map_special_folders,
        subscribe=not no_subscribe,
        max_message=settings.message_size_limit,
    )
    report = asyncio.run(_import(settings, *_find_owner(settings, user), paths, options))
    if as_json:
        print_json(_import_facts(report))
    else:
        _print_import(report)
    if not report.complete:
        raise typer.Exit(ExitStatus.REFUSED)


def export_mail(
    context: typer.Context,
    *,
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Whose mail.", show_default=False)] = "",
    account: Annotated[
        str,
        typer.Option(
            "--account", metavar="ID", help="Instead of --user: an account that no user has.", show_default=False
        ),
    ] = "",
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder for the export.", show_default=False)],
    form: Annotated[ExportFormatName, typer.Option("--format", help="How it is written.")] = ExportFormatName.MBOX,
    mailbox: Annotated[
        list[str] | None,
        typer.Option("--mailbox", metavar="NAME", help="Only this one and those below it; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Export mail, byte for byte, with its flags and dates. The folder appears when it is complete.

    Exit status 1 when a message could not be read; all others are exported.
    """
    from mailwren.transfer.exporter import ExportFormat, ExportOptions

    settings = read_config(context, data, config)
    options = ExportOptions(format=ExportFormat(form.value), mailboxes=tuple(mailbox or ()), overwrite=overwrite)
    report = asyncio.run(_export(settings, _find_account(settings, user, account), target, options))
    if as_json:
        print_json(
            {"target": str(report.target), "messages": report.messages, "octets": report.octets}
            | {"mailboxes": report.mailboxes, "problems": _problem_facts(report.problems)}
        )
    else:
        _print_export(report)
    if report.problems:
        raise typer.Exit(ExitStatus.REFUSED)


def _print_export(report: "ExportReport") -> None:
    """Counts on standard output, what could not be written on standard error."""
    print_table(("mailbox", "messages"), [(name, f"{n:,}") for name, n in report.mailboxes.items()], right=(1,))
    print(f"\n{report.messages:,} messages, {size_text(report.octets)}, in {report.target}")
    _print_problems("Not written", report.problems)


def _find_owner(config: Config, name: str) -> tuple[str, bool]:
    """The account of a user or a team, and whether it is a team's. Raises NoSuchUser."""
    existing_data(config)
    with open_users(config) as directory:
        account_id = account_of(directory, name)
        return account_id, directory.groups.find_id(account_id) is not None


def _find_account(config: Config, user: str, account: str) -> str:
    """The id of a user's account, or of one that is only there any more. Raises Misuse, NoSuchUser, CommandRefused."""
    from mailwren.store.check import account_folders

    if bool(user) == bool(account):
        raise Misuse("Say whose mail: --user NAME or --account ID.")
    if user:
        return _find_owner(config, user)[0]
    if all(folder.name != account for folder in account_folders(existing_data(config))):
        raise CommandRefused(f"There is no account {account}.")
    return account


async def _import(
    config: Config, account_id: str, is_team: bool, paths: list[Path], options: "ImportOptions"
) -> "ImportReport":
    """Import with a progress bar that counts the octets of the files.

    The mailboxes that a first login makes come first, as an account with mailboxes of its own is given no others; but
    for the uses for which an export brings a mailbox. A team's account has none of them.
    """
    from mailwren.store.defaults import ensure_default_mailboxes
    from mailwren.transfer.importer import import_paths, total_octets
    from mailwren.transfer.manifest import exported_uses

    brought = frozenset[str]().union(*map(exported_uses, paths))
    wanted = () if is_team else config.default_mailboxes
    defaults = [mailbox for mailbox in wanted if mailbox.special_use not in brought]

    async with open_store(config) as store:
        account = await store.account(account_id)
        try:
            await ensure_default_mailboxes(account, defaults)
            with progress_bar("Importing", await asyncio.to_thread(total_octets, paths), octets=True) as advance:
                return await import_paths(
                    account,
                    paths,
                    options,
                    lambda now: advance(now.octets, now.mailbox),
                )
        finally:
            await store.release(account)


async def _export(config: Config, account_id: str, target: Path, options: "ExportOptions") -> "ExportReport":
    """Export with a progress bar that counts messages."""
    from mailwren.transfer.exporter import export_account

    async with open_store(config) as store:
        account = await store.account(account_id)
        try:
            total = (await account.usage()).messages if not options.mailboxes else None
            with progress_bar("Exporting", total) as advance:
                return await export_account(account, target, options, lambda now: advance(now.messages, now.mailbox))
        finally:
            await store.release(account)


def _print_import(report: "ImportReport") -> None:
    """Counts on standard output, what was not taken on standard error."""
    rows = [
        (name, f"{counts.imported:,}", f"{counts.duplicates:,}", f"{counts.refused:,}")
        for name, counts in report.mailboxes.items()
    ]
    print_table(("mailbox", "imported", "already there", "refused"), rows, right=(1, 2, 3))
    print(f"\n{report.imported:,} imported, {report.duplicates:,} already there, {report.refused:,} refused")
    _print_problems("Not taken", report.problems)
    _print_problems("Taken with a change", report.notes)
    if report.unlisted:
        notice(f"… and {report.unlisted:,} more.")
    if report.stopped:
        notice(f"The import stopped early: {report.stopped}")


def _print_problems(title: str, problems: "list[Problem]") -> None:
    """The first of them, and how many there are."""
    if not problems:
        return
    notice(f"{title} ({len(problems):,}):")
    for problem in problems[:_SHOWN]:
        notice(f"  {clean(problem.origin)}: {clean(problem.reason)}")
    if len(problems) > _SHOWN:
        notice(f"  … and {len(problems) - _SHOWN:,} more; --json lists them all.")


def _import_facts(report: "ImportReport") -> dict[str, Any]:
    """The report for scripts."""
    return {
        "imported": report.imported,
        "duplicates": report.duplicates,
        "refused": report.refused,
        "complete": report.complete,
        "stopped": report.stopped,
        "mailboxes": {
            name: {"imported": counts.imported, "duplicates": counts.duplicates, "refused": counts.refused}
            for name, counts in report.mailboxes.items()
        },
        "problems": _problem_facts(report.problems),
        "notes": _problem_facts(report.notes),
        "unlisted": report.unlisted,
    }


def _problem_facts(problems: "list[Problem]") -> list[dict[str, str]]:
    """Problems for scripts."""
    return [{"origin": problem.origin, "reason": problem.reason} for problem in problems]
