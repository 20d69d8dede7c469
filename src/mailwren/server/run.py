"""``mailwren serve``: bind, start one worker or several, pass signals on, restart what fell over."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import uvloop

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.config.settings import Config, ListenProtocol
from mailwren.server import systemd
from mailwren.server.certificates import CertificateReloader, ensure_self_signed
from mailwren.server.common_counts import CommonCounts
from mailwren.server.sockets import Bound, bind_all, close_all, raise_descriptor_limit
from mailwren.server.worker import Worker

_RESTART_SECONDS = 1.0
"""Pause before a worker that fell over is started again."""
_GRACE_SECONDS = 10.0
"""Beyond the configured patience with running commands: a worker that has not ended by then is killed."""
_SUPERVISED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGALRM})


def serve(config: Config, announce: Callable[[Sequence[Bound]], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: everything there is to know.
        announce: called once with the addresses that are listened on.

    Returns:
        The exit status.

    Raises:
        ListenError: an address cannot be listened on.
        CertificateError: the configured certificate cannot be used.
    """
    raise_descriptor_limit()
    os.umask(0o077)  # the data folder is closed to others, and so is every file in it should it ever be opened
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    workers = config.workers or automatic_workers()
    bound = bind_all(config.listeners, workers)
    reloader = _certificate(config, bound)
    if announce is not None:
        announce(bound)
    try:
        if workers == 1:
            return _run_worker(Worker(config, bound, 0, reloader), systemd.notify_ready)
        return _Supervisor(config, workers, bound, reloader).run()
    finally:
        close_all(bound)


def automatic_workers() -> int:
    """One for each core that this process may use, up to a few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, limits.WORKERS_AUTOMATIC)


def _certificate(config: Config, bound: Sequence[Bound]) -> CertificateReloader | None:
    if all(each.listener.protocol is ListenProtocol.LMTP for each in bound):
        return None
    if config.tls_certificate is not None:
        return CertificateReloader(config.tls_certificate, config.tls_key, config.tls_client_authorities)
    path = config.data / "certificate.pem"
    ensure_self_signed(path, (config.server_name,))
    return CertificateReloader(path, authorities=config.tls_client_authorities)


def _run_worker(worker: Worker, ready: Callable[[], object]) -> int:
    async def main() -> None:
        worker.on_ready = asyncio.Event()
        task = asyncio.create_task(worker.run())
        waiting = asyncio.create_task(worker.on_ready.wait())
        await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            ready()
        waiting.cancel()
        await task
        systemd.notify_stopping()

    # Threads of the store hold the interpreter for long stretches; the event loop gets its turn sooner.
    sys.setswitchinterval(0.001)
    _look_for_cycles_seldom()
    uvloop.run(main())
    return 0


def _look_for_cycles_seldom() -> None:
    """Next to nothing here is garbage in cycles, and thousands of sessions are much to look through for it."""
    gc.collect()
    gc.freeze()  # what is imported stays
    gc.set_threshold(limits.GARBAGE_OBJECTS, *gc.get_threshold()[1:])


class _Supervisor:
    """The parent of several workers: forks them, passes signals on, starts again what fell over.

    Signals are blocked and taken one by one, so that none can come between a fork and its bookkeeping, nor be lost
    in a pause. A pipe that only the parent can write to tells the workers, by its end, that the parent is gone.
    """

    def __init__(
        self, config: Config, number: int, bound: Sequence[Bound], reloader: CertificateReloader | None
    ) -> None:
        self._config = config
        self._number = number
        self._common = CommonCounts(number)
        self._bound = bound
        self._reloader = reloader
        self._workers: dict[int, int] = {}
        self._missing: list[int] = []
        self._stopping = False
        self._lifeline, self._alive = os.pipe()

    def run(self) -> int:
        """Until SIGTERM or SIGINT, and all workers have ended."""
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal that is ignored could not be waited for
        signal.pthread_sigmask(signal.SIG_BLOCK, _SUPERVISED)
        for number in range(self._number):
            self._start(number)
        systemd.notify_ready()
        while self._workers or not self._stopping:
            self._take(signal.sigwait(_SUPERVISED))
        return 0

    def _take(self, number: int) -> None:
        match number:
            case signal.SIGCHLD:
                self._reap()
            case signal.SIGALRM if self._stopping:
                self._signal_all(signal.SIGKILL)
            case signal.SIGALRM:
                self._start_missing()
            case signal.SIGHUP:
                self._signal_all(number)
            case _:
                self._stopping = True
                systemd.notify_stopping()
                signal.setitimer(signal.ITIMER_REAL, self._config.shutdown_timeout + _GRACE_SECONDS)
                self._signal_all(signal.SIGTERM)

    def _reap(self) -> None:
        while self._workers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            number = self._workers.pop(process, None)
            if number is None or self._stopping:
                continue
            log.error("worker ended, starting it again", worker=number, status=os.waitstatus_to_exitcode(status))
            self._missing.append(number)
            if not signal.getitimer(signal.ITIMER_REAL)[0]:
                signal.setitimer(signal.ITIMER_REAL, _RESTART_SECONDS)

    def _start_missing(self) -> None:
        try:
            while self._missing:
                self._start(self._missing[-1])
                self._missing.pop()
        except OSError as error:  # no memory for one more process, say: the others go on
            log.error("a worker cannot be started again yet", reason=str(error))
            signal.setitimer(signal.ITIMER_REAL, _RESTART_SECONDS)

    def _start(self, number: int) -> None:
        self._common.clear(number)
        process = os.fork()
        if process:
            self._workers[process] = number
            return
        self._be_worker(number)

    def _be_worker(self, number: int) -> NoReturn:
        status = 1
        try:
            os.close(self._alive)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            worker = Worker(
                self._config,
                self._bound,
                number,
                self._reloader,
                workers=self._number,
                common=self._common.of(number),
                lifeline=self._lifeline,
            )
            # What came before the worker's own handlers stood is delivered to them now.
            status = _run_worker(worker, lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _SUPERVISED))
        except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
            log.exception("worker failed", worker=number)
        finally:
            os._exit(status)

    def _signal_all(self, number: int) -> None:
        for process in self._workers:
            os.kill(process, number)
