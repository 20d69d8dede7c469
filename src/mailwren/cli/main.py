"""The program `mailwren`: its commands and the options that all of them share."""

import sys
from typing import Annotated

import typer

from mailwren import __version__
from mailwren.cli.check import check
from mailwren.cli.config_commands import configuration
from mailwren.cli.deliver import deliver
from mailwren.cli.group import CommandGroup, new_group
from mailwren.cli.groups import groups
from mailwren.cli.index import index
from mailwren.cli.options import Common, ConfigOption, DataOption
from mailwren.cli.serve import serve
from mailwren.cli.shares import shares
from mailwren.cli.transfer import export_mail, import_mail
from mailwren.cli.users import users

app = new_group(cls=CommandGroup)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mailwren {__version__}")
        raise typer.Exit


@app.callback(epilog="Exit status: 0 done, 1 refused or something found, 2 wrong options or configuration.")
def mailwren(
    context: typer.Context,
    *,
    data: DataOption = None,
    config: ConfigOption = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A complete IMAP mail server.

    Start it with `mailwren serve`; the first start makes everything it needs. Every command takes --data DIR and
    --config FILE, so that several servers live side by side.
    """
    context.obj = Common(data, config)


@app.command("version")
def version() -> None:
    """Print the version."""
    print(f"mailwren {__version__}")


app.command("serve")(serve)
app.add_typer(users, name="user")
app.add_typer(groups, name="group")
app.add_typer(shares, name="share")
app.command("import")(import_mail)
app.command("export")(export_mail)
app.command("deliver")(deliver)
app.command("check")(check)
app.add_typer(index, name="index")
app.add_typer(configuration, name="config")


def main() -> None:
    """Run the command line and end the program with its exit status."""
    try:
        app(prog_name="mailwren")
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(1) from None
