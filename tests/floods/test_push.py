"""A short form of the flood of deliveries; the long one is ``python -m tests.floods.push``."""

from pathlib import Path

import pytest

from tests.floods.push import run

pytestmark = pytest.mark.slow
MEMORY = 40 * 1024 * 1024
"""Octets that all workers may grow by: 200 sessions, and caches that fill; what was told is kept nowhere."""


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_missed_in_a_flood(tmp_path: Path, workers: int) -> None:
    """200 sessions with NOTIFY or IDLE on 20 mailboxes are told of every delivery, in order, in bounded memory."""
    outcome = run(tmp_path / "data", workers_wanted=workers, sessions=200, messages=1200)
    print(outcome)
    assert outcome.problems == []
    assert outcome.grown < MEMORY
