"""QUOTA: GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208).

An account is one quota root: ``user/NAME`` or ``group/NAME``, and the empty name is the user's own. What is counted is
counted by the store, in the same transaction as each change.
"""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mailwren.auth.errors import DirectoryUnavailable
from mailwren.auth.groups import Group
from mailwren.imap.core.arguments import MailboxName
from mailwren.imap.errors import Refused
from mailwren.imap.ext.quota import GetQuota, QuotaResource, SetQuota, write_quota, write_quota_root
from mailwren.server.namespaces import OTHER_USERS, SHARED, put_together
from mailwren.server.places import missing
from mailwren.server.table import Completion, Request
from mailwren.store.errors import NoSuchMailbox, StoreUnavailable
from mailwren.store.quota import keep_quota
from mailwren.store.values import INBOX, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mailwren.auth.users import User
    from mailwren.server.places import Home
    from mailwren.server.session import Session
    from mailwren.store.api import Account

RESOURCES: Final = ("STORAGE", "MESSAGE", "MAILBOX", "ANNOTATION-STORAGE")
"""What can be limited (RFC 9208 §5)."""
_UNIT: Final = 1024
"""Octets that STORAGE and ANNOTATION-STORAGE count in."""
_LARGEST: Final = 2**53
"""A limit of so many octets is none that anybody could reach."""
_USERS: Final = "user/"
_GROUPS: Final = "group/"


def administers(session: "Session") -> bool:
    """Whether the user may set quotas: only then is QUOTASET offered."""
    return session.user is not None and session.user.name in session.context.config.administrators


async def run_get_quota(session: "Session", arguments: GetQuota, _request: Request) -> Completion | None:
    """Tell what a quota root holds and may hold."""
    async with _root(session, arguments.root) as root:
        session.send(write_quota(arguments.root, _resources(await root.account.usage(), readable=root.readable)))
    return None


async def run_get_quota_root(session: "Session", arguments: MailboxName, _request: Request) -> Completion | None:
    """Tell which quota root a mailbox belongs to, or would belong to, and how that stands."""
    name = arguments.mailbox
    home = await session.places.home(name)
    if home.sharer is not None and not await session.places.beside(name):
        raise missing()  # nothing there that the user may know of
    root = _name_of(session, home)
    readable = await _may_read(session, name, home)
    session.send(write_quota_root(name, (root,), session.utf8))
    session.send(write_quota(root, _resources(await home.account.usage(), readable=readable)))
    return None


async def run_set_quota(session: "Session", arguments: SetQuota, _request: Request) -> Completion | None:
    """Limit a user or a team: what is not named is as the configuration has it (RFC 9208 §4.1.3)."""
    if not administers(session):
        raise Refused("Only administrators set quotas", b"NOPERM")
    unknown = [name for name, _ in arguments.limits if name not in RESOURCES]
    if unknown:
        raise Refused(f"{unknown[0][:40]} cannot be limited here", b"CANNOT")
    async with _root(session, arguments.root) as root:
        await root.limit(session, dict(arguments.limits))
        session.send(write_quota(arguments.root, _resources(await root.account.usage(), readable=True)))
    return None


def _resources(usage: Usage, *, readable: bool) -> list[QuotaResource]:
    """What is limited, in the resources' units.

    Args:
        usage: as the store counts.
        readable: the user may know how much mail there is (RFC 9208 §6).
    """
    every = (
        (_octets(usage.octets), usage.octets_limit, _UNIT),
        (usage.messages, usage.messages_limit, 1),
        (usage.mailboxes, usage.mailboxes_limit, 1),
        (_octets(usage.annotation_octets), usage.annotation_octets_limit, _UNIT),
    )
    return [
        QuotaResource(name, used, limit // unit)
        for name, (used, limit, unit) in zip(RESOURCES, every, strict=True)
        if limit is not None and (readable or name == "MAILBOX")
    ]


def _octets(octets: int) -> int:
    """Units of 1024 octets, begun ones counted."""
    return -(-octets // _UNIT)


# --- quota roots --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Root:
    """A quota root: an account, and whose it is."""

    account: "Account"
    owner: "User | Group"
    is_team: bool
    readable: bool

    async def limit(self, session: "Session", limits: dict[str, int]) -> None:
        """Limit it, now and for good."""
        storage, annotations = (_limit(limits.get(name)) for name in ("STORAGE", "ANNOTATION-STORAGE"))
        messages, mailboxes = limits.get("MESSAGE"), limits.get("MAILBOX")
        directory = session.context.users
        set_quota = directory.groups.set_quota if self.is_team else directory.set_quota
        set_quota(self.owner.name, octets=storage, messages=messages, mailboxes=mailboxes, annotations=annotations)
        await keep_quota(self.account, *session.context.config.quota_for(storage, messages, mailboxes, annotations))


def _limit(units: int | None) -> int | None:
    return None if units is None else min(units * _UNIT, _LARGEST)


def _name_of(session: "Session", home: "Home") -> str:
    if home.sharer is None:
        assert session.user is not None
        return _USERS + session.user.name
    return (_GROUPS if home.sharer.is_team else _USERS) + home.sharer.name


@asynccontextmanager
async def _root(session: "Session", name: str) -> "AsyncIterator[_Root]":
    """The quota root of a name: the user's own, of those who share with the user, and for administrators any.

    Raises:
        Refused: there is none, or it does not concern this user.
    """
    assert session.user is not None
    is_team = name.startswith(_GROUPS)
    own = name in ("", _USERS + session.user.name)
    try:
        directory = session.context.users
        owner = session.user if own else (directory.groups if is_team else directory).find(name.partition("/")[2])
    except DirectoryUnavailable as error:
        raise StoreUnavailable(str(error)) from error
    if owner is not None and not own and name != (_GROUPS if is_team else _USERS) + owner.name:
        owner = None
    if owner is None or not (own or administers(session) or await _reads_any(session, owner.name, is_team)):
        raise Refused("There is no such quota root", b"NONEXISTENT")
    if own:
        yield _Root(session.account, owner, is_team=False, readable=True)
        return
    account_id = owner.group_id if isinstance(owner, Group) else owner.account_id
    account = await session.context.store.account(account_id)
    try:
        yield _Root(account, owner, is_team, readable=True)
    finally:
        await session.context.store.release(account)


async def _reads_any(session: "Session", owner: str, is_team: bool) -> bool:
    """Whether the user may read any mailbox of somebody: sizes are told to nobody else (RFC 9208 §6)."""
    top = put_together(SHARED if is_team else OTHER_USERS, owner, INBOX)
    return any("r" in place.rights for place in (await session.places.beside(top)).values())


async def _may_read(session: "Session", name: str, home: "Home") -> bool:
    if home.sharer is None:
        return True
    try:
        return "r" in (await session.places.find(name)).rights
    except NoSuchMailbox:
        return await _reads_any(session, home.sharer.name, home.sharer.is_team)
