"""What the server says to systemd, and the sockets it may get from it. Nothing happens without systemd.

Both protocols are small enough to stand here: datagrams to ``$NOTIFY_SOCKET`` (sd_notify(3)), and descriptors from
number 3 on counted by ``$LISTEN_FDS`` (sd_listen_fds(3)).
"""

import contextlib
import os
import socket
import time
from typing import Final

from mailwren.base import limits

_FIRST_INHERITED: Final = 3


def notify_ready(status: str = "") -> None:
    """Everything listens (again, after a reload); ``status`` is shown by ``systemctl status``."""
    _notify("READY=1", f"STATUS={_one_line(status)}" if status else "")


def notify_reloading() -> None:
    """A reload begins; :func:`notify_ready` ends it. The time lets ``Type=notify-reload`` tell two reloads apart."""
    _notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def notify_stopping() -> None:
    """The server finishes what runs and ends."""
    _notify("STOPPING=1")


def inherited_sockets() -> list[tuple[str, socket.socket]]:
    """Listening sockets that systemd opened for this process, each with its ``FileDescriptorName=``.

    Can be asked once: the variables are taken out of the environment, so that no child takes the sockets for its own.
    """
    process_id = os.environ.pop("LISTEN_PID", "")
    number = os.environ.pop("LISTEN_FDS", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if process_id != str(os.getpid()) or not (number.isascii() and number.isdigit()):
        return []
    inherited = []
    for index in range(min(int(number), limits.LISTENERS)):
        with contextlib.suppress(OSError):  # no such descriptor, or no socket: the environment is not true
            sock = socket.socket(fileno=_FIRST_INHERITED + index)
            sock.setblocking(False)
            os.set_inheritable(sock.fileno(), False)
            inherited.append((names[index] if index < len(names) else "", sock))
    return inherited


def _notify(*lines: str) -> None:
    """Send one datagram of ``KEY=value`` lines; a systemd that cannot be reached is no reason to fail."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket, which has no file
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(1.0)
        sender.sendto("\n".join(line for line in lines if line).encode(), address)


def _one_line(text: str) -> str:
    """Line ends would start another key."""
    return " ".join(text.split())
