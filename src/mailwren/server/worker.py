"""One serving process: its event loop, store, users, listeners, and its orderly end."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from mailwren.auth.passwords import PasswordChecker
from mailwren.auth.throttle import LoginThrottle
from mailwren.auth.tokens import OAuthSettings, TokenChecker
from mailwren.auth.users import UserDirectory
from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.config.settings import Config, ListenProtocol
from mailwren.delivery.configured import delivery_settings, lmtp_settings
from mailwren.delivery.delivery import Delivery
from mailwren.delivery.lmtp_server import LmtpService, start_lmtp
from mailwren.imap.framing import Framer
from mailwren.search.index.asking import Indexes
from mailwren.server.certificates import CertificateError, CertificateReloader
from mailwren.server.common_counts import WorkerCounts
from mailwren.server.context import ServerContext
from mailwren.server.features import Features, LiteralPolicy
from mailwren.server.indexing import IndexKeeper
from mailwren.server.lookout import Load, Lookout
from mailwren.server.protocol import ImapProtocol
from mailwren.server.session import Session
from mailwren.server.sockets import BACKLOG, Bound
from mailwren.server.tls_listener import TlsListener
from mailwren.store.api import MailStore
from mailwren.store.bus import Bus
from mailwren.store.bus_unix import UnixBus
from mailwren.store.octets import Spool
from mailwren.store.sqlite.folders import account_folder
from mailwren.store.sqlite.store import SqliteMailStore


@dataclass(slots=True)
class Worker:
    """Serves one socket of each listener until told to stop."""

    config: Config
    bound: Sequence[Bound]
    number: int
    reloader: CertificateReloader | None
    workers: int = 1
    """How many there are of this server."""
    common: WorkerCounts | None = None
    """What they count together, where there are several."""
    on_ready: "asyncio.Event | None" = None
    lifeline: int | None = None
    """A pipe that ends with the parent, and then so does this worker: else it would keep the addresses for ever."""

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; then say BYE and let running commands finish."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        if self.lifeline is not None:
            loop.add_reader(self.lifeline, self._orphaned, stop)
        bus = UnixBus(self.config.data, loop, self.common)
        users = UserDirectory(self.config.data / "users.sqlite3")
        keeper = index_keeper(self.config) if self.config.index else None
        store = open_store(self.config, bus, keeper, self.workers)
        checks = max(1, min(limits.PASSWORD_CHECKS_AT_ONCE, os.cpu_count() or 1) // self.workers)
        passwords = PasswordChecker(users, threads=checks, with_cram_md5=self.config.cram_md5)
        tokens = token_checker(self.config, users)
        context = self._context(store, users, passwords, tokens, keeper)
        load = Load()
        context.lookout = look_out(self.config, loop, load, store)
        lmtp = lmtp_service(self.config, store, users, context.lookout)
        features = Features()
        servers = [await self._listen(each, context, features, lmtp) for each in self.bound]
        background = [
            loop.create_task(context.heartbeat(limits.HEARTBEAT_SECONDS)),
            loop.create_task(context.watch_progress(limits.PROGRESS_TICK_SECONDS)),
            *([] if keeper is None else [loop.create_task(keeper.run())]),
        ]
        log.info("serving", worker=self.number, addresses=[each.listener.address for each in self.bound])
        if self.on_ready is not None:
            self.on_ready.set()
        try:
            await stop.wait()
        finally:
            for server in servers:
                server.close()
            for task in background:
                task.cancel()
            await asyncio.gather(_end_sessions(context), lmtp.stop(self.config.shutdown_timeout))
            passwords.close()
            if tokens is not None:
                tokens.close()
            await asyncio.wait(background)
            await store.close()
            users.close()
            bus.close()
            load.close()
            log.info("stopped", worker=self.number)

    def _context(
        self,
        store: MailStore,
        users: UserDirectory,
        passwords: PasswordChecker,
        tokens: TokenChecker | None,
        keeper: IndexKeeper | None,
    ) -> ServerContext:
        """What the sessions share."""
        reloader = self.reloader
        return ServerContext(
            self.config,
            store,
            passwords,
            users,
            LoginThrottle(self.common),
            time.monotonic,
            None if reloader is None else lambda: reloader.context,
            end_point=None if reloader is None else lambda: reloader.end_point,
            tokens=tokens,
            common=self.common,
            workers=self.workers,
            indexes=None
            if keeper is None
            else Indexes(
                partial(account_folder, self.config.data), keeper.want, octets=limits.INDEX_CACHED // self.workers
            ),
        )

    async def _listen(
        self, bound: Bound, context: ServerContext, features: Features, lmtp: LmtpService
    ) -> asyncio.Server | TlsListener:
        loop = asyncio.get_running_loop()
        protocol, sock = bound.listener.protocol, bound.of_worker(self.number)
        if protocol is ListenProtocol.LMTP:
            return (await start_lmtp(sock, lmtp)).server
        secure = protocol is ListenProtocol.IMAPS
        factory = partial(make_protocol, context, features, secure=secure)
        if not secure or self.reloader is None:
            return await loop.create_server(factory, sock=sock, backlog=BACKLOG)
        return TlsListener(sock, context, factory, self.reloader.context)

    def _orphaned(self, stop: asyncio.Event) -> None:
        log.error("the parent process is gone, stopping", worker=self.number)
        assert self.lifeline is not None
        asyncio.get_running_loop().remove_reader(self.lifeline)
        stop.set()

    def _reload(self) -> None:
        if self.reloader is None:
            return
        try:
            self.reloader.reload()
            log.info("certificate reloaded")
        except CertificateError as error:
            log.error("certificate not reloaded, the old one stays in use", reason=str(error))


def index_keeper(config: Config) -> IndexKeeper:
    """What keeps search indexes up to date."""
    return IndexKeeper(config.data, config.log_level.value, config.log_format.value, time.monotonic)


def open_store(config: Config, bus: Bus, keeper: IndexKeeper | None, workers: int = 1) -> SqliteMailStore:
    """The accounts' mail; ``keeper`` is told of each account that is opened. So many workers share what is cached."""
    return SqliteMailStore(
        config.data,
        bus=bus,
        durability=config.durability.value,
        restorable=config.restorable,
        processes=workers,
        opened=None if keeper is None else keeper.watch,
    )


def look_out(config: Config, loop: asyncio.AbstractEventLoop, load: Load, store: SqliteMailStore) -> Lookout | None:
    """What keeps the event loop awake for a moment; ``None`` where it is to sleep at once."""
    if not config.busy_poll_microseconds:
        return None
    return Lookout(loop, config.busy_poll_microseconds / 1e6, may=lambda: not store.working, load=load)


def lmtp_service(config: Config, store: MailStore, users: UserDirectory, lookout: Lookout | None = None) -> LmtpService:
    """The LMTP side of a worker."""
    delivery = Delivery(store, users, delivery_settings(config), lambda: datetime.now(UTC))
    return LmtpService(lmtp_settings(config), delivery, lookout=lookout)


def token_checker(config: Config, users: UserDirectory) -> TokenChecker | None:
    """Checks tokens of the configured authority; ``None`` where there is none."""
    if not config.oauth_issuer:
        return None
    secret = config.oauth_client_secret
    settings = OAuthSettings(
        config.oauth_issuer,
        config.oauth_audience,
        config.oauth_keys,
        config.oauth_introspection,
        config.oauth_client_id,
        secret.read_text("utf-8").partition("\n")[0].strip() if secret is not None else "",
        config.oauth_user_claim,
    )
    return TokenChecker(settings, users)


def make_protocol(context: ServerContext, features: Features, *, secure: bool) -> ImapProtocol:
    """A connection's protocol object with its framer and session."""
    policy = LiteralPolicy(features.message_takers)
    framer = Framer(policy, partial(Spool, context.config.data))
    return ImapProtocol(
        lambda connection: Session(connection, context, features, policy),
        framer,
        secure=secure,
        lookout=context.lookout,
    )


async def _end_sessions(context: ServerContext) -> None:
    """Every session says BYE once its command is through; those that take too long are cut off."""
    context.stopping = True
    deadline = context.clock() + context.config.shutdown_timeout
    while context.sessions and context.clock() < deadline:
        for session in list(context.sessions):
            session.connection.stop_soon()
        await asyncio.sleep(0.05)
    for session in list(context.sessions):
        session.connection.cancel()
    await asyncio.sleep(0)
