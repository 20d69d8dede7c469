"""Message-IDs as thread keys (RFC 5322 §3.6.4, normalised as RFC 5256 §3 says)."""

import re
from typing import Final

from mailwren.base import limits
from mailwren.message.header import unfold

_IDENTIFIER: Final = re.compile(rb"<([^<>]+)>")
_SPACE: Final = re.compile(rb"\s+")
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(rb"\\(.)")


def message_id(value: bytes | None) -> str:
    """The identifier of a Message-ID field without angle brackets; the whole value where it has none."""
    if not value:
        return ""
    value = unfold(value)
    match = _IDENTIFIER.search(value)
    return _normal(match[1] if match else value)


def references(*values: bytes | None) -> tuple[str, ...]:
    """The identifiers of References and In-Reply-To in their order, without repeats.

    Of more than ``REFERENCES`` the first and the last ones are kept: the root of a thread and the near ancestors.
    """
    found: dict[str, None] = {}
    for value in values:
        if value:
            found.update(dict.fromkeys(map(_normal, _IDENTIFIER.findall(unfold(value)))))
    found.pop("", None)
    identifiers = tuple(found)
    if len(identifiers) > limits.REFERENCES:
        return identifiers[:1] + identifiers[1 - limits.REFERENCES :]
    return identifiers


def _normal(identifier: bytes) -> str:
    """Without folding and needless quotes, at most ``MESSAGE_ID`` characters."""
    identifier = identifier[: limits.MESSAGE_ID]
    if b'"' in identifier:
        identifier = _QUOTED.sub(lambda match: _ESCAPE.sub(rb"\1", match[1]), identifier)
    if not identifier.isascii():
        return _SPACE.sub(b"", identifier).decode("utf-8", "backslashreplace")
    return "".join(identifier.decode("ascii").split())
