"""Command lines that are not read again say the same as when they are."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from mailwren.base import limits
from mailwren.imap.scanner import Scanner
from mailwren.server.features import Features
from mailwren.server.known_lines import KnownLines, ReadCommand
from mailwren.server.table import State

if TYPE_CHECKING:
    from mailwren.server.session import Session

FEATURES = Features()


def session(state: State = State.SELECTED, *, utf8: bool = False, uid_only: bool = False) -> "Session":
    """As much of a session as lines are read with."""
    enabled = {name for name, there in (("UTF8=ACCEPT", utf8), ("UIDONLY", uid_only)) if there}
    return cast("Session", SimpleNamespace(state=state, enabled=enabled, utf8=utf8, uid_only=uid_only))


def read(line: bytes, *, utf8: bool = False) -> ReadCommand:
    """What the parser makes of a line."""
    scanner = Scanner((line,), utf8=utf8)
    command, request = FEATURES.look_up(scanner, scanner.tag(), State.SELECTED)
    return ReadCommand(command, request, FEATURES.parse(command, scanner, request))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"a NOOP", b"b NOOP"),
        (b"a FETCH 7 BODY.PEEK[]", b"b FETCH 123456789 BODY.PEEK[]"),
        (
            b"a uid Fetch 1 (FLAGS BODY[1]<0.10>) (CHANGEDSINCE 5)",
            b"b uid Fetch 9 (FLAGS BODY[1]<0.10>) (CHANGEDSINCE 5)",
        ),
        (b"a STORE 1 +FLAGS.SILENT (\\Seen one)", b"b STORE 2 +FLAGS.SILENT (\\Seen one)"),
        (b"a UID STORE 1 (UNCHANGEDSINCE 3) FLAGS ()", b"b UID STORE 2 (UNCHANGEDSINCE 3) FLAGS ()"),
        (b"a FETCH 1:5 FLAGS", b"b FETCH 1:5 FLAGS"),
        (b"a SEARCH UNSEEN SINCE 1-Jan-2020", b"b SEARCH UNSEEN SINCE 1-Jan-2020"),
        (b'a SELECT "a b" (CONDSTORE)', b'b SELECT "a b" (CONDSTORE)'),
    ],
)
def test_a_line_says_the_same_again(first: bytes, then: bytes) -> None:
    """The tag and a message's number are the present ones, all else is as the parser makes it."""
    known = KnownLines()
    assert known.find(session(), (first,)) is None
    known.learn(session(), (first,), read(first))
    assert known.find(session(), (first,)) == read(first)
    assert known.find(session(), (then,)) == read(then)


@pytest.mark.parametrize(
    "other",
    [
        b"b FETCH 1 FLAGS UID",
        b"b FETCH 0 FLAGS",
        b"b FETCH 01 FLAGS",
        b"b FETCH 1:2 FLAGS",
        b"b UID FETCH 1 FLAGS",
        b"b STORE 1 FLAGS",
        b"b* FETCH 1 FLAGS",
        b"b  FETCH 1 FLAGS",
        b"b FETCH 1 FLAGS ",
        b"FETCH 1 FLAGS",
        b"b FETCH 1234567890 FLAGS",
        b"b SEARCH 1 FLAGS",
    ],
)
def test_other_lines_are_not_known(other: bytes) -> None:
    """Whatever differs in anything but the tag and the number is read."""
    known = KnownLines()
    known.learn(session(), (b"a FETCH 5 FLAGS",), read(b"a FETCH 5 FLAGS"))
    assert known.find(session(), (b"b FETCH 1 FLAGS",)) is not None
    assert known.find(session(), (other,)) is None


def test_lines_mean_what_the_session_is_like() -> None:
    """What depends on the state, on UTF-8 and on UIDONLY is read anew."""
    known, line = KnownLines(), b"a SELECT entw&APw-rfe"
    known.learn(session(), (line,), read(line))
    assert known.find(session(), (line,)) is not None
    for other in (session(State.AUTHENTICATED), session(utf8=True), session(uid_only=True)):
        assert known.find(other, (line,)) is None


@pytest.mark.parametrize("line", [b"a CREATE secret", b"a LOGIN a b", b"a SEARCH TEXT " + b"x" * limits.KNOWN_LINE])
def test_other_commands_and_long_lines_are_not_kept(line: bytes) -> None:
    """Only short lines of the commands that come again and again."""
    known, some = KnownLines(), read(b"a NOOP")
    command = (
        read(line) if b"LOGIN" not in line else some._replace(request=some.request.__class__(b"a", b"LOGIN", False))
    )
    known.learn(session(), (line,), command)
    assert known.find(session(), (line,)) is None


def test_memory_is_bounded() -> None:
    """More different lines than may be kept push out what was kept before."""
    known = KnownLines(3)
    lines = [b"a SEARCH LARGER %d" % number for number in range(4)]
    for line in lines:
        known.learn(session(), (line,), read(line))
    assert [known.find(session(), (line,)) is not None for line in lines] == [False, False, False, True]
