"""Rows of pages that were looked at lately: bounded, forgotten account by account."""

from mailwren.store.sqlite.kept_rows import KeptRows
from mailwren.store.values import SmallWire

_ROW: SmallWire = (b"e" * 100, b"b" * 100, b"s" * 100)
_SIZE = 600


def test_rows_are_found_by_content_in_their_account_alone() -> None:
    """What is kept of one account is not found in another, whose content ids are the same numbers."""
    kept = KeptRows(10 * _SIZE)
    kept.keep("a", {7: _ROW})
    assert (kept.of("a"), kept.of("b")) == ({7: _ROW}, {})


def test_the_account_used_longest_ago_goes_first() -> None:
    """Beyond the limit an account's rows go together, those of the one that was looked at last stay."""
    kept = KeptRows(3 * _SIZE)
    kept.keep("a", {1: _ROW})
    kept.keep("b", {1: _ROW, 2: _ROW})
    kept.of("a")
    kept.keep("c", {1: _ROW})
    assert (kept.of("a"), kept.of("b"), kept.of("c")) == ({1: _ROW}, {}, {1: _ROW})


def test_what_is_forgotten_takes_no_room() -> None:
    """Nothing is left of an account that is dropped, and dropping one of which nothing is kept changes nothing."""
    kept = KeptRows(3 * _SIZE)
    kept.keep("a", {1: _ROW, 2: (None, None, None)})
    before = kept.size
    kept.drop("b")
    kept.drop("a")
    assert (before, kept.size, kept.of("a")) == (_SIZE + 300, 0, {})


def test_one_account_alone_stays_within_the_limit() -> None:
    """More of one account than may be kept at all is forgotten with the rest of it."""
    kept = KeptRows(3 * _SIZE)
    kept.keep("a", dict.fromkeys(range(5), _ROW))
    assert (kept.size, kept.of("a")) == (0, {})
