"""Where a mailbox name leads: the account that holds the mailbox, and what this user may do with it (RFC 4314 §4).

Every command that names a mailbox asks here, and nowhere else, so that a name of somebody else's mailbox works for
all of them and a mailbox that the user may not know of is answered for like one that is not there.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mailwren.imap.errors import Refused
from mailwren.store.values import Mailbox

if TYPE_CHECKING:
    from mailwren.server.session import Session
    from mailwren.store.api import Account

ALL_RIGHTS: Final = frozenset("lrswipkxtea")
"""What the owner of a mailbox may do (RFC 4314 §2.1)."""


@dataclass(frozen=True, slots=True)
class Home:
    """The account that a name belongs to, whether there is such a mailbox or not."""

    account: "Account"
    """As this user sees it: in the account of somebody else with flags of his own."""
    name: str
    """Within that account."""


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox that the user may know of."""

    account: "Account"
    """As this user sees it: in the account of somebody else with flags of his own."""
    mailbox: Mailbox
    """Its ``name`` is the one within the account."""
    name: str
    """As the user sees it, with its namespace."""
    rights: frozenset[str] = ALL_RIGHTS
    """Letters of RFC 4314 §2.1."""

    def require(self, right: str) -> None:
        """Raise Refused unless the user has this right (RFC 4314 §4)."""
        if right not in self.rights:
            raise Refused("You do not have the right to do that with this mailbox", b"NOPERM")


class Places:
    """What one session's user can reach."""

    def __init__(self, session: "Session") -> None:
        self._session: Final = session

    async def home(self, name: str) -> Home:
        """Whose a name is. Raises NoSuchMailbox: of an account that the user may not know of."""
        return Home(self._session.account, name)

    async def find(self, name: str) -> Place:
        """The mailbox of a name. Raises NoSuchMailbox: there is none, or the user may not know of it."""
        home = await self.home(name)
        return Place(home.account, await home.account.mailbox(home.name), name)

    async def all(self) -> dict[str, Place]:
        """Every mailbox that the user may list, by name, in the order of names."""
        account = self._session.account
        return {name: Place(account, mailbox, name) for name, mailbox in (await account.mailboxes()).items()}
