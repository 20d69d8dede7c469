"""Message-IDs as thread keys (RFC 5322 §3.6.4, normalised as RFC 5256 §3 says)."""

import re
from functools import lru_cache
from typing import Final

from mailwren.base import limits
from mailwren.message.header import unfold

_IDENTIFIER: Final = re.compile(rb"<([^<>]+)>")
_PLAIN_IDENTIFIER: Final = re.compile(r"<([^<>]+)>")
_SPACE: Final = re.compile(rb"\s+")
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(rb"\\(.)")
_SHORT: Final = 8 * 1024
"""Octets of a value that is worth remembering."""


def message_id(value: bytes | None) -> str:
    """The identifier of a Message-ID field without angle brackets; the whole value where it has none."""
    if not value:
        return ""
    found = _identifiers(value)
    return found[0] if found else _normal(unfold(value))


def references(*values: bytes | None) -> tuple[str, ...]:
    """The identifiers of References and In-Reply-To in their order, without repeats.

    Of more than ``REFERENCES`` the first and the last ones are kept: the root of a thread and the near ancestors.
    """
    found: dict[str, None] = {}
    for value in values:
        if value:
            found.update(dict.fromkeys(_identifiers(value)))
    found.pop("", None)
    identifiers = tuple(found)
    if len(identifiers) > limits.REFERENCES:
        return identifiers[:1] + identifiers[1 - limits.REFERENCES :]
    return identifiers


def thread_identifiers(
    message_id_field: bytes | None, references_field: bytes | None, in_reply_to_field: bytes | None
) -> tuple[str, tuple[str, ...]]:
    """A message's own identifier (empty without a valid one), and its references (RFC 5256 §3, REFERENCES).

    Those are the identifiers of References, or, where it has none, the first one of In-Reply-To; repeated ones stay.
    Valid is what stands between angle brackets and has an ``@`` inside. Of more than ``THREAD_REFERENCES`` the first
    and the last ones are kept: the root of a thread and the near ancestors.
    """
    own = next(iter(_valid(message_id_field)), "")
    found = _valid(references_field) or _valid(in_reply_to_field)[:1]
    if len(found) > limits.THREAD_REFERENCES:
        found = found[:1] + found[1 - limits.THREAD_REFERENCES :]
    return own, tuple(found)


def _valid(value: bytes | None) -> list[str]:
    return [each for each in _identifiers(value) if each.find("@", 1, -1) > 0] if value else []


def _identifiers(value: bytes) -> tuple[str, ...]:
    """What stands between angle brackets."""
    return _remembered(value) if len(value) <= _SHORT else _read(value)


def _read(value: bytes) -> tuple[str, ...]:
    if len(value) <= limits.MESSAGE_ID and value.isascii() and b'"' not in value:
        text = "".join(value.decode("ascii").split())
        if "<>" not in text:
            return tuple(_PLAIN_IDENTIFIER.findall(text))
    return tuple([_normal(identifier) for identifier in _IDENTIFIER.findall(unfold(value))])


_remembered = lru_cache(maxsize=8)(_read)
"""A message's fields are asked for twice: for FETCH and SEARCH, and for THREAD."""


def _normal(identifier: bytes) -> str:
    """Without folding and needless quotes, at most ``MESSAGE_ID`` characters."""
    identifier = identifier[: limits.MESSAGE_ID]
    if b'"' in identifier:
        identifier = _QUOTED.sub(lambda match: _ESCAPE.sub(rb"\1", match[1]), identifier)
    if not identifier.isascii():
        return _SPACE.sub(b"", identifier).decode("utf-8", "backslashreplace")
    return "".join(identifier.decode("ascii").split())
