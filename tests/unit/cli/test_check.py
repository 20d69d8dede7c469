"""`mailwren check`."""

import json
from pathlib import Path

import apsw
import pytest
from tests.unit.cli.conftest import Run

from mailwren.auth.users import UserDirectory

DATA = Path("mailwren-data")


@pytest.fixture(autouse=True)
def _mail(run: Run) -> None:
    """Two users with one message each."""
    for name in ("alice", "bob"):
        assert run("user", "add", name, "--generate").exit_code == 0
        assert run("deliver", name, stdin="Subject: x\n\nhello\n").exit_code == 0


def _account(name: str) -> Path:
    directory = UserDirectory(DATA / "users.sqlite3")
    account = directory.get(name).account_id
    directory.close()
    (folder,) = DATA.glob(f"accounts/*/{account}")
    return folder


def _spoil_counter(name: str) -> None:
    """Something derived that a repair makes right."""
    connection = apsw.Connection(str(_account(name) / "mail.sqlite3"))
    connection.execute("UPDATE mailbox SET messages = messages + 5")
    connection.close()


def test_all_is_right(run: Run) -> None:
    """Status 0, and how much was looked at."""
    result = run("check")
    assert (result.exit_code, result.stdout) == (0, "2 accounts checked: all is right.\n")
    assert json.loads(run("check", "--json").stdout)["clean"]


def test_findings_are_told_and_not_touched(run: Run) -> None:
    """Status 1 each time, until --repair is said."""
    _spoil_counter("alice")
    first = run("check")
    assert first.exit_code == 1
    assert first.stdout.startswith("alice:\n  warning: ")
    assert run("check").stdout == first.stdout
    assert run("check", "--user", "bob").exit_code == 0
    repaired = run("check", "--repair")
    assert repaired.exit_code == 0, repaired.output
    assert "  repaired: " in repaired.stdout
    assert run("check").exit_code == 0


def test_a_damaged_account_is_one_finding_and_the_others_are_checked(run: Run) -> None:
    """With its user, what it is, and what to do."""
    (_account("alice") / "mail.sqlite3").write_bytes(b"nonsense" * 1000)
    result = run("check", "--json")
    assert result.exit_code == 1
    users, *accounts = json.loads(result.stdout)["checked"]
    assert (users["name"], users["findings"]) == ("users", [])
    findings = {account["name"]: account["findings"] for account in accounts}
    assert [finding["severity"] for finding in findings["alice"]] == ["error"]
    assert findings["alice"][0]["mend"]
    assert findings["bob"] == []


def test_mail_without_a_user_is_a_note(run: Run) -> None:
    """It is told, and is no error."""
    run("user", "remove", "bob", "--yes", "--keep-mail")
    result = run("check")
    assert result.exit_code == 0
    assert "note: no user and no team has this account" in result.stdout


@pytest.mark.parametrize("content", [None, b"nonsense" * 1000])
def test_a_damaged_database_of_users(run: Run, content: bytes | None) -> None:
    """A finding; the accounts are checked all the same."""
    for path in DATA.glob("users.sqlite3*"):
        path.unlink()
    if content is not None:
        (DATA / "users.sqlite3").write_bytes(content)
    result = run("check")
    assert result.exit_code == 1, result.output
    assert "users:\n  error: users.sqlite3: " in result.stdout
    assert "2 accounts checked" in result.stdout


def test_refusals(run: Run) -> None:
    """An unknown user and a folder of other things."""
    assert run("check", "--user", "nobody").exit_code == 1
    result = run("check", "--data", ".")
    assert (result.exit_code, "holds no Mailwren data" in result.stderr) == (1, True)
