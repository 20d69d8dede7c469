"""Any octets at the wire: the framer and the parsers answer with events, arguments or an ImapError; nothing else."""

from collections.abc import Callable
from functools import partial

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.commands import command_lines
from tests.support.frames import owner

from mailwren.imap import commands, names
from mailwren.imap.errors import ImapError
from mailwren.imap.frames import CommandFrame, Overflow
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import parse_command_name

ROWS = {row.name: row for row in commands.COMMANDS}
TOKENS = [
    *(
        b"(",
        b")",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"<",
        b">",
        b"*",
        b"%",
        b"$",
        b"&",
        b",",
        b":",
        b"-",
        b"+",
        b"~",
    ),
    *(
        b" ",
        b"  ",
        b"\r",
        b"\n",
        b"\r\n",
        b"\x00",
        b"\xff",
        b"\xc3\xa9",
        b"&AOk-",
        b"&2D0-",
        b"{1+}\r\nx",
        b"~{1+}\r\nx",
    ),
    *(b"NIL", b"INBOX", b"1:*", b"0", b"4294967296", b"99999999999999999999", b"\\Seen", b"\\Recent", b"\\*"),
    *(b"BODY[", b"HEADER.FIELDS", b"BINARY", b"<0.1>", b"RETURN (", b"CHARSET ", b"UTF-8", b"OR ", b"NOT ", b"UID "),
    *(b"1-Feb-1994", b'" 1-Feb-1994 00:00:00 +0000"', b"(" * 60, b"OR " * 60, b"NOT " * 60, b"9" * 5000),
    *(row.name for row in commands.COMMANDS),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid command with something removed, put in or doubled, a few times."""
    line = draw(command_lines())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(line)))
        stop = min(len(line), start + draw(st.integers(0, 6)))
        piece = draw(st.sampled_from(TOKENS) | st.binary(max_size=4) | st.just(line[start:stop] * 2))
        line = line[:start] + piece + line[stop:]
    return line


STREAMS = st.one_of(
    st.lists(damaged(), min_size=1, max_size=3).map(b"".join),
    st.lists(st.sampled_from(TOKENS), max_size=30).map(lambda tokens: b"a " + b" ".join(tokens) + b"\r\n"),
    st.binary(max_size=200),
)


def answer(frame: CommandFrame, *, utf8: bool) -> object:
    """What a server makes of a command: its arguments."""
    cursor = Scanner(frame.fragments, utf8)
    cursor.tag()
    name, by_uid = parse_command_name(cursor)
    row = ROWS.get(b"UID " + name if by_uid else name) or ROWS.get(name)
    return None if row is None else row.parse(cursor)


def complaint(what: Callable[[], object]) -> ImapError | None:
    """The error that a client would be told."""
    try:
        what()
    except ImapError as error:
        return error
    return None


@settings(max_examples=600, deadline=None)
@given(STREAMS, st.booleans())
@example(b"a SEARCH OR", False)
@example(b"a FETCH 1 BODY[\r\n", False)
@example(b"a APPEND x ~{1+}\r\nx\r\n", False)
@example(b"a ID (\r\n", False)
def test_any_octets_have_an_answer(data: bytes, utf8: bool) -> None:
    """Random and damaged commands never raise anything but ImapError, and what parses can be written again."""
    known = owner(line_limit=8192, command_limit=32768, literal_limit=100_000)
    for event in known.feed(data, b"\r\nz NOOP\r\n"):
        if isinstance(event, CommandFrame):
            error = complaint(partial(answer, event, utf8=utf8))
            assert error is None or (error.text.isprintable() and len(error.text) < 300 and b"\n" not in error.code)
        elif isinstance(event, Overflow):
            assert event.text.isprintable()


@settings(max_examples=300, deadline=None)
@given(command_lines(), st.binary(max_size=3), st.data())
def test_one_wrong_octet_does_not_change_other_commands(line: bytes, junk: bytes, data: st.DataObject) -> None:
    """Junk without line ends or literal marks inside the first line costs at most that command."""
    junk = junk.translate(None, b'\r\n{}+~"\\')
    first_end = line.index(b"\r\n")
    place = data.draw(st.integers(0, first_end))
    if b"+}" in line[max(0, place - 3) : place + 45]:
        return
    events = owner().feed(line[:place] + junk + line[place:] + b"z NOOP\r\n")
    assert events[-1] == CommandFrame((b"z NOOP",))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=50), st.text("ab/*%INBOXinbox", max_size=50))
def test_names_and_patterns_of_any_text(name: str, pattern: str) -> None:
    """Any text can be made canonical, checked, encoded and matched."""
    canonical = names.canonical(name)
    error = complaint(partial(names.check, canonical))
    assert error is None or error.text.isprintable()
    names.encode(canonical, utf8=True)
    names.encode(canonical, utf8=False)
    names.Pattern(names.join(name, pattern)).matches(canonical)
