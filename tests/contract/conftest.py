"""Each test of the contract runs over files and in memory; asynchronous ones get their own event loop."""

import asyncio
import inspect
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.contract.harness import Mail


@pytest.fixture(params=["file", "memory"])
def mail(request: pytest.FixtureRequest, tmp_path: Path) -> Mail:
    """An empty account; opened before the test and checked after it."""
    return Mail(tmp_path if request.param == "file" else None)


@pytest.fixture
def file_mail(tmp_path: Path) -> Mail:
    """An empty account over files only."""
    return Mail(tmp_path)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an asynchronous test, with the accounts that it asks for open."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def run() -> None:
        async with AsyncExitStack() as stack:
            for value in wanted.values():
                if isinstance(value, Mail):
                    await stack.enter_async_context(value)
            await pyfuncitem.obj(**wanted)

    asyncio.run(run(), debug=True)
    return True
