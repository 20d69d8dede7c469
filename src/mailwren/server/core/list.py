"""LIST (also extended), LSUB, XLIST and NAMESPACE (RFC 9051 §6.3.9, §6.3.10; RFC 5258; RFC 3501 §6.3.9)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from mailwren.imap import names
from mailwren.imap.core import arguments as imap
from mailwren.imap.core.list import Namespaces, write_list_row, write_namespace
from mailwren.server import namespaces
from mailwren.server.core.status import send_status
from mailwren.server.ext.acl import send_my_rights
from mailwren.server.ext.metadata import send_listed
from mailwren.server.ext.referrals import hide_remote
from mailwren.server.places import Place
from mailwren.server.table import Completion, Request
from mailwren.store.values import SEPARATOR

if TYPE_CHECKING:
    from mailwren.server.session import Session

PERSONAL: Final[Namespaces] = (("", SEPARATOR),)
OTHER_USERS: Final[Namespaces] = ((namespaces.OTHER_USERS + SEPARATOR, SEPARATOR),)
SHARED: Final[Namespaces] = ((namespaces.SHARED + SEPARATOR, SEPARATOR),)
_NOT_THERE: Final = ("\\NonExistent", "\\Noselect")
"""No mailbox of that name: in the new words, and in the old one for the clients that know no other."""


async def run_namespace(session: "Session", _arguments: imap.NoArguments, _request: Request) -> Completion | None:
    """Say where whose mailboxes are."""
    send_namespace(session)
    return None


def send_namespace(session: "Session") -> None:
    """One personal namespace without a prefix (several clients overlook a prefix), and those of others and of teams."""
    prefixes = [prefix for prefix, _ in (*OTHER_USERS, *SHARED)]
    translations = {prefix: shown for prefix in prefixes if (shown := session.translated(prefix)) != prefix}
    session.send(write_namespace(PERSONAL, OTHER_USERS, SHARED, session.utf8, translations))


async def run_list(session: "Session", arguments: imap.List, request: Request) -> Completion | None:
    """List mailboxes with what the client asked of them."""
    if not arguments.extended and arguments.patterns == ("",):
        # "an empty mailbox name argument is a special request to return the hierarchy delimiter" (RFC 9051 §6.3.9)
        session.send(write_list_row(("\\Noselect",), "", session.utf8, command=request.name))
        return None
    listing = Listing(
        await session.places.all(), await session.account.subscriptions(), arguments.selection, arguments.returns
    )
    matching = await names_matching(session, listing.candidates(), arguments)
    if "RECURSIVEMATCH" in arguments.selection:
        await _look_below(session, listing, frozenset(matching))
    entries = cast("tuple[str, ...]", dict(arguments.option_values).get("METADATA", ()))
    for name in matching:
        selected, child_info = listing.selects(name), listing.child_info(name)
        if not selected and not child_info:
            continue
        place = listing.mailboxes.get(name) if selected else None
        attributes = listing.attributes(name)
        if arguments.status_items and place is not None and "r" not in place.rights:
            # "the LIST response MUST include the \\NoSelect attribute" (RFC 9051 §6.3.9.3, RFC 5819 §2)
            attributes = ("\\Noselect", *attributes)
        session.send(write_list_row(attributes, name, session.utf8, command=request.name, child_info=child_info))
        if place is not None and "MYRIGHTS" in arguments.returns:
            send_my_rights(session, place)
        if arguments.status_items and place is not None and "r" in place.rights:
            # "the STATUS response MUST follow" its LIST row (RFC 5819 §2); a row that only tells of children has none
            await send_status(session, place, arguments.status_items)
        if entries and place is not None:
            await send_listed(session, place, entries)
        await session.breathe()
    return None


async def names_matching(session: "Session", candidates: Iterable[str], arguments: imap.List) -> list[str]:
    """The names that a pattern matches. Empty patterns are ignored (RFC 9051 §6.3.9)."""
    patterns = [names.Pattern(names.join(arguments.reference, pattern)) for pattern in arguments.patterns if pattern]
    matching: list[str] = []
    for name in candidates:
        if any(pattern.matches(name) for pattern in patterns):
            matching.append(name)
        await session.breathe()
    return matching


async def _look_below(session: "Session", listing: "Listing", listed: frozenset[str]) -> None:
    for name in {*listing.mailboxes, *listing.subscribed}:
        if listing.selects(name):
            listing.note_selected(name, listed=name in listed)
        await session.breathe()


async def run_lsub(session: "Session", arguments: imap.List, _request: Request) -> Completion | None:
    """List subscribed names; ``%`` also shows what stands above them (RFC 3501 §6.3.9)."""
    subscribed = hide_remote(session, await session.account.subscriptions())
    listing = Listing(await session.places.all(), subscribed, frozenset(), frozenset())
    shown = set(subscribed)
    for name in subscribed:
        shown.update(names.parents(name))
    for name in await names_matching(session, sorted(shown), arguments):
        if name in subscribed:
            attributes = listing.attributes(name) if name in listing.mailboxes else ()
        elif any("%" in pattern for pattern in arguments.patterns):
            attributes = ("\\Noselect",)
        else:
            continue
        session.send(write_list_row(attributes, name, session.utf8, command=b"LSUB"))
        await session.breathe()
    return None


def attributes_of(name: str, mailboxes: Mapping[str, Place]) -> tuple[str, ...]:
    """Attributes of one name: children and special uses (several clients want them always), or that it is gone."""
    prefix = name + SEPARATOR
    children = any(other.startswith(prefix) for other in mailboxes)
    if name in mailboxes:
        return ("\\HasChildren" if children else "\\HasNoChildren", *mailboxes[name].special_use)
    return (*_NOT_THERE, "\\HasChildren") if children else _NOT_THERE


async def tell_old_name(session: "Session", name: str, old_name: str | None) -> None:
    """Tell that a name was written in another normalization form, if it was (RFC 9051 §6.3.9.7)."""
    if old_name is not None and session.rev2:
        attributes = attributes_of(name, await session.places.beside(name))
        session.send(write_list_row(attributes, name, session.utf8, old_name=old_name))


@dataclass(slots=True)
class Listing:
    """One LIST command's picture of the names."""

    mailboxes: Mapping[str, Place]
    subscribed: Collection[str]
    selection: frozenset[str]
    returns: frozenset[str]
    _parents: set[str] | None = None
    _above: set[str] = field(default_factory=set)
    _above_unlisted: set[str] = field(default_factory=set)

    def candidates(self) -> list[str]:
        """Every name that could be listed, sorted: mailboxes, implied parents, and subscribed names if asked."""
        shown = set(self.mailboxes) | self.parents
        if "SUBSCRIBED" in self.selection:
            for name in self.subscribed:
                shown.add(name)
                shown.update(names.parents(name))
        return sorted(shown, key=lambda name: (name != "INBOX", name))

    @property
    def parents(self) -> set[str]:
        """Names that have mailboxes below them."""
        if self._parents is None:
            self._parents = {parent for name in self.mailboxes for parent in names.parents(name)}
        return self._parents

    def selects(self, name: str) -> bool:
        """Whether the selection options name this one (RFC 9051 §6.3.9.1)."""
        if "SUBSCRIBED" in self.selection and name not in self.subscribed:
            return False
        if "SPECIAL-USE" in self.selection:
            return name in self.mailboxes and bool(self.mailboxes[name].special_use)
        if "SUBSCRIBED" in self.selection:
            return True
        return name in self.mailboxes or name in self.parents

    def attributes(self, name: str) -> tuple[str, ...]:
        """Attributes to show."""
        result: list[str] = []
        exists = name in self.mailboxes
        if not exists:
            result += _NOT_THERE
        if exists or name in self.parents or "CHILDREN" in self.returns:
            result.append("\\HasChildren" if name in self.parents else "\\HasNoChildren")
        if ({"SUBSCRIBED"} & (self.selection | self.returns)) and name in self.subscribed:
            result.append("\\Subscribed")
        if exists:
            result += self.mailboxes[name].special_use
        return tuple(result)

    def note_selected(self, name: str, *, listed: bool) -> None:
        """A selected name: those above it are to say so if they are listed, and to be listed for it if it is not."""
        above = names.parents(name)
        self._above.update(above)
        if not listed:
            self._above_unlisted.update(above)

    def child_info(self, name: str) -> tuple[str, ...]:
        """Which selection a descendant meets (RFC 9051 §6.3.9.6, RFC 5258 §3.5).

        A name that does not meet it itself is only listed for a descendant that is not listed.
        """
        if name not in (self._above if self.selects(name) else self._above_unlisted):
            return ()
        return tuple(option for option in ("SUBSCRIBED", "SPECIAL-USE") if option in self.selection)
