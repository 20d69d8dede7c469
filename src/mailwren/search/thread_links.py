"""Who answers whom: steps 1 to 3 of REFERENCES (RFC 5256 §3), on numbers. Pure.

Messages are the nodes from 0 on, in the mailbox's order; ancestors that are not among them become dummies behind them.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mailwren.base import limits
from mailwren.search.ordering import made, parts
from mailwren.search.pace import Pace

_NOBODY: Final = -1
_NODES_AT_ONCE: Final = 256


class Links:
    """Parents of nodes while they are found.

    Attributes:
        count: how many of the nodes are messages.
        parents: the parent of each node, -1 without one.
    """

    __slots__ = ("_children", "_nodes", "_steps", "count", "parents")

    def __init__(self, count: int) -> None:
        """So many messages, not named yet."""
        self.count: Final = count
        self.parents: Final = [_NOBODY] * count
        self._children: Final = [0] * count
        self._steps = limits.THREAD_STEPS * (count + 1)
        self._nodes: Final[dict[int, int]] = {}

    def name(self, message: int, message_id: int) -> None:
        """A message has an id, or 0 if it has none; of several with the same id the first one named has it."""
        if message_id:
            self._nodes.setdefault(message_id, message)

    def take(self, message: int, ancestors: Sequence[int]) -> None:
        """Link what a message's references say: one another (step 1.A), and the last one with it (step 1.B)."""
        parents = self.parents
        last = _NOBODY
        for message_id in ancestors:
            node = self._nodes.get(message_id)
            if node is None:
                node = self._nodes[message_id] = len(parents)
                parents.append(_NOBODY)
                self._children.append(0)
            if last != _NOBODY and parents[node] == _NOBODY:
                self._link(last, node)
            last = node
        former = parents[message]
        if former != last:
            if former != _NOBODY:
                parents[message] = _NOBODY
                self._children[former] -= 1
            if last != _NOBODY:
                self._link(last, message)

    def _link(self, parent: int, child: int) -> None:
        """Make ``child``, which has no parent, one of ``parent``'s, unless that would introduce a loop."""
        if parent != child and not (self._children[child] and self._is_above(child, parent)):
            self.parents[child] = parent
            self._children[parent] += 1

    def _is_above(self, node: int, other: int) -> bool:
        """Whether a node is an ancestor of another; whoever makes us climb without end is told that it is."""
        parents = self.parents
        while other != _NOBODY:
            if other == node or not self._steps:
                return True
            self._steps -= 1
            other = parents[other]
        return False


async def linked(message_ids: Sequence[int], ancestors: "Callable[[int], Sequence[int]]", pace: Pace) -> list[int]:
    """The parents of messages, dummies pruned (step 3).

    Args:
        message_ids: hashes by message, 0 without one.
        ancestors: the hashes of a message's references, the parent last.
        pace: lets others run.

    Returns:
        For each message another one, -1 at the head of a thread, or -2 and below: messages with the same such number
        are siblings whose common parent is not here.
    """
    links = Links(len(message_ids))
    for part in parts(links.count):
        for message in range(part.start, part.stop):
            links.name(message, message_ids[message])
        await pace.rest()
    for part in parts(links.count, _NODES_AT_ONCE):
        for message in range(part.start, part.stop):
            links.take(message, ancestors(message))
        await pace.rest()
    return await _pruned(links, pace)


async def _pruned(links: Links, pace: Pace) -> list[int]:
    parents, count = links.parents, links.count
    tops: dict[int, int] = {}
    result: list[int] = []
    families: dict[int, int] = {}
    for message in range(count):
        parent = parents[message]
        if parent >= count:
            parent = _promoted(parents, count, parent, tops)
        if parent >= count:
            families[parent] = families.get(parent, 0) + 1
            parent = -2 - parent
        result.append(parent)
        if not message % _NODES_AT_ONCE:
            await pace.rest()
    # A dummy at the top stays where it keeps several together.
    alone = {-2 - dummy for dummy, size in families.items() if size == 1}
    return await made(result, lambda some: [_NOBODY if parent in alone else parent for parent in some], pace)


def _promoted(parents: list[int], count: int, dummy: int, tops: dict[int, int]) -> int:
    """The nearest message above a dummy's children, or the topmost dummy; remembered for all that was passed."""
    passed: list[int] = []
    node = dummy
    while node >= count and node not in tops and parents[node] != _NOBODY:
        passed.append(node)
        node = parents[node]
    top = tops.get(node, node)
    for each in passed:
        tops[each] = top
    return top
