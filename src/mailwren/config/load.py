"""Puts the configuration together: command line over environment over file over defaults; every error at once."""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from mailwren import __version__
from mailwren.config.checks import Finding, conflicts, file_faults, warnings
from mailwren.config.errors import ConfigErrors, Fault, KeyPath, Problem, WrongValue, write_key
from mailwren.config.locate import line_of, positions
from mailwren.config.settings import SETTINGS, VERSION, Config, Setting
from mailwren.config.suggest import did_you_mean

FILE_NAME: Final = "mailwren.toml"
"""The configuration file's name in the data folder."""
SYSTEM_FILE: Final = Path("/etc/mailwren/mailwren.toml")
"""Read when no file is named and the data folder has none."""
DEFAULT: Final = "default"
"""The origin of a value that nothing sets."""
_BY_KEY: Final = {setting.key: setting for setting in SETTINGS}
_OTHER_VARIABLES: Final = {"MAILWREN_CONFIG", "MAILWREN_DEBUG"}


@dataclass(frozen=True, slots=True)
class Override:
    """A setting given on the command line.

    Args:
        key: the setting's key.
        text: its value as text.
        option: what the user wrote, for messages: ``--workers``.
    """

    key: str
    text: str
    option: str


@dataclass(slots=True)
class _Loading:
    """What is known so far."""

    file: Path | None
    in_data_folder: bool = False
    table: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def place(self, path: KeyPath) -> str:
        """Where in the file a key stands."""
        line = line_of(self.lines, path)
        return f"{self.file}:{line}" if line else str(self.file)

    def order(self, problem: Problem) -> int:
        """Sorts problems of the file by their lines, and the others behind them."""
        file, _, line = problem.place.rpartition(":")
        return int(line) if file == str(self.file) else sys.maxsize

    def report(self, origin: str, path: KeyPath, fault: Fault) -> None:
        """Add a problem of a value from ``origin``; in the file it gets the line of what is wrong."""
        full = path + fault.below
        place = self.place(full) if origin.startswith(f"{self.file}:") else origin
        self.problems.append(Problem(place, write_key(full), fault.problem, fault.advice))


def load(
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Sequence[Override] = (),
    *,
    check_files: bool = True,
    system_file: Path = SYSTEM_FILE,
) -> Config:
    """The configuration as it applies.

    Args:
        path: the configuration file; ``None`` looks in the data folder, then for ``system_file``.
        environ: the environment; ``MAILWREN_…`` variables are settings, ``MAILWREN_CONFIG`` names the file.
        overrides: from the command line; they win over everything.
        check_files: also look whether the files that are named can be used (the server needs them, ``user add`` does
            not).
        system_file: the machine's own configuration file.

    Raises:
        ConfigErrors: everything that is wrong.
    """
    loading = _find_file(path, environ, overrides, system_file)
    _read_file(loading)
    _unknown_keys(loading)
    for setting in SETTINGS:
        _read_setting(loading, setting, environ, overrides)
    _derive(loading)
    _check(loading, check_files)
    if loading.problems:
        raise ConfigErrors(sorted(loading.problems, key=loading.order))
    config = Config(**loading.values, file=loading.file, origins=loading.origins)
    return replace(config, warnings=(*warnings(config), *_odd_variables(environ)))


def _find_file(
    path: Path | None, environ: Mapping[str, str], overrides: Sequence[Override], system_file: Path
) -> _Loading:
    """Start with the file to read. One that was named must be there; the places that are looked at need not."""
    if path is None and environ.get("MAILWREN_CONFIG"):
        path = Path(environ["MAILWREN_CONFIG"])
    if path is not None:
        return _Loading(Path.cwd() / path.expanduser())
    given = [override.text for override in overrides if override.key == "data"]
    data = given[-1] if given else environ.get("MAILWREN_DATA") or str(Config().data)
    in_data = Path.cwd() / Path(data).expanduser() / FILE_NAME
    if in_data.is_file():
        return _Loading(in_data, in_data_folder=True)
    return _Loading(system_file if system_file.is_file() else None)


def _read_file(loading: _Loading) -> None:
    """Take in the file's tables and check their version.

    Raises:
        ConfigErrors: it cannot be read, is no TOML or is of another version: nothing further could be said of it.
    """
    if loading.file is None:
        return
    try:
        text = loading.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        advice = "name a configuration file that can be read"
        raise ConfigErrors([Problem(str(loading.file), "", f"cannot be read: {reason}", advice)]) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        loading.table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigErrors([_no_toml(loading.file, str(error))]) from error
    loading.lines = positions(text)
    _check_version(loading)


def _no_toml(file: Path, message: str) -> Problem:
    """The parser's message with the line where people look for it."""
    match = re.fullmatch(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", message, re.DOTALL)
    place, what = (f"{file}:{match['line']}", match["what"]) if match else (str(file), message)
    column = f" in column {match['column']}" if match else ""
    return Problem(place, "", f"is not valid TOML{column}: {what}", "texts need quotes, and each setting its own line")


def _check_version(loading: _Loading) -> None:
    """Settings may mean something else in another version, so nothing but the version is then reported."""
    version = loading.table.pop("version", None)
    if version is None:
        problem = Problem(str(loading.file), "version", "is missing", f"write version = {VERSION} as the first line")
        raise ConfigErrors([problem])
    if version == VERSION and not isinstance(version, bool):
        return
    if isinstance(version, int) and version > VERSION:
        advice = f"Mailwren {__version__} reads version {VERSION}: use the newer Mailwren that the file was written for"
    else:
        advice = f"it must be the number {VERSION}"
    raise ConfigErrors([Problem(loading.place(("version",)), "version", f"{version!r} is not known", advice)])


def _unknown_keys(loading: _Loading) -> None:
    """Report every key of the file that is no setting. Tables that are values check their own keys."""
    sections = {key.partition(".")[0] for key in _BY_KEY if "." in key}
    for name, value in loading.table.items():
        if name in sections and isinstance(value, dict):
            for inner in value:
                if f"{name}.{inner}" not in _BY_KEY:
                    _report_unknown(loading, (name, inner))
        elif name in sections:
            loading.report(loading.place((name,)), (name,), Fault("is a table", f"write [{name}] on a line of its own"))
        elif name not in _BY_KEY:
            _report_unknown(loading, (name,))


def _report_unknown(loading: _Loading, path: tuple[str, ...]) -> None:
    """Report an unknown key, with the place where its name is known or one that looks alike."""
    section = ".".join(path[:-1])
    elsewhere = [key for key in _BY_KEY if key != path[-1] and key.rpartition(".")[2] == path[-1]]
    siblings = [key.removeprefix(f"{section}.") for key in _BY_KEY if key.startswith(f"{section}." if section else "")]
    if elsewhere:
        advice = f"it is known as {' and as '.join(elsewhere)}"
    elif hint := did_you_mean(
        path[-1], [*siblings, *({key.partition(".")[0] for key in _BY_KEY} if not section else ())]
    ):
        advice = hint.removeprefix("; ")
    else:
        advice = "`mailwren config example` shows all settings"
    loading.report(loading.place(path), path, Fault("is not a known setting", advice))


def _read_setting(
    loading: _Loading, setting: Setting, environ: Mapping[str, str], overrides: Sequence[Override]
) -> None:
    """Read a setting wherever it is given, also where another place wins: a wrong value is reported in any case."""
    path: KeyPath = tuple(setting.key.split("."))
    default = Path.cwd() / setting.default if setting.key == "data" else setting.default
    loading.values[setting.name] = default
    loading.origins[setting.key] = DEFAULT
    value = _look_up(loading.table, path)
    if value is not None and loading.file is not None:
        folder = loading.file.parent
        _take(loading, setting, loading.place(path), lambda: setting.kind.read(value, folder))
    text = environ.get(setting.variable)
    if text is not None:
        origin = f"environment {setting.variable}"
        _take(loading, setting, origin, lambda: setting.kind.read_text(text, Path.cwd()))
    given = [override for override in overrides if override.key == setting.key]
    if given:
        origin = "command line " + " ".join(dict.fromkeys(override.option for override in given))
        joined = ", ".join(override.text for override in given)
        _take(loading, setting, origin, lambda: setting.kind.read_text(joined, Path.cwd()))


def _look_up(table: Mapping[str, Any], path: KeyPath) -> object:
    """The value at a key of up to two steps, or ``None``."""
    value: Any = table
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _take(loading: _Loading, setting: Setting, origin: str, read: Callable[[], Any]) -> None:
    """Take a value with its origin, or report what is wrong with it."""
    try:
        loading.values[setting.name] = read()
        loading.origins[setting.key] = origin
    except WrongValue as error:
        for fault in error.faults:
            loading.report(origin, tuple(setting.key.split(".")), fault)
        loading.refused.add(setting.key)


def _derive(loading: _Loading) -> None:
    """Defaults that depend on other settings."""
    if loading.origins["delivery.accept_any_domain"] == DEFAULT and loading.values["delivery_domains"]:
        loading.values["delivery_accept_any_domain"] = False
        loading.origins["delivery.accept_any_domain"] = f"{DEFAULT}, as delivery.domains is set"


def _check(loading: _Loading, check_files: bool) -> None:
    """Look at the settings together, leaving out those that were refused already."""
    config = Config(**loading.values)
    findings = [*conflicts(config), *(file_faults(config) if check_files else ())]
    if loading.in_data_folder and loading.file is not None and config.data != loading.file.parent:
        fault = Fault("names another folder than the one this file is in", "remove it, or move the file")
        findings.append(Finding(("data",), fault))
    for finding in findings:
        if loading.refused.isdisjoint(finding.keys):
            key = finding.keys[0]
            loading.report(loading.origins[key], tuple(key.split(".")), finding.fault)


def _odd_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A word on environment variables that look like misspelt settings; others may well belong to someone else."""
    known = {setting.variable for setting in SETTINGS} | _OTHER_VARIABLES
    for name in sorted(environ):
        if name.startswith("MAILWREN_") and name not in known and (hint := did_you_mean(name, sorted(known))):
            yield f"environment {name} is not a setting{hint}"
