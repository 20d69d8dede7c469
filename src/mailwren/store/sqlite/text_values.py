"""Texts as the database holds them: without half surrogates, and message-ids as numbers."""

import hashlib
from functools import lru_cache


def storable(text: str) -> str:
    """Text as the database can hold it: half surrogates replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=256)
def thread_key(message_id: str) -> int:
    """A message-id as a signed 64-bit number; equal numbers for different ones only by a rare chance.

    The last ones are remembered: each is asked for twice, and a thread's messages refer to the same ones.
    """
    digest = hashlib.blake2b(message_id.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
