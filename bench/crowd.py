"""Ten thousand clients that idle inside TLS, all in one process of the server."""

import asyncio
import resource
import time
from pathlib import Path

import uvloop

from bench.idle import Connection, connect, run, waiting
from bench.servers import Mailwren, memory

_ACCOUNTS = 100
_FILES_OF_ACCOUNT = 6
"""Its database and its connections, a sender's among them."""
_OTHER_FILES = 100
_AT_ONCE = 50
_SETTLE_SECONDS = 3.0
_MESSAGE = b"Subject: news\r\n\r\nhello\r\n"


async def _told(reader: asyncio.StreamReader) -> float:
    while line := await reader.readline():
        if line.endswith(b" EXISTS\r\n"):
            return time.perf_counter()
    raise ConnectionError("the server hung up")


def _raise_file_limit(size: int) -> None:
    """Let this process, and the server that it starts, open as many files as they may. Raises RuntimeError: too few."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    needed = size + _FILES_OF_ACCOUNT * _ACCOUNTS + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise RuntimeError(
            f"{size} sessions need {needed} open files in one process, and {hard} are allowed: ulimit -Hn"
        )


class WaitingCrowd:
    """A server of its own with its clients, spread over a hundred accounts."""

    def __init__(self, data: Path, size: int) -> None:
        _raise_file_limit(size)
        users = [f"u{number}" for number in range(min(_ACCOUNTS, size))]
        self._server = Mailwren(data, users, workers=1, name="crowd")
        self._server.start()
        self._loop = uvloop.new_event_loop()
        self._clients: list[Connection] = []
        self._senders: list[Connection] = []
        self._loop.run_until_complete(self._come(users, size))

    async def _come(self, users: list[str], size: int) -> None:
        everybody = [users[number % len(users)] for number in range(size)]
        for first in range(0, size, _AT_ONCE):
            some = everybody[first : first + _AT_ONCE]
            self._clients += await asyncio.gather(*(waiting(self._server.imaps_port, user, tls=True) for user in some))
        self._senders = [await connect(self._server.imap_port, user, tls=False) for user in users]
        await asyncio.sleep(_SETTLE_SECONDS)

    def memory(self) -> float:
        """MiB of the server's processes."""
        return memory(self._server) / 1024

    def tell(self) -> float:
        """Every account gets a message, all at the same moment; milliseconds until the last client knows."""
        return self._loop.run_until_complete(self._tell())

    async def _tell(self) -> float:
        listening = [asyncio.create_task(_told(reader)) for reader, _writer in self._clients]
        await asyncio.sleep(1)
        start = time.perf_counter()
        command = b"APPEND INBOX {%d+}\r\n%b" % (len(_MESSAGE), _MESSAGE)
        sending = [asyncio.create_task(run(sender, command)) for sender in self._senders]
        told = await asyncio.gather(*listening)
        await asyncio.gather(*sending)
        return (max(told) - start) * 1000

    def close(self) -> None:
        """End the clients and the server."""
        for _reader, writer in [*self._clients, *self._senders]:
            writer.transport.abort()
        self._loop.run_until_complete(asyncio.sleep(0.1))
        self._loop.close()
        self._server.stop()
