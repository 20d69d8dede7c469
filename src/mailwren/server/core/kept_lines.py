"""FETCH responses as they were sent lately, for whoever asks the same again: the next device, or the same one later.

What is kept are the lines of neighbouring messages together. They are used again only where everything that they were
made of is the same, compared by value. So nothing is ever to be told of changes, whichever process made them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

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


class KeptLines:
    """A bounded memory of lines; those used longest ago go first. Used on the event loop."""

    __slots__ = ("_entries", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        """Keep up to ``limit`` octets."""
        self._limit: Final = limit
        self._entries: Final[OrderedDict[LinesKey, tuple[Origin, bytes]]] = OrderedDict()
        self._size = 0

    def find(self, key: LinesKey, origin: Origin) -> bytes | None:
        """The lines, if they are kept and were made of the very same."""
        entry = self._entries.get(key)
        if entry is None or entry[0] != origin:
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def keep(self, key: LinesKey, origin: Origin, lines: bytes) -> None:
        """Keep lines instead of what there is under the key."""
        former = self._entries.pop(key, None)
        if former is not None:
            self._size -= _size(*former)
        if _size(origin, lines) > self._limit // 8:
            return
        self._size += _size(origin, lines)
        self._entries[key] = (origin, lines)
        while self._size > self._limit:
            self._size -= _size(*self._entries.popitem(last=False)[1])

    @property
    def size(self) -> int:
        """Octets that everything takes, about."""
        return self._size


def _size(origin: Origin, lines: bytes) -> int:
    return len(lines) + origin.size + _OVERHEAD
