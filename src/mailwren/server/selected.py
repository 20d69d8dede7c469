"""The selected mailbox of one session: the shared state, the session's view of it, and how it was selected."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailwren.base.ids import MailboxId, ModSeq, Uid
from mailwren.base.ranges import RangeSet
from mailwren.imap.errors import Refused
from mailwren.imap.flags import SYSTEM_FLAGS
from mailwren.imap.rights import permitted_flags
from mailwren.server.places import ALL_RIGHTS
from mailwren.server.view import Span, View
from mailwren.store.api import Account
from mailwren.store.errors import NoSuchMailbox, StoreUnavailable
from mailwren.store.mailbox_state import MailboxState, uid_spans
from mailwren.store.operations import ClaimRecent, RecentClaimed

if TYPE_CHECKING:
    from mailwren.server.ext.context import Contexts


@dataclass(slots=True, eq=False)
class Selected:
    """A mailbox as one session has it open."""

    account: Account
    id: MailboxId
    state: MailboxState
    view: View
    name: str
    """As the client knows it, with its namespace."""
    read_only: bool
    keywords: frozenset[str]
    """The keywords that the client was told of with FLAGS."""
    rights: frozenset[str] = ALL_RIGHTS
    """What the user may do here (RFC 4314 §2.1); the session keeps it true."""
    contexts: "Contexts | None" = None
    """Searches whose results the client is kept told of (RFC 5267 §4.3)."""
    flag_sets: set[int] = field(default_factory=set)
    """Combinations of flags that have been looked through for keywords."""
    modseq_due: bool = False
    """A client that keeps mod-sequences is to be told how far it has come: it cannot work that out by itself."""

    annotations_told: ModSeq | None = None
    """Up to where the client was told of others' changes of annotations, if it wants to be (RFC 5257 §4.2)."""
    own_annotations: set[ModSeq] = field(default_factory=set)
    """Changes of annotations since then that were its own."""

    @property
    def watched(self) -> bool:
        """Whether the client wants to be told more than what its view of the mailbox lacks."""
        return self.contexts is not None or self.annotations_told is not None

    async def refresh(self) -> None:
        """Take in every committed change; a deleted mailbox is marked as such."""
        try:
            await self.account.open_mailbox(self.id)
        except NoSuchMailbox:
            self.state.deleted = True

    def require_write(self) -> None:
        """Raise Refused when the mailbox was opened with EXAMINE."""
        if self.read_only:
            raise Refused("The mailbox was selected read-only", b"NOPERM")

    def require(self, *rights: str) -> None:
        """Raise Refused when the mailbox was opened with EXAMINE, or the user lacks a right (RFC 4314 §4)."""
        self.require_write()
        if not self.rights.issuperset(rights):
            raise Refused("You do not have the right to do that with this mailbox", b"NOPERM")

    def permitted_flags(self) -> list[str]:
        """The flags that the client may change, with ``\\*`` where keywords may be made up (RFC 4314 §5.1.1)."""
        if self.read_only:
            return []
        new = ["\\*"] if "w" in self.rights else []
        return [*permitted_flags(self.rights, [*SYSTEM_FLAGS, *sorted(self.keywords)]), *new]

    def says_read_only(self) -> bool:
        """Whether SELECT says READ-ONLY: nothing can be changed that anybody else would see (RFC 4314 §5.2)."""
        shared = "iewtn" if "\\Seen" in self.state.mailbox.private_flags else "iewtsn"
        return self.read_only or self.rights.isdisjoint(shared)

    async def claim_recent(self) -> None:
        """Make messages that no session was told of this session's recent ones (RFC 3501 §2.3.2)."""
        mailbox = self.state.mailbox
        first = mailbox.first_recent
        if first >= mailbox.uid_next:
            return
        if not self.read_only:
            first = await self._claim(first)
        if first <= self.view.last_uid():
            fresh = RangeSet([(first, self.view.last_uid())])
            self.view.recent = self.view.recent.union(fresh)

    async def _claim(self, first: Uid) -> Uid:
        try:
            (outcome,) = await self.account.apply([ClaimRecent(self.id)])
        except StoreUnavailable:
            # A full disk keeps nobody from opening and emptying a mailbox; unclaimed messages count as recent.
            return first
        assert isinstance(outcome, RecentClaimed)
        return outcome.first

    def recent_count(self) -> int:
        """How many messages are recent for this session."""
        return sum(stop - start for start, stop in self.view_spans(self.view.recent))

    def view_spans(self, uids: RangeSet) -> list[Span]:
        """Positions in the view of the messages in ``uids``."""
        return list(uid_spans(self.view.uids, uids, self.view.count))

    def lacks(self, spans: list[Span]) -> bool:
        """Whether any message at these positions has gone away meanwhile."""
        missing = self.view.missing()
        return bool(missing) and bool(_numbers(missing).intersection(_numbers(spans)))


def _numbers(spans: list[Span]) -> RangeSet:
    """Positions as message numbers."""
    return RangeSet((start + 1, stop) for start, stop in spans)
