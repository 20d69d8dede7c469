"""How far commands are that take long, told to clients that wait for them (RFC 9585).

A command says now and then how far it is, which costs two assignments. Whoever has waited ten seconds without a word
is told, by a tick that looks only at sessions which are at work; short commands never meet one.
"""

from typing import TYPE_CHECKING, Final

from mailwren.base import limits
from mailwren.imap.ext.inprogress import CommandProgress, in_progress_code
from mailwren.server.table import State

if TYPE_CHECKING:
    from mailwren.server.session import Session


class Progress:
    """The command under way of one session."""

    __slots__ = ("_done", "_goal", "_session", "_silent_since", "_tag")

    def __init__(self, session: "Session") -> None:
        self._session: Final = session
        self._tag: bytes | None = None
        self._done: int | None = None
        self._goal: int | None = None
        self._silent_since: float | None = None

    def begin(self, tag: bytes) -> None:
        """A command begins."""
        self._tag = tag
        self._done = self._goal = None

    def end(self) -> None:
        """No command is under way."""
        self._tag = None

    def report(self, done: int, goal: int | None = None) -> None:
        """The command has done so much, usually messages, of so much where that is known."""
        self._done, self._goal = done, goal

    def spoken(self) -> None:
        """The client has just been sent something."""
        self._silent_since = None

    def tick(self, now: float) -> None:
        """Tell the client how far its command is, if it has heard nothing for long. Never inside another response."""
        session = self._session
        if self._tag is None or not self._may_speak():
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= limits.PROGRESS_SECONDS:
            session.say(b"OK", "Still working", in_progress_code(CommandProgress(self._tag, self._done, self._goal)))
            session.hand_over()

    def _may_speak(self) -> bool:
        """Whether it is the client that waits for us, at the end of a response."""
        session = self._session
        waits = session.state is not State.NOT_AUTHENTICATED and not session.idling
        if not waits or session.in_literal or session.connection.paused:
            return False
        return "INPROGRESS" not in session.features.hidden(session)
