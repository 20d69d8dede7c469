"""Threads for commits: as many as needed, and it can be told whether they work, also after more work than threads."""

import threading
from collections.abc import Iterator

import pytest
from tests.support.wire import eventually

from mailwren.store.sqlite.commit_threads import CommitThreads


@pytest.fixture
def two() -> Iterator[CommitThreads]:
    """Up to two threads."""
    threads = CommitThreads(2)
    yield threads
    threads.close()


def _wait_in(threads: CommitThreads, times: int) -> threading.Semaphore:
    """Give work that goes on until it is let go."""
    goes_on = threading.Semaphore(0)

    def work() -> None:
        goes_on.acquire(timeout=5)

    for _ in range(times):
        threads.run(work)
    return goes_on


def _rests(threads: CommitThreads) -> bool:
    return not threads.working


def test_work_is_known_as_long_as_it_goes_on(two: CommitThreads) -> None:
    """Also after a time when more waited than there are threads."""
    assert _rests(two)
    for times in (1, 9, 1, 2):
        goes_on = _wait_in(two, times)
        for _ in range(times):
            assert two.working
            goes_on.release()
        eventually(lambda: _rests(two), "all is finished")


def test_work_goes_on_side_by_side_and_after_failures(two: CommitThreads) -> None:
    """Two pieces of work run at the same time, though one before them failed; the others wait their turn."""
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise ValueError

    two.run(fail)
    assert failed.wait(10)
    both = threading.Barrier(2)

    def meet() -> None:
        both.wait(10)

    for _ in range(4):
        two.run(meet)
    eventually(lambda: _rests(two), "all four met")
    assert not both.broken


def test_work_is_done_where_no_thread_can_be_started(two: CommitThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has no room for one: the first one is done at once, later ones by the threads that there are."""

    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        two.run(lambda: done.append(1))
        assert done == [1]
        assert _rests(two)
    goes_on = _wait_in(two, 1)
    monkeypatch.setattr(threading.Thread, "start", fail)
    two.run(lambda: done.append(2))
    assert done == [1]
    goes_on.release()
    eventually(lambda: _rests(two), "all is finished")
    assert done == [1, 2]
