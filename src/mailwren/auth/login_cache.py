"""Successful logins remembered for a while, without keeping anything a password could be guessed from.

A login is known by an HMAC over all that made it successful: the account, the password and the stored secret it was
checked against. So a changed password is noticed by itself. The key is random, lives only in this process, and
without it the digests tell nothing.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import Final

from mailwren.base import limits

_KEY_OCTETS: Final = 32
_INDEX_OCTETS: Final = 8


class LoginCache:
    """Remembers a bounded number of successful logins, each for a bounded time.

    Args:
        clock: seconds that never go back.
        size: logins kept; the oldest are forgotten first.
        seconds: how long one is kept.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        size: int = limits.LOGIN_CACHE,
        seconds: float = limits.LOGIN_CACHE_SECONDS,
    ) -> None:
        self._key: Final = secrets.token_bytes(_KEY_OCTETS)
        self._clock: Final = clock
        self._size: Final = size
        self._seconds: Final = seconds
        self._logins: Final[dict[bytes, tuple[bytes, float]]] = {}

    def digest(self, *parts: str) -> bytes:
        """The keyed digest of what makes a login; each part's length is part of it, so none can run into the next."""
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        message = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return hmac.digest(self._key, message, "sha256")

    def knows(self, digest: bytes) -> bool:
        """Whether this login succeeded lately.

        A few octets of the digest find the entry and the rest is compared in constant time.
        """
        known = self._logins.get(digest[:_INDEX_OCTETS])
        if known is None:
            return False
        remembered, expires = known
        if expires <= self._clock():
            del self._logins[digest[:_INDEX_OCTETS]]
            return False
        return hmac.compare_digest(remembered, digest)

    def remember(self, digest: bytes) -> None:
        """A login succeeded."""
        index = digest[:_INDEX_OCTETS]
        self._logins.pop(index, None)
        while len(self._logins) >= self._size:
            del self._logins[next(iter(self._logins))]
        self._logins[index] = (digest, self._clock() + self._seconds)

    def forget_all(self) -> None:
        """Forget every login."""
        self._logins.clear()

    def __len__(self) -> int:
        return len(self._logins)
