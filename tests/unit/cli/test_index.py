"""`mailwren index`: how far indexes are, and building them anew."""

import json
from pathlib import Path

import pytest
from tests.support.documents import attached, pdf
from tests.unit.cli.conftest import Run

from mailwren.search.attached.extracting import extractor
from mailwren.search.index.folder import writing

DATA = Path("mailwren-data")


@pytest.fixture(autouse=True)
def _mail(run: Run) -> None:
    """Two users, of whom one has mail."""
    for name in ("alice", "bob"):
        assert run("user", "add", name, "--generate").exit_code == 0
    for number in range(3):
        assert run("deliver", "alice", stdin=f"Subject: x\n\nhello {number}\n").exit_code == 0


def _index() -> Path:
    (database,) = DATA.glob("accounts/*/*/mail.sqlite3")
    return database.parent / "index"


def test_status_tells_what_is_indexed(run: Run) -> None:
    """Nothing at first, all after building; users without mail are left out."""
    (before,) = json.loads(run("index", "status", "--json").stdout)
    assert (before["name"], before["messages"], before["indexed"], before["files"]) == ("alice", 3, 0, 0)
    assert "0%" in run("index", "status").stdout
    result = run("index", "rebuild")
    assert result.exit_code == 0, result.output
    assert "alice: 3 messages" in result.stdout
    (after,) = json.loads(run("index", "status", "--user", "alice", "--json").stdout)
    assert (after["indexed"], after["files"]) == (3, 1)
    assert after["octets"] == sum(path.stat().st_size for path in _index().glob("*.seg"))
    assert " all " in run("index", "status").stdout
    assert json.loads(run("index", "status", "--user", "bob", "--json").stdout) == []


def test_rebuilding_begins_anew(run: Run) -> None:
    """What was there is thrown away, damaged or not; `check` finds the folder harmless."""
    assert run("index", "rebuild", "--user", "alice").exit_code == 0
    (segment,) = _index().glob("*.seg")
    segment.write_bytes(b"damaged")
    assert run("check").exit_code == 0
    assert run("index", "rebuild", "--user", "alice").exit_code == 0
    (segment,) = _index().glob("*.seg")
    assert segment.stat().st_size > 100
    with writing(_index()) as ours:
        assert ours


def test_a_user_who_is_not_there(run: Run) -> None:
    """Is refused by name."""
    result = run("index", "status", "--user", "nobody")
    assert result.exit_code == 1
    assert "nobody" in result.stderr


def test_an_account_that_cannot_be_read(run: Run) -> None:
    """Is named, and the exit status tells."""
    (database,) = DATA.glob("accounts/*/*/mail.sqlite3")
    for path in database.parent.glob("mail.sqlite3*"):
        path.write_bytes(b"no database, whatever its name says" * 100)
    for command in ("status", "rebuild"):
        result = run("index", command)
        assert result.exit_code == 1
        assert "alice: " in result.stderr


def test_restored_files_lose_their_index(run: Run) -> None:
    """An index may be about what came after the copy that was put back."""
    assert run("index", "rebuild").exit_code == 0
    assert run("user", "restored", "alice").exit_code == 0
    assert not _index().exists()


@pytest.mark.skipif(extractor() is None, reason="reading documents needs the extra: pip install mailwren[documents]")
def test_rebuilding_reads_documents(run: Run) -> None:
    """Those of mail that came before the extra was installed; the status counts them, and no process is left."""
    message = attached(pdf("annual report"), name="a.pdf").decode()
    assert run("deliver", "alice", stdin=message).exit_code == 0
    result = run("index", "rebuild")
    assert result.exit_code == 0, result.output
    (after,) = json.loads(run("index", "status", "--json").stdout)
    assert (after["indexed"], after["documents"]) == (4, 1)
