"""Command lines that clients send again and again, as they were read the first time: reading one takes as long as much
of what it asks for.

Of a command for one message, which is another one each time, all but the message's number is kept. Only commands of the
selected state are, only where what was read cannot be changed, and none that may have a secret in it.
"""

from typing import TYPE_CHECKING, Final, NamedTuple, cast

from mailwren.base import limits
from mailwren.imap.core.arguments import Fetch, Store
from mailwren.imap.sequence_set import SequenceSet
from mailwren.server.table import AnyCommand, Request, State

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mailwren.imap.frames import Fragments
    from mailwren.server.session import Session

_LARGEST: Final = 9
"""Digits of a message number that is certainly not too large."""
_ZERO: Final = ord("0")
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
        tag, number, key = _taken_apart(cast("bytes", fragments[0]))
        known = self._lines.get((key, session.utf8, session.uid_only) if session.enabled else key)
        if known is None or not tag.isalnum():
            return None
        command, name, by_uid, arguments = known
        if number:
            arguments = _for_message(cast("Fetch | Store", arguments), number)
        return ReadCommand(command, Request(tag, name, by_uid), arguments)

    def learn(self, session: "Session", fragments: "Fragments", read: ReadCommand) -> None:
        """A line was read that is right; keep it, if it is one to be kept."""
        command, request, arguments = read
        if request.name not in _KEPT or session.state is not State.SELECTED or request.denormalized:
            return
        line = fragments[0]
        if len(fragments) > 1 or not isinstance(line, bytes) or len(line) > limits.KNOWN_LINE:
            return
        _tag, number, key = _taken_apart(line)
        if not _is_lasting(arguments) or (number and not isinstance(arguments, Fetch | Store)):
            return
        if len(self._lines) >= self._limit:
            self._lines.clear()
        known = _Known(command, request.name, request.by_uid, arguments)
        self._lines[(key, session.utf8, session.uid_only) if session.enabled else key] = known


def _taken_apart(line: bytes) -> tuple[bytes, int, tuple[bytes, ...]]:
    """The tag, the number of the one message that a command is for (0: another command), and all the rest."""
    tag, _, rest = line.partition(b" ")
    words = rest.split(b" ", 2)
    if len(words) == 3 and words[0] in (b"UID", b"uid"):
        number, _, items = words[2].partition(b" ")
        words = [words[0], words[1], number, items]
    number = words[-2] if len(words) > 2 else b""
    if number.isdigit() and len(number) <= _LARGEST and number[0] != _ZERO:
        words[-2] = b""
        return tag, int(number), tuple(words)
    return tag, 0, (rest,)


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
