"""The scanner: tokens, what is tolerated, and what errors say."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from tests.support.frames import scanner

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.frames import Literal
from mailwren.imap.scanner import Scanner
from mailwren.imap.sequence_set import STAR, SequenceSet


@pytest.mark.parametrize(
    ("method", "text", "value"),
    [
        (Scanner.tag, b"a.1 NOOP", b"a.1"),
        (Scanner.name, b"Body.Peek", "BODY.PEEK"),
        (Scanner.atom, b"utf8=Accept", b"utf8=Accept"),
        (Scanner.quoted, b'"a \\"b\\" \\\\ \xc3\xa9"', b'a "b" \\ \xc3\xa9'),
        (Scanner.quoted, b'"lenient \\x"', b"lenient x"),
        (Scanner.astring, b"a]b+c", b"a]b+c"),
        (Scanner.astring, b"pass%*\\word", b"pass%*\\word"),
        (Scanner.astring, b"caf\xc3\xa9", b"caf\xc3\xa9"),
        (Scanner.astring, b'""', b""),
        (Scanner.astring, b" {3+}\r\na\nb", b"a\nb"),
        (Scanner.text, b'"Gr\xfc\xdfe"', "Grüße"),
        (Scanner.nstring, b"nil", None),
        (Scanner.nstring, b'"NIL"', b"NIL"),
        (Scanner.number, b"4294967295", 4294967295),
        (Scanner.number, b"007", 7),
        (Scanner.number64, b"9223372036854775807", 2**63 - 1),
        (Scanner.sequence_set, b"1,3:5,7:*,*,*:2", SequenceSet(((1, 1), (3, 5), (7, STAR), (STAR, STAR), (STAR, 2)))),
        (Scanner.sequence_set, b"$", SequenceSet(saved=True)),
        (Scanner.uid_set, b"1:3,7", RangeSet([(1, 3), (7, 7)])),
        (Scanner.mailbox, b"iNbOx", "INBOX"),
        (Scanner.mailbox, b'"Entw&APw-rfe/"', "Entwürfe"),
        (Scanner.mailbox, b'""', ""),
        (Scanner.list_mailbox, b"Arch*/%", "Arch*/%"),
        (Scanner.flag, b"\\seen", "\\Seen"),
        (Scanner.flag_list, b"( \\Seen  Work \\seen )", ("\\Seen", "Work")),
        (Scanner.flag_list, b"()", ()),
        (Scanner.keyword, b"$Junk", "$Junk"),
        (Scanner.keyword, b'"$Junk"', "$Junk"),
        (Scanner.date, b"1-Feb-1994", date(1994, 2, 1)),
        (Scanner.date, b'"1-Feb-1994"', date(1994, 2, 1)),
        (Scanner.date_time, b'" 1-Feb-1994 00:00:00 +0000"', datetime(1994, 2, 1, tzinfo=UTC)),
        (Scanner.charset, b'"utf-8"', "UTF-8"),
    ],
)
def test_tokens(method: Callable[[Scanner], object], text: bytes, value: object) -> None:
    """Each token is read whole, and the cursor stands behind it."""
    cursor = scanner(b"-" + text)
    cursor.take(b"-")
    cursor.take(b" ")
    assert method(cursor) == value
    if method is not Scanner.tag:
        cursor.end()


@pytest.mark.parametrize(
    ("method", "text"),
    [
        (Scanner.tag, b"NOOP"),
        (Scanner.tag, b"+ NOOP"),
        (Scanner.tag, b"a\xc3 NOOP"),
        (Scanner.tag, b"x" * 101 + b" NOOP"),
        (Scanner.name, b"(x)"),
        (Scanner.atom, b'"x"'),
        (Scanner.atom, b"]"),
        (Scanner.quoted, b'"open'),
        (Scanner.quoted, b'"cr\rinside"'),
        (Scanner.quoted, b'"nul\x00"'),
        (Scanner.string, b"atom"),
        (Scanner.string, b" {1+}\r\n\x00"),
        (Scanner.string, b" ~{1+}\r\nx"),
        (Scanner.astring, b"(x)"),
        (Scanner.astring, b"\x00"),
        (Scanner.astring, b"\x7f"),
        (Scanner.atom, b"\x7f"),
        (Scanner.astring, b""),
        (Scanner.nstring, b"NILS"),
        (Scanner.literal, b"x"),
        (Scanner.number, b"4294967296"),
        (Scanner.number, b"-1"),
        (Scanner.number, b"1" * 21),
        (Scanner.number64, b"9223372036854775808"),
        (Scanner.nz_number, b"0"),
        (Scanner.sequence_set, b"0"),
        (Scanner.sequence_set, b"1,,2"),
        (Scanner.sequence_set, b"1:2:3"),
        (Scanner.sequence_set, b"1,"),
        (Scanner.sequence_set, b"1:0"),
        (Scanner.sequence_set, b"x"),
        (Scanner.sequence_set, b"4294967296"),
        (Scanner.uid_set, b"1:*"),
        (Scanner.uid_set, b"$"),
        (Scanner.mailbox, b'"\xff"'),
        (Scanner.flag_list, b"\\Seen"),
        (Scanner.flag_list, b"(\\Recent)"),
        (Scanner.flag_list, b"(a (b))"),
        (Scanner.flag, b""),
        (Scanner.date, b"yesterday"),
        (Scanner.date_time, b"1-Feb-1994"),
    ],
)
def test_wrong_tokens(method: Callable[[Scanner], object], text: bytes) -> None:
    """What does not fit is the client's mistake."""
    cursor = scanner(b"-" + text)
    cursor.take(b"-")
    cursor.take(b" ")
    with pytest.raises(BadCommand):
        method(cursor)


def test_utf8_names_once_enabled() -> None:
    """The one place where a scanner asks which form names have."""
    assert scanner(b'"R&AOk-"', utf8=True).mailbox() == "R&AOk-"
    assert scanner(b'"R&AOk-"').mailbox() == "Ré"


def test_structure() -> None:
    """Lists, words and blanks; several blanks count as one, as Dovecot has it."""
    cursor = scanner(b"NOT (  a  b  )  (c) RETURN  x  ")
    assert not cursor.take_word(b"NO")
    assert cursor.take_word(b"NOT")
    assert cursor.at(b"(")
    assert cursor.parenthesised(cursor.atom) == [b"a", b"b"]
    assert cursor.at_list()
    cursor.space()
    assert cursor.parenthesised(cursor.atom) == [b"c"]
    assert not cursor.at_list()
    cursor.space()
    assert cursor.take_word(b"RETURN")
    cursor.expect(b"x")
    assert cursor.at_end()
    cursor.end()


def test_empty_lists_where_they_are_allowed() -> None:
    """An empty list is only read where the caller says so."""
    assert scanner(b"( )").parenthesised(lambda: None, at_least=0) == []
    cursor = scanner(b"()")
    with pytest.raises(BadCommand):
        cursor.parenthesised(cursor.atom)


def test_a_list_must_be_closed() -> None:
    """A list whose end does not come is the client's mistake."""
    cursor = scanner(b"(a")
    cursor.open()
    cursor.atom()
    with pytest.raises(BadCommand, match="expected \\), found the end"):
        cursor.close()


def test_a_literal_is_a_token() -> None:
    """A literal stands between two texts and comes with its size."""
    cursor = scanner(b"a {3+}\r\nb\nc d")
    cursor.expect(b"a ")
    assert cursor.at_literal()
    assert not cursor.at_end()
    assert cursor.literal() == Literal(3, b"b\nc")
    cursor.space()
    assert cursor.atom() == b"d"


def test_a_large_literal_is_no_string() -> None:
    """A literal that went to a sink is only for those that ask for a literal."""
    size = limits.LITERAL_IN_MEMORY + 1
    cursor = scanner(b"a {%d+}\r\n" % size + b"x" * size)
    cursor.expect(b"a ")
    with pytest.raises(BadCommand, match="large literal"):
        cursor.astring()


def test_parentheses_nest_so_deep_only() -> None:
    """Recursion stays far from the interpreter's limit."""
    cursor = scanner(b"(" * (limits.NESTING + 1))
    for _ in range(limits.NESTING):
        cursor.open()
    with pytest.raises(BadCommand, match="nested deeper"):
        cursor.open()


def test_too_many_flags_are_refused() -> None:
    """One message cannot get more keywords than the limit."""
    flags = b" ".join(b"k%d" % number for number in range(limits.KEYWORDS_PER_MESSAGE))
    assert len(scanner(b"(" + flags + b")").flag_list()) == limits.KEYWORDS_PER_MESSAGE
    with pytest.raises(Refused, match="more than"):
        scanner(b"(" + flags + b" more)").flag_list()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"x", 'expected a number, found "x"'),
        (b"\x01\xff" + b"y" * 100, r'expected a number, found "?\xff' + "y" * 28 + '"'),
        (b"", "expected a number, found the end of the command"),
        (b" {1+}\r\nx", "expected a number, found a literal"),
    ],
)
def test_errors_say_what_was_found(line: bytes, text: str) -> None:
    """The text is short, printable, and names what was expected."""
    cursor = scanner(b"-" + line)
    cursor.take(b"-")
    cursor.take(b" ")
    with pytest.raises(BadCommand) as caught:
        cursor.number()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "line",
    [
        b'"' + b'\\"' * 250_000,
        b"(" + b"a " * 250_000,
        b"1" * 500_000,
        b"1," * 250_000,
        b" " * 500_000 + b"x",
        b"$" * 500_000,
    ],
)
def test_hostile_lines_cost_linear_time(line: bytes) -> None:
    """Half a megabyte that just fails to be a token is given up in one pass."""
    cursor = scanner(b"-" + line)
    cursor.take(b"-")
    began = time.thread_time()
    for method in (cursor.astring, cursor.sequence_set, cursor.flag_list, cursor.number, cursor.at_end, cursor.at_list):
        try:
            method()
        except BadCommand:
            continue
    assert time.thread_time() - began < 2
