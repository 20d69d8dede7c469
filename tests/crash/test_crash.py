"""A short form of the crash test; the long one is ``python -m tests.crash.crash --kills 100``."""

import pytest

from tests.crash.crash import run


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_acknowledged_is_lost(workers: int) -> None:
    """After ``kill -9`` under load, acknowledged changes are there and unanswered ones whole or absent."""
    assert run(kills=4, seed=20261123 + workers, workers=workers) == []
