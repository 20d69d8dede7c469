"""``mailwren serve``: bind, start one worker or several, pass signals on, restart what fell over."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

import uvloop

from mailwren.base.logs import log
from mailwren.config.settings import Config, ListenProtocol
from mailwren.server import systemd
from mailwren.server.certificates import CertificateReloader, ensure_self_signed
from mailwren.server.sockets import Bound, bind_all, close_all
from mailwren.server.worker import Worker

_RESTART_SECONDS = 1.0
"""Pause before a worker that fell over is started again."""


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
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    bound = bind_all(config.listeners, config.workers)
    reloader = _certificate(config, bound)
    if announce is not None:
        announce(bound)
    try:
        if config.workers == 1:
            return _run_worker(Worker(config, bound, 0, reloader), systemd.notify_ready)
        return _Supervisor(config, bound, reloader).run()
    finally:
        close_all(bound)


def _certificate(config: Config, bound: Sequence[Bound]) -> CertificateReloader | None:
    if all(each.listener.protocol is ListenProtocol.LMTP for each in bound):
        return None
    if config.tls_certificate is not None:
        return CertificateReloader(config.tls_certificate, config.tls_key)
    path = config.data / "certificate.pem"
    ensure_self_signed(path, (config.server_name,))
    return CertificateReloader(path)


def _run_worker(worker: Worker, ready: Callable[[], None]) -> int:
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
    uvloop.run(main())
    return 0


class _Supervisor:
    """The parent of several workers: forks them, passes signals on, starts again what fell over."""

    def __init__(self, config: Config, bound: Sequence[Bound], reloader: CertificateReloader | None) -> None:
        self._config = config
        self._bound = bound
        self._reloader = reloader
        self._workers: dict[int, int] = {}
        self._stopping = False

    def run(self) -> int:
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, self._pass_on)
        for number in range(self._config.workers):
            self._start(number)
        systemd.notify_ready()
        while self._workers:
            try:
                process, status = os.wait()
            except InterruptedError:
                continue
            number = self._workers.pop(process, -1)
            if number < 0 or self._stopping:
                continue
            log.error("worker ended, starting it again", worker=number, status=os.waitstatus_to_exitcode(status))
            time.sleep(_RESTART_SECONDS)
            self._start(number)
        return 0

    def _start(self, number: int) -> None:
        process = os.fork()
        if process:
            self._workers[process] = number
            return
        self._be_worker(number)

    def _be_worker(self, number: int) -> NoReturn:
        status = 1
        try:
            for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(name, signal.SIG_DFL)
            worker = Worker(self._config, self._bound, number, self._reloader)
            status = _run_worker(worker, lambda: None)
        except BaseException:  # noqa: BLE001 - the child must never return into the parent's code
            log.exception("worker failed", worker=number)
        finally:
            os._exit(status)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGHUP:
            self._stopping = True
            systemd.notify_stopping()
        for process in list(self._workers):
            os.kill(process, number)
