"""Where a mailbox name leads: the account that holds the mailbox, and what this user may do with it (RFC 4314 §4).

Every command that names a mailbox asks here, and nowhere else, so that a name of somebody else's mailbox works for
all of them and a mailbox that the user may not know of is answered for like one that is not there.

Rules for whoever edits this file:

1. Whether a name of somebody else's does not exist, or is hidden, or its owner does not exist: one exception with one
   text. Nothing may tell them apart.
2. Rights are computed anew each time, from the list as it is now and the groups as they are now.
3. Accounts of others are opened when a name leads there, and stay open until the session ends: whatever a command
   holds stays good.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from mailwren.auth.errors import DirectoryUnavailable
from mailwren.auth.grants import Sharer, Standing
from mailwren.base.logs import log
from mailwren.imap import names
from mailwren.imap.errors import Refused
from mailwren.imap.rights import ALL_RIGHTS, OWNER_ALWAYS, REVEALING, TEAM_RIGHTS, effective_rights
from mailwren.server.ext.referrals import check_here
from mailwren.server.namespaces import OTHER_USERS, ROOTS, SHARED, put_together, take_apart
from mailwren.store.errors import NoSuchMailbox, StoreError, StoreUnavailable
from mailwren.store.quota import keep_quota
from mailwren.store.values import INBOX, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailwren.auth.users import User
    from mailwren.base.ids import MailboxId
    from mailwren.server.context import ServerContext
    from mailwren.store.api import Account

__all__ = ["ALL_RIGHTS", "Home", "Place", "Places"]


@dataclass(frozen=True, slots=True)
class Home:
    """The account that a name belongs to, whether there is such a mailbox or not."""

    account: "Account"
    """As this user sees it: in the account of somebody else with flags of his own."""
    name: str
    """Within that account."""
    sharer: Sharer | None = None
    """Whose it is; ``None``: the user's own."""


class Place(NamedTuple):
    """A mailbox that the user may know of; a tuple, as LIST makes thousands of them."""

    account: "Account"
    """As this user sees it: in the account of somebody else with flags of his own."""
    mailbox: Mailbox
    """Its ``name`` is the one within the account."""
    name: str
    """As the user sees it, with its namespace."""
    rights: frozenset[str] = ALL_RIGHTS
    """Letters of RFC 4314 §2.1."""
    sharer: Sharer | None = None
    """Whose it is; ``None``: the user's own."""

    def require(self, right: str) -> None:
        """Raise what :meth:`refusal` gives unless the user has this right (RFC 4314 §4)."""
        if right not in self.rights:
            raise self.refusal()

    def refusal(self) -> Refused | NoSuchMailbox:
        """What is said to a user who lacks a right.

        To whom may not list the mailbox: "the same error that would be used if the mailbox did not exist" (RFC 4314
        §6).
        """
        if self.sharer is not None and "l" not in self.rights:
            return missing()
        return Refused("You do not have the right to do that with this mailbox", b"NOPERM")

    @property
    def special_use(self) -> tuple[str, ...]:
        """Such as ``\\Sent``; what others use their mailboxes for does not concern this user's programs."""
        return self.mailbox.special_use if self.sharer is None else ()


@dataclass(frozen=True, slots=True)
class _Opened:
    """An account of somebody else that this session uses."""

    account: "Account"
    """What is to be released."""
    view: "Account"
    """The same with this user's own flags."""
    sharer: Sharer
    unwatch: "Callable[[], None]"


class Seeker(Protocol):
    """On whose behalf mailboxes are looked for: a session of the user, mostly."""

    user: "User | None"

    @property
    def account(self) -> "Account":
        """The user's own mail."""

    @property
    def context(self) -> "ServerContext":
        """What there is besides."""

    async def breathe(self) -> None:
        """Let others have their turn."""

    def hint(self, account_id: str, mailbox: "MailboxId") -> None:
        """Something has changed in an account that is open."""


class Places:
    """What one session's user can reach."""

    def __init__(self, session: Seeker) -> None:
        self._session: Final = session
        self._opened: Final[dict[str, _Opened]] = {}

    # --- names ----------------------------------------------------------------------------------------------
    async def home(self, name: str) -> Home:
        """Whose a name is. Raises NoSuchMailbox: of an account that the user may not know of; Refused: elsewhere."""
        check_here(self._session, name)
        parts = take_apart(name)
        if parts is None or await self._is_own(name):
            return Home(self._session.account, name)
        standing = self.standing()
        sharer = (standing.users if parts.root == OTHER_USERS else standing.teams).get(parts.owner)
        if sharer is None:
            raise missing()
        return Home((await self._open(sharer)).view, parts.mailbox, sharer)

    async def _is_own(self, name: str) -> bool:
        """Whether it is a mailbox of the user's own that had its name before the namespaces came."""
        try:
            await self._session.account.mailbox(name)
        except NoSuchMailbox:
            return False
        return True

    async def find(self, name: str) -> Place:
        """The mailbox of a name. Raises NoSuchMailbox: there is none, or the user may not know of it."""
        home = await self.home(name)
        try:
            mailbox = await home.account.mailbox(home.name)
        except NoSuchMailbox:
            raise missing() from None
        if home.sharer is None:
            return Place(home.account, mailbox, name, self._own_rights(mailbox))
        place = self.place(home.account, mailbox, home.sharer)
        if place.rights.isdisjoint(REVEALING):
            raise missing()
        return place

    async def all(self) -> dict[str, Place]:
        """Every mailbox that the user may list, by name: the user's own and then others', each in order of names."""
        account = self._session.account
        found = {
            name: Place(account, mailbox, name, self._own_rights(mailbox))
            for name, mailbox in (await account.mailboxes()).items()
        }
        standing = self.standing()
        for sharer in (*standing.users.values(), *standing.teams.values()):
            for place in await self._shared_by(sharer, standing):
                found.setdefault(place.name, place)
            await self._session.breathe()
        return found

    async def beside(self, name: str) -> dict[str, Place]:
        """As :meth:`all`, of the account alone that a name belongs to: for what stands around one mailbox."""
        try:
            home = await self.home(name)
        except NoSuchMailbox:
            return {}
        if home.sharer is not None:
            return {place.name: place for place in await self._shared_by(home.sharer, self.standing())}
        mailboxes = await home.account.mailboxes()
        return {each: Place(home.account, mailbox, each) for each, mailbox in mailboxes.items()}

    async def _shared_by(self, sharer: Sharer, standing: Standing) -> list[Place]:
        """The mailboxes of somebody else that may be listed; none while the account cannot be used."""
        try:
            account = (await self._open(sharer)).view
            mailboxes = (await account.mailboxes()).values()
        except StoreError as error:
            log.error("shared mailboxes not listed", account=sharer.account_id, reason=str(error))
            return []
        self._forget_stale(sharer, mailboxes, standing)
        places = (self.place(account, mailbox, sharer) for mailbox in mailboxes)
        return [place for place in places if "l" in place.rights]

    async def check_new(self, name: str) -> Home:
        """Where a mailbox of this name may be created (RFC 4314 §4).

        Raises:
            Refused: it may not. For a name of somebody else's always in the same words.
        """
        try:
            home = await self.home(name)
        except NoSuchMailbox as error:
            raise no_place() from error
        if home.sharer is None and name in ROOTS and not await self._is_own(name):
            raise no_place()
        parent = await self._nearest_parent(home)
        if parent is not None and "k" not in self._rights(parent, home.sharer):
            raise no_place()
        return home

    async def _nearest_parent(self, home: Home) -> Mailbox | None:
        """The nearest existing mailbox above a name. Above what others have, their INBOX stands as well."""
        above = [*names.parents(home.name)[::-1], *([INBOX] if home.sharer is not None else [])]
        for name in above:
            try:
                return await home.account.mailbox(name)
            except NoSuchMailbox:
                continue
        return None

    # --- rights ---------------------------------------------------------------------------------------------
    def rights_in(self, account: "Account", mailbox: Mailbox) -> frozenset[str]:
        """What the user may do now with a mailbox of an account that a place was in."""
        if account is self._session.account:
            return self._own_rights(mailbox)
        opened = self._opened.get(account.id)
        return frozenset() if opened is None else self._rights(mailbox, opened.sharer)

    def _rights(self, mailbox: Mailbox, sharer: Sharer | None) -> frozenset[str]:
        if sharer is None:
            return self._own_rights(mailbox)
        standing = self.standing()
        if sharer.account_id not in standing.accounts:
            return frozenset()  # removed meanwhile, or a team without a mailbox now
        default = TEAM_RIGHTS if sharer.is_team else ALL_RIGHTS
        return effective_rights(mailbox.acl, standing.identifiers, owner=sharer.account_id, default=default)

    def _own_rights(self, mailbox: Mailbox) -> frozenset[str]:
        if not mailbox.acl:
            return ALL_RIGHTS  # almost always
        account_id = self._session.account.id
        identifiers = self.standing().identifiers
        return effective_rights(mailbox.acl, identifiers, owner=account_id, default=ALL_RIGHTS, always=OWNER_ALWAYS)

    def place(self, account: "Account", mailbox: Mailbox, sharer: Sharer) -> Place:
        """A mailbox of somebody else, whether this user may know of it or not: the rights tell."""
        return Place(account, mailbox, self.namer(sharer)(mailbox.name), self._rights(mailbox, sharer), sharer)

    def standing(self) -> Standing:
        """Which groups the user is in, and who shares with him: the same object as long as nothing changes."""
        try:
            return self._session.context.users.grants.standing(self._session.account.id)
        except DirectoryUnavailable as error:
            raise StoreUnavailable(str(error)) from error

    def _forget_stale(self, sharer: Sharer, mailboxes: Iterable[Mailbox], standing: Standing) -> None:
        """Let the index know when an account shares nothing with this user any more."""
        present = {identifier for mailbox in mailboxes for identifier in mailbox.acl}
        if sharer.is_team and sharer.account_id in standing.identifiers:
            return
        if present.isdisjoint(standing.identifiers):
            try:
                self._session.context.users.grants.forget(sharer.account_id, present)
            except DirectoryUnavailable as error:
                log.warning("index of shared mailboxes not cleaned", reason=str(error))

    # --- accounts -------------------------------------------------------------------------------------------
    @staticmethod
    def namer(sharer: Sharer) -> "Callable[[str], str]":
        """What turns the names within somebody's account into those that this user sees."""
        return partial(put_together, SHARED if sharer.is_team else OTHER_USERS, sharer.name)

    async def account_of(self, sharer: Sharer) -> "Account":
        """The account of somebody who shares, as this user sees it. Raises StoreError."""
        return (await self._open(sharer)).view

    async def _open(self, sharer: Sharer) -> _Opened:
        opened = self._opened.get(sharer.account_id)
        if opened is not None:
            return opened
        session = self._session
        account = await session.context.store.account(sharer.account_id)
        opened = self._opened.get(sharer.account_id)
        if opened is not None:  # by a task that did the same meanwhile
            await session.context.store.release(account)
            return opened
        view = account.for_member(session.account.id)
        unwatch = account.watch(lambda mailbox: session.hint(sharer.account_id, mailbox))
        opened = self._opened[sharer.account_id] = _Opened(account, view, sharer, unwatch)
        if sharer.is_team:
            await self._keep_quota(sharer, account)
        return opened

    async def _keep_quota(self, sharer: Sharer, account: "Account") -> None:
        """Nobody logs in as a team, so its limits are brought up to date by the members."""
        context = self._session.context
        try:
            team = context.users.groups.find_id(sharer.account_id)
            if team is not None:
                own = (team.quota_octets, team.quota_messages, team.quota_mailboxes, team.quota_annotations)
                await keep_quota(account, *context.config.quota_for(*own))
        except (DirectoryUnavailable, StoreError) as error:
            log.warning("quota of a team not kept", team=sharer.name, reason=str(error))

    async def close(self) -> None:
        """Give back the accounts of others; the session ends."""
        while self._opened:
            _, opened = self._opened.popitem()
            opened.unwatch()
            await self._session.context.store.release(opened.account)


def missing() -> NoSuchMailbox:
    """What is said of a mailbox that is not there, or that the user may not know of."""
    return NoSuchMailbox("the mailbox does not exist")


def no_place() -> Refused:
    """What is said of a name for a new mailbox, whatever it is that forbids it."""
    return Refused("You may not create a mailbox of this name", b"NOPERM")
