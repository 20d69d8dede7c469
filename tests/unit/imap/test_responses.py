"""Responses as they are written, and read back."""

import pytest
from tests.support.frames import scanner

from mailwren.base.ranges import RangeSet
from mailwren.imap.core import append, copy, search, select, session, status
from mailwren.imap.core import list as listing
from mailwren.imap.core.arguments import Identify
from mailwren.imap.core.list import ListRow
from mailwren.imap.core.search import FoundMessages
from mailwren.imap.errors import BadCommand
from mailwren.imap.ext import i18n, inprogress, messagelimit, objectid, sort, thread, uidbatches
from mailwren.imap.ext.inprogress import CommandProgress
from mailwren.imap.ext.partial import PartialRange
from mailwren.imap.scanner import Scanner


def reader(line: bytes, beginning: bytes, *, utf8: bool = False) -> Scanner:
    """A scanner behind the beginning of a response line."""
    cursor = scanner(line.removesuffix(b"\r\n"), utf8=utf8)
    cursor.expect(beginning)
    return cursor


def test_capability_and_enabled() -> None:
    """Names one after the other; ENABLED is sent even when nothing was enabled."""
    line = session.write_capability(["IMAP4rev2", "AUTH=PLAIN"])
    assert line == b"* CAPABILITY IMAP4rev2 AUTH=PLAIN\r\n"
    assert session.parse_names(reader(line, b"* CAPABILITY")) == ("IMAP4rev2", "AUTH=PLAIN")
    assert session.write_enabled([]) == b"* ENABLED\r\n"
    assert session.parse_names(reader(b"* ENABLED\r\n", b"* ENABLED")) == ()


def test_id() -> None:
    """Pairs of strings, or NIL."""
    line = session.write_id({"name": "Mailwren", "os": None})
    assert line == b'* ID ("name" "Mailwren" "os" NIL)\r\n'
    assert session.parse_id(reader(line, b"* ID")) == Identify((("name", "Mailwren"), ("os", None)))
    assert session.write_id({}) == b"* ID NIL\r\n"


@pytest.mark.parametrize(
    ("row", "utf8", "line"),
    [
        (ListRow(("\\HasNoChildren",), "INBOX"), False, b'* LIST (\\HasNoChildren) "/" INBOX\r\n'),
        (ListRow((), "Entwürfe"), False, b'* LIST () "/" Entw&APw-rfe\r\n'),
        (ListRow((), "Entwürfe"), True, '* LIST () "/" "Entwürfe"\r\n'.encode()),
        (ListRow(("\\Noselect",), "", None), False, b'* LIST (\\Noselect) NIL ""\r\n'),
        (
            ListRow(("\\NonExistent",), "a", child_info=("SUBSCRIBED",)),
            False,
            b'* LIST (\\NonExistent) "/" a ("CHILDINFO" ("SUBSCRIBED"))\r\n',
        ),
        (
            ListRow((), "new", child_info=("SUBSCRIBED", "SPECIAL-USE"), old_name="old name"),
            False,
            b'* LIST () "/" new ("CHILDINFO" ("SUBSCRIBED" "SPECIAL-USE") "OLDNAME" ("old name"))\r\n',
        ),
    ],
)
def test_list_rows(row: ListRow, utf8: bool, line: bytes) -> None:
    """Attributes, separator, name, and what LIST-EXTENDED adds."""
    written = listing.write_list_row(
        row.attributes, row.name, utf8, separator=row.separator, child_info=row.child_info, old_name=row.old_name
    )
    assert written == line
    assert listing.parse_list_row(reader(line, b"* LIST", utf8=utf8)) == row


def test_lsub_rows() -> None:
    """The old commands have rows of the same form under their own names."""
    assert listing.write_list_row((), "a", False, command=b"LSUB") == b'* LSUB () "/" a\r\n'


def test_namespace() -> None:
    """Three groups, NIL where there is none."""
    assert listing.write_namespace((("", "/"),), (), (("#shared/", "/"), ("é", None))) == (
        b'* NAMESPACE (("" "/")) NIL (("#shared/" "/")("&AOk-" NIL))\r\n'
    )


def test_status_rows() -> None:
    """The mailbox and its numbers, in the order given."""
    line = status.write_status_row("a b", [("MESSAGES", 3), ("SIZE", 2**40)], utf8=False)
    assert line == b'* STATUS "a b" (MESSAGES 3 SIZE 1099511627776)\r\n'
    assert status.parse_status_row(reader(line, b"* STATUS")) == ("a b", (("MESSAGES", 3), ("SIZE", 2**40)))


def test_status_items_that_are_no_numbers() -> None:
    """An object id stands in parentheses (RFC 8474 §4.3), and a limit that there is not is NIL (RFC 7889 §5)."""
    values = (("MAILBOXID", "F22-x_1"), ("APPENDLIMIT", None), ("MESSAGES", 0))
    line = status.write_status_row("foo", values, utf8=False)
    assert line == b"* STATUS foo (MAILBOXID (F22-x_1) APPENDLIMIT NIL MESSAGES 0)\r\n"
    assert status.parse_status_row(reader(line, b"* STATUS")) == ("foo", values)


def test_the_code_of_a_mailbox_id() -> None:
    """One id in parentheses, letters and digits and little else."""
    code = objectid.mailbox_id_code("F2212ea87-6097")
    assert code == b"MAILBOXID (F2212ea87-6097)"
    assert objectid.parse_mailbox_id(reader(code, b"MAILBOXID")) == "F2212ea87-6097"
    with pytest.raises(BadCommand):
        objectid.parse_mailbox_id(reader(b"MAILBOXID (a.b)", b"MAILBOXID"))


def test_search_and_esearch() -> None:
    """Numbers one by one, or only what was asked for."""
    assert search.write_search([]) == b"* SEARCH\r\n"
    assert search.parse_search_numbers(reader(search.write_search([2, 84]), b"* SEARCH")) == ((2, 84), 0)
    written = search.write_search([2, 84], 917162500)
    assert written == b"* SEARCH 2 84 (MODSEQ 917162500)\r\n"
    assert search.parse_search_numbers(reader(written, b"* SEARCH")) == ((2, 84), 917162500)
    found = FoundMessages(b"a1", True, (("MIN", 2), ("ALL", RangeSet.of([2, 3, 7])), ("COUNT", 3)))
    line = search.write_esearch(found.tag, found.uid, found.values)
    assert line == b'* ESEARCH (TAG "a1") UID MIN 2 ALL 2:3,7 COUNT 3\r\n'
    assert search.parse_esearch(reader(line, b"* ESEARCH")) == found
    assert search.parse_esearch(reader(search.write_esearch(b"", False, ()), b"* ESEARCH")) == FoundMessages(
        b"", False, ()
    )


def test_sorted_results() -> None:
    """Numbers in SORT's order, as a list or as a set (RFC 5256 §4, RFC 5267 §3.2, RFC 7162 §3.1.9)."""
    assert sort.write_sort([]) == b"* SORT\r\n"
    assert sort.parse_sort_numbers(reader(sort.write_sort([]), b"* SORT")) == ((), 0)
    line = sort.write_sort([5, 3, 4], 917162500)
    assert line == b"* SORT 5 3 4 (MODSEQ 917162500)\r\n"
    assert sort.parse_sort_numbers(reader(line, b"* SORT")) == ((5, 3, 4), 917162500)
    with pytest.raises(BadCommand):
        sort.parse_sort_numbers(reader(b"* SORT 1 (UID 3)", b"* SORT"))
    text = sort.write_sorted_set([9, 4, 5, 6, 3, 2, 7])
    assert text == "9,4:6,3,2,7"
    assert list(sort.parse_sorted_set(text)) == [9, 4, 5, 6, 3, 2, 7]
    assert list(sort.parse_sorted_set("12:10")) == [10, 11, 12]
    assert sort.write_sorted_set([]) == ""
    line = search.write_esearch(b"a1", True, (("ALL", text),))
    assert search.parse_esearch(reader(line, b"* ESEARCH")).values == (("ALL", text),)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", ()),
        ("(2)(3 6 (4 23)(44 7 96))", (2, 3, 6, 4, 23, 44, 7, 96)),
        ("((3)(5))", (3, 5)),
    ],
)
def test_threads(text: str, numbers: tuple[int, ...]) -> None:
    """Numbers and the brackets around them: RFC 5256 §4's examples."""
    line = f"* THREAD {text}".strip().encode() + b"\r\n"
    found, brackets = thread.parse_threads(reader(line, b"* THREAD"))
    assert found == numbers
    assert thread.write_thread(found, brackets) == line


@pytest.mark.parametrize("text", [" (1", " 1)", " (1))", " (1))(", " (1) x"])
def test_threads_that_do_not_close(text: str) -> None:
    """What opens and does not close is an error."""
    with pytest.raises(BadCommand):
        thread.parse_threads(reader(b"* THREAD" + text.encode(), b"* THREAD"))


def test_comparator() -> None:
    """The one in use; what matches besides only if there are several (RFC 5255 §4.8)."""
    assert i18n.write_comparator("i;octet", ["i;octet"]) == b"* COMPARATOR i;octet\r\n"
    line = i18n.write_comparator("-i;octet", ["i;octet", "i;basic"])
    assert line == b"* COMPARATOR -i;octet (i;octet i;basic)\r\n"
    assert i18n.parse_comparator(reader(line, b"* COMPARATOR")) == ("-i;octet", ("i;octet", "i;basic"))
    assert i18n.parse_comparator(reader(b"* COMPARATOR i;octet", b"* COMPARATOR")) == ("i;octet", ())


def test_a_wrong_correlator_is_an_error() -> None:
    """Only TAG correlates."""
    with pytest.raises(BadCommand):
        search.parse_esearch(reader(b'* ESEARCH (FOO "a")', b"* ESEARCH"))


def test_flags() -> None:
    """The flags in use, and those that can be changed."""
    assert select.write_flags(["\\Seen", "Work"]) == b"* FLAGS (\\Seen Work)\r\n"
    assert select.permanent_flags_code(["\\Seen", "\\*"]) == b"PERMANENTFLAGS (\\Seen \\*)"


def test_uid_codes() -> None:
    """The new UIDs of APPEND, COPY and MOVE."""
    code = append.append_uid_code(7, RangeSet.of([4, 5, 6]))
    assert code == b"APPENDUID 7 4:6"
    assert append.parse_append_uid(reader(code, b"APPENDUID")) == (7, RangeSet.of([4, 5, 6]))
    code = copy.copy_uid_code(7, RangeSet.of([1, 3]), RangeSet.of([8, 9]))
    assert code == b"COPYUID 7 1,3 8:9"
    assert copy.parse_copy_uid(reader(code, b"COPYUID")) == (7, RangeSet.of([1, 3]), RangeSet.of([8, 9]))


def test_uid_batches() -> None:
    """Ranges from the newest to the oldest, or none (RFC 10022)."""
    ranges = ((215295, 99696), (99695, 20351), (20350, 7830), (7829, 1))
    line = uidbatches.write_uid_batches(b"A143", ranges)
    assert line == b'* UIDBATCHES (TAG "A143") 215295:99696,99695:20351,20350:7830,7829:1\r\n'
    assert uidbatches.parse_uid_batches(reader(line, b"* UIDBATCHES")) == (b"A143", ranges)
    line = uidbatches.write_uid_batches(b"A144", ())
    assert line == b'* UIDBATCHES (TAG "A144")\r\n'
    assert uidbatches.parse_uid_batches(reader(line, b"* UIDBATCHES")) == (b"A144", ())


def test_partial_results() -> None:
    """A page of results is told with the range that was asked for (RFC 9394 §4)."""
    line = b'* ESEARCH (TAG "A") UID PARTIAL (-1:-100 1:5,9)\r\n'
    data = ("PARTIAL", (str(PartialRange(1, 100, from_end=True)), RangeSet.parse("1:5,9")))
    assert search.write_esearch(b"A", True, [data]) == line
    assert search.parse_esearch(reader(line, b"* ESEARCH")).values == (("PARTIAL", ("-1:-100", "1:5,9")),)


@pytest.mark.parametrize(
    ("progress", "code"),
    [
        (CommandProgress(), b"INPROGRESS (NIL NIL NIL)"),
        (CommandProgress(b"tag"), b'INPROGRESS ("tag" NIL NIL)'),
        (CommandProgress(b"tag", 175), b'INPROGRESS ("tag" 175 NIL)'),
        (CommandProgress(b"tag", 175, 1000), b'INPROGRESS ("tag" 175 1000)'),
        (CommandProgress(b"tag", 0, 1), b'INPROGRESS ("tag" 0 1)'),
    ],
)
def test_progress(progress: CommandProgress, code: bytes) -> None:
    """Tag, what is done and the goal, each NIL when it is not known (RFC 9585 §4)."""
    assert inprogress.in_progress_code(progress) == code
    assert inprogress.parse_in_progress(reader(code, b"INPROGRESS")) == progress


def test_progress_that_cannot_be() -> None:
    """A goal without progress is not told, nor one that is reached; reading it is a mistake of the server's."""
    assert inprogress.in_progress_code(CommandProgress(b"t", None, 5)) == b'INPROGRESS ("t" NIL NIL)'
    assert inprogress.in_progress_code(CommandProgress(b"t", 0, 0)) == b'INPROGRESS ("t" 0 NIL)'
    assert inprogress.parse_in_progress(reader(b"INPROGRESS", b"INPROGRESS")) == CommandProgress()
    for code in (b'INPROGRESS ("t" 5 5)', b'INPROGRESS ("t" NIL 5)', b'INPROGRESS ("t" 0 0)'):
        with pytest.raises(BadCommand):
            inprogress.parse_in_progress(reader(code, b"INPROGRESS"))


def test_the_code_of_a_limit() -> None:
    """The limit, and where to go on, if that is known (RFC 9738 §5)."""
    for limit, uid, code in ((1000, 23221, b"MESSAGELIMIT 1000 23221"), (1000, None, b"MESSAGELIMIT 1000")):
        assert messagelimit.message_limit_code(limit, uid) == code
        assert messagelimit.parse_message_limit(reader(code, b"MESSAGELIMIT")) == (limit, uid)
