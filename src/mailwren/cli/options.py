"""Options that many commands share, and what they mean together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailwren.config.load import Override, load
from mailwren.config.settings import Config

_PANEL = "Which server"

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The folder that holds the accounts and their mail. Default: ./mailwren-data.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The configuration file. Default: mailwren.toml in the data folder, or /etc/mailwren/mailwren.toml.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
UserOption = Annotated[str, typer.Option("--user", metavar="NAME", help="Whose mail.")]
UserArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Common:
    """What stood before the command: ``mailwren --data DIR user list``."""

    data: Path | None = None
    config: Path | None = None


def read_config(
    context: typer.Context,
    data: Path | None,
    config: Path | None,
    overrides: Sequence[Override] = (),
    *,
    check_files: bool = False,
) -> Config:
    """The configuration for a command; options after the command win over those before it. Raises ConfigErrors."""
    common = context.find_object(Common) or Common()
    data = data or common.data
    given = [Override("data", str(data), "--data")] if data is not None else []
    return load(config or common.config, os.environ, [*given, *overrides], check_files=check_files)
