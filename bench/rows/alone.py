"""Rows for Mailwren alone: TLS and compression, workers, the import of an archive, a crowd that waits."""

import time
from contextlib import ExitStack

from tests.support.wire import Connection, any_certificate

from bench.crowd import WaitingCrowd
from bench.mail import messages
from bench.rows.many import mixed
from bench.servers import Mailwren, memory
from bench.wire import Imap
from bench.work import IMPORTS, MIXED, WAITING, Row, Work

_WARM_UP = 20
_SETTLE_SECONDS = 1.0


def _memory_inside_tls(work: Work, *, compressed: bool) -> float:
    """KiB for each session that idles inside TLS."""
    with work.one_process(), ExitStack() as stack:
        _idle(stack, work.mailwren, _WARM_UP, compressed=compressed)
        time.sleep(_SETTLE_SECONDS)
        before = memory(work.mailwren)
        _idle(stack, work.mailwren, work.sizes.idle, compressed=compressed)
        time.sleep(_SETTLE_SECONDS)
        return (memory(work.mailwren) - before) / work.sizes.idle


def _idle(stack: ExitStack, server: Mailwren, number: int, *, compressed: bool) -> None:
    context = any_certificate()
    for _ in range(number):
        session = stack.enter_context(Connection(server.imaps_port, tls=context)).log_in(WAITING)
        if compressed:
            session.compress()
        session.ok(b"SELECT INBOX")
        session.idle()


def _workers(work: Work) -> float:
    """How many times as much two workers do as one, with the same mixed work; by turns."""
    one, two = work.once("workers", lambda: [_started(work, workers) for workers in (1, 2)])
    return mixed(work, two) / mixed(work, one)


def _started(work: Work, workers: int) -> Mailwren:
    name = f"mailwren-{workers}"
    server = Mailwren(work.folder / name, MIXED, workers, name)
    server.start()
    work.stack.callback(server.stop)
    return server


def _import(work: Work) -> tuple[float, float]:
    """Import an mbox into an empty account of the running server: messages a second, and seconds to be indexed
    (but for what comes last, if that is little)."""
    archive = work.folder / "archive.mbox"
    if not archive.exists():
        with archive.open("wb") as file:
            for message in messages(work.count, seed=3):
                file.write(b"From bench@example.org Mon Mar  2 10:00:00 2026\n" + _mbox(message) + b"\n")
    users = work.once("imports", lambda: iter(IMPORTS))
    user = next(users)
    start = time.perf_counter()
    work.mailwren.run("import", "--user", user, "--mbox-dialect", "mboxrd", str(archive))
    imported = time.perf_counter()
    # An account is indexed from the moment on that somebody uses it.
    owner = Imap(work.server.imap_port, user)
    work.mailwren.settle()
    indexed = time.perf_counter()
    owner.close()
    return work.count / (imported - start), indexed - imported


def _mbox(message: bytes) -> bytes:
    return message.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")


def _crowd(work: Work) -> WaitingCrowd:
    crowd: WaitingCrowd = work.once("crowd", lambda: WaitingCrowd(work.folder / "crowd", work.sizes.crowd))
    work.once("crowd's end", lambda: work.stack.callback(crowd.close))
    return crowd


ALONE = {
    "memory-tls": Row(
        "memory of an idle session, TLS",
        "KiB",
        lambda work: _memory_inside_tls(work, compressed=False),
        fewer=True,
        alone=True,
    ),
    "memory-deflate": Row(
        "memory of an idle session, TLS + COMPRESS",
        "KiB",
        lambda work: _memory_inside_tls(work, compressed=True),
        fewer=True,
        alone=True,
    ),
    "workers": Row("the mixed row with two workers, against one", "times", _workers, alone=True),
    "import": Row("import of an mbox as large as the big mailbox", "msg/s", lambda work: _import(work)[0], alone=True),
    "import-index": Row(
        "after such an import, until all of it is indexed", "s", lambda work: _import(work)[1], fewer=True, alone=True
    ),
    "crowd-memory": Row(
        "many idle TLS sessions in one process: memory of all",
        "MiB",
        lambda work: _crowd(work).memory(),
        fewer=True,
        alone=True,
        optional=True,
    ),
    "crowd-told": Row(
        "many idle TLS sessions: new mail for all, until the last is told",
        "ms",
        lambda work: _crowd(work).tell(),
        fewer=True,
        alone=True,
        optional=True,
    ),
}
