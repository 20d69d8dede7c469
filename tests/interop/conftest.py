"""A real server for real clients: one for each test, on ports of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.process import ServerProcess, running_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server with the user ``anna``, password ``secret``."""
    with running_server(tmp_path / "data") as process:
        yield process
