"""Opens what commands work on: the users and single accounts. A running server notices their changes by itself."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from mailwren.config.settings import Config

if TYPE_CHECKING:
    from mailwren.auth.users import UserDirectory
    from mailwren.store.sqlite.store import SqliteMailStore


@contextmanager
def open_users(config: Config) -> Iterator["UserDirectory"]:
    """The directory of users."""
    from mailwren.auth.users import UserDirectory

    directory = UserDirectory(config.users_file)
    try:
        yield directory
    finally:
        directory.close()


@asynccontextmanager
async def open_store(config: Config) -> AsyncIterator["SqliteMailStore"]:
    """The accounts' mail; the server's sessions are told of every change."""
    from mailwren.store.bus_unix import SendingBus
    from mailwren.store.sqlite.store import SqliteMailStore

    bus = SendingBus(config.data)
    store = SqliteMailStore(config.data, bus=bus, durability=config.durability.value, restorable=config.restorable)
    try:
        yield store
    finally:
        await store.close()
        bus.close()
