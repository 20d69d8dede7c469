"""The user directory: names, aliases, quotas, and several processes at once."""

import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from mailwren.auth.errors import DirectoryUnavailable, InvalidUserName, NoSuchUser, UserExists
from mailwren.auth.users import User, UserDirectory


@pytest.fixture
def directory() -> Iterator[UserDirectory]:
    """A directory in memory whose clock stands still."""
    directory = UserDirectory(None, clock=lambda: 1_700_000_000.9)
    yield directory
    directory.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a directory on disk goes; its folder does not exist yet."""
    return tmp_path / "data" / "users.sqlite3"


def test_adding_and_finding(directory: UserDirectory) -> None:
    """A new user has a random account, is enabled, and is found by name in any case."""
    user = directory.add("Alice", "hash", quota_octets=10, quota_messages=5, aliases=["A@Example.org", "alice"])
    assert re.fullmatch("[0-9a-f]{32}", user.account_id)
    assert user == User("alice", user.account_id, 1_700_000_000, True, 10, 5, "hash", ("a@example.org",))
    assert directory.find("ALICE") == directory.find("alice") == directory.find("a@EXAMPLE.org") == user
    assert directory.find_account(user.account_id) == directory.get("alice") == user
    assert directory.users() == [user]


def test_finding_nobody(directory: UserDirectory) -> None:
    """Unknown names, texts that cannot be names, and other addresses of a user find nobody."""
    directory.add("alice", "hash")
    for name in ("bob", "", "a b", "alice@example.org", "x" * 10_000, "\ud800", "\x00"):
        assert directory.find(name) is None
        with pytest.raises(NoSuchUser):
            directory.get(name)
    assert directory.find_account("0" * 32) is None


def test_names_are_unique_over_users_and_aliases(directory: UserDirectory) -> None:
    """Neither a name nor an alias can be taken twice, and a refused addition leaves nothing behind."""
    directory.add("alice", "hash", aliases=["info"])
    for name, aliases in (("ALICE", ()), ("info", ()), ("bob", ("alice",)), ("bob", ("other", "INFO"))):
        with pytest.raises(UserExists, match="taken"):
            directory.add(name, "hash", aliases=aliases)
    assert directory.find("other") is None
    assert [user.name for user in directory.users()] == ["alice"]
    with pytest.raises(InvalidUserName):
        directory.add("no blanks", "hash")
    with pytest.raises(InvalidUserName):
        directory.add("carol", "hash", aliases=["bad/alias"])
    assert len(directory.users()) == 1


def test_refusal_names_the_owner_of_an_alias(directory: UserDirectory) -> None:
    """Who wonders why a name is taken is told whose alias it is."""
    directory.add("alice", "hash", aliases=["info"])
    with pytest.raises(UserExists, match='an alias of "alice"'):
        directory.add("info", "hash")
    with pytest.raises(UserExists, match="it is a user"):
        directory.add("alice", "hash")


def test_changes_show_at_once(directory: UserDirectory) -> None:
    """Every change returns the user as it is now, and the next lookup agrees."""
    directory.add("alice", "old", aliases=["a", "b"])
    changes: tuple[Callable[[], User], ...] = (
        lambda: directory.set_password_hash("a", "new"),
        lambda: directory.set_enabled("alice", False),
        lambda: directory.set_quota("alice", octets=1, messages=None),
        lambda: directory.set_aliases("alice", ["b", "c"]),
    )
    for change in changes:
        directory.find("alice")
        assert change() == directory.find("alice")
    user = directory.get("c")
    assert (user.password_hash, user.enabled, user.quota_octets, user.aliases) == ("new", False, 1, ("b", "c"))
    assert directory.find("a") is None


def test_changing_nobody(directory: UserDirectory) -> None:
    """Changing an unknown user is refused with the name that was given."""
    changes: tuple[Callable[[], User], ...] = (
        lambda: directory.set_enabled("Bob!", False),
        lambda: directory.remove("Bob!"),
        lambda: directory.set_aliases("Bob!", []),
    )
    for change in changes:
        with pytest.raises(NoSuchUser, match="Bob!"):
            change()
    with pytest.raises(NoSuchUser):
        directory.remove("not a name")


def test_aliases_cannot_be_stolen(directory: UserDirectory) -> None:
    """A refused change of aliases keeps the old ones; swapping within one user works."""
    directory.add("alice", "hash", aliases=["a"])
    directory.add("bob", "hash", aliases=["b"])
    with pytest.raises(UserExists):
        directory.set_aliases("bob", ["c", "a"])
    assert directory.get("bob").aliases == ("b",)
    assert directory.find("c") is None


def test_too_many_aliases(directory: UserDirectory) -> None:
    """The number of aliases of one user is bounded."""
    with pytest.raises(InvalidUserName, match="1000"):
        directory.add("alice", "hash", aliases=[f"alias{number}" for number in range(1001)])


def test_removing_frees_the_names(directory: UserDirectory) -> None:
    """A removed user's names can be used again, with another account."""
    before = directory.add("alice", "hash", aliases=["a"])
    directory.find("a")
    assert directory.remove("a") == before
    assert directory.find("alice") is None
    assert directory.find("a") is None
    assert directory.add("a", "hash").account_id != before.account_id


def test_replacing_a_hash_only_when_unchanged(directory: UserDirectory) -> None:
    """A hash renewed in the background never overwrites a password changed meanwhile."""
    user = directory.add("alice", "old")
    assert directory.replace_password_hash(user, "stronger")
    assert directory.get("alice").password_hash == "stronger"
    assert not directory.replace_password_hash(user, "late")
    assert directory.get("alice").password_hash == "stronger"


def test_password_hashes_are_hidden(directory: UserDirectory) -> None:
    """Neither repr nor str of a user shows the hash."""
    assert "secret-hash" not in f"{directory.add('alice', 'secret-hash')!r}"


def test_other_connections_see_changes_at_once(path: Path) -> None:
    """What one process commits, the next lookup in another one finds, cached or not."""
    server, command_line = UserDirectory(path), UserDirectory(path)
    assert server.find("alice") is None
    user = command_line.add("alice", "one")
    assert server.find("alice") == user
    command_line.set_password_hash("alice", "two")
    found = server.find("alice")
    assert found is not None
    assert found.password_hash == "two"
    server.set_enabled("alice", False)
    assert not command_line.get("alice").enabled
    command_line.remove("alice")
    assert server.find("alice") is None
    server.close()
    command_line.close()


def test_lookups_come_from_memory(path: Path) -> None:
    """A repeated lookup gives the very same object until somebody changes the file."""
    directory, other = UserDirectory(path), UserDirectory(path)
    directory.add("alice", "hash")
    first = directory.find("alice")
    assert directory.find("alice") is first
    other.add("bob", "hash")
    assert directory.find("alice") == first
    assert directory.find("alice") is not first
    directory.close()
    other.close()


def test_memory_is_bounded(directory: UserDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache never holds more than the limit, however names are spelled."""
    monkeypatch.setattr("mailwren.base.limits.USERS_CACHED", 3)
    directory.add("abcdef", "hash")
    for spelling in ("abcdef", "Abcdef", "aBcdef", "abCdef", "abcDef", "nobody"):
        directory.find(spelling)
        assert len(directory._cache) <= 3


def test_file_is_private(path: Path) -> None:
    """The folder and every file of the database are for the owner alone."""
    directory = UserDirectory(path)
    directory.add("alice", "hash")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files = list(path.parent.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    directory.close()


def test_users_survive_reopening(path: Path) -> None:
    """A directory opened again knows the same users."""
    directory = UserDirectory(path)
    user = directory.add("alice", "hash", aliases=["a"])
    directory.close()
    again = UserDirectory(path)
    assert again.users() == [user]
    again.close()


def test_many_processes_at_once(path: Path) -> None:
    """Processes that create the same directory together and add users lose none of them."""
    script = (
        "import sys; from pathlib import Path; from mailwren.auth.users import UserDirectory\n"
        "directory = UserDirectory(Path(sys.argv[1]))\n"
        "for number in range(10):\n"
        "    name = f'{number}-{sys.argv[2]}'\n"
        "    directory.add('user' + name, 'hash', aliases=['alias' + name])"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(path), str(number)]) for number in range(4)]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    directory = UserDirectory(path)
    assert len(directory.users()) == 40
    assert len({user.account_id for user in directory.users()}) == 40
    directory.close()


def test_opening_waits_for_another_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new database that another process is changing to WAL is tried again, but not forever."""
    attempts: list[float] = []
    real = apsw.Connection

    def busy_twice(name: str) -> apsw.Connection:
        attempts.append(0.0)
        if len(attempts) < 3:
            raise apsw.BusyError("database is locked")
        return real(name)

    monkeypatch.setattr("mailwren.auth.database._BUSY_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(apsw, "Connection", busy_twice)
    UserDirectory(path).close()
    assert len(attempts) == 3
    attempts.clear()
    monkeypatch.setattr("mailwren.auth.database._BUSY_MILLISECONDS", 0)
    with pytest.raises(DirectoryUnavailable, match="locked"):
        UserDirectory(path)


def test_damaged_and_foreign_files(path: Path, tmp_path: Path) -> None:
    """A file that is no database, one of a newer version, and a folder in the way give the directory's own error."""
    path.parent.mkdir()
    path.write_bytes(b"this is not a database, really not" * 100)
    with pytest.raises(DirectoryUnavailable, match="not a database"):
        UserDirectory(path)
    newer = tmp_path / "newer.sqlite3"
    database = apsw.Connection(str(newer))
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(DirectoryUnavailable, match="version 99"):
        UserDirectory(newer)
    with pytest.raises(DirectoryUnavailable, match="cannot be opened"):
        UserDirectory(tmp_path)


def test_locked_for_too_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that cannot get its turn fails cleanly; lookups go on meanwhile."""
    monkeypatch.setattr("mailwren.auth.database._BUSY_MILLISECONDS", 1)
    directory = UserDirectory(path)
    directory.add("alice", "hash")
    blocker = apsw.Connection(str(path))
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(DirectoryUnavailable, match="changed"):
        directory.set_enabled("alice", False)
    assert directory.get("alice").enabled
    blocker.execute("ROLLBACK")
    blocker.close()
    assert not directory.set_enabled("alice", False).enabled
    directory.close()
