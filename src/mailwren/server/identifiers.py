"""Entries of access control lists: from the names that people use to the keys that lists hold, and back.

Lists hold account ids of users, ids of groups, and ``anyone``, with a dash before them for rights that are taken
away. Names come and go; a name that is given to somebody else takes no rights with it, and entries of users who are
no more are nobody's and not shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailwren.auth.errors import InvalidUserName
from mailwren.auth.grants import ANYONE, Sharer
from mailwren.auth.preparation import prepare_user_name
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.rights import ALL_RIGHTS, NEGATIVE, OWNER_ALWAYS, TEAM_RIGHTS, stored_rights
from mailwren.store.operations import SetAcl

if TYPE_CHECKING:
    from mailwren.auth.users import UserDirectory
    from mailwren.store.api import Account
    from mailwren.store.values import Mailbox

_GROUP_MARK = "$"
"""May stand before a group's name, as in the examples of RFC 4314."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose mailboxes they are, and what that means for their lists."""

    identifier: str
    default: frozenset[str]
    """What the owner may do without an entry."""
    always: frozenset[str]
    """What the owner may do whatever the entry says."""

    @classmethod
    def of(cls, account_id: str, sharer: Sharer | None) -> "Owner":
        """The owner of an account: a user, or a team."""
        if sharer is not None and sharer.is_team:
            return cls(account_id, TEAM_RIGHTS, frozenset())
        return cls(account_id, ALL_RIGHTS, OWNER_ALWAYS)


def identify(users: "UserDirectory", text: str) -> str:
    """What a list holds for an identifier that a person wrote.

    Raises:
        BadCommand: nobody can be called so (RFC 4314 §3).
        Refused: nobody is called so.
    """
    sign, name = (NEGATIVE, text[1:]) if text.startswith(NEGATIVE) else ("", text)
    if name == ANYONE:
        return sign + ANYONE
    try:
        prepare_user_name(name)
    except InvalidUserName as error:
        raise BadCommand(f"Not an identifier: {error}") from error
    user = users.find(name)
    if user is not None:
        return sign + user.account_id
    group = users.groups.find(name) or users.groups.find(name.removeprefix(_GROUP_MARK))
    if group is None:
        raise Refused("There is no user or group of that name", b"CANNOT")
    return sign + group.group_id


def name_of(users: "UserDirectory", identifier: str) -> str | None:
    """What people call somebody whom a list holds; ``None``: nobody any more."""
    sign, key = (NEGATIVE, identifier[1:]) if identifier.startswith(NEGATIVE) else ("", identifier)
    if key == ANYONE:
        return sign + ANYONE
    found = users.find_account(key) or users.groups.find_id(key)
    return None if found is None else sign + found.name


def entry_of(acl: Mapping[str, str], identifier: str, owner: Owner) -> frozenset[str]:
    """The rights that a list has for an identifier."""
    if identifier != owner.identifier:
        return frozenset(acl.get(identifier, ""))
    return owner.default if identifier not in acl else owner.always.union(acl[identifier])


def entries(users: "UserDirectory", acl: Mapping[str, str], owner: Owner) -> list[tuple[str, frozenset[str]]]:
    """A list as people read it: names with rights, the owner first, then by name."""
    known = ((name_of(users, identifier), identifier) for identifier in acl if identifier != owner.identifier)
    others = sorted((name, identifier) for name, identifier in known if name is not None)
    first = name_of(users, owner.identifier)
    order = [(first, owner.identifier), *others] if first is not None else others
    return [(name, entry_of(acl, identifier, owner)) for name, identifier in order]


async def change_entry(
    users: "UserDirectory",
    account: "Account",
    mailbox: "Mailbox",
    owner: Owner,
    *,
    identifier: str,
    rights: frozenset[str],
) -> None:
    """Give an identifier these rights and no others; the index of who shares with whom goes before the list.

    An entry without rights goes away, and so does the owner's when it says what holds without it.
    """
    if identifier == owner.identifier:
        letters = None if owner.always | rights == owner.default else stored_rights(owner.always | rights)
    else:
        letters = stored_rights(rights) or None
    if letters and not identifier.startswith(NEGATIVE):
        users.grants.note(account.id, [identifier])
    await account.apply([SetAcl(mailbox.id, identifier, letters)])
    if not letters:
        users.grants.forget(account.id, named(await account.mailboxes()))


def named(mailboxes: "Mapping[str, Mailbox]") -> frozenset[str]:
    """Everybody whom the lists of an account name."""
    return _union(mailbox.acl for mailbox in mailboxes.values())


def _union(lists: Iterable[Iterable[str]]) -> frozenset[str]:
    return frozenset(identifier for each in lists for identifier in each)
