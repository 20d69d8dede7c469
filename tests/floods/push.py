"""A flood of deliveries that hundreds of sessions are told of: ``python -m tests.floods.push --messages 20000``.

One user has twenty mailboxes. LMTP delivers into them as fast as it can, while a third of the sessions idle in one of
them, a third want to hear of all with NOTIFY, and a third have one selected, want each new message's UID told, and the
counters of all others. Each session must have been told of everything in the end, in the right order.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mailwren.auth.hashing import hash_password
from mailwren.auth.users import UserDirectory
from tests.support.process import ServerProcess
from tests.support.system import resident, workers

MAILBOXES = tuple(f"Box{number:02}" for number in range(20))
_SETTINGS = "version = 1\n[connections]\nper_user_and_address = 100000\nper_address_before_login = 1000\n"
_AT_ONCE = 25
"""Logins at the same time."""
_PATIENCE = 60.0
"""Seconds to wait after the last delivery."""
_MESSAGE = b"From: a@example.org\r\nTo: anna@example.org\r\nSubject: flood\r\n\r\n%d\r\n.\r\n"
_EXISTS = re.compile(rb"\* (\d+) EXISTS")
_FETCH = re.compile(rb"\* (\d+) FETCH \(UID (\d+)\)")
_STATUS = re.compile(rb"\* STATUS (\w+) \(MESSAGES (\d+) UIDNEXT (\d+) ")


@dataclass
class Listener:
    """One session, and what it was told."""

    number: int
    selects: bool
    notify: bool
    messages: Counter[str] = field(default_factory=Counter)
    """How many messages it believes to be in each mailbox."""
    last_uid: int = 0
    wrong: list[str] = field(default_factory=list)
    lines: int = 0

    @property
    def mailbox(self) -> str:
        """The one that it has selected, if it selects one."""
        return MAILBOXES[self.number % len(MAILBOXES)]

    async def run(self, port: int, ready: asyncio.Semaphore) -> None:
        """Log in, say what is wanted, and take what comes until the server hangs up."""
        async with ready:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
            await self._reader.readline()
            await self._command(b"LOGIN anna secret")
            if self.selects:
                await self._command(b"SELECT " + self.mailbox.encode())
            if self.notify:
                selected = b"(selected (MessageNew (UID) MessageExpunge)) " * self.selects
                await self._command(
                    b"NOTIFY SET STATUS " + selected + b"(personal (MessageNew MessageExpunge FlagChange))"
                )
            else:
                self._writer.write(b"i IDLE\r\n")
                while not (await self._reader.readline()).startswith(b"+"):
                    pass
        self._task = asyncio.create_task(self._listen())

    async def _command(self, command: bytes) -> None:
        self._writer.write(b"a " + command + b"\r\n")
        while not (line := await self._reader.readline()).startswith(b"a "):
            self._take(line)
        assert line.startswith(b"a OK"), line

    async def _listen(self) -> None:
        while line := await self._reader.readline():
            self._take(line)

    def _take(self, line: bytes) -> None:
        self.lines += 1
        if (match := _EXISTS.match(line)) is not None:
            self._count(self.mailbox, int(match[1]))
        elif (match := _FETCH.match(line)) is not None:
            number, uid = int(match[1]), int(match[2])
            if uid != self.last_uid + 1 or number != uid:
                self.wrong.append(f"after UID {self.last_uid}: {line!r}")
            self.last_uid = uid
        elif (match := _STATUS.match(line)) is not None:
            name = match[1].decode()
            if self.selects and name == self.mailbox:
                self.wrong.append(f"the selected mailbox: {line!r}")
            if int(match[3]) != int(match[2]) + 1:
                self.wrong.append(f"counters that do not fit: {line!r}")
            self._count(name, int(match[2]))

    def _count(self, name: str, messages: int) -> None:
        if messages < self.messages[name]:
            self.wrong.append(f"{name}: {messages} after {self.messages[name]}")
        self.messages[name] = messages

    def missing(self, delivered: Counter[str]) -> list[str]:
        """What it has not been told."""
        names = {self.mailbox} if not self.notify else set(MAILBOXES)
        found = [f"{name}: {self.messages[name]} of {delivered[name]}" for name in names]
        found = [each for name, each in zip(names, found, strict=True) if self.messages[name] != delivered[name]]
        if self.selects and self.notify and self.last_uid != delivered[self.mailbox]:
            found.append(f"{self.mailbox}: UIDs up to {self.last_uid} of {delivered[self.mailbox]}")
        return found

    async def close(self) -> None:
        """Hang up."""
        self._task.cancel()
        self._writer.close()


async def _deliver(port: int, first: int, number: int, delivered: Counter[str]) -> None:
    """Deliver messages over one connection, to one mailbox after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def answer() -> bytes:
        while (line := await reader.readline())[3:4] == b"-":
            pass
        return line

    await answer()
    writer.write(b"LHLO flood\r\n")
    await answer()
    for each in range(first, first + number):
        name = MAILBOXES[each * 7 % len(MAILBOXES)]
        writer.write(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<anna+%b@example.org>\r\nDATA\r\n" % name.encode())
        lines = [await answer() for _ in range(3)]
        assert lines[2].startswith(b"354"), lines
        writer.write(_MESSAGE % each)
        line = await answer()
        assert line.startswith(b"250"), line
        delivered[name] += 1
    writer.close()


@dataclass
class Outcome:
    """What came of a flood."""

    problems: list[str]
    delivered: int
    seconds: float
    """That the deliveries took."""
    told: float
    """Seconds after the last delivery until the last session had been told of it."""
    lines: int
    grown: int
    """Octets of memory of all workers."""

    def __str__(self) -> str:
        rate = self.delivered / self.seconds
        return (
            f"{self.delivered} messages in {self.seconds:.1f} s ({rate:.0f}/s); the last session knew all "
            f"{self.told * 1000:.0f} ms later; {self.lines} lines; memory grew by {self.grown / 2**20:.1f} MiB; "
            f"{len(self.problems)} problems"
        )


async def _flood(server: ServerProcess, sessions: int, messages: int) -> Outcome:
    listeners = [Listener(number, number % 3 != 1, number % 3 != 0) for number in range(sessions)]
    ready = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(each.run(server.imap_port, ready) for each in listeners))
    before = sum(map(resident, workers(server)))
    delivered: Counter[str] = Counter()
    begin = time.perf_counter()
    share = messages // 4
    await asyncio.gather(*(_deliver(server.lmtp_port, n * share, share, delivered) for n in range(4)))
    end = time.perf_counter()
    while any(each.missing(delivered) for each in listeners) and time.perf_counter() < end + _PATIENCE:
        await asyncio.sleep(0.005)
    told = time.perf_counter() - end
    grown = sum(map(resident, workers(server))) - before
    problems = [f"session {each.number}: {text}" for each in listeners for text in each.missing(delivered) + each.wrong]
    for each in listeners:
        await each.close()
    lines = sum(each.lines for each in listeners)
    return Outcome(problems, sum(delivered.values()), end - begin, told, lines, grown)


def run(data: Path, *, workers_wanted: int, sessions: int, messages: int) -> Outcome:
    """Start a server with ``data`` as its folder, and flood it."""
    server = ServerProcess(data, workers_wanted, ("--allow-plaintext-login", "--log-level", "warning"))
    data.mkdir(parents=True, mode=0o700)
    directory = UserDirectory(data / "users.sqlite3")
    directory.add("anna", hash_password("secret"))
    directory.close()
    (data / "mailwren.toml").write_text(_SETTINGS, "utf-8")
    server.start()
    try:
        asyncio.run(_create_mailboxes(server))
        outcome = asyncio.run(_flood(server, sessions, messages))
        if "Traceback" in server.log():
            outcome.problems.append(server.log()[-3000:])
        return outcome
    finally:
        server.kill()


async def _create_mailboxes(server: ServerProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.imap_port)
    writer.write(b"a LOGIN anna secret\r\n" + b"".join(b"b CREATE %b\r\n" % name.encode() for name in MAILBOXES))
    writer.write(b"c LOGOUT\r\n")
    while not (await reader.readline()).startswith(b"c "):
        pass
    writer.close()


def main() -> int:
    """The long form."""
    parser = argparse.ArgumentParser(prog="python -m tests.floods.push", description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(
            Path(folder) / "data",
            workers_wanted=arguments.workers,
            sessions=arguments.sessions,
            messages=arguments.messages,
        )
    print(outcome)
    for text in outcome.problems[:20]:
        print(text)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
