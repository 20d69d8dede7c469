"""Two worker processes behave as one server: sessions in step, pushes at once, signals for all, restarts."""

import os
import re
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.support.process import ServerProcess, running_server
from tests.support.system import worker_of, workers
from tests.support.wire import Connection, LmtpConnection, any_certificate, attempts, eventually, message

from mailwren.server.certificates import ensure_self_signed
from mailwren.server.run import automatic_workers

pytestmark = pytest.mark.interop

PUSH_SECONDS = 2.0
"""A generous bound for what takes a few milliseconds on an idle machine."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with two workers for the tests that leave it as it was; each test has a user of its own."""
    with running_server(tmp_path_factory.mktemp("workers") / "data", workers=2, users=()) as server:
        yield server
        assert "Traceback" not in server.log()


@pytest.fixture
def user(shared: ServerProcess, request: pytest.FixtureRequest) -> str:
    """A user for one test alone, whose password is ``secret``."""
    name = re.sub(r"\W+", "-", request.node.name)[-60:].strip("-")
    shared.add_user(name, "secret")
    return name


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with two workers that a test may harm."""
    with running_server(tmp_path / "data", workers=2) as server:
        yield server


@contextmanager
def a_connection_to_each(server: ServerProcess, port: int) -> Iterator[list[Connection]]:
    """Two connections that have not logged in, each served by another worker."""
    found: dict[int, Connection] = {}
    with ExitStack() as stack:
        for _ in attempts():
            connection = stack.enter_context(Connection(port))
            worker = worker_of(server, port, connection.local_port)
            assert worker is not None
            if worker in found:
                connection.close()
            else:
                found[worker] = connection
            if len(found) == 2:
                yield list(found.values())
                return
        raise AssertionError("all connections went to one worker")


@contextmanager
def each_worker(server: ServerProcess, user: str = "anna") -> Iterator[tuple[Connection, Connection]]:
    """Two sessions of a user, each logged in at another worker."""
    with a_connection_to_each(server, server.imap_port) as (one, two):
        yield one.log_in(user), two.log_in(user)


def test_connections_are_spread(shared: ServerProcess) -> None:
    """The kernel gives both workers their share of connections, of IMAP and of LMTP."""
    for port in (shared.imap_port, shared.lmtp_port):
        with ExitStack() as stack:
            served = set()
            for _ in range(40):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
                connection.recv(1)
                served.add(worker_of(shared, port, connection.getsockname()[1]))
            assert served == set(workers(shared))


def test_sessions_stay_in_step(shared: ServerProcess, user: str) -> None:
    """What one worker's session changes, the other's is told at its next command."""
    with each_worker(shared, user) as (one, two):
        one.ok(b"SELECT INBOX")
        two.ok(b"SELECT INBOX")
        for number in range(3):
            one.append("INBOX", message(f"m{number}"))
        assert b"* 3 EXISTS\r\n" in two.ok(b"NOOP")
        two.ok(b"STORE 2 +FLAGS (\\Flagged Later)")
        assert any(b"2 FETCH" in line and b"\\Flagged" in line and b"Later" in line for line in one.ok(b"NOOP"))
        one.ok(b"STORE 1:2 +FLAGS.SILENT (\\Deleted)")
        one.ok(b"EXPUNGE")
        assert [line for line in two.ok(b"NOOP") if b"EXPUNGE" in line] == [b"* 1 EXPUNGE\r\n"] * 2
        lines = [each.ok(b"FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])") for each in (one, two)]
        assert b"UID 3" in lines[0][0]
        assert [line.replace(b" \\Recent", b"").replace(b"(\\Recent)", b"()") for line in lines[0]] == [
            line.replace(b" \\Recent", b"").replace(b"(\\Recent)", b"()") for line in lines[1]
        ]


def test_both_write_at_the_same_time(shared: ServerProcess, user: str) -> None:
    """Pipelined changes through both workers at once are all made, each message under a UID of its own."""
    with each_worker(shared, user) as sessions:
        for session in sessions:
            session.ok(b"SELECT INBOX")
        tags = []
        for number in range(30):
            body = message(f"n{number}")
            tags += [(each, each.start(b"APPEND INBOX {%d+}\r\n%b" % (len(body), body))) for each in sessions]
        uids = []
        for session, tag in tags:
            found = re.search(rb" OK \[APPENDUID \d+ (\d+)\]", session.finish(tag)[-1])
            assert found
            uids.append(int(found[1]))
        assert sorted(uids) == list(range(1, 61))
        for session in sessions:
            session.ok(b"NOOP")
            assert len(session.ok(b"UID FETCH 1:* (UID)")) == 60


def test_notify_is_pushed_to_across_processes(shared: ServerProcess, user: str) -> None:
    """NOTIFY tells of mail, flags, mailboxes and subscriptions that another worker's session changed."""
    with each_worker(shared, user) as (one, two):
        two.ok(b"NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))")
        one.append("INBOX", message())
        assert two.line().startswith(b"* STATUS INBOX (MESSAGES 1 UIDNEXT 2 ")
        one.ok(b"SELECT INBOX")
        one.ok(b"STORE 1 +FLAGS.SILENT (\\Seen)")
        assert two.line().endswith(b" UNSEEN 0)\r\n")
        one.ok(b"CREATE News")
        one.ok(b"SUBSCRIBE News")
        # both are told together
        assert two.line() == b'* LIST (\\HasNoChildren \\Subscribed) "/" News\r\n'
        one.append("News", message())
        assert two.line().startswith(b"* STATUS News (MESSAGES 1 UIDNEXT 2 ")
        one.ok(b"DELETE News")
        assert two.line() == b'* LIST (\\NonExistent \\Noselect \\Subscribed) "/" News\r\n'
        two.ok(b"NOOP")


def test_idle_is_pushed_to_across_processes(shared: ServerProcess, user: str) -> None:
    """A change in one worker reaches a session that idles in the other well under a second, time and again."""
    with each_worker(shared, user) as (one, two):
        one.ok(b"SELECT INBOX")
        two.ok(b"SELECT INBOX")
        tag = two.idle()
        delays: list[float] = []

        def push(change: Callable[[], object], told: bytes) -> None:
            begin = time.perf_counter()
            change()
            two.until(lambda line: told in line)
            delays.append(time.perf_counter() - begin)

        for number in range(1, 11):
            push(lambda: one.append("INBOX", message()), b"* %d EXISTS" % number)
            push(lambda: one.ok(b"STORE * +FLAGS (\\Flagged)"), b"\\Flagged")
        push(lambda: one.ok(b"UID STORE 1 +FLAGS.SILENT (\\Deleted)"), b"\\Deleted")
        push(lambda: one.ok(b"EXPUNGE"), b"* 1 EXPUNGE")
        two.done(tag)
        print(f"push: median {statistics.median(delays) * 1000:.1f} ms, longest {max(delays) * 1000:.1f} ms")
        assert max(delays) < PUSH_SECONDS
        assert statistics.median(delays) < PUSH_SECONDS / 4


def test_mailboxes_are_the_same_for_both(shared: ServerProcess, user: str) -> None:
    """CREATE, RENAME, SUBSCRIBE and DELETE through one worker are seen through the other at once."""
    with each_worker(shared, user) as (one, two):
        one.ok(b"CREATE Work/2025")
        two.ok(b"SELECT Work/2025")
        assert any(b"Work/2025" in line for line in two.ok(b'LIST "" Work/*'))
        one.ok(b"SUBSCRIBE Work/2025")
        assert any(b"Work/2025" in line for line in two.ok(b'LSUB "" *'))
        one.append("Work/2025", message())
        assert b"* 1 EXISTS\r\n" in two.ok(b"RENAME Work Old")
        assert one.ok(b"STATUS Old/2025 (MESSAGES)") == [b"* STATUS Old/2025 (MESSAGES 1)\r\n"]
        assert b"NONEXISTENT" in one.refused(b"STATUS Work/2025 (MESSAGES)")
        one.ok(b"DELETE Old/2025")
        assert b"* BYE" in two.rest_after(b"x NOOP\r\n")


def test_a_deleted_mailbox_ends_idle_in_the_other_worker(shared: ServerProcess, user: str) -> None:
    """A session that idles in a mailbox that the other worker deletes is told at once."""
    with each_worker(shared, user) as (one, two):
        one.ok(b"CREATE Gone")
        two.ok(b"SELECT Gone")
        two.idle()
        begin = time.perf_counter()
        one.ok(b"DELETE Gone")
        assert b"* BYE" in two.rest()
        assert time.perf_counter() - begin < PUSH_SECONDS


def _idling(stack: ExitStack, server: ServerProcess, user: str) -> list[tuple[Connection, bytes]]:
    """A session in each worker that idles in INBOX."""
    sessions = stack.enter_context(each_worker(server, user))
    for session in sessions:
        session.ok(b"SELECT INBOX")
    return [(session, session.idle()) for session in sessions]


def test_lmtp_through_each_worker_reaches_both(shared: ServerProcess, user: str) -> None:
    """Mail delivered to either worker is pushed to sessions that idle in either."""
    with ExitStack() as stack:
        idling = _idling(stack, shared, user)
        served: set[int | None] = set()
        number = 0
        for _ in attempts():
            with LmtpConnection(shared.lmtp_port) as lmtp:
                worker = worker_of(shared, shared.lmtp_port, lmtp.local_port)
                if worker in served:
                    continue
                served.add(worker)
                number += 1
                begin = time.perf_counter()
                (status,) = lmtp.deliver(message(), user)
                assert status.startswith(b"250"), status
                for session, _tag in idling:
                    session.until(lambda line: line.startswith(b"* %d EXISTS" % number))  # noqa: B023 - called at once
                assert time.perf_counter() - begin < PUSH_SECONDS
            if len(served) == 2:
                return
        raise AssertionError("LMTP connections went to one worker only")


def test_other_programs_push_too(shared: ServerProcess, user: str, tmp_path: Path) -> None:
    """`mailwren deliver` and `mailwren import`, processes of their own, reach idling sessions of all workers."""
    folder = tmp_path / "mail"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.eml").write_bytes(message(f"e{number}"))
    with ExitStack() as stack:
        idling = _idling(stack, shared, user)
        shared.run("deliver", f"{user}@example.org", input_text=message().decode())
        ended = time.perf_counter()
        for session, _tag in idling:
            session.until(lambda line: line.startswith(b"* 1 EXISTS"))
        assert time.perf_counter() - ended < PUSH_SECONDS
        shared.run("import", "--user", user, "--mailbox", "INBOX", str(folder))
        ended = time.perf_counter()
        for session, _tag in idling:
            session.until(lambda line: line.startswith(b"* 4 EXISTS"))
        assert time.perf_counter() - ended < PUSH_SECONDS


def test_a_new_password_counts_at_once(shared: ServerProcess, user: str) -> None:
    """After `user password` no worker takes the old one at the next login, though it knew it a moment ago."""
    with each_worker(shared, user):
        pass  # both have just seen the old password
    shared.run("user", "password", user, "--password-stdin", input_text="changed\n")
    with a_connection_to_each(shared, shared.imap_port) as connections:
        for connection in connections:
            assert b"AUTHENTICATIONFAILED" in connection.refused(f"LOGIN {user} secret".encode())
            connection.log_in(user, "changed")


def test_a_removed_user_is_gone_for_all(shared: ServerProcess, user: str) -> None:
    """After `user remove` no worker lets the user in, and LMTP refuses mail for good."""
    with each_worker(shared, user):
        pass
    shared.run("user", "remove", user, "--yes")
    with a_connection_to_each(shared, shared.imap_port) as connections:
        for connection in connections:
            assert b"NO [AUTHENTICATIONFAILED]" in connection.refused(f"LOGIN {user} secret".encode())
    for _ in range(6):
        with LmtpConnection(shared.lmtp_port) as lmtp:
            assert lmtp.deliver(message(), user)[0].startswith(b"550 5.1.1")


def test_a_killed_worker_is_started_again(own: ServerProcess) -> None:
    """Its sessions end, those of the other go on, and soon there are two again that serve."""
    with each_worker(own) as (one, two):
        one.ok(b"SELECT INBOX")
        two.ok(b"SELECT INBOX")
        victim = worker_of(own, own.imap_port, one.local_port)
        assert victim is not None
        before = set(workers(own))
        os.kill(victim, signal.SIGKILL)
        one.rest()
        two.append("INBOX", message())
        assert two.ok(b"STATUS INBOX (MESSAGES)") == [b"* STATUS INBOX (MESSAGES 1)\r\n"]
        eventually(lambda: len(set(workers(own)) - before) == 1 and len(workers(own)) == 2, "a new worker")
        (new,) = set(workers(own)) - before
        eventually(lambda: _serves(own, new), "the new worker serves")
        assert victim not in workers(own)
        with each_worker(own) as (three, four):
            three.ok(b"SELECT INBOX")
            tag = three.idle()
            four.append("INBOX", message())
            three.until(lambda line: line.startswith(b"* 2 EXISTS"))
            three.done(tag)
    assert "worker ended" in own.log()


def _serves(server: ServerProcess, worker: int) -> bool:
    try:
        with Connection(server.imap_port, timeout=5) as connection:
            return worker_of(server, server.imap_port, connection.local_port) == worker
    except (OSError, ConnectionError):
        return False


def _gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"


def test_sigterm_ends_all(own: ServerProcess) -> None:
    """Every session of every worker is told BYE, idling or not, and within seconds no process is left."""
    with ExitStack() as stack:
        idling = _idling(stack, own, "anna")
        silent = stack.enter_context(each_worker(own))
        unknown = stack.enter_context(Connection(own.imap_port))
        processes = workers(own)
        begin = time.monotonic()
        assert own.stop() == 0
        assert time.monotonic() - begin < 8
        for session in (*(each for each, _ in idling), *silent, unknown):
            assert b"* BYE" in session.rest()
        assert all(_gone(process) for process in processes)


def test_sigterm_while_a_worker_is_being_replaced(own: ServerProcess) -> None:
    """A stop that comes in the pause before a new worker is started is not forgotten."""
    victim = workers(own)[0]
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: "worker ended" in own.log(), "the loss is noticed")
    begin = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - begin < 8
    assert not own.answers()


def test_workers_do_not_outlive_their_parent(own: ServerProcess) -> None:
    """When the parent is killed the workers end in order, so that a new server can have the addresses."""
    assert own.process is not None
    processes = workers(own)
    with each_worker(own) as sessions:
        own.process.kill()
        own.process.wait()
        for session in sessions:
            assert b"* BYE" in session.rest()
    eventually(lambda: all(_gone(process) for process in processes), "the workers end")
    own.process = None
    own.start()


def test_limits_hold_for_all_workers(tmp_path: Path) -> None:
    """A user has so many connections and no more, wherever they are; one that ends, or crashes, makes room again."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "mailwren.toml").write_text("version = 1\n[connections]\nper_user_and_address = 2\n", "ascii")
    with running_server(data, workers=2) as server, each_worker(server) as (one, two):
        with a_connection_to_each(server, server.imap_port) as others:
            for each in others:
                assert b"NO [LIMIT]" in each.refused(b"LOGIN anna secret")
            one.ok(b"LOGOUT")
            one.rest()
            others[1].log_in()
            assert b"NO [LIMIT]" in others[0].refused(b"LOGIN anna secret")
        victim = worker_of(server, server.imap_port, two.local_port)
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(workers(server)) == 2 and victim not in workers(server), "a new worker")
        with each_worker(server):
            pass


def test_as_many_workers_as_cores(tmp_path: Path) -> None:
    """A server that nobody told otherwise starts a worker for each core, up to a few."""
    with running_server(tmp_path / "data", workers=None) as server:
        assert len(workers(server)) == automatic_workers()


def test_sighup_reloads_certificates_in_all(own: ServerProcess) -> None:
    """After SIGHUP every worker shows the new certificate."""

    def shown() -> dict[int | None, bytes]:
        found: dict[int | None, bytes] = {}
        for _ in range(16):
            with Connection(own.imaps_port, tls=any_certificate()) as connection:
                worker = worker_of(own, own.imaps_port, connection.local_port)
                found[worker] = connection.raw.getpeercert(binary_form=True) or b""  # type: ignore[attr-defined] # TLS
        return found

    before = shown()
    assert len(set(before.values())) == 1
    (own.data / "certificate.pem").unlink()
    ensure_self_signed(own.data / "certificate.pem", ("other.example",))
    assert own.process is not None
    os.kill(own.process.pid, signal.SIGHUP)
    eventually(lambda: len(both := shown()) == 2 and not set(both.values()) & set(before.values()), "new certificates")
    assert own.log().count("certificate reloaded") == 2


def test_a_broken_certificate_is_not_taken(own: ServerProcess) -> None:
    """After SIGHUP with a file that is no certificate the old one stays, and the log says why."""
    (own.data / "certificate.pem").write_text("nonsense")
    assert own.process is not None
    os.kill(own.process.pid, signal.SIGHUP)
    eventually(lambda: own.log().count("certificate not reloaded") == 2, "the log says so")
    with Connection(own.imaps_port, tls=any_certificate()) as connection:
        assert connection.greeting.startswith(b"* OK")
