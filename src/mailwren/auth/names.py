"""The names that somebody is found by: each belongs to one user or one group, as its name or as an alias."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from mailwren.auth.errors import InvalidUserName, UserExists
from mailwren.auth.preparation import prepare_user_name
from mailwren.base import limits

if TYPE_CHECKING:
    import apsw


def prepare_aliases(aliases: Iterable[str], name: str) -> list[str]:
    """Other names in their stored form, each once; ``name`` itself is not counted. Raises InvalidUserName."""
    prepared = {prepare_user_name(alias) for alias in aliases} - {name}
    if len(prepared) > limits.USER_ALIASES:
        raise InvalidUserName(f"A user or group has at most {limits.USER_ALIASES} aliases.")
    return sorted(prepared)


def take_names(
    database: "apsw.Connection", names: Collection[str], *, account_id: str | None = None, group_id: str | None = None
) -> None:
    """Reserve prepared names for a user or a group, inside the running transaction. Raises UserExists."""
    for name in names:
        taken = _owner(database, name)
        if taken is not None:
            raise UserExists(f'The name "{name}" is taken: it is {taken}.')
        database.execute("INSERT INTO names VALUES (?, ?, ?)", (name, account_id, group_id))


def _owner(database: "apsw.Connection", name: str) -> str | None:
    """Who has a name, in words."""
    row = database.execute(
        "SELECT users.name, groups.name FROM names LEFT JOIN users USING (account_id)"
        " LEFT JOIN groups USING (group_id) WHERE names.name = ?",
        (name,),
    ).fetchone()
    if row is None:
        return None
    user, group = row
    if name in (user, group):
        return "a user" if user else "a group"
    return f'an alias of "{user or group}"'
