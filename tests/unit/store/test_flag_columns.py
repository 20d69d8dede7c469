"""Columns of flag set ids against looking at each id."""

from array import array
from collections import Counter
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from mailwren.store import flag_columns
from mailwren.store.flag_columns import compact, counts, distinct, first_place, marks, replaced

SMALL = st.integers(0, 255)
ANY = st.one_of(st.integers(0, 5), SMALL, st.sampled_from([256, 257, 65_536, 2**31, 2**32 - 1]))
COLUMNS = st.one_of(st.lists(SMALL, max_size=80), st.lists(st.integers(0, 4), max_size=80), st.lists(ANY, max_size=80))


@given(COLUMNS, st.sets(ANY, max_size=3))
def test_what_is_there(ids: list[int], known: set[int]) -> None:
    """The different ids, and how many there are of each; octets where many fit."""
    column = compact(array("I", ids))
    assert list(column) == ids
    assert isinstance(column, bytes) == (len(ids) > 32 and max(ids) < 256)
    assert distinct(column) == set(ids)
    assert distinct(column, known) == set(ids) - known
    assert dict(counts(column)) == dict(Counter(ids))


@given(COLUMNS, st.dictionaries(ANY, ANY, max_size=5), st.sets(ANY, max_size=5))
def test_each_id_is_taken_for_what_it_is(ids: list[int], changes: dict[int, int], chosen: set[int]) -> None:
    """Ids are replaced where they are to be, and nowhere else; those chosen are marked."""
    flags = array("I", ids)
    assert list(replaced(flags, changes)) == [changes.get(each, each) for each in ids]
    assert list(flags) == ids
    assert list(marks(compact(flags), chosen)) == [int(each in chosen) for each in ids]


@given(COLUMNS, st.sets(ANY, max_size=3), st.integers(0, 80), st.integers(0, 80))
def test_the_first_place(ids: list[int], chosen: set[int], start: int, length: int) -> None:
    """It is the first one within the bounds, however far."""
    stop = min(start + length, len(ids))
    places = [place for place in range(start, stop) if ids[place] in chosen]
    with patch.object(flag_columns, "_MANY", 33):
        assert first_place(array("I", ids), chosen, start, stop) == (places[0] if places else None)
