"""Looking again before the event loop sleeps: as long as it pays, no longer, and hardly ever where it does not."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from mailwren.config.settings import Config
from mailwren.server.lookout import Load, Lookout
from mailwren.server.worker import look_out
from mailwren.store.sqlite.threads import CountedThreads

_MICROSECOND = 1e-6
_WINDOW = 50


class _Rounds:
    """An event loop and its clock: each round takes two microseconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: deque[Callable[[], None]] = deque()
        self.looks = 0
        self.load = 0
        self.may = True
        loop = cast("asyncio.AbstractEventLoop", self)
        self.lookout = Lookout(
            loop, _WINDOW * _MICROSECOND, may=lambda: self.may, load=lambda: self.load, clock=lambda: self.now
        )

    def call_soon(self, function: Callable[[], None]) -> None:
        """What event loops have."""
        self.calls.append(function)

    def go_round(self) -> bool:
        """One round; whether there was anything to call, so that the loop did not sleep."""
        self.now += 2 * _MICROSECOND
        for _ in range(count := len(self.calls)):
            self.calls.popleft()()
        self.looks += count
        return count > 0

    def pass_time(self, microseconds: float) -> int:
        """Go round for so long, or sleep; how often the loop looked."""
        before, end = self.looks, self.now + microseconds * _MICROSECOND
        while self.now < end and self.go_round():
            pass
        self.now = max(self.now, end)
        return self.looks - before

    def exchange(self, pause: float) -> int:
        """Answer a client whose next command comes after ``pause`` microseconds; how often the loop looked."""
        self.lookout.answered()
        looks = self.pass_time(pause)
        self.lookout.heard()
        return looks


@pytest.fixture
def rounds() -> _Rounds:
    """A loop that is asleep."""
    return _Rounds()


def test_looks_after_an_answer_and_then_sleeps(rounds: _Rounds) -> None:
    """Nothing is looked for before the first answer, and after it no longer than is allowed."""
    assert rounds.pass_time(1000) == 0
    rounds.lookout.answered()
    assert 20 <= rounds.pass_time(10_000) <= 30
    assert not rounds.calls


def test_goes_on_while_the_client_does(rounds: _Rounds) -> None:
    """A client that asks again at once never finds the loop asleep."""
    for _ in range(1000):
        assert rounds.exchange(30) >= 14


def test_remote_clients_cost_next_to_nothing(rounds: _Rounds) -> None:
    """Where input never comes in time, looking takes less than a microsecond for each answer."""
    count = 10_000
    looks = sum(rounds.exchange(5000) for _ in range(count))
    assert looks * 2 / count < 0.3


def test_finds_out_when_it_pays_again(rounds: _Rounds) -> None:
    """After remote clients a near one is waited for before long."""
    for _ in range(10_000):
        rounds.exchange(5000)
    for _ in range(1100):
        rounds.exchange(30)
    assert all(rounds.exchange(30) >= 14 for _ in range(100))


def test_half_of_the_moments_in_vain_is_the_most(rounds: _Rounds) -> None:
    """One command of four in time is too few to go on looking for."""
    looks = [rounds.exchange(30 if number % 4 == 0 else 5000) for number in range(10_000)]
    assert sum(looks) * 2 / len(looks) < _WINDOW / 8


def test_messages_without_an_answer_do_not_prolong(rounds: _Rounds) -> None:
    """What goes out to clients that only listen, a little at a time, keeps nobody awake."""
    rounds.lookout.answered()
    looks = 0
    for _ in range(1000):
        looks += rounds.pass_time(10)
        rounds.lookout.answered()
    assert looks < 1000


def test_sleeps_while_others_want_the_processor(rounds: _Rounds) -> None:
    """With more programs than processors the time is theirs, also in the middle of a dialogue."""
    rounds.load = 3
    for _ in range(4000):
        rounds.exchange(30)
    assert rounds.exchange(30) == 0
    rounds.load = 0
    for _ in range(4000):
        rounds.exchange(30)
    assert rounds.exchange(30) >= 14


def test_sleeps_while_threads_work(rounds: _Rounds) -> None:
    """A thread that needs the interpreter gets it."""
    rounds.may = False
    assert rounds.exchange(30) == 0
    rounds.may = True
    assert rounds.exchange(30) >= 14


def test_zero_is_never(rounds: _Rounds) -> None:
    """Without a time there is nothing to look for."""
    lookout = Lookout(cast("asyncio.AbstractEventLoop", rounds), 0.0)
    lookout.answered()
    lookout.heard()
    assert not rounds.calls


def test_setting_turns_it_off(tmp_path: Path) -> None:
    """The setting says how long, and whether at all."""
    nothing: Any = None
    assert look_out(Config(data=tmp_path, busy_poll_microseconds=0), nothing, nothing, nothing) is None
    assert look_out(Config(data=tmp_path), nothing, nothing, nothing) is not None


def test_load_is_what_waits(tmp_path: Path) -> None:
    """Of the programs that could run, those beyond the number of processors wait."""
    path = tmp_path / "loadavg"
    path.write_text("3.73 1.61 1.81 9/132 10117\n", "ascii")
    load = Load(str(path), 2)
    assert load() == 7
    load.close()
    assert Load(str(tmp_path / "missing"), 2)() == 0
    path.write_text("0.00 0.00 0.00 1/132 10117\n", "ascii")
    load = Load(str(path), 2)
    assert load() == 0
    load.close()
    load.close()


def test_threads_know_whether_they_work() -> None:
    """From the moment that work is handed over until it is done, failed or not."""
    threads = CountedThreads(1, "test")
    seen = [threads.working]
    go_on = threading.Event()
    waiting = threads.submit(go_on.wait, 20)
    seen.append(threads.working)
    go_on.set()
    assert waiting.result(20)
    failed = threads.submit(int, "no number")
    assert isinstance(failed.exception(20), ValueError)
    threads.shutdown()
    seen.append(threads.working)
    assert seen == [False, True, False]
