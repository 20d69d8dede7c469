"""The parent of several workers, where tests of whole servers do not reach."""

import errno
import os
import signal
from pathlib import Path

import pytest

from mailwren.config.settings import Config
from mailwren.server.run import _Supervisor


def test_a_worker_that_cannot_be_started_again_is_tried_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system has no room for one more process: those that run must not end for that."""
    timers: list[float] = []
    forks: list[OSError | int] = [OSError(errno.EAGAIN, "no"), 4711]

    def fork() -> int:
        result = forks.pop(0)
        if isinstance(result, OSError):
            raise result
        return result

    monkeypatch.setattr(os, "fork", fork)
    monkeypatch.setattr(signal, "setitimer", lambda _which, seconds: timers.append(seconds))
    supervisor = _Supervisor(Config(data=tmp_path), 2, [], None)
    supervisor._missing.append(1)
    supervisor._take(signal.SIGALRM)
    assert len(timers) == 1
    supervisor._take(signal.SIGALRM)
    assert supervisor._workers == {4711: 1}
    assert not supervisor._missing
    os.close(supervisor._lifeline)
    os.close(supervisor._alive)
