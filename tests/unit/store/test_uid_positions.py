"""Where messages stand in a mailbox with gaps: found by stepping from the last one, and the same as by looking."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import uid_positions, uid_spans

_UIDS = st.sets(st.integers(1, 60)).map(sorted)


@given(present=_UIDS, wanted=_UIDS, beyond=st.integers(0, 3))
def test_positions_are_those_of_the_wanted(present: list[int], wanted: list[int], beyond: int) -> None:
    """Every message that is wanted and there, in order; what stands behind the length is not looked at."""
    length = max(len(present) - beyond, 0)
    expected = [position for position, uid in enumerate(present[:length]) if uid in wanted]
    uids, ranges = array("I", present), RangeSet.of_sorted(wanted)
    assert uid_positions(uids, ranges, length) == expected
    spans = list(uid_spans(uids, ranges, length))
    assert [position for start, stop in spans for position in range(start, stop)] == expected
    assert all(start < stop for start, stop in spans)
