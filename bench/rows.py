"""The rows: what is done, how often, and what is counted."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

from bench.mail import DOMAINS, NAMES, RARE_WORD, WORDS
from bench.servers import Server
from bench.wire import Imap, Lmtp

HEADER_LIST = (
    b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
    b"Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])"
)
_CHANGED = 1000
_RARE = [RARE_WORD[start:stop] for start in range(5) for stop in range(start + 6, len(RARE_WORD) + 1)]
"""Pieces of the word that stands in one of two thousand messages."""
_LESS_RARE = [f"{number:04d}" for number in random.Random(8).sample(range(1000, 10_000), 500)]
"""Digits that stand in ids and numbers of one message in some hundred."""
_SENDERS = [f"{user}@{domain}" for _, user in NAMES for domain in DOMAINS]
_LISTS = [f"{word}.lists.example.net" for word in WORDS]


@dataclass(frozen=True)
class Work:
    """What every row is given."""

    server: Server
    big: Imap
    """Logged in, with the big mailbox selected."""
    count: int
    """Messages in it."""
    mail: list[bytes]
    seconds: float
    """How long a row that repeats goes on."""


Row = Callable[[Work], float]
"""Does the work, returns things done a second."""


def _repeat(work: Work, act: Callable[[], object], things: float = 1) -> float:
    """Repeat ``act`` for a while; how many things a second."""
    start = time.perf_counter()
    times = 0
    while True:
        act()
        times += 1
        elapsed = time.perf_counter() - start
        if elapsed >= work.seconds:
            return times * things / elapsed


def _command(command: bytes, *, per_message: bool = False) -> Row:
    def row(work: Work) -> float:
        return _repeat(work, lambda: work.big.run(command), work.count if per_message else 1)

    return row


def _searches(key: str, needles: Sequence[str]) -> Row:
    """A search for one needle after the other, so that no answer can be one that was kept."""

    def row(work: Work) -> float:
        endless = cycle(needles)
        return _repeat(work, lambda: work.big.run(f"SEARCH {key} {next(endless)}".encode()))

    return row


def login(work: Work) -> float:
    """A new connection, login and SELECT each."""

    def act() -> None:
        connection = Imap(work.server.imap_port)
        connection.run(b"SELECT Big")
        connection.close()

    return _repeat(work, act)


def append(work: Work) -> float:
    """APPEND, one connection, one after another."""
    connection = Imap(work.server.imap_port, "bert")
    source = iter(work.mail * 1000)

    def act() -> None:
        message = next(source)
        connection.run(b"APPEND INBOX {%d+}\r\n%b" % (len(message), message))

    result = _repeat(work, act)
    connection.close()
    return result


def deliver(work: Work) -> float:
    """LMTP, one connection, one after another."""
    connection = Lmtp(work.server.lmtp_port)
    source = iter(work.mail * 1000)
    result = _repeat(work, lambda: connection.deliver("carl", next(source)))
    connection.close()
    return result


def bodies(work: Work) -> float:
    """Every message whole; megabytes a second."""
    start = time.perf_counter()
    octets = work.big.run(b"FETCH 1:* BODY.PEEK[]")
    return octets / 1e6 / (time.perf_counter() - start)


def random_bodies(work: Work) -> float:
    """One whole message at a time, at random."""
    source = random.Random(5)
    return _repeat(work, lambda: work.big.run(b"FETCH %d BODY.PEEK[]" % source.randint(1, work.count)))


def store_all(work: Work) -> float:
    """A keyword put on every message, and taken off."""
    signs = iter(b"+-" * 100_000)
    return _repeat(work, lambda: work.big.run(b"STORE 1:* %cFLAGS (Bench)" % next(signs)), work.count)


def store_one(work: Work) -> float:
    """A flag on one message at a time."""
    source = random.Random(6)
    signs = iter(b"+-" * 1_000_000)

    def act() -> None:
        work.big.run(b"STORE %d %cFLAGS (\\Flagged)" % (source.randint(1, work.count), next(signs)))

    return _repeat(work, act)


def copy_away(work: Work) -> float:
    """COPY of a quarter of the messages into an empty mailbox; messages a second."""
    quarter = max(work.count // 4, 1)
    work.big.run(b"CREATE Copied")
    start = time.perf_counter()
    work.big.run(b"COPY 1:%d Copied" % quarter)
    elapsed = time.perf_counter() - start
    work.big.run(b"DELETE Copied")
    return quarter / elapsed


def resynchronise(work: Work) -> float:
    """SELECT of a program that was away while a thousand messages changed one by one."""
    connection = Imap(work.server.imap_port)
    connection.run(b"ENABLE QRESYNC")
    known = connection.ask(b"SELECT Big")
    uid_validity, modseq = (int(_number(known, name)) for name in (b"UIDVALIDITY", b"HIGHESTMODSEQ"))
    for number in random.Random(7).sample(range(1, work.count + 1), min(_CHANGED, work.count)):
        connection.run(b"STORE %d +FLAGS.SILENT (Resync%d)" % (number, modseq))
    result = _repeat(work, lambda: connection.run(b"SELECT Big (QRESYNC (%d %d))" % (uid_validity, modseq)))
    connection.close()
    return result


def _number(answer: bytes, name: bytes) -> bytes:
    """The number behind a response code."""
    return answer.partition(b"[" + name + b" ")[2].partition(b"]")[0]


ROWS: dict[str, tuple[str, Row]] = {
    "login": ("login + SELECT, new connection each (/s)", login),
    "noop": ("NOOP, one after another (/s)", _command(b"NOOP")),
    "append": ("APPEND, 1 connection (/s)", append),
    "deliver": ("LMTP, 1 connection (/s)", deliver),
    "select": ("SELECT (/s)", _command(b"SELECT Big")),
    "flags": ("UID FETCH 1:* FLAGS (msg/s)", _command(b"UID FETCH 1:* FLAGS", per_message=True)),
    "envelopes": (
        "FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE) (msg/s)",
        _command(b"FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)", per_message=True),
    ),
    "headers": ("FETCH 1:* of Thunderbird's header list (msg/s)", _command(HEADER_LIST, per_message=True)),
    "bodies": ("FETCH 1:* BODY.PEEK[] (MB/s)", bodies),
    "random": ("FETCH n BODY.PEEK[], at random (/s)", random_bodies),
    "store-all": ("STORE 1:* ±FLAGS keyword (msg/s)", store_all),
    "store-one": ("STORE n ±FLAGS, one at a time (/s)", store_one),
    "search-flags": ("SEARCH UNSEEN FLAGGED (/s)", _command(b"SEARCH UNSEEN FLAGGED")),
    "search-dates": (
        "SEARCH SINCE BEFORE LARGER (/s)",
        _command(b"SEARCH SINCE 1-Jan-2020 BEFORE 1-Jan-2040 LARGER 9000"),
    ),
    "search-subject": ("SEARCH SUBJECT word (/s)", _searches("SUBJECT", WORDS)),
    "search-from": ("SEARCH FROM address (/s)", _searches("FROM", _SENDERS)),
    "search-list-id": ("SEARCH HEADER List-Id value (/s)", _searches("HEADER List-Id", _LISTS)),
    "search-body": ("SEARCH BODY rare word (/s)", _searches("BODY", _RARE)),
    "search-text": ("SEARCH TEXT less rare word (/s)", _searches("TEXT", _LESS_RARE)),
    "sort": ("SORT (REVERSE DATE SUBJECT) (/s)", _command(b"SORT (REVERSE DATE SUBJECT) UTF-8 ALL")),
    "thread": ("THREAD REFERENCES (/s)", _command(b"THREAD REFERENCES UTF-8 ALL")),
    "qresync": ("SELECT (QRESYNC …), 1,000 changes (/s)", resynchronise),
    "copy": ("COPY of a quarter (msg/s)", copy_away),
}
"""Rows by name."""
