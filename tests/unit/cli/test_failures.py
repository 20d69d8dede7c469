"""What users see of exceptions."""

import errno
import importlib

import pytest
import typer
from tests.unit.cli.conftest import Run

from mailwren.auth.errors import NoSuchUser
from mailwren.cli import users as users_module
from mailwren.cli.failures import FOR_USERS, CommandRefused, Failure, Misuse, explain
from mailwren.config.errors import ConfigErrors, Problem
from mailwren.store.errors import AccountDamaged


def test_the_named_exceptions_are_there() -> None:
    """The names that stand for exceptions name exceptions."""
    for name in FOR_USERS:
        module, _, qualified_name = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), qualified_name), Exception)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CommandRefused("Not today."), Failure("Not today.", 1)),
        (Misuse("Choose one."), Failure("Choose one.", 2)),
        (NoSuchUser("There is no user x."), Failure("There is no user x.", 1)),
        (AccountDamaged("broken"), Failure("broken", 1)),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"),
            Failure("/x: No such file or directory", 1),
        ),
        (OSError(errno.ENOSPC, "No space left on device"), Failure("No space left on device", 1)),
        (KeyboardInterrupt(), Failure("Interrupted.", 130)),
        (ConfigErrors([Problem("f:1", "k", "p", "a")]), Failure("f:1: k: p; a", 2)),
        (
            ConfigErrors([Problem("f:1", "k", "p", "a"), Problem("f", "", "p", "a")]),
            Failure("The configuration has 2 mistakes:\nf:1: k: p; a\nf: p; a", 2),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_known_exceptions_are_their_text(error: BaseException, expected: Failure) -> None:
    """No class names, no traces: the text and a status."""
    assert explain(error) == expected


def test_others_are_left_alone() -> None:
    """The framework's own exceptions and closed pipes are not ours."""
    assert explain(typer.Exit(3)) is None
    assert explain(typer.BadParameter("x")) is None
    assert explain(BrokenPipeError()) is None


def _break(_message: str) -> None:
    raise ZeroDivisionError("by nought")


def test_an_accident_is_short_and_says_how_to_learn_more(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No trace unless it is asked for."""
    monkeypatch.setattr(users_module, "notice", _break)
    result = run("user", "add", "alice", "--generate", "--data", "d1")
    assert result.exit_code == 1
    assert "ZeroDivisionError: by nought" in result.stderr
    assert "MAILWREN_DEBUG=1" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("MAILWREN_DEBUG", "1")
    assert isinstance(run("user", "add", "alice", "--generate", "--data", "d2").exception, ZeroDivisionError)


def test_an_interruption_is_status_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C has its customary status, also when traces are wanted."""

    def interrupt(_message: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(users_module, "notice", interrupt)
    monkeypatch.setenv("MAILWREN_DEBUG", "1")
    result = run("user", "add", "alice", "--generate", "--data", "d1")
    assert (result.exit_code, result.stderr) == (130, "mailwren: Interrupted.\n")
