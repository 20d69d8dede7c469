"""Groups of users: for access control lists, and as the owners of team mailboxes such as support@….

A group has a name that no user has, members, and perhaps a mailbox: an account of its own, whose key is the group's
id, with addresses like a user's. Nobody logs in as a group.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import apsw

from mailwren.auth.database import Database, number, unavailable
from mailwren.auth.errors import InvalidUserName, NoSuchGroup, NoSuchUser
from mailwren.auth.names import prepare_aliases, take_names
from mailwren.auth.preparation import prepare_user_name
from mailwren.base import limits

_COLUMNS: Final = (
    "group_id, groups.name, created, has_mailbox, quota_octets, quota_messages, quota_mailboxes, quota_annotations"
)


@dataclass(frozen=True, slots=True)
class Group:
    """A group as of the moment of asking."""

    name: str
    """Prepared like a user's."""
    group_id: str
    """32 random hexadecimal digits: what access control lists know it by, and the key of its mail."""
    created: int
    """Seconds since the epoch."""
    has_mailbox: bool
    """Whether it is a team with mail of its own."""
    quota_octets: int | None = None
    quota_messages: int | None = None
    aliases: tuple[str, ...] = ()
    """Other names and addresses that find it, sorted."""
    quota_mailboxes: int | None = None
    quota_annotations: int | None = None
    """Octets of annotations."""


class GroupDirectory:
    """All groups of a data folder; part of the directory of users. Every method may raise DirectoryUnavailable."""

    def __init__(self, file: Database, clock: Callable[[], float], new_id: Callable[[], str]) -> None:
        """Use the open ``file``; ``clock`` tells seconds since the epoch, ``new_id`` makes up keys."""
        self._file: Final = file
        self._database: Final = file.connection
        self._clock: Final = clock
        self._new_id: Final = new_id
        self._cache: Final[dict[str, Group]] = {}
        self._cache_version = (-1, 0)

    def add(self, name: str, *, has_mailbox: bool = False, aliases: Iterable[str] = ()) -> Group:
        """Make a group without members. Raises UserExists (the name is taken), InvalidUserName."""
        name = prepare_user_name(name)
        group_id = self._new_id()
        row = (group_id, name, int(self._clock()), int(has_mailbox))
        with self._file.change():
            take_names(self._database, (name,), group_id=group_id)
            self._database.execute("INSERT INTO groups(group_id, name, created, has_mailbox) VALUES (?, ?, ?, ?)", row)
            take_names(self._database, prepare_aliases(aliases, name), group_id=group_id)
            return self._load("group_id = ?", group_id)[0]

    def remove(self, name: str) -> Group:
        """Forget a group; the mail is the store's business. Returns what was there. Raises NoSuchGroup."""
        with self._file.change():
            group = self._require(name)
            self._database.execute("DELETE FROM groups WHERE group_id = ?", (group.group_id,))
            self._database.execute("DELETE FROM grants WHERE ? IN (identifier, account_id)", (group.group_id,))
            return group

    def rename(self, name: str, new_name: str) -> Group:
        """Give a group another name. Raises NoSuchGroup, UserExists, InvalidUserName."""
        new_name = prepare_user_name(new_name)
        with self._file.change():
            group = self._require(name)
            self._database.execute(
                "DELETE FROM names WHERE group_id = ? AND name IN (?, ?)", (group.group_id, group.name, new_name)
            )
            take_names(self._database, (new_name,), group_id=group.group_id)
            return self._set(group, name=new_name)

    def set_mailbox(self, name: str, has_mailbox: bool) -> Group:
        """Give a group a mailbox of its own, or none any more. Raises NoSuchGroup."""
        with self._file.change():
            return self._set(self._require(name), has_mailbox=int(has_mailbox))

    def set_quota(
        self,
        name: str,
        *,
        octets: int | None,
        messages: int | None,
        mailboxes: int | None = None,
        annotations: int | None = None,
    ) -> Group:
        """Limit what a team may keep; ``None`` is the configuration's limit. Raises NoSuchGroup."""
        with self._file.change():
            return self._set(
                self._require(name),
                quota_octets=octets,
                quota_messages=messages,
                quota_mailboxes=mailboxes,
                quota_annotations=annotations,
            )

    def set_aliases(self, name: str, aliases: Iterable[str]) -> Group:
        """Replace the other names of a group. Raises NoSuchGroup, UserExists, InvalidUserName."""
        with self._file.change():
            group = self._require(name)
            self._database.execute("DELETE FROM names WHERE group_id = ? AND name != ?", (group.group_id, group.name))
            take_names(self._database, prepare_aliases(aliases, group.name), group_id=group.group_id)
            return self._load("group_id = ?", group.group_id)[0]

    def add_members(self, name: str, users: Iterable[str]) -> None:
        """Take users in, all or none; those who are members stay so. Raises NoSuchGroup, NoSuchUser."""
        with self._file.change():
            group = self._require(name)
            rows = [(group.group_id, self._user(user)) for user in users]
            self._database.executemany("INSERT OR IGNORE INTO members VALUES (?, ?)", rows)

    def remove_members(self, name: str, users: Iterable[str]) -> None:
        """Let users go, all or none; those who are no members are passed over. Raises NoSuchGroup, NoSuchUser."""
        with self._file.change():
            group = self._require(name)
            rows = [(group.group_id, self._user(user)) for user in users]
            self._database.executemany("DELETE FROM members WHERE group_id = ? AND account_id = ?", rows)

    def members(self, name: str) -> list[str]:
        """The members' names, sorted. Raises NoSuchGroup."""
        group = self.get(name)
        with unavailable("read"):
            return [
                str(user)
                for (user,) in self._database.execute(
                    "SELECT users.name FROM members JOIN users USING (account_id) WHERE group_id = ? ORDER BY 1",
                    (group.group_id,),
                )
            ]

    def find(self, name: str) -> Group | None:
        """The group with this name or alias, in any case."""
        self._refresh_cache()
        group = self._cache.get(name)
        if group is not None:
            return group
        try:
            prepared = prepare_user_name(name)
        except InvalidUserName:
            return None
        with unavailable("read"):
            found = self._load("group_id = (SELECT group_id FROM names WHERE name = ?)", prepared)
        if not found:
            return None
        if len(self._cache) >= limits.USERS_CACHED:
            self._cache.clear()
        self._cache[name] = found[0]
        return found[0]

    def get(self, name: str) -> Group:
        """As :meth:`find`, or NoSuchGroup."""
        group = self.find(name)
        if group is None:
            raise NoSuchGroup(f'There is no group "{name}".')
        return group

    def find_id(self, group_id: str) -> Group | None:
        """The group of a key."""
        with unavailable("read"):
            found = self._load("group_id = ?", group_id)
        return found[0] if found else None

    def groups(self) -> list[Group]:
        """All groups, sorted by name."""
        with unavailable("read"):
            return self._load("1")

    def _refresh_cache(self) -> None:
        version = self._file.version()
        if version != self._cache_version:
            self._cache.clear()
            self._cache_version = version

    def _load(self, condition: str, *values: str) -> list[Group]:
        """Groups with their aliases; ``condition`` is one of this module's own."""
        query = (
            f"SELECT {_COLUMNS}, (SELECT group_concat(names.name, '\n') FROM names"  # noqa: S608 (own constants only)
            " WHERE names.group_id = groups.group_id AND names.name != groups.name)"
            f" FROM groups WHERE {condition} ORDER BY groups.name"
        )
        return [_group(row) for row in self._database.execute(query, values)]

    def _require(self, name: str) -> Group:
        """The group of a name, read inside the running transaction."""
        found = self._load("group_id = (SELECT group_id FROM names WHERE name = ?)", _prepared(name))
        if not found:
            raise NoSuchGroup(f'There is no group "{name}".')
        return found[0]

    def _user(self, name: str) -> str:
        """The account id of a user, read inside the running transaction."""
        account_id = self._database.execute("SELECT account_id FROM names WHERE name = ?", (_prepared(name),)).get
        if account_id is None:
            raise NoSuchUser(f'There is no user "{name}".')
        return str(account_id)

    def _set(self, group: Group, **values: str | int | None) -> Group:
        """Change columns, which are named by this module's own calls."""
        assignments = ", ".join(f"{column} = ?" for column in values)
        self._database.execute(
            f"UPDATE groups SET {assignments} WHERE group_id = ?",  # noqa: S608 (own column names only)
            (*values.values(), group.group_id),
        )
        return self._load("group_id = ?", group.group_id)[0]


def _prepared(name: str) -> str:
    """A name as it may be stored; empty, which nobody is called, for what can be no name."""
    try:
        return prepare_user_name(name)
    except InvalidUserName:
        return ""


def _group(row: "tuple[apsw.SQLiteValue, ...]") -> Group:
    """A row of ``_load`` as a value."""
    group_id, name, created, has_mailbox, octets, messages, mailboxes, annotations, aliases = row
    assert isinstance(created, int)
    return Group(
        name=str(name),
        group_id=str(group_id),
        created=created,
        has_mailbox=bool(has_mailbox),
        quota_octets=number(octets),
        quota_messages=number(messages),
        quota_mailboxes=number(mailboxes),
        quota_annotations=number(annotations),
        aliases=tuple(sorted(str(aliases).split("\n"))) if aliases else (),
    )
