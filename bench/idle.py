"""What waiting clients cost, and how soon they hear of new mail: ``python -m bench.idle``. Needs Linux.

Every client logs in, selects INBOX and idles: first one for each account, then more of them, in the clear and inside
TLS. At last some more come to one account, whose INBOX then gets mail ten times; and as many again that have selected
nothing and hear of it by NOTIFY (RFC 5465).
"""

import argparse
import asyncio
import os
import re
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import uvloop
from tests.support.process import ServerProcess
from tests.support.wire import any_certificate

from mailwren.auth.hashing import hash_password
from mailwren.auth.users import UserDirectory

_SETTINGS = "version = 1\n"
_PASSWORD = "secret"
_AT_ONCE = 50
"""Logins at the same time."""
_SETTLE_SECONDS = 2.0
_QUIET_SECONDS = 15.0
"""How long the processor is watched while everybody idles: longer than the server's heartbeat."""
_MESSAGE = b"Subject: news\r\n\r\nhello\r\n"
_TLS = any_certificate()
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Crowd:
    """The clients of one server."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._connections: list[Connection] = []
        self._appended = 0

    async def idle(self, users: list[str], *, tls: bool, notify: bool = False) -> list[Connection]:
        """One waiting client for each name: with NOTIFY, or else with INBOX selected and IDLE."""
        came: list[Connection] = []
        for first in range(0, len(users), _AT_ONCE):
            some = users[first : first + _AT_ONCE]
            port = self._server.imaps_port if tls else self._server.imap_port
            begin = _notified if notify else waiting
            came += await asyncio.gather(*(begin(port, user, tls=tls) for user in some))
        self._connections += came
        return came

    async def tell(self, idlers: list[Connection], wanted: bytes) -> list[tuple[float, float]]:
        """Append ten times; seconds until the OK, and until the last client got what begins so."""
        sender = await connect(self._server.imap_port, "u0", tls=False)
        results = []
        for _ in range(10):
            self._appended += 1
            waiting = [asyncio.create_task(_until(reader, wanted % self._appended)) for reader, _ in idlers]
            await asyncio.sleep(0.2)
            start = time.perf_counter()
            await run(sender, b"APPEND INBOX {%d+}\r\n%b" % (len(_MESSAGE), _MESSAGE))
            answered = time.perf_counter()
            told = await asyncio.gather(*waiting)
            results.append((answered - start, max(told) - start))
        return results


async def connect(port: int, user: str, *, tls: bool) -> Connection:
    """One client, logged in."""
    connection = await asyncio.open_connection("127.0.0.1", port, ssl=_TLS if tls else None)
    await connection[0].readline()
    await run(connection, f"LOGIN {user} {_PASSWORD}".encode())
    return connection


async def waiting(port: int, user: str, *, tls: bool) -> Connection:
    """One client that idles in its INBOX."""
    connection = await connect(port, user, tls=tls)
    await run(connection, b"SELECT INBOX")
    connection[1].write(b"i IDLE\r\n")
    await _until(connection[0], b"+ ")
    return connection


async def _notified(port: int, user: str, *, tls: bool) -> Connection:
    connection = await connect(port, user, tls=tls)
    await run(connection, b"NOTIFY SET (personal (MessageNew MessageExpunge))")
    return connection


async def run(connection: Connection, command: bytes) -> None:
    """A command that must be OK."""
    connection[1].write(b"a " + command + b"\r\n")
    await _until(connection[0], b"a OK")


async def _until(reader: asyncio.StreamReader, begin: bytes) -> float:
    """Read until a line begins so; the time then."""
    while line := await reader.readline():
        if line.startswith(begin):
            return time.perf_counter()
        if line.startswith((b"a NO", b"a BAD", b"* BYE")):
            raise ConnectionError(line.decode("ascii", "replace"))
    raise ConnectionError("the server hung up")


class Usage:
    """What the server's process uses."""

    def __init__(self, process: int) -> None:
        self._folder = Path(f"/proc/{process}")

    def memory(self) -> int:
        """Its proportional share of memory, KiB."""
        match = re.search(r"^Pss: +(\d+)", (self._folder / "smaps_rollup").read_text(), re.MULTILINE)
        assert match is not None
        return int(match[1])

    def files(self) -> int:
        """Open files."""
        return sum(1 for _ in (self._folder / "fd").iterdir())

    def processor(self) -> float:
        """Seconds of processor time."""
        words = (self._folder / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def _measure(server: ServerProcess, arguments: argparse.Namespace) -> None:
    assert server.process is not None
    usage, crowd = Usage(server.process.pid), Crowd(server)
    await asyncio.sleep(_SETTLE_SECONDS)
    memory = usage.memory()
    print(f"| nobody connected | {memory / 1024:.0f} MiB, {usage.files()} open files |")
    accounts = [f"u{n}" for n in range(arguments.accounts)]
    for title, count, tls in (
        ("accounts, one client each", len(accounts), False),
        ("more clients, in the clear", arguments.plain, False),
        ("more clients, inside TLS", arguments.tls, True),
    ):
        if count:
            await crowd.idle([accounts[n % len(accounts)] for n in range(count)], tls=tls)
            await asyncio.sleep(_SETTLE_SECONDS)
            grown, memory = usage.memory() - memory, usage.memory()
            print(f"| {count:,} {title} | {grown / count:.1f} KiB each, {usage.files():,} open files |")
    before = usage.processor()
    await asyncio.sleep(_QUIET_SECONDS)
    print(f"| processor while all idle | {(usage.processor() - before) / _QUIET_SECONDS:.2%} of a core |")
    for title, wanted, notify in (
        ("idlers of its mailbox", b"* %d EXISTS", False),
        ("more with NOTIFY", b"* STATUS INBOX (MESSAGES %d ", True),
    ):
        idlers = await crowd.idle(["u0"] * arguments.listeners, tls=True, notify=notify)
        results = await crowd.tell(idlers, wanted)
        answered, told = (median(each) * 1000 for each in zip(*results, strict=True))
        print(f"| APPEND, {len(idlers)} {title} | OK after {answered:.1f} ms, last told after {told:.1f} ms |")

    start = time.perf_counter()
    await asyncio.to_thread(server.stop)
    print(f"| stopping with all connected | {time.perf_counter() - start:.1f} s |")


def main() -> int:
    """The whole run."""
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__)
    parser.add_argument("--accounts", type=int, default=500, help="accounts in use")
    parser.add_argument("--plain", type=int, default=2000, help="further clients in the clear")
    parser.add_argument("--tls", type=int, default=2000, help="further clients inside TLS")
    parser.add_argument("--listeners", type=int, default=100, help="clients of one mailbox, inside TLS, that are told")
    arguments = parser.parse_args()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder) / "data", 1, ("--allow-plaintext-login", "--log-level", "warning"))
        directory = UserDirectory(server.data / "users.sqlite3")
        password = hash_password(_PASSWORD)
        for number in range(arguments.accounts):
            directory.add(f"u{number}", password)
        directory.close()
        (server.data / "mailwren.toml").write_text(_SETTINGS, "utf-8")
        server.start()
        try:
            uvloop.run(_measure(server, arguments))
        finally:
            server.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
