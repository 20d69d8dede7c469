"""The process that indexes mail: ``python -m mailwren.server.index_process DATA LEVEL FORM``, started by a worker.

Reads account ids from standard input, one a line, and answers each with one line once that account's index is up to
date: ``done``, ``busy`` (another process is at it) or ``failed``. Ends with its input. It has a low priority: what
else runs on the machine goes first. Of those of several workers one works at a time, so that they never take more than
one core. What it did not finish when it ends is done by the next one. Attached documents it has read by a process of
its own, if the extra for them is installed; that one ends when this one does.
"""

import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Final, cast

from mailwren.base.logs import LogForm, configure_logs, log
from mailwren.search.attached.extracting import Extractor, extractor
from mailwren.search.index.building import Indexer
from mailwren.store.errors import StoreError
from mailwren.store.sqlite.folders import account_folder

_NICER: Final = 10
"""Beside something else that wants a whole core, it gets a tenth of it: with none, a busy server would stay slow."""
_OUR_SIGNALS: Final = (signal.SIGINT, signal.SIGHUP)
"""Meant for the server when they come from a terminal."""


def index_account(data: Path, account_id: str, documents: Extractor | None = None) -> str:
    """Bring one account's index up to date; the answer to be given."""
    try:
        return "done" if Indexer(account_folder(data, account_id), extractor=documents).run() else "busy"
    except (StoreError, OSError, ValueError) as error:
        log.warning("an account could not be indexed", account=account_id, reason=str(error))
        return "failed"


@contextmanager
def one_at_a_time(data: Path) -> Iterator[None]:
    """Wait until no other process of the data folder indexes. Where there can be no lock nobody waits."""
    try:
        (data / "run").mkdir(mode=0o700, exist_ok=True)
        lock = os.open(data / "run" / "indexing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def main(data: Path) -> None:
    """Work until the input ends."""
    with extractor() or nullcontext() as documents:
        for line in sys.stdin:
            with one_at_a_time(data):
                answer = index_account(data, line.strip(), documents)
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    for number in _OUR_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    with suppress(OSError):  # not allowed everywhere
        os.nice(_NICER)
    configure_logs(sys.argv[2], cast("LogForm", sys.argv[3]))
    try:
        main(Path(sys.argv[1]))
    except BrokenPipeError:
        # Its worker was killed. At an end in order Python would try once more to write the answer, and complain.
        os._exit(1)
