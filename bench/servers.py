"""The servers under test, each with a private configuration in a temporary folder, on 127.0.0.1."""

import json
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path
from typing import Protocol

from tests.support.process import ServerProcess, free_port

_DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:{folder}/mail/%u
mail_fsync = optimized
auth_cache_size = 10M
first_valid_uid = 1
mail_uid = {user}
mail_gid = {group}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 2
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
protocol imap {{
  mail_max_userip_connections = 1000
}}
"""


class Server(Protocol):
    """Something that serves IMAP and LMTP."""

    name: str
    imap_port: int
    lmtp_port: int

    def start(self) -> None:
        """Start and wait until it answers."""

    def stop(self) -> None:
        """End it."""


class Mailwren:
    """This project, as users start it."""

    name = "mailwren"

    def __init__(self, folder: Path, users: list[str], workers: int = 1) -> None:
        self._process = ServerProcess(
            folder / "mailwren", workers, ("--allow-plaintext-login", "--log-level", "warning")
        )
        for user in users:
            self._process.add_user(user, "secret")
        self.imap_port = self._process.imap_port
        self.lmtp_port = self._process.lmtp_port

    def start(self) -> None:
        """Start and wait until it answers."""
        self._process.start()

    def settle(self) -> None:
        """Wait until all mail is indexed, so that no row is measured beside that."""
        while any(
            each["indexed"] < each["messages"] for each in json.loads(self._process.run("index", "status", "--json"))
        ):
            time.sleep(1)

    def stop(self) -> None:
        """End it."""
        self._process.stop()


class Dovecot:
    """Debian's Dovecot with sdbox, the high-performance login mode and a private configuration."""

    name = "dovecot"

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "dovecot"
        self._folder.mkdir()
        self.imap_port, self.lmtp_port = free_port(), free_port()
        account = pwd.getpwnam("nobody")
        for name in ("mail", "home"):
            (self._folder / name).mkdir()
            os.chown(self._folder / name, account.pw_uid, account.pw_gid)
        for parent in (self._folder, folder):
            parent.chmod(0o755)
        self._config = self._folder / "dovecot.conf"
        self._config.write_text(
            _DOVECOT.format(
                folder=self._folder, user=account.pw_uid, group=account.pw_gid, imap=self.imap_port, lmtp=self.lmtp_port
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def installed() -> bool:
        """Whether it can be run here: it wants to start as root."""
        return shutil.which("dovecot") is not None and os.geteuid() == 0

    def start(self) -> None:
        """Start and wait until it answers."""
        self._process = subprocess.Popen(["dovecot", "-F", "-c", str(self._config)])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if (self._folder / "run" / "master.pid").exists():
                time.sleep(0.5)
                return
            time.sleep(0.05)
        raise RuntimeError(f"dovecot did not start: {(self._folder / 'log').read_text()}")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
