"""What all sessions of one process share: configuration, store, users, limits on connections.

Owns no protocol; sessions read from it and register with it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, TypeVar

from mailwren.auth.passwords import PasswordChecker
from mailwren.auth.throttle import LoginThrottle
from mailwren.auth.tokens import TokenChecker
from mailwren.auth.users import UserDirectory
from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.config.settings import Config
from mailwren.search.evaluate import SearchEngine
from mailwren.search.index.asking import Indexes
from mailwren.search.sorting import Sorter
from mailwren.server.common_counts import HEARING, WorkerCounts
from mailwren.server.core.introductions import Introductions
from mailwren.server.core.kept_lines import KeptLines
from mailwren.server.digest import Digests
from mailwren.server.lookout import Lookout
from mailwren.server.shared_news import SharedNews
from mailwren.server.turns import Turns
from mailwren.store.api import MailStore

_HEARTBEATS_AT_ONCE = 100
"""Sessions that look again before others have their turn."""

if TYPE_CHECKING:
    import ssl

    from mailwren.server.session import Session


Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class ServerContext:
    """The sessions' surroundings in one process."""

    config: Config
    store: MailStore
    passwords: PasswordChecker
    users: UserDirectory
    """Who there is, which groups there are, and who shares with whom."""
    throttle: LoginThrottle
    clock: Callable[[], float]
    """Seconds, monotonic."""
    tls: "Callable[[], ssl.SSLContext] | None" = None
    """The present TLS context, for STARTTLS; ``None`` where TLS is not to be had."""
    wall_clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    end_point: Callable[[], bytes | None] | None = None
    """What binds SCRAM to the present certificate (RFC 5929 §4.1)."""
    tokens: TokenChecker | None = None
    """Checks OAuth tokens, where an authorization server is configured."""
    common: WorkerCounts | None = None
    """What this worker and others count together; ``None`` where there is no other."""
    indexes: Indexes | None = None
    """The accounts' search indexes, where there are any."""
    turns: Turns = field(default_factory=Turns)
    """Shares the event loop among long commands."""
    workers: int = 1
    """How many processes share the memory that is meant for caches."""
    lines: KeptLines = field(init=False)
    """FETCH responses sent lately."""
    introductions: Introductions = field(default_factory=lambda: Introductions(limits.INTRODUCTIONS))
    """What SELECT said lately."""
    shared_news: SharedNews = field(default_factory=SharedNews)
    """Tells idling sessions what others like them were told."""
    lookout: Lookout | None = None
    """Keeps the event loop awake for a moment after an answer, where that is wanted."""
    search: SearchEngine = field(init=False)
    """Remembers what searches looked up, for all sessions."""
    sorter: Sorter = field(init=False)
    """The same for SORT and THREAD."""
    sessions: "set[Session]" = field(default_factory=set)
    working: "set[Session]" = field(default_factory=set)
    """Those that have a command under way."""
    handshakes: Counter[str] = field(default_factory=Counter)
    """Connections to a port for TLS whose handshake is not done, by address."""
    before_login: Counter[str] = field(default_factory=Counter)
    """Connections not logged in, by address."""
    logged_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Connections by user and address."""
    digests: Digests = field(init=False)
    """What happens in the accounts that sessions watch (RFC 5465)."""
    names_pause: float = limits.NOTIFY_NAMES_SECONDS
    """Seconds that a change of names waits for what belongs to it."""
    stopping: bool = False
    _directory: tuple[int, int] = (-1, -1)
    _directory_due: float = 0.0

    def __post_init__(self) -> None:
        self.digests = Digests(self.count_hearing)
        self.lines = KeptLines(min(limits.LINES_CACHE, limits.LINES_CACHE_TOTAL // self.workers))
        self.search = SearchEngine(others=self.turns.rest, indexes=self.indexes)
        self.sorter = Sorter(self.search, others=self.turns.rest)

    def admit(self, address: str) -> str | None:
        """Whether a new connection may be served: ``None``, or the reason for refusing it."""
        if self.stopping:
            return "Server is shutting down"
        if len(self.sessions) >= self.config.connections:
            return "Too many connections to this server"
        if self._all(self.before_login, "before login", address) >= self._before_login(address):
            return "Too many connections from your address that have not logged in"
        return None

    def may_shake_hands(self, address: str) -> bool:
        """Whether a new connection to a port for TLS may begin its handshake; sessions are counted besides."""
        handshakes = self._all(self.handshakes, "handshake", address)
        return not self.stopping and handshakes < self._before_login(address)

    def count_handshake(self, address: str, change: int) -> None:
        """Count a handshake that begins, or one that is over."""
        self._count(self.handshakes, "handshake", address, change)

    def count_before_login(self, address: str, change: int) -> None:
        """Count a connection that has not logged in, or one no longer so."""
        self._count(self.before_login, "before login", address, change)

    def may_log_in(self, user_name: str, address: str) -> bool:
        """Whether this user may have one more connection from this address."""
        connections = self._all(self.logged_in, "logged in", (user_name, address))
        usual = limits.CONNECTIONS_PER_USER_AND_ADDRESS
        return connections < _limit(self.config.connections_per_user_and_address, usual, address)

    def count_logged_in(self, user_name: str, address: str, change: int) -> None:
        """Count a logged-in connection, or one no longer so."""
        self._count(self.logged_in, "logged in", (user_name, address), change)

    def _before_login(self, address: str) -> float:
        """How many connections from an address may be there without a login."""
        usual = limits.CONNECTIONS_PER_ADDRESS_BEFORE_LOGIN
        return _limit(self.config.connections_per_address_before_login, usual, address)

    def count_hearing(self, account_id: str, change: int) -> None:
        """Count who wants to be told at once of what other workers change in an account."""
        if self.common is not None:
            self.common.count((HEARING, account_id), change)

    def _all(self, counter: Counter[Key], kind: str, key: Key) -> int:
        """What all workers count of a key."""
        return counter[key] + (0 if self.common is None else self.common.elsewhere((kind, key)))

    def _count(self, counter: Counter[Key], kind: str, key: Key, change: int) -> None:
        before = counter[key]
        counter[key] = max(0, before + change)
        if self.common is not None:
            self.common.count((kind, key), counter[key] - before)
        if not counter[key]:
            del counter[key]

    async def heartbeat(self, seconds: float) -> None:
        """Every ``seconds``: idling sessions look again, in case a hint was lost; silent ones are ended."""
        while True:
            await asyncio.sleep(seconds)
            now = self.clock()
            self.digests.look_again()
            self.lines.tick()
            if self.indexes is not None:
                self.indexes.tick(now)
            for number, session in enumerate(list(self.sessions)):
                _beat(session, now)
                if number % _HEARTBEATS_AT_ONCE == _HEARTBEATS_AT_ONCE - 1:
                    await asyncio.sleep(0)

    def directory_version(self) -> tuple[int, int]:
        """Which version of the directory of users there is, or was a moment ago. Raises DirectoryUnavailable."""
        now = self.clock()
        if now >= self._directory_due:
            self._directory = self.users.version()
            self._directory_due = now + limits.DIRECTORY_CHECK_SECONDS
        return self._directory

    async def watch_progress(self, seconds: float) -> None:
        """Every ``seconds``: clients that wait for a command are told how far it is."""
        while True:
            await asyncio.sleep(seconds)
            self.tell_progress()

    def tell_progress(self) -> None:
        """Tell clients that have waited long without a word."""
        now = self.clock()
        for session in [each for each in self.working if not each.idling]:
            session.progress.tick(now)


def _beat(session: "Session", now: float) -> None:
    """Look after one session; a fault of ours there must not end the heartbeat of all others."""
    try:
        session.heartbeat(now)
    except Exception:  # noqa: BLE001 - as above
        log.exception("heartbeat failed", peer=session.connection.peer)


def _limit(configured: int | None, usual: int, address: str) -> float:
    """How many connections from an address there may be: the machine itself stands for everybody who comes by it."""
    if configured is not None:
        return configured
    here = address in ("local", "::1") or address.startswith(("127.", "::ffff:127."))
    return inf if here else usual
