"""Access control lists as they are read from their column."""

import json
import tracemalloc

from mailwren.store.sqlite.mailbox_rows import acl_of
from mailwren.store.values import NOBODY


def test_what_is_read() -> None:
    """Short and long lists alike; what is no list lets nobody in."""
    for number in (1, 5, 1000):
        entries = {f"user{place}": "lrs" for place in range(number)}
        assert acl_of(json.dumps(entries)) == entries
    for text in ("", "{}", "[1]", "{", "x" * 5000):
        assert acl_of(text) is NOBODY


def test_few_long_ones_are_remembered() -> None:
    """Hundreds of lists of a quarter of a million octets leave a few in memory."""
    length = 250_000
    tracemalloc.start()
    try:
        for number in range(200):
            acl_of(json.dumps({"x" * length: f"lrs{number}"}))
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert left < 50 * length
