"""When the disk is full nothing is acknowledged that is not kept; mail can be read, and all works again afterwards."""

import os
import re
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.conftest import make_users
from tests.support.process import ServerProcess, running_server
from tests.support.wire import Connection, LmtpConnection, message

KEPT = message("kept", 2000)
LARGE = message("large", 400_000)
ROOM = 24 * 1024 * 1024
_UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of a few megabytes; skipped where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system of its own can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill_up(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def _refused_while_full(server: ServerProcess, session: Connection) -> None:
    """What cannot be kept is refused in words that mean "later", and reading goes on."""
    for data in (KEPT, LARGE):
        answers = session.command(b"APPEND INBOX {%d+}\r\n%b" % (len(data), data))
        assert re.match(rb"c\d+ NO \[UNAVAILABLE\] ", answers[-1]), answers
    assert len(session.ok(b"FETCH 1:* (FLAGS BODY.PEEK[])")) >= 1
    assert KEPT in session.ok(b"FETCH 1 BODY.PEEK[]")[0]
    with LmtpConnection(server.lmtp_port) as lmtp:
        for data in (KEPT, LARGE):
            (status,) = lmtp.deliver(data, "anna")
            assert status[:3] in (b"451", b"452"), status
    with Connection(server.imap_port).log_in() as other:
        other.ok(b"SELECT INBOX")
        assert KEPT in other.ok(b"FETCH 1 BODY.PEEK[]")[0]


def _works_again(server: ServerProcess, session: Connection) -> None:
    session.ok(b"NOOP")
    before = len(session.ok(b"FETCH 1:* UID"))
    for data in (KEPT, LARGE):
        assert b" OK [APPENDUID" in session.append("INBOX", data)[-1]
    with LmtpConnection(server.lmtp_port) as lmtp:
        assert lmtp.deliver(KEPT, "anna", "bert")[0].startswith(b"250")
    session.ok(b"NOOP")
    lines = session.ok(b"FETCH 1:* BODY.PEEK[]")
    assert len(lines) == before + 3
    assert all(KEPT in line or LARGE in line for line in lines)
    session.ok(b"STORE 1 +FLAGS (\\Flagged)")
    server.run("check")


def test_a_full_disk(small_disk: Path) -> None:
    """Appends of all sizes and deliveries are refused for now; every message acknowledged before is there after."""
    data = small_disk / "data"
    data.mkdir(mode=0o700)
    make_users(data, "anna", "bert")
    with running_server(data, users=()) as server, Connection(server.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.append("INBOX", KEPT)
        filler = _fill_up(small_disk)
        _refused_while_full(server, session)
        assert server.process is not None
        assert server.process.poll() is None
        filler.unlink()
        _works_again(server, session)
        assert "Traceback" not in server.log()


def test_it_fills_up_under_load(small_disk: Path) -> None:
    """While appends come one after another the disk runs full: exactly the acknowledged ones are there, also later."""
    data = small_disk / "data"
    data.mkdir(mode=0o700)
    make_users(data, "anna", "bert")
    acknowledged: set[bytes] = set()
    with running_server(data, users=()) as server:
        with Connection(server.imap_port).log_in() as session:
            session.ok(b"SELECT INBOX")
            refused = 0
            for number in range(2000):
                size = (2000, 150_000, 700_000)[number % 3]
                body = b"Subject: n%d\r\n\r\n" % number + os.urandom(size // 2).hex().encode()
                answer = session.append("INBOX", body)[-1]
                if b" OK " in answer:
                    acknowledged.add(b"n%d" % number)
                else:
                    assert b"NO [UNAVAILABLE]" in answer, answer
                    refused += 1
                if refused > 5:
                    break
            assert refused > 5
            assert acknowledged
            _there(session, acknowledged)
        server.kill()
        (small_disk / "data.log").unlink()
        _restart_with_room(server, small_disk)
        with Connection(server.imap_port).log_in() as session:
            session.ok(b"SELECT INBOX")
            _there(session, acknowledged)
        server.run("check")


def _restart_with_room(server: ServerProcess, disk: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,size={2 * ROOM}", str(disk)], check=True)
    server.start()


def _there(session: Connection, subjects: set[bytes]) -> None:
    session.ok(b"NOOP")
    lines = session.ok(b"FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    found = {match[1] for line in lines if (match := re.search(rb"Subject: (n\d+)\r\n", line))}
    assert found == subjects


@contextmanager
def _no_file_longer_than(server: ServerProcess, octets: int) -> Iterator[None]:
    assert server.process is not None
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (octets, _UNLIMITED))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (_UNLIMITED, _UNLIMITED))


def test_files_that_may_not_grow(own: ServerProcess) -> None:
    """The same where the system refuses to make files longer: also for who cannot mount a file system."""
    with Connection(own.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.append("INBOX", KEPT)
        with _no_file_longer_than(own, 4096):
            _refused_while_full(own, session)
        _works_again(own, session)
