"""Debian's Cyrus 3.6 under test, from a folder into which its packages were unpacked: docs/performance.md says how."""

import os
import pwd
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.process import free_port

from bench.servers import family
from bench.wire import Imap

_SETTINGS = """
cyrus_user: nobody
configdirectory: {folder}/conf
defaultpartition: default
partition-default: {folder}/spool
proc_path: {fleeting}/proc
mboxname_lockpath: {fleeting}/lock
idlesocket: {fleeting}/idle
notifysocket: {fleeting}/notify
lmtpsocket: {fleeting}/lmtp
servername: localhost
admins: admin
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb
sasl_mech_list: PLAIN
unixhierarchysep: yes
altnamespace: yes
virtdomains: off
hashimapspool: true
"""
_SERVICES = """
START {{
  recover cmd="{programs}/ctl_cyrusdb -C {settings} -r"
}}
SERVICES {{
  imap cmd="{programs}/imapd -C {settings} -U 250 -T 3" listen="127.0.0.1:{imap}" prefork=4 maxchild=1000
  lmtp cmd="{programs}/lmtpd -C {settings} -a" listen="127.0.0.1:{lmtp}" prefork=1 maxchild=20
}}
EVENTS {{
  checkpoint cmd="{programs}/ctl_cyrusdb -C {settings} -c" period=30
}}
DAEMON {{
  idled cmd="{programs}/idled -C {settings}"
}}
"""
_START_SECONDS = 20.0
_SETTLE_SECONDS = 8.0


class Cyrus:
    """Debian's Cyrus with passwords in its own database and a private configuration."""

    name = "cyrus"

    def __init__(self, folder: Path, unpacked: Path, users: list[str]) -> None:
        self._folder = folder / "cyrus"
        self._unpacked = unpacked.resolve()
        self._users = users
        self.imap_port, self.lmtp_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._resting = 0
        # What Debian keeps in /run: in memory, here as there.
        self._memory = tempfile.TemporaryDirectory(prefix="mailwren-bench-", dir="/dev/shm")
        self._fleeting = Path(self._memory.name)
        self._environment = {**os.environ, "LD_LIBRARY_PATH": self._libraries()}
        self._programs = self._unpacked / "usr/lib/cyrus/bin"
        self._settings, self._services = self._folder / "imapd.conf", self._folder / "cyrus.conf"
        self._configure()
        folder.chmod(0o755)

    def _libraries(self) -> str:
        return ":".join(str(path) for top in ("usr/lib", "lib") for path in (self._unpacked / top).glob("*-linux-gnu*"))

    def _configure(self) -> None:
        for path in (*(self._folder / name for name in ("conf/socket", "spool")), self._fleeting / "proc"):
            path.mkdir(parents=True)
        (self._fleeting / "lock").mkdir()
        self._settings.write_text(_SETTINGS.format(folder=self._folder, fleeting=self._fleeting))
        self._services.write_text(
            _SERVICES.format(programs=self._programs, settings=self._settings, imap=self.imap_port, lmtp=self.lmtp_port)
        )
        program = self._unpacked / "usr/sbin/saslpasswd2"
        add: list[str | Path] = [program, "-p", "-c", "-f", self._folder / "sasldb", "-u", "localhost"]
        for user in ("admin", *self._users):
            subprocess.run([*add, user], input=b"secret", env=self._environment, check=True)
        account = pwd.getpwnam("nobody")
        for path in (self._folder, self._fleeting, *self._folder.rglob("*"), *self._fleeting.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)

    @staticmethod
    def missing(unpacked: Path | None) -> str:
        """Why it cannot be run here; empty when it can."""
        if unpacked is None:
            return "--cyrus does not say where Cyrus was unpacked"
        for name in ("usr/lib/cyrus/bin/master", "usr/lib/cyrus/bin/imapd", "usr/sbin/saslpasswd2"):
            if not (unpacked / name).exists():
                return f"there is no {unpacked / name}"
        return "" if os.geteuid() == 0 else "Cyrus wants to be started by root"

    @property
    def version(self) -> str:
        """What it says of itself."""
        connection = Imap(self.imap_port, "")
        connection.close()
        words = connection.greeting.decode("ascii", "replace").split()
        return f"Cyrus {words[words.index('IMAP') + 1]}" if "IMAP" in words else "Cyrus"

    @property
    def process(self) -> int:
        """Its outermost process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, wait until it answers, and make the accounts."""
        command: list[str | Path] = [self._programs / "master", "-C", self._settings, "-M", self._services, "-D"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-p", self._folder / "master.pid"], env=self._environment, stdout=log, stderr=log
            )
        try:
            admin = self._first_connection()
            if not self._resting:
                for user in self._users:
                    admin.run(f"CREATE user/{user}".encode())
                self._resting = len(family(self.process))
            admin.close()
        except BaseException:
            self.stop()
            raise

    def _first_connection(self) -> Imap:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                return Imap(self.imap_port, "admin")
            except ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def settle(self) -> None:
        """Its processes wait some seconds for another session before they end."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while len(family(self.process)) > self._resting and time.monotonic() < deadline:
            time.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_START_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Remove what it keeps outside of the folder."""
        self._memory.cleanup()
