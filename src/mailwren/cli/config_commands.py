"""`mailwren config …`: what the configuration says, and what is wrong with it."""

from typing import Annotated

import typer

from mailwren.cli.group import new_group
from mailwren.cli.options import ConfigOption, DataOption, JsonOption, read_config
from mailwren.cli.output import notice, print_json, print_table

configuration = new_group(help="The configuration: check it, show what applies, print an example.")


@configuration.command("check")
def check_config(context: typer.Context, *, data: DataOption = None, config: ConfigOption = None) -> None:
    """Report everything that is wrong, with its place and how to mend it.

    Exit status 2 when there is something.
    """
    settings = read_config(context, data, config, check_files=True)
    for warning in settings.warnings:
        notice(f"Warning: {warning}.")
    print(f"The configuration is right: {settings.file}" if settings.file else "No configuration file; all is right.")


@configuration.command("show")
def show_config(
    context: typer.Context,
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Leave out what has its default.")] = False,
    as_json: JsonOption = False,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Show every setting that applies, and where it was set."""
    from mailwren.config.describe import plain_value, show
    from mailwren.config.settings import SETTINGS

    settings = read_config(context, data, config)
    shown = list(show(settings, changed_only=changed))
    if as_json:
        names = {setting.key: setting.name for setting in SETTINGS}
        print_json(
            {key: {"value": plain_value(getattr(settings, names[key])), "origin": origin} for key, _, origin in shown}
        )
        return
    print_table(("setting", "set by", "value"), [(key, origin, value) for key, value, origin in shown])


@configuration.command("example")
def show_example() -> None:
    """Print a configuration file with every setting at its default, to start from."""
    from mailwren.config.describe import example

    print(example(), end="")
