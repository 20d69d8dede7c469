"""The settings for people: the example file, what applies and why, and the reference table of the manual."""

import textwrap
from collections.abc import Iterator
from typing import Any, Final

from mailwren.base import limits
from mailwren.config.load import DEFAULT
from mailwren.config.settings import SECTIONS, SETTINGS, VERSION, Config, Setting

_HEAD: Final = f"""\
# Mailwren's configuration. Every setting stands here with its default: remove the # before one to change it.
# `mailwren config check` finds mistakes, `mailwren config show` tells what applies and where it was set.
version = {VERSION}
"""
_LISTENERS: Final = """\
# Instead of the automatic ones, a table for each:
#   [[listen]]
#   protocol = "imaps"            # imap, imaps or lmtp
#   host = "*"                    # all addresses, or one
#   port = 993
#
#   [[listen]]
#   protocol = "lmtp"
#   path = "/run/mailwren/lmtp.sock"
#   mode = "0660"                 # who may connect to the socket
"""
_EXAMPLES: Final = {"data": '"/var/lib/mailwren"', "server_name": '"mail.example.org"'}
"""What stands in the example file where the default depends on where the program runs."""
_IN_WORDS: Final = {
    "data": "`./mailwren-data`",
    "server_name": "the machine's name",
    "workers": f'`"auto"`: one for each core, at most {limits.WORKERS_AUTOMATIC}',
    "id": "name and version",
    "mailbox": "Drafts, Sent, Junk, Trash and Archive, each with its special use",
}
"""Defaults that depend on where the program runs, or would be long."""


def example() -> str:
    """A configuration file with every setting at its default and commented out."""
    parts = [_HEAD]
    parts += [_example_entry(setting) for setting in SETTINGS if "." not in setting.key]
    for section, heading in SECTIONS.items():
        parts.append(f"# --- {heading}\n[{section}]\n")
        parts += [_example_entry(setting) for setting in SETTINGS if setting.key.startswith(f"{section}.")]
    return "\n".join(parts)


def show(config: Config, *, changed_only: bool = False) -> Iterator[tuple[str, str, str]]:
    """Each setting's key, its value as TOML, and where it came from."""
    for setting in SETTINGS:
        origin = config.origins.get(setting.key, DEFAULT)
        if origin != DEFAULT or not changed_only:
            yield setting.key, setting.kind.show(getattr(config, setting.name)), origin


def plain_value(value: Any) -> Any:
    """A setting's value in the few types of JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain_value(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(name): plain_value(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain_value(inner) for inner in value]
    return str(value)


def reference() -> str:
    """The table of all settings in Markdown."""
    rows = ["| setting | default | takes | what it does |", "| --- | --- | --- | --- |"]
    for setting in SETTINGS:
        cells = (f"`{setting.key}`", _default(setting), setting.kind.wanted, setting.purpose)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _default(setting: Setting) -> str:
    """A setting's default as it stands in a file."""
    return f"`{setting.kind.show(setting.default)}`" if setting.key not in _IN_WORDS else _IN_WORDS[setting.key]


def _example_entry(setting: Setting) -> str:
    """A setting's purpose and its commented default."""
    comment = textwrap.fill(setting.purpose, 100, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    name = setting.key.rpartition(".")[2]
    value = (
        setting.kind.show(setting.default).replace("}, {", "},\n#  {").replace("[{", "[\n#  {").replace("}]", "},\n#]")
    )
    more = f"\n{_LISTENERS.rstrip()}" if setting.key == "listen" else ""
    return f"{comment}{more}\n#{name} = {value}\n"
