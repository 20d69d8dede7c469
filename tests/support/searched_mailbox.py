"""A mailbox to search: the part of the store that a search reads, in memory, counting what it is asked for."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import cast

from mailwren.base.ids import ContentId, FlagSetId, MailboxId, ModSeq, Uid, UidValidity
from mailwren.base.ranges import RangeSet
from mailwren.imap.ext.thread import write_thread
from mailwren.message.api import Part
from mailwren.message.parse import parse_message
from mailwren.search.collation import UNICODE_CASEMAP
from mailwren.search.evaluate import SearchEngine
from mailwren.search.query import ALL, Query
from mailwren.search.sort_order import Order
from mailwren.search.sorting import Algorithm, Scope, Sorter
from mailwren.store.api import Account
from mailwren.store.errors import MessageDamaged
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.sqlite.sort_rows import sort_row
from mailwren.store.values import ContentFacts, ContentSorting, FlagSet, Mailbox, MessageAnnotation

_NOBODY = Mailbox(MailboxId(1), "INBOX", "F1", UidValidity(1), Uid(1), ModSeq(1), Uid(1), (), 0, 0, 0, 0, 0)


SAVED_AFTER = 86_400 + 7
"""Seconds from a message's internal date to its coming into the mailbox."""


class SearchedMailbox:
    """One mailbox of an account; content ids are 1000 and up, UIDs as given.

    Attributes:
        state: what sessions share.
        damaged: contents that cannot be read.
        saved: when messages came into the mailbox, by UID.
        asked: how often each method was called, and how many messages it was asked for (``headers messages``).
    """

    def __init__(self) -> None:
        self.state = MailboxState(_NOBODY)
        self.asked: Counter[str] = Counter()
        self.messages: dict[int, bytes] = {}
        self.flags: dict[int, tuple[str, ...]] = {}
        self.damaged: set[int] = set()
        self.annotations: dict[int, Mapping[tuple[str, bool], bytes]] = {}
        self.known_facts: dict[int, ContentFacts] = {}
        self.saved: dict[int, int] = {}
        self.known_sorting: dict[int, ContentSorting] = {}
        self._parts: dict[int, Part] = {}
        self._flag_sets: dict[frozenset[str], int] = {}

    def add(self, octets: bytes, flags: Sequence[str] = (), *, date: int = 0, zone: int = 0, step: int = 1) -> int:
        """Add a message with a UID ``step`` above the last one; its UID."""
        content = 1000 + len(self.messages)
        uid = (self.state.uids[-1] if self.state.uids else 0) + step
        parsed = parse_message(octets)
        self.messages[content] = octets
        self._parts[content] = parsed.root
        self.flags[content] = tuple(flags)
        thread = f"T{content % 3}"
        self.known_facts[content] = ContentFacts(
            len(octets), date, zone, parsed.sent_date, parsed.sent_time, f"M{content}", thread
        )
        sent = date if parsed.sent_time is None else parsed.sent_time
        self.known_sorting[content] = ContentSorting._make((len(octets), date, sent, *sort_row(parsed.sort_keys)))
        flag_set = self._flag_sets.setdefault(frozenset(flags), len(self._flag_sets))
        self.state.extend([(uid, content, flag_set, uid * 10)])
        self.saved[uid] = date + SAVED_AFTER
        return uid

    def annotate(self, uid: int, values: Mapping[tuple[str, bool], bytes]) -> None:
        """Give a message annotations: values by entry and whether they are shared."""
        self.annotations[uid] = values
        count = sum(map(len, self.annotations.values()))
        self.state.mailbox = replace(self.state.mailbox, annotations=count)

    def expunge(self, *uids: int) -> None:
        """Take messages away."""
        self.state.update([], RangeSet.of(uids), self.state.mailbox, ModSeq(self.state.modseq + 1))

    async def search(self, query: Query, engine: SearchEngine, view: "array[int] | None" = None) -> list[int]:
        """Positions of what matches, in a view that is up to date unless another is given."""
        uids = self.state.uids if view is None else view
        return await engine.search(cast("Account", self), self.state, query, uids, len(uids))

    def find(self, query: Query, engine: SearchEngine | None = None, view: "array[int] | None" = None) -> list[int]:
        """The same from outside an event loop."""
        return asyncio.run(self.search(query, engine or SearchEngine(), view))

    def scope(self, view: "array[int] | None" = None) -> Scope:
        """What :class:`Sorter` is asked about."""
        uids = self.state.uids if view is None else view
        return Scope(cast("Account", self), self.state, uids, len(uids))

    def sort(
        self, order: Order, sorter: Sorter | None = None, query: Query = ALL, view: "array[int] | None" = None
    ) -> list[int]:
        """Positions in an order, from outside an event loop."""
        return asyncio.run((sorter or Sorter(SearchEngine())).sort(self.scope(view), query, order))

    def thread(self, algorithm: Algorithm, sorter: Sorter | None = None, query: Query = ALL) -> str:
        """Threads of message numbers as the response has them, from outside an event loop."""
        sorter = sorter or Sorter(SearchEngine())
        threads = asyncio.run(sorter.thread(self.scope(), query, algorithm, UNICODE_CASEMAP))
        numbers = [position + 1 for position in threads.messages]
        return write_thread(numbers, threads.brackets).decode()[len("* THREAD") : -2].strip(" ")

    # --- what a search asks of the store ----------------------------------------------------------------------
    def flag_set(self, flags: FlagSetId) -> FlagSet:
        """The flags behind an id."""
        self.asked["flag_set"] += 1
        names = next(names for names, known in self._flag_sets.items() if known == flags)
        return FlagSet(flags, names, b"", seen=False, deleted=False)

    async def facts(self, contents: Sequence[ContentId]) -> list[ContentFacts]:
        """Facts in the order asked."""
        self._count("facts", contents)
        return [self.known_facts[content] for content in contents]

    async def saved_dates(self, mailbox: MailboxId, uids: Sequence[Uid]) -> list[int | None]:
        """When messages were saved, in the order asked."""
        assert mailbox == _NOBODY.id
        self._count("saved_dates", [self.state.content_of(self.state.uids.index(uid)) for uid in uids])
        return [self.saved.get(uid) for uid in uids]

    async def message_annotations(
        self, mailbox: MailboxId, uids: Sequence[Uid], entries: Sequence[str] | None = None
    ) -> list[MessageAnnotation]:
        """Annotations by UID and entry."""
        assert mailbox == _NOBODY.id
        self.asked["message_annotations"] += 1
        return [
            MessageAnnotation(uid, entry, is_shared, value)
            for uid in uids
            for (entry, is_shared), value in sorted(self.annotations.get(uid, {}).items())
            if entries is None or entry in entries
        ]

    async def sorting(self, contents: Sequence[ContentId]) -> list[ContentSorting]:
        """Sort keys in the order asked."""
        self._count("sorting", contents)
        return [self.known_sorting[content] for content in contents]

    async def headers(self, contents: Sequence[ContentId]) -> list[bytes]:
        """Header blocks in the order asked."""
        self._count("headers", contents)
        return [self.messages[content][: self._parts[content].body_start] for content in contents]

    async def small_headers(self, contents: Sequence[ContentId], largest: int) -> list[bytes | None]:
        """Header blocks in the order asked, none of the large ones."""
        return [block if len(block) <= largest else None for block in await self.headers(contents)]

    async def structure(self, content: ContentId) -> Part:
        """The part tree."""
        self._count("structure", [content])
        return self._parts[content]

    async def header_fields(
        self, contents: Sequence[ContentId], names: Collection[bytes], largest: int
    ) -> list[bytes | None]:
        """Not used."""
        raise NotImplementedError

    async def sizes_and_dates(self, contents: Sequence[ContentId]) -> list[tuple[int, int, int]]:
        """Not used."""
        raise NotImplementedError

    async def read(self, content: ContentId, start: int = 0, length: int | None = None) -> bytes:
        """Octets of a message."""
        self._count("read", [content])
        octets = self.messages[content][start : None if length is None else start + length]
        self.asked["octets"] = max(self.asked["octets"], len(octets))
        return octets

    def _count(self, method: str, contents: Sequence[ContentId]) -> None:
        self.asked[method] += 1
        self.asked[f"{method} messages"] += len(contents)
        if self.damaged.intersection(contents):
            raise MessageDamaged("damaged on purpose")
