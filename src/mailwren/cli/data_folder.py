"""The data folder: made for a new server, and found and guarded for every other command."""

import os
import stat
from pathlib import Path
from typing import Final

from mailwren.cli.failures import CommandRefused
from mailwren.config.load import FILE_NAME
from mailwren.config.settings import Config

_PRIVATE: Final = 0o700
_HARMLESS: Final = {"lost+found", FILE_NAME}
"""What a folder may hold and still be taken as a new data folder."""


def prepare_data(config: Config) -> bool:
    """Make the data folder, readable by its owner only, unless it is there. Returns whether it is a new one.

    Raises:
        CommandRefused: the folder holds other things than mail of ours, or belongs to another system user.
    """
    if config.users_file.exists():
        require_owner(config.data)
        return False
    if config.data.is_dir():
        require_owner(config.data)
        strangers = sorted(entry.name for entry in config.data.iterdir() if not _harmless(entry.name))
        if strangers:
            raise CommandRefused(
                f"The folder {config.data} is not empty ({strangers[0]}) and holds no Mailwren data. "
                "Name an empty or a new folder with --data DIR."
            )
    config.data.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    config.data.chmod(_PRIVATE)
    return True


def open_to_others(folder: Path) -> bool:
    """May other system users look into the data folder?"""
    return bool(folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _harmless(name: str) -> bool:
    return name in _HARMLESS or name.startswith(".")


def existing_data(config: Config) -> Path:
    """The data folder, which has to be one already and ours to use.

    Raises:
        CommandRefused: it is not there, holds nothing of ours, or belongs to another system user.
    """
    if not config.users_file.exists():
        what = "holds no Mailwren data" if config.data.is_dir() else "is not there"
        raise CommandRefused(
            f"The data folder {config.data} {what}. Name the right one with --data DIR, "
            "or make a new one with `mailwren serve` or `mailwren user add`."
        )
    require_owner(config.data)
    return config.data


def require_owner(folder: Path) -> None:
    """Keep root from leaving files behind that the server's own user cannot read. Raises CommandRefused."""
    owner = folder.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        raise CommandRefused(
            f"The data folder {folder} belongs to user {_user_name(owner)}: run this as that user, "
            f"such as `sudo -u {_user_name(owner)} mailwren …`."
        )


def _user_name(number: int) -> str:
    """A system user's name, or the number where there is none."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"
