"""What Linux tells of a running server: its processes, their connections, open files and memory (``/proc``)."""

import re
from pathlib import Path

from mailwren.server.run import automatic_workers
from tests.support.process import ServerProcess

_LISTENING = "0A"


def workers(server: ServerProcess) -> list[int]:
    """The serving processes: the server itself, or its children where it has several workers."""
    assert server.process is not None
    if server.workers == 1 or (server.workers is None and automatic_workers() == 1):
        return [server.process.pid]
    text = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text("ascii")
    return [int(word) for word in text.split()]


def worker_of(server: ServerProcess, server_port: int, client_port: int) -> int | None:
    """Which process holds the server's end of a TCP connection on 127.0.0.1; ``None`` before it was accepted."""
    wanted = f"0100007F:{server_port:04X} 0100007F:{client_port:04X}"
    for line in Path("/proc/net/tcp").read_text("ascii").splitlines():
        if wanted in line:
            inode = line.split()[9]
            return next((pid for pid in workers(server) if f"socket:[{inode}]" in open_files(pid)), None)
    return None


def open_files(pid: int) -> list[str]:
    """What every file descriptor of a process stands for, sorted."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue
    return sorted(found)


def clients(pid: int) -> int:
    """How many TCP connections a process has open, whatever their state."""
    files = set(open_files(pid))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return sum(row[3] != _LISTENING and f"socket:[{row[9]}]" in files for row in rows)


def resident(pid: int) -> int:
    """Octets of memory that a process holds now (RSS)."""
    return _kilobytes(Path(f"/proc/{pid}/status").read_text("ascii"), "VmRSS")


def proportional(pid: int) -> int:
    """Octets of memory that a process has for itself, with its share of what others use too (PSS)."""
    return _kilobytes(Path(f"/proc/{pid}/smaps_rollup").read_text("ascii"), "Pss")


def _kilobytes(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found, text
    return 1024 * int(found[1])
