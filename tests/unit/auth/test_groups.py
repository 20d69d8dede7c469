"""Groups, their members and mailboxes, the index of who shares with whom, and files of the first version."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from mailwren.auth.database import _FIRST
from mailwren.auth.errors import InvalidUserName, NoSuchGroup, NoSuchUser, UserExists
from mailwren.auth.grants import ANYONE, Sharer
from mailwren.auth.users import UserDirectory
from mailwren.base import limits


class Clock:
    """A clock that is set by hand."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        """Seconds since the epoch."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The directory's clock."""
    return Clock()


@pytest.fixture
def directory(clock: Clock) -> Iterator[UserDirectory]:
    """A directory in memory with three users."""
    directory = UserDirectory(None, clock=clock)
    for name in ("ann", "ben", "cleo"):
        directory.add(name, "hash")
    yield directory
    directory.close()


def _id(directory: UserDirectory, name: str) -> str:
    return directory.get(name).account_id


def test_adding_and_finding(directory: UserDirectory) -> None:
    """A group is found by name and alias in any case, and is no user."""
    group = directory.groups.add("Support", has_mailbox=True, aliases=["help@example.org"])
    assert group.name == "support"
    assert group.has_mailbox
    assert group.aliases == ("help@example.org",)
    assert directory.groups.find("SUPPORT") == directory.groups.find("Help@Example.org") == group
    assert directory.groups.find_id(group.group_id) == group
    assert directory.groups.groups() == [group]
    assert directory.find("support") is None
    assert directory.groups.find("ann") is None
    assert directory.groups.find("a b") is None


def test_names_are_unique_over_users_aliases_and_groups(directory: UserDirectory) -> None:
    """Neither a user nor a group can take a name of the other, and a refused change leaves nothing behind."""
    directory.groups.add("team", aliases=["all"])
    for name, aliases in (("ann", ()), ("team", ()), ("all", ()), ("new", ("ben",)), ("new", ("all",))):
        with pytest.raises(UserExists, match="taken"):
            directory.groups.add(name, aliases=aliases)
    for name, aliases in (("team", ()), ("all", ()), ("dora", ("team",))):
        with pytest.raises(UserExists, match=r"group|alias of"):
            directory.add(name, "hash", aliases=aliases)
    with pytest.raises(UserExists):
        directory.groups.rename("team", "cleo")
    assert [group.name for group in directory.groups.groups()] == ["team"]
    assert directory.find("dora") is None
    with pytest.raises(InvalidUserName):
        directory.groups.add("anyone")


def test_members(directory: UserDirectory) -> None:
    """Users come and go, all named or none; a removed user is a member no more."""
    directory.groups.add("team")
    directory.groups.add_members("team", ["ben", "ann", "BEN"])
    assert directory.groups.members("team") == ["ann", "ben"]
    with pytest.raises(NoSuchUser):
        directory.groups.add_members("team", ["cleo", "nobody"])
    directory.groups.remove_members("team", ["ann", "cleo"])
    assert directory.groups.members("team") == ["ben"]
    directory.remove("ben")
    assert directory.groups.members("team") == []
    for call in (directory.groups.members, directory.groups.get, directory.groups.remove):
        with pytest.raises(NoSuchGroup):
            call("nobody")
    with pytest.raises(NoSuchGroup):
        directory.groups.add_members("ann", ["ben"])


def test_renaming_and_changing(directory: UserDirectory) -> None:
    """Rename keeps id, members and aliases and frees the old name; quota, aliases and mailbox can be set."""
    group = directory.groups.add("team", aliases=["t@example.org", "crew"])
    directory.groups.add_members("team", ["ann"])
    renamed = directory.groups.rename("team", "crew")
    assert renamed.group_id == group.group_id
    assert renamed.aliases == ("t@example.org",)
    assert directory.groups.members("crew") == ["ann"]
    directory.add("team", "hash")
    assert directory.groups.set_aliases("crew", ["x"]).aliases == ("x",)
    assert directory.groups.find("t@example.org") is None
    changed = directory.groups.set_quota("crew", octets=10, messages=None)
    assert (changed.quota_octets, changed.quota_messages) == (10, None)
    assert directory.groups.set_mailbox("crew", True).has_mailbox
    directory.groups.remove("crew")
    assert directory.groups.groups() == []
    directory.add("crew", "hash")


def test_standing(directory: UserDirectory) -> None:
    """What means a user, and who shares with him: by himself, by a group, by anyone; teams by membership alone."""
    ann, ben, cleo = (_id(directory, name) for name in ("ann", "ben", "cleo"))
    group = directory.groups.add("team").group_id
    desk = directory.groups.add("desk", has_mailbox=True).group_id
    directory.groups.add_members("team", ["ann"])
    assert directory.grants.standing(ann).identifiers == {ann, group, ANYONE}
    assert directory.grants.standing(ann).users == {}
    directory.grants.note(ben, [group])
    assert directory.grants.standing(ann).users == {"ben": Sharer("ben", ben, False)}
    assert directory.grants.standing(cleo).users == {}
    assert directory.grants.standing(ben).users == {}
    directory.grants.note(ben, [ANYONE])
    assert set(directory.grants.standing(cleo).users) == {"ben"}
    assert directory.grants.standing(ben).users == {}
    directory.groups.add_members("desk", ["cleo"])
    assert directory.grants.standing(cleo).teams == {"desk": Sharer("desk", desk, True)}
    directory.grants.note(desk, [ben])
    assert set(directory.grants.standing(ben).teams) == {"desk"}
    directory.groups.remove_members("team", ["ann"])
    assert directory.grants.standing(ann).identifiers == {ann, ANYONE}


def test_removing_ends_grants(directory: UserDirectory) -> None:
    """A removed user or group neither shares nor is shared with, and a new one of the name inherits nothing."""
    ann, ben = _id(directory, "ann"), _id(directory, "ben")
    directory.grants.note(ben, [ann])
    directory.remove("ben")
    assert directory.grants.standing(ann).users == {}
    again = directory.add("ben", "hash").account_id
    assert directory.grants.noted(again) == directory.grants.noted(ben) == frozenset()


def test_forgetting(directory: UserDirectory, clock: Clock) -> None:
    """What no list names is forgotten, but not what was noted just now: its list may be on the way."""
    ann, ben, cleo = (_id(directory, name) for name in ("ann", "ben", "cleo"))
    directory.grants.note(ben, [ann, cleo])
    directory.grants.forget(ben, [cleo])
    assert directory.grants.noted(ben) == {ann, cleo}
    clock.now += limits.GRANT_SECONDS + 1
    directory.grants.note(ben, [cleo])
    directory.grants.forget(ben, [])
    assert directory.grants.noted(ben) == {cleo}


def test_another_process_changes_groups(tmp_path: Path) -> None:
    """What one directory changed another one answers with at once."""
    path = tmp_path / "users.sqlite3"
    one, two = UserDirectory(path), UserDirectory(path)
    try:
        ann = one.add("ann", "hash").account_id
        assert two.grants.standing(ann).teams == {}
        one.groups.add("desk", has_mailbox=True)
        one.groups.add_members("desk", ["ann"])
        assert set(two.grants.standing(ann).teams) == {"desk"}
        assert two.groups.get("desk").has_mailbox
    finally:
        one.close()
        two.close()


def test_a_file_of_the_first_version(tmp_path: Path) -> None:
    """Users and aliases of an older file are all there afterwards, and their names are still taken."""
    path = tmp_path / "users.sqlite3"
    old = apsw.Connection(str(path))
    old.execute(_FIRST)
    old.execute("INSERT INTO users VALUES ('aa', 'ann', 1, 1, NULL, 5, 'hash')")
    old.execute("INSERT INTO names VALUES ('ann', 'aa'), ('a@example.org', 'aa')")
    old.pragma("user_version", 1)
    old.close()
    directory = UserDirectory(path)
    try:
        assert directory.get("ANN").aliases == ("a@example.org",)
        assert directory.get("a@example.org").quota_messages == 5
        with pytest.raises(UserExists):
            directory.groups.add("a@example.org")
        directory.remove("ann")
        assert directory.groups.add("a@example.org").name == "a@example.org"
    finally:
        directory.close()
