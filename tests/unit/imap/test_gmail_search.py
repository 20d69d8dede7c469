"""X-GM-RAW: what people type, as search keys."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.imap.core.arguments import SearchKey
from mailwren.imap.ext.gmail_search import parse_gmail_search

TODAY = date(2026, 11, 23)


def _shown(key: SearchKey) -> str:
    """A key for people."""
    if key.name in ("AND", "OR", "NOT"):
        return f"{key.name.lower()}({', '.join(map(_shown, key.keys))})"
    values = (key.field_name, key.text, key.flag, key.date and key.date.isoformat(), key.number or "")
    return ":".join([key.name, *(str(value) for value in values if value)])


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", "ALL"),
        ("hello", "TEXT:hello"),
        ("hello world", "and(TEXT:hello, TEXT:world)"),
        ('"hello world"', "TEXT:hello world"),
        ('"not closed', "TEXT:not closed"),
        ("from:ann to:ben", "and(FROM:ann, TO:ben)"),
        ('subject:"two words"', "SUBJECT:two words"),
        ("subject:(two words)", "and(SUBJECT:two, SUBJECT:words)"),
        ("from:{ann ben}", "or(FROM:ann, FROM:ben)"),
        ("from:ann OR from:ben", "or(FROM:ann, FROM:ben)"),
        ("a OR b c", "and(or(TEXT:a, TEXT:b), TEXT:c)"),
        ("{a b}", "or(TEXT:a, TEXT:b)"),
        ("a (b OR c)", "and(TEXT:a, or(TEXT:b, TEXT:c))"),
        ("-a", "not(TEXT:a)"),
        ("-from:ann -(a b)", "and(not(FROM:ann), not(and(TEXT:a, TEXT:b)))"),
        ("--a", "not(not(TEXT:a))"),
        ("a - b", "and(TEXT:a, TEXT:-, TEXT:b)"),
        ("is:unread is:starred", "and(UNSEEN, FLAGGED)"),
        ("is:odd", "TEXT:is:odd"),
        ("has:attachment", "HEADER:CONTENT-TYPE:multipart/mixed"),
        ("in:inbox label:Work in:anywhere", "and(X-GM-LABELS:\\Inbox, X-GM-LABELS:Work, ALL)"),
        ("before:2026/1/2 after:2025-12-31", "and(BEFORE:2026-01-02, SINCE:2025-12-31)"),
        ("after:2026/13/1", "TEXT:after:2026/13/1"),
        ("newer_than:3d older_than:1y", "and(SINCE:2026-11-20, BEFORE:2025-11-23)"),
        ("older_than:999999y", "BEFORE:1027-07-24"),
        ("larger:10M smaller:5k size:7", "and(LARGER:10485760, SMALLER:5120, LARGER:7)"),
        ("list:dev.example.org rfc822msgid:x@y", "and(HEADER:LIST-ID:dev.example.org, HEADER:MESSAGE-ID:x@y)"),
        ("http://example.org", "TEXT:http://example.org"),
        ("12:30", "TEXT:12:30"),
        ("a) b", "and(TEXT:a, TEXT:b)"),
        ("(a", "TEXT:a"),
        ("OR", "ALL"),
        ("from:", "TEXT:from:"),
    ],
)
def test_what_a_search_means(text: str, keys: str) -> None:
    """Operators, phrases, alternatives, negation and groups; what is none of them is a word."""
    assert _shown(parse_gmail_search(text, TODAY)) == keys


@given(st.text('ab:-(){}" OR from is3dy/', max_size=200) | st.text(max_size=100))
def test_every_text_means_something(text: str) -> None:
    """Nothing that anybody types fails, however it is nested."""
    assert parse_gmail_search(text, TODAY).name


@pytest.mark.parametrize("text", ["(" * 4000, "-" * 3999 + "a", "from:(" * 600, "a OR " * 800, "{" * 2000 + "}" * 2000])
def test_hostile_searches_end(text: str) -> None:
    """Depth is bounded; no search takes long."""
    assert parse_gmail_search(text, TODAY).name
