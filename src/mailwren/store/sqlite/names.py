"""Names of mailboxes: what they may be, the one spelling of INBOX, and their levels."""

import re
from collections.abc import Iterator
from typing import Final

from mailwren.base import limits
from mailwren.store.errors import InvalidName, NoSuchMailbox
from mailwren.store.values import INBOX, SEPARATOR

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What a mailbox name must not hold (RFC 9051 §5.1, RFC 5198 §2)."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def canonical(name: str) -> str:
    """The name as it is stored: INBOX is the same in any case, also above others (RFC 9051 §5.1).

    Raises:
        NoSuchMailbox: the text has half surrogates, so that no mailbox can have it.
    """
    if not name.isascii() and _SURROGATE.search(name):
        raise NoSuchMailbox("the mailbox does not exist")
    head, separator, rest = name.partition(SEPARATOR)
    return INBOX + separator + rest if head.isascii() and head.upper() == INBOX else name


def check_name(name: str) -> str:
    """The canonical form of a name that a mailbox can have. Raises InvalidName."""
    if not name:
        raise InvalidName("a mailbox needs a name")
    if _CONTROL.search(name):
        raise InvalidName("a mailbox name cannot hold control characters")
    if len(name.encode()) > limits.MAILBOX_NAME:
        raise InvalidName("the mailbox name is too long")
    levels = name.split(SEPARATOR)
    if not all(levels):
        raise InvalidName(f"a level of a mailbox name cannot be empty: no {SEPARATOR} first, last or twice")
    if len(levels) > limits.MAILBOX_DEPTH:
        raise InvalidName("the mailbox name has too many levels")
    return canonical(name)


def above(name: str) -> Iterator[str]:
    """The names above a name, from the top."""
    levels = name.split(SEPARATOR)
    for number in range(1, len(levels)):
        yield SEPARATOR.join(levels[:number])


def below(name: str) -> tuple[str, str]:
    """Bounds of the names below a name: from the first on, before the second."""
    return name + SEPARATOR, name + chr(ord(SEPARATOR) + 1)
