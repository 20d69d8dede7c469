"""`mailwren check`: verifies what is stored, and repairs on request."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailwren.cli.access import open_users
from mailwren.cli.accounts import account_of, accounts_by_name
from mailwren.cli.data_folder import require_owner
from mailwren.cli.failures import CommandRefused, ExitStatus
from mailwren.cli.options import ConfigOption, DataOption, JsonOption, read_config
from mailwren.cli.output import clean, print_json
from mailwren.cli.progress import progress_bar
from mailwren.config.settings import Config

if TYPE_CHECKING:
    from mailwren.store.findings import Finding


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was looked at, and what was found there."""

    title: str
    """For people: the user's name, or what else it is."""
    account: str
    """The account's id; empty for what is no account."""
    findings: "Sequence[Finding]"


def check(
    context: typer.Context,
    *,
    user: Annotated[
        list[str] | None, typer.Option("--user", metavar="NAME", help="Only this user's mail; repeatable.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make right what can be; best with the server stopped.")
    ] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Verify stored mail: databases, every message, UIDs, mod-sequences, counters.

    Changes nothing without --repair, and works while the server runs. Exit status 1 when something is found that is
    not right, and not repaired.
    """
    settings = read_config(context, data, config)
    if not settings.users_file.exists() and not (settings.data / "accounts").is_dir():
        raise CommandRefused(f"The folder {settings.data} holds no Mailwren data: name the right one with --data DIR.")
    require_owner(settings.data)
    checked = [] if user else [_check_users(settings)]
    checked += _check_accounts(_folders(settings, user or []), _names(settings), repair)
    left = sum(_is_left(finding) for each in checked for finding in each.findings)
    if as_json:
        print_json({"clean": not left, "checked": [_facts(each) for each in checked]})
    else:
        _print(checked)
    if left:
        raise typer.Exit(ExitStatus.REFUSED)


def _is_left(finding: "Finding") -> bool:
    """Is it something that is not right, and still so?"""
    from mailwren.store.findings import Severity

    return finding.severity is not Severity.NOTE and not finding.repaired


def _check_users(config: Config) -> _Checked:
    """The database of users."""
    import apsw

    from mailwren.store.findings import Finding, Severity

    problems: list[str] = []
    if not config.users_file.exists():
        problems = ["it is not there, so nobody can log in"]
    else:
        try:
            connection = apsw.Connection(str(config.users_file), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
            finally:
                connection.close()
            problems = [] if rows == ["ok"] else rows
        except apsw.Error as error:
            problems = [str(error)]
    findings = [
        Finding(Severity.ERROR, f"{config.users_file.name}: {problem}", "restore it from a backup; no mail is lost")
        for problem in problems
    ]
    return _Checked("users", "", findings)


def _names(config: Config) -> dict[str, str] | None:
    """Users' names by account; ``None`` when the database of users cannot be read, which is a finding of its own."""
    from mailwren.auth.errors import DirectoryUnavailable

    if not config.users_file.exists():
        return None
    try:
        with open_users(config) as directory:
            # Groups without a mailbox may have had one, whose emptied account stays.
            groups = {group.group_id: group.name for group in directory.groups.groups()}
            return groups | {account_id: name for name, account_id in accounts_by_name(directory).items()}
    except DirectoryUnavailable:
        return None


def _folders(config: Config, users: Sequence[str]) -> list[Path]:
    """The accounts' folders: all, or those of some users. A user who never got mail nor logged in has none."""
    from mailwren.store.check import account_folders

    folders = list(account_folders(config.data))
    if not users:
        return folders
    with open_users(config) as directory:
        wanted = {account_of(directory, name) for name in users}
    return [folder for folder in folders if folder.name in wanted]


def _check_accounts(folders: Sequence[Path], names: dict[str, str] | None, repair: bool) -> list[_Checked]:
    """Each account in turn."""
    from mailwren.store.check import check_account
    from mailwren.store.findings import Finding, Severity

    checked = []
    with progress_bar("Checking", len(folders)) as advance:
        for number, folder in enumerate(folders):
            name = None if names is None else names.get(folder.name)
            advance(number, name or folder.name)
            findings = check_account(folder, repair=repair)
            if name is None and names is not None:
                mend = f"`mailwren export --account {folder.name}` saves what is wanted, then remove {folder}"
                findings.append(Finding(Severity.NOTE, "no user and no team has this account", mend))
            checked.append(_Checked(name or f"account {folder.name}", folder.name, findings))
    return checked


def _print(checked: Sequence[_Checked]) -> None:
    """What was found, account by account, and the sum."""
    for each in checked:
        if each.findings:
            print(f"{clean(each.title)}:")
        for finding in each.findings:
            state = "repaired" if finding.repaired else finding.severity.value
            print(f"  {state}: {clean(finding.what)}")
            if not finding.repaired:
                print(f"    {clean(finding.mend)}")
    accounts = sum(bool(each.account) for each in checked)
    found = [finding for each in checked for finding in each.findings]
    repaired = sum(finding.repaired for finding in found)
    outcome = f"{len(found)} found, {repaired} repaired" if found else "all is right"
    print(f"{accounts} accounts checked: {outcome}.")


def _facts(checked: _Checked) -> dict[str, Any]:
    """A part of the report for scripts."""
    return {
        "name": checked.title,
        "account": checked.account or None,
        "findings": [
            {
                "severity": finding.severity.value,
                "what": finding.what,
                "mend": finding.mend,
                "repaired": finding.repaired,
            }
            for finding in checked.findings
        ],
    }
