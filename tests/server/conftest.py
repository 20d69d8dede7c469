"""Real servers for tests of everything around the protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.process import ServerProcess, running_server

from mailwren.auth.hashing import hash_password
from mailwren.auth.users import UserDirectory


def make_users(data: Path, *names: str) -> None:
    """Make users whose passwords are ``secret`` without a program for each."""
    directory = UserDirectory(data / "users.sqlite3")
    for name in names:
        directory.add(name, hash_password("secret"))
    directory.close()


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for the tests of one file, configured by its ``CONFIG``, with the users in its ``USERS``."""
    data = tmp_path_factory.mktemp("server") / "data"
    data.mkdir(mode=0o700)
    (data / "mailwren.toml").write_text("version = 1\n" + getattr(request.module, "CONFIG", ""), "utf-8")
    make_users(data, *getattr(request.module, "USERS", ("anna",)))
    with running_server(data, users=()) as process:
        yield process


@pytest.fixture(autouse=True)
def no_surprises(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever clients do, no exception escapes inside the server."""
    yield
    for value in request.node.funcargs.values():
        if isinstance(value, ServerProcess):
            assert "Traceback" not in value.log(), value.log()[-5000:]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that a test may harm, with the users ``anna`` and ``bert``."""
    make_users(tmp_path / "data", "anna", "bert")
    with running_server(tmp_path / "data", users=()) as process:
        yield process
