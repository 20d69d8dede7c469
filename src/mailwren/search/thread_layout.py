"""Threads as they are shown: messages one after the other, and the brackets around them (RFC 5256 §4). Pure."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailwren.search.pace import Pace

_NODES_AT_ONCE: Final = 1024


@dataclass(frozen=True, slots=True)
class Forest:
    """Threads as trees of nodes: messages, or dummies that only hold siblings together."""

    roots: Sequence[int]
    children: Mapping[int, Sequence[int]]
    count: int
    """Nodes below it are messages."""


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads in the order and the brackets of a THREAD response (RFC 5256 §4)."""

    messages: "array[int]"
    brackets: Sequence[str]
    """What stands before each message, and at last behind all of them: one more than messages."""


async def laid_out(forest: Forest, pace: Pace) -> Threads:
    """Trees as lists in brackets; no recursion, whatever their depth."""
    layout = _Layout(forest)
    for number, root in enumerate(forest.roots):
        for _ in layout.tree(root):
            await pace.rest()
        if not number % _NODES_AT_ONCE:
            await pace.rest()
    return layout.threads()


class _Layout:
    """Threads while they are laid out."""

    __slots__ = ("_before", "_brackets", "_forest", "_messages")

    def __init__(self, forest: Forest) -> None:
        self._forest = forest
        self._messages = array("I")
        self._brackets: list[str] = []
        self._before = ""

    def tree(self, root: int) -> Iterator[None]:
        """Add a tree; comes up for breath now and then."""
        children, count = self._forest.children, self._forest.count
        waiting: list[int | str] = [")", root, "("]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                self._before += item
                continue
            below = children.get(item, ())
            if item < count:
                self._brackets.append(self._before)
                self._messages.append(item)
                self._before = " " if below else ""
                if not len(self._messages) % _NODES_AT_ONCE:
                    yield
            if len(below) == 1:
                waiting.append(below[0])
            else:
                for child in reversed(below):
                    waiting += (")", child, "(")

    def threads(self) -> Threads:
        """All trees that were added."""
        return Threads(self._messages, [*self._brackets, self._before])
