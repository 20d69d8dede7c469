"""Message-IDs as thread keys (RFC 5322 §3.6.4, normalised as RFC 5256 §3 says)."""

import re
from collections.abc import Iterator
from itertools import islice
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


def thread_identifiers(
    message_id_field: bytes | None, references_field: bytes | None, in_reply_to_field: bytes | None
) -> tuple[str, tuple[str, ...]]:
    """A message's own identifier (empty without a valid one), and its references (RFC 5256 §3, REFERENCES).

    Those are the identifiers of References, or, where it has none, the first one of In-Reply-To; repeated ones stay.
    Valid is what stands between angle brackets and has an ``@`` inside. Of more than ``THREAD_REFERENCES`` the first
    and the last ones are kept: the root of a thread and the near ancestors.
    """
    own = next(_identifiers(message_id_field), "")
    found = tuple(_identifiers(references_field)) or tuple(islice(_identifiers(in_reply_to_field), 1))
    if len(found) > limits.THREAD_REFERENCES:
        found = found[:1] + found[1 - limits.THREAD_REFERENCES :]
    return own, found


def _identifiers(value: bytes | None) -> Iterator[str]:
    if value:
        for match in _IDENTIFIER.finditer(unfold(value)):
            identifier = _normal(match[1])
            if identifier.find("@", 1, -1) > 0:
                yield identifier


def _normal(identifier: bytes) -> str:
    """Without folding and needless quotes, at most ``MESSAGE_ID`` characters."""
    identifier = identifier[: limits.MESSAGE_ID]
    if b'"' in identifier:
        identifier = _QUOTED.sub(lambda match: _ESCAPE.sub(rb"\1", match[1]), identifier)
    if not identifier.isascii():
        return _SPACE.sub(b"", identifier).decode("utf-8", "backslashreplace")
    return "".join(identifier.decode("ascii").split())
