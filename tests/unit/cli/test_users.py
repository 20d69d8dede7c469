"""`mailwren user …`: every command, its refusals, and its forms for scripts."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Run

from mailwren.auth.hashing import verify_password
from mailwren.auth.users import User, UserDirectory
from mailwren.cli.access import open_store
from mailwren.config.settings import Config
from mailwren.store.operations import Append

DATA = Path("mailwren-data")


@contextmanager
def _users() -> Iterator[UserDirectory]:
    directory = UserDirectory(DATA / "users.sqlite3")
    try:
        yield directory
    finally:
        directory.close()


def _user(name: str) -> User:
    with _users() as directory:
        return directory.get(name)


def _facts(run: Run, name: str) -> Any:
    return json.loads(run("user", "show", name, "--json").stdout)


def _append(user: User, octets: bytes) -> None:
    """Put a message into the user's INBOX."""

    async def append() -> None:
        async with open_store(Config(data=DATA.absolute())) as store:
            account = await store.account(user.account_id)
            await account.apply([Append((await account.mailbox("INBOX")).id, octets)])
            await store.release(account)

    asyncio.run(append())


def test_add_with_a_password_from_standard_input(run: Run) -> None:
    """The first line is the password, and is printed nowhere."""
    result = run("user", "add", "Alice", "--password-stdin", stdin="correct horse\nrest\n")
    assert result.exit_code == 0, result.output
    assert "correct horse" not in result.output
    assert verify_password(_user("alice").password_hash, "correct horse")
    assert DATA.stat().st_mode & 0o777 == 0o700


def test_add_without_a_terminal_makes_a_password_up(run: Run) -> None:
    """It is shown once, and works."""
    result = run("user", "add", "bob")
    password = next(line.split()[1] for line in result.stdout.splitlines() if line.strip().startswith("password"))
    assert verify_password(_user("bob").password_hash, password)
    assert len(password) >= 12


def test_add_on_a_terminal_asks_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until both are the same."""
    monkeypatch.setattr("mailwren.cli.passwords.on_terminal", lambda: True)
    result = run("user", "add", "carol", stdin="one\nother\nsecret words\nsecret words\n")
    assert result.exit_code == 0, result.output
    assert verify_password(_user("carol").password_hash, "secret words")


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "message"),
    [
        (["add", "a b\n"], "", 1, ""),
        (["add", ""], "", 1, ""),
        (["add", "x", "--password-stdin"], "", 1, "no password on standard input"),
        (["add", "x", "--password-stdin"], "\n", 1, "no password on standard input"),
        (["add", "x", "--password-stdin", "--generate"], "p\n", 2, "choose one"),
        (["add", "x", "--generate", "--storage", "lots"], "", 2, '--storage: "lots" is not taken here'),
        (["show", "nobody"], "", 1, "nobody"),
        (["password", "nobody", "--generate"], "", 1, "nobody"),
        (["remove", "nobody", "--yes"], "", 1, "nobody"),
        (["quota", "nobody", "--messages", "5"], "", 1, "nobody"),
        (["quota", "known"], "", 2, "Say what to limit"),
        (["enable", "nobody"], "", 1, "nobody"),
        (["remove", "known"], "", 1, "say --yes"),
        (["add", "KNOWN", "--generate"], "", 1, "known"),
        (["alias", "known", "--remove", "nothing"], "", 1, "no alias"),
    ],
)
def test_refusals(run: Run, arguments: list[str], stdin: str, status: int, message: str) -> None:
    """Each mistake has its message on standard error and its status, and changes nothing."""
    assert run("user", "add", "known", "--generate").exit_code == 0
    result = run("user", *arguments, stdin=stdin)
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert result.stderr.startswith("mailwren: ")
    with _users() as directory:
        assert [user.name for user in directory.users()] == ["known"]


def test_a_password_that_is_no_text(run: Run) -> None:
    """Octets that are no UTF-8 are refused."""
    run("user", "add", "alice", "--generate")
    result = run("user", "password", "alice", "--password-stdin", stdin=b"\xff\xfe\n")
    assert (result.exit_code, "not UTF-8" in result.stderr) == (1, True)


def test_list(run: Run) -> None:
    """One line each, in order; everything but the password for scripts."""
    run("user", "add", "bob", "--generate", "--alias", "bob@example.org", "--alias", "robert")
    run("user", "add", "alice", "--generate")
    run("user", "disable", "alice")
    lines = run("user", "list").stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["name", "enabled"], ["alice", "no"], ["bob", "yes"]]
    alice, bob = json.loads(run("user", "list", "--json").stdout)
    assert (alice["name"], alice["enabled"], alice["quota"]) == (
        "alice",
        False,
        {"octets": None, "messages": None, "mailboxes": None, "annotation_octets": None},
    )
    assert bob["aliases"] == ["bob@example.org", "robert"]
    assert not any("password" in key or "hash" in key for key in bob)


def test_password(run: Run) -> None:
    """The old one is good no longer."""
    run("user", "add", "alice", "--password-stdin", stdin="old\n")
    assert run("user", "password", "alice", "--password-stdin", stdin="new\r\n").exit_code == 0
    assert verify_password(_user("alice").password_hash, "new")
    assert not verify_password(_user("alice").password_hash, "old")


def test_enable_and_disable(run: Run) -> None:
    """Both say what is so now."""
    run("user", "add", "alice", "--generate")
    assert run("user", "disable", "alice").stdout == "User alice cannot log in any more.\n"
    assert not _user("alice").enabled
    assert run("user", "enable", "alice").stdout == "User alice may log in.\n"
    assert _user("alice").enabled


def test_aliases(run: Run) -> None:
    """Added and taken away in one go, and listed."""
    run("user", "add", "alice", "--generate", "--alias", "one")
    assert run("user", "alias", "alice", "--add", "two", "--add", "three", "--remove", "ONE").exit_code == 0
    assert run("user", "alias", "alice").stdout.split() == ["three", "two"]


def test_show(run: Run) -> None:
    """Usage, quota and mailboxes, for people and for scripts."""
    run("user", "add", "alice", "--generate", "--storage", "1 MiB", "--alias", "al")
    _append(_user("alice"), b"Subject: x\r\n\r\nhello\r\n")
    facts = _facts(run, "alice")
    assert facts["usage"]["messages"] == 1
    assert facts["usage"]["octets"] >= 21
    assert facts["mailboxes"][0]["name"] == "INBOX"
    assert facts["mailboxes"][0]["unseen"] == 1
    text = run("user", "show", "alice").stdout
    assert "of 1.0 MiB" in text
    assert "1 of no limit" in text
    assert any(line.split()[:3] == ["INBOX", "1", "1"] for line in text.splitlines())


def test_quota(run: Run) -> None:
    """One limit leaves the other alone; "none" is the configuration's default; the account is limited at once."""
    run("user", "add", "alice", "--generate")
    assert "storage 5.0 MiB, messages no limit" in run("user", "quota", "alice", "--storage", "5 MiB").stdout
    assert run("user", "quota", "alice", "--messages", "7").exit_code == 0
    assert (_user("alice").quota_octets, _user("alice").quota_messages) == (5 * 1024**2, 7)
    Path("m.toml").write_text("version = 1\n[quota]\nmessages = 3\n", encoding="utf-8")
    result = run("user", "quota", "alice", "--messages", "none", "--config", "m.toml")
    assert "messages 3," in result.stdout
    assert _user("alice").quota_messages is None
    assert "0 of 3" in run("user", "show", "alice").stdout
    result = run("user", "quota", "alice", "--mailboxes", "40", "--annotations", "64 KiB", "--config", "m.toml")
    assert "messages 3, mailboxes 40, annotations 64.0 KiB." in result.stdout
    shown = run("user", "show", "alice").stdout
    assert "1 of 40" in shown
    assert "0 B of 64.0 KiB" in shown
    assert (_user("alice").quota_mailboxes, _user("alice").quota_annotations) == (40, 64 * 1024)


def test_the_configured_quota_counts_for_new_users(run: Run) -> None:
    """Without a quota of one's own."""
    Path("m.toml").write_text("version = 1\n[quota]\nstorage = '2 MiB'\n", encoding="utf-8")
    run("user", "add", "alice", "--generate", "--config", "m.toml")
    assert _user("alice").quota_octets is None
    assert "of 2.0 MiB" in run("user", "show", "alice").stdout


@pytest.mark.parametrize("keep", [False, True])
def test_remove(run: Run, keep: bool) -> None:
    """The mail goes as well, unless it is to be kept."""
    run("user", "add", "alice", "--generate")
    user = _user("alice")
    _append(user, b"x" * 100_000)
    before = _files_of(user)
    assert before
    result = run("user", "remove", "alice", "--yes", *(["--keep-mail"] if keep else []))
    assert result.exit_code == 0
    assert (user.account_id in result.stdout) == keep
    assert bool(_files_of(user)) == keep
    assert run("user", "show", "alice").exit_code == 1


def _files_of(user: User) -> list[Path]:
    return [path for path in DATA.rglob("*") if user.account_id in str(path) and path.is_file()]


def test_remove_asks_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No is no, yes is yes."""
    run("user", "add", "alice", "--generate")
    monkeypatch.setattr("mailwren.cli.accounts.on_terminal", lambda: True)
    assert run("user", "remove", "alice", stdin="n\n").exit_code == 1
    assert _user("alice").name == "alice"
    assert run("user", "remove", "alice", stdin="y\n").exit_code == 0
    assert run("user", "list").stdout.splitlines()[1:] == []
