"""Texts as the database holds them: without half surrogates, and message-ids as numbers."""

import hashlib


def storable(text: str) -> str:
    """Text as the database can hold it: half surrogates replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def thread_key(message_id: str) -> int:
    """A message-id as a signed 64-bit number; equal numbers for different ones only by a rare chance."""
    digest = hashlib.blake2b(message_id.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
