"""Clients that come in crowds, say nothing, hang up at the worst moment, or speak something else."""

import base64
import re
import resource
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from tests.support.process import ServerProcess
from tests.support.system import clients, open_files, workers
from tests.support.wire import Connection, any_certificate, attempts, eventually, message

CONFIG = """
[login]
timeout = 5
[connections]
per_address_before_login = 100
per_user_and_address = 100
"""
USERS = ("anna", "bert", "carl")
LOGIN_SECONDS = 5.0


def _plain(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def _rest(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    data = b""
    try:
        while piece := connection.recv(1 << 16):
            data += piece
    except ConnectionError:
        pass
    return data


# --- limits -------------------------------------------------------------------------------------------------
def test_crowds_before_login(server: ServerProcess) -> None:
    """Of 300 connections from one address 100 are served, each further one is told BYE; freed places are taken."""
    for _ in attempts():
        with ExitStack() as stack:
            connections = [stack.enter_context(Connection(server.imap_port)) for _ in range(300)]
            served = [each for each in connections if each.greeting.startswith(b"* OK")]
            refused = [each for each in connections if each.greeting.startswith(b"* BYE [LIMIT]")]
            assert len(served) + len(refused) == 300
            assert len(served) <= 100
            if len(served) < 100:
                continue  # one that hung up while its password was looked at counts until that is done
            for each in refused:
                assert each.rest() == b""
            for each in served:
                each.ok(b"NOOP")
            for each in served[:10]:
                each.close()
            eventually(server.answers, "a place for a new one")
            served[10].log_in()
            assert stack.enter_context(Connection(server.imap_port)).greeting.startswith(b"* OK")
            return
    raise AssertionError("never were a hundred served at the same time")


def test_crowds_of_one_user(server: ServerProcess) -> None:
    """A user has 100 connections from one address; only the next login is refused, until one of them leaves."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(Connection(server.imap_port)).log_in("bert") for _ in range(100)]
        late = stack.enter_context(Connection(server.imap_port))
        assert b"NO [LIMIT]" in late.refused(b"LOGIN bert secret")
        stack.enter_context(Connection(server.imap_port)).log_in("carl")
        for each in sessions:
            each.ok(b"NOOP")
        sessions[0].ok(b"LOGOUT")
        eventually(lambda: b" OK " in late.command(b"LOGIN bert secret")[-1], "a place for one more")


def test_crowds_that_never_begin_tls(server: ServerProcess) -> None:
    """Of 300 connections to 993 that say nothing 100 are kept until their time is over; 143 goes on, then 993 too."""
    with ExitStack() as stack:
        silent = [stack.enter_context(_plain(server.imaps_port)) for _ in range(300)]
        (process,) = workers(server)
        eventually(lambda: clients(process) == 100, "the server keeps a hundred")
        stack.enter_context(Connection(server.imap_port)).log_in()
        with _plain(server.imaps_port) as late:
            assert _rest(late) == b""
        for each in silent[:100]:
            each.close()
        eventually(lambda: _speaks_tls(server), "993 serves again")


def test_no_more_descriptors(own: ServerProcess) -> None:
    """When the system gives the server no more files, those that are connected are served, and later the others."""
    (process,) = workers(own)
    with ExitStack() as stack:
        session = stack.enter_context(Connection(own.imap_port)).log_in()
        session.ok(b"SELECT INBOX")
        limits = resource.prlimit(process, resource.RLIMIT_NOFILE)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (len(open_files(process)) + 20, limits[1]))
        for port in (own.imap_port, own.imaps_port) * 40:
            stack.enter_context(_plain(port))
        eventually(lambda: len(open_files(process)) >= 20, "there are none left")
        session.ok(b"NOOP")
        session.append("INBOX", message())
        assert session.ok(b"FETCH 1:* FLAGS") is not None
        resource.prlimit(process, resource.RLIMIT_NOFILE, limits)
        session.append("INBOX", message(size=200_000))
    eventually(lambda: _speaks_tls(own) and own.answers(), "everybody is served again")
    with Connection(own.imap_port).log_in("bert") as other:
        other.ok(b"SELECT INBOX")


def _speaks_tls(server: ServerProcess) -> bool:
    try:
        with Connection(server.imaps_port, tls=any_certificate()) as connection:
            return connection.greeting.startswith(b"* OK")
    except OSError:
        return False


# --- silence ------------------------------------------------------------------------------------------------
def test_slow_clients_before_login_are_cut_off(server: ServerProcess) -> None:
    """Whoever is not logged in in time is told BYE: silent, dripping, or never finishing the handshake of TLS."""
    begin = time.monotonic()
    with ExitStack() as stack:
        silent = stack.enter_context(Connection(server.imap_port))
        starting_tls = [stack.enter_context(Connection(server.imap_port)) for _ in range(20)]
        dripping = stack.enter_context(Connection(server.imap_port))
        in_sasl = stack.enter_context(Connection(server.imap_port))
        in_sasl.send(b"a AUTHENTICATE PLAIN\r\n")
        assert in_sasl.line().startswith(b"+")
        in_literal = stack.enter_context(Connection(server.imap_port))
        in_literal.send(b"a LOGIN {4+}\r\nan")
        for each in starting_tls:
            each.ok(b"STARTTLS")
        before_tls = stack.enter_context(_plain(server.imaps_port))
        known = stack.enter_context(Connection(server.imap_port)).log_in()
        silent.raw.settimeout(0.1)
        while time.monotonic() - begin < LOGIN_SECONDS + 5:
            dripping.send(b"N")
            try:
                end = silent.line()
                break
            except TimeoutError:
                continue
        else:
            raise AssertionError("the silent one is still there")
        passed = time.monotonic() - begin
        assert LOGIN_SECONDS - 1 < passed < LOGIN_SECONDS + 3
        assert end.startswith(b"* BYE")
        silent.raw.settimeout(30)
        assert silent.rest() == b""
        for each in (dripping, in_sasl, in_literal):
            assert b"* BYE" in each.rest()
        for each in starting_tls:
            assert each.rest() == b""  # nothing in the clear where TLS was agreed upon
        assert _rest(before_tls) == b""
        assert time.monotonic() - begin < LOGIN_SECONDS + 5
        known.ok(b"NOOP")  # who logged in in time stays
    eventually(lambda: _served(server) == 100, "their places are free again")


def _served(server: ServerProcess) -> int:
    """How many of 120 connections are served."""
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.imap_port)) for _ in range(120)]
        return sum(each.greeting.startswith(b"* OK") for each in connections)


# --- hanging up ---------------------------------------------------------------------------------------------
def _hang_up_in_append(server: ServerProcess) -> None:
    with Connection(server.imap_port).log_in() as session:
        session.send(b"a APPEND INBOX {50000000+}\r\n" + b"x" * 2_000_000)


def _hang_up_in_append_refused_mailbox(server: ServerProcess) -> None:
    with Connection(server.imap_port).log_in() as session:
        session.send(b"a APPEND NoSuch {50000000}\r\n")
        session.line()


def _hang_up_in_fetch(server: ServerProcess) -> None:
    with Connection(server.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.append("INBOX", message(size=3_000_000))
        session.send(b"a FETCH 1:* BODY.PEEK[]\r\n")
        session.raw.recv(10_000)


def _hang_up_in_binary(server: ServerProcess) -> None:
    text = base64.encodebytes(bytes(3_000_000)).replace(b"\n", b"\r\n")
    with Connection(server.imap_port).log_in() as session:
        session.append("INBOX", b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" + text)
        session.ok(b"SELECT INBOX")
        session.send(b"a FETCH * (BINARY.PEEK[1] BINARY.PEEK[1])\r\n")
        session.raw.recv(10_000)


def _hang_up_in_idle(server: ServerProcess) -> None:
    with Connection(server.imap_port).log_in() as session:
        session.ok(b"SELECT INBOX")
        session.idle()


def _hang_up_in_idle_without_fin(server: ServerProcess) -> None:
    with Connection(server.imap_port).log_in() as session:
        session.idle()
        session.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _hang_up_in_sasl(server: ServerProcess) -> None:
    with Connection(server.imap_port) as session:
        session.send(b"a AUTHENTICATE PLAIN\r\n")
        session.line()


def _hang_up_in_login(server: ServerProcess) -> None:
    with Connection(server.imap_port) as session:
        session.send(b"a LOGIN anna secret\r\nb SELECT INBOX\r\nc SEARCH TEXT x\r\n")


def _hang_up_after_starttls(server: ServerProcess) -> None:
    with Connection(server.imap_port) as session:
        session.ok(b"STARTTLS")


def _hang_up_in_handshake(server: ServerProcess) -> None:
    """The first half of a client's hello, on both ports."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = any_certificate().wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    with Connection(server.imap_port) as session:
        session.ok(b"STARTTLS")
        session.send(hello[: len(hello) // 2])
    with _plain(server.imaps_port) as connection:
        connection.sendall(hello)
        connection.recv(1)


def _hang_up_in_tls_session(server: ServerProcess) -> None:
    """Without a close_notify, in the middle of an answer."""
    with Connection(server.imaps_port, tls=any_certificate()).log_in() as session:
        session.append("INBOX", message(size=3_000_000))
        session.ok(b"SELECT INBOX")
        session.send(b"a FETCH 1:* BODY.PEEK[]\r\n")
        session.raw.recv(10_000)
        session.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    "hang_up",
    [
        _hang_up_in_append,
        _hang_up_in_append_refused_mailbox,
        _hang_up_in_fetch,
        _hang_up_in_binary,
        _hang_up_in_idle,
        _hang_up_in_idle_without_fin,
        _hang_up_in_sasl,
        _hang_up_in_login,
        _hang_up_after_starttls,
        _hang_up_in_handshake,
        _hang_up_in_tls_session,
    ],
)
def test_hanging_up_leaves_nothing(server: ServerProcess, hang_up: Callable[[ServerProcess], None]) -> None:
    """After clients that left in the middle, no socket, spool file or session of theirs is left."""
    hang_up(server)  # what is opened once and kept is open now
    (process,) = workers(server)
    eventually(lambda: not clients(process), "the first one is gone")
    before = _kinds(process)
    for _ in range(5):
        hang_up(server)
    eventually(lambda: not clients(process), "all are gone")
    eventually(lambda: not _more(process, before), f"everything is closed again, but {_more(process, before)}")


def _more(process: int, before: dict[str, int]) -> dict[str, int]:
    """Kinds of descriptors of which there are more than before."""
    return {kind: number for kind, number in _kinds(process).items() if number > before.get(kind, 0)}


def _kinds(process: int) -> dict[str, int]:
    """How many descriptors of each kind are open, files by their names without numbers."""
    kinds: dict[str, int] = {}
    for each in open_files(process):
        kind = re.sub(r"\d+", "", each.partition(":[")[0])
        kinds[kind] = kinds.get(kind, 0) + 1
    return kinds


# --- something else -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\xff\xff" + b"\xff" * 1000,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(100_000),
        b"\x80\x80\x01\x03\x01" + b"\0" * 200,
        b"a1 LOGIN anna secret\r\n" * 1000,
    ],
)
def test_garbage_instead_of_tls(server: ServerProcess, octets: bytes) -> None:
    """What is no handshake ends the connection, on 993 and after STARTTLS, without a word in the clear."""
    with _plain(server.imaps_port) as connection:
        connection.sendall(octets)
        assert b"IMAP" not in _rest(connection)
    with Connection(server.imap_port) as starting:
        starting.ok(b"STARTTLS")
        assert b" OK" not in starting.rest_after(octets)
    with Connection(server.imap_port) as other:
        other.ok(b"NOOP")


def test_other_protocols_are_shown_the_door(server: ServerProcess) -> None:
    """A client that talks nonsense before login is let go after a while."""
    with Connection(server.imap_port) as session:
        answers = session.rest_after(b"GET / HTTP/1.1\r\n" * 50)
        assert answers.count(b" BAD") < 50
        assert b"* BYE" in answers


def test_what_was_sent_before_hanging_up_is_done(server: ServerProcess) -> None:
    """A client that sends all and closes its side still gets every answer (RFC 9051 §5.5)."""
    with Connection(server.imap_port) as session:
        session.send(b"a LOGIN anna secret\r\nb CREATE Half\r\nc STATUS Half (MESSAGES)\r\nd NOOP\r\n")
        session.raw.shutdown(socket.SHUT_WR)
        answer = session.rest()
        assert re.findall(rb"^[a-d] \w+", answer, re.MULTILINE) == [b"a OK", b"b OK", b"c OK", b"d OK"]


def test_a_command_without_end_is_not_done(server: ServerProcess) -> None:
    """What is cut off by the client's hanging up is no command, even if it could be one (RFC 9051 §2.2)."""
    with Connection(server.imap_port).log_in() as session:
        session.send(b"a CREATE Cut")
        session.raw.shutdown(socket.SHUT_WR)
        assert session.rest() == b""
        with Connection(server.imap_port).log_in() as other:
            assert other.ok(b'LIST "" Cut') == []


def test_a_half_closed_idle_ends(server: ServerProcess) -> None:
    """A client that cannot say DONE any more does not idle for ever."""
    with Connection(server.imap_port).log_in() as session:
        session.idle()
        session.raw.shutdown(socket.SHUT_WR)
        assert b" OK" not in session.rest()


def test_nothing_counts_after_logout(server: ServerProcess) -> None:
    """Commands behind LOGOUT in the same packet are not carried out."""
    with Connection(server.imap_port).log_in() as session:
        answer = session.rest_after(b"a LOGOUT\r\nb CREATE Late\r\nc NOOP\r\n")
        assert answer.startswith(b"* BYE")
        assert answer.endswith(b"\r\n")
        assert b"a OK" in answer.splitlines()[-1]
    with Connection(server.imap_port).log_in() as other:
        assert other.ok(b'LIST "" Late') == []
