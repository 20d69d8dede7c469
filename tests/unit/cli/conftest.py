"""Running the command line inside the test's process."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from typer.testing import CliRunner, Result

from mailwren.auth import hashing
from mailwren.cli.main import app
from mailwren.config.load import load

Run: TypeAlias = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a folder of its own, with cheap password hashes and nothing of this machine's settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("MAILWREN_DATA", "MAILWREN_CONFIG", "MAILWREN_DEBUG", "NOTIFY_SOCKET", "INVOCATION_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(load, "__kwdefaults__", {**(load.__kwdefaults__ or {}), "system_file": tmp_path / "etc.toml"})
    monkeypatch.setattr(hashing.hash_password, "__defaults__", (hashing.CHEAP,))

    def run(*arguments: str | Path, stdin: str = "") -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, prog_name="mailwren")

    return run
