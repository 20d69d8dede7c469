"""Rows that search, sort and thread the big mailbox: a needle after another, so that no answer can be a kept one."""

from collections.abc import Sequence
from itertools import cycle

from bench.mail import DOMAINS, LESS_RARE, NAMES, RARE, WORDS
from bench.work import Measure, Row, Work, repeat

_SENDERS = [f"{user}@{domain}" for _, user in NAMES for domain in DOMAINS]
_LISTS = [f"{word}.lists.example.net" for word in WORDS]
_DATES = [
    f"SINCE {day}-Mar-{year} BEFORE {day}-Sep-2040 LARGER {9000 + day}" for day in range(1, 29) for year in (2019, 2020)
]


def _command(command: bytes) -> Measure:
    return lambda work: repeat(work, lambda: work.big.run(command))


def _searches(key: str, needles: Sequence[str]) -> Measure:
    def row(work: Work) -> float:
        endless = work.once(f"needles {key}", lambda: cycle(needles))
        return repeat(work, lambda: work.big.run(f"SEARCH {key}{next(endless)}".encode()))

    return row


SEARCHING = {
    "search-flags": Row("SEARCH UNSEEN FLAGGED", "/s", _command(b"SEARCH UNSEEN FLAGGED")),
    "search-dates": Row("SEARCH SINCE BEFORE LARGER", "/s", _searches("", _DATES)),
    "search-subject": Row("SEARCH SUBJECT word", "/s", _searches("SUBJECT ", WORDS)),
    "search-from": Row("SEARCH FROM address", "/s", _searches("FROM ", _SENDERS)),
    "search-list-id": Row("SEARCH HEADER List-Id value", "/s", _searches("HEADER List-Id ", _LISTS)),
    "search-body": Row("SEARCH BODY rare word", "/s", _searches("BODY ", RARE)),
    "search-text": Row("SEARCH TEXT less rare word", "/s", _searches("TEXT ", LESS_RARE)),
    "sort": Row("SORT (REVERSE DATE SUBJECT)", "/s", _command(b"SORT (REVERSE DATE SUBJECT) UTF-8 ALL")),
    "thread": Row("THREAD REFERENCES", "/s", _command(b"THREAD REFERENCES UTF-8 ALL")),
}
