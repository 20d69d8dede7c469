"""Turns at the event loop: one long command in each round."""

import asyncio
import time

from mailwren.base import limits
from mailwren.server.turns import Turns


def _work(seconds: float) -> None:
    """Hold the event loop."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_many_long_commands_leave_every_round_to_others() -> None:
    """While twenty work a slice at a time, whoever does little waits for about one of them, not for all."""
    turns = Turns()
    slices = [0] * 20

    async def long_command(number: int) -> None:
        while slices[number] < 10:
            _work(limits.SLICE_SECONDS)
            slices[number] += 1
            await turns.rest()

    async def measure() -> int:
        tasks = [asyncio.create_task(long_command(number)) for number in range(20)]
        await asyncio.sleep(0)  # their first slices: nobody has waited before them
        rounds: list[int] = []
        while not all(task.done() for task in tasks):
            before = sum(slices)
            await asyncio.sleep(0)
            rounds.append(sum(slices) - before)
        assert len(rounds) > 150
        return sorted(rounds)[len(rounds) // 2]

    assert asyncio.run(measure()) <= 2
    assert slices == [10] * 20


def test_turns_are_taken_in_order() -> None:
    """Nobody gets ahead of those who have waited longer."""
    turns = Turns()
    order: list[int] = []

    async def long_command(number: int) -> None:
        for _ in range(5):
            await turns.rest()
            order.append(number)
            _work(limits.SLICE_SECONDS * 1.1)

    async def run() -> None:
        await asyncio.gather(*(long_command(number) for number in range(4)))

    asyncio.run(run())
    for position in range(1, len(order)):
        counts = [order[:position].count(number) for number in range(4)]
        assert max(counts) - min(counts) <= 2, order


def test_a_cancelled_wait_holds_up_nobody() -> None:
    """Who gives up while waiting is passed over."""
    turns = Turns()
    order: list[str] = []

    async def long_command(name: str) -> None:
        await turns.rest()
        order.append(name)

    async def long_first() -> None:
        await turns.rest()
        _work(limits.SLICE_SECONDS * 1.1)

    async def run() -> None:
        busy = asyncio.create_task(long_first())
        first, second = (asyncio.create_task(long_command(name)) for name in ("first", "second"))
        asyncio.get_running_loop().call_soon(first.cancel)
        await asyncio.gather(busy, second)

    asyncio.run(run())
    assert order == ["second"]


def test_alone_one_goes_on_at_once() -> None:
    """Resting while nobody waits and little time was used costs no round of the loop."""
    turns = Turns()

    async def run() -> int:
        rounds = 0

        def count() -> None:
            nonlocal rounds
            rounds += 1

        asyncio.get_running_loop().call_soon(count)
        for _ in range(50):
            await turns.rest()
        return rounds

    assert asyncio.run(run()) == 0
