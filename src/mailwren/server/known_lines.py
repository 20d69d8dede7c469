"""Command lines that clients send again and again, as they were read the first time: reading one takes as long as much
of what it asks for.

Of a command for one message, which is another one each time, all but the message's number is kept. Only commands of the
selected state are, only where what was read cannot be changed, and none that may have a secret in it.
"""

import re
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from mailwren.base import limits
from mailwren.imap.core.arguments import Fetch, Store
from mailwren.imap.sequence_set import SequenceSet
from mailwren.server.table import AnyCommand, Request, State

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mailwren.imap.frames import Fragments
    from mailwren.server.session import Session

_LINE: Final = re.compile(
    rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]{1,100}+) (?:((?i:(?:UID )?(?:FETCH|STORE))) ([1-9][0-9]{0,8}) )?+(.+)",
    re.DOTALL,
)
"""The tag, a command for one message, its number, and the rest, or the whole of another command."""
_KEPT: Final = frozenset({b"NOOP", b"CHECK", b"SELECT", b"EXAMINE", b"STATUS", b"FETCH", b"STORE", b"SEARCH"})


class _Known(NamedTuple):
    command: AnyCommand
    name: bytes
    by_uid: bool
    arguments: object


class ReadCommand(NamedTuple):
    """A command line that needs no reading any more."""

    command: AnyCommand
    request: Request
    arguments: object


class KnownLines:
    """A bounded memory of a process. Used on the event loop."""

    __slots__ = ("_limit", "_lines")

    def __init__(self, limit: int = limits.KNOWN_LINES) -> None:
        """Keep so many lines."""
        self._limit: Final = limit
        self._lines: Final[dict[Hashable, _Known]] = {}

    def find(self, session: "Session", fragments: "Fragments") -> ReadCommand | None:
        """What a line says to a session, if one like it was read before."""
        if session.state is not State.SELECTED or len(fragments) > 1:
            return None
        match = _LINE.fullmatch(cast("bytes", fragments[0]))
        if match is None:
            return None
        tag, head, number, rest = match.groups()
        known = self._lines.get((head, rest, session.utf8, session.uid_only))
        if known is None:
            return None
        command, name, by_uid, arguments = known
        if number is not None:
            arguments = _for_message(cast("Fetch | Store", arguments), int(number))
        return ReadCommand(command, Request(tag, name, by_uid), arguments)

    def learn(self, session: "Session", fragments: "Fragments", read: ReadCommand) -> None:
        """A line was read that is right; keep it, if it is one to be kept."""
        command, request, arguments = read
        if request.name not in _KEPT or session.state is not State.SELECTED or request.denormalized:
            return
        line = fragments[0]
        if len(fragments) > 1 or not isinstance(line, bytes) or len(line) > limits.KNOWN_LINE:
            return
        match = _LINE.fullmatch(line)
        if match is None or not _is_lasting(arguments):
            return
        _tag, head, _number, rest = match.groups()
        if len(self._lines) >= self._limit:
            self._lines.clear()
        key = (head, rest, session.utf8, session.uid_only)
        self._lines[key] = _Known(command, request.name, request.by_uid, arguments)


def _for_message(arguments: Fetch | Store, number: int) -> Fetch | Store:
    """The same for another message."""
    messages = SequenceSet(((number, number),))
    if isinstance(arguments, Fetch):
        return Fetch(messages, arguments.items, arguments.modifiers)
    return Store(messages, arguments.mode, arguments.silent, arguments.flags, arguments.modifiers, arguments.attribute)


def _is_lasting(arguments: object) -> bool:
    """Whether nobody can change them: what can be hashed is made of what cannot be changed."""
    try:
        hash(arguments)
    except TypeError:
        return False
    return True
