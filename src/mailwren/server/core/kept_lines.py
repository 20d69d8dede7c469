"""FETCH responses as they were sent lately, for whoever asks the same again: the next device, or the same one later.

What is kept are the lines of neighbouring messages together. They are used again only where everything that they were
made of is the same, compared by value. So nothing is ever to be told of changes, whichever process made them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mailwren.base import limits
from mailwren.base.ids import ContentId, Uid
from mailwren.base.ranges import RangeSet

_MESSAGE: Final = 4 + 8 + 4 + 8
"""Octets of the arrays that tell a message's origin."""
_OVERHEAD: Final = 512
"""Octets that an entry takes besides its lines and its messages."""


class Origin(NamedTuple):
    """What lines are made of besides the messages' contents, which never change; all in step."""

    uids: Sequence[Uid]
    contents: Sequence[ContentId]
    """An account gives each id out once only."""
    flags: Sequence[int] | None
    """Flag set ids, given out once only as well; ``None`` where the lines do not tell flags."""
    modseqs: Sequence[int] | None
    """``None`` where the lines do not tell them."""
    recent: RangeSet | None
    """UIDs told as recent, if any."""

    @property
    def size(self) -> int:
        """Octets that it takes."""
        return _MESSAGE * len(self.uids)


class LinesKey(NamedTuple):
    """Which lines: whatever else they depend on, other than what may change."""

    state: int
    """The number of the mailbox's state as one user sees it: see MailboxState."""
    asked: str
    """The items, and in which form."""
    first: int
    """The message number of the first one."""


@dataclass(slots=True)
class _Entry:
    """Lines, what they were made of, and in which period they were used last."""

    origin: Origin
    lines: bytes
    period: int

    @property
    def size(self) -> int:
        """Octets that it takes, about."""
        return len(self.lines) + self.origin.size + _OVERHEAD


class KeptLines:
    """A bounded memory of lines; those used longest ago go first. Used on the event loop.

    Lines never take the place of others of the same list: who asks for a list that is longer than the memory again and
    again would find nothing any more, as what comes next is always what was used longest ago.
    """

    __slots__ = ("_entries", "_limit", "_period", "_size")

    def __init__(self, limit: int) -> None:
        """Keep up to ``limit`` octets."""
        self._limit: Final = limit
        self._entries: Final[OrderedDict[LinesKey, _Entry]] = OrderedDict()
        self._period = 0
        self._size = 0

    def find(self, key: LinesKey, origin: Origin) -> bytes | None:
        """The lines, if they are kept and were made of the very same."""
        entry = self._entries.get(key)
        if entry is None or entry.origin != origin:
            return None
        entry.period = self._period
        self._entries.move_to_end(key)
        return entry.lines

    def keep(self, key: LinesKey, origin: Origin, lines: bytes) -> None:
        """Keep lines instead of what there is under the key."""
        former = self._entries.pop(key, None)
        if former is not None:
            self._size -= former.size
        entry = _Entry(origin, lines, self._period)
        if entry.size > self._limit // 8:
            return
        while self._size + entry.size > self._limit:
            oldest = next(iter(self._entries))
            if oldest.state == key.state and oldest.asked == key.asked:
                return
            self._drop_oldest()
        self._size += entry.size
        self._entries[key] = entry

    def tick(self) -> None:
        """A period is over: let go of what was not used for ``limits.LINES_PERIODS`` of them."""
        self._period += 1
        while self._entries and self._period - next(iter(self._entries.values())).period > limits.LINES_PERIODS:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._size -= self._entries.popitem(last=False)[1].size

    @property
    def size(self) -> int:
        """Octets that everything takes, about."""
        return self._size
