"""Mailbox names, dates and strings: what is written is read back, and patterns mean what they say."""

from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.frames import scanner

from mailwren.base.ranges import RangeSet
from mailwren.imap import dates, names, wire
from mailwren.imap.names import Pattern

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(deadline=None)
@given(TEXT)
def test_modified_utf7_is_inverse(name: str) -> None:
    """Any text comes back from modified UTF-7, and on the way it is printable ASCII."""
    written = names.encode_utf7(name)
    assert written.decode("ascii").isprintable()
    assert names.decode_utf7(written) == name


@settings(deadline=None)
@given(st.binary(), st.booleans())
def test_decoding_a_name_is_total(data: bytes, utf8: bool) -> None:
    """Any octets are a name or no UTF-8; a name that came in can be written."""
    try:
        name = names.decode(data, utf8)
    except UnicodeDecodeError:
        return
    assert names.decode(names.encode(name, utf8), utf8) == name


@settings(deadline=None)
@given(st.from_regex(r"([ -%'-~]|&-|&[A-Za-z0-9+,]{0,6}-){0,8}", fullmatch=True).map(str.encode))
def test_what_is_canonical_modified_utf7_stays(data: bytes) -> None:
    """What decodes to text that is written the same way is written the same way; nothing decodes to two things."""
    name = names.decode_utf7(data)
    assert names.decode_utf7(names.encode_utf7(name)) == name


@settings(deadline=None)
@given(TEXT)
def test_the_canonical_form_of_a_name_stays(name: str) -> None:
    """Beyond its separators at the end, a canonical name is its own canonical form."""
    canonical = names.canonical(name.rstrip("/"))
    assert names.canonical(canonical) == canonical


def matches_naively(pattern: str, name: str) -> bool:
    """LIST matching by definition."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(matches_naively(pattern[1:], name[index:]) for index in range(len(name) + 1))
    if pattern[0] == "%":
        level = len(name.split("/", maxsplit=1)[0])
        return any(matches_naively(pattern[1:], name[index:]) for index in range(level + 1))
    return bool(name) and pattern[0] == name[0] and matches_naively(pattern[1:], name[1:])


@settings(deadline=None)
@given(st.text("ab/*%", max_size=7), st.text("ab/", max_size=8))
def test_patterns_mean_what_they_say(pattern: str, name: str) -> None:
    """The quick matcher agrees with the definition."""
    assert Pattern(pattern).matches(name) == matches_naively(pattern, name)


@settings(deadline=None)
@given(st.text("INBOXinbox/*%", max_size=8), st.sampled_from(["INBOX", "INBOX/a", "INBOXES", "a/INBOX"]))
def test_inbox_is_found_in_any_case(pattern: str, name: str) -> None:
    """Only INBOX and what is below it match in any case, and only in INBOX itself."""
    expected = matches_naively(pattern, name)
    if name in {"INBOX", "INBOX/a"}:
        expected = matches_naively(pattern.replace("inbox", "INBOX").translate(UPPER), name.translate(UPPER))
    if "a" not in pattern:
        assert Pattern(pattern).matches(name) == expected


UPPER = str.maketrans("inbox", "INBOX")


@settings(deadline=None)
@given(st.datetimes(timezones=ZONES).map(lambda moment: moment.replace(microsecond=0)))
def test_dates_come_back(moment: datetime) -> None:
    """A moment keeps its zone and its second."""
    found = dates.parse_date_time(dates.write_date_time(moment)[1:-1])
    assert (found, found.utcoffset()) == (moment, moment.utcoffset())


@settings(deadline=None)
@given(st.dates())
def test_days_come_back(day: datetime) -> None:
    """A day of a search comes back."""
    assert dates.parse_date(dates.write_date(day)) == day


@settings(deadline=None)
@given(st.binary().filter(lambda data: b"\x00" not in data), st.booleans())
def test_strings_come_back(data: bytes, utf8: bool) -> None:
    """Whatever form a string takes on the wire, it is read back."""
    for written in (wire.string(data, utf8), wire.astring(data, utf8), wire.nstring(data, utf8)):
        cursor = scanner(b"- " + _non_synchronizing(written))
        cursor.expect(b"- ")
        assert (cursor.astring() if written == data else cursor.nstring()) == data
        cursor.end()


def _non_synchronizing(written: bytes) -> bytes:
    """A server's literal as a client writes it."""
    return written.replace(b"}\r\n", b"+}\r\n", 1) if written.startswith(b"{") else written


@settings(deadline=None)
@given(st.sets(st.integers(1, 2**32 - 1), min_size=1))
def test_number_sets_come_back(numbers: set[int]) -> None:
    """Sets of numbers come back."""
    assert scanner(wire.number_set(RangeSet.of(numbers))).uid_set() == RangeSet.of(numbers)
