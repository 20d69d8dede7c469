"""What each row is to reach, in one place, and whether it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

OURS = "mailwren"
Values = Mapping[str, Sequence[float]]
"""What one row measured: by server, one figure for each repetition."""


@dataclass(frozen=True)
class Target:
    """What is to be reached: ``ratio`` times as good as the best peer, or a figure of ours alone."""

    ratio: float | None = None
    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        if self.ratio is not None:
            return f"{self.ratio:g} ×"
        return f"≥ {self.least:,g}" if self.least is not None else f"≤ {self.most:,g}"


TARGETS = {
    "login": Target(ratio=3),
    "noop": Target(ratio=1.3),
    "append": Target(ratio=2),
    "append-8": Target(ratio=2),
    "deliver": Target(ratio=3),
    "select": Target(ratio=1),
    "flags": Target(ratio=1.5),
    "envelopes": Target(ratio=3),
    "headers": Target(ratio=1.5),
    "headers-whole": Target(ratio=3),
    "bodies": Target(ratio=1.5),
    "part": Target(ratio=1.5),
    "random": Target(ratio=1.5),
    "store-all": Target(ratio=1.2),
    "store-one": Target(ratio=1),
    "search-flags": Target(ratio=5),
    "search-dates": Target(ratio=4),
    "search-subject": Target(ratio=20),
    "search-from": Target(ratio=30),
    "search-list-id": Target(ratio=20),
    "search-body": Target(ratio=300),
    "search-text": Target(ratio=200),
    "sort": Target(ratio=3),
    "thread": Target(ratio=5),
    "copy": Target(ratio=5),
    "move": Target(ratio=3),
    "qresync": Target(ratio=2),
    "idle": Target(ratio=20),
    "mixed": Target(ratio=1.5),
    "workers": Target(least=1.6),
    "memory": Target(ratio=50),
    "memory-tls": Target(most=60),
    "memory-deflate": Target(most=120),
    "beside": Target(ratio=1),
    "million-cold": Target(most=500),
    "million-select": Target(most=5),
    "million-newest": Target(most=5),
    "million-search": Target(most=50),
    "million-qresync": Target(most=10),
    "crowd-memory": Target(most=600),
    "crowd-told": Target(most=1000),
    "import": Target(least=2000),
    "import-index": Target(most=120),
}
"""By row; a row without an entry is measured for information."""


def ratios(values: Values, *, fewer: bool) -> list[float]:
    """How many times as good we are as the best peer, for each repetition; none where there is no peer.

    Args:
        fewer: whether less is better.
    """
    peers = [list(each) for name, each in values.items() if name != OURS and each]
    ours = list(values.get(OURS, ()))
    if not peers or not ours:
        return []
    turns = min(len(ours), *(len(each) for each in peers))
    if fewer:
        return [min(each[turn] for each in peers) / max(ours[turn], 1e-9) for turn in range(turns)]
    return [ours[turn] / max(*(each[turn] for each in peers), 1e-9) for turn in range(turns)]


def reached(row: str, values: Values, *, fewer: bool) -> bool | None:
    """Whether the medians reach the row's target; ``None`` where there is none, or nothing to compare with."""
    target, ours = TARGETS.get(row), values.get(OURS)
    if target is None or not ours:
        return None
    if target.least is not None:
        return median(ours) >= target.least
    if target.most is not None:
        return median(ours) <= target.most
    found = ratios(values, fewer=fewer)
    return median(found) >= (target.ratio or 0) if found else None
