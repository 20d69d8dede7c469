"""Linking messages: mail that is made to be slow, or to go in circles."""

import asyncio
import time
from array import array

import pytest

from mailwren.base import limits
from mailwren.search.pace import Pace
from mailwren.search.thread_layout import Forest, laid_out
from mailwren.search.thread_links import linked


def links(message_ids: list[int], ancestors: list[list[int]]) -> list[int]:
    """Parents of messages, from outside an event loop."""
    pace = Pace(time.monotonic, 1.0)
    return asyncio.run(linked(message_ids, lambda message: array("q", ancestors[message]), pace))


COUNT = 20_000


def test_a_chain_of_answers() -> None:
    """Each message answers the one before it, in either order of arrival."""
    ids = list(range(1, COUNT + 1))
    assert links(ids, [[], *([number] for number in ids[:-1])]) == list(range(-1, COUNT - 1))
    assert links(ids[::-1], [*([number] for number in ids[-2::-1]), []]) == [*range(1, COUNT), -1]


def test_a_chain_of_those_who_are_not_here() -> None:
    """Two messages far apart in a chain of dummies are siblings; one alone stands for itself."""
    chain = [[number, number + 1] for number in range(1000, 2000)]
    ids = [0] * len(chain)
    parents = links([*ids, 0], [*chain, [2000]])
    assert len(set(parents)) == 1
    assert parents[0] < -1
    assert links([0], [[1, 2, 3]]) == [-1]


def test_circles_are_not_closed() -> None:
    """Messages that each claim to answer the other: the first claim holds."""
    assert links([1, 2], [[2], [1]]) == [1, -1]
    assert links([1], [[1]]) == [-1]
    assert links([1, 2, 3], [[3], [1], [2]]) == [2, 0, -1]


def has_circle(parents: list[int]) -> bool:
    """Whether any message is among its own ancestors."""
    seen_by = [-1] * len(parents)
    for message in range(len(parents)):
        node = message
        while node >= 0 and seen_by[node] < 0:
            seen_by[node] = message
            node = parents[node]
        if node >= 0 and seen_by[node] == message:
            return True
    return False


def test_whoever_makes_us_climb_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages with answers below them, moved under the end of a long chain again and again, cost linear time."""
    monkeypatch.setattr(limits, "THREAD_STEPS", 5)
    depth, movers = 3000, 3000
    ids, ancestors = [], []
    for number in range(depth):
        ids.append(number + 1)
        ancestors.append([number] if number else [])
    for mover in range(movers):
        ids += [0, 100_000 + mover]
        ancestors += [[100_000 + mover], [depth]]
    start = time.process_time()
    parents = links(ids, ancestors)
    assert time.process_time() - start < 2
    assert not has_circle(parents)


def test_deep_threads_are_laid_out() -> None:
    """No depth is too deep."""
    forest = Forest([0], {number: [number + 1] for number in range(COUNT - 1)}, COUNT)
    threads = asyncio.run(laid_out(forest, Pace(time.monotonic, 1.0)))
    assert list(threads.messages) == list(range(COUNT))
    assert threads.brackets == ["(", *[" "] * (COUNT - 1), ")"]
