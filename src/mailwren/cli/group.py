"""The command groups: they catch what commands raise."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from mailwren.cli.failures import report


class CommandGroup(TyperGroup):
    """The outermost group: an exception becomes a message and an exit status (see ``failures.py``)."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen."""
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            status = report(error)
            if status is None:
                raise
            sys.stdout.flush()
            raise typer.Exit(status) from error


def new_group(**settings: Any) -> typer.Typer:
    """A group of commands in the manner of this program."""
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )
