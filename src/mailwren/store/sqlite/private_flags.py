"""Which flags of a mailbox are private: each member has those for himself, and shares the others with everybody."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from mailwren.store.sqlite.flag_sets import folded
from mailwren.store.values import ALL_KEYWORDS

_CACHED: Final = 1024


class PrivateFlags:
    """Tells private flags from shared ones, without regard to ASCII case.

    Attributes:
        seen: whether ``\\Seen`` is private, and with it how much is unseen.
    """

    __slots__ = ("_folded", "_keywords", "seen")

    def __init__(self, names: frozenset[str]) -> None:
        """Those of a mailbox whose private flags are ``names``."""
        self._folded: Final = frozenset(map(folded, names))
        self._keywords: Final = ALL_KEYWORDS in names
        self.seen: Final = "\\Seen" in self

    def __contains__(self, name: str) -> bool:
        return folded(name) in self._folded or (self._keywords and not name.startswith("\\"))

    def own(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that are private, in the same order."""
        return tuple(name for name in names if name in self)

    def shared(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that are not."""
        return tuple(name for name in names if name not in self)

    def seen_by_member(self, shared: Iterable[str], own: Iterable[str]) -> tuple[str, ...]:
        """The flags that a member sees on a message that has ``shared``, and ``own`` of his own."""
        return (*self.shared(shared), *self.own(own))


@lru_cache(maxsize=_CACHED)
def private_flags(names: frozenset[str]) -> PrivateFlags:
    """The private flags of that many mailboxes are few, and asked for all the time."""
    return PrivateFlags(names)
