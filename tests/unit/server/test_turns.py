"""Turns at the event loop: one long command at a time, and whoever came in meanwhile first."""

import asyncio
import time
from collections.abc import Callable

import pytest

from mailwren.base import limits
from mailwren.server import turns as module
from mailwren.server.turns import Turns


class Clock:
    """Time that passes only where somebody works."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def work(self, slices: float) -> None:
        """Hold the event loop for so many slices."""
        self.now += slices * limits.SLICE_SECONDS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of turns, for a test to advance."""
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    return clock


def _when_polled(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
    """Call back from where the loop looks for input, next time it does."""
    loop.call_later(0, act)


def test_who_comes_in_during_a_slice_waits_for_no_other(clock: Clock) -> None:
    """While five work a slice at a time, input that came in meanwhile is served before the next of them goes on."""
    turns = Turns()
    order: list[str] = []

    async def long_command(name: str) -> None:
        for _ in range(4):
            await turns.rest()
            order.append(name)
            clock.work(1.5)
            _when_polled(asyncio.get_running_loop(), lambda: order.append("input"))

    async def run() -> None:
        await asyncio.gather(*(long_command(name) for name in "abcde"))
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert order == [each for name in "abcde" * 4 for each in (name, "input")]


def test_turns_are_taken_in_order(clock: Clock) -> None:
    """Nobody gets ahead of those who have waited longer."""
    turns = Turns()
    order: list[int] = []

    async def long_command(number: int) -> None:
        for _ in range(5):
            await turns.rest()
            order.append(number)
            clock.work(1.1)

    async def run() -> None:
        await asyncio.gather(*(long_command(number) for number in range(4)))

    asyncio.run(run())
    assert order == [0, 1, 2, 3] * 5


def test_one_alone_leaves_every_second_round_to_others(clock: Clock) -> None:
    """A single long command gives the loop a round of its own after each slice, no matter that nobody waits."""
    turns = Turns()
    order: list[str] = []

    async def long_command() -> None:
        for _ in range(3):
            order.append("slice")
            clock.work(1)
            _when_polled(asyncio.get_running_loop(), lambda: order.append("input"))
            await turns.rest()

    asyncio.run(long_command())
    assert order == ["slice", "input"] * 3


def test_a_cancelled_wait_holds_up_nobody(clock: Clock) -> None:
    """Who gives up while waiting is passed over."""
    turns = Turns()
    order: list[str] = []

    async def long_command(name: str) -> None:
        await turns.rest()
        order.append(name)
        clock.work(2)

    async def run() -> None:
        busy, first, second = (asyncio.create_task(long_command(name)) for name in ("busy", "first", "second"))
        asyncio.get_running_loop().call_soon(first.cancel)
        await asyncio.gather(busy, second)

    asyncio.run(run())
    assert order == ["busy", "second"]


def test_cancelled_by_all_it_begins_anew(clock: Clock) -> None:
    """When everybody gave up, the next one to wait still gets a turn."""
    turns = Turns()

    async def run() -> None:
        for _ in range(3):
            gone = asyncio.create_task(turns.rest())
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.wait([gone])
        clock.work(2)
        async with asyncio.timeout(5):
            await turns.rest()

    asyncio.run(run())


def test_little_works_share_a_young_turn(clock: Clock) -> None:
    """Beginning while nobody waits and little time was used costs no round of the loop."""
    turns = Turns()

    async def run() -> int:
        rounds = 0

        def count() -> None:
            nonlocal rounds
            rounds += 1

        asyncio.get_running_loop().call_soon(count)
        for _ in range(50):
            await turns.begin()
            clock.work(0.01)
        return rounds

    assert asyncio.run(run()) == 0


def test_many_little_works_take_turns(clock: Clock) -> None:
    """A hundred who begin at once do not hold the loop for the sum of them: a slice's worth, then one in a round."""
    turns = Turns()
    rounds: list[int] = [0]

    async def little() -> None:
        await turns.begin()
        clock.work(0.3)
        rounds[-1] += 1

    async def run() -> None:
        tasks = [asyncio.create_task(little()) for _ in range(100)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            rounds.append(0)

    asyncio.run(run())
    assert sum(rounds) == 100
    assert max(rounds) == 4  # three tenths each: the fourth begins before the slice is over
    assert sorted(rounds)[-2] == 1


def test_real_time_passes() -> None:
    """With the real clock everybody gets through, and nothing is left behind."""
    turns = Turns()
    done = 0

    async def long_command() -> None:
        nonlocal done
        for _ in range(5):
            end = time.perf_counter() + limits.SLICE_SECONDS
            while time.perf_counter() < end:
                pass
            await turns.rest()
        await turns.begin()
        done += 1

    async def run() -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*(long_command() for _ in range(20)))

    asyncio.run(run())
    assert done == 20
