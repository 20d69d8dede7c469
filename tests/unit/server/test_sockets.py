"""What the process that listens needs of the system."""

import multiprocessing
import resource
from multiprocessing.connection import Connection

from mailwren.server.sockets import raise_descriptor_limit


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
