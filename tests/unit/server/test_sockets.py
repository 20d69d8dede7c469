"""What the process that listens needs of the system."""

import multiprocessing
import resource
import socket
from multiprocessing.connection import Connection

import pytest

from mailwren.base import limits
from mailwren.config.values import Listener, ListenProtocol
from mailwren.server.sockets import bind_all, close_all, raise_descriptor_limit


def _raise(soft: int, hard: int, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    raise_descriptor_limit()
    answer.send(resource.getrlimit(resource.RLIMIT_NOFILE))


def test_the_descriptor_limit_is_raised_as_far_as_permitted() -> None:
    """A server opens as many files as the hard limit permits, whatever the shell's soft limit is."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_raise, args=(300, 400, theirs))
    process.start()
    assert ours.poll(60)
    assert ours.recv() == (400, 400)
    process.join(60)


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="the system has one figure for all connections")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_client_that_lost_its_network_is_noticed(workers: int) -> None:
    """TCP asks silent clients whether they are there: what is accepted takes that over from what listens."""
    bound = bind_all([Listener(ListenProtocol.IMAP, "127.0.0.1")], workers)
    try:
        for listening in bound[0].sockets:
            assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == limits.KEEPALIVE_PROBES
        with socket.create_connection(("127.0.0.1", bound[0].listener.port)):
            for listening in bound[0].sockets:
                listening.settimeout(0.2 if workers > 1 else 10)
                try:
                    accepted, _ = listening.accept()
                except TimeoutError:
                    continue
                with accepted:
                    assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == limits.KEEPALIVE_SECONDS
                    return
        raise AssertionError("nobody was accepted")
    finally:
        close_all(bound)
