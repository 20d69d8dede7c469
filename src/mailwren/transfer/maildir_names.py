"""File names and control files of Maildir folders: flags, keywords, order, subscriptions; reading and writing.

Sources: the Maildir specification (``:2,`` and its letters), Dovecot (``dovecot-keywords``, ``dovecot-uidlist``,
``subscriptions``, ``S=`` and ``W=`` in names), Courier (``courierimapkeywords``, ``courierimapsubscribed``).
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from mailwren.base import limits
from mailwren.store.values import INBOX
from mailwren.transfer.files import read_file
from mailwren.transfer.mailbox_names import Levels, decode_level

KEYWORDS = "dovecot-keywords"
UID_LIST = "dovecot-uidlist"
SUBSCRIPTIONS = "subscriptions"
LETTERS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "T": "\\Deleted", "D": "\\Draft", "P": "$Forwarded"}
"""Flags by their letter; ``T`` is trashed, which is what ``\\Deleted`` is."""
LETTERED_KEYWORDS = 26
"""Keywords that a folder's letters a to z can stand for."""

_INFO = re.compile(r"^(?P<base>.+?)[:!;][12],(?P<letters>[A-Za-z]*)[^/]*$")
_TIME = re.compile(r"(\d{9,10})[._]")
_UIDLIST_ROW = re.compile(rb"(\d+) (?:[^:\n]*)?:?([^\n]+)")


def split_name(name: str) -> tuple[str, str]:
    """The part of a file's name that stays the same, and the letters of its flags."""
    found = _INFO.match(name)
    if found is not None:
        return found["base"], found["letters"]
    return re.split("[:;!]", name, maxsplit=1)[0] or name, ""


def time_in_name(base: str) -> int | None:
    """When the file was made, in seconds since the epoch, as its name says."""
    found = _TIME.match(base)
    return int(found[1]) if found is not None else None


def flags_of_letters(letters: str, keywords: dict[str, str]) -> list[str]:
    """The flags that letters stand for; unknown ones for nothing."""
    known = (LETTERS.get(letter) or keywords.get(letter) for letter in letters)
    return [flag for flag in known if flag is not None]


def letters_of_flags(flags: Iterable[str], letters: dict[str, str], more: str = "") -> str:
    """The letters of flags, and more letters, in the order that the specification asks for: ascending."""
    return "".join(sorted([*(letters[flag.lower()] for flag in flags if flag.lower() in letters), *more]))


def _control_file(path: Path) -> bytes:
    try:
        return read_file(path, limits.IMPORT_CONTROL_FILE)[0]
    except OSError:
        return b""


def read_keywords(folder: Path) -> dict[str, str]:
    """Dovecot's keywords of a folder by their letter."""
    keywords: dict[str, str] = {}
    for line in _control_file(folder / KEYWORDS).splitlines():
        number, _, name = line.partition(b" ")
        if number.isdigit() and len(number) <= 2 and int(number) < LETTERED_KEYWORDS and name:
            keywords[chr(ord("a") + int(number))] = name.decode("utf-8", "replace")
    return keywords


def read_courier_keywords(folder: Path) -> dict[str, list[str]]:
    """Courier's keywords of a folder by the constant part of the file names.

    ``:list`` has the keywords, a blank line, then ``file:number number …``.
    """
    head, _, rest = _control_file(folder / "courierimapkeywords" / ":list").partition(b"\n\n")
    names = [line.decode("utf-8", "replace") for line in head.splitlines()]
    result: dict[str, list[str]] = {}
    for line in rest.splitlines():
        base, _, numbers = line.rpartition(b":")
        chosen = [int(number) for number in numbers.split() if number.isdigit() and len(number) < 6]
        result[split_name(base.decode("utf-8", "surrogateescape"))[0]] = [names[n] for n in chosen if n < len(names)]
    return result


def read_order(folder: Path) -> dict[str, int]:
    """UIDs by the constant part of the file names, from ``dovecot-uidlist`` or ``courierimapuiddb``."""
    octets = _control_file(folder / UID_LIST) or _control_file(folder / "courierimapuiddb")
    order: dict[str, int] = {}
    for line in octets.splitlines()[1:]:
        found = _UIDLIST_ROW.fullmatch(line)
        if found is not None and len(found[1]) <= 10:
            order[split_name(found[2].decode("utf-8", "surrogateescape"))[0]] = int(found[1])
    return order


def read_subscriptions(folder: Path) -> frozenset[Levels] | None:
    """The subscribed mailboxes of a tree; ``None`` where no file tells, which is not the same as an empty one."""
    for name in (SUBSCRIPTIONS, ".subscriptions", "courierimapsubscribed"):
        if (folder / name).is_file() and not (folder / name).is_symlink():
            return frozenset(_subscription_rows(_control_file(folder / name)))
    return None


def _subscription_rows(octets: bytes) -> Iterator[Levels]:
    lines = octets.splitlines()
    tabs = lines[:1] == [b"V\t2"]
    for line in lines[2:] if tabs else lines:
        separator = b"\t" if tabs else b"/" if b"/" in line else b"."
        levels = tuple(decode_level(level) for level in line.strip().split(separator) if level)
        if len(levels) > 1 and levels[0].upper() == INBOX:
            levels = levels[1:]
        if levels:
            yield levels
