"""`mailwren user restored`: what has to follow files that were put back from an older copy."""

import asyncio
import json
import shutil
from pathlib import Path

import apsw
import pytest
from tests.unit.cli.conftest import Run

from mailwren.store.bus_unix import UnixBus

DATA = Path("mailwren-data")


@pytest.fixture(autouse=True)
def _mail(run: Run) -> None:
    """Two users, of whom one has mail."""
    for name in ("alice", "bob"):
        assert run("user", "add", name, "--generate").exit_code == 0
    assert run("deliver", "alice", stdin="Subject: x\n\nhello\n").exit_code == 0


def _database(run: Run, name: str) -> Path:
    account = json.loads(run("user", "show", name, "--json").stdout)["account"]
    (folder,) = DATA.glob(f"accounts/*/{account}")
    return folder / "mail.sqlite3"


def _validities(database: Path) -> dict[str, int]:
    connection = apsw.Connection(str(database))
    try:
        return {
            str(name): int(str(value)) for name, value in connection.execute("SELECT name, uid_validity FROM mailbox")
        }
    finally:
        connection.close()


@pytest.mark.parametrize("whose", ["alice", "--all"])
def test_every_mailbox_gets_a_larger_uidvalidity(run: Run, whose: str) -> None:
    """Larger than any that the lost files can have given out; the mail stays, and a check finds nothing."""
    database = _database(run, "alice")
    before = _validities(database)
    result = run("user", "restored", whose)
    assert result.exit_code == 0, result.output
    assert "alice: mail programs will read" in result.stdout
    after = _validities(database)
    assert after.keys() == before.keys()
    assert min(after.values()) > max(before.values())
    assert len(set(after.values())) == len(after)
    assert json.loads(run("user", "show", "alice", "--json").stdout)["usage"]["messages"] == 1
    assert run("check").exit_code == 0


def test_a_running_server_is_in_the_way(run: Run) -> None:
    """Its sessions would go on with what they know."""
    loop = asyncio.new_event_loop()
    server = UnixBus(DATA, loop)
    try:
        result = run("user", "restored", "alice")
        assert result.exit_code == 1
        assert "stop it first" in result.stderr
    finally:
        server.close()
        loop.close()
    assert run("user", "restored", "alice").exit_code == 0


def test_what_cannot_be_done_is_said_and_the_others_are_done(run: Run) -> None:
    """A damaged account does not keep the others from being renewed; none is made where there is none."""
    assert run("deliver", "bob", stdin="Subject: x\n\nhello\n").exit_code == 0
    database = _database(run, "alice")
    database.write_bytes(b"x" * 100_000)
    result = run("user", "restored", "--all")
    assert result.exit_code == 1
    assert "bob: mail programs" in result.stdout
    assert "alice: " in result.stderr
    database.unlink()
    assert run("user", "restored", "alice").exit_code == 1
    assert not database.exists()
    shutil.rmtree(database.parent)
    assert run("user", "restored", "alice").exit_code == 0
    assert not database.parent.exists()


def test_whose_has_to_be_said(run: Run) -> None:
    """Nobody, or both names and all, is a misuse."""
    assert run("user", "restored").exit_code == 2
    assert run("user", "restored", "alice", "--all").exit_code == 2
