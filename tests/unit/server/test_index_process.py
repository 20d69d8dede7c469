"""The indexing processes of several workers: one of them works at a time."""

import fcntl
import io
import subprocess
import sys
from pathlib import Path

import pytest

from mailwren.server import index_process


def _is_held(data: Path) -> bool:
    """Whether somebody indexes in a data folder."""
    with (data / "run" / "indexing").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_each_account_is_indexed_with_the_others_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While an account is indexed the processes of other workers wait; between two accounts they may go ahead."""

    def index(data: Path, account_id: str, _documents: object) -> str:
        return f"{account_id} {_is_held(data)}"

    monkeypatch.setattr(index_process, "index_account", index)
    monkeypatch.setattr(sys, "stdin", io.StringIO("alice\nben\n"))
    index_process.main(tmp_path)
    assert capsys.readouterr().out == "alice True\nben True\n"
    assert not _is_held(tmp_path)


def test_without_a_place_for_a_lock_mail_is_indexed_all_the_same(tmp_path: Path) -> None:
    """Where no lock can be had nobody waits for one."""
    (tmp_path / "run").write_text("in the way", "ascii")
    with index_process.one_at_a_time(tmp_path):
        pass


def test_it_ends_quietly_after_its_worker(tmp_path: Path) -> None:
    """A worker that is killed while its process indexes leaves no traceback in the log."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mailwren.server.index_process", str(tmp_path), "error", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, told = process.communicate(b"0" * 32 + b"\n", timeout=30)
    assert told == b""
