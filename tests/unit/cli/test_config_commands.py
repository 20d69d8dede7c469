"""`mailwren config`."""

import json
from pathlib import Path

from tests.unit.cli.conftest import Run


def test_check_tells_every_mistake(run: Run, tmp_path: Path) -> None:
    """All at once, with line and advice, on standard error, with status 2."""
    (tmp_path / "m.toml").write_text("version = 1\nworkers = 0\nwrokers = 1\n", encoding="utf-8")
    result = run("config", "check", "--config", "m.toml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "2 mistakes" in result.stderr
    assert "m.toml:2: workers: 0 is not taken here" in result.stderr
    assert 'm.toml:3: wrokers: is not a known setting; did you mean "workers"?' in result.stderr


def test_check_of_a_right_configuration(run: Run, tmp_path: Path) -> None:
    """Says which file it was, and warns of what is risky."""
    assert run("config", "check").stdout == "No configuration file; all is right.\n"
    (tmp_path / "m.toml").write_text("version = 1\n[[listen]]\nprotocol='lmtp'\nhost='*'\nport=24\n", encoding="utf-8")
    result = run("config", "check", "--config", "m.toml")
    assert result.exit_code == 0
    assert "m.toml" in result.stdout
    assert result.stderr.count("Warning: LMTP on") == 2


def test_other_commands_are_stopped_by_mistakes_too(run: Run) -> None:
    """A wrong configuration is status 2 everywhere."""
    assert run("user", "list", "--config", "absent.toml").exit_code == 2


def test_show_tells_values_and_origins(run: Run, tmp_path: Path) -> None:
    """For people in columns, for scripts as JSON."""
    (tmp_path / "m.toml").write_text("version = 1\nworkers = 2\n", encoding="utf-8")
    lines = run("config", "show", "--config", "m.toml", "--changed").stdout.splitlines()
    assert lines[1].split() == ["workers", f"{tmp_path}/m.toml:2", "2"]
    assert len(lines) == 2
    facts = json.loads(run("config", "show", "--config", "m.toml", "--json").stdout)
    assert facts["workers"] == {"value": 2, "origin": f"{tmp_path}/m.toml:2"}
    assert facts["listen"]["value"][0] == {
        "protocol": "imap",
        "host": "0.0.0.0",
        "port": 143,
        "path": None,
        "mode": 0o660,
        "fallback_port": 1143,
        "optional": False,
    }


def test_the_example_is_right(run: Run, tmp_path: Path) -> None:
    """What `example` prints passes `check`."""
    (tmp_path / "m.toml").write_text(run("config", "example").stdout, encoding="utf-8")
    assert run("config", "check", "--config", "m.toml").exit_code == 0
