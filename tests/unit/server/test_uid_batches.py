"""How UIDBATCHES cuts a mailbox (RFC 10022)."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailwren.server.ext.uidbatches import batches

UIDS = st.sets(st.integers(1, 5000), max_size=300).map(lambda uids: array("I", sorted(uids)))


def test_the_examples() -> None:
    """From the newest to the oldest, without gaps; some of them are the same as in the whole."""
    uids = array("I", [3, 10, 20, 21, 22, 40, 55])
    whole = [(55, 40), (39, 21), (20, 10), (9, 1)]
    assert batches(uids, 2, 1, 4) == whole
    assert batches(uids, 2, 2, 3) == whole[1:3]
    assert batches(uids, 2, 4, 9) == whole[3:]
    assert batches(uids, 2, 5, 9) == []
    assert batches(uids, 7, 1, 1) == batches(uids, 100, 1, 1) == [(55, 1)]
    assert batches(array("I"), 2, 1, 1) == []


@given(UIDS, st.integers(1, 50), st.integers(1, 20), st.integers(0, 20))
def test_batches_cut_the_whole_mailbox(uids: "array[int]", size: int, first: int, more: int) -> None:
    """Every UID is in one batch, every batch but the oldest is full, and a part of the batches is that of the whole."""
    whole = batches(uids, size, 1, len(uids) + 1)
    inside = [sum(low <= uid <= high for uid in uids) for high, low in whole]
    assert sum(inside) == len(uids)
    assert all(number == size for number in inside[:-1])
    assert not inside or 1 <= inside[-1] <= size
    assert [high for high, _low in whole[1:]] == [low - 1 for _high, low in whole[:-1]]
    assert not whole or (whole[0][0], whole[-1][1]) == (uids[-1], 1)
    assert batches(uids, size, first, first + more) == whole[first - 1 : first + more]
