"""Password hashes: argon2id, its cost, and passwords that the program makes up.

Synchronous and slow on purpose: one hash costs tens of milliseconds and megabytes. The server calls this only from
the threads of :mod:`mailwren.auth.passwords`; the command line may call it directly.
"""

import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from mailwren.auth.errors import AuthenticationUnavailable
from mailwren.auth.preparation import prepare_password

_SALT_OCTETS: Final = 16
_HASH_OCTETS: Final = 32
_WORD_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the letters and digits that are mistaken for each other when typed from a screen."""


@dataclass(frozen=True, slots=True)
class HashCost:
    """What one argon2id hash costs.

    The default is the cheapest of the equally strong settings in wide use (19 MiB, two passes, one lane): about 20 ms.
    IMAP clients log in often and in parallel, and what they send is mostly a long random password.
    """

    memory_kib: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


DEFAULT_COST: Final = HashCost()
CHEAP: Final = HashCost(8, 1, 1)
"""The least that argon2 can do, for tests."""


def hash_password(password: str, cost: HashCost = DEFAULT_COST) -> str:
    """A salted hash of the prepared password, with its parameters, as text. Raises InvalidPassword."""
    return _hasher(cost).hash(prepare_password(password))


def verify_password(stored: str, password: str) -> bool:
    """Whether a prepared password is the one that was hashed; a text that is no hash fits no password.

    Raises:
        AuthenticationUnavailable: the hash could not be computed, such as for want of memory.
    """
    try:
        return PasswordHasher().verify(stored, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    except VerificationError as error:
        raise AuthenticationUnavailable from error


def needs_rehash(stored: str, cost: HashCost) -> bool:
    """Whether a hash is weaker in any parameter than one made now."""
    try:
        parameters = extract_parameters(stored)
    except InvalidHashError:
        return False
    return (
        parameters.type != Type.ID
        or parameters.memory_cost < cost.memory_kib
        or parameters.time_cost < cost.passes
        or parameters.hash_len < _HASH_OCTETS
    )


def dummy_hash(cost: HashCost) -> str:
    """A hash that no password has and that costs as much to verify as a real one; made without computing any."""
    salt, digest = (
        b64encode(secrets.token_bytes(octets)).rstrip(b"=").decode() for octets in (_SALT_OCTETS, _HASH_OCTETS)
    )
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"


def generate_password() -> str:
    """A password of 79 random bits in four groups that can be read out and typed on a phone."""
    return "-".join("".join(secrets.choice(_WORD_LETTERS) for _ in range(4)) for _ in range(4))


def _hasher(cost: HashCost) -> PasswordHasher:
    """The library's hasher for a cost."""
    return PasswordHasher(
        time_cost=cost.passes,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=_HASH_OCTETS,
        salt_len=_SALT_OCTETS,
        type=Type.ID,
    )
