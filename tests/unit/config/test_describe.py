"""The example file, what applies, and the reference page."""

import json
import tomllib
from pathlib import Path

from mailwren.config.describe import example, plain_value, reference, show
from mailwren.config.load import Override, load
from mailwren.config.settings import SETTINGS, Config

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "configuration.md"


def _without_marks(text: str) -> str:
    """The example with every setting switched on: comments of words keep their mark."""
    return "\n".join(
        line[1:] if (line[:1] == "#" and line[1:2] not in {" ", ""}) or line[:3] == "#  " else line
        for line in text.splitlines()
    )


def test_the_example_is_a_valid_file(tmp_path: Path) -> None:
    """As it is, it changes nothing."""
    path = tmp_path / "m.toml"
    path.write_text(example(), encoding="utf-8")
    config = load(path, {})
    assert config == Config(data=config.data)
    assert set(config.origins.values()) == {"default"}


def test_the_example_holds_every_setting_at_its_default(tmp_path: Path) -> None:
    """Switched on, all settings are there and mean what their absence means."""
    lines = [line for line in _without_marks(example()).splitlines() if not line.startswith("   ")]
    path = tmp_path / "m.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    config = load(path, {})
    assert all(origin.startswith(str(path)) for origin in config.origins.values()), config.origins
    for setting in SETTINGS:
        if setting.key not in {"data", "server_name"}:
            assert getattr(config, setting.name) == setting.default, setting.key


def test_show_is_toml_and_can_leave_out_defaults(tmp_path: Path) -> None:
    """Every shown value is TOML; only what was set is shown on wish."""
    overrides = [Override("data", str(tmp_path), "--data"), Override("workers", "2", "--workers")]
    config = load(None, {}, overrides, system_file=tmp_path / "etc.toml")
    for key, value, _ in show(config):
        tomllib.loads(f"{key} = {value}")
    changed = {key: (value, origin) for key, value, origin in show(config, changed_only=True)}
    assert changed["workers"] == ("2", "command line --workers")
    assert set(changed) == {"workers", "data"}


def test_every_default_fits_into_json() -> None:
    """For scripts each value has a plain form."""
    values = {setting.key: plain_value(setting.default) for setting in SETTINGS}
    assert json.loads(json.dumps(values)) == values


def test_the_manual_lists_every_setting_as_it_is() -> None:
    """The table in docs/configuration.md is the one made from the settings."""
    assert reference() in DOCUMENTATION.read_text(encoding="utf-8"), (
        "replace the table in docs/configuration.md by the output of "
        "python -c 'from mailwren.config.describe import reference; print(reference())'"
    )
