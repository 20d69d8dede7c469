"""How long a login has to wait after failures before it. Pure: no clock, no sleeping, no logging.

Failures are counted per address (IPv6 by /64, which one customer has) and per user name, known or not. A pair of
address and user that logged in successfully is trusted: from then on only its own failures delay it. So nobody can
lock a user out from elsewhere, and one device with an old password does not slow down the office behind the same
address. A success takes the pair's own failures back from both counts and nobody else's: an attacker with an
account cannot wash the address clean, nor does the victim's mail client wash away the attacker's failures.

Other processes of the server count for themselves, and what they count is added: whoever connects to all of them gains
nothing, and whom one of them trusts is trusted. Only what one of them counted it can take back.
"""

import ipaddress
from collections.abc import Hashable
from functools import lru_cache
from typing import Final, Protocol

from mailwren.auth.errors import InvalidUserName
from mailwren.auth.preparation import prepare_user_name
from mailwren.base import limits

_IPV6_NETWORK_OCTETS: Final = 8
_MOST_DOUBLINGS: Final = 30


class Elsewhere(Protocol):
    """What the other processes of a server count, in seconds of a clock that all have in common."""

    def tell(self, key: Hashable, number: int, now: float) -> None:
        """This process counts so many failures of a key, the last one now."""
        ...

    def failures(self, key: Hashable, since: float) -> int | None:
        """How many the others count whose last one was at ``since`` or later; ``None``: no other knows the key."""
        ...


class LoginThrottle:
    """The failures of one process and of those beside it. ``now`` is in seconds of any clock that never goes back.

    ``address`` is the peer's IP address as text; everything else (a UNIX socket's peer) counts as one address.
    """

    def __init__(self, elsewhere: Elsewhere | None = None) -> None:
        self._by_address: Final = _Failures("address", elsewhere)
        self._by_user: Final = _Failures("user", elsewhere)
        self._by_stranger: Final = _Failures("stranger", elsewhere)
        self._by_trusted: Final = _Failures("trusted", elsewhere)

    def delay(self, address: str, user_name: str, now: float) -> float:
        """Seconds to wait before the next check of this user's password for this address."""
        network, user = _network(address), _user(user_name)
        if (network, user) in self._by_trusted:
            return _delay(self._by_trusted.count((network, user), now))
        return _delay(max(self._by_address.count(network, now), self._by_user.count(user, now)))

    def failed(self, address: str, user_name: str, now: float) -> None:
        """A password was wrong."""
        network, user = _network(address), _user(user_name)
        if (network, user) in self._by_trusted:
            self._by_trusted.add((network, user), now)
            return
        for failures, key in self._places(network, user):
            failures.add(key, now)

    def succeeded(self, address: str, user_name: str, now: float) -> None:
        """A password was right: the pair starts anew and is trusted."""
        network, user = _network(address), _user(user_name)
        own = self._by_stranger.count_here((network, user), now)
        for failures, key in self._places(network, user):
            failures.take_back(key, own)
        self._by_trusted.reset((network, user), now)

    def _places(self, network: bytes, user: str) -> "tuple[tuple[_Failures, _Key], ...]":
        """Where a stranger's failure is counted."""
        return (self._by_address, network), (self._by_user, user), (self._by_stranger, (network, user))


_Key = bytes | str | tuple[bytes, str]


class _Failures:
    """Failures by key with the time of the last one; bounded, the one not touched for longest goes first."""

    def __init__(self, kind: str, elsewhere: Elsewhere | None) -> None:
        self._kind: Final = kind
        self._elsewhere: Final = elsewhere
        self._entries: Final[dict[_Key, tuple[int, float]]] = {}

    def __contains__(self, key: _Key) -> bool:
        elsewhere = self._elsewhere
        return key in self._entries or (elsewhere is not None and elsewhere.failures((self._kind, key), 0) is not None)

    def count(self, key: _Key, now: float) -> int:
        """Failures of the key, none when the last one is long ago."""
        number = self.count_here(key, now)
        if self._elsewhere is not None:
            number += self._elsewhere.failures((self._kind, key), now - limits.LOGIN_FAILURE_FORGOTTEN_SECONDS) or 0
        return number

    def count_here(self, key: _Key, now: float) -> int:
        """Those that this process has seen."""
        number, last = self._entries.get(key, (0, 0.0))
        return number if now - last < limits.LOGIN_FAILURE_FORGOTTEN_SECONDS else 0

    def add(self, key: _Key, now: float) -> None:
        """One more failure."""
        self._put(key, self.count_here(key, now) + 1, now)

    def reset(self, key: _Key, now: float) -> None:
        """No failures, but the key stays known."""
        self._put(key, 0, now)

    def take_back(self, key: _Key, number: int) -> None:
        """That many failures fewer; a key without failures is forgotten."""
        count, last = self._entries.get(key, (0, 0.0))
        if count > number:
            self._entries[key] = (count - number, last)
        else:
            self._entries.pop(key, None)
        if count and number and self._elsewhere is not None:
            self._elsewhere.tell((self._kind, key), max(0, count - number), last)

    def _put(self, key: _Key, number: int, now: float) -> None:
        """Set an entry and make it the youngest."""
        self._entries.pop(key, None)
        while len(self._entries) >= limits.LOGIN_FAILURE_MEMORY:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (number, now)
        if self._elsewhere is not None:
            self._elsewhere.tell((self._kind, key), number, now)


def _delay(failures: int) -> float:
    """Nothing, then the first delay, doubled with each further failure up to the longest."""
    if not failures:
        return 0.0
    doubled = limits.LOGIN_FAILURE_DELAY * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    return min(doubled, limits.LOGIN_FAILURE_DELAY_MAX)


@lru_cache(maxsize=limits.CLIENT_ADDRESSES_REMEMBERED)
def _network(address: str) -> bytes:
    """What is counted as one address: an IPv4 address, an IPv6 /64, or everything that is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return b""
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return parsed.packed[:_IPV6_NETWORK_OCTETS] if mapped is None else mapped.packed
    return parsed.packed


def _user(user_name: str) -> str:
    """The prepared name; all texts that cannot be a name count as one."""
    try:
        return prepare_user_name(user_name)
    except InvalidUserName:
        return ""
