"""Threads as they are shown: messages one after the other, and the brackets around them (RFC 5256 §4). Pure."""

from array import array
from collections.abc import Mapping, Sequence
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
    messages = array("I")
    brackets: list[str] = []
    before = ""
    waiting: list[int | str] = []
    for root in reversed(forest.roots):
        waiting += (")", root, "(")
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            before += item
            continue
        children = forest.children.get(item, ())
        if item < forest.count:
            brackets.append(before)
            messages.append(item)
            before = " " if children else ""
        if len(children) == 1:
            waiting.append(children[0])
        else:
            for child in reversed(children):
                waiting += (")", child, "(")
        if not len(messages) % _NODES_AT_ONCE:
            await pace.rest()
    brackets.append(before)
    return Threads(messages, brackets)
