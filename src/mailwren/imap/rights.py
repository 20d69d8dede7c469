"""Rights in mailboxes: the letters of RFC 4314 §2.1, how they are written, changed and put together. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from mailwren.imap.errors import BadCommand
from mailwren.imap.flags import SYSTEM_FLAGS

LETTERS: Final = "lrswipkxtena"
"""Every right there is, in the order in which they are written; ``n`` is that of RFC 5257 §3.4."""
ALL_RIGHTS: Final = frozenset(LETTERS)
"""What the owner of a mailbox may do unless he says otherwise."""
TEAM_RIGHTS: Final = ALL_RIGHTS - {"a"}
"""What members may do with a team's mailboxes unless something else is said: all but say who may do what."""
OWNER_ALWAYS: Final = frozenset("la")
"""What the owner of a mailbox cannot lose: else nobody could put a list right again."""
REVEALING: Final = frozenset("lrikxa")
"""Whoever has one of these may know that the mailbox is there: MYRIGHTS would tell him (RFC 4314 §4)."""
OF_FLAGS: Final = {"\\seen": "s", "\\deleted": "t"}
"""The rights that flags in lower case need; all others need ``w`` (RFC 4314 §4)."""
_ALL_FLAGS: Final = frozenset("swt")
NEGATIVE: Final = "-"
"""Before an identifier whose rights are taken away (RFC 4314 §2)."""

_VIRTUAL: Final = {"c": frozenset("kx"), "d": frozenset("te")}
"""The rights of RFC 2086 and what they stand for (RFC 4314 §2.1.1, the first of the two readings)."""
_ORDER: Final = "lrswipkxtencda"
_NOT_A_RIGHT: Final = re.compile(r"[^lrswipkxtenacd]")


def parse_rights(text: str) -> frozenset[str]:
    """Rights out of their letters, virtual ones as what they stand for.

    Raises:
        BadCommand: "an unrecognized right MUST cause the command to return the BAD response" (RFC 4314 §3.1).
    """
    wrong = _NOT_A_RIGHT.search(text)
    if wrong is not None:
        if "A" <= wrong[0] <= "Z":
            raise BadCommand("Uppercase rights are not allowed")
        raise BadCommand(f"The right {wrong[0]!a} is not supported")
    return frozenset(letter for each in text for letter in _VIRTUAL.get(each, (each,)))


def write_rights(rights: Collection[str]) -> str:
    """Rights as letters, with ``c`` and ``d`` where a client of RFC 2086 has to see them (RFC 4314 §2.1.1)."""
    shown = {*rights, *(letter for letter, members in _VIRTUAL.items() if not members.isdisjoint(rights))}
    return "".join(letter for letter in _ORDER if letter in shown)


def stored_rights(rights: Collection[str]) -> str:
    """Rights as letters in their order, without virtual ones."""
    return "".join(letter for letter in LETTERS if letter in rights)


def changed_rights(before: Collection[str], sign: str, rights: Collection[str]) -> frozenset[str]:
    """What SETACL makes of an entry: ``+`` adds, ``-`` takes away, nothing replaces (RFC 4314 §3.1)."""
    if sign == "+":
        return frozenset({*before, *rights})
    return frozenset(before).difference(rights) if sign == "-" else frozenset(rights)


def effective_rights(
    acl: Mapping[str, str],
    identifiers: Collection[str],
    *,
    owner: str,
    default: Collection[str],
    always: Collection[str] = (),
) -> frozenset[str]:
    """What somebody may do whom several identifiers mean: all that they grant together, less what they take away.

    Args:
        acl: the letters of each identifier; with a dash before it those that are taken away from it.
        identifiers: those that mean him.
        owner: the identifier whose mailbox it is.
        default: what the owner may do while the list has no entry for him.
        always: what the owner may do whatever the list says.
    """
    granted: set[str] = set()
    for identifier in identifiers:
        granted.update(acl.get(identifier, default if identifier == owner else ""))
    for identifier in identifiers:
        granted.difference_update(acl.get(NEGATIVE + identifier, ""))
    if owner in identifiers:
        granted.update(always)
    return frozenset(granted)


def flags_to_keep(rights: frozenset[str]) -> frozenset[str]:
    """The flags that somebody may not change; ``*`` stands for all keywords."""
    if rights >= _ALL_FLAGS:  # almost always
        return frozenset()
    return frozenset({*SYSTEM_FLAGS, "*"}.difference(permitted_flags(rights, [*SYSTEM_FLAGS, "*"])))


def permitted_flags(rights: Collection[str], flags: Collection[str]) -> tuple[str, ...]:
    """The flags that somebody may set and clear (RFC 4314 §4): ``s`` for \\Seen, ``t`` for \\Deleted, else ``w``."""
    return tuple(flag for flag in flags if OF_FLAGS.get(flag.lower(), "w") in rights)
