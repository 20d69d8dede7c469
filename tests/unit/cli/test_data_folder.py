"""Making, finding and guarding the data folder."""

import os
from pathlib import Path

import pytest

from mailwren.cli.data_folder import existing_data, open_to_others, prepare_data
from mailwren.cli.failures import CommandRefused
from mailwren.config.settings import Config


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    """Made with all folders above it, for its owner only."""
    config = Config(data=tmp_path / "a" / "b")
    assert prepare_data(config)
    assert config.data.stat().st_mode & 0o777 == 0o700
    assert not open_to_others(config.data)


def test_an_empty_folder_becomes_private(tmp_path: Path) -> None:
    """An empty folder, or one with only a configuration in it, is taken as it is and closed to others."""
    tmp_path.chmod(0o755)
    (tmp_path / "mailwren.toml").write_text("version = 1\n", encoding="utf-8")
    (tmp_path / ".hidden").touch()
    assert open_to_others(tmp_path)
    assert prepare_data(Config(data=tmp_path))
    assert not open_to_others(tmp_path)


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    """A slip of the fingers does not spread mail over somebody's files."""
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(CommandRefused, match=r"thesis\.txt"):
        prepare_data(Config(data=tmp_path))


def test_a_folder_of_ours_is_found(tmp_path: Path) -> None:
    """Known by its database of users."""
    config = Config(data=tmp_path)
    config.users_file.touch()
    assert not prepare_data(config)
    assert existing_data(config) == tmp_path


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """What is wrong with it is said."""
    with pytest.raises(CommandRefused, match="is not there"):
        existing_data(Config(data=tmp_path / "absent"))
    with pytest.raises(CommandRefused, match="holds no Mailwren data"):
        existing_data(Config(data=tmp_path))


@pytest.mark.parametrize("with_users", [True, False])
def test_root_keeps_out_of_others_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_users: bool) -> None:
    """Files of root's would lock the server's own user out."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 54321, 54321)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    config = Config(data=tmp_path)
    if with_users:
        config.users_file.touch()
    with pytest.raises(CommandRefused, match=r"belongs to user .*: run this as that user"):
        prepare_data(config)
