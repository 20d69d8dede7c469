"""What a connection that idles costs, with and without TLS: it decides how many phones one machine serves."""

from contextlib import ExitStack

import pytest
from tests.support.process import ServerProcess
from tests.support.system import proportional, workers
from tests.support.wire import Connection, any_certificate

pytestmark = pytest.mark.slow

CONFIG = """
[connections]
per_user_and_address = 1000
"""
CONNECTIONS = 300
WARM_UP = 50


@pytest.mark.parametrize(
    ("tls", "compressed", "bound"),
    [(False, False, 24 * 1024), (True, False, 96 * 1024), (True, True, 120 * 1024)],
)
def test_an_idle_connection_is_small(server: ServerProcess, *, tls: bool, compressed: bool, bound: int) -> None:
    """Logged in, a mailbox selected, in IDLE: some ten kilobytes, and some tens more each for TLS and DEFLATE."""
    (process,) = workers(server)
    with ExitStack() as stack:
        _idle(stack, server, WARM_UP, tls=tls, compressed=compressed)
        before = proportional(process)
        _idle(stack, server, CONNECTIONS, tls=tls, compressed=compressed)
        each = (proportional(process) - before) / CONNECTIONS
    print(f"{'TLS' if tls else 'plain'}{' DEFLATE' if compressed else ''}: {each / 1024:.1f} KiB for each connection")
    assert each < bound


def _idle(stack: ExitStack, server: ServerProcess, number: int, *, tls: bool, compressed: bool) -> None:
    context = any_certificate() if tls else None
    for _ in range(number):
        session = stack.enter_context(Connection(server.imaps_port if tls else server.imap_port, tls=context)).log_in()
        if compressed:
            session.compress()
        session.ok(b"SELECT INBOX")
        session.idle()
