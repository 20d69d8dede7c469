"""INPROGRESS (RFC 9585): how far a command is that takes long."""

from typing import Final, NamedTuple

from mailwren.imap import wire
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner

_NIL: Final = b"NIL"


class CommandProgress(NamedTuple):
    """What the response code tells."""

    tag: bytes | None = None
    """Of the command; ``None`` when it is not told."""
    done: int | None = None
    """How much is done."""
    goal: int | None = None
    """Of how much; always more than what is done."""


def in_progress_code(progress: CommandProgress) -> bytes:
    """``"INPROGRESS" [SP "(" inprogress-tag SP inprogress-state ")"]`` (RFC 9585 §5).

    "If the tag is not available or if it contains the "]" character, it MUST be set to NIL"; a goal is told only with
    what is done, and "MUST be greater than PROGRESS" (RFC 9585 §4).
    """
    tag, done, goal = progress
    name = _NIL if tag is None or b"]" in tag else wire.quoted(tag)
    if done is None or not goal:
        goal = None
    else:
        done = min(done, goal - 1)
    return b"INPROGRESS (%b %b %b)" % (name, *(_NIL if each is None else b"%d" % each for each in (done, goal)))


def parse_in_progress(scanner: Scanner) -> CommandProgress:
    """What follows ``INPROGRESS``. Raises BadCommand: also for a goal that is not above what is done."""
    if not scanner.at_list():
        return CommandProgress()
    scanner.space()
    scanner.open()
    tag = None if scanner.take_nil() else scanner.quoted()
    scanner.space()
    done = None if scanner.take_nil() else scanner.number()
    scanner.space()
    goal = None if scanner.take_nil() else scanner.nz_number()
    scanner.close()
    if goal is not None and (done is None or done >= goal):
        raise BadCommand("what is done is less than the goal")
    return CommandProgress(tag, done, goal)
