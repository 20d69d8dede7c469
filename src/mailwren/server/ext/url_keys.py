"""The INTERNAL mechanism: what proves that a user let others read what a URL names (RFC 4467 §2.4.1, §5, §6)."""

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final

from mailwren.store.operations import AccessKey, GiveAccessKey

if TYPE_CHECKING:
    from mailwren.server.places import Place
    from mailwren.store.api import Account

_ALGORITHM: Final = "01"
"""HMAC with SHA-256; stands before each token, so that another algorithm can come (RFC 4467 §2.4.1)."""
_KEY_SIZE: Final = 32
_DECOY: Final = secrets.token_bytes(_KEY_SIZE)


def token(key: bytes, rump: str) -> str:
    """The authorization token of a URL, hexadecimal."""
    return _ALGORITHM + hmac.new(key, rump.encode("utf-8"), hashlib.sha256).hexdigest()


def is_token(key: bytes | None, rump: str, given: str) -> bool:
    """Whether a token is the URL's; takes as long where there is no key (RFC 4467 §6)."""
    right = hmac.compare_digest(token(_DECOY if key is None else key, rump), given.lower())
    return right and key is not None


async def give_key(owner: "Account", place: "Place", *, replace: bool) -> bytes:
    """The key of a mailbox in its owner's table, made if need be. Raises StoreError."""
    (outcome,) = await owner.apply([GiveAccessKey(_name(place), secrets.token_bytes(_KEY_SIZE), replace)])
    assert isinstance(outcome, AccessKey)
    return outcome.key


async def find_key(owner: "Account", place: "Place") -> bytes | None:
    """The key of a mailbox in its owner's table, if there is one. Raises StoreError."""
    return await owner.access_key(_name(place))


def _name(place: "Place") -> str:
    return f"{place.account.id}/{place.mailbox.object_id}"
