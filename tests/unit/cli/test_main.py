"""The program as a whole: help, version, exit statuses, quick starts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.unit.cli.conftest import Run
from typer.testing import Result

from mailwren import __version__
from mailwren.cli.main import app

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "commands.md"


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its path."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...], run: Run) -> None:
    """Each command has help, which names what it is and how it is used."""
    result: Result = run(*path, "--help")
    assert result.exit_code == 0
    assert f"Usage: mailwren {' '.join(path)}" in result.stdout
    assert COMMANDS[path].help


@pytest.mark.parametrize(
    "path", [path for path in COMMANDS if path[0] != "version" and path[-1] != "example"], ids=" ".join
)
def test_every_command_takes_data_and_config(path: tuple[str, ...]) -> None:
    """Several servers live side by side."""
    options = {name for parameter in COMMANDS[path].params for name in parameter.opts}
    assert {"--data", "--config"} <= options


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_manual_has_every_command_with_its_options(path: tuple[str, ...]) -> None:
    """docs/commands.md names each command and each of its options."""
    text = DOCUMENTATION.read_text(encoding="utf-8")
    assert f"mailwren {' '.join(path)}" in text or path == ("version",)
    for parameter in COMMANDS[path].params:
        for name in parameter.opts:
            assert not name.startswith("--") or name in text, name


def test_the_version(run: Run) -> None:
    """Both ways of asking."""
    assert run("version").stdout == run("--version").stdout == f"mailwren {__version__}\n"


def test_wrong_commands_and_options_are_status_2(run: Run) -> None:
    """Usage errors are told apart from refusals, and a near word is suggested."""
    assert run("user", "lst").exit_code == 2
    assert "Did you mean 'list'?" in run("user", "lst").stderr
    assert run("user", "list", "--jsn").exit_code == 2


def test_options_stand_before_or_after_the_command(run: Run, tmp_path: Path) -> None:
    """The nearest one wins."""
    assert run("--data", tmp_path / "a", "user", "add", "alice", "--generate").exit_code == 0
    assert run("user", "add", "bob", "--generate", "--data", tmp_path / "b").exit_code == 0
    assert (
        run("--data", tmp_path / "a", "user", "list", "--data", tmp_path / "b").stdout.splitlines()[1].startswith("bob")
    )
    assert run("--data", tmp_path / "a", "user", "list").stdout.splitlines()[1].startswith("alice")


def test_help_starts_without_the_heavy_libraries() -> None:
    """Whatever only some commands need is imported by those."""
    script = (
        "import sys; from mailwren.cli.main import app; "
        "print([m for m in ('apsw', 'asyncio', 'cryptography', 'structlog', 'uvloop', 'argon2', 'zstandard', 'rich') "
        "if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "['asyncio']\n"


def test_a_closed_pipe_is_no_accident() -> None:
    """`mailwren … | head` ends quietly."""
    script = "import sys, mailwren.cli.main as m; sys.argv = ['mailwren', 'config', 'example']; m.main()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
