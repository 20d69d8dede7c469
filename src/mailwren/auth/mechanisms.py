"""THE list of SASL mechanisms, the best first, and what a password leaves behind for those that never send it."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from mailwren.auth import cram_md5
from mailwren.auth.cram_md5 import CramMd5
from mailwren.auth.sasl import External, Login, Mechanism, OAuthBearer, Plain, SaslSurroundings, XOAuth2
from mailwren.auth.scram import Scram, ScramKeys

SCRAM_HASHES: Final = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
"""The kinds of SCRAM keys that every password leaves behind, with their hash functions."""
TOKENS: Final = frozenset({"OAUTHBEARER", "XOAUTH2"})
"""Mechanisms that need an authorization server."""

MECHANISMS: Final[dict[str, Callable[[SaslSurroundings], Mechanism]]] = {
    **{
        name: partial(Scram, name)
        for name in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1")
    },
    "OAUTHBEARER": lambda _surroundings: OAuthBearer(),
    "XOAUTH2": lambda _surroundings: XOAuth2(),
    "EXTERNAL": External,
    "CRAM-MD5": CramMd5,
    "PLAIN": lambda _surroundings: Plain(),
    "LOGIN": lambda _surroundings: Login(),
}
"""By their names in ``AUTH=`` capabilities (RFC 4422 §3.1)."""


def derived_secrets(password: str, *, with_cram_md5: bool = False) -> dict[str, str]:
    """What is to be kept of a new password besides its hash, by kind. Slow: tens of milliseconds."""
    kept = {name: ScramKeys.derive(password, hash_name).text() for name, hash_name in SCRAM_HASHES.items()}
    if with_cram_md5:
        kept[cram_md5.KIND] = cram_md5.derive(password)
    return kept


def lacking_secrets(known: Iterable[str], *, with_cram_md5: bool = False) -> bool:
    """Whether a user's password was set before all of them were kept."""
    wanted = {*SCRAM_HASHES, *([cram_md5.KIND] if with_cram_md5 else ())}
    return not wanted <= set(known)
