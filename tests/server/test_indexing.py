"""A real server indexes new mail by itself, beside its work, and answers exactly at every moment of it."""

import json
import os
from pathlib import Path

import pytest
from tests.server.conftest import make_users
from tests.support.process import ServerProcess, running_server
from tests.support.wire import Connection, eventually

from mailwren.base import limits

PATIENCE = 60.0
COUNT = limits.INDEX_FEW + 20
"""Messages that are not few."""


def _fill(session: Connection, count: int = COUNT, word: str = "needle") -> None:
    messages = b"".join(
        b" {%d+}\r\n%b" % (len(octets), octets)
        for octets in (f"Subject: s{n}\r\n\r\n{word if n % 10 == 3 else 'hay'}{n}\r\n".encode() for n in range(count))
    )
    session.ok(b"APPEND INBOX" + messages)


def _status(server: ServerProcess) -> dict[str, int]:
    (status,) = json.loads(server.run("index", "status", "--user", "anna", "--json"))
    assert isinstance(status, dict)
    return status


def _is_indexed(server: ServerProcess, count: int) -> bool:
    return any(path.name.endswith(f"-{count:012d}.seg") for path in server.data.glob("accounts/*/*/index/*.seg"))


def _found(session: Connection, what: bytes = b"BODY eedle") -> int:
    (line,) = session.ok(b"SEARCH RETURN (COUNT) " + what)
    return int(line.split()[-1])


@pytest.mark.parametrize("workers", [1, 2])
def test_new_mail_is_indexed_by_itself(tmp_path: Path, workers: int) -> None:
    """Found before it is indexed, and after; the indexing process goes with the server."""
    make_users(tmp_path / "data", "anna")
    with running_server(tmp_path / "data", workers=workers, users=()) as server:
        with Connection(server.imap_port).log_in() as session:
            _fill(session)
            session.ok(b"SELECT INBOX")
            assert _found(session) == COUNT // 10
            eventually(lambda: _is_indexed(server, COUNT), "all mail is indexed", PATIENCE)
            status = _status(server)
            assert (status["messages"], status["indexed"]) == (COUNT, COUNT)
            assert _found(session) == COUNT // 10
            session.append("INBOX", b"Subject: late\r\n\r\nneedles\r\n")
            assert _found(session) == COUNT // 10 + 1
            assert _found(session, b"SUBJECT late") == 1
        assert _indexers(server.data)
        assert server.stop() == 0
        assert not _indexers(server.data)


def _indexers(data: Path) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"mailwren.server.index_process" in words and os.fsencode(data) in words:
            found.append(int(folder.name))
    return found


def test_a_killed_server_goes_on_indexing(tmp_path: Path) -> None:
    """Killed while it may be indexing, it finds everything afterwards, and completes the index."""
    make_users(tmp_path / "data", "anna")
    with running_server(tmp_path / "data", users=()) as server:
        with Connection(server.imap_port).log_in() as session:
            _fill(session, 1000)
            eventually(lambda: _indexers(server.data), "indexing has begun", PATIENCE)
        server.kill()
        server.start()
        with Connection(server.imap_port).log_in() as session:
            session.ok(b"SELECT INBOX")
            assert _found(session) == 100
            eventually(lambda: _is_indexed(server, 1000), "all mail is indexed", PATIENCE)
            assert _found(session) == 100


def test_an_index_is_rebuilt_while_the_server_runs(tmp_path: Path) -> None:
    """The command works beside sessions that search; damage that a search finds is mended by itself."""
    make_users(tmp_path / "data", "anna")
    with (
        running_server(tmp_path / "data", users=()) as server,
        Connection(server.imap_port).log_in() as session,
    ):
        _fill(session)
        session.ok(b"SELECT INBOX")
        server.run("index", "rebuild", "--user", "anna")
        assert _found(session) == COUNT // 10
        (segment,) = server.data.glob("accounts/*/*/index/*.seg")
        octets = segment.read_bytes()
        server.run("index", "rebuild", "--user", "anna")
        segment.unlink()
        segment.write_bytes(octets[:-5])
        assert _found(session, b"TEXT edle") == COUNT // 10
        eventually(lambda: _is_indexed(server, COUNT), "the index is mended", PATIENCE)
        assert _found(session, b"TEXT edle") == COUNT // 10


def test_no_index_is_kept_where_none_is_wanted(tmp_path: Path) -> None:
    """``store.index = false``: searches look at the messages, and no index is written."""
    data = tmp_path / "data"
    make_users(data, "anna")
    (data / "mailwren.toml").write_text("version = 1\n[store]\nindex = false\n", "utf-8")
    with running_server(data, users=()) as server, Connection(server.imap_port).log_in() as session:
        _fill(session)
        session.ok(b"SELECT INBOX")
        assert _found(session) == COUNT // 10
        assert not _indexers(data)
        assert not list(data.glob("accounts/*/*/index"))
