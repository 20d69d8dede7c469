"""Every command: what is taken, what it means, and what is refused; then the responses."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.support.frames import MemorySink, scanner

from mailwren.base import limits
from mailwren.imap import charsets, commands
from mailwren.imap.core import arguments as a
from mailwren.imap.core.arguments import FetchItem, SearchKey, Section, SectionText, StoreMode
from mailwren.imap.core.fetch import section_label
from mailwren.imap.core.select import select_syntax
from mailwren.imap.errors import BadCommand, ImapError, Refused
from mailwren.imap.frames import Literal
from mailwren.imap.scanner import Scanner
from mailwren.imap.sequence_set import STAR, SequenceSet
from mailwren.imap.syntax import Row, parse_command_name
from mailwren.imap.wire import CommandWriter

ROWS = {row.name: row for row in commands.COMMANDS}
ONE = SequenceSet(((1, 1),))


def parse(line: bytes, *, utf8: bool = False) -> Any:
    """The arguments of a command line without its tag."""
    cursor = scanner(b"t " + line, utf8=utf8)
    cursor.tag()
    name, by_uid = parse_command_name(cursor)
    row = ROWS.get(b"UID " + name) if by_uid else None
    return (row or ROWS[name]).parse(cursor)


def search(line: bytes) -> tuple[SearchKey, ...]:
    """The keys of a search program."""
    keys: tuple[SearchKey, ...] = parse(b"SEARCH " + line).key.keys
    return keys


def fetch(line: bytes) -> tuple[FetchItem, ...]:
    """The items of a FETCH."""
    items: tuple[FetchItem, ...] = parse(b"FETCH 1 " + line).items
    return items


@pytest.mark.parametrize(
    "name",
    ["CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "NAMESPACE", "IDLE", "CLOSE", "UNSELECT", "CHECK"],
)
def test_commands_without_arguments(name: str) -> None:
    """The name in any case, and blanks behind it; nothing else."""
    assert parse(name.lower().encode()) == parse(name.encode() + b" ") == a.NoArguments()
    with pytest.raises(BadCommand):
        parse(name.encode() + b" x")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"LOGIN fred secret", a.Login("fred", "secret")),
        (b'LOGIN "fr\\"ed" {6+}\r\nse ret', a.Login('fr"ed', "se ret")),
        (b'LOGIN fr\xc3\xa9d "\xe9"', a.Login("fréd", "é")),
        (b"AUTHENTICATE plain", a.Authenticate("PLAIN")),
        (b"AUTHENTICATE PLAIN =", a.Authenticate("PLAIN", b"")),
        (b"AUTHENTICATE PLAIN AGEAYg==", a.Authenticate("PLAIN", b"\x00a\x00b")),
        (b"ENABLE imap4rev2 UTF8=Accept", a.Enable(("IMAP4REV2", "UTF8=ACCEPT"))),
        (b"ID nil", a.Identify()),
        (b"ID ()", a.Identify()),
        (b'ID ("name" "x" "version" NIL)', a.Identify((("name", "x"), ("version", None)))),
        (b"SELECT inbox", a.Select("INBOX")),
        (b'EXAMINE "Entw&APw-rfe"', a.Select("Entwürfe")),
        (b"CREATE a/b", a.Create("a/b")),
        (b"CREATE a/b/", a.Create("a/b", trailing_separator=True)),
        (b"CREATE Gesendet (USE (\\SENT \\important))", a.Create("Gesendet", ("\\Sent", "\\Important"))),
        (b"CREATE x (USE ())", a.Create("x")),
        (b"DELETE a", a.MailboxName("a")),
        (b"SUBSCRIBE inbox/a", a.MailboxName("INBOX/a")),
        (b"UNSUBSCRIBE {1+}\r\na", a.MailboxName("a")),
        (b'RENAME a "b c"', a.Rename("a", "b c")),
        (b"STATUS x (messages UNSEEN messages)", a.Status("x", ("MESSAGES", "UNSEEN"))),
        (b"COPY 1:* Trash", a.Copy(SequenceSet(((1, STAR),)), "Trash")),
        (b"UID MOVE $ Trash", a.Copy(SequenceSet(saved=True), "Trash")),
        (b"EXPUNGE", a.UidExpunge()),
        (b"UID EXPUNGE 1:3", a.UidExpunge(SequenceSet(((1, 3),)))),
        (b"LSUB # *", a.List("#", ("*",))),
        (b'XLIST "" %', a.List("", ("%",))),
    ],
)
def test_ordinary_commands(line: bytes, expected: object) -> None:
    """What clients send means what the RFCs say."""
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'LIST "" *', a.List("", ("*",))),
        (b'LIST "" ""', a.List("", ("",))),
        (b'LIST Entw&APw- "%/&AOk-*"', a.List("Entwü", ("%/é*",))),
        (b'LIST () "" *', a.List("", ("*",), extended=True)),
        (b'LIST "" (a b)', a.List("", ("a", "b"), extended=True)),
        (b'LIST "" * RETURN ()', a.List("", ("*",), extended=True)),
        (
            b'LIST (subscribed RECURSIVEMATCH) "" (INBOX "x y") return (children Special-Use)',
            a.List(
                "",
                ("INBOX", "x y"),
                frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}),
                frozenset({"CHILDREN", "SPECIAL-USE"}),
                extended=True,
            ),
        ),
        (
            b'LIST "" % RETURN (STATUS (UNSEEN MESSAGES) SUBSCRIBED)',
            a.List("", ("%",), returns=frozenset({"SUBSCRIBED"}), status_items=("UNSEEN", "MESSAGES"), extended=True),
        ),
    ],
)
def test_list(line: bytes, expected: a.List) -> None:
    """LIST in its old form and with selection options, several patterns and return options (RFC 5258, RFC 5819)."""
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "messages"),
    [
        (b"APPEND x {1+}\r\na", (a.AppendMessage((), None, b"a"),)),
        (b"APPEND x () ~{1+}\r\n\x00", (a.AppendMessage((), None, b"\x00", binary=True),)),
        (
            b'APPEND {1+}\r\nx (\\seen) " 1-Feb-1994 00:00:00 +0000" {1+}\r\na (work) {0+}\r\n',
            (
                a.AppendMessage(("\\Seen",), datetime(1994, 2, 1, tzinfo=UTC), b"a"),
                a.AppendMessage(("work",), None, b""),
            ),
        ),
    ],
)
def test_append(line: bytes, messages: tuple[a.AppendMessage, ...]) -> None:
    """One message or several, each with flags and date or without (RFC 3502)."""
    assert parse(line) == a.Append("x", messages)


def test_append_of_a_large_message() -> None:
    """A large message comes as the sink that took it."""
    size = limits.LITERAL_IN_MEMORY + 1
    (message,) = parse(b"APPEND x {%d+}\r\n" % size + b"x" * size).messages
    assert isinstance(message.literal, MemorySink)
    assert message.literal.octets == b"x" * size


def test_append_of_a_message_from_elsewhere() -> None:
    """A client may hand over a literal of known size whose octets it sends itself."""
    message = Literal(10**9, MemorySink())
    written = commands.APPEND.fragments(a.Append("x", (a.AppendMessage((), None, message),)))
    assert written == (b"APPEND x ", message, b"")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"STORE 1 FLAGS (\\seen)", a.Store(ONE, StoreMode.REPLACE, False, ("\\Seen",))),
        (b"STORE 1 +flags.silent (\\Deleted Work)", a.Store(ONE, StoreMode.ADD, True, ("\\Deleted", "Work"))),
        (b"UID STORE 1 -FLAGS \\Seen Work", a.Store(ONE, StoreMode.REMOVE, False, ("\\Seen", "Work"))),
        (b"STORE 1 FLAGS ()", a.Store(ONE, StoreMode.REPLACE, False, ())),
    ],
)
def test_store(line: bytes, expected: a.Store) -> None:
    """Flags are replaced, added or removed, silently or not; with parentheses or without."""
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"ALL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE"),
        (b"fast", "FLAGS INTERNALDATE RFC822.SIZE"),
        (b"FULL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"),
        (b"(uid flags)", "UID FLAGS"),
        (b"BODYSTRUCTURE", "BODYSTRUCTURE"),
        (b"(RFC822 RFC822.HEADER RFC822.TEXT BODY)", "RFC822 RFC822.HEADER RFC822.TEXT BODY"),
    ],
)
def test_fetch_items_and_macros(line: bytes, expected: str) -> None:
    """Macros are spelled out; the client's order is kept."""
    assert fetch(line) == tuple(map(FetchItem, expected.split()))


@pytest.mark.parametrize(
    ("line", "item", "label"),
    [
        (b"BODY[]", FetchItem("BODY[]", Section()), b"BODY[]"),
        (b"body.peek[]<0.10>", FetchItem("BODY[]", Section(), True, (0, 10)), b"BODY[]<0>"),
        (b"BODY[1.2.3]", FetchItem("BODY[]", Section((1, 2, 3))), b"BODY[1.2.3]"),
        (b"BODY[TEXT]", FetchItem("BODY[]", Section((), SectionText.TEXT)), b"BODY[TEXT]"),
        (b"BODY[1.mime]", FetchItem("BODY[]", Section((1,), SectionText.MIME)), b"BODY[1.MIME]"),
        (b"BODY[4.HEADER]", FetchItem("BODY[]", Section((4,), SectionText.HEADER)), b"BODY[4.HEADER]"),
        (
            b'BODY.PEEK[HEADER.FIELDS (Date "X-A B")]',
            FetchItem("BODY[]", Section((), SectionText.HEADER_FIELDS, (b"Date", b"X-A B")), True),
            b'BODY[HEADER.FIELDS (Date "X-A B")]',
        ),
        (
            b"BODY[2.HEADER.FIELDS.NOT ({4+}\r\nDate)]<5.1>",
            FetchItem("BODY[]", Section((2,), SectionText.HEADER_FIELDS_NOT, (b"Date",)), False, (5, 1)),
            b"BODY[2.HEADER.FIELDS.NOT (Date)]<5>",
        ),
        (b"BINARY[1]<0.5>", FetchItem("BINARY[]", Section((1,)), False, (0, 5)), b"BINARY[1]<0>"),
        (b"BINARY.PEEK[]", FetchItem("BINARY[]", Section(), True), b"BINARY[]"),
        (b"BINARY.SIZE[1.2]", FetchItem("BINARY.SIZE[]", Section((1, 2))), b"BINARY.SIZE[1.2]"),
        (b"ENVELOPE", FetchItem("ENVELOPE"), b"ENVELOPE"),
    ],
)
def test_fetch_sections(line: bytes, item: FetchItem, label: bytes) -> None:
    """Sections and partials, and what the item is called in the response."""
    assert fetch(line) == fetch(b"(" + line + b")") == (item,)
    assert section_label(item) == label


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (b"ALL", (SearchKey("ALL"),)),
        (b"unseen Deleted", (SearchKey("UNSEEN"), SearchKey("DELETED"))),
        (b"1:3,5", (SearchKey("SEQUENCE", messages=SequenceSet(((1, 3), (5, 5)))),)),
        (b"$", (SearchKey("SEQUENCE", messages=SequenceSet(saved=True)),)),
        (b"UID 1:*", (SearchKey("UID", messages=SequenceSet(((1, STAR),))),)),
        (b'FROM "a b" TEXT {2+}\r\n\xc3\xa9', (SearchKey("FROM", text="a b"), SearchKey("TEXT", text="é"))),
        (b"SUBJECT caf\xe9", (SearchKey("SUBJECT", text="café"),)),
        (b'HEADER Message-ID ""', (SearchKey("HEADER", field_name="Message-ID"),)),
        (b"KEYWORD $Junk UNKEYWORD b", (SearchKey("KEYWORD", flag="$Junk"), SearchKey("UNKEYWORD", flag="b"))),
        (b"SENTSINCE 1-Feb-1994", (SearchKey("SENTSINCE", date=date(1994, 2, 1)),)),
        (b"LARGER 5000000000", (SearchKey("LARGER", number=5_000_000_000),)),
        (b"NOT (SEEN)", (SearchKey("NOT", keys=(SearchKey("SEEN"),)),)),
        (b"(SEEN (DRAFT))", (SearchKey("AND", keys=(SearchKey("SEEN"), SearchKey("DRAFT"))),)),
        (
            b"OR SEEN NOT DRAFT",
            (SearchKey("OR", keys=(SearchKey("SEEN"), SearchKey("NOT", keys=(SearchKey("DRAFT"),)))),),
        ),
    ],
)
def test_search_keys(line: bytes, keys: tuple[SearchKey, ...]) -> None:
    """The keys of rev2 and rev1 with their operands."""
    assert search(line) == keys


def test_search_text_is_in_its_charset() -> None:
    """The charset named applies to the strings."""
    assert search(b"CHARSET KOI8-R SUBJECT {1+}\r\n\xf2") == (SearchKey("SUBJECT", text="\u0420"),)
    assert parse(b"SEARCH CHARSET utf-8 ALL").charset == "UTF-8"


@pytest.mark.parametrize(
    ("line", "returns"),
    [
        (b"SEARCH ALL", None),
        (b"SEARCH RETURN () ALL", {"ALL"}),
        (b"SEARCH return (min MAX) ALL", {"MIN", "MAX"}),
        (b"UID SEARCH RETURN (SAVE COUNT) CHARSET UTF-8 ALL", {"SAVE", "COUNT"}),
    ],
)
def test_search_return_options(line: bytes, returns: set[str] | None) -> None:
    """Empty parentheses mean ALL (RFC 4731 §3.1)."""
    assert parse(line).returns == returns


def depth(key: SearchKey) -> int:
    """How deep a tree of keys is."""
    return 1 + max(map(depth, key.keys), default=0)


@pytest.mark.parametrize(
    "line",
    [
        b"OR SEEN " * 4000 + b"SEEN",
        b"OR " * 4000 + b"SEEN" + b" SEEN" * 4000,
        b"OR SEEN (" * 40 + b"SEEN" + b")" * 40,
    ],
)
def test_long_chains_of_or_become_flat_trees(line: bytes) -> None:
    """Thousands of alternatives nest no deeper than their logarithm, however the client nested them."""
    (key,) = search(line)
    assert depth(key) <= 14


@pytest.mark.parametrize(
    "line",
    [
        b"SEARCH " + b"NOT " * limits.NESTING + b"SEEN",
        b"SEARCH " + b"(" * limits.NESTING + b"SEEN" + b")" * limits.NESTING,
        b"FETCH 1 (" + b"UID " * (limits.FETCH_ITEMS - 1) + b"UID)",
        b"FETCH 1 BODY[" + b"1." * (limits.SECTION_DEPTH - 1) + b"1]",
        b'LIST "" (' + b"a " * (limits.LIST_PATTERNS - 1) + b"b)",
        b"ID (" + b" ".join(b'"a" "b"' for _ in range(limits.IDENTIFICATION_FIELDS)) + b")",
    ],
)
def test_limits_are_exact(line: bytes) -> None:
    """What just reaches a limit is taken."""
    assert parse(line)


def test_as_many_keys_as_are_allowed() -> None:
    """A search of just the limit is taken."""
    assert len(search(b"SEEN " * (limits.SEARCH_KEYS - 1) + b"SEEN")) == limits.SEARCH_KEYS


def test_two_alternatives_stay_as_they_are() -> None:
    """An OR always has two keys."""
    (key,) = search(b"OR 1 OR 2 3")
    assert key.name == "OR"
    assert [each.name for each in key.keys] == ["SEQUENCE", "OR"]


@pytest.mark.parametrize(
    "line",
    [
        b"NOT " * (limits.NESTING + 1) + b"SEEN",
        b"(" * (limits.NESTING + 1) + b"SEEN" + b")" * (limits.NESTING + 1),
        b"(NOT " * 10_000,
        b"OR " * 100_000,
        b"SEEN " * limits.SEARCH_KEYS + b"SEEN",
    ],
)
def test_searches_too_deep_or_too_long(line: bytes) -> None:
    """No search exhausts the stack or the time of others."""
    with pytest.raises(BadCommand):
        search(line)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"LOGIN fred", "LOGIN takes a user name"),
        (b"LOGIN fred secret more", "LOGIN takes a user name"),
        (b"AUTHENTICATE PLAIN AGE*", "base64"),
        (b"AUTHENTICATE PLAIN AGE", "base64"),
        (b"ENABLE", "a blank"),
        (b'ID ("name")', "a blank"),
        (b"ID (" + b" ".join(b'"a" "b"' for _ in range(limits.IDENTIFICATION_FIELDS + 1)) + b")", "more than"),
        (b"SELECT", "a blank"),
        (b"SELECT a b", "the end"),
        (b"SELECT a (ODD)", "unknown SELECT parameter ODD"),
        (b"CREATE a (FOO)", "unknown CREATE parameter FOO"),
        (b"CREATE a (USE (\\Sent) USE (\\Junk))", "the same CREATE parameter twice"),
        (b"CREATE a (USE (Sent))", "a special use"),
        (b"RENAME a b (FOO)", "unknown RENAME parameter FOO"),
        (b"STATUS a (FOO)", "unknown STATUS item FOO"),
        (b"STATUS a ()", "a STATUS item"),
        (b"STATUS a MESSAGES", "("),
        (b'LIST "" * FOO', "RETURN or the end"),
        (b'LIST "" * RETURN (FOO)', "unknown LIST option FOO"),
        (b'LIST (FOO) "" *', "unknown LIST option FOO"),
        (b'LIST (RECURSIVEMATCH) "" *', "RECURSIVEMATCH needs"),
        (b'LIST (REMOTE RECURSIVEMATCH) "" *', "RECURSIVEMATCH needs"),
        (b'LIST "" ()', "a mailbox name"),
        (b'LIST "" (' + b"a " * limits.LIST_PATTERNS + b"b)", "more than"),
        (b'LSUB "" (a b)', "a mailbox name"),
        (b"APPEND x", "a blank"),
        (b'APPEND x "no literal"', "expected a date"),
        (b"APPEND x {1+}\r\na foo", "a literal"),
        (b"APPEND x (\\Recent) {1+}\r\na", "Recent"),
        (b"STORE 1 FOO (\\Seen)", "FLAGS, +FLAGS or -FLAGS"),
        (b"STORE 1 (ODD 1) FLAGS ()", "unknown STORE modifier ODD"),
        (b"STORE 1 FLAGS", "a blank"),
        (b"STORE 1 FLAGS \\Seen (a)", "a flag"),
        (b"COPY 1", "a blank"),
        (b"EXPUNGE 1", "the end"),
        (b"UID EXPUNGE", "a blank"),
        (b"FETCH 1", "a blank"),
        (b"FETCH 1 FOO", "unknown FETCH item FOO"),
        (b"FETCH 1 (ALL)", "unknown FETCH item ALL"),
        (b"FETCH 1 ()", "a FETCH item"),
        (b"FETCH 1 UID FLAGS", "the end"),
        (b"FETCH 1 UID (ODD 1)", "unknown FETCH modifier ODD"),
        (b"FETCH 1 (" + b"UID " * limits.FETCH_ITEMS + b"UID)", "more than"),
        (b"FETCH 1 BODY.PEEK", "a section"),
        (b"FETCH 1 BODY[FOO]", "unknown section FOO"),
        (b"FETCH 1 BODY[MIME]", "MIME needs"),
        (b"FETCH 1 BODY[0]", "numbers above 0"),
        (b"FETCH 1 BODY[1.]", "numbers above 0"),
        (b"FETCH 1 BODY[.TEXT]", "numbers above 0"),
        (b"FETCH 1 BODY[1TEXT]", "divided by a point"),
        (b"FETCH 1 BODY[" + b"1." * limits.SECTION_DEPTH + b"1]", "deeper than"),
        (b"FETCH 1 BODY[HEADER.FIELDS]", "a blank"),
        (b"FETCH 1 BODY[HEADER.FIELDS ()]", "header field"),
        (b"FETCH 1 BODY[]<0>", "a partial"),
        (b"FETCH 1 BODY[]<0.0>", "at least one octet"),
        (b"FETCH 1 BODY[]<9223372036854775808.1>", "63-bit"),
        (b"FETCH 1 BINARY[TEXT]", "only the number"),
        (b"FETCH 1 BINARY.SIZE", "a section"),
        (b"SEARCH", "a blank"),
        (b"SEARCH FOO", "unknown search key FOO"),
        (b"SEARCH RETURN (FOO) ALL", "unknown RETURN option FOO"),
        (b"SEARCH RETURN (MIN)", "a blank"),
        (b"SEARCH SUBJECT", "a blank"),
        (b"SEARCH NOT", "unknown search key NOT"),
        (b"SEARCH OR SEEN", "a blank"),
        (b"SEARCH ()", "a search key"),
        (b"SEARCH SINCE yesterday", "a date such as"),
        (b"SEARCH CHARSET EUC-JP SUBJECT {2+}\r\n\xff\xff", "not valid EUC-JP"),
        (b"UID", "a blank"),
    ],
)
def test_wrong_commands(line: bytes, text: str) -> None:
    """The client's mistakes are named."""
    with pytest.raises(BadCommand) as caught:
        parse(line)
    assert text in str(caught.value)


def test_a_use_nobody_knows_is_refused() -> None:
    """The command is well-formed and cannot be carried out: NO with a code (RFC 6154 §3)."""
    with pytest.raises(Refused) as caught:
        parse(b"CREATE a (USE (\\Foo))")
    assert caught.value.code == b"USEATTR"


def test_an_unknown_charset_is_read_to_the_end_first() -> None:
    """Whether the command is wrong comes before whether its charset is known: BAD, not NO."""
    arguments = parse(b"SEARCH CHARSET FOO ALL")
    with pytest.raises(Refused) as caught:
        charsets.require(arguments.charset)
    assert caught.value.code == charsets.BADCHARSET
    with pytest.raises(BadCommand):
        parse(b"SEARCH CHARSET FOO NONSENSE")


@pytest.mark.parametrize(
    "line", [b"LOGIN fred hunter2 hunter2", b'LOGIN fred "hunter2', b"AUTHENTICATE PLAIN hunter2 hunter2"]
)
def test_errors_never_repeat_secrets(line: bytes) -> None:
    """What was typed at a login stays out of the error's text, and of what is printed of its arguments."""
    with pytest.raises(ImapError) as caught:
        parse(line)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert "hunter2" not in repr(a.Login("fred", "hunter2"))


def test_utf8_names_are_asked_for_in_one_place() -> None:
    """A session with UTF-8 enabled sees the other names in all commands."""
    assert parse(b'SELECT "&AOk-"', utf8=True) == a.Select("&AOk-")
    assert parse(b'LIST "" "&AOk-%"', utf8=True).patterns == ("&AOk-%",)


def test_a_row_is_listed_once() -> None:
    """No name occurs twice in a table, and each says where it is defined, Gmail's own in no RFC."""
    for rows in (commands.COMMANDS, commands.FETCH_ITEMS, commands.SEARCH_KEYS, commands.LIST_RETURN_OPTIONS):
        found = [row.name for row in rows]
        assert len(set(found)) == len(found)
        assert all((row.rfc[:4].isdigit() and " §" in row.rfc) or row.rfc == "Gmail" for row in rows)


def test_an_extension_is_a_row_more() -> None:
    """A parameter with a value is read and written by the row that was listed."""

    def parse_level(cursor: Scanner) -> object:
        cursor.space()
        return cursor.number()

    def write_level(value: object, writer: CommandWriter) -> None:
        writer.raw(f" {value}".encode())

    row = Row("LEVEL", "9999 §1", parse_level, write_level)
    syntax = select_syntax(b"SELECT", "9051 §6.3.2", (*commands.SELECT_PARAMETERS, row))
    cursor = scanner(b" x (LEVEL 3)")
    selected = syntax.parse(cursor)
    assert selected == a.Select("x", (("LEVEL", 3),))
    assert syntax.fragments(selected) == (b"SELECT x (LEVEL 3)",)
