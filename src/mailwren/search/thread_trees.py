"""Threading algorithms on numbers: ORDEREDSUBJECT, REFERENCES (RFC 5256 §3) and REFS (draft-ietf-morg-inthread-01 §4).

Pure. Messages are numbered from 0 in the mailbox's order; dummies have the numbers behind them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailwren.search.ordering import in_order, made
from mailwren.search.pace import Pace
from mailwren.search.thread_layout import Forest

_NODES_AT_ONCE: Final = 512


@dataclass(frozen=True, slots=True)
class Subjects:
    """What subjects say of messages."""

    places: Sequence[int]
    """By message: the same for those with the same base subject, 0 for the empty one."""
    replies: Sequence[int]
    """By message: whether its subject is a reply's or a forward's."""


async def subject_threads(by_date: Sequence[int], places: Sequence[int], pace: Pace) -> Forest:
    """ORDEREDSUBJECT: a thread for each base subject, the first message at its head and all others below it.

    Args:
        by_date: the messages by their sent date.
        places: as :class:`Subjects` has them.
        pace: lets others run.
    """
    heads: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    roots: list[int] = []
    for number, message in enumerate(by_date):
        if not number % _NODES_AT_ONCE:
            await pace.rest()
        head = heads.setdefault(places[message], message)
        if head == message:
            roots.append(message)
        else:
            children.setdefault(head, []).append(message)
    return Forest(roots, children, len(by_date))


class Trees:
    """Threads while they are put together from their links.

    Attributes:
        roots: the nodes at the top.
        children: messages below a node, ascending by sent date.
    """

    __slots__ = ("_count", "_dates", "_last", "children", "roots")

    def __init__(self, count: int) -> None:
        """Of so many messages."""
        self._count: Final = count
        self._last = count
        self._dates: Final = [0] * count
        self.roots: list[int] = []
        self.children: Final[dict[int, list[int]]] = {}

    async def build(self, parents: Sequence[int], by_date: Sequence[int], pace: Pace) -> None:
        """Steps 2 and 4 of REFERENCES: what :func:`linked` found, with all siblings by their sent date."""
        dummies: dict[int, int] = {}
        for place, message in enumerate(by_date):
            self._dates[message] = place
            parent = parents[message]
            if parent < -1:
                dummy = dummies.get(parent)
                if dummy is None:
                    dummy = dummies[parent] = self._dummy()
                    self.roots.append(dummy)  # where its first child stands
                parent = dummy
            if parent == -1:
                self.roots.append(message)
            else:
                self.children.setdefault(parent, []).append(message)
            if not place % _NODES_AT_ONCE:
                await pace.rest()

    def _dummy(self) -> int:
        self._last += 1
        return self._last - 1

    def _first(self, node: int) -> int:
        """A node's message, or a dummy's first child."""
        return node if node < self._count else self.children[node][0]

    async def join_subjects(self, subjects: Subjects, pace: Pace) -> None:
        """Steps 5 and 6 of REFERENCES: gather the threads that have the same base subject."""
        merging = _Merging(self, subjects, await self._table(subjects, pace))
        for place, root in enumerate(self.roots):
            merging.take(root, subjects.places[self._first(root)])
            if not place % _NODES_AT_ONCE:
                await pace.rest()
        for node in merging.changed:
            self.children[node] = await in_order(self.children[node], pace, self._dates.__getitem__)
        roots, moved = [*self.roots, *merging.added], merging.moved
        roots = await made(roots, lambda some: [root for root in some if root not in moved], pace)
        self.roots = await in_order(roots, pace, lambda root: self._dates[self._first(root)])

    async def _table(self, subjects: Subjects, pace: Pace) -> dict[int, int]:
        """Step 5.B: the root that stands for each subject."""
        table: dict[int, int] = {}
        count, replies = self._count, subjects.replies
        for number, root in enumerate(self.roots):
            place = subjects.places[self._first(root)]
            if place:
                known = table.setdefault(place, root)
                if known < count and (root >= count or (replies[known] and not replies[root])):
                    table[place] = root
            if not number % _NODES_AT_ONCE:
                await pace.rest()
        return table

    def merge(self, known: int, root: int, subjects: Subjects) -> int:
        """Step 5.C: put a root beside or below the one that stands for its subject; who stands for it from now on."""
        if known >= self._count:
            self.children[known] += self.children.pop(root) if root >= self._count else [root]
            return known
        if subjects.replies[root] and not subjects.replies[known]:
            self.children.setdefault(known, []).append(root)
            return known
        dummy = self._dummy()
        self.children[dummy] = [known, root]
        return dummy

    async def newest_last(self, arrivals: Sequence[int], pace: Pace) -> None:
        """Order the threads by the latest arrival in each (REFS, instead of step 4 of REFERENCES)."""
        latest: dict[int, int] = {}
        for number, root in enumerate(self.roots):
            last = arrivals[self._first(root)]
            waiting = [root]
            while waiting:
                node = waiting.pop()
                if node < self._count and arrivals[node] > last:
                    last = arrivals[node]
                waiting += self.children.get(node, ())
            latest[root] = last
            if not number % _NODES_AT_ONCE:
                await pace.rest()
        self.roots = await in_order(self.roots, pace, lambda root: (latest[root], self._first(root)))

    def forest(self) -> Forest:
        """The trees as they are now."""
        return Forest(self.roots, self.children, self._count)


class _Merging:
    """Step 5.C under way."""

    __slots__ = ("_subjects", "_table", "_trees", "added", "changed", "moved")

    def __init__(self, trees: Trees, subjects: Subjects, table: dict[int, int]) -> None:
        self._trees = trees
        self._subjects = subjects
        self._table = table
        self.added: list[int] = []
        self.moved: set[int] = set()
        self.changed: set[int] = set()

    def take(self, root: int, place: int) -> None:
        """Look at one of the roots, unless it has been put below another one already."""
        if not place or root in self.moved or self._table[place] == root:
            return
        known = self._table[place]
        self._table[place] = holder = self._trees.merge(known, root, self._subjects)
        self.moved.add(root)
        self.changed.add(holder)
        if holder != known:
            self.moved.add(known)
            self.added.append(holder)
