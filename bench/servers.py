"""What all servers under test have in common, and Mailwren as one of them: private folders, 127.0.0.1 only."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from tests.support.process import ServerProcess

from mailwren import __version__
from mailwren.auth.hashing import hash_password
from mailwren.auth.users import UserDirectory
from mailwren.base import limits

_SETTINGS = "version = 1\n"
PASSWORD = "secret"
_INDEX_SECONDS = 3600.0
_LOOK_SECONDS = 0.5


class Server(Protocol):
    """Something that serves IMAP and LMTP."""

    name: str
    imap_port: int
    lmtp_port: int

    @property
    def version(self) -> str:
        """Its name and version; once it was started."""
        ...

    @property
    def process(self) -> int:
        """Its outermost process."""
        ...

    def start(self) -> None:
        """Start and wait until it answers."""

    def settle(self) -> None:
        """Wait until what it does in the background is done."""

    def stop(self) -> None:
        """End it; it can be started again."""

    def remove(self) -> None:
        """Remove what it keeps outside of the folder that it was given."""


class Mailwren:
    """This project, as users start it: with as many workers as it starts by itself, unless a number is given.

    Attributes:
        data: its data folder.
        imaps_port: the port with TLS from the beginning.
    """

    def __init__(self, data: Path, users: list[str], workers: int | None = None, name: str = "mailwren") -> None:
        self.name = name
        self.data = data
        self._workers = workers
        self._server = ServerProcess(data, workers, ("--allow-plaintext-login", "--log-level", "warning"))
        self.imap_port, self.imaps_port = self._server.imap_port, self._server.imaps_port
        self.lmtp_port = self._server.lmtp_port
        data.mkdir(parents=True, mode=0o700, exist_ok=True)
        if not (data / "mailwren.toml").exists():
            (data / "mailwren.toml").write_text(_SETTINGS, "utf-8")
            self._add(users)

    def _add(self, users: list[str]) -> None:
        password = hash_password(PASSWORD)
        directory = UserDirectory(self.data / "users.sqlite3")
        for user in users:
            directory.add(user, password)
        directory.close()

    def account(self, user: str) -> str:
        """The key of a user's mail."""
        directory = UserDirectory(self.data / "users.sqlite3")
        account = directory.get(user).account_id
        directory.close()
        return account

    @property
    def version(self) -> str:
        """The program's."""
        return f"Mailwren {__version__}, Python {sys.version.split()[0]}"

    @property
    def process(self) -> int:
        """Its outermost process."""
        assert self._server.process is not None
        return self._server.process.pid

    def start(self) -> None:
        """Start and wait until it answers."""
        self._server.start()

    def start_one(self) -> None:
        """Start with one process and wait until it answers."""
        self._server.workers = 1
        try:
            self._server.start()
        finally:
            self._server.workers = self._workers

    def run(self, *arguments: str) -> str:
        """A command of the program on this data; its output."""
        return self._server.run(*arguments)

    def settle(self) -> None:
        """Wait until mail is indexed, but for the few messages whose turn comes minutes later.

        No row is to be measured beside that.
        """
        deadline = time.monotonic() + _INDEX_SECONDS
        while any(each["messages"] - each["indexed"] >= limits.INDEX_FEW for each in self._index_status()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the search index is not ready after {_INDEX_SECONDS:.0f} seconds")
            time.sleep(_LOOK_SECONDS)

    def _index_status(self) -> list[dict[str, int]]:
        try:
            found: list[dict[str, int]] = json.loads(self.run("index", "status", "--json"))
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"mailwren index status: {error.stderr}") from error
        return found

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def remove(self) -> None:
        """It keeps everything in its data folder."""


def family(process: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(words[1]), []).append(int(entry.name))
    found = [process]
    for each in found:
        found += parents.get(each, [])
    return found


def memory(server: Server) -> int:
    """KiB of all processes of a server, what several share counted once (PSS)."""
    total = 0
    for process in family(server.process):
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text("ascii")
        except OSError:
            continue
        found = re.search(r"^Pss: +(\d+)", text, re.MULTILINE)
        total += int(found[1]) if found else 0
    return total


def machine() -> dict[str, str | float]:
    """What a result is worth only together with."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8", "replace"), re.MULTILINE)
    kibibytes = re.search(r"^MemTotal: +(\d+)", Path("/proc/meminfo").read_text("ascii"), re.MULTILINE)
    return {
        "processor": model[1] if model else "unknown",
        "cores": os.cpu_count() or 0,
        "memory_mib": int(kibibytes[1]) // 1024 if kibibytes else 0,
        "system": f"{os.uname().sysname} {os.uname().release}",
        "load_before": round(os.getloadavg()[0], 2),
    }
