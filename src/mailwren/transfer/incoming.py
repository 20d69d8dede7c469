"""What the readers yield: messages, one by one, and what they could not take; no store words."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from mailwren.base import limits
from mailwren.transfer.quoting import MboxDialect


@dataclass(slots=True)
class Incoming:
    """A message on its way in."""

    mailbox: str
    """The name of the mailbox it goes to."""
    source: bytes
    """Its octets as they are to be stored."""
    flags: tuple[str, ...]
    """As the file has them: spelling and number not yet checked."""
    internal_date: datetime | None
    """Aware; ``None`` where nothing tells it."""
    origin: str
    """Where it comes from, for reports: ``path`` or ``path:offset``."""
    file_octets: int
    """How much of the file it takes, for the progress."""
    identity: str = ""
    """The same at every import of the same folder, see :func:`with_identity`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not taken, or was taken changed: where it is and why."""

    origin: str
    reason: str
    file_octets: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What readers are told."""

    dialect: MboxDialect = MboxDialect.AUTO
    max_message: int = limits.MESSAGE
    """Octets of the largest message that is taken."""


Found: TypeAlias = Incoming | Problem


def with_identity(found: Iterable[Found]) -> Iterator[Found]:
    """Give each message of one folder its identity: octets, mailbox, and the how manieth of equals it is.

    So a second import finds every message again, and two equal messages in one folder still are two. Remembers eight
    octets for each message of the folder: should two ever agree by chance, the same happens at the next import.
    """
    counts: dict[int, int] = {}
    seen: set[int] = set()
    for item in found:
        if isinstance(item, Incoming):
            digest = hashlib.sha256(item.source)
            digest.update(b"\0" + item.mailbox.encode("utf-8", "surrogateescape"))
            short = int.from_bytes(digest.digest()[:8], "big")
            ordinal = 0
            if short in seen:
                ordinal = counts[short] = counts.get(short, 0) + 1
            else:
                seen.add(short)
            item.identity = f"{digest.hexdigest()}.{ordinal}"
        yield item
