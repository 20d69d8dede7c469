"""Debian's Dovecot 2.3 under test: sdbox, its login processes in the high-performance mode, an authentication cache."""

import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

from tests.support.process import free_port

_CONFIGURATION = """
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
  process_min_avail = {cores}
  vsz_limit = 1G
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
_START_SECONDS = 20.0


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
            _CONFIGURATION.format(
                folder=self._folder,
                user=account.pw_uid,
                group=account.pw_gid,
                imap=self.imap_port,
                lmtp=self.lmtp_port,
                cores=os.cpu_count(),
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        """Why it cannot be run here; empty when it can."""
        if shutil.which("dovecot") is None:
            return "dovecot is not installed"
        return "" if os.geteuid() == 0 else "Dovecot wants to be started by root"

    @property
    def version(self) -> str:
        """What it says of itself."""
        words = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True).stdout.split()
        return f"Dovecot {words[0]}"

    @property
    def process(self) -> int:
        """Its outermost process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until it answers."""
        self._process = subprocess.Popen(["dovecot", "-F", "-c", str(self._config)])
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if (self._folder / "run" / "master.pid").exists():
                time.sleep(0.5)
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"dovecot did not start: {(self._folder / 'log').read_text()}")

    def settle(self) -> None:
        """It does nothing behind one's back."""

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_START_SECONDS)
            self._process = None

    def remove(self) -> None:
        """It keeps everything in its folder."""
