"""The numbers of X-GM-EXT-1: every one fits where programs keep it, and leads back to its message."""

from hypothesis import given
from hypothesis import strategies as st

from mailwren.server.ext.gmail_items import thread_ids, thread_number

_SIGNED_MOST = 2**63 - 1
"""JavaMail's Long, SQLite's INTEGER: what is larger they refuse or take for a negative number."""


@given(st.integers(0, 2**64 - 1))
def test_thread_numbers(number: int) -> None:
    """A thread's number is one that a signed 64-bit integer holds, and finds the thread again."""
    thread_id = f"T{number:016x}"
    assert 0 <= thread_number(thread_id) <= _SIGNED_MOST
    assert thread_id in thread_ids(thread_number(thread_id))


def test_no_thread_has_a_larger_number() -> None:
    """What cannot be a thread's number finds none."""
    assert thread_ids(_SIGNED_MOST + 1) == ()
